/** Requests to S3 that end: an attempt within its time, and an answer within its size, whatever the server does. */
import type { Readable } from "node:stream"
import { NodeHttpHandler, type NodeHttpHandlerOptions } from "@smithy/node-http-handler"
import { whenAborted } from "./aborted.ts"
import { retryAfterSeconds } from "./retry.ts"

/** Largest body of an answer that is looked at, in bytes; S3's own errors have a few hundred. */
const MAX_ANSWER_BYTES = 64 * 1024

export interface Bounds {
  /** Milliseconds for one attempt, from connecting to the last byte of the answer. */
  readonly timeoutMs: number
  /** Longest `Retry-After` that is sat out, milliseconds; a longer one counts as this one. */
  readonly maxWaitMs: number
}

/** The SDK's own handler, but for its bounds: the SDK's end with the headers, and start anew with each byte. */
export class BoundedHandler extends NodeHttpHandler {
  readonly #bounds: Bounds

  constructor(options: NodeHttpHandlerOptions, bounds: Bounds) {
    super(options)
    this.#bounds = bounds
  }

  /** @throws an error with the name TimeoutError, after which the SDK tries again */
  override async handle(
    ...[request, options = {}]: Parameters<NodeHttpHandler["handle"]>
  ): ReturnType<NodeHttpHandler["handle"]> {
    const { timeoutMs, maxWaitMs } = this.#bounds
    const timedOut = Object.assign(new Error(`no complete answer within ${timeoutMs / 1000} s`), {
      name: "TimeoutError",
    })
    const stop = new AbortController()
    const outer = options.abortSignal as AbortSignal | undefined
    const interrupt = () => stop.abort(outer?.reason)
    outer?.addEventListener("abort", interrupt, { once: true })
    if (outer?.aborted) interrupt()
    const timer = setTimeout(() => stop.abort(timedOut), timeoutMs)
    try {
      const handled = super.handle(request, { ...options, abortSignal: stop.signal })
      handled.catch(() => {})
      const { response } = await Promise.race([handled, whenAborted(stop.signal)])
      const body = response.body as Readable
      response.body = await Promise.race([bytesOf(body), whenAborted(stop.signal)]).finally(() => body.destroy())
      boundWaits(response.headers, maxWaitMs)
      return { response }
    } catch (error) {
      throw stop.signal.reason === timedOut ? timedOut : error
    } finally {
      clearTimeout(timer)
      outer?.removeEventListener("abort", interrupt)
    }
  }
}

/** The whole body; none of one that is too large to be S3's, which takes nothing from its status. */
async function bytesOf(body: Readable): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_ANSWER_BYTES) return new Uint8Array()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

/** The SDK reads seconds or a date in the one header, milliseconds in the other. */
function boundWaits(headers: Record<string, string>, maxWaitMs: number): void {
  const seconds = retryAfterSeconds(headers["retry-after"], headers["date"], Date.now())
  if (seconds !== undefined) headers["retry-after"] = `${Math.floor(Math.min(seconds * 1000, maxWaitMs) / 1000)}`
  const ms = headers["x-amz-retry-after"]
  if (ms !== undefined) headers["x-amz-retry-after"] = `${Math.min(Number(ms), maxWaitMs)}`
}
