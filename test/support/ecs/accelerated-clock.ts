/** Time that goes faster: timers in seconds of AWS, each a few milliseconds; none keeps a process alive or outlives `close`. */

export class AcceleratedClock {
  /** Milliseconds that one second of AWS takes here. */
  readonly secondMs: number
  readonly #timers = new Set<NodeJS.Timeout>()
  #closed = false

  constructor(secondMs: number) {
    if (!(secondMs > 0)) throw new RangeError(`${secondMs} ms a second: above 0`)
    this.secondMs = secondMs
  }

  /** @param seconds of AWS; Infinity is never */
  after(seconds: number, then: () => void): void {
    if (this.#closed || seconds === Number.POSITIVE_INFINITY) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      then()
    }, seconds * this.secondMs)
    timer.unref()
    this.#timers.add(timer)
  }

  get closed(): boolean {
    return this.#closed
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
