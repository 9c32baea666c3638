/** Ids of requests: the caller's own where it is fit for a log line, else a new one. */
import { randomUUID } from "node:crypto"
import type { IncomingMessage } from "node:http"

export const REQUEST_ID_HEADER = "x-request-id"

/** No blanks, quotes or control characters, which would let a caller write into the logs. */
const FIT = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/

export function requestIdOf({ headers }: Pick<IncomingMessage, "headers">): string {
  const given = headers[REQUEST_ID_HEADER]
  return typeof given === "string" && FIT.test(given) ? given : randomUUID()
}
