/** Claims about the document that goes to disk: laid out, the key gone, everything else as it was sent. */
import { randomBytes } from "node:crypto"
import { expect } from "chai"
import fc from "fast-check"
import { layOut } from "../../../app/src/document.ts"
import { NotCleanable, redactorOf } from "../../../app/src/redact.ts"
import { type Cleaning, hostileKeys, ordinaryKeys, tellsKey, textsWithKey, untouchedTexts, urls } from "./key-oracle.ts"

/** A JSON token as sent; for a string that must change also what it must say afterwards. */
interface Sent {
  readonly lexeme: string
  readonly says?: string
}

/** A JSON token and the blanks before it. */
interface Read {
  readonly blanks: string
  readonly lexeme: string
}

const freshKey = () => randomBytes(30).toString("base64url")
const freshKeys = fc.constant(0).map(freshKey)
const clean = (json: string, key: string) => layOut(json, redactorOf(key), key)

/** The tokens of a JSON text, read character by character. */
function tokensOf(json: string): Read[] {
  const tokens: Read[] = []
  let at = 0
  while (at < json.length) {
    const start = at
    while (at < json.length && " \n\r\t".includes(json.charAt(at))) at += 1
    const blanks = json.slice(start, at)
    const from = at
    if (json[at] === '"') {
      at += 1
      while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1
      at += 1
    } else if ("{}[],:".includes(json.charAt(at))) at += 1
    else while (at < json.length && !' \n\r\t{}[],:"'.includes(json.charAt(at))) at += 1
    tokens.push({ blanks, lexeme: json.slice(from, at) })
  }
  return tokens
}

/** The layout that JSON.stringify gives to a document of this shape: every string and scalar stood in for by its place. */
function blanksByStringify(tokens: readonly Read[]): string[] {
  const isShape = (lexeme: string) => "{}[],:".includes(lexeme)
  const isString = (lexeme: string) => lexeme.startsWith('"')
  const skeleton = tokens.map(({ lexeme }, at) =>
    lexeme === "" || isShape(lexeme) ? lexeme : isString(lexeme) ? `"s${at}"` : at,
  )
  const laidOut = JSON.stringify(JSON.parse(skeleton.join("")), null, 2)
  return tokensOf(laidOut).map(({ blanks }) => blanks)
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
}

/** A literal that says `text`; for each character `choices` tells how it is written. */
function literalOf(text: string, choices: readonly number[]): string {
  let at = 0
  let literal = '"'
  for (const character of text) {
    const choice = choices[at++ % choices.length] ?? 0
    const units = Array.from({ length: character.length }, (_, unit) =>
      character.charCodeAt(unit).toString(16).padStart(4, "0"),
    )
    const escaped = units.map((hex) => `\\u${choice % 2 === 0 ? hex : hex.toUpperCase()}`).join("")
    const mayBeRaw = character >= " " && !'"\\'.includes(character) && character.isWellFormed()
    if (choice < 4 && mayBeRaw) literal += character
    else if (choice < 6) literal += SHORT_ESCAPES[character] ?? escaped
    else literal += escaped
  }
  return `${literal}"`
}

const waysToWrite = fc.oneof(
  fc.constant([0]),
  fc.constant([7]),
  fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 12 }),
)

function strings(key: string): fc.Arbitrary<Sent> {
  const untouched = fc
    .oneof(
      { weight: 4, arbitrary: untouchedTexts(key) },
      { weight: 1, arbitrary: fc.constantFrom("__proto__", "constructor", "toString", "", "0", "-1", "links") },
    )
    .map((text): Cleaning => ({ sent: text, cleaned: text }))
  return fc
    .tuple(
      fc.oneof(
        { weight: 3, arbitrary: untouched },
        { weight: 2, arbitrary: urls(key) },
        { weight: 1, arbitrary: textsWithKey(key) },
      ),
      waysToWrite,
    )
    .map(([{ sent, cleaned }, choices]) => {
      const lexeme = literalOf(sent, choices)
      return sent === cleaned ? { lexeme } : { lexeme, says: cleaned }
    })
}

const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 1, maxLength })

/** Numbers of every form that JSON has (RFC 8259 § 6). */
const numbers = fc.oneof(
  fc.constantFrom("0", "-0", "1e400", "-1E-400", "1E+2", "1.0", "0.10", "12345678901234567890", "6.593E-4", "0e0"),
  fc
    .tuple(
      fc.constantFrom("", "-"),
      digits(24).map((text) => text.replace(/^0+(?=.)/, "")),
      fc.oneof(
        fc.constant(""),
        digits(20).map((text) => `.${text}`),
      ),
      fc.oneof(
        fc.constant(""),
        fc.tuple(fc.constantFrom("e", "E", "e+", "E-"), digits(3)).map((parts) => parts.join("")),
      ),
    )
    .map((parts) => parts.join("")),
)

const shape = (lexeme: string): Sent => ({ lexeme })

function joined(parts: readonly (readonly Sent[])[], open: string, close: string): Sent[] {
  return [shape(open), ...parts.flatMap((part, at) => (at === 0 ? part : [shape(","), ...part])), shape(close)]
}

/** JSON documents as tokens, with what must become of each. */
function documents(key: string): fc.Arbitrary<Sent[]> {
  const { value } = fc.letrec<{ value: Sent[] }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      strings(key).map((string) => [string]),
      fc.oneof(numbers, fc.constantFrom("true", "false", "null")).map((lexeme) => [shape(lexeme)]),
      fc.array(tie("value"), { maxLength: 4 }).map((parts) => joined(parts, "[", "]")),
      fc.array(fc.tuple(strings(key), tie("value")), { maxLength: 4 }).map((members) =>
        joined(
          members.map(([name, part]) => [name, shape(":"), ...part]),
          "{",
          "}",
        ),
      ),
    ),
  }))
  return value
}

const blanks = fc.array(fc.constantFrom("", "", "", " ", "\n", "\t  ", "\r\n"), { minLength: 1, maxLength: 7 })

/** A document as text: its tokens with blanks anywhere between them. */
function textOf(tokens: readonly Sent[], between: readonly string[]): string {
  return tokens.map(({ lexeme }, at) => (between[at % between.length] ?? "") + lexeme).join("") + (between[0] ?? "")
}

/** Asserts all that must be true of `result`, the cleaned form of `sent`. */
function expectClean(result: string, sent: readonly Sent[], key: string): void {
  const tokens = tokensOf(result.slice(0, -1))
  const said = tokens.filter(({ lexeme }) => lexeme.startsWith('"')).map(({ lexeme }) => JSON.parse(lexeme) as string)
  expect(() => JSON.parse(result)).not.to.throw()
  expect(result.includes(key), "key in the bytes").to.equal(false)
  expect(
    said.filter((text) => tellsKey(text, key)),
    "key in a string",
  ).to.deep.equal([])
  expect(tokens.length, "tokens").to.equal(sent.length)
  tokens.forEach(({ lexeme }, at) => {
    const { lexeme: before, says } = sent[at] as Sent
    if (says === undefined) expect(lexeme).to.equal(before)
    else expect(JSON.parse(lexeme), before).to.equal(says)
  })
  expect(
    tokens.map((token) => token.blanks),
    "layout",
  ).to.deep.equal(blanksByStringify(tokens))
  expect(result.endsWith("\n") && !result.endsWith("\n\n"), "one newline at the end").to.equal(true)
}

describe("app/document", () => {
  describe("layOut", () => {
    it("gives valid JSON without the key, every other string, number and the order of members as sent", () => {
      const cases = ordinaryKeys.chain((key) => fc.tuple(fc.constant(key), documents(key), blanks))
      fc.assert(
        fc.property(cases, ([key, sent, between]) => {
          const result = clean(textOf(sent, between), key)
          expectClean(result, sent, key)
          expect(clean(result, key), "a second time").to.equal(result)
        }),
        { numRuns: 300 },
      )
    })

    it("compact is the same without blanks and line ends", () => {
      const cases = ordinaryKeys.chain((key) => fc.tuple(fc.constant(key), documents(key), blanks))
      fc.assert(
        fc.property(cases, ([key, sent, between]) => {
          const compact = layOut(textOf(sent, between), redactorOf(key), key, "compact")
          expect(layOut(compact, redactorOf(key), key)).to.equal(clean(textOf(sent, between), key))
          expect(compact).to.equal(layOut(compact, redactorOf(key), key, "compact"))
        }),
        { numRuns: 100 },
      )
      expect(layOut(' { "a" : [ 1.0 , { } , " " ] } ', redactorOf("abcdefgh"), "abcdefgh", "compact")).to.equal(
        '{"a":[1.0,{}," "]}',
      )
    })

    it("with a hostile key gives that or refuses the document", () => {
      let written = 0
      let refused = 0
      const cases = hostileKeys.chain((key) => fc.tuple(fc.constant(key), documents(key), blanks))
      fc.assert(
        fc.property(cases, ([key, sent, between]) => {
          let result: string
          try {
            result = clean(textOf(sent, between), key)
          } catch (error) {
            expect(error).to.be.instanceOf(NotCleanable)
            refused += 1
            return
          }
          expectClean(result, sent, key)
          expect(clean(result, key), "a second time").to.equal(result)
          written += 1
        }),
        { numRuns: 300 },
      )
      expect(written, "documents written").to.be.above(refused)
    })

    it("lays a document out as JSON.stringify would, where its strings and numbers are written as that writes them", () => {
      fc.assert(
        fc.property(fc.json({ stringUnit: "binary" }), freshKeys, (json, key) => {
          const canonical = JSON.stringify(JSON.parse(json))
          expect(clean(canonical, key)).to.equal(`${JSON.stringify(JSON.parse(canonical), null, 2)}\n`)
        }),
        { numRuns: 300 },
      )
    })

    it("keeps member order where JSON.parse would not, and __proto__ where assigning would not", () => {
      const json = '{"b":1,"2":2,"1":3,"__proto__":{"x":1},"b":4}'
      expect(
        tokensOf(clean(json, freshKey()).trimEnd())
          .map(({ lexeme }) => lexeme)
          .join(""),
      ).to.equal(json)
    })

    for (const number of ["12345678901234567890", "1e400", "-0", "1E+2", "1.0", "0.10", "6.593E-4"]) {
      it(`keeps the digits of ${number}`, () => {
        expect(clean(number, freshKey())).to.equal(`${number}\n`)
        expect(clean(`[${number}]`, freshKey())).to.equal(`[\n  ${number}\n]\n`)
      })
    }

    it("finds the key however JSON escapes it, in strings and in names", () => {
      const cases = ordinaryKeys.chain((key) => fc.tuple(fc.constant(key), waysToWrite))
      fc.assert(
        fc.property(cases, ([key, choices]) => {
          const literal = literalOf(key, choices)
          const expected = '{\n  "REDACTED": [\n    "REDACTED"\n  ]\n}\n'
          expect(clean(`{${literal}:[${literal}]}`, key)).to.equal(expected)
        }),
      )
    })

    it("takes a member's name for a key that spells it, wherever it stands", () => {
      expect(clean('{"near_earth_objects":["a near_earth_objects b"]}', "near_earth_objects")).to.equal(
        '{\n  "REDACTED": [\n    "a REDACTED b"\n  ]\n}\n',
      )
    })

    it("refuses a document whose numbers spell the key: digits are not to be changed", () => {
      expect(() => clean("[12345678901234567890]", "45678901")).to.throw(NotCleanable)
      expect(clean('["45678901"]', "45678901")).to.equal('[\n  "REDACTED"\n]\n')
    })

    it("refuses a document that holds the placeholder, if that is the key", () => {
      expect(() => clean('["REDACTED"]', "REDACTED")).to.throw(NotCleanable)
      expect(() => clean('{"XXREDACTE":1}', "XREDACTE")).to.throw(NotCleanable)
    })

    it("refuses a document in which the escapes of an untouched string spell the key", () => {
      expect(() => clean('["\\u0041bcdefgh"]', "u0041bcd")).to.throw(NotCleanable)
    })

    it("cleans a key of 128 characters", () => {
      const key = randomBytes(96).toString("base64url")
      expect(key.length).to.equal(128)
      expect(clean(`["https://x/?page=1&api_key=${key}","${key}"]`, key)).to.equal(
        '[\n  "https://x/?page=1",\n  "REDACTED"\n]\n',
      )
    })

    it("lays out 64 levels and refuses 65", () => {
      const nested = (levels: number) => `${"[".repeat(levels)}1${"]".repeat(levels)}`
      expect(clean(nested(64), freshKey())).to.equal(`${JSON.stringify(JSON.parse(nested(64)), null, 2)}\n`)
      expect(() => clean(nested(65), freshKey())).to.throw(RangeError, "64")
    })
  })
})
