/** The stand-in for NeoWs: an HTTP server with the API's pages, the gateway's manners, and faults on request. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { type Answer, jsonAnswer, send, withHeaders } from "./answer.ts"
import { browseBody, readAsked } from "./browse.ts"
import type { Exchange } from "./exchange.ts"
import { type FaultRequest, readFaultPath } from "./fault-path.ts"
import { findFault } from "./faults.ts"
import { applicationError, callerKey, Gateway, gatewayError } from "./gateway.ts"

/** How a stand-in is set up; nothing is needed. */
export interface StandinOptions {
  /** Address to listen on, 127.0.0.1 by default. */
  readonly host?: string
  /** 0 to 65535; 0, the default, lets the system choose. */
  readonly port?: number
  /** The only keys accepted; by default DEMO_KEY and all of 40 letters and digits. */
  readonly keys?: readonly string[]
  /** Requests a key may make in any 60 minutes, 1000 by default. */
  readonly hourlyLimit?: number
  /** The same for DEMO_KEY, 30 by default. (Its 50 a day are not kept.) */
  readonly demoHourlyLimit?: number
  /** Milliseconds since 1970, for rate limits and dates; the machine's clock by default. */
  readonly now?: () => number
  /** Served for every browse request without a fault, after the key check: for recorded answers. */
  readonly answer?: { readonly status?: number; readonly headers?: Record<string, string>; readonly body: Uint8Array }
  /** Told a line for each request when it is over: method, path without query, status; never the key. */
  readonly log?: (line: string) => void
}

/** A request as it arrived. */
export interface SeenRequest {
  readonly method: string
  /** With query and fault prefix, as on the request line. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** By the option `now`. */
  readonly time: number
}

/** A stand-in that listens. */
export interface Standin {
  /** The base URL, without a slash at the end. */
  readonly url: string
  readonly port: number
  /** All requests so far, in order. */
  readonly requests: readonly SeenRequest[]
  /** Stops listening and ends all that is under way; may be called again. */
  close(): Promise<void>
}

const BROWSE = "/neo/rest/v1/neo/browse"

/** Starts a stand-in; rejects with the system's error (such as EADDRINUSE) where it cannot listen. */
export async function startStandin(options: StandinOptions = {}): Promise<Standin> {
  const host = options.host ?? "127.0.0.1"
  const now = options.now ?? Date.now
  const requests: SeenRequest[] = []
  const answer = answering(options, now)
  const server = createServer((request, response) => {
    const path = request.url ?? "/"
    requests.push({ method: request.method ?? "", path, headers: request.headers, time: now() })
    request.resume()
    answer(request, response)
  })
  // A client that keeps connections must not meet one that closes just as it is used again.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    requests,
    close() {
      closed ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closed
    },
  }
}

/** The answering of requests, with what is remembered from one to the next. */
function answering(options: StandinOptions, now: () => number) {
  const gateway = new Gateway({
    keys: options.keys,
    hourlyLimit: options.hourlyLimit ?? 1000,
    demoHourlyLimit: options.demoHourlyLimit ?? 30,
    now,
  })
  const served = new Map<string, number>()

  return (request: IncomingMessage, response: ServerResponse): void => {
    const { path, query } = splitTarget(request.url ?? "/")
    const key = callerKey(request.headers, query)
    const client = new AbortController()
    response.once("close", () => {
      client.abort()
      options.log?.(logLine(request, response, path, key))
    })
    const wanted = readFaultPath(path)
    const exchange: Exchange = {
      request,
      response,
      asked: readAsked(query, key ?? ""),
      path: wanted?.rest ?? path,
      now,
      gone: client.signal,
      admit: () => gateway.admit(key),
      ordinary: () => ordinaryAnswer(exchange, options.answer),
    }
    answerTo(exchange, wanted, served)
  }
}

/** Sends an answer, or runs a fault to its end; a client that goes ends it early, which is no error. */
async function answerTo(exchange: Exchange, wanted: FaultRequest | undefined, served: Map<string, number>) {
  const { response, gone } = exchange
  try {
    const answer = await (wanted ? faultyAnswer(exchange, wanted, served) : exchange.ordinary())
    if (answer && !gone.aborted) send(response, answer)
  } catch (error) {
    if (gone.aborted) return
    if (response.headersSent) response.destroy()
    else send(response, gatewayError(500, "STANDIN_BUG", String(error)))
  }
}

function faultyAnswer(exchange: Exchange, wanted: FaultRequest, served: Map<string, number>) {
  const found = findFault(wanted)
  if ("wrong" in found) return gatewayError(400, "STANDIN_FAULT", found.wrong)
  const turn = (served.get(wanted.prefix) ?? 0) + 1
  served.set(wanted.prefix, turn)
  if (turn > found.times) return exchange.ordinary()
  return found.fault.act(exchange, (name) => wanted.parameters.get(name))
}

/** Without a fault the gateway looks at the path, then at the key; the application behind it answers what is left. */
function ordinaryAnswer({ request, asked, path, admit }: Exchange, recorded: StandinOptions["answer"]): Answer {
  if (!path.startsWith("/neo/")) return gatewayError(404, "NOT_FOUND", NOT_FOUND)
  const admitted = admit()
  if (!("key" in admitted)) return admitted
  if (path !== BROWSE) return withHeaders(applicationError(404, "NOT_FOUND", path), admitted.headers)
  if (request.method !== "GET" && request.method !== "HEAD") {
    return withHeaders(applicationError(405, "METHOD_NOT_ALLOWED", path), admitted.headers)
  }
  if (!recorded) return jsonAnswer(browseBody(asked), admitted.headers)
  const answer = jsonAnswer(recorded.body, { ...admitted.headers, ...recorded.headers })
  return { ...answer, status: recorded.status ?? 200 }
}

// https://developer.nrel.gov/docs/errors: the words of the same gateway elsewhere.
const NOT_FOUND = "An API could not be found at the given URL. Check your URL."

/** Path and query of a request line, nothing normalised, so that a fault's prefix is what the client wrote. */
function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const mark = target.indexOf("?")
  if (mark === -1) return { path: target, query: new URLSearchParams() }
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark)) }
}

/** A path can hold the key too, where a client or a redirect's URL puts it there, percent-encoded or not. */
function logLine(request: IncomingMessage, response: ServerResponse, path: string, key: string | undefined): string {
  // RFC 3986 §2.3: letters, digits, `-` and `_` mean the same encoded.
  const decoded = path.replace(/%([2-7][\dA-Fa-f])/g, (encoded, code: string) => {
    const letter = String.fromCharCode(Number.parseInt(code, 16))
    return /[\w-]/.test(letter) ? letter : encoded
  })
  const shown = key === undefined || key === "DEMO_KEY" ? decoded : decoded.replaceAll(key, "REDACTED")
  const status = response.headersSent ? response.statusCode : "no answer"
  const cut = response.headersSent && !response.writableFinished ? ", cut short" : ""
  return `${request.method} ${shown} ${status}${cut}`
}
