/** A service as it runs for real, in this process: its roles and schema made, listening, ready, and a client that checks. */
import { randomBytes } from "node:crypto"
import { AUDIENCE } from "@perigee/local/issuer"
import { MIGRATOR, makeRoles, migrate } from "@perigee/platform/migrations"
import { type RunningService, serve } from "@perigee/platform/serve"
import type { ServiceDefinition } from "@perigee/platform/service"
import type { RecordKinds } from "@perigee/platform/service-configs"
import { databaseSettingsOf, type Environment, settingsOf } from "@perigee/platform/settings"
import { Client } from "./client.ts"
import type { Stores } from "./stores.ts"

export const PASSWORDS = { service: randomBytes(12).toString("hex"), migrator: randomBytes(12).toString("hex") }

/** A URL of the suite's database for one role. */
export function urlFor({ postgres, database }: Stores, role: string, port = postgres.port): string {
  const password = role === MIGRATOR ? PASSWORDS.migrator : PASSWORDS.service
  return `postgresql://${role}:${password}@127.0.0.1:${port}/${database}`
}

export async function prepare<Kinds extends RecordKinds>(
  definition: ServiceDefinition<Kinds>,
  stores: Stores,
): Promise<void> {
  const admin = databaseSettingsOf({ DATABASE_URL: stores.postgres.url(stores.database) }, "postgres")
  await makeRoles(definition, admin, { kind: "password", ...PASSWORDS })
  await migrate(definition, databaseSettingsOf({ DATABASE_URL: urlFor(stores, MIGRATOR) }, MIGRATOR))
}

export async function putAuthentication(service: string, { dynamo, issuer }: Stores, version = 1): Promise<void> {
  const body = { issuer: issuer.issuer, audience: AUDIENCE, jwksUri: issuer.jwksUri }
  await dynamo.put(service, "authentication", version, body)
}

export interface Started {
  readonly service: RunningService
  readonly client: Client
  /** Log lines so far, as JSON objects. */
  readonly logs: () => Record<string, unknown>[]
  readonly rawLogs: () => string
  stop(): Promise<void>
}

/** What the service's process would have in its environment. */
export function environmentOf(definition: { role: string }, stores: Stores, more: Environment = {}): Environment {
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    AWS_REGION: "eu-central-1",
    DYNAMODB_ENDPOINT: stores.dynamo.endpoint,
    SERVICE_CONFIGS_REFRESH_SECONDS: "1",
    DATABASE_URL: urlFor(stores, definition.role),
    ...more,
  }
}

/** The SDK reads its credentials from the process' environment, as it does on Fargate. */
process.env["AWS_ACCESS_KEY_ID"] ??= "local"
process.env["AWS_SECRET_ACCESS_KEY"] ??= "local"

/** Serves without waiting until it is ready. */
export async function launch<Kinds extends RecordKinds>(
  definition: ServiceDefinition<Kinds>,
  stores: Stores,
  env: Environment = {},
): Promise<Started> {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const settings = settingsOf(environmentOf(definition, stores, env), definition.port, definition.role)
  const service = await serve(definition, settings, destination)
  const port = (service.app.server.address() as { port: number }).port
  return {
    service,
    client: new Client(`http://127.0.0.1:${port}`),
    logs: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    rawLogs: () => lines.join(""),
    stop: async () => {
      await service.stop()
    },
  }
}

/** Everything from nothing: roles, schema, settings, and the service ready; limits far away unless the suite sets them. */
export async function start<Kinds extends RecordKinds>(
  definition: ServiceDefinition<Kinds>,
  stores: Stores,
  env: Environment = {},
): Promise<Started> {
  await prepare(definition, stores)
  await putAuthentication(definition.name, stores)
  await stores.dynamo.put(definition.name, "limits", 1, {
    requestsPerWindow: 1_000_000,
    refusedPerWindow: 1_000_000,
    windowSeconds: 60,
  })
  const started = await launch(definition, stores, env)
  await started.service.ready
  await started.client.useDocument()
  return started
}
