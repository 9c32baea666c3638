/** Time and chance, handed in so that tests can own them. */

export interface Clock {
  /** Milliseconds since some moment: differences count. */
  now(): number
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Uniform in [0, 1). */
  random(): number
}

export const systemClock: Clock = {
  // Nobody sets it back.
  now: () => performance.now(),
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const stop = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop)
        resolve()
      }, ms)
      signal?.addEventListener("abort", stop, { once: true })
    }),
}

/** Seconds to a tenth, from a moment of the clock until now. */
export function secondsSince(clock: Clock, started: number): number {
  return Math.round((clock.now() - started) / 100) / 10
}
