/** The faults a client can ask for by path: each a line of what it does, its parameters, and the doing. */
import { once } from "node:events"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { type Answer, jsonAnswer, withHeaders } from "./answer.ts"
import { type Asked, browseBody, browseDocument, jsonBody } from "./browse.ts"
import { echoBody } from "./echo.ts"
import type { Exchange } from "./exchange.ts"
import type { FaultRequest } from "./fault-path.ts"
import { applicationError, gatewayError, overRateLimit, rateLimit } from "./gateway.ts"

/** A fault and how to ask for it. */
export interface Fault {
  /** One line, for `--help`. */
  readonly does: string
  /** Parameters it takes beside `times`, with the form their values must have. */
  readonly parameters: Readonly<Record<string, Parameter>>
  /** Gives what to answer, or undefined where it has dealt with the connection itself; rejects when the client goes. */
  act(exchange: Exchange, value: (parameter: string) => string | undefined): Done | Promise<Done>
}

type Done = Answer | undefined

interface Parameter {
  /** As shown to a person, such as `SECONDS`. */
  readonly as: string
  readonly form: RegExp
}

const WHOLE: RegExp = /^\d{1,7}$/
const MILLISECONDS: Parameter = { as: "MILLISECONDS", form: WHOLE }
const SECONDS: Parameter = { as: "SECONDS", form: WHOLE }
const MEGABYTES: Parameter = { as: "MEGABYTES", form: /^[1-9]\d{0,3}$/ }
// Any printable text, so that a client can be shown a Retry-After that is neither a number nor a date.
const RETRY_AFTER: Parameter = { as: "SECONDS", form: /^[\x20-\x7e]+$/ }

/** Every fault takes it: only the first so many requests to exactly that prefix get the fault. */
export const TIMES: Parameter = { as: "N", form: WHOLE }

/**
 * All faults by name. Those that alter a page (`wrong-page`, `rate-low`, `old-record`, `echo`) and `slow`, which ends
 * in an ordinary answer, go through the gateway's key check and rate limit; the others stand for something before it.
 */
const FAULTS: Readonly<Record<string, Fault>> = {
  slow: {
    does: "answers as usual, but only after the delay (1000 by default)",
    parameters: { ms: MILLISECONDS },
    async act({ gone, ordinary }, value) {
      await sleep(Number(value("ms") ?? 1000), undefined, { signal: gone })
      return ordinary()
    },
  },
  hang: {
    does: "accepts the request and never answers",
    parameters: {},
    async act({ gone }) {
      if (!gone.aborted) await once(gone, "abort")
      return undefined
    },
  },
  trickle: {
    does: "sends the page a byte at a time, with the delay (100 by default) after each",
    parameters: { ms: MILLISECONDS },
    async act({ asked, response, gone }, value) {
      const body = browseBody(asked)
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length })
      for (const byte of body) {
        response.write(Uint8Array.of(byte))
        await sleep(Number(value("ms") ?? 100), undefined, { signal: gone })
      }
      response.end()
      return undefined
    },
  },
  cut: {
    does: "declares the whole page's length, sends half of it, destroys the socket",
    parameters: {},
    act({ asked, response }) {
      const body = browseBody(asked)
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length })
      response.write(firstHalf(body), () => response.destroy())
      return undefined
    },
  },
  "cut-json": {
    does: "a complete HTTP answer, connection closed, whose JSON ends in the middle",
    parameters: {},
    act: ({ asked }) => jsonAnswer(firstHalf(browseBody(asked)), { Connection: "close" }),
  },
  reset: {
    does: "resets the connection before any header",
    parameters: {},
    act({ request }) {
      request.socket.resetAndDestroy()
      return undefined
    },
  },
  html200: {
    does: "200 with an HTML page",
    parameters: {},
    act: () => htmlAnswer(200, "Maintenance", "We will be back soon."),
  },
  "429": {
    does: "over the rate limit, as text/html (as reported); Retry-After in seconds, as a date so far ahead, or absent",
    parameters: { "retry-after": RETRY_AFTER, "retry-after-date": SECONDS },
    act({ now }, value) {
      const ahead = value("retry-after-date")
      const date = ahead === undefined ? undefined : new Date(now() + Number(ahead) * 1000).toUTCString()
      // github.com/nasa/api-docs/issues/210: a limit of 2000, and a text/html content type.
      return overRateLimit(2000, { "Content-Type": "text/html", ...retryAfter(date ?? value("retry-after")) })
    },
  },
  "503": {
    does: "Heroku's HTML “Application error”",
    parameters: { "retry-after": RETRY_AFTER },
    act(_exchange, value) {
      const text = "An error occurred in the application and your page could not be served."
      return withHeaders(htmlAnswer(503, "Application error", text), retryAfter(value("retry-after")))
    },
  },
  redirect: {
    does: "302 to the URL, by default at another origin with the caller's key in its query",
    parameters: { to: { as: "PERCENT-ENCODED-URL", form: /^[\x21-\x7e]+$/ } },
    act({ asked: { page, size, key } }, value) {
      const elsewhere = `https://elsewhere.example/neo/rest/v1/neo/browse?page=${page}&size=${size}&api_key=${key}`
      return { status: 302, headers: { Location: value("to") ?? elsewhere }, body: new Uint8Array() }
    },
  },
  "wrong-page": {
    does: "the page after the one asked for",
    parameters: {},
    act: altered((asked) => browseBody({ ...asked, page: asked.page + 1 })),
  },
  "wrong-shape": {
    does: "valid JSON without near_earth_objects",
    parameters: {},
    act({ asked }) {
      const { links, page } = browseDocument(asked)
      return jsonAnswer(jsonBody({ links, page }))
    },
  },
  "not-utf8": {
    does: "the page with a byte in a name that is not UTF-8",
    parameters: {},
    act({ asked }) {
      const body = browseBody(asked)
      const name = '"name":"'
      body[body.indexOf(name) + name.length] = 0xe9 // é in Latin-1
      return jsonAnswer(body)
    },
  },
  "old-record": {
    does: "the page's objects without id, designation, is_sentry_object and name_limited, as those of 2016 and 2017",
    parameters: {},
    act: altered((asked) => {
      const page = browseDocument(asked)
      const old = page.near_earth_objects.map(
        ({ id: _id, designation: _designation, is_sentry_object: _sentry, name_limited: _name, ...rest }) => rest,
      )
      return jsonBody({ ...page, near_earth_objects: old })
    }),
  },
  "rate-low": {
    does: "the page, with X-RateLimit-Remaining at 5 % of the limit",
    parameters: {},
    act({ asked, admit }) {
      const admitted = admit()
      if (!("key" in admitted)) return admitted
      return jsonAnswer(browseBody(asked), rateLimit(admitted.limit, Math.floor(admitted.limit * 0.05)))
    },
  },
  echo: {
    does: "a page with the caller's key in many hostile places, and beside it what a cleaner must not touch",
    parameters: {},
    act: altered(echoBody),
  },
  big: {
    does: "a valid page of that size (megabytes of 10^6 bytes, 100 by default), of no declared length",
    parameters: { mb: MEGABYTES },
    act: (exchange, value) => sendBig(exchange, Number(value("mb") ?? 100), false),
  },
  "big-declared": {
    does: "the same with Content-Length",
    parameters: { mb: MEGABYTES },
    act: (exchange, value) => sendBig(exchange, Number(value("mb") ?? 100), true),
  },
  "not-found": {
    does: "404 of the application, in its own shape",
    parameters: {},
    act: ({ path }) => applicationError(404, "NOT_FOUND", path),
  },
  status: {
    does: "a gateway error with that status (500 by default)",
    parameters: { code: { as: "400–599", form: /^[45]\d\d$/ } },
    act: (_exchange, value) =>
      gatewayError(Number(value("code") ?? 500), "STANDIN_FAULT", "The stand-in was asked for this status"),
  },
  unauthorized: {
    does: "401 of the gateway",
    parameters: {},
    act: () => gatewayError(401, "API_KEY_UNAUTHORIZED", "The api_key supplied is not authorized"),
  },
}

/** The names a client can ask for. */
export const FAULT_NAMES: readonly string[] = Object.keys(FAULTS)

/** A line for each fault: name, parameters, what it does. */
export function describeFaults(): readonly string[] {
  return Object.entries(FAULTS).map(([name, { does, parameters }]) => {
    const forms = Object.entries(parameters).map(([parameter, { as }]) => `[;${parameter}=${as}]`)
    return `${name}${forms.join("")}: ${does}`
  })
}

/** The fault asked for and its values, or what is wrong with the asking, in one line. */
export function findFault(asked: FaultRequest): { fault: Fault; times: number } | { wrong: string } {
  // By own name only: "constructor" is no fault.
  const fault = Object.hasOwn(FAULTS, asked.name) ? FAULTS[asked.name] : undefined
  if (!fault) return { wrong: `no fault is named ${JSON.stringify(asked.name)}; there are: ${FAULT_NAMES.join(", ")}` }
  const known: Readonly<Record<string, Parameter>> = { ...fault.parameters, times: TIMES }
  for (const [name, value] of asked.parameters) {
    const parameter = Object.hasOwn(known, name) ? known[name] : undefined
    if (!parameter)
      return { wrong: `${asked.name} takes no ${JSON.stringify(name)}, but: ${Object.keys(known).join(", ")}` }
    if (!parameter.form.test(value)) return { wrong: `${asked.name};${name}= wants ${parameter.as}` }
  }
  return { fault, times: Number(asked.parameters.get("times") ?? Number.POSITIVE_INFINITY) }
}

/** A fault that is a page of another content: let in as usual, then answered with the body. */
function altered(body: (asked: Asked) => Uint8Array): Fault["act"] {
  return ({ asked, admit }) => {
    const admitted = admit()
    return "key" in admitted ? jsonAnswer(body(asked), admitted.headers) : admitted
  }
}

function firstHalf(body: Buffer): Buffer {
  return body.subarray(0, Math.floor(body.length / 2))
}

function retryAfter(value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { "Retry-After": value }
}

function htmlAnswer(status: number, title: string, text: string): Answer {
  const page = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><p>${text}</p></body></html>\n`
  return { status, headers: { "Content-Type": "text/html; charset=utf-8" }, body: Buffer.from(page) }
}

async function sendBig({ asked, response, gone }: Exchange, megabytes: number, declared: boolean): Promise<Done> {
  const size = megabytes * 1_000_000
  response.writeHead(200, { "Content-Type": "application/json", ...(declared ? { "Content-Length": size } : {}) })
  // `pipeline` waits for a slow reader and ends the generator when the client goes.
  await pipeline(Readable.from(bigPage(asked, size)), response, { signal: gone })
  return undefined
}

/** A page of exactly that many bytes: its objects over and over, and spaces where one more would not fit. */
function* bigPage(asked: Asked, size: number): Generator<Buffer> {
  const page = browseBody({ ...asked, page: 0 })
  const document = browseBody(asked)
  const opening = '"near_earth_objects":['
  const head = document.subarray(0, document.indexOf(opening) + opening.length)
  const objects = page.subarray(page.indexOf(opening) + opening.length, -2)
  const more = Buffer.concat([Buffer.from(","), objects])
  const tail = Buffer.from("]}")
  yield head
  yield objects
  let left = size - head.length - objects.length - tail.length
  for (; left >= more.length; left -= more.length) yield more
  yield Buffer.alloc(left, " ")
  yield tail
}
