/** Claims about when to try again: the backoff, and what `Retry-After` means. */
import { expect } from "chai"
import fc from "fast-check"
import { backoffMs, isTransient, retryAfterSeconds } from "../../../app/src/retry.ts"

const ZONES = ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "America/Los_Angeles"]
const NOW = Date.UTC(2026, 6, 1, 12)
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** The three forms of RFC 9110 § 5.6.7 for a time in milliseconds since 1970. */
const FORMS = {
  "IMF-fixdate": (ms) => {
    const { day, dd, month, yyyy, time } = partsOf(ms)
    return `${day.slice(0, 3)}, ${dd} ${month} ${yyyy} ${time} GMT`
  },
  "RFC 850's": (ms) => {
    const { day, dd, month, yyyy, time } = partsOf(ms)
    return `${day}, ${dd}-${month}-${yyyy.slice(2)} ${time} GMT`
  },
  "asctime's": (ms) => {
    const { day, dd, month, yyyy, time } = partsOf(ms)
    return `${day.slice(0, 3)} ${month} ${dd.replace(/^0/, " ")} ${time} ${yyyy}`
  },
} as const satisfies Record<string, (ms: number) => string>

function partsOf(ms: number) {
  const at = new Date(ms)
  const two = (number: number) => String(number).padStart(2, "0")
  return {
    day: DAYS[at.getUTCDay()] ?? "",
    dd: two(at.getUTCDate()),
    month: MONTHS[at.getUTCMonth()] ?? "",
    yyyy: String(at.getUTCFullYear()),
    time: [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(":"),
  }
}

/** Runs `claim` as if on a machine in that time zone. */
function inZone(zone: string, claim: () => void): void {
  const before = process.env["TZ"]
  process.env["TZ"] = zone
  try {
    claim()
  } finally {
    if (before === undefined) delete process.env["TZ"]
    else process.env["TZ"] = before
  }
}

describe("app/retry", () => {
  describe("backoffMs", () => {
    it("lies in [0, min(20 s, 0.5 s × 2ⁿ)) for every n and every draw", () => {
      fc.assert(
        fc.property(fc.nat({ max: 2000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (n, draw) => {
          const bound = n < 6 ? 500 * 2 ** n : 20_000
          const wait = backoffMs(n, () => draw)
          expect(wait).to.be.at.least(0).and.below(bound)
          expect(wait).to.be.closeTo(draw * bound, 1e-6)
        }),
        { numRuns: 500 },
      )
    })

    it("has full jitter: the least draw waits not at all, the greatest nearly the whole", () => {
      expect(backoffMs(3, () => 0)).to.equal(0)
      expect(backoffMs(3, () => 1 - 2 ** -53))
        .to.be.above(3999.99)
        .and.below(4000)
      expect(backoffMs(20, () => 1 - 2 ** -53))
        .to.be.above(19_999.99)
        .and.below(20_000)
    })
  })

  describe("isTransient", () => {
    it("is true of 408, 425, 429 and 500 to 599, and of no other status", () => {
      const transient = Array.from({ length: 500 }, (_, at) => at + 100).filter(isTransient)
      expect(transient).to.deep.equal([408, 425, 429, ...Array.from({ length: 100 }, (_, at) => at + 500)])
    })
  })

  describe("retryAfterSeconds", () => {
    it("takes decimal digits as seconds", () => {
      fc.assert(
        fc.property(
          fc.nat({ max: 9_999_999 }),
          fc.constantFrom("", "0", "000"),
          fc.constantFrom("", " "),
          (seconds, zeros, blank) => {
            expect(retryAfterSeconds(`${blank}${zeros}${seconds}${blank}`, undefined, NOW)).to.equal(seconds)
          },
        ),
      )
    })

    it("takes any number of digits as seconds: a wait beyond all bounds is still a wait", () => {
      for (const text of ["86400", "9999999999", "99999999999", "9".repeat(20), "00000000060"]) {
        expect(retryAfterSeconds(text, undefined, NOW), text).to.equal(Number(text))
      }
    })

    for (const [form, write] of Object.entries(FORMS)) {
      it(`takes a date of ${form} form as the seconds until then, in every time zone of this machine`, () => {
        const seconds = fc.integer({ min: Date.UTC(2000) / 1000, max: Date.UTC(2049) / 1000 })
        fc.assert(
          fc.property(seconds, seconds, fc.constantFrom(...ZONES), (at, now, zone) => {
            inZone(zone, () => {
              expect(retryAfterSeconds(write(at * 1000), undefined, now * 1000)).to.equal(Math.max(0, at - now))
            })
          }),
          { numRuns: 150 },
        )
      })

      it(`counts from the answer's own Date of ${form} form, whatever this machine's clock says`, () => {
        const seconds = fc.integer({ min: Date.UTC(2000) / 1000, max: Date.UTC(2049) / 1000 })
        fc.assert(
          fc.property(
            seconds,
            fc.integer({ min: -5000, max: 5000 }),
            fc.nat(),
            fc.constantFrom(...ZONES),
            (sent, after, clock, zone) => {
              inZone(zone, () => {
                const value = FORMS["IMF-fixdate"]((sent + after) * 1000)
                expect(retryAfterSeconds(value, write(sent * 1000), clock * 1000)).to.equal(Math.max(0, after))
              })
            },
          ),
          { numRuns: 100 },
        )
      })
    }

    it("reads the examples of RFC 9110 § 5.6.7 as one moment", () => {
      const at = Date.UTC(1994, 10, 6, 8, 49, 37)
      for (const text of [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
      ]) {
        expect(retryAfterSeconds(text, undefined, at - 90_000), text).to.equal(90)
      }
    })

    it("is 0 for a date gone by", () => {
      expect(retryAfterSeconds("Sun, 06 Nov 1994 08:49:37 GMT", undefined, NOW)).to.equal(0)
    })

    it("goes by this machine's clock where the answer's Date is none", () => {
      const value = FORMS["IMF-fixdate"](NOW + 30_000)
      for (const date of [undefined, "", "yesterday", "2020-01-01T00:00:00Z"]) {
        expect(retryAfterSeconds(value, date, NOW), String(date)).to.equal(30)
      }
    })

    const garbage = [
      "",
      " ",
      "-1",
      "+5",
      "1.5",
      "1e3",
      "0x10",
      "5s",
      "5, 6",
      "soon",
      "NaN",
      "Infinity",
      "５",
      "2030-01-01",
    ]
    for (const text of [
      undefined,
      ...garbage,
      "2030-01-01T00:00:00Z",
      "Mon",
      "Mon, never",
      "1 Jan 2030",
      "06 Nov 2030 08:49:37 GMT",
    ]) {
      it(`takes ${JSON.stringify(text)} as absent`, () => {
        expect(retryAfterSeconds(text, undefined, NOW)).to.equal(undefined)
      })
    }

    it("takes as absent what starts with a day's name and is no HTTP date", () => {
      const all = [
        "Monkey 1 Jan 2030",
        "Sunday 2030",
        "Sat 1",
        "Sun, 31 Feb 2030 00:00:00 GMT",
        "Sun, 06 Nov 2050 08:49:37 PST",
        "Sun, 06 Nov 2050 08:49:37 +0200",
      ]
      expect(all.filter((text) => retryAfterSeconds(text, undefined, NOW) !== undefined)).to.deep.equal([])
    })
  })
})
