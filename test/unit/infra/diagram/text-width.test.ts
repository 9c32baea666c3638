/** Bounds of texts, against what a renderer makes of them. */
import { Resvg } from "@resvg/resvg-js"
import { expect } from "chai"
import { FONT_FILES } from "../../../../infra/src/diagram/png.ts"
import { fitted, flowed, textWidth } from "../../../../infra/src/diagram/text-width.ts"

const SAMPLES = [
  "perigee-production-vpc · 10.20.0.0/16",
  "HTTPS 443 (TLS13-1-2-2021-06) → 301",
  "flights_availability 3–24 tasks · CPU 60 %",
  "WWWWWWWWWWMMMMMMMMMM@@@@@@@@@@%%%%%%%%%%",
  "iiiiiiiiiillllllllll..........,,,,,,,,,,",
  "The quick brown fox jumps over the lazy dog 0123456789",
]

/** Width in px as resvg draws it. */
function drawnWidth(text: string, size: number, weight: "regular" | "bold"): number {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="100"><text x="10" y="60" font-family="Inter" font-size="${size}" font-weight="${weight === "bold" ? 600 : 400}">${escaped}</text></svg>`
  const box = new Resvg(svg, {
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: "Inter" },
  }).getBBox()
  return box?.width ?? Number.NaN
}

describe("diagram: text widths", () => {
  it("bound what the PNG's font needs, and by no more than a third", () => {
    for (const text of SAMPLES) {
      for (const weight of ["regular", "bold"] as const) {
        const [bound, real] = [textWidth(text, 12, weight), drawnWidth(text, 12, weight)]
        expect(bound, `${weight} ${text}`).to.be.at.least(real - 1)
        expect(bound, `${weight} ${text}`).to.be.at.most(real * 1.34)
      }
    }
  })

  it("a text that is too long ends in an ellipsis and fits", () => {
    const cut = fitted("a name that goes on and on", 80, 12)
    expect(cut).to.match(/^a name.*…$/)
    expect(textWidth(cut, 12)).to.be.at.most(80)
    expect(fitted("short", 80, 12)).to.equal("short")
  })

  it("facts flow into lines that fit, none lost and none broken but at spaces", () => {
    const facts = ["immutable tags", "scanned on push", "a fact of many words that is longer than any line is"]
    const lines = flowed(facts, 120, 12)
    for (const line of lines) expect(textWidth(line, 12)).to.be.at.most(120)
    const words = (text: string) => text.split(/[ ·]+/)
    expect(lines.flatMap(words)).to.deep.equal(facts.flatMap(words))
  })
})
