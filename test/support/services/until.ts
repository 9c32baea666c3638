/** Waiting for something to come true, with a bound. */
import { setTimeout as delay } from "node:timers/promises"

/**
 * @param what for the error
 * @param ms bound in milliseconds
 * @throws Error when it did not come true in time
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  ms = 10_000,
): Promise<T> {
  const deadline = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`)
    await delay(15)
  }
}
