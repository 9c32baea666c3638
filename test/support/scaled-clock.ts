/** A clock that goes faster than the wall's by a factor: a wait of its second is over in that part of a second. */
import { type Clock, systemClock } from "../../deploy/src/clock.ts"

export class ScaledClock implements Clock {
  readonly #speed: number

  /** @param speed its seconds in one of the wall's, above 0 */
  constructor(speed: number) {
    this.#speed = speed
  }

  now(): number {
    return systemClock.now() * this.#speed
  }

  readonly random = systemClock.random

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(ms / this.#speed, signal)
  }
}
