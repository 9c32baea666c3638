/** Claims about the gateway's account of a caller's requests. */
import { expect } from "chai"
import fc from "fast-check"
import { isNearlyUsedUp, rateLimitOf } from "../../../app/src/rate-limit.ts"

describe("app/rate-limit", () => {
  describe("rateLimitOf", () => {
    it("reads both numbers, blanks around them or not", () => {
      fc.assert(
        fc.property(fc.nat(), fc.nat(), fc.constantFrom("", " ", "\t"), (limit, remaining, blank) => {
          const headers = {
            "x-ratelimit-limit": `${blank}${limit}${blank}`,
            "x-ratelimit-remaining": `${remaining}${blank}`,
          }
          expect(rateLimitOf(headers)).to.deep.equal({ limit, remaining })
        }),
      )
    })

    it("leaves out what was not told", () => {
      expect(rateLimitOf({})).to.deep.equal({})
      expect(rateLimitOf({ "x-ratelimit-limit": "1000" })).to.deep.equal({ limit: 1000 })
      expect(rateLimitOf({ "x-ratelimit-remaining": "0" })).to.deep.equal({ remaining: 0 })
    })

    for (const text of ["", "-1", "1.5", "1e3", "0x10", "1,000", "many", "9".repeat(16), "５"]) {
      it(`leaves out ${JSON.stringify(text)}, which is no whole number`, () => {
        expect(rateLimitOf({ "x-ratelimit-limit": text, "x-ratelimit-remaining": text })).to.deep.equal({})
      })
    }

    it("takes the first of a repeated header", () => {
      expect(rateLimitOf({ "x-ratelimit-limit": ["1000", "5"], "x-ratelimit-remaining": [] })).to.deep.equal({
        limit: 1000,
      })
    })
  })

  describe("isNearlyUsedUp", () => {
    it("is true when less than a tenth is left, and only then", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.nat({ max: 1_000_000 }), (limit, remaining) => {
          expect(isNearlyUsedUp({ limit, remaining })).to.equal(BigInt(remaining) * 10n < BigInt(limit))
        }),
      )
      expect(isNearlyUsedUp({ limit: 1000, remaining: 99 })).to.equal(true)
      expect(isNearlyUsedUp({ limit: 1000, remaining: 100 })).to.equal(false)
    })

    it("is false where a number was not told", () => {
      expect([{}, { limit: 1000 }, { remaining: 0 }].map(isNearlyUsedUp)).to.deep.equal([false, false, false])
    })
  })
})
