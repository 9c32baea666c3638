/** Flights in PostgreSQL, one statement each. */
import { brokenConstraint, type Database, type Value } from "@perigee/platform/database"
import { type Misfit, Problem } from "@perigee/platform/problem"
import { v7 as uuidv7 } from "uuid"
import type { FlightInput, FlightRow } from "./flight.ts"
import { type LocalTime, parseLocalTime } from "./local-time.ts"

const COLUMNS =
  "id, number, origin, destination, departs_at, arrives_at, departs_offset, arrives_offset, " +
  "departs_on::text AS day, aircraft, status, version, created_at, updated_at"
const READ = { name: "flight-read", text: `SELECT ${COLUMNS} FROM flights.flights WHERE id = $1` }
const CREATE = {
  name: "flight-create",
  text: `INSERT INTO flights.flights
      (id, number, origin, destination, departs_at, arrives_at, departs_offset, arrives_offset, aircraft, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING ${COLUMNS}`,
}
/** $2: versions that may be replaced, null for any. */
const REPLACE = {
  name: "flight-replace",
  text: `UPDATE flights.flights SET number = $3, origin = $4, destination = $5, departs_at = $6, arrives_at = $7,
      departs_offset = $8, arrives_offset = $9, aircraft = $10, status = $11, version = version + 1, updated_at = now()
    WHERE id = $1 AND ($2::integer[] IS NULL OR version = ANY ($2)) RETURNING ${COLUMNS}`,
}
const DELETE = {
  name: "flight-delete",
  text: "DELETE FROM flights.flights WHERE id = $1 AND ($2::integer[] IS NULL OR version = ANY ($2)) RETURNING id",
}

/** A day in the air is more than the longest flight there is. */
const LONGEST_MS = 24 * 3600_000

export interface Search {
  readonly number?: string
  readonly origin?: string
  readonly destination?: string
  /** Date at the airport of departure, `YYYY-MM-DD`. */
  readonly day?: string
}

/** Where a page ended. */
export interface Position {
  readonly departsAt: Date
  readonly id: string
}

export type Versions = "any" | readonly number[]

export class FlightStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * In order of departure.
   *
   * @param limit rows at most
   */
  search(
    { number, origin, destination, day }: Search,
    after: Position | undefined,
    limit: number,
  ): Promise<FlightRow[]> {
    const values: Value[] = []
    const conditions: string[] = []
    const where = (condition: (at: string) => string, value: Value | undefined) => {
      if (value === undefined) return
      values.push(value)
      conditions.push(condition(`$${values.length}`))
    }
    where((at) => `number = ${at}`, number)
    where((at) => `origin = ${at}`, origin)
    where((at) => `destination = ${at}`, destination)
    where((at) => `departs_on = ${at}::date`, day)
    where((at) => `departs_at >= ${at}`, after?.departsAt)
    where((at) => `(departs_at, id) > ($${values.length - 1}, ${at}::uuid)`, after?.id)
    values.push(limit)
    // Filters that are absent are absent from the statement too, so that each of the few shapes gets the index it needs.
    const shape = [number, origin, destination, day, after].map((part) => (part === undefined ? "0" : "1")).join("")
    const filter = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`
    const text = `SELECT ${COLUMNS} FROM flights.flights ${filter} ORDER BY departs_at, id LIMIT $${values.length}`
    return this.#database.read<FlightRow>({ name: `flight-search-${shape}`, text }, values)
  }

  /** @throws Problem not-found */
  async read(id: string): Promise<FlightRow> {
    const [row] = await this.#database.read<FlightRow>(READ, [id])
    if (row === undefined) throw new Problem("not-found", "There is no such flight")
    return row
  }

  /** @throws Problem invalid-request or flight-exists */
  async create(input: FlightInput): Promise<FlightRow> {
    const [row] = await this.#database.write<FlightRow>(CREATE, [uuidv7(), ...fieldsOf(input)]).catch(named)
    return row as FlightRow
  }

  /** @throws Problem invalid-request, not-found, precondition-failed or flight-exists */
  async replace(id: string, versions: Versions, input: FlightInput): Promise<FlightRow> {
    const values = [id, versions === "any" ? null : versions, ...fieldsOf(input)]
    const [row] = await this.#database.write<FlightRow>(REPLACE, values).catch(named)
    return row ?? this.#missed(id)
  }

  /** @throws Problem not-found or precondition-failed */
  async delete(id: string, versions: Versions): Promise<void> {
    const [row] = await this.#database.write(DELETE, [id, versions === "any" ? null : versions])
    if (row === undefined) await this.#missed(id)
  }

  /** Nothing was changed: because there is nothing, or because it is another version. */
  async #missed(id: string): Promise<never> {
    await this.read(id)
    throw new Problem("precondition-failed", "Read the flight again, and send its ETag as If-Match")
  }
}

function fieldsOf({ number, origin, destination, aircraft = null, status = "scheduled", ...times }: FlightInput) {
  const departs = timeOf("departsAt", times.departsAt)
  const arrives = timeOf("arrivesAt", times.arrivesAt)
  if (origin === destination) throw misfit("destination", "must not be the origin")
  const flown = arrives.at.getTime() - departs.at.getTime()
  if (flown <= 0 || flown > LONGEST_MS) throw misfit("arrivesAt", "must be after departsAt, by 24 hours at most")
  return [number, origin, destination, departs.at, arrives.at, departs.offset, arrives.offset, aircraft, status]
}

function timeOf(field: string, text: string): LocalTime {
  const time = parseLocalTime(text)
  if (time === undefined) throw misfit(field, "must be a day that there is, with an offset from -12:00 to +14:00")
  return time
}

function misfit(field: string, detail: string): Problem {
  const errors: readonly Misfit[] = [{ at: `/body/${field}`, detail }]
  return new Problem("invalid-request", "See errors for where", { errors })
}

function named(error: unknown): never {
  if (brokenConstraint(error) === "flights_number_origin_day_key") {
    throw new Problem("flight-exists", undefined, { cause: error })
  }
  throw error
}
