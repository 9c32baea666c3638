/** What the lines and borders mean: the only texts, with the headings, that no template gives. */

import type { Colour } from "./palette.ts"
import { MARGIN, type Sheet } from "./sheet.ts"
import { textWidth } from "./text-width.ts"

export interface LegendEntry {
  readonly text: string
  readonly colour: Colour
  readonly sample: "line" | "border" | "dashed"
}

const COLUMNS: readonly (readonly LegendEntry[])[] = [
  [
    { text: "from the internet, on to services", colour: "ingress", sample: "line" },
    { text: "to the internet", colour: "egress", sample: "line" },
    { text: "to the entrance, from inside", colour: "entrance", sample: "line" },
  ],
  [
    { text: "to the database", colour: "data", sample: "line" },
    { text: "to AWS, by endpoint", colour: "endpoint", sample: "line" },
    { text: "VPC", colour: "vpc", sample: "border" },
  ],
  [
    { text: "region, zone", colour: "zone", sample: "dashed" },
    { text: "public subnet", colour: "public", sample: "border" },
    { text: "private subnet", colour: "private", sample: "border" },
  ],
]

export const LEGEND = `Lines are connections proved from the templates; their labels are TCP ports. ${COLUMNS.flat()
  .map(({ text }) => text)
  .join("; ")}`

function legendSize() {
  const columns = COLUMNS.map((entries) => ({
    entries,
    width: 40 + Math.ceil(Math.max(...entries.map(({ text }) => textWidth(text, 12)))) + 28,
  }))
  return { columns, width: columns.reduce((sum, { width }) => sum + width, -28) }
}

export function drawLegend(sheet: Sheet, right: number): void {
  const pen = sheet.pen
  const { columns, width } = legendSize()
  const left = right - width
  if (left < sheet.entryX + 120) return
  let x = left
  for (const { entries, width: columnWidth } of columns) {
    for (const [row, { text, colour, sample }] of entries.entries()) {
      const y = MARGIN + 16 + row * 21
      if (sample === "line") {
        pen.line(
          "legend",
          "legend",
          [
            { x, y: y - 4 },
            { x: x + 30, y: y - 4 },
          ],
          { kind: "plain", colour, arrow: true },
        )
      } else {
        const place = { x, y: y - 11, width: 30, height: 14 }
        pen.box(`legend ${text}`, place, {
          role: "container",
          stroke: colour,
          ...(sample === "dashed" && { dashed: true }),
        })
      }
      pen.text(text, { x: x + 40, y }, { colour: "ink" })
    }
    x += columnWidth
  }
}
