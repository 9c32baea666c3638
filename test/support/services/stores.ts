/** The real stores that the suites share: one PostgreSQL and one DynamoDB a run, a fresh database and table a suite. */
import { randomUUID } from "node:crypto"
import { type Dynamo, startDynamo } from "@perigee/local/dynamo"
import { type Issuer, startIssuer } from "@perigee/local/issuer"
import { type Postgres, startPostgres } from "@perigee/local/postgres"
import pg from "pg"

let shared: Promise<Postgres> | undefined

/** Started by the first suite that asks, stopped after the last. */
export function sharedPostgres(): Promise<Postgres> {
  shared ??= startPostgres({ settings: ["fsync=off"] })
  return shared
}

after(async function stopSharedPostgres() {
  this.timeout(30_000)
  await (await shared)?.stop()
})

/** An empty database in the shared server. */
export async function freshDatabase(postgres: Postgres): Promise<string> {
  const name = `suite_${randomUUID().replaceAll("-", "")}`
  await queryOnce(postgres.url(), `CREATE DATABASE ${name}`)
  return name
}

/** One statement over a connection of its own. */
export async function queryOnce<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  client.on("error", () => {})
  await client.connect()
  try {
    return (await client.query<Row>(text, values)).rows
  } finally {
    await client.end()
  }
}

export interface Stores {
  readonly postgres: Postgres
  readonly database: string
  readonly dynamo: Dynamo
  readonly issuer: Issuer
  stop(): Promise<void>
}

export const TABLE = "service-configs"

/** @param own a server for this suite alone, for one that kills it */
export async function freshStores(own?: Postgres): Promise<Stores> {
  const postgres = own ?? (await sharedPostgres())
  const [database, dynamo, issuer] = await Promise.all([freshDatabase(postgres), startDynamo(TABLE), startIssuer()])
  return {
    postgres,
    database,
    dynamo,
    issuer,
    stop: async () => {
      await Promise.all([dynamo.stop(), issuer.stop()])
    },
  }
}
