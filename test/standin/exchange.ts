/** One request under way, as a fault is handed it. */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Answer } from "./answer.ts"
import type { Asked } from "./browse.ts"
import type { Admitted } from "./gateway.ts"

/** A request and what can be done about it. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** What the request would get a page for; its key is empty where the caller sent none. */
  readonly asked: Asked
  /** The path without fault prefix and query. */
  readonly path: string
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Fires when the client has gone, or the stand-in closes. */
  readonly gone: AbortSignal
  /** Lets the request in and counts it, or gives the gateway's refusal. */
  admit(): Admitted | Answer
  /** The answer there would be without a fault; asks the gateway. */
  ordinary(): Answer
}
