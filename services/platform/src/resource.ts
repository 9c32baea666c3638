/** Headers and path of a single resource, as all routes to one have them. */
import type { FastifyReply } from "fastify"
import { Type } from "typebox"
import { entityTag, isFresh } from "./entity-tag.ts"

export const IdPath = Type.Object({ id: Type.String({ format: "uuid" }) })

export const IfNoneMatch = Type.Object({
  "if-none-match": Type.Optional(Type.String({ description: "ETag of what the caller has; 304 if it is that still" })),
})

export const IfMatch = Type.Object({
  "if-match": Type.Optional(Type.String({ description: "ETag of what the caller read, or `*`; 428 without it" })),
})

/** A 200 or 201 answer of a resource, with the header that goes with it. */
export function withEntityTag<Schema extends object>(schema: Schema, description: string): Schema {
  return {
    ...schema,
    description,
    headers: { etag: { schema: { type: "string" }, description: "Version of the resource" } },
  }
}

export const NotModified = Type.Null({ description: "The caller has this version already" })

/** Sends the resource, or 304 where the caller has this version. */
export function sendVersion<T>(
  reply: FastifyReply,
  ifNoneMatch: string | undefined,
  version: number,
  body: () => T,
): FastifyReply {
  reply.header("etag", entityTag(version))
  return isFresh(ifNoneMatch, version) ? reply.code(304).send() : reply.code(200).send(body())
}
