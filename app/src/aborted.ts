/** An abort as a promise, to race with what does not look at its signal soon enough. */

/** Rejects with the signal's reason when it aborts; never resolves. */
export function whenAborted(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  })
  // Whoever races with it may have won long before.
  aborted.catch(() => {})
  return aborted
}
