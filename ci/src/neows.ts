/** The stand-in NeoWs as a service: synthetic data, no key of NASA's, nothing outside the engine. */
import { type Directory, dag, type Service } from "@dagger.io/dagger"

const PORT = 8080

export function standIn(source: Directory, nodeImage: string): Service {
  return dag
    .container()
    .from(nodeImage)
    .withDirectory("/standin", source.directory("test/standin"))
    .withExposedPort(PORT)
    .asService({ args: ["node", "/standin/main.ts", "--host", "0.0.0.0", "--port", `${PORT}`] })
}
