/** Where everything of the local platform listens: defaults, flags, and whether the ports are to be had. */
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { parseArgs } from "node:util"
import { EXIT_CODES, PortUnusable, UsageError } from "@perigee/platform/exit-code"

export interface Ports {
  readonly gateway: number
  readonly users: number
  readonly flights: number
  readonly availability: number
  /** 0 for any free one. */
  readonly postgres: number
  readonly dynamodb: number
  readonly issuer: number
}

/** First port that a user other than root may bind. */
const UNPRIVILEGED = 1024

/** 1010 where this user may bind it, else 11010. */
function usersPort(): number {
  return 1010 >= firstUnprivileged() ? 1010 : 11_010
}

function firstUnprivileged(): number {
  if (process.getuid?.() === 0) return 0
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"))
  } catch {
    return UNPRIVILEGED
  }
}

const defaults = (): Ports => ({
  gateway: 8080,
  users: usersPort(),
  flights: 2020,
  availability: 3030,
  postgres: 0,
  dynamodb: 0,
  issuer: 0,
})

export const HELP = `npm run platform -- [flags]

PostgreSQL, DynamoDB, a token issuer, the three services and a gateway with the load balancer's paths, on this machine
only, with seed data; Ctrl-C ends all of it and leaves nothing behind.

  --gateway-port 8080        where to try it
  --users-port 1010          11010 where this user may not bind 1010
  --flights-port 2020
  --availability-port 3030
  --postgres-port 0          0: any free port
  --dynamodb-port 0
  --issuer-port 0`

/** @throws UsageError an unknown flag, or no port */
export function portsOf(argv: readonly string[]): Ports | "help" {
  const all = defaults()
  const names = Object.keys(all) as (keyof Ports)[]
  const options = Object.fromEntries(names.map((name) => [`${name}-port`, { type: "string" as const }]))
  let values: Record<string, string | boolean | undefined>
  try {
    values = parseArgs({ args: [...argv], options: { ...options, help: { type: "boolean" } } }).values
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message.split(". ")[0]}; see --help`, { cause })
  }
  if (values["help"] === true) return "help"
  const given = names.map((name) => [
    name,
    portIn(`--${name}-port`, values[`${name}-port`] as string | undefined) ?? all[name],
  ])
  return Object.fromEntries(given) as Ports
}

function portIn(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) throw new UsageError(`${flag}: ${JSON.stringify(text.slice(0, 40))} is not a port, 0 to 65535`)
  return port
}

/**
 * Before anything starts, so that a busy port costs one line and not a half-started platform.
 *
 * @throws PortUnusable which one, and the flag that moves it
 */
export async function requireFree(ports: Ports): Promise<void> {
  const wanted = Object.entries(ports).filter(([, port]) => port !== 0)
  for (const [at, [name, port]] of wanted.entries()) {
    const twin = wanted.slice(0, at).find(([, other]) => other === port)
    if (twin !== undefined) throw new UsageError(`--${twin[0]}-port and --${name}-port are both ${port}; change one`)
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      const probe = createServer()
      probe.once("error", resolve)
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(undefined)))
    })
    if (error === undefined) continue
    const why = error.code === "EACCES" ? "may not be bound by this user" : "is in use"
    const code = error.code === "EACCES" ? EXIT_CODES.noPermission : EXIT_CODES.unavailable
    throw new PortUnusable(`port ${port} ${why}; choose another one with --${name}-port`, code, { cause: error })
  }
}
