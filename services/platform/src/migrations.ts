/** The commands `migrate` (a service's schema, as the migrator) and `roles` (who may log in, as an administrator, once). */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import pg from "pg"
import { connectionOf } from "./connection.ts"
import { StoreUnusable } from "./exit-code.ts"
import type { DatabaseSettings, RoleLogin } from "./settings.ts"

/** Owns the schemas and nothing else; the services' roles own nothing. */
export const MIGRATOR = "perigee_migrator"
export const MIGRATIONS_TABLE = "migrations"

/** A migration may rewrite a table, and waits for the two others that started with it. */
const MIGRATION_TIMEOUT_MS = 15 * 60_000

export interface Schema {
  /** Schema in the database. */
  readonly schema: string
  /** Folder of `001_name.sql` and so on; forward only. */
  readonly migrations: string
  /** Role that the service logs in as. */
  readonly role: string
}

/** Names of the migrations that this version of a service needs, in order. */
export function migrationNames(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .map((file) => file.replace(/\.sql$/, ""))
    .sort()
}

/**
 * Brings the schema up to date, in one transaction. Started several times at once, one works and the others wait for it
 * (a session's advisory lock), then find nothing to do.
 *
 * @returns names of the migrations that were applied
 * @throws StoreUnusable one line on what the database refused
 */
export async function migrate({ schema, migrations }: Schema, settings: DatabaseSettings): Promise<readonly string[]> {
  // Loaded here and not at the top: the command that serves does not need it.
  const { runner } = await import("node-pg-migrate")
  try {
    const applied = await runner({
      databaseUrl: {
        ...connectionOf(settings, `migrate ${schema}`),
        statement_timeout: MIGRATION_TIMEOUT_MS,
        query_timeout: MIGRATION_TIMEOUT_MS,
        lock_timeout: MIGRATION_TIMEOUT_MS,
      },
      dir: migrations,
      schema,
      createSchema: true,
      migrationsTable: MIGRATIONS_TABLE,
      direction: "up",
      singleTransaction: true,
      advisoryLockMode: "wait",
      lockValue: lockOf(`migrate ${schema}`),
      // What it would log it throws too, and a program here says one line.
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    })
    return applied.map(({ name }) => name)
  } catch (cause) {
    throw new StoreUnusable(`migrate ${schema} as ${settings.user}: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * Makes the migrator's and the service's role and their right to connect; changes what differs, so it may run again.
 *
 * @param settings log in as one who may create roles: `postgres` locally, the master user on Amazon RDS
 * @throws StoreUnusable one line on what the database refused
 */
export async function makeRoles(schema: Schema, settings: DatabaseSettings, login: RoleLogin): Promise<void> {
  const client = new pg.Client(connectionOf(settings, `roles ${schema.schema}`))
  client.on("error", () => {})
  try {
    await client.connect()
    await client.query("BEGIN")
    // Roles belong to the whole cluster: services that start together take turns.
    await client.query("SELECT pg_advisory_xact_lock($1)", [lockOf("roles")])
    const passwords = login.kind === "password" ? login : undefined
    await makeRole(client, MIGRATOR, passwords?.migrator)
    await makeRole(client, schema.role, passwords?.service)
    const database = client.escapeIdentifier(settings.database)
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`)
    await client.query(`GRANT CONNECT, CREATE ON DATABASE ${database} TO ${MIGRATOR}`)
    await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${client.escapeIdentifier(schema.role)}`)
    await client.query("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    await client.query("COMMIT")
  } catch (cause) {
    throw new StoreUnusable(`roles of ${schema.schema} as ${settings.user}: ${reasonOf(cause)}`, { cause })
  } finally {
    await client.end().catch(() => {})
  }
}

async function makeRole(client: pg.Client, name: string, password: string | undefined): Promise<void> {
  const role = client.escapeIdentifier(name)
  const { rowCount } = await client.query("SELECT FROM pg_roles WHERE rolname = $1", [name])
  const verifier = password === undefined ? "NULL" : client.escapeLiteral(scramVerifier(password))
  const verb = rowCount === 0 ? "CREATE" : "ALTER"
  await client.query(`${verb} ROLE ${role} LOGIN NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD ${verifier}`)
  // rds_iam stands on Amazon RDS only; a member logs in by token and by nothing else.
  if (password === undefined) await client.query(`GRANT rds_iam TO ${role}`)
}

/**
 * What PostgreSQL keeps of a password (RFC 5803, and its docs on pg_authid): made here, so that the password itself stands
 * in no statement that a server may log.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const iterations = 4096
  const salted = pbkdf2Sync(password.normalize("NFKC"), salt, iterations, 32, "sha256")
  const key = (name: string) => createHmac("sha256", salted).update(name).digest()
  const stored = createHash("sha256").update(key("Client Key")).digest("base64")
  const server = key("Server Key").toString("base64")
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${server}`
}

/** An advisory lock's number for a name; 48 bits, so that it is whole in JavaScript too. */
function lockOf(name: string): number {
  return createHash("sha256").update(`perigee ${name}`).digest().readUIntBE(0, 6)
}

function reasonOf(error: unknown): string {
  const { message, errors } = error as { message: string; errors?: readonly Error[] }
  // A refused connection to a name with two addresses comes as an AggregateError without a message.
  return (message || errors?.map((one) => one.message).join("; ") || String(error)).split("\n")[0] ?? ""
}
