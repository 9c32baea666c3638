/** Random interleavings of hold, confirm, release, expiry, sweeping and new capacities: no seat is lost or sold twice. */
import { randomUUID } from "node:crypto"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { expect } from "chai"
import fc from "fast-check"
import pg from "pg"
import type { Answer } from "../../support/services/client.ts"
import { suiteOf } from "../../support/services/suite.ts"

const PATH = "/api/availability"
const CLIENTS = 8

interface Step {
  readonly client: number
  readonly kind: "hold" | "confirm" | "release" | "lapse" | "sweep" | "capacity"
  readonly seats: number
  readonly pick: number
}

const step: fc.Arbitrary<Step> = fc.record({
  client: fc.nat({ max: CLIENTS - 1 }),
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant("hold" as const) },
    { weight: 3, arbitrary: fc.constant("confirm" as const) },
    { weight: 2, arbitrary: fc.constant("release" as const) },
    { weight: 3, arbitrary: fc.constant("lapse" as const) },
    { weight: 1, arbitrary: fc.constant("sweep" as const) },
    { weight: 1, arbitrary: fc.constant("capacity" as const) },
  ),
  seats: fc.integer({ min: 1, max: 4 }),
  pick: fc.nat(),
})

interface Seats {
  readonly capacity: number
  readonly sold: number
  readonly held: number
  readonly free: number
}

describe("holds, under any interleaving", function () {
  this.timeout(60_000)
  const suite = suiteOf(flightsAvailability, { DB_POOL_SIZE: "12" })
  let admin: pg.Pool
  before(() => {
    admin = new pg.Pool({ connectionString: suite.stores.postgres.url(suite.stores.database), max: 4 })
  })
  after(() => admin.end())

  it("keep sold + held + free = capacity at every moment, and every acknowledged sale", async () => {
    const operator = await suite.operator()
    const tokens = await Promise.all(Array.from({ length: CLIENTS }, (_, at) => suite.user(`client${at}`)))
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 30, maxLength: 90 }),
        fc.integer({ min: 1, max: 12 }),
        async (steps, capacity) => {
          const flightId = randomUUID()
          const cabin = `${PATH}/${flightId}/economy`
          await suite.client.send("PUT", cabin, { token: operator, json: { capacity } })
          const sold = new Map<string, number>()
          const released = new Set<string>()

          async function act(client: number, mine: string[], { kind, seats, pick }: Step): Promise<void> {
            const token = tokens[client]
            const id = mine[pick % Math.max(1, mine.length)]
            let answer: Answer | undefined
            if (kind === "hold") {
              const headers = { "idempotency-key": randomUUID() }
              const call = { token, headers, json: { flightId, cabin: "economy", seats } }
              answer = await suite.client.send("POST", `${PATH}/holds`, call)
              if (answer.status === 201) mine.push(answer.body.id)
              expect(answer.status).to.be.oneOf([201, 409])
            } else if (kind === "sweep") await admin.query("SELECT availability.sweep(100)")
            else if (kind === "capacity") {
              answer = await suite.client.send("PUT", cabin, { token: operator, json: { capacity: pick % 16 } })
              expect(answer.status).to.be.oneOf([200, 409])
            } else if (id !== undefined && kind === "lapse") {
              const past = "created_at = now() - interval '2 s', expires_at = now() - interval '1 s'"
              await admin.query(`UPDATE availability.holds SET ${past} WHERE id = $1 AND state = 'held'`, [id])
            } else if (id !== undefined) {
              answer = await suite.client.send("POST", `${PATH}/holds/${id}/${kind}`, { token })
              expect(answer.status).to.be.oneOf([200, 409])
              if (answer.status === 200 && kind === "confirm") sold.set(id, answer.body.seats)
              if (answer.status === 200 && kind === "release") released.add(id)
            }
          }

          let done = false
          const watch = async () => {
            while (!done) {
              const { body } = await suite.client.send("GET", cabin, { token: operator })
              balanced(body)
            }
          }
          const watching = watch()
          await Promise.all(
            Array.from({ length: CLIENTS }, async (_, client) => {
              const mine: string[] = []
              for (const one of steps) if (one.client === client) await act(client, mine, one)
            }),
          ).finally(() => {
            done = true
          })
          await watching

          const { body: last } = await suite.client.send("GET", cabin, { token: operator })
          balanced(last)
          expect(last.sold, "acknowledged sales").to.equal([...sold.values()].reduce((sum, seats) => sum + seats, 0))
          const { rows } = await admin.query<{ id: string; state: string; seats: number }>(
            "SELECT id, state, seats FROM availability.holds WHERE flight_id = $1",
            [flightId],
          )
          const inState = (state: string) => rows.filter((row) => row.state === state)
          const seatsIn = (state: string) => inState(state).reduce((sum, { seats }) => sum + seats, 0)
          expect(new Set(inState("confirmed").map(({ id }) => id))).to.deep.equal(new Set(sold.keys()))
          for (const id of released)
            expect(rows.find((row) => row.id === id)?.state).to.be.oneOf(["released", "expired"])
          const { rows: counters } = await admin.query<Seats>(
            "SELECT capacity, sold, held, free FROM availability.cabins WHERE flight_id = $1",
            [flightId],
          )
          expect(counters[0]).to.include({ sold: seatsIn("confirmed"), held: seatsIn("held") })
        },
      ),
      { numRuns: 60 },
    )
  })

  function balanced({ capacity, sold, held, free }: Seats): void {
    expect(sold + held + free).to.equal(capacity)
    for (const seats of [sold, held, free]) expect(seats).to.be.at.least(0)
  }
})
