/** Users in PostgreSQL: one statement each, and each says whose rows the caller may touch. */
import type { Caller } from "@perigee/platform/caller"
import { brokenConstraint, type Database } from "@perigee/platform/database"
import { Problem } from "@perigee/platform/problem"
import { v7 as uuidv7 } from "uuid"
import { DEFAULT_LOCALE, type UserInput, type UserRow } from "./user.ts"

const COLUMNS = "id, subject, email, display_name, home_airport, locale, version, created_at, updated_at"
/** $1 is the only subject that the caller may see, or null for all. */
const VISIBLE = "($1::text IS NULL OR subject = $1)"

const LIST = {
  name: "user-list",
  text: `SELECT ${COLUMNS} FROM users.users WHERE ${VISIBLE} AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3`,
}
const READ = { name: "user-read", text: `SELECT ${COLUMNS} FROM users.users WHERE ${VISIBLE} AND id = $2` }
const CREATE = {
  name: "user-create",
  text: `INSERT INTO users.users (id, subject, email, display_name, home_airport, locale)
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
}
/** $3: versions that may be replaced, null for any. */
const REPLACE = {
  name: "user-replace",
  text: `UPDATE users.users SET email = $4, display_name = $5, home_airport = $6, locale = $7,
      version = version + 1, updated_at = now()
    WHERE ${VISIBLE} AND id = $2 AND ($3::integer[] IS NULL OR version = ANY ($3)) RETURNING ${COLUMNS}`,
}
const DELETE = {
  name: "user-delete",
  text: `DELETE FROM users.users WHERE ${VISIBLE} AND id = $2 AND ($3::integer[] IS NULL OR version = ANY ($3)) RETURNING id`,
}

export type Versions = "any" | readonly number[]

export class UserStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * In order of creation, to the millisecond.
   *
   * @param after id of the last user of the page before
   * @param limit rows at most
   */
  list(caller: Caller, after: string | undefined, limit: number): Promise<UserRow[]> {
    return this.#database.read<UserRow>(LIST, [visibleTo(caller), after ?? null, limit])
  }

  /** @throws Problem not-found, also for another's user: that there is one is nobody's business */
  async read(caller: Caller, id: string): Promise<UserRow> {
    const [row] = await this.#database.read<UserRow>(READ, [visibleTo(caller), id])
    if (row === undefined) throw new Problem("not-found", "There is no such user")
    return row
  }

  /** @throws Problem email-taken or subject-taken */
  async create(caller: Caller, input: UserInput): Promise<UserRow> {
    const { subject = caller.subject } = input
    if (subject !== caller.subject && !caller.operator) {
      throw new Problem("forbidden", "Only an operator makes a user for another subject")
    }
    // Version 7 sorts by time (RFC 9562 § 5.7), so the list is in order of creation and the index grows at its end.
    const values = [uuidv7(), subject, ...fieldsOf(input)]
    const [row] = await this.#database.write<UserRow>(CREATE, values).catch(named)
    return row as UserRow
  }

  /** @throws Problem not-found, precondition-failed or email-taken */
  async replace(caller: Caller, id: string, versions: Versions, input: UserInput): Promise<UserRow> {
    const { subject } = input
    if (subject !== undefined && subject !== (await this.read(caller, id)).subject) {
      throw new Problem("invalid-request", "A user's subject is set once", {
        errors: [{ at: "/body/subject", detail: "must be the subject that the user has" }],
      })
    }
    const values = [visibleTo(caller), id, versions === "any" ? null : versions, ...fieldsOf(input)]
    const [row] = await this.#database.write<UserRow>(REPLACE, values).catch(named)
    return row ?? this.#missed(caller, id)
  }

  /** @throws Problem not-found or precondition-failed */
  async delete(caller: Caller, id: string, versions: Versions): Promise<void> {
    const values = [visibleTo(caller), id, versions === "any" ? null : versions]
    const [row] = await this.#database.write(DELETE, values)
    if (row === undefined) await this.#missed(caller, id)
  }

  /** Nothing was changed: because there is nothing, or because it is another version. */
  async #missed(caller: Caller, id: string): Promise<never> {
    await this.read(caller, id)
    throw new Problem("precondition-failed", "Read the user again, and send its ETag as If-Match")
  }
}

function visibleTo({ operator, subject }: Caller): string | null {
  return operator ? null : subject
}

function fieldsOf({ email, displayName, homeAirport = null, locale = DEFAULT_LOCALE }: UserInput) {
  return [email, displayName, homeAirport, locale]
}

function named(error: unknown): never {
  const constraint = brokenConstraint(error)
  if (constraint === "users_email_key") throw new Problem("email-taken", undefined, { cause: error })
  if (constraint === "users_subject_key") throw new Problem("subject-taken", undefined, { cause: error })
  throw error
}
