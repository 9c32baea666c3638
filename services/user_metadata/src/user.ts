/** A user: as callers see it, as callers write it, and as a row. */
import { NullableString, PlainText } from "@perigee/platform/plain-text"
import { type Static, Type } from "typebox"

const Email = Type.String({
  format: "email",
  minLength: 3,
  // RFC 5321 § 4.5.3.1.3: 256 octets of path, with its angle brackets.
  maxLength: 254,
  description: "Unique, whatever its case",
})
const HomeAirport = NullableString({ pattern: "^[A-Z]{3}$", description: "IATA code" })
const Locale = Type.String({
  pattern: "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$",
  description: "BCP 47: language, script, region",
})

/** What a caller sends. */
export const UserInputSchema = Type.Object(
  {
    email: Email,
    displayName: PlainText({ minLength: 1, maxLength: 100 }),
    homeAirport: Type.Optional(HomeAirport),
    locale: Type.Optional(Locale),
    subject: Type.Optional(
      PlainText({
        minLength: 1,
        maxLength: 255,
        description: "Claim `sub` of the user's tokens. The caller's own unless an operator says otherwise; set once",
      }),
    ),
  },
  { additionalProperties: false },
)
export type UserInput = Static<typeof UserInputSchema>

/** What a caller gets. */
export const UserSchema = Type.Object({
  id: Type.String({ format: "uuid" }),
  subject: Type.String(),
  email: Email,
  displayName: Type.String(),
  homeAirport: HomeAirport,
  locale: Locale,
  createdAt: Type.String({ format: "date-time" }),
  updatedAt: Type.String({ format: "date-time" }),
})
export type User = Static<typeof UserSchema>

export const DEFAULT_LOCALE = "en"

export interface UserRow {
  readonly id: string
  readonly subject: string
  readonly email: string
  readonly display_name: string
  readonly home_airport: string | null
  readonly locale: string
  readonly version: number
  readonly created_at: Date
  readonly updated_at: Date
}

export function userOf(row: UserRow): User {
  return {
    id: row.id,
    subject: row.subject,
    email: row.email,
    displayName: row.display_name,
    homeAirport: row.home_airport,
    locale: row.locale,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  }
}
