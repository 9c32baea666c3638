/**
 * NeoWs “Browse” as a library: one page of NASA's near-Earth-object catalogue, cleaned of the caller's key.
 *
 * `GET <base>/neo/rest/v1/neo/browse?page=&size=` (https://api.nasa.gov, “Asteroids - NeoWs”), the key in the header
 * `X-Api-Key` (https://api.data.gov/docs/developer-manual/), which no access log, proxy or referrer keeps.
 * Limits: 1 000 requests an hour for a key; DEMO_KEY 30 an hour and 50 a day for an address.
 */
import type { Dispatcher } from "undici"
import { acceptAnswer, type NearEarthObject, type PageInfo } from "./answer.ts"
import { isApiKey, mayCarry } from "./api-key.ts"
import { attempt, type Detail, MAX_ANSWER_BYTES, type Outcome } from "./attempt.ts"
import { causeOf } from "./cause.ts"
import { type Clock, systemClock } from "./clock.ts"
import { type Layout, layOut } from "./document.ts"
import {
  AnswerTooLarge,
  KeyRejected,
  OutOfTime,
  PageOutOfRange,
  RateLimited,
  UnexpectedAnswer,
  UpstreamUnavailable,
} from "./errors.ts"
import { type RateLimit, rateLimitOf } from "./rate-limit.ts"
import { NotCleanable, redactorOf, withoutKey } from "./redact.ts"
import { backoffMs, isTransient, retryAfterSeconds } from "./retry.ts"
import { printable } from "./terminal.ts"

export type { CloseApproach, NearEarthObject, PageInfo } from "./answer.ts"
export { DEMO_KEY, isApiKey, mayCarry } from "./api-key.ts"
export { type Clock, systemClock } from "./clock.ts"
export type { Layout } from "./document.ts"
export * from "./errors.ts"
export type { RateLimit } from "./rate-limit.ts"
export { withoutKey } from "./redact.ts"

export const DEFAULT_BASE_URL = "https://api.nasa.gov"
/** The API's own default and maximum of objects a page. */
export const MAX_PAGE_SIZE = 20
/** Values of an answer, at most; the largest page seen has some 20 000. What is read takes memory by their number. */
const MAX_VALUES = 1_000_000
/** Largest page number that the API's 32-bit integer holds. */
export const MAX_PAGE = 2_147_483_647

export interface BrowseRequest {
  /** Zero-based page, 0 to {@link MAX_PAGE}. */
  readonly page: number
  /** Objects a page, 1 to {@link MAX_PAGE_SIZE}. */
  readonly size: number
  /** 8 to 128 of `A-Z a-z 0-9 _ -`. */
  readonly apiKey: string
  /** Origin, perhaps with a path prefix; no user, query or fragment. */
  readonly baseUrl: URL
}

export interface BrowseOptions {
  /** undici dispatcher (agent, proxy agent) that carries the requests; the caller closes it. */
  readonly dispatcher: Dispatcher
  /** Milliseconds for one attempt, from connecting to the last byte. */
  readonly timeoutMs: number
  /** Further attempts after the first, ≥ 0. */
  readonly retries: number
  /** Longest `Retry-After` that is waited out, milliseconds. */
  readonly maxWaitMs: number
  /** Value of the `User-Agent` header. */
  readonly userAgent: string
  /** Ends everything at once; its reason is thrown. */
  readonly signal?: AbortSignal
  /** Time and chance. Default: the system's. */
  readonly clock?: Clock
  /** When all of it must be over, attempts, waits and cleaning. Default: never. */
  readonly deadline?: Deadline
  /** Largest answer read, in bytes. Default: 64 MiB. */
  readonly maxBytes?: number
  /** Most values (members, elements, objects) of an answer that is read. Default: 1 000 000. */
  readonly maxValues?: number
  /** How the document is laid out. Default: `indented`. */
  readonly layout?: Layout
  /** Told what each answer, of an error too, says of the rate limit. */
  readonly onRateLimit?: (rateLimit: RateLimit) => void
  /** Told before each wait. */
  readonly onRetry?: (retry: Retry) => void
}

/** An end in time. */
export interface Deadline {
  /** Milliseconds since 1970, by the clock. */
  readonly at: number
  /** Milliseconds of computing that such an answer is reckoned at, ≥ 0: one that would take too long is not begun. */
  reckonMs(bytes: number, values: number): number
}

/** A failed attempt that is about to be made again. */
export interface Retry {
  /** The attempt that failed, from 1. */
  readonly attempt: number
  /** Attempts that will be made at most. */
  readonly attempts: number
  /** What happened, for a person. */
  readonly what: string
  /** Milliseconds until the next one. */
  readonly waitMs: number
}

/** A page of the catalogue. */
export interface BrowsePage {
  /** The answer as JSON text, free of the key and otherwise as the API sent it; indented it ends with a newline. */
  readonly document: string
  readonly page: PageInfo
  readonly objects: readonly NearEarthObject[]
  /** Bytes of the answer's body. */
  readonly bytes: number
  /** Values of it: members, elements and objects, or somewhat more. */
  readonly values: number
  /** Attempts made, from 1. */
  readonly attempts: number
  readonly rateLimit: RateLimit
}

/** The address of a page, without the key. */
export function browseUrl({ baseUrl, page, size }: Omit<BrowseRequest, "apiKey">): URL {
  const url = new URL(baseUrl)
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/neo/rest/v1/neo/browse`
  url.search = `?page=${page}&size=${size}`
  return url
}

/**
 * Fetches one page. Tries again after connect errors, time-outs, 408, 425, 429, 5xx, a body cut short and a 200 that
 * is no JSON, waiting with full jitter or as long as `Retry-After` asks (up to `maxWaitMs`).
 *
 * @throws RangeError a page or size out of range
 * @throws TypeError a key that can be none, or one that plain `http:` would carry in the clear
 * @throws UnexpectedAnswer the answer is no NeoWs page, is another page, or can't be cleaned of the key
 * @throws AnswerTooLarge (an UnexpectedAnswer) the answer exceeds `maxBytes`
 * @throws OutOfTime the deadline leaves no time for a first or for a further attempt, or for cleaning what came
 * @throws PageOutOfRange the page is empty, or the API answers 404
 * @throws RateLimited 429 to the last attempt, or a wait past `maxWaitMs` or the deadline
 * @throws KeyRejected 401 or 403
 * @throws UpstreamUnavailable all else: no connection, time-outs, 5xx, other 4xx, a redirect (never followed: it would
 *   carry the key to another origin)
 */
export async function browse(request: BrowseRequest, options: BrowseOptions): Promise<BrowsePage> {
  const { clock = systemClock, retries, signal, onRetry, onRateLimit, deadline, maxBytes = MAX_ANSWER_BYTES } = options
  assertUsable(request)
  const url = browseUrl(request)
  const attempts = retries + 1
  // Messages quote what the server said, and a server that echoes the key in its links may do so in its errors.
  const safe = (text: string) => printable(withoutKey(text, request.apiKey))
  const leftMs = () => (deadline === undefined ? Number.POSITIVE_INFINITY : deadline.at - clock.now())
  let last = ""
  for (let made = 1; ; made += 1) {
    signal?.throwIfAborted()
    const givenMs = leftMs()
    if (givenMs <= 0) throw outOfTime(made - 1, last)
    const timeoutMs = Math.min(options.timeoutMs, givenMs)
    const outcome = await attempt({ ...options, url, apiKey: request.apiKey, timeoutMs, maxBytes })
    if ("headers" in outcome) onRateLimit?.(rateLimitOf(outcome.headers))
    const { layout = "indented", maxWaitMs, maxValues = MAX_VALUES } = options
    const values = outcome.kind === "answer" ? valuesIn(outcome.body, maxValues) : 0
    if (outcome.kind === "answer" && values <= maxValues && deadline) {
      const { length } = outcome.body
      if (deadline.reckonMs(length, values) > leftMs()) {
        throw outOfTime(made, `an answer of ${length} bytes came too late to be cleaned`)
      }
    }
    const judging = {
      nowMs: clock.now(),
      maxWaitMs: Math.max(0, Math.min(maxWaitMs, leftMs())),
      safe,
      layout,
      maxBytes,
      maxValues,
      values,
    }
    const verdict = judge(outcome, request, judging)
    if ("page" in verdict) return { ...verdict, attempts: made }
    const { error, what, transient, retryAfter } = verdict
    last = what
    // A time-out that was cut short by the deadline says nothing of the API.
    if (transient && leftMs() <= TIMER_SLACK_MS && !(error instanceof RateLimited)) throw outOfTime(made, what)
    if (!transient || made === attempts) {
      if (made > 1) error.message += `; ${made} attempts`
      throw error
    }
    const waitMs = Math.max(
      (retryAfter ?? 0) * 1000,
      backoffMs(made - 1, () => clock.random()),
    )
    if (waitMs >= leftMs()) {
      if (error instanceof RateLimited) throw error
      throw outOfTime(made, what)
    }
    onRetry?.({ attempt: made, attempts, what, waitMs })
    await clock.sleep(waitMs, signal)
  }
}

const MIB = 1024 * 1024
/** Node's timers count whole milliseconds from the turn they were set in, and may end one early by the clock. */
const TIMER_SLACK_MS = 2

function outOfTime(attempts: number, last: string): OutOfTime {
  if (attempts === 0) return new OutOfTime("no time is left for a request")
  const made = attempts === 1 ? "1 attempt" : `${attempts} attempts`
  return new OutOfTime(`the time is used up after ${made}; the last: ${last}`)
}

function assertUsable({ page, size, apiKey, baseUrl }: BrowseRequest): void {
  if (!(Number.isInteger(page) && page >= 0 && page <= MAX_PAGE)) throw new RangeError(`page: 0 to ${MAX_PAGE}`)
  if (!(Number.isInteger(size) && size >= 1 && size <= MAX_PAGE_SIZE))
    throw new RangeError(`size: 1 to ${MAX_PAGE_SIZE}`)
  if (!isApiKey(apiKey)) throw new TypeError("apiKey: 8 to 128 of A-Z a-z 0-9 _ -")
  if (!mayCarry(baseUrl, apiKey))
    throw new TypeError(`baseUrl: http://${baseUrl.host} would carry the key in the clear`)
}

/**
 * Values, near enough: each but the first in its array or object follows one of these bytes.
 *
 * @param most how many are of interest: what has more is not counted to its end
 */
function valuesIn(body: Buffer, most: number): number {
  let values = 0
  for (let at = 0; at < body.length && values <= most; at += 1) {
    const byte = body[at]
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) values += 1
  }
  return values
}

interface Failure {
  readonly error: Error
  readonly what: string
  readonly transient: boolean
  /** Seconds. */
  readonly retryAfter?: number | undefined
}

type Verdict = Omit<BrowsePage, "attempts"> | Failure

interface Judging {
  readonly nowMs: number
  readonly maxWaitMs: number
  /** The server's words, fit to be said: to be applied before they are cut short, as half a key is no key to find. */
  readonly safe: (text: string) => string
  readonly layout: Layout
  readonly maxBytes: number
  readonly maxValues: number
  /** Values of the answer. */
  readonly values: number
}

function judge(outcome: Outcome, request: BrowseRequest, judging: Judging): Verdict {
  switch (outcome.kind) {
    case "answer":
      return read(outcome, request, judging)
    case "too-big":
      return final(new AnswerTooLarge(`the answer is larger than ${judging.maxBytes / MIB} MiB`))
    case "failure": {
      const what = judging.safe(outcome.what)
      const error = new UpstreamUnavailable(what, { cause: causeOf(outcome.cause, judging.safe) })
      return { error, what, transient: outcome.transient }
    }
    case "refusal":
      return refused(outcome, request, judging)
  }
}

function read(
  { body, headers }: Outcome & { kind: "answer" },
  { page, apiKey }: BrowseRequest,
  { safe, layout, maxValues, values }: Judging,
): Verdict {
  let json: string
  let value: unknown
  if (values > maxValues) {
    return final(new UnexpectedAnswer(`the answer is not a NeoWs page: it holds more than ${maxValues} values`))
  }
  try {
    json = new TextDecoder("utf-8", { fatal: true }).decode(body)
    value = JSON.parse(json)
  } catch {
    // No cause: a SyntaxError quotes the document.
    const type = one(headers["content-type"])
    const what = `the answer is not JSON (${body.length} bytes${type === undefined ? "" : ` of ${safe(type).slice(0, 60)}`})`
    return { error: new UnexpectedAnswer(what), what, transient: true }
  }
  try {
    const answer = acceptAnswer(value, page)
    const document = layOut(json, redactorOf(apiKey), apiKey, layout)
    const clean = JSON.parse(document) as Partial<typeof answer>
    return {
      document,
      page: pageInfoOf(clean.page, page),
      objects: clean.near_earth_objects ?? [],
      bytes: body.length,
      values,
      rateLimit: rateLimitOf(headers),
    }
  } catch (error) {
    if (error instanceof NotCleanable) {
      return final(new UnexpectedAnswer("the answer holds the API key where it can't be taken out"))
    }
    if (error instanceof RangeError) {
      return final(new UnexpectedAnswer(`the answer is not a NeoWs page: ${error.message}`))
    }
    return final(error as Error)
  }
}

/** The figures of `page` that are figures; whatever else stands there is not passed on. */
function pageInfoOf(page: Partial<PageInfo> | undefined, number: number): PageInfo {
  const told = ["size", "total_elements", "total_pages"] as const
  const figures = told.filter((name) => Number.isSafeInteger(page?.[name]) && (page?.[name] ?? -1) >= 0)
  return { number, ...Object.fromEntries(figures.map((name) => [name, page?.[name]])) }
}

function refused(outcome: Outcome & { kind: "refusal" }, request: BrowseRequest, judging: Judging): Verdict {
  const { status, headers, detail } = outcome
  const { nowMs, maxWaitMs, safe } = judging
  const { host } = request.baseUrl
  const told = toldBy(detail, safe)
  if (status === 401 || status === 403) return final(new KeyRejected(`${host} rejects the API key (${status}${told})`))
  if (status === 404) return final(new PageOutOfRange(request.page))
  const location = one(headers["location"])
  if (status >= 300 && status < 400 && location !== undefined) {
    const target = targetOf(safe(location), browseUrl(request)).slice(0, 200)
    return final(
      new UpstreamUnavailable(`${host} redirects (${status}) to ${target}: not followed, the key would go along`),
    )
  }
  const what = `${host} answers ${status}${told}`
  if (!isTransient(status)) return final(new UpstreamUnavailable(what))
  const retryAfter = retryAfterSeconds(one(headers["retry-after"]), one(headers["date"]), nowMs)
  const tooLong = retryAfter !== undefined && retryAfter * 1000 > maxWaitMs
  const when = retryAfter === undefined ? "" : comeBack(retryAfter, nowMs)
  const beyond = tooLong ? `, longer than the ${Math.floor(maxWaitMs) / 1000} s it may wait` : ""
  const error =
    status === 429
      ? new RateLimited(
          `the rate limit is used up (429${told})${when || "; it is counted by the hour"}${beyond}`,
          retryAfter,
        )
      : new UpstreamUnavailable(`${what}${when}${beyond}`)
  return { error, what, transient: !tooLong, retryAfter }
}

function final(error: Error): Failure {
  return { error, what: error.message, transient: false }
}

function comeBack(seconds: number, nowMs: number): string {
  const at = new Date(nowMs + seconds * 1000)
  if (Number.isNaN(at.getTime())) return "; it asks to wait for ages"
  return `; come back in ${Math.ceil(seconds)} s (${at.toISOString().slice(0, 19)}Z)`
}

/** What the error answer says, on one short line. */
function toldBy({ code, message }: Detail, safe: (text: string) => string): string {
  const parts = [code, message].filter((part) => part !== undefined)
  return parts.length === 0 ? "" : `, ${safe(parts.join(": ")).replace(/\s+/g, " ").slice(0, 200)}`
}

/** Where a redirect leads, without query, fragment and user, which may hold anything. */
function targetOf(location: string, from: URL): string {
  if (!URL.canParse(location, from.href)) return "an address that is no URL"
  const target = new URL(location, from)
  return target.origin === "null" ? `${target.protocol}${target.pathname}` : target.origin + target.pathname
}

function one(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
