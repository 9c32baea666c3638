/** A hold: seats kept for somebody until they are confirmed, released, or the time is over. */
import type { RecordKind } from "@perigee/platform/service-configs"
import { type Static, Type } from "typebox"
import { CabinName } from "./cabin.ts"

const HoldSettingsSchema = Type.Object(
  {
    defaultSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
    maxSeconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
    maxSeats: Type.Integer({ minimum: 1, maximum: 100 }),
    sweepSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
  },
  { additionalProperties: false },
)

/** The settings record `holds`. */
export const HOLDS: RecordKind<typeof HoldSettingsSchema> = {
  schema: HoldSettingsSchema,
  fallback: { defaultSeconds: 600, maxSeconds: 1800, maxSeats: 9, sweepSeconds: 15 },
  misfit: ({ defaultSeconds, maxSeconds }) =>
    defaultSeconds > maxSeconds ? "/defaultSeconds must not be above maxSeconds" : undefined,
}

/** What a caller sends. */
export const HoldInputSchema = Type.Object(
  {
    flightId: Type.String({ format: "uuid" }),
    cabin: CabinName,
    seats: Type.Integer({
      minimum: 1,
      maximum: 100,
      description: "At most as many as the settings allow; 9 unless they differ",
    }),
    seconds: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 86_400, description: "Until it expires; at most as the settings allow" }),
    ),
  },
  { additionalProperties: false },
)
export type HoldInput = Static<typeof HoldInputSchema>

/** What a caller gets; made by `availability.hold_json` in the database. */
export const HoldSchema = Type.Object({
  id: Type.String({ format: "uuid" }),
  flightId: Type.String({ format: "uuid" }),
  cabin: CabinName,
  subject: Type.String(),
  seats: Type.Integer(),
  state: Type.Enum(["held", "confirmed", "released", "expired"]),
  createdAt: Type.String({ format: "date-time" }),
  expiresAt: Type.String({ format: "date-time" }),
})
export type Hold = Static<typeof HoldSchema>
