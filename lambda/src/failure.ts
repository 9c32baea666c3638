/** Every failure as its caller gets it: an error whose name Step Functions match, or an HTTP status. */
import { NeoWsError, RateLimited, withoutKey } from "@perigee/app/neows"
import { type HttpAnswer, httpAnswer } from "./answer.ts"
import { InternalError, InvalidPage, InvalidSize, KeyUnavailable, Misconfigured } from "./errors.ts"
import type { Caller } from "./event.ts"

const STATUSES: Readonly<Record<string, number>> = {
  InvalidPage: 400,
  InvalidSize: 400,
  PageOutOfRange: 404,
  RateLimited: 429,
  KeyRejected: 502,
  UnexpectedAnswer: 502,
  AnswerTooLarge: 502,
  UpstreamUnavailable: 503,
  OutOfTime: 504,
  // Not the upstream's fault: for whoever runs the function to mend.
  KeyUnavailable: 500,
  Misconfigured: 500,
  InternalError: 500,
}

/**
 * Seconds, where the API does not tell: a blocked key is let in again after an hour
 * (https://api.data.gov/docs/developer-manual/, “Web Service Rate Limits”).
 */
const RATE_LIMIT_SECONDS = 3600
/** Seconds, at most: no limit of NASA's is counted over more than a day, and callers wait by this figure. */
const MAX_RETRY_AFTER_SECONDS = 86_400

/** An error of a type that is told; any other is a defect, of which only that much is told. */
export function knownFailure(error: unknown): Error {
  const isKnown = [NeoWsError, InvalidPage, InvalidSize, KeyUnavailable, Misconfigured].some(
    (type) => error instanceof type,
  )
  return isKnown ? (error as Error) : new InternalError("a defect of the handler; its log says more")
}

/** @param keys the keys that were used, which no message may hold */
export function httpFailure(error: Error, requestId: string, caller: Caller, keys: readonly string[]): HttpAnswer {
  const headers = error instanceof RateLimited ? { "retry-after": `${secondsOf(error)}` } : {}
  const body = JSON.stringify({ error: error.name, message: clean(error.message, keys), requestId })
  return httpAnswer(STATUSES[error.name] ?? 500, { "cache-control": "no-store", ...headers }, body, caller)
}

/** The same name and words, and nothing else of the error: the runtime logs and sends whatever else it has. */
export function directFailure(error: Error, keys: readonly string[]): Error {
  const message = clean(error.message, keys)
  const told = new Error(
    error instanceof RateLimited ? JSON.stringify({ message, retryAfterSeconds: secondsOf(error) }) : message,
  )
  told.name = error.name
  // Where it was made here says nothing to a caller.
  told.stack = `${told.name}: ${told.message}`
  return told
}

export function clean(text: string, keys: readonly string[]): string {
  return keys.reduce((safe, key) => withoutKey(safe, key), text)
}

/** Whole seconds, 0 to a day. */
function secondsOf({ retryAfterSeconds = RATE_LIMIT_SECONDS }: RateLimited): number {
  if (!Number.isFinite(retryAfterSeconds)) return RATE_LIMIT_SECONDS
  return Math.min(Math.max(Math.ceil(retryAfterSeconds), 0), MAX_RETRY_AFTER_SECONDS)
}
