/** How long to wait before a store is tried again. */

const BASE_MS = 50
/** A store that comes back must be found within a second. */
const CAP_MS = 500

/**
 * Exponential with “equal jitter” (half fixed, half random), so that instances neither hammer a store nor come at once:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/.
 *
 * @param failures attempts that failed before, from 0
 * @param random uniform in [0, 1)
 * @returns milliseconds
 */
export function backoffMs(failures: number, random: () => number): number {
  const most = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 10))
  return most / 2 + (most / 2) * random()
}
