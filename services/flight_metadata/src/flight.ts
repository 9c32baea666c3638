/** A flight: as callers see it, as operators write it, and as a row. */
import { NullableString } from "@perigee/platform/plain-text"
import { type Static, Type } from "typebox"
import { formatLocalTime, LOCAL_TIME_PATTERN } from "./local-time.ts"

export const FlightNumber = Type.String({
  pattern: "^[A-Z0-9]{2}[1-9][0-9]{0,3}$",
  description: "Airline's IATA code and number, such as LH454",
})
export const Airport = Type.String({ pattern: "^[A-Z]{3}$", description: "IATA code" })
export const Day = Type.String({ format: "date", description: "Date at the airport of departure" })
const LocalTimeText = (description: string) => Type.String({ pattern: LOCAL_TIME_PATTERN, description })
const Status = Type.Enum(["scheduled", "cancelled"])
const Aircraft = NullableString({ pattern: "^[A-Z0-9]{2,4}$", description: "ICAO type designator, such as A21N" })

/** What an operator sends. */
export const FlightInputSchema = Type.Object(
  {
    number: FlightNumber,
    origin: Airport,
    destination: Airport,
    departsAt: LocalTimeText("Local time of departure with its offset, such as 2026-12-01T10:20:00+01:00"),
    arrivesAt: LocalTimeText("Local time of arrival with its offset; within 24 h of the departure"),
    aircraft: Type.Optional(Aircraft),
    status: Type.Optional(Status),
  },
  { additionalProperties: false },
)
export type FlightInput = Static<typeof FlightInputSchema>

/** What a caller gets. */
export const FlightSchema = Type.Object({
  id: Type.String({ format: "uuid" }),
  number: FlightNumber,
  origin: Airport,
  destination: Airport,
  departsAt: LocalTimeText("Local time of departure"),
  arrivesAt: LocalTimeText("Local time of arrival"),
  day: Day,
  aircraft: Aircraft,
  status: Status,
  createdAt: Type.String({ format: "date-time" }),
  updatedAt: Type.String({ format: "date-time" }),
})
export type Flight = Static<typeof FlightSchema>

export interface FlightRow {
  readonly id: string
  readonly number: string
  readonly origin: string
  readonly destination: string
  readonly departs_at: Date
  readonly arrives_at: Date
  readonly departs_offset: number
  readonly arrives_offset: number
  /** As text: a Date would move it to this process' time zone. */
  readonly day: string
  readonly aircraft: string | null
  readonly status: Flight["status"]
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

export function flightOf(row: FlightRow): Flight {
  return {
    id: row.id,
    number: row.number,
    origin: row.origin,
    destination: row.destination,
    departsAt: formatLocalTime({ at: row.departs_at, offset: row.departs_offset }),
    arrivesAt: formatLocalTime({ at: row.arrives_at, offset: row.arrives_offset }),
    day: row.day,
    aircraft: row.aircraft,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
