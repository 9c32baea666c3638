/**
 * The platform's stores as one program for a container of their own: PostgreSQL :5432 with roles and schemas made,
 * DynamoDB :8000 with the services' settings, and the issuer :9000, which gives tokens to whoever reaches it. For an
 * engine's own network, where the services run from their images. `SERVICE_ROLE_PASSWORD` is the services' password.
 */
import { hostname } from "node:os"
import { startDynamo } from "./dynamo.ts"
import { startIssuer } from "./issuer.ts"
import { makeDatabase, putSettings, SERVICES, TABLE } from "./platform.ts"
import { startPostgres } from "./postgres.ts"

const EVERYWHERE = "0.0.0.0"
/** What the services call this container. */
const name = process.env["STORES_NAME"] ?? hostname()
const service = process.env["SERVICE_ROLE_PASSWORD"]

if (!service) {
  process.stderr.write("stores: SERVICE_ROLE_PASSWORD is not set; it is the password that the services connect with\n")
  process.exit(78)
}

const postgres = await startPostgres({ port: 5432, host: EVERYWHERE })
await makeDatabase(postgres, { service, migrator: crypto.randomUUID() })
const issuer = await startIssuer(9000, { host: EVERYWHERE, name, givesTokens: true })
const dynamo = await startDynamo(TABLE, 8000, EVERYWHERE)
for (const { definition } of SERVICES) await putSettings(definition.name, dynamo, issuer)
process.stdout.write("stores: ready\n")

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await Promise.all([dynamo.stop(), issuer.stop(), postgres.stop()])
    process.exit(0)
  })
}
