/** When to try again: exponential backoff with full jitter, and `Retry-After` where the API asks for a time. */

const BASE_MS = 500
const CAP_MS = 20_000

/**
 * Wait before the next attempt: uniform in [0, min(20 s, 0.5 s × 2ⁿ)), “full jitter” of
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
 *
 * @param failures attempts that failed before, from 0
 * @param random uniform in [0, 1)
 * @returns milliseconds
 */
export function backoffMs(failures: number, random: () => number): number {
  return Math.min(CAP_MS, BASE_MS * 2 ** failures) * random()
}

/** Statuses that a later attempt may change: RFC 9110 § 15.5.9, RFC 8470 § 5.2, RFC 6585 § 4, and server errors. */
export function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}

/**
 * Seconds that `Retry-After` asks for (RFC 9110 § 10.2.3: a number of seconds, or an HTTP date).
 *
 * @param value the header; anything that is neither form is as good as absent
 * @param sentAt the answer's own `Date` header if there is one, so that a wrong clock here does not matter
 * @param nowMs milliseconds since 1970 by this machine's clock
 * @returns seconds ≥ 0, or undefined
 */
export function retryAfterSeconds(
  value: string | undefined,
  sentAt: string | undefined,
  nowMs: number,
): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Number(text)
  const at = httpDateMs(text)
  if (at === undefined) return undefined
  return Math.max(0, (at - (httpDateMs(sentAt) ?? nowMs)) / 1000)
}

/** IMF-fixdate, and the two obsolete forms that a recipient must accept; the last has no zone and means UTC too. */
const HTTP_DATE = new RegExp(
  [
    /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) GMT$/,
    /^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\d\d:\d\d:\d\d) GMT$/,
    /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d) (\d{4})$/,
  ]
    .map(({ source }) => source)
    .join("|"),
)

/** RFC 9110 § 5.6.7; undefined for anything else, the 31st of February included. */
function httpDateMs(text: string | undefined): number | undefined {
  if (text === undefined || !HTTP_DATE.test(text)) return undefined
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`)
  if (Number.isNaN(at)) return undefined
  const day = Number(/\d{1,2}/.exec(text)?.[0])
  return new Date(at).getUTCDate() === day ? at : undefined
}
