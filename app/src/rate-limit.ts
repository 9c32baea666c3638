/** The gateway's account of the caller's requests (api.data.gov, “Rate limits”: X-RateLimit-Limit, X-RateLimit-Remaining). */

/** Requests of one key; absent members were not told, or not as whole numbers. */
export interface RateLimit {
  /** Requests allowed in the window (an hour, rolling). */
  readonly limit?: number
  /** Requests left in it. */
  readonly remaining?: number
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

export function rateLimitOf(headers: Headers): RateLimit {
  const limit = wholeNumber(headers["x-ratelimit-limit"])
  const remaining = wholeNumber(headers["x-ratelimit-remaining"])
  return { ...(limit === undefined ? {} : { limit }), ...(remaining === undefined ? {} : { remaining }) }
}

/** Whether less than a tenth of the requests are left. */
export function isNearlyUsedUp({ limit, remaining }: RateLimit): boolean {
  return limit !== undefined && remaining !== undefined && remaining < limit / 10
}

function wholeNumber(value: string | string[] | undefined): number | undefined {
  const text = Array.isArray(value) ? value[0] : value
  return text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : undefined
}
