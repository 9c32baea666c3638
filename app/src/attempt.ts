/** One request to NeoWs, from connecting to the last byte, with what came of it. */
import type { Dispatcher } from "undici"
import { whenAborted } from "./aborted.ts"

/** Largest answer read, in bytes; the largest page seen is 0.8 MB. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** Largest body of an error answer that is looked at, in bytes: NASA's own have a few hundred, and cleaning more takes time. */
const MAX_ERROR_BYTES = 4096

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What came of one attempt. A `failure` may be tried again if `transient`. */
export type Outcome =
  | { readonly kind: "answer"; readonly body: Buffer; readonly headers: Headers }
  | { readonly kind: "refusal"; readonly status: number; readonly headers: Headers; readonly detail: Detail }
  | { readonly kind: "too-big"; readonly headers: Headers }
  | { readonly kind: "failure"; readonly what: string; readonly transient: boolean; readonly cause: unknown }

/** What an error answer says of itself. */
export interface Detail {
  /** The gateway's code (`API_KEY_INVALID`, …: https://api.data.gov/docs/developer-manual/). */
  readonly code?: string
  readonly message?: string
}

export interface Attempt {
  readonly url: URL
  readonly apiKey: string
  /** Milliseconds for all of it. */
  readonly timeoutMs: number
  readonly dispatcher: Dispatcher
  readonly userAgent: string
  readonly signal?: AbortSignal | undefined
  /** Largest answer read, in bytes. */
  readonly maxBytes: number
}

/** @throws the reason of `signal`, if it aborts; nothing else */
export async function attempt({
  url,
  apiKey,
  timeoutMs,
  dispatcher,
  userAgent,
  signal,
  maxBytes,
}: Attempt): Promise<Outcome> {
  const timedOut = new Error(`no complete answer within ${timeoutMs / 1000} s`)
  const stop = new AbortController()
  const interrupt = () => stop.abort(signal?.reason)
  signal?.addEventListener("abort", interrupt, { once: true })
  if (signal?.aborted) interrupt()
  const timer = setTimeout(() => stop.abort(timedOut), timeoutMs)
  try {
    const request = dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: "GET",
      headers: {
        accept: "application/json",
        "accept-encoding": "identity",
        "user-agent": userAgent,
        "x-api-key": apiKey,
      },
      signal: stop.signal,
    })
    request.catch(() => {})
    // undici looks at the signal once it is connected, and a connection can take its time (a proxy that stays silent).
    const { statusCode, headers, body } = await Promise.race([request, whenAborted(stop.signal)])
    if (statusCode !== 200) {
      const detail = await detailOf(body)
      signal?.throwIfAborted()
      return { kind: "refusal", status: statusCode, headers, detail }
    }
    const bytes = await readUpTo(maxBytes, body, headers)
    return bytes === undefined ? { kind: "too-big", headers } : { kind: "answer", body: bytes, headers }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (stop.signal.aborted) return { kind: "failure", what: timedOut.message, transient: true, cause: timedOut }
    return failureOf(error, url)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", interrupt)
  }
}

type Body = Dispatcher.ResponseData["body"]

/** The whole body, or undefined as soon as it is known to be larger; the rest is not read then. */
async function readUpTo(limit: number, body: Body, headers: Headers): Promise<Buffer | undefined> {
  if (Number(headers["content-length"]) > limit) {
    abandon(body)
    return undefined
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > limit) {
      abandon(body)
      return undefined
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

/** An error body that is slow, cut short or no JSON takes nothing from its status. */
async function detailOf(body: Body): Promise<Detail> {
  try {
    const bytes = await readUpTo(MAX_ERROR_BYTES, body, {})
    const parsed: unknown = JSON.parse(bytes?.toString() ?? "")
    const told = Object(Object(parsed)["error"] ?? parsed) as Record<string, unknown>
    const { code, http_error, message, error_message } = told
    const name = [code, http_error].find((value) => typeof value === "string" && value !== "")
    const text = [message, error_message].find((value) => typeof value === "string" && value !== "")
    return {
      ...(typeof name === "string" ? { code: name } : {}),
      ...(typeof text === "string" ? { message: text } : {}),
    }
  } catch {
    return {}
  }
}

function abandon(body: Body): void {
  body.on("error", () => {})
  body.destroy()
}

/** What became of a connection, in words. @param host as a person knows it */
export function failureOf(error: unknown, { host }: { readonly host: string }): Outcome {
  const { code = "", message } = (error instanceof Error ? innermost(error) : new Error(String(error))) as Error & {
    code?: string
  }
  if (/^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(?:GET_ISSUER|VERIFY)|ERR_TLS_CERT)/.test(code)) {
    const what = `the certificate of ${host} is not trusted (${code}); a private authority goes in NODE_EXTRA_CA_CERTS`
    return { kind: "failure", what, transient: false, cause: error }
  }
  const refusal = Number(/Proxy response \((\d+)\)/.exec(message)?.[1])
  if (refusal >= 100) {
    const what = `the proxy refuses the way to ${host} (${refusal})${refusal === 407 ? ": it wants a user and password" : ""}`
    return { kind: "failure", what, transient: refusal >= 500, cause: error }
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) {
    return { kind: "failure", what: `${host} does not speak TLS as it should (${code})`, transient: true, cause: error }
  }
  const what = FAILURES[code]?.(host) ?? `the connection to ${host} failed: ${message || code}`
  return { kind: "failure", what, transient: true, cause: error }
}

/** Node tries every address of a name and then throws their errors together. */
function innermost(error: Error): Error {
  return error instanceof AggregateError && error.errors[0] instanceof Error ? error.errors[0] : error
}

const FAILURES: Readonly<Record<string, (host: string) => string>> = {
  ECONNREFUSED: (host) => `${host} refuses the connection`,
  ENOTFOUND: (host) => `the host name of ${host} is not known`,
  EAI_AGAIN: (host) => `the host name of ${host} could not be looked up`,
  ECONNRESET: (host) => `${host} cut the connection`,
  UND_ERR_SOCKET: (host) => `${host} closed the connection before the answer was complete`,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: (host) => `the answer of ${host} is shorter than it said`,
  UND_ERR_CONNECT_TIMEOUT: (host) => `no connection to ${host} in time`,
}
