/** Local times: what is written comes back, and what can't be is not taken. */
import { formatLocalTime, LOCAL_TIME_PATTERN, parseLocalTime } from "@perigee/flight-metadata/local-time"
import { expect } from "chai"
import fc from "fast-check"

describe("local times", () => {
  it("come back as they were written, for every instant and offset", () => {
    const from = Date.UTC(2001, 0, 1) / 1000
    const to = Date.UTC(2099, 11, 30) / 1000
    fc.assert(
      fc.property(fc.integer({ min: from, max: to }), fc.integer({ min: -720, max: 840 }), (seconds, offset) => {
        const text = formatLocalTime({ at: new Date(seconds * 1000), offset })
        expect(text).to.match(new RegExp(LOCAL_TIME_PATTERN))
        expect(parseLocalTime(text)).to.deep.equal({ at: new Date(seconds * 1000), offset })
        expect(Date.parse(text)).to.equal(seconds * 1000)
      }),
    )
  })

  it("are none on a day that there is not, without an offset, or with one not in use", () => {
    const wrong = ["2026-02-29T10:00:00Z", "2026-04-31T10:00:00Z", "2026-12-01T10:00:00", "2026-12-01T10:00:00-00:00"]
    for (const text of [...wrong, "2026-12-01T10:00:00+14:01", "2026-12-01T10:00:00-12:01"]) {
      expect(parseLocalTime(text), text).to.equal(undefined)
    }
    expect(parseLocalTime("2028-02-29T10:00:00Z")).not.to.equal(undefined)
  })
})
