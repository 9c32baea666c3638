/** A clock that tests own: a wait is recorded, moves the time on, and is over at once. */
import type { Clock } from "../../app/src/clock.ts"

export interface FakeClockOptions {
  /** Milliseconds since 1970. */
  readonly now?: number
  /** Uniform in [0, 1); called once for each number asked for. */
  readonly random?: () => number
}

export class FakeClock implements Clock {
  /** Every wait asked for, milliseconds. */
  readonly sleeps: number[] = []
  readonly #options: FakeClockOptions
  #now: number

  constructor(options: FakeClockOptions = {}) {
    this.#options = options
    this.#now = options.now ?? Date.UTC(2026, 0, 1)
  }

  now(): number {
    return this.#now
  }

  readonly random = (): number => this.#options.random?.() ?? 0.5

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.sleeps.push(ms)
    this.#now += ms
  }
}
