/** Claims about the system's clock: what is handed in where no test owns time. */
import { getEventListeners } from "node:events"
import { expect } from "chai"
import { systemClock } from "../../../app/src/clock.ts"

const HOUR_MS = 3_600_000

async function reasonOf(waiting: Promise<void>): Promise<unknown> {
  return await waiting.then(
    () => expect.fail("the wait ended by itself"),
    (reason: unknown) => reason,
  )
}

describe("app/clock", () => {
  it("ends a wait as soon as the signal aborts, with the signal's reason", async () => {
    const stop = new AbortController()
    const waiting = systemClock.sleep(HOUR_MS, stop.signal)
    const reason = new Error("stop")
    stop.abort(reason)
    expect(await reasonOf(waiting)).to.equal(reason)
  })

  it("starts no wait when the signal has aborted before", async () => {
    const reason = new Error("stop")
    expect(await reasonOf(systemClock.sleep(HOUR_MS, AbortSignal.abort(reason)))).to.equal(reason)
  })

  it("leaves no listener behind on the signal after a wait", async () => {
    const { signal } = new AbortController()
    await systemClock.sleep(0, signal)
    expect(getEventListeners(signal, "abort")).to.have.length(0)
  })

  it("draws from [0, 1), and tells milliseconds since 1970", () => {
    expect(systemClock.random()).to.be.at.least(0).and.below(1)
    expect(systemClock.now()).to.be.closeTo(Date.now(), 1000)
  })
})
