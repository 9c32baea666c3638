/** The routes under `/api/flights`. */
import { entityTag, versionsToMatch } from "@perigee/platform/entity-tag"
import { DEFAULT_LIMIT, PAGE_QUERY, PageOf, pageOf } from "@perigee/platform/page"
import { IdPath, IfMatch, IfNoneMatch, NotModified, sendVersion, withEntityTag } from "@perigee/platform/resource"
import { apiResponses, changeResponses, NoContent, onlyOperators } from "@perigee/platform/server"
import type { App, Context } from "@perigee/platform/service"
import type { RecordKinds } from "@perigee/platform/service-configs"
import { Type } from "typebox"
import { Airport, Day, FlightInputSchema, FlightNumber, FlightSchema, flightOf } from "./flight.ts"
import { FlightStore, type Search } from "./store.ts"

const PATH = "/api/flights"
const tags = ["flights"]

export function registerFlightRoutes(
  app: App,
  { database, cursors }: Pick<Context<RecordKinds>, "database" | "cursors">,
): void {
  const flights = new FlightStore(database)

  app.get(
    PATH,
    {
      schema: {
        tags,
        summary: "Search flights, in order of departure",
        querystring: Type.Object(
          {
            number: Type.Optional(FlightNumber),
            origin: Type.Optional(Airport),
            destination: Type.Optional(Airport),
            day: Type.Optional(Day),
            ...PAGE_QUERY,
          },
          { additionalProperties: false },
        ),
        response: { 200: PageOf(FlightSchema), ...apiResponses("invalid-cursor") },
      },
    },
    async ({ query: { limit = DEFAULT_LIMIT, cursor, ...search } }, reply) => {
      const scope = `flights ${JSON.stringify([search.number, search.origin, search.destination, search.day])}`
      const [departsAt = "", id = ""] = cursor === undefined ? [] : cursors().open(scope, cursor)
      const after = cursor === undefined ? undefined : { departsAt: new Date(departsAt), id }
      const rows = await flights.search(search as Search, after, limit + 1)
      const cursorOf = (row: (typeof rows)[number]) => cursors().seal(scope, [row.departs_at.toISOString(), row.id])
      return reply.send(pageOf(rows, limit, flightOf, cursorOf))
    },
  )

  app.post(
    PATH,
    {
      onRequest: onlyOperators,
      schema: {
        tags,
        summary: "Create a flight (operator)",
        body: FlightInputSchema,
        response: {
          201: withEntityTag(FlightSchema, "Created; Location says where"),
          ...changeResponses("flight-exists"),
        },
      },
    },
    async ({ body }, reply) => {
      const row = await flights.create(body)
      return reply
        .code(201)
        .header("location", `${PATH}/${row.id}`)
        .header("etag", entityTag(row.version))
        .send(flightOf(row))
    },
  )

  app.get(
    `${PATH}/:id`,
    {
      schema: {
        tags,
        summary: "Read a flight",
        params: IdPath,
        headers: IfNoneMatch,
        response: {
          200: withEntityTag(FlightSchema, "The flight"),
          304: NotModified,
          ...apiResponses("uri-too-long", "not-found"),
        },
      },
    },
    async ({ params, headers }, reply) => {
      const row = await flights.read(params.id)
      return sendVersion(reply, headers["if-none-match"], row.version, () => flightOf(row))
    },
  )

  app.put(
    `${PATH}/:id`,
    {
      onRequest: onlyOperators,
      schema: {
        tags,
        summary: "Replace a flight (operator)",
        params: IdPath,
        headers: IfMatch,
        body: FlightInputSchema,
        response: {
          200: withEntityTag(FlightSchema, "Replaced"),
          ...changeResponses(
            "uri-too-long",
            "not-found",
            "flight-exists",
            "precondition-failed",
            "precondition-required",
          ),
        },
      },
    },
    async ({ params, headers, body }, reply) => {
      const row = await flights.replace(params.id, versionsToMatch(headers["if-match"]), body)
      return reply.header("etag", entityTag(row.version)).send(flightOf(row))
    },
  )

  app.delete(
    `${PATH}/:id`,
    {
      onRequest: onlyOperators,
      schema: {
        tags,
        summary: "Delete a flight (operator)",
        params: IdPath,
        headers: IfMatch,
        response: {
          204: NoContent,
          ...changeResponses("uri-too-long", "not-found", "precondition-failed", "precondition-required"),
        },
      },
    },
    async ({ params, headers }, reply) => {
      await flights.delete(params.id, versionsToMatch(headers["if-match"]))
      return reply.code(204).send(null)
    },
  )
}
