/** The reference registry (Go, distribution/distribution; Debian's package docker-registry), where the machine has it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "@perigee/local/postgres"
import { execa } from "execa"
import { type Need, program } from "../needs.ts"

const PROGRAM = ["docker-registry", "registry"].find((name) => program(name).missing === undefined)
/** Seconds until it must answer. */
const START_SECONDS = 30

export const distribution: Need = {
  name: "registry",
  missing: PROGRAM === undefined ? "neither docker-registry nor registry on the PATH" : undefined,
}

export interface Distribution {
  /** `<host>:<port>`, on loopback. */
  readonly host: string
  close(): Promise<void>
}

/** An empty one: it asks for no authorization, and its tags are mutable. */
export async function startDistribution(): Promise<Distribution> {
  const folder = await mkdtemp(join(tmpdir(), "perigee-registry-"))
  const host = `127.0.0.1:${await freePort()}`
  const settings = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: host },
  }
  await writeFile(join(folder, "config.yml"), JSON.stringify(settings))
  const server = execa(PROGRAM ?? "", ["serve", join(folder, "config.yml")], {
    reject: false,
    all: true,
    stdin: "ignore",
  })
  let over: string | undefined
  void server.then(({ all }) => {
    over = all
  })
  const until = performance.now() + START_SECONDS * 1000
  while (
    !(await fetch(`http://${host}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (over !== undefined || performance.now() > until)
      throw new Error(`${PROGRAM} does not start: ${over?.slice(-2000)}`)
    await new Promise((again) => setTimeout(again, 30))
  }
  return {
    host,
    async close() {
      server.kill("SIGTERM", new Error("closed"))
      await server
      await rm(folder, { recursive: true, force: true })
    },
  }
}
