/** The routes under `/api/users`. */
import { entityTag, versionsToMatch } from "@perigee/platform/entity-tag"
import { DEFAULT_LIMIT, PAGE_QUERY, PageOf, pageOf } from "@perigee/platform/page"
import { IdPath, IfMatch, IfNoneMatch, NotModified, sendVersion, withEntityTag } from "@perigee/platform/resource"
import { apiResponses, changeResponses, NoContent } from "@perigee/platform/server"
import type { App, Context } from "@perigee/platform/service"
import type { RecordKinds } from "@perigee/platform/service-configs"
import { Type } from "typebox"
import { UserStore } from "./store.ts"
import { UserInputSchema, UserSchema, userOf } from "./user.ts"

const PATH = "/api/users"
const tags = ["users"]

export function registerUserRoutes(
  app: App,
  { database, cursors }: Pick<Context<RecordKinds>, "database" | "cursors">,
): void {
  const users = new UserStore(database)

  app.get(
    PATH,
    {
      schema: {
        tags,
        summary: "List users, oldest first; a user's list holds themselves",
        querystring: Type.Object(PAGE_QUERY, { additionalProperties: false }),
        response: { 200: PageOf(UserSchema), ...apiResponses("invalid-cursor") },
      },
    },
    async ({ query: { limit = DEFAULT_LIMIT, cursor }, caller }, reply) => {
      const scope = `users of ${caller.operator ? "all" : caller.subject}`
      const [after] = cursor === undefined ? [] : cursors().open(scope, cursor)
      const rows = await users.list(caller, after, limit + 1)
      return reply.send(pageOf(rows, limit, userOf, ({ id }) => cursors().seal(scope, [id])))
    },
  )

  app.post(
    PATH,
    {
      schema: {
        tags,
        summary: "Create a user; a user creates themselves, an operator anybody",
        body: UserInputSchema,
        response: {
          201: withEntityTag(UserSchema, "Created; Location says where"),
          ...changeResponses("email-taken", "subject-taken"),
        },
      },
    },
    async ({ body, caller }, reply) => {
      const row = await users.create(caller, body)
      return reply
        .code(201)
        .header("location", `${PATH}/${row.id}`)
        .header("etag", entityTag(row.version))
        .send(userOf(row))
    },
  )

  app.get(
    `${PATH}/:id`,
    {
      schema: {
        tags,
        summary: "Read a user",
        params: IdPath,
        headers: IfNoneMatch,
        response: {
          200: withEntityTag(UserSchema, "The user"),
          304: NotModified,
          ...apiResponses("uri-too-long", "not-found"),
        },
      },
    },
    async ({ params, headers, caller }, reply) => {
      const row = await users.read(caller, params.id)
      return sendVersion(reply, headers["if-none-match"], row.version, () => userOf(row))
    },
  )

  app.put(
    `${PATH}/:id`,
    {
      schema: {
        tags,
        summary: "Replace a user",
        params: IdPath,
        headers: IfMatch,
        body: UserInputSchema,
        response: {
          200: withEntityTag(UserSchema, "Replaced"),
          ...changeResponses(
            "uri-too-long",
            "not-found",
            "email-taken",
            "precondition-failed",
            "precondition-required",
          ),
        },
      },
    },
    async ({ params, headers, body, caller }, reply) => {
      const row = await users.replace(caller, params.id, versionsToMatch(headers["if-match"]), body)
      return reply.header("etag", entityTag(row.version)).send(userOf(row))
    },
  )

  app.delete(
    `${PATH}/:id`,
    {
      schema: {
        tags,
        summary: "Delete a user",
        params: IdPath,
        headers: IfMatch,
        response: {
          204: NoContent,
          ...changeResponses("uri-too-long", "not-found", "precondition-failed", "precondition-required"),
        },
      },
    },
    async ({ params, headers, caller }, reply) => {
      await users.delete(caller, params.id, versionsToMatch(headers["if-match"]))
      return reply.code(204).send(null)
    },
  )
}
