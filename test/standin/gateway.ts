/** What stands before NeoWs at api.nasa.gov (api.data.gov's API Umbrella): keys, rolling rate limits, error bodies. */
import type { IncomingHttpHeaders } from "node:http"
import { type Answer, withHeaders } from "./answer.ts"

/** Whom the gateway lets in, and how often. */
export interface GatewayOptions {
  /** The only keys accepted; without it DEMO_KEY and every key of today's form (40 letters and digits). */
  readonly keys?: readonly string[] | undefined
  /** Requests a key may make in any 60 minutes. */
  readonly hourlyLimit: number
  /** The same for DEMO_KEY. */
  readonly demoHourlyLimit: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** A request let in: the rate-limit headers its answer carries. */
export interface Admitted {
  readonly key: string
  readonly limit: number
  readonly headers: Readonly<Record<string, string>>
}

const HOUR = 3_600_000
const KEY_FORM = /^[A-Za-z0-9]{40}$/

/** The key of a request: the header X-Api-Key, else the query's `api_key`; empty counts as absent. */
export function callerKey(headers: IncomingHttpHeaders, query: URLSearchParams): string | undefined {
  const header = headers["x-api-key"]
  return (typeof header === "string" && header) || query.get("api_key") || undefined
}

/** Checks keys and counts requests, each key's own over a rolling hour; a refused request is not counted. */
export class Gateway {
  readonly #options: GatewayOptions
  readonly #accepted = new Map<string, number[]>()

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  /** Lets a request in and counts it, or answers in the API's place. */
  admit(key: string | undefined): Admitted | Answer {
    if (key === undefined) return gatewayError(403, "API_KEY_MISSING", MESSAGES.API_KEY_MISSING)
    if (!this.#knows(key)) return gatewayError(403, "API_KEY_INVALID", MESSAGES.API_KEY_INVALID)
    const limit = key === "DEMO_KEY" ? this.#options.demoHourlyLimit : this.#options.hourlyLimit
    const now = this.#options.now()
    const recent = (this.#accepted.get(key) ?? []).filter((time) => time > now - HOUR)
    this.#accepted.set(key, recent)
    if (recent.length >= limit) {
      const wait = Math.ceil(((recent[0] ?? now) + HOUR - now) / 1000)
      return overRateLimit(limit, { "Retry-After": String(wait) })
    }
    recent.push(now)
    return { key, limit, headers: rateLimit(limit, limit - recent.length) }
  }

  #knows(key: string): boolean {
    return this.#options.keys ? this.#options.keys.includes(key) : key === "DEMO_KEY" || KEY_FORM.test(key)
  }
}

/** The headers that say how many requests are left of the hour's. */
export function rateLimit(limit: number, remaining: number): Record<string, string> {
  return { "X-RateLimit-Limit": String(limit), "X-RateLimit-Remaining": String(remaining) }
}

/** A 429 with nothing left. */
export function overRateLimit(limit: number, headers: Readonly<Record<string, string>>): Answer {
  const answer = gatewayError(429, "OVER_RATE_LIMIT", MESSAGES.OVER_RATE_LIMIT)
  return withHeaders(answer, { ...rateLimit(limit, 0), ...headers })
}

/** An error of the gateway: `{"error":{"code","message"}}`, printed over several lines as recorded. */
export function gatewayError(status: number, code: string, message: string): Answer {
  return printed(status, { error: { code, message } })
}

/**
 * An error of the application behind the gateway, which has another shape. The recorded one names the request by the
 * application's own host and path, without a query.
 * @param path the path asked for, such as `/neo/rest/v1/wrong`
 */
export function applicationError(status: number, name: string, path: string): Answer {
  const request = `http://www.neowsapp.com${path.replace(/^\/neo(?=\/)/, "")}`
  return printed(status, { code: status, http_error: name, error_message: "No message available", request })
}

/** The gateway's words, as recorded in 2016–2022. */
const MESSAGES = {
  API_KEY_MISSING: "No api_key was supplied. Get one at https://api.nasa.gov:443",
  API_KEY_INVALID: "An invalid api_key was supplied. Get one at https://api.nasa.gov",
  OVER_RATE_LIMIT:
    "You have exceeded your rate limit. " +
    "Try again later or contact us at https://api.nasa.gov:443/contact/ for assistance",
}

function printed(status: number, document: unknown): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json" },
    body: Buffer.from(`${JSON.stringify(document, null, 2)}\n`),
  }
}
