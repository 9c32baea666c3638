/** Claims about taking the key out of one text. */
import { randomBytes } from "node:crypto"
import { expect } from "chai"
import fc from "fast-check"
import { NotCleanable, redactorOf, withoutKey } from "../../../app/src/redact.ts"
import {
  type Cleaning,
  hostileKeys,
  ordinaryKeys,
  tellsKey,
  textsWithKey,
  untouchedTexts,
  urls,
  withPlaceholder,
} from "./key-oracle.ts"

const keys = fc.oneof(ordinaryKeys, hostileKeys)
const freshKey = () => randomBytes(30).toString("base64url")

/** `%XX` for every character. */
function everyCharacterEncoded(text: string): string {
  return Array.from(text, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")
}

/** Asserts that `sent` becomes `cleaned`, or is refused where even that would tell the key. */
function expectCleaned(key: string, { sent, cleaned }: Cleaning): void {
  const redact = redactorOf(key)
  if (withPlaceholder(cleaned, key) !== cleaned || cleaned.includes(key)) {
    expect(() => redact(sent), sent).to.throw(NotCleanable)
    return
  }
  const result = redact(sent)
  expect(result).to.equal(cleaned)
  expect(tellsKey(result, key), `${result} tells ${key}`).to.equal(false)
  expect(redact(result), "a second time").to.equal(result)
}

describe("app/redact", () => {
  describe("redactorOf", () => {
    it("takes the parameter api_key, in any place and spelling, out of a URL and leaves every other character", () => {
      const cases = keys.chain((key) => fc.tuple(fc.constant(key), urls(key)))
      fc.assert(
        fc.property(cases, ([key, url]) => expectCleaned(key, url)),
        { numRuns: 500 },
      )
    })

    it("does so for every URL in a sentence, and keeps the punctuation behind it", () => {
      const endsPlainly = ({ sent }: Cleaning) => /[A-Za-z0-9]$/.test(sent)
      const word = fc.constantFrom("See", "and", "(or)", "why?", "api_key", "a&b", "—", "?")
      const cases = ordinaryKeys.chain((key) => {
        const url = fc
          .tuple(
            fc.constantFrom("", "(", '"', "<"),
            urls(key, true).filter(endsPlainly),
            fc.constantFrom("", ".", ",", ")", ").", "!", '"', ">"),
          )
          .map(([before, { sent, cleaned }, after]) => ({
            sent: before + sent + after,
            cleaned: before + cleaned + after,
          }))
        const parts = fc.array(
          fc.oneof(
            word.map((text) => ({ sent: text, cleaned: text })),
            url,
          ),
          { minLength: 2, maxLength: 6 },
        )
        return fc.tuple(fc.constant(key), parts)
      })
      fc.assert(
        fc.property(cases, ([key, parts]) => {
          const sent = parts.map((part) => part.sent).join(" ")
          expectCleaned(key, { sent, cleaned: parts.map((part) => part.cleaned).join(" ") })
        }),
        { numRuns: 200 },
      )
    })

    it("puts REDACTED for every other occurrence, plain or percent-encoded, and leaves every other character", () => {
      const cases = keys.chain((key) => fc.tuple(fc.constant(key), textsWithKey(key)))
      fc.assert(
        fc.property(cases, ([key, text]) => expectCleaned(key, text)),
        { numRuns: 300 },
      )
    })

    it("leaves a text alone that holds neither the key nor the parameter", () => {
      const cases = keys.chain((key) => fc.tuple(fc.constant(key), untouchedTexts(key)))
      fc.assert(
        fc.property(cases, ([key, text]) => {
          expect(redactorOf(key)(text)).to.equal(text)
        }),
        { numRuns: 300 },
      )
    })

    it("keeps a link's scheme, host, path, other parameters and fragment", () => {
      const key = freshKey()
      const redact = redactorOf(key)
      const base = "http://www.neowsapp.com/rest/v1/neo/browse"
      const table: readonly (readonly [sent: string, cleaned: string])[] = [
        [`${base}?api_key=${key}`, base],
        [`${base}?api_key=${key}&page=1&size=20`, `${base}?page=1&size=20`],
        [`${base}?page=1&api_key=${key}&size=20`, `${base}?page=1&size=20`],
        [`${base}?page=1&size=20&api_key=${key}`, `${base}?page=1&size=20`],
        [`${base}?api_key=${key}&page=1&api_key=other&api_key`, `${base}?page=1`],
        [`${base}?%61pi%5Fkey=${key}&page=1#top`, `${base}?page=1#top`],
        [`${base}?my_api_key=1&api_key_id=2&API_KEY=3`, `${base}?my_api_key=1&api_key_id=2&API_KEY=3`],
      ]
      for (const [sent, cleaned] of table) expect(redact(sent)).to.equal(cleaned)
    })

    it("removes the parameter although its value is another key", () => {
      const redact = redactorOf(freshKey())
      expect(redact(`https://api.nasa.gov/?api_key=${freshKey()}&page=1`)).to.equal("https://api.nasa.gov/?page=1")
    })

    it("refuses a text in which the placeholder itself spells the key", () => {
      expect(() => redactorOf("REDACTED")("so REDACTED it is")).to.throw(NotCleanable)
      expect(() => redactorOf("XREDACTE")("XXREDACTE")).to.throw(NotCleanable)
      expect(() => redactorOf("EDACTEDR")("EDACTEDREDACTEDR")).to.throw(NotCleanable)
      expect(() => redactorOf("REDACTED")("REDACTE%44 %41")).to.throw(NotCleanable)
      expect(() => redactorOf("XREDACTE")("XX%52EDACTE %41")).to.throw(NotCleanable)
      expect(redactorOf("XREDACTE")("a XREDACTE b")).to.equal("a REDACTED b")
      expect(redactorOf("REDACTED")("https://x/?api_key=REDACTED&page=1")).to.equal("https://x/?page=1")
    })

    it("finds a key whose every character was percent-encoded, and that result encoded again", () => {
      const key = freshKey()
      const once = everyCharacterEncoded(key)
      expect(tellsKey(redactorOf(key)(`token ${once}`), key), "once").to.equal(false)
      expect(tellsKey(redactorOf(key)(`token ${encodeURIComponent(once)}`), key), "twice").to.equal(false)
    })

    it("finds a key whose percent-encoding had its digits percent-encoded too", () => {
      const key = freshKey()
      const twice = everyCharacterEncoded(everyCharacterEncoded(key))
      expect(decodeURIComponent(decodeURIComponent(twice))).to.equal(key)
      expect(tellsKey(redactorOf(key)(`token ${twice}`), key)).to.equal(false)
    })

    it("takes time in proportion to the text, so that no answer can hold the program up", () => {
      const redact = redactorOf(freshKey())
      const length = 30_000
      for (const text of [
        `${"a".repeat(length)} ?`,
        ` https://x/?${")".repeat(length)}a`,
        `%${"25".repeat(length)} ?`,
      ]) {
        const started = performance.now()
        redact(text)
        // Linear is about a millisecond; quadratic is half a second and more.
        expect(performance.now() - started, `ms for ${text.slice(0, 20)}…`).to.be.below(200)
      }
    })
  })

  describe("a MiB is cleaned in less than 400 ms of processor", () => {
    const key = freshKey()
    const layers = (times: number): string => (times === 0 ? key : everyCharacterEncoded(layers(times - 1)))
    const filled = (head: string, piece: string) => head + piece.repeat(Math.floor(1_048_576 / piece.length))
    for (const [what, text] of [
      ["parameters that are no encodings", filled("?", "%&")],
      ["addresses with such a parameter", filled("x ", "a://b?% ")],
      ["addresses with the key's parameter", filled("x ", "a://b?api_key=%41 ")],
      ["a word that could be a scheme", filled("? ", "a")],
      ["percent signs", filled("", "%25")],
      ["the key in five layers of encoding", filled([1, 2, 3, 4, 5].map(layers).join("-"), "a")],
    ] as const) {
      it(what, () => {
        const before = process.threadCpuUsage()
        expect(redactorOf(key)(text)).not.to.include("api_key")
        const { user, system } = process.threadCpuUsage(before)
        expect((user + system) / 1000).to.be.below(400)
      })
    }
  })

  describe("withoutKey", () => {
    it("gives a text without the key for every text and key, and never throws", () => {
      const cases = keys.chain((key) => fc.tuple(fc.constant(key), textsWithKey(key)))
      fc.assert(
        fc.property(cases, ([key, { sent }]) => {
          const text = withoutKey(sent, key)
          // The one word that can be said instead is that very key.
          expect(tellsKey(text, key) && key !== "REDACTED", `${text} tells ${key}`).to.equal(false)
        }),
        { numRuns: 150 },
      )
    })
  })
})
