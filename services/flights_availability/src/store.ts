/** Seats and holds in PostgreSQL: one statement each, the changes as the functions of the first migration. */
import { createHash } from "node:crypto"
import type { Caller } from "@perigee/platform/caller"
import type { Database } from "@perigee/platform/database"
import { Problem } from "@perigee/platform/problem"
import { v7 as uuidv7 } from "uuid"
import type { Cabin, CabinRow } from "./cabin.ts"
import type { Hold, HoldInput } from "./hold.ts"

/** Lapsed holds count as free at once, swept or not. */
const SEATS = `SELECT c.flight_id, c.cabin, c.capacity, c.sold, c.held - l.seats AS held, c.free + l.seats AS free
  FROM availability.cabins c CROSS JOIN LATERAL (SELECT availability.lapsed(c.flight_id, c.cabin) AS seats) l`
const OF_FLIGHTS = {
  name: "seats-of-flights",
  text: `${SEATS} WHERE c.flight_id = ANY ($1) ORDER BY c.flight_id, c.cabin`,
}
const OF_CABIN = { name: "seats-of-cabin", text: `${SEATS} WHERE c.flight_id = $1 AND c.cabin = $2` }
const SET_CAPACITY = { name: "set-capacity", text: "SELECT * FROM availability.set_capacity($1, $2, $3)" }
const HOLD = { name: "hold", text: "SELECT * FROM availability.hold($1, $2, $3, $4, $5, $6, $7, $8)" }
const END = { name: "end-hold", text: "SELECT * FROM availability.end_hold($1, $2, $3, $4, $5, $6)" }
/** $1 is the only subject that the caller may see, or null for all. */
const READ = {
  name: "hold-read",
  text: `SELECT availability.hold_json(h, clock_timestamp()) AS hold FROM availability.holds h
    WHERE ($1::text IS NULL OR h.subject = $1) AND h.id = $2`,
}
const LIST = {
  name: "hold-list",
  text: `SELECT availability.hold_json(h, clock_timestamp()) AS hold FROM availability.holds h
    WHERE ($1::text IS NULL OR h.subject = $1) AND ($2::uuid IS NULL OR h.id < $2) ORDER BY h.id DESC LIMIT $3`,
}
const SWEEP = { name: "sweep", text: "SELECT availability.sweep($1) AS seats" }
const PURGE_KEYS = {
  name: "purge-keys",
  text: `DELETE FROM availability.idempotency_keys WHERE (subject, key) IN (
    SELECT subject, key FROM availability.idempotency_keys WHERE created_at < now() - interval '24 hours' LIMIT $1)`,
}
const PURGE_HOLDS = {
  name: "purge-holds",
  text: `DELETE FROM availability.holds WHERE id IN (
    SELECT id FROM availability.holds
    WHERE state IN ('released', 'expired') AND ended_at < now() - interval '30 days' LIMIT $1)`,
}
const SWEPT_CABINS = 50
const PURGED_ROWS = 1000

export interface Ended {
  readonly hold: Hold
  /** The answer is the one that this key got before. */
  readonly replayed: boolean
}

interface Outcome<Name extends string> {
  readonly outcome: Name
  readonly replayed: boolean
  readonly hold: Hold | null
}

export class SeatStore {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  ofFlights(flightIds: readonly string[]): Promise<CabinRow[]> {
    return this.#database.read<CabinRow>(OF_FLIGHTS, [flightIds])
  }

  /** @throws Problem not-found */
  async ofCabin(flightId: string, cabin: string): Promise<CabinRow> {
    const [row] = await this.#database.read<CabinRow>(OF_CABIN, [flightId, cabin])
    if (row === undefined) throw new Problem("not-found", "There is no such cabin")
    return row
  }

  /** @throws Problem capacity-in-use */
  async setCapacity(
    flightId: string,
    cabin: Cabin["cabin"],
    capacity: number,
  ): Promise<{ cabin: Cabin; created: boolean }> {
    type Row = Omit<Cabin, "cabin"> & { outcome: "created" | "replaced" | "in-use" }
    const [row] = await this.#database.write<Row>(SET_CAPACITY, [flightId, cabin, capacity])
    const { outcome, ...seats } = row as Row
    if (outcome === "in-use") throw new Problem("capacity-in-use", `${seats.sold} are sold and ${seats.held} held`)
    return { cabin: { cabin, ...seats }, created: outcome === "created" }
  }

  /**
   * @param key of the caller's own choice; the same key with the same request gets the same answer, for 24 hours
   * @throws Problem not-enough-seats, not-found or idempotency-key-reused
   */
  async hold({ subject }: Caller, key: string, input: HoldInput, seconds: number): Promise<Ended> {
    const { flightId, cabin, seats } = input
    const request = digest("hold", flightId.toLowerCase(), cabin, seats, input.seconds)
    type Row = Outcome<"held" | "not-enough" | "no-cabin" | "key-reused">
    const values = [subject, key, request, uuidv7(), flightId, cabin, seats, seconds]
    const [row] = await this.#database.write<Row>(HOLD, values)
    const { outcome, replayed, hold } = row as Row
    if (hold !== null) return { hold, replayed }
    const headers = replayHeader(replayed && outcome !== "key-reused")
    if (outcome === "not-enough") throw new Problem("not-enough-seats", undefined, { headers })
    if (outcome === "no-cabin") throw new Problem("not-found", "The flight has no such cabin", { headers })
    throw new Problem("idempotency-key-reused")
  }

  /** @throws Problem not-found, also for another's hold */
  async read(caller: Caller, id: string): Promise<Hold> {
    const [row] = await this.#database.read<{ hold: Hold }>(READ, [visibleTo(caller), id])
    if (row === undefined) throw new Problem("not-found", "There is no such hold")
    return row.hold
  }

  /** Newest first. */
  async list(caller: Caller, after: string | undefined, limit: number): Promise<Hold[]> {
    const rows = await this.#database.read<{ hold: Hold }>(LIST, [visibleTo(caller), after ?? null, limit])
    return rows.map(({ hold }) => hold)
  }

  /**
   * Sells or frees the seats of a hold. Done again it changes nothing and answers the same.
   *
   * @throws Problem not-found, hold-expired, hold-released, hold-confirmed or idempotency-key-reused
   */
  async end(caller: Caller, id: string, end: "confirm" | "release", key: string | undefined): Promise<Ended> {
    type Row = Outcome<"confirmed" | "released" | "expired" | "not-found" | "key-reused">
    const values = [caller.subject, key ?? null, digest(end, id.toLowerCase()), id, visibleTo(caller), end]
    const [row] = await this.#database.write<Row>(END, values)
    const { outcome, replayed, hold } = row as Row
    const headers = replayHeader(replayed && outcome !== "key-reused")
    if (outcome === "key-reused") throw new Problem("idempotency-key-reused")
    if (hold === null) throw new Problem("not-found", "There is no such hold", { headers })
    if (end === "confirm" && outcome === "expired") throw new Problem("hold-expired", undefined, { headers })
    if (end === "confirm" && outcome === "released") throw new Problem("hold-released", undefined, { headers })
    if (end === "release" && outcome === "confirmed") throw new Problem("hold-confirmed", undefined, { headers })
    return { hold, replayed }
  }

  /** Gives back seats of lapsed holds, and forgets old keys and old holds. */
  async sweep(): Promise<void> {
    await this.#database.write(SWEEP, [SWEPT_CABINS])
    await this.#database.write(PURGE_KEYS, [PURGED_ROWS])
    await this.#database.write(PURGE_HOLDS, [PURGED_ROWS])
  }
}

export function replayHeader(replayed: boolean): Record<string, string> {
  return replayed ? { "idempotency-replayed": "true" } : {}
}

function visibleTo({ operator, subject }: Caller): string | null {
  return operator ? null : subject
}

/** Of a request, for its key; a UUID in lower case, as the case of its digits means nothing (RFC 9562 § 4). */
function digest(...parts: readonly (string | number | undefined)[]): Buffer {
  return createHash("sha256")
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest()
}
