/** The whole platform on one machine, as a thing that starts and stops. */
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { flightMetadata } from "@perigee/flight-metadata/service"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { MIGRATOR, makeRoles, migrate } from "@perigee/platform/migrations"
import { databaseSettingsOf } from "@perigee/platform/settings"
import { userMetadata } from "@perigee/user-metadata/service"
import pg from "pg"
import { type Dynamo, LOCAL_CREDENTIALS, startDynamo } from "./dynamo.ts"
import { startGateway } from "./gateway.ts"
import { AUDIENCE, type Issuer, startIssuer } from "./issuer.ts"
import { type Ports, requireFree } from "./ports.ts"
import { freePort, type Postgres, startPostgres } from "./postgres.ts"
import { SEED_USERS, seed } from "./seed.ts"

export const TABLE = "service-configs"
const DATABASE = "perigee"
const READY_MS = 30_000
/** A service drains for 24 s at most. */
const END_MS = 26_000

/** The services, and what the load balancer leads to each. */
export const SERVICES = [
  { definition: userMetadata, port: "users", prefix: "/api/users" },
  { definition: flightMetadata, port: "flights", prefix: "/api/flights" },
  { definition: flightsAvailability, port: "availability", prefix: "/api/availability" },
] as const

type Log = (line: string) => void

export class LocalPlatform {
  readonly #ports: Ports
  /** What to undo, last first. */
  readonly #undo: (() => Promise<void>)[] = []
  readonly #children: ChildProcess[] = []
  readonly #aborted = new AbortController()
  /** Resolves with a sentence when a part ends by itself. */
  readonly fell: Promise<string>
  #fell: (what: string) => void = () => {}
  #stopping = false

  constructor(ports: Ports) {
    this.#ports = ports
    this.fell = new Promise((resolve) => {
      this.#fell = resolve
    })
  }

  /** Makes {@link start} give up at its next step. */
  abort(): void {
    this.#aborted.abort()
  }

  /**
   * @returns what to print when it runs, or undefined where it was aborted
   * @throws Error in one line, what did not start
   */
  async start(log: Log): Promise<string | undefined> {
    await requireFree(this.#ports)
    const passwords = {
      service: randomBytes(18).toString("base64url"),
      migrator: randomBytes(18).toString("base64url"),
    }
    const postgres = await this.#part(startPostgres({ port: this.#ports.postgres }))
    if (this.#aborted.signal.aborted) return undefined
    const dynamo = await this.#part(startDynamo(TABLE, this.#ports.dynamodb))
    const issuer = await this.#part(startIssuer(this.#ports.issuer))
    await makeDatabase(postgres, passwords)
    if (this.#aborted.signal.aborted) return undefined
    // One step for all three, so that they drain at the same time.
    this.#undo.push(async () => {
      await Promise.all(this.#children.map(ended))
    })
    const running = await Promise.all(
      SERVICES.map(async ({ definition, port, prefix }) => {
        await putSettings(definition.name, dynamo, issuer)
        const bound = this.#ports[port] === 0 ? await freePort() : this.#ports[port]
        const target = `http://127.0.0.1:${bound}`
        await this.#serve(
          definition.name,
          {
            ...LOCAL_CREDENTIALS,
            HOST: "127.0.0.1",
            PORT: String(bound),
            LOG_LEVEL: process.env["LOG_LEVEL"] ?? "warn",
            DATABASE_URL: urlFor(postgres, definition.role, passwords.service),
            DYNAMODB_ENDPOINT: dynamo.endpoint,
            SERVICE_CONFIGS_TABLE: TABLE,
            TRUSTED_PROXY_HOPS: "1",
          },
          log,
        )
        return { prefix, target }
      }),
    )
    const ready = await Promise.race([Promise.all(running.map(({ target }) => this.#ready(target))), this.fell])
    if (typeof ready === "string") throw new Error(ready)
    if (this.#aborted.signal.aborted) return undefined
    const gateway = await this.#part(startGateway(running, "127.0.0.1", this.#ports.gateway))
    const operator = await issuer.token({ subject: "operator", roles: ["operator"] })
    const user = await issuer.token({ subject: SEED_USERS[0].subject, roles: ["user"] })
    const flight = await seed(gateway.address, operator, new Date().toISOString().slice(0, 10))
    if (this.#aborted.signal.aborted) return undefined
    return introduction({
      gateway: gateway.address,
      services: running,
      dynamo,
      postgres,
      issuer,
      user,
      operator,
      flight,
    })
  }

  /** Ends every part, the last started first; never throws. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop()) {
      await undo().catch((error: unknown) => process.stderr.write(`platform: while stopping: ${String(error)}\n`))
    }
  }

  async #part<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
    const part = await starting
    this.#undo.push(() => part.stop())
    return part
  }

  async #serve(name: string, env: Record<string, string>, log: Log): Promise<void> {
    const entry = fileURLToPath(import.meta.resolve(`../../${name}/src/main.ts`))
    // Nothing of this process' environment but what a program needs to run at all: no key of anybody's leaks into it.
    const inherited = { PATH: process.env["PATH"] ?? "" }
    // Its own process group: Ctrl-C in the terminal is for this program, which ends the services in order.
    const child = spawn(process.execPath, [entry], {
      env: { ...inherited, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    })
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", log)
    const atExit = () => child.kill("SIGKILL")
    process.on("exit", atExit)
    child.once("exit", (code, signal) => {
      process.off("exit", atExit)
      if (!this.#stopping) this.#fell(`${name} ended by itself (${signal ?? `exit ${code}`})`)
    })
    this.#children.push(child)
    await once(child, "spawn")
  }

  async #ready(target: string): Promise<void> {
    const deadline = Date.now() + READY_MS
    for (;;) {
      const text = await fetch(`${target}/health/ready`).then(
        async (answer) => (answer.ok ? undefined : answer.text()),
        () => "it does not listen",
      )
      if (text === undefined || this.#aborted.signal.aborted || this.#stopping) return
      if (Date.now() > deadline) throw new Error(`${target} is not ready: ${text}`)
      await delay(25)
    }
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  child.kill("SIGTERM")
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS)
  await exit
  clearTimeout(timer)
}

/** The database, the roles and every service's schema. */
export async function makeDatabase(
  postgres: Postgres,
  passwords: { service: string; migrator: string },
): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url() })
  await client.connect()
  await client.query(`CREATE DATABASE ${DATABASE}`)
  // Whoever may log in may go into these two as PostgreSQL makes them; `roles` shuts the services' own.
  await client.query("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
  await client.end()
  const admin = databaseSettingsOf({ DATABASE_URL: postgres.url(DATABASE) }, "postgres")
  const migrator = databaseSettingsOf({ DATABASE_URL: urlFor(postgres, MIGRATOR, passwords.migrator) }, MIGRATOR)
  for (const { definition } of SERVICES) {
    await makeRoles(definition, admin, { kind: "password", ...passwords })
    await migrate(definition, migrator)
  }
}

function urlFor({ port }: Postgres, role: string, password: string): string {
  return `postgresql://${role}:${password}@127.0.0.1:${port}/${DATABASE}`
}

/** What a service needs in the table of settings before it is ready. */
export async function putSettings(service: string, dynamo: Dynamo, { issuer, jwksUri }: Issuer): Promise<void> {
  await dynamo.put(service, "authentication", 1, { issuer, audience: AUDIENCE, jwksUri })
  await dynamo.put(service, "limits", 1, { requestsPerWindow: 6000, refusedPerWindow: 600, windowSeconds: 60 })
}

interface Introduction {
  readonly gateway: string
  readonly services: readonly { readonly prefix: string; readonly target: string }[]
  readonly dynamo: Dynamo
  readonly postgres: Postgres
  readonly issuer: Issuer
  readonly user: string
  readonly operator: string
  readonly flight: { readonly id: string; readonly origin: string; readonly destination: string; readonly day: string }
}

function introduction({ gateway, services, dynamo, postgres, issuer, user, operator, flight }: Introduction): string {
  const inside = services.map(({ prefix, target }) => `  ${prefix.padEnd(18)} ${target}  /health/ready /metrics /docs`)
  const { id, origin, destination, day } = flight
  return `
The platform runs at ${gateway}

${inside.join("\n")}
  PostgreSQL         127.0.0.1:${postgres.port}
  DynamoDB           ${dynamo.endpoint}
  Issuer             ${issuer.issuer}

Tokens, good for 8 hours (paste these two lines into another terminal):
  TOKEN=${user}
  OPERATOR_TOKEN=${operator}

Try:
  curl -s "${gateway}/api/flights?origin=${origin}&destination=${destination}&day=${day}" -H "Authorization: Bearer $TOKEN"
  curl -s ${gateway}/api/availability/${id} -H "Authorization: Bearer $TOKEN"
  curl -s ${gateway}/api/availability/holds -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: try-1" \\
    -H "Content-Type: application/json" -d '{"flightId":"${id}","cabin":"economy","seats":2}'
  curl -s ${gateway}/api/users/ -H "Authorization: Bearer $OPERATOR_TOKEN"

Ctrl-C ends all of it.`
}
