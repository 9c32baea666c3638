/** What the platform starts with on one machine: a week of flights between airports that there are, with their seats. */

interface Airport {
  readonly code: string
  /** Minutes east of UTC in December. */
  readonly offset: number
}

const AIRPORTS = {
  FRA: { code: "FRA", offset: 60 },
  VIE: { code: "VIE", offset: 60 },
  LHR: { code: "LHR", offset: 0 },
  JFK: { code: "JFK", offset: -300 },
  SFO: { code: "SFO", offset: -480 },
  HND: { code: "HND", offset: 540 },
  SIN: { code: "SIN", offset: 480 },
  DEL: { code: "DEL", offset: 330 },
} as const satisfies Record<string, Airport>

type Seats = Partial<Record<"economy" | "premium" | "business" | "first", number>>

interface Service {
  readonly number: string
  readonly from: keyof typeof AIRPORTS
  readonly to: keyof typeof AIRPORTS
  /** Local time of departure. */
  readonly at: string
  /** Minutes in the air. */
  readonly minutes: number
  /** ICAO type designator. */
  readonly aircraft: string
  readonly seats: Seats
}

const A320: Seats = { economy: 168, business: 12 }
const LONG_HAUL: Seats = { economy: 221, premium: 28, business: 48 }
const JUMBO: Seats = { economy: 244, premium: 32, business: 80, first: 8 }

/** After the timetables of the routes; numbers and times are believable, not booked. */
const SERVICES: readonly Service[] = [
  { number: "LH454", from: "FRA", to: "SFO", at: "10:20", minutes: 675, aircraft: "B748", seats: JUMBO },
  { number: "LH455", from: "SFO", to: "FRA", at: "14:50", minutes: 640, aircraft: "B748", seats: JUMBO },
  { number: "LH400", from: "FRA", to: "JFK", at: "11:00", minutes: 525, aircraft: "B748", seats: JUMBO },
  { number: "LH401", from: "JFK", to: "FRA", at: "16:10", minutes: 435, aircraft: "B748", seats: JUMBO },
  { number: "OS201", from: "VIE", to: "FRA", at: "07:10", minutes: 90, aircraft: "A20N", seats: A320 },
  { number: "OS202", from: "FRA", to: "VIE", at: "09:35", minutes: 80, aircraft: "A20N", seats: A320 },
  { number: "OS451", from: "VIE", to: "LHR", at: "10:05", minutes: 150, aircraft: "A320", seats: A320 },
  { number: "BA701", from: "LHR", to: "VIE", at: "10:55", minutes: 140, aircraft: "A20N", seats: A320 },
  { number: "BA178", from: "JFK", to: "LHR", at: "08:05", minutes: 415, aircraft: "B772", seats: LONG_HAUL },
  { number: "BA5", from: "LHR", to: "HND", at: "13:15", minutes: 810, aircraft: "B789", seats: LONG_HAUL },
  {
    number: "NH211",
    from: "HND",
    to: "LHR",
    at: "09:40",
    minutes: 860,
    aircraft: "B77W",
    seats: { ...LONG_HAUL, first: 8 },
  },
  { number: "SQ326", from: "SIN", to: "FRA", at: "23:55", minutes: 800, aircraft: "A359", seats: LONG_HAUL },
  { number: "SQ325", from: "FRA", to: "SIN", at: "21:45", minutes: 750, aircraft: "A359", seats: LONG_HAUL },
  { number: "AI111", from: "DEL", to: "LHR", at: "14:15", minutes: 580, aircraft: "B788", seats: LONG_HAUL },
]

const DAYS = 7

export interface SeedFlight {
  readonly input: object
  readonly seats: Seats
}

/** @param firstDay `YYYY-MM-DD` */
function seedFlights(firstDay: string): readonly SeedFlight[] {
  return Array.from({ length: DAYS }, (_, day) => SERVICES.map((service) => seedFlight(service, firstDay, day))).flat()
}

function seedFlight(
  { number, from, to, at, minutes, aircraft, seats }: Service,
  firstDay: string,
  day: number,
): SeedFlight {
  const [origin, destination]: Airport[] = [AIRPORTS[from], AIRPORTS[to]]
  const wall = Date.parse(`${firstDay}T${at}:00Z`) + day * 86_400_000
  const departs = wall - (origin?.offset ?? 0) * 60_000
  const input = {
    number,
    origin: from,
    destination: to,
    departsAt: local(departs, origin?.offset ?? 0),
    arrivesAt: local(departs + minutes * 60_000, destination?.offset ?? 0),
    aircraft,
  }
  return { input, seats }
}

function local(at: number, offset: number): string {
  const wall = new Date(at + offset * 60_000).toISOString().slice(0, 19)
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0")
  const size = Math.abs(offset)
  return offset === 0 ? `${wall}Z` : `${wall}${offset < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`
}

/** Users that the printed tokens speak for. */
export const SEED_USERS = [
  { subject: "ada", email: "ada@example.com", displayName: "Ada Lovelace", homeAirport: "LHR", locale: "en-GB" },
  {
    subject: "wernher",
    email: "wernher@example.com",
    displayName: "Wernher Huber",
    homeAirport: "VIE",
    locale: "de-AT",
  },
  {
    subject: "katherine",
    email: "katherine@example.com",
    displayName: "Katherine Johnson",
    homeAirport: "JFK",
    locale: "en-US",
  },
] as const

/**
 * Sends everything through the load balancer's paths, as any operator would; what is there already stays as it is.
 *
 * @returns the first flight, to show
 * @throws Error a refusal that is no conflict
 */
export async function seed(
  gateway: string,
  token: string,
  firstDay: string,
): Promise<{ id: string; origin: string; destination: string; day: string }> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const send = async (method: string, path: string, json: unknown) => {
    const answer = await fetch(new URL(path, gateway), { method, headers, body: JSON.stringify(json) })
    const body = (await answer.json()) as Record<string, string>
    if (!answer.ok && answer.status !== 409)
      throw new Error(`seed: ${method} ${path} answered ${answer.status} ${body["type"]}`)
    return answer.ok ? body : undefined
  }
  for (const user of SEED_USERS) await send("POST", "/api/users", user)
  let first: Record<string, string> | undefined
  for (const { input, seats } of seedFlights(firstDay)) {
    const flight = await send("POST", "/api/flights", input)
    if (flight === undefined) continue
    first ??= flight
    for (const [cabin, capacity] of Object.entries(seats)) {
      await send("PUT", `/api/availability/${flight["id"]}/${cabin}`, { capacity })
    }
  }
  const { id = "", origin = "", destination = "", day = "" } = first ?? {}
  return { id, origin, destination, day }
}
