/** A cabin of a flight and its seats. */
import { type Static, Type } from "typebox"

const MAX_CAPACITY = 1000

export const CabinName = Type.Enum(["economy", "premium", "business", "first"])
const Seats = (description: string) => Type.Integer({ minimum: 0, maximum: MAX_CAPACITY, description })

/** `sold + held + free = capacity`, always. */
export const CabinSchema = Type.Object({
  cabin: CabinName,
  capacity: Seats("Seats that there are"),
  sold: Seats("Confirmed"),
  held: Seats("Held, and the time not over"),
  free: Seats("Left to hold"),
})
export type Cabin = Static<typeof CabinSchema>

export const FlightSeatsSchema = Type.Object({
  flightId: Type.String({ format: "uuid" }),
  cabins: Type.Array(CabinSchema),
})
export type FlightSeats = Static<typeof FlightSeatsSchema>

export const CapacityInputSchema = Type.Object(
  { capacity: Type.Integer({ minimum: 0, maximum: MAX_CAPACITY }) },
  { additionalProperties: false },
)

export interface CabinRow extends Cabin {
  readonly flight_id: string
}

export function cabinOf({ cabin, capacity, sold, held, free }: Cabin): Cabin {
  return { cabin, capacity, sold, held, free }
}
