/** Claims about text for a terminal: a server's words can't steer it. */
import { expect } from "chai"
import fc from "fast-check"
import { paint, printable } from "../../../app/src/terminal.ts"

const NASTY = [
  "\u001b[2J",
  "\u001b]0;x\u0007",
  "\u009b31m",
  "\u0000",
  "\u007f",
  "\r",
  "\n",
  "\t",
  "\u0085",
  "\u202e",
  "\u2066",
  "\u200f",
]
const texts = fc
  .array(fc.oneof(fc.string({ unit: "binary", maxLength: 4 }), fc.constantFrom(...NASTY)), { maxLength: 8 })
  .map((parts) => parts.join(""))

describe("app/terminal", () => {
  describe("printable", () => {
    it("leaves no control character: no escape sequence, no second line", () => {
      fc.assert(
        fc.property(texts, (text) => {
          for (const character of printable(text)) {
            const code = character.codePointAt(0) ?? 0
            expect(code < 0x20 || (code >= 0x7f && code < 0xa0), `U+${code.toString(16)}`).to.equal(false)
          }
        }),
        { numRuns: 300 },
      )
    })

    it("leaves no character that changes the direction of text (Unicode's property Bidi_Control)", () => {
      for (let code = 0; code < 0x3000; code += 1) {
        const character = String.fromCodePoint(code)
        if (!/\p{Bidi_Control}/u.test(character)) continue
        expect(printable(`a${character}b`), `U+${code.toString(16)}`).to.equal("a�b")
      }
    })

    it("leaves every other text as it is", () => {
      fc.assert(
        fc.property(fc.string({ unit: "grapheme" }), (text) => {
          fc.pre(!/\p{Bidi_Control}|\p{Cc}/u.test(text))
          expect(printable(text)).to.equal(text)
        }),
      )
    })

    it("makes one blank of line breaks and tabs in a row", () => {
      expect(printable("a\r\n\t b\nc")).to.equal("a  b c")
    })
  })

  describe("paint", () => {
    it("adds nothing without colours", () => {
      const { bold, dim, red, yellow } = paint(false)
      for (const style of [bold, dim, red, yellow]) expect(style("text")).to.equal("text")
    })

    it("with colours, sets each style before the text and takes back just that one after it", () => {
      const { bold, dim, red, yellow } = paint(true)
      expect([bold, dim, red, yellow].map((style) => style("text"))).to.deep.equal([
        "\u001b[1mtext\u001b[22m",
        "\u001b[2mtext\u001b[22m",
        "\u001b[31mtext\u001b[39m",
        "\u001b[33mtext\u001b[39m",
      ])
    })
  })
})
