/** The real `dagger` and a real engine, where they are. */
import { execa } from "execa"
import { ROOT } from "./get-data.ts"
import type { Need } from "./needs.ts"

/** An engine to run against: one that is named, or one that the CLI can start by itself with a container runtime. */
async function engine(): Promise<string | undefined> {
  const cli = await execa("dagger", ["version"], { reject: false })
  if (cli.failed) return "no dagger on the PATH"
  if (!cli.stdout.startsWith("dagger v0.21.8")) return `dagger is not v0.21.8 but ${cli.stdout.split(" (")[0]}`
  if (process.env["_EXPERIMENTAL_DAGGER_RUNNER_HOST"]) return undefined
  const docker = await execa("docker", ["info"], { reject: false })
  return docker.failed ? "no engine: neither _EXPERIMENTAL_DAGGER_RUNNER_HOST nor a container runtime" : undefined
}

export const daggerEngine: Need = { name: "dagger", missing: await engine() }

/** Base images of mirrored and air-gapped users; the module's defaults elsewhere. */
const BASES = [
  ...(process.env["PERIGEE_NODE_IMAGE"] ? [`--node-image=${process.env["PERIGEE_NODE_IMAGE"]}`] : []),
  ...(process.env["PERIGEE_RUNTIME_IMAGE"] ? [`--runtime-image=${process.env["PERIGEE_RUNTIME_IMAGE"]}`] : []),
]

export interface CallOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly module?: string
  /** Whether the module takes base images. */
  readonly bases?: boolean
}

/** `dagger -m . call …` in a checkout; `stderr` holds the plain progress log. */
export function daggerCall(
  args: readonly string[],
  { cwd = ROOT, env = {}, module = ".", bases = true }: CallOptions = {},
) {
  return execa("dagger", ["--progress=plain", "-m", module, "call", ...(bases ? BASES : []), ...args], {
    cwd,
    env: { DAGGER_NO_NAG: "1", DAGGER_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1", NO_COLOR: "1", ...env },
    reject: false,
    stdin: "ignore",
    maxBuffer: 64 * 1024 * 1024,
  })
}
