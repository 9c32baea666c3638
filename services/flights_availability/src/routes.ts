/** The routes under `/api/availability`. */
import { DEFAULT_LIMIT, PAGE_QUERY, PageOf, pageOf } from "@perigee/platform/page"
import { Problem } from "@perigee/platform/problem"
import { IdPath } from "@perigee/platform/resource"
import { apiResponses, changeResponses, onlyOperators } from "@perigee/platform/server"
import type { App, Context } from "@perigee/platform/service"
import { Type } from "typebox"
import { CabinName, CabinSchema, CapacityInputSchema, cabinOf, FlightSeatsSchema } from "./cabin.ts"
import { type HOLDS, HoldInputSchema, HoldSchema } from "./hold.ts"
import { replayHeader, SeatStore } from "./store.ts"

const PATH = "/api/availability"
const MAX_FLIGHTS = 50

const FlightPath = Type.Object({ flightId: Type.String({ format: "uuid" }) })
const CabinPath = Type.Object({ flightId: Type.String({ format: "uuid" }), cabin: CabinName })
const IdempotencyKey = Type.Object({
  // draft-ietf-httpapi-idempotency-key-header; any visible ASCII, with or without the quotes of that draft.
  "idempotency-key": Type.Optional(
    Type.String({
      pattern: "^[\\x21-\\x7e]{1,64}$",
      description: "The caller's name for this attempt, such as a UUID; known for 24 hours",
    }),
  ),
})
const replayable = (description: string) => ({
  ...HoldSchema,
  description,
  headers: {
    "idempotency-replayed": { schema: { type: "string" }, description: "`true`: the answer that this key got before" },
  },
})

export function registerAvailabilityRoutes(app: App, context: Context<{ readonly holds: typeof HOLDS }>): void {
  const { database, configs, cursors } = context
  const seats = new SeatStore(database)

  app.get(
    PATH,
    {
      schema: {
        tags: ["seats"],
        summary: "Seats of some flights; a flight without cabins is left out",
        querystring: Type.Object(
          {
            flight: Type.Array(Type.String({ format: "uuid" }), {
              minItems: 1,
              maxItems: MAX_FLIGHTS,
              description: "Repeated",
            }),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ items: Type.Array(FlightSeatsSchema) }), ...apiResponses() },
      },
    },
    async ({ query }, reply) => {
      const rows = await seats.ofFlights(query.flight)
      const byFlight = Map.groupBy(rows, (row) => row.flight_id)
      return reply.send({
        items: [...byFlight].map(([flightId, cabins]) => ({ flightId, cabins: cabins.map(cabinOf) })),
      })
    },
  )

  app.get(
    `${PATH}/:flightId`,
    {
      schema: {
        tags: ["seats"],
        summary: "Seats of a flight by cabin",
        params: FlightPath,
        response: { 200: FlightSeatsSchema, ...apiResponses("uri-too-long", "not-found") },
      },
    },
    async ({ params: { flightId } }, reply) => {
      const rows = await seats.ofFlights([flightId])
      const [first] = rows
      if (first === undefined) throw new Problem("not-found", "The flight has no cabins")
      return reply.send({ flightId: first.flight_id, cabins: rows.map(cabinOf) })
    },
  )

  app.get(
    `${PATH}/:flightId/:cabin`,
    {
      schema: {
        tags: ["seats"],
        summary: "Seats of a cabin",
        params: CabinPath,
        response: { 200: CabinSchema, ...apiResponses("uri-too-long", "not-found") },
      },
    },
    async ({ params }, reply) => reply.send(cabinOf(await seats.ofCabin(params.flightId, params.cabin))),
  )

  app.put(
    `${PATH}/:flightId/:cabin`,
    {
      onRequest: onlyOperators,
      schema: {
        tags: ["seats"],
        summary: "Set how many seats a cabin has (operator)",
        params: CabinPath,
        body: CapacityInputSchema,
        response: {
          200: { ...CabinSchema, description: "Changed" },
          201: { ...CabinSchema, description: "Made" },
          ...changeResponses("uri-too-long", "capacity-in-use"),
        },
      },
    },
    async ({ params, body }, reply) => {
      const { cabin, created } = await seats.setCapacity(params.flightId, params.cabin, body.capacity)
      return reply.code(created ? 201 : 200).send(cabin)
    },
  )

  app.post(
    `${PATH}/holds`,
    {
      schema: {
        tags: ["holds"],
        summary: "Hold seats until they are confirmed, released, or the time is over",
        headers: IdempotencyKey,
        body: HoldInputSchema,
        response: {
          201: replayable("Held; Location says where to ask for it"),
          ...changeResponses("idempotency-key-missing", "not-found", "not-enough-seats", "idempotency-key-reused"),
        },
      },
    },
    async ({ headers, body, caller }, reply) => {
      const key = headers["idempotency-key"]
      if (key === undefined)
        throw new Problem("idempotency-key-missing", "Send a UUID, and the same one when you send the request again")
      const { defaultSeconds, maxSeconds, maxSeats } = configs.get("holds")
      if (body.seats > maxSeats) throw tooMuch("seats", maxSeats)
      if (body.seconds !== undefined && body.seconds > maxSeconds) throw tooMuch("seconds", maxSeconds)
      const { hold, replayed } = await seats.hold(caller, key, body, body.seconds ?? defaultSeconds)
      return reply.code(201).headers(replayHeader(replayed)).header("location", `${PATH}/holds/${hold.id}`).send(hold)
    },
  )

  app.get(
    `${PATH}/holds`,
    {
      schema: {
        tags: ["holds"],
        summary: "List holds, newest first; a user's list holds their own",
        querystring: Type.Object(PAGE_QUERY, { additionalProperties: false }),
        response: { 200: PageOf(HoldSchema), ...apiResponses("invalid-cursor") },
      },
    },
    async ({ query: { limit = DEFAULT_LIMIT, cursor }, caller }, reply) => {
      const scope = `holds of ${caller.operator ? "all" : caller.subject}`
      const [after] = cursor === undefined ? [] : cursors().open(scope, cursor)
      const holds = await seats.list(caller, after, limit + 1)
      return reply.send(
        pageOf(
          holds,
          limit,
          (hold) => hold,
          ({ id }) => cursors().seal(scope, [id]),
        ),
      )
    },
  )

  app.get(
    `${PATH}/holds/:id`,
    {
      schema: {
        tags: ["holds"],
        summary: "Read a hold",
        params: IdPath,
        response: { 200: HoldSchema, ...apiResponses("uri-too-long", "not-found") },
      },
    },
    async ({ params, caller }, reply) => reply.send(await seats.read(caller, params.id)),
  )

  for (const end of ["confirm", "release"] as const) {
    const refusals = end === "confirm" ? (["hold-expired", "hold-released"] as const) : (["hold-confirmed"] as const)
    const summary =
      end === "confirm"
        ? "Confirm a hold: its seats are sold"
        : "Release a hold: its seats are free; an expired one's are already"
    app.post(
      `${PATH}/holds/:id/${end}`,
      {
        schema: {
          tags: ["holds"],
          summary,
          params: IdPath,
          headers: IdempotencyKey,
          response: {
            200: replayable(`The hold; to ${end} it again changes nothing`),
            ...changeResponses("uri-too-long", "not-found", ...refusals, "idempotency-key-reused"),
          },
        },
      },
      async ({ params, headers, caller }, reply) => {
        const { hold, replayed } = await seats.end(caller, params.id, end, headers["idempotency-key"])
        return reply.headers(replayHeader(replayed)).send(hold)
      },
    )
  }
}

function tooMuch(field: string, most: number): Problem {
  return new Problem("invalid-request", "See errors for where", {
    errors: [{ at: `/body/${field}`, detail: `must be <= ${most}` }],
  })
}
