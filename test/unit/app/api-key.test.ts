/** Claims about what a key is, and which hosts may be sent one over plain http. */
import { expect } from "chai"
import fc from "fast-check"
import { DEMO_KEY, isApiKey, isLocalHost } from "../../../app/src/api-key.ts"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

describe("app/api-key", () => {
  describe("isApiKey", () => {
    it("is true of 8 to 128 letters, digits, underscores and hyphens, and of no other length", () => {
      fc.assert(
        fc.property(fc.string({ unit: fc.constantFrom(...ALPHABET), maxLength: 140 }), (text) => {
          expect(isApiKey(text)).to.equal(text.length >= 8 && text.length <= 128)
        }),
        { numRuns: 300 },
      )
      for (const length of [7, 8, 128, 129]) expect(isApiKey("k".repeat(length))).to.equal(length >= 8 && length <= 128)
      expect(isApiKey(DEMO_KEY)).to.equal(true)
    })

    it("is false as soon as one other character is in it, a newline at the end included", () => {
      const intruder = fc.oneof(
        fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
        fc.constantFrom("\n", "\r", " ", "é", "."),
      )
      fc.assert(
        fc.property(
          fc.nat({ max: 16 }),
          intruder.filter((text) => !ALPHABET.includes(text)),
          (place, text) => {
            expect(isApiKey("k".repeat(place) + text + "k".repeat(16 - place))).to.equal(false)
          },
        ),
      )
      expect(isApiKey(`${"k".repeat(16)}\n`)).to.equal(false)
    })
  })

  describe("isLocalHost", () => {
    it("is true of every address of 127.0.0.0/8, and of no other IPv4 address", () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.ipV4(),
            fc.ipV4().map((address) => address.replace(/^\d+/, "127")),
          ),
          (address) => {
            expect(isLocalHost(new URL(`http://${address}`).hostname)).to.equal(address.startsWith("127."))
          },
        ),
      )
    })

    for (const address of ["126.255.255.255", "128.0.0.1", "137.0.0.1", "12.7.0.1", "1270.0.0.1"]) {
      it(`is false of ${address}`, () => {
        expect(isLocalHost(address)).to.equal(false)
      })
    }

    it("is true of [::1], and of no other IPv6 address", () => {
      expect(isLocalHost("[::1]")).to.equal(true)
      fc.assert(
        fc.property(fc.ipV6(), (address) => {
          const { hostname } = new URL(`http://[${address}]`)
          expect(isLocalHost(hostname)).to.equal(hostname === "[::1]")
        }),
      )
    })

    it("is true of a host name of one label", () => {
      for (const name of ["localhost", "neows", "my-container_1", "x"]) expect(isLocalHost(name), name).to.equal(true)
    })

    for (const name of [
      "[fe80::1]",
      "[::]",
      "[::ffff:7f00:1]",
      "0.0.0.0",
      "10.0.0.1",
      "a.b",
      "127.0.0.1.example.com",
    ]) {
      it(`is false of ${name}`, () => {
        expect(isLocalHost(name)).to.equal(false)
      })
    }

    for (const name of ["localhost.", "neows.", "api.nasa.gov.", ".", ""]) {
      it(`is false of ${JSON.stringify(name)}: a trailing dot makes a name absolute, so a top-level domain`, () => {
        expect(isLocalHost(name)).to.equal(false)
      })
    }

    for (const [host, local] of [
      ["2130706433", true],
      ["0x7f000001", true],
      ["127.1", true],
      ["134744072", false],
      ["example。com", false],
      ["LOCALHOST", true],
    ] as const) {
      it(`judges http://${host} by what the URL parser makes of it: ${local}`, () => {
        expect(isLocalHost(new URL(`http://${host}`).hostname)).to.equal(local)
      })
    }
  })
})
