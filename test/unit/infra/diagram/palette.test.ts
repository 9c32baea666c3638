/** Colours that can be told from what is behind them. */
import { expect } from "chai"
import { type Colour, PALETTES } from "../../../../infra/src/diagram/palette.ts"

/** Source: WCAG 2.2, “relative luminance”. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

const FACES: readonly Colour[] = ["paper", "card", "publicFace", "privateFace"]
const TEXTS: readonly Colour[] = [
  ...["ink", "muted", "account", "region", "vpc", "zone", "public", "private", "security"],
  ...["ingress", "request", "data", "endpoint", "egress", "entrance", "other"],
] as Colour[]

describe("diagram: colours", () => {
  for (const theme of ["light", "dark"] as const) {
    it(`${theme}: every text has 4.5 : 1 and more on every face (WCAG 2.2, AA)`, () => {
      for (const text of TEXTS) {
        for (const face of FACES) {
          const ratio = contrast(PALETTES[theme][text], PALETTES[theme][face])
          expect(ratio, `${text} on ${face}`).to.be.at.least(4.5)
        }
      }
    })
  }

  it("the reckoning is WCAG's: black on white is 21 : 1", () => {
    expect(contrast("#000000", "#ffffff")).to.be.closeTo(21, 0.001)
  })
})
