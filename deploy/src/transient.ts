/** Whether an error of AWS may be gone at the next attempt. */

/** Source: AWS SDKs and tools reference guide, “Retry behavior”, throttling error codes. */
const THROTTLED = new Set([
  "BandwidthLimitExceeded",
  "EC2ThrottledException",
  "LimitExceededException",
  "PriorRequestNotComplete",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "RequestThrottledException",
  "SlowDown",
  "ThrottledException",
  "Throttling",
  "ThrottlingException",
  "TooManyRequestsException",
])

/** Throttling, an answer 5xx, a connection that failed or was too slow; never an answer that says no. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (THROTTLED.has(error.name) || error.name === "TimeoutError") return true
  const { $metadata, code } = error as { $metadata?: { httpStatusCode?: number }; code?: unknown }
  const status = $metadata?.httpStatusCode
  if (status !== undefined) return status >= 500 || status === 429
  // Of node:http, such as ECONNRESET; the SDK's own errors have none.
  return typeof code === "string" && /^(E[A-Z]+|UND_ERR_\w+)$/.test(code) && code !== "ERR_INVALID_URL"
}

/** Whether what was asked may have been done all the same: AWS said neither yes nor no. */
export function isUnanswered(error: unknown): boolean {
  if (!isTransient(error) || !(error instanceof Error) || THROTTLED.has(error.name)) return false
  return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode !== 429
}
