/** Images from Dockerfiles, with arguments for base images and for where they come from. */
import { type BuildArg, type Container, type Directory, dag, type Platform } from "@dagger.io/dagger"

export interface Bases {
  readonly nodeImage: string
  readonly runtimeImage: string
  readonly platform: Platform | undefined
}

/**
 * Builds `dockerfile` of `source`; empty arguments keep the Dockerfile's own defaults.
 *
 * @throws Error where the base images are of another platform than the one asked for
 */
export async function image(
  source: Directory,
  dockerfile: string,
  { nodeImage, runtimeImage, platform }: Bases,
  more: readonly BuildArg[] = [],
): Promise<Container> {
  const buildArgs = [
    { name: "NODE_IMAGE", value: nodeImage },
    { name: "RUNTIME_IMAGE", value: runtimeImage },
    ...more,
  ].filter(({ value }) => value !== "")
  if (!platform) return source.dockerBuild({ dockerfile, buildArgs })
  // The engine takes the platform asked for as the one that builds too, unless it is told; then it would need emulation.
  const here = { name: "BUILDPLATFORM", value: await dag.defaultPlatform() }
  const built = source.dockerBuild({ dockerfile, buildArgs: [...buildArgs, here], platform })
  const got = await built.platform()
  if (got !== platform) throw new Error(`--platform=${platform}: the base images give ${got}; they are not made for it`)
  return built
}
