/** Whether a service can answer, and what is missing while it can't. */
import { backoffMs } from "./backoff.ts"
import type { Database, Statement } from "./database.ts"
import { MIGRATIONS_TABLE, migrationNames, type Schema } from "./migrations.ts"
import { Problem } from "./problem.ts"
import type { RecordKinds, ServiceConfigs } from "./service-configs.ts"

/** A look at the database is good for this long: whoever asks often costs no more than one who does not. */
const GOOD_LOOK_MS = 1000
/** One that found something missing; recovery must be seen soon. */
const BAD_LOOK_MS = 100

export interface ReadinessReport {
  readonly status: "ready" | "not-ready"
  /** What must come before the service is ready; empty when it is. */
  readonly missing: readonly string[]
  /** What is wrong and does no harm yet. */
  readonly warnings: readonly string[]
}

export class Readiness {
  readonly #database: Database
  readonly #configs: ServiceConfigs<RecordKinds>
  readonly #needed: readonly string[]
  readonly #schema: string
  readonly #applied: Statement
  #look: Promise<string | undefined> | undefined
  #lookAgainAt = Number.NEGATIVE_INFINITY
  #draining = false

  constructor(database: Database, configs: ServiceConfigs<RecordKinds>, { schema, migrations }: Schema) {
    this.#database = database
    this.#configs = configs
    this.#schema = schema
    this.#needed = migrationNames(migrations)
    this.#applied = { name: "readiness", text: `SELECT name FROM ${schema}.${MIGRATIONS_TABLE}` }
  }

  /** From SIGTERM on the service is not ready, so that a load balancer looks elsewhere. */
  drain(): void {
    this.#draining = true
  }

  /** @param now milliseconds, of a clock that never goes back */
  async report(now: number): Promise<ReadinessReport> {
    if (this.#look === undefined || now >= this.#lookAgainAt) {
      this.#lookAgainAt = now + GOOD_LOOK_MS
      this.#look = this.#missingInDatabase().then((missing) => {
        if (missing !== undefined) this.#lookAgainAt = now + BAD_LOOK_MS
        return missing
      })
    }
    const missing = [...this.#configs.missing().map((name) => `settings: record ${name}`)]
    const inDatabase = await this.#look
    if (inDatabase !== undefined) missing.push(inDatabase)
    if (this.#draining) missing.push("the service is about to end")
    const warnings = this.#configs.complaints()
    return { status: missing.length === 0 ? "ready" : "not-ready", missing, warnings }
  }

  async #missingInDatabase(): Promise<string | undefined> {
    try {
      const rows = await this.#database.read<{ name: string }>(this.#applied, [])
      const applied = new Set(rows.map(({ name }) => name))
      const [first] = this.#needed.filter((name) => !applied.has(name))
      return first === undefined
        ? undefined
        : `database: migration ${first} of schema ${this.#schema}; run the command migrate`
    } catch (error) {
      // 42P01 and 3F000, “undefined table” and “schema”; 42501, no right to look: all before the first migration.
      const { code } = error as { code?: string }
      if (code === "42P01" || code === "3F000" || code === "42501") {
        return `database: schema ${this.#schema}; run the command migrate`
      }
      return error instanceof Problem ? "database: it can't be reached" : `database: it refuses (${code ?? "no code"})`
    }
  }
}

/**
 * Runs an attempt until it succeeds, with growing waits.
 *
 * @param attempt gives false where it is too early
 * @returns false where the signal ended it
 */
export async function untilDone(
  attempt: () => Promise<boolean>,
  wait: (ms: number) => Promise<void>,
  random: () => number,
  signal: AbortSignal,
): Promise<boolean> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    if (await attempt()) return true
    await wait(backoffMs(failures, random)).catch(() => {})
  }
  return false
}
