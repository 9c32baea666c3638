/** The services' way to PostgreSQL: a pool that outlives its server, one statement a request, and failures told apart. */
import pg from "pg"
import { CONNECT_TIMEOUT_MS, connectionOf } from "./connection.ts"
import { Problem } from "./problem.ts"
import type { DatabaseSettings } from "./settings.ts"

/** A statement is parsed once a connection, by its name. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** What may be put into a statement. */
export type Value = string | number | boolean | Date | Buffer | null | readonly string[] | readonly number[]

interface Log {
  warn(fields: object, message: string): void
}

/** Reads that met a connection which a restart had cut; each further try takes another connection. */
const READ_ATTEMPTS = 3
/** Deadlock and serialization failure: rolled back whole, so the same statement may run again. */
const ROLLED_BACK_ATTEMPTS = 3
const IDLE_MS = 30_000
/** Connections are renewed, so that a DNS change after a failover is seen; spread by the pool's own use. */
const MAX_LIFETIME_SECONDS = 1800

const RETRY_SOON = { headers: { "retry-after": "1" } }

export class Database {
  readonly #pool: pg.Pool

  constructor(settings: DatabaseSettings, name: string, log: Log) {
    this.#pool = new pg.Pool({
      ...connectionOf(settings, name),
      max: settings.poolSize,
      // Waiting for a free connection counts too: past this the caller is told to come back, instead of piling up here.
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_MS,
      maxLifetimeSeconds: MAX_LIFETIME_SECONDS,
    })
    // Without listeners a connection that is cut would end the process: one for the idle ones, one for those at work,
    // whose statement fails too and is told by that.
    this.#pool.on("error", (error) => log.warn({ err: error }, "an idle database connection was lost"))
    this.#pool.on("connect", (client) => client.on("error", () => {}))
  }

  get connections() {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return { total: totalCount, idle: idleCount, waiting: waitingCount }
  }

  /**
   * Runs a statement that changes nothing; a cut connection is retried on another one.
   *
   * @throws Problem unavailable, where the database is away or too slow
   * @throws pg.DatabaseError what the server says of the statement itself
   */
  async read<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#run<Row>(statement, values)
      } catch (error) {
        const lost = error instanceof ConnectionLost
        if (!lost && !isRolledBack(error)) throw error
        if (attempt === READ_ATTEMPTS) throw lost ? away(error) : error
      }
    }
  }

  /**
   * Runs a statement that changes something, in the transaction that PostgreSQL makes of a single statement. It is sent
   * once: where the answer is lost, nobody here knows whether it was done, and the caller is told just that.
   *
   * @throws Problem unavailable (surely not done) or outcome-unknown
   * @throws pg.DatabaseError what the server says of the statement itself
   */
  async write<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#run<Row>(statement, values)
      } catch (error) {
        if (error instanceof ConnectionLost) {
          const detail = "The change may have been made: read before you send it again, or use the same Idempotency-Key"
          throw new Problem("outcome-unknown", detail, { cause: error.cause, ...RETRY_SOON })
        }
        if (!isRolledBack(error) || attempt === ROLLED_BACK_ATTEMPTS) throw error
      }
    }
  }

  /** Ends when all connections are given back; use after the server is closed. */
  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #run<Row extends object>(statement: Statement, values: readonly Value[]): Promise<Row[]> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
    } catch (error) {
      throw away(error)
    }
    let broken: unknown
    try {
      const { rows } = await client.query<Row>({ ...statement, values: values as Value[] })
      return rows
    } catch (error) {
      // The pool's own query() drops the connection after any error; one that only met a unique key is as good as new.
      if (!(error instanceof pg.DatabaseError) || isFatal(error)) {
        broken = error
        throw new ConnectionLost(error)
      }
      if (isReadOnly(error)) {
        broken = error
        throw away(error)
      }
      if (isStalePlan(error)) broken = error
      if (isTooSlow(error) || isOutOfResources(error)) throw away(error)
      throw error
    } finally {
      client.release(broken !== undefined)
    }
  }
}

/** The connection broke while the statement was under way. */
class ConnectionLost extends Error {
  override readonly name = "ConnectionLost"

  constructor(cause: unknown) {
    super("the connection to the database was lost", { cause })
  }
}

function away(error: unknown): Problem {
  const cause = error instanceof ConnectionLost ? error.cause : error
  return new Problem("unavailable", "The database is away or too slow; nothing was done", { cause, ...RETRY_SOON })
}

// SQLSTATE values: https://www.postgresql.org/docs/current/errcodes-appendix.html

/** Shutdown, crash, “starting up”, or a broken protocol: this connection answers no more. */
function isFatal({ code, severity }: pg.DatabaseError): boolean {
  return severity === "FATAL" || severity === "PANIC" || /^(?:08|57P|XX)/.test(code ?? "")
}

/** A failover made the old primary a replica: the name leads elsewhere now, this connection does not. */
function isReadOnly({ code }: pg.DatabaseError): boolean {
  return code === "25006"
}

/** statement_timeout, lock_timeout, idle_in_transaction_session_timeout: rolled back. */
function isTooSlow({ code }: pg.DatabaseError): boolean {
  return code === "57014" || code === "55P03" || code === "25P03"
}

function isOutOfResources({ code }: pg.DatabaseError): boolean {
  return code?.startsWith("53") === true
}

/** “cached plan must not change result type”, after a migration: a new connection plans anew. */
function isStalePlan({ code, routine }: pg.DatabaseError): boolean {
  return code === "0A000" && routine === "RevalidateCachedQuery"
}

function isRolledBack(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === "40001" || error.code === "40P01" || isStalePlan(error))
}

/** The constraint that a write broke, by its name in the migrations. */
export function brokenConstraint(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith("23") ? error.constraint : undefined
}
