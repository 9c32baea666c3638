/** What runs in a tier, as bars over its zones, and the gateway and address by which it leaves. */
import type { Exit, Item, Tier, Workload } from "./architecture.ts"
import { LEADING, TEXT } from "./drawing.ts"
import { slotsOf } from "./lanes.ts"
import type { Point, Rectangle } from "./scene.ts"
import {
  BARS_APART,
  EXIT_CHANNEL,
  EXIT_ROW,
  HEAD,
  ICON,
  INSET,
  middleLeft,
  middleRight,
  type Sheet,
  SMALL_ICON,
  ZONE,
} from "./sheet.ts"
import { flowed, textWidth } from "./text-width.ts"

/** Places of a tier's bars. */
export function placeBars(
  sheet: Sheet,
  tier: Tier,
  y: number,
): { places: Map<string, Rectangle>; apart: (one: Workload) => boolean; bottom: number } {
  const places = new Map<string, Rectangle>()
  let top = y + HEAD + (tier.exits.length > 0 ? EXIT_ROW + EXIT_CHANNEL : 0)
  const spans = tier.workloads.map((one) => spanOf(sheet, one))
  // Facts go beside the title where every bar alike has room for them, and the bars are low.
  const high = new Set(
    tier.workloads.flatMap((one, at) => {
      const room = (spans[at]?.width ?? 0) - 48 - textWidth(one.title, 13, "bold") - groupsWidth(one) - 40
      const lines = linesOf(one)
      return lines > 1 || textWidth(one.facts.join(" · "), TEXT) > room ? [lines] : []
    }),
  )
  const apart = (one: Workload) => high.has(linesOf(one))
  for (const [at, workload] of tier.workloads.entries()) {
    const { x, width } = spans[at] ?? { x: 0, width: 0 }
    const facts = apart(workload) ? flowed(workload.facts, width - 56, TEXT).length : 0
    const cells = Math.max(0, ...workload.cells.map((cell) => cellHeight(cell)))
    const slots = Math.max(slotsOf(sheet, workload.id, "left").length, slotsOf(sheet, workload.id, "right").length)
    const height = Math.max(34 + facts * LEADING + (cells > 0 ? cells + 10 : 4), (slots + 1) * 14)
    places.set(workload.id, { x, y: top, width, height })
    top += height + BARS_APART
  }
  return { places, apart, bottom: tier.workloads.length > 0 || tier.exits.length > 0 ? top - BARS_APART : y + HEAD }
}

function spanOf(sheet: Sheet, { cells }: Workload): { x: number; width: number } {
  const zones = cells.map(({ zone }) => zone)
  const first = zones.length > 0 ? Math.min(...zones) : 0
  const last = zones.length > 0 ? Math.max(...zones) : sheet.architecture.zones.length - 1
  const x = sheet.zoneX(first) + 2 * INSET
  return { x, width: sheet.zoneX(last) + ZONE - 2 * INSET - x }
}

export function drawExit(sheet: Sheet, { zone, gateway, address, stands }: Exit, tier: Tier, y: number): void {
  const within = tier.subnets.find((subnet) => subnet.zone === zone)?.id
  const x = sheet.zoneX(zone) + INSET
  const iconY = y + 4
  drawStand(sheet, gateway, { x: x + 58, y: iconY }, within, {
    faded: !stands,
    width: address === undefined ? 110 : 98,
  })
  if (address === undefined) return
  drawStand(sheet, address, { x: x + 160, y: iconY }, within, { width: 106 })
  const from = sheet.nodes.get(gateway.id)
  const to = sheet.nodes.get(address.id)
  if (from === undefined || to === undefined) return
  sheet.pen.line(gateway.id, address.id, [middleRight(from), middleLeft(to)], {
    kind: "egress",
    colour: "egress",
    arrow: true,
  })
}

/** An icon with its name and facts below. @param at the middle of the icon's top */
function drawStand(
  sheet: Sheet,
  item: Item,
  at: Point,
  within: string | undefined,
  { faded = false, width }: { faded?: boolean; width: number },
): void {
  const pen = sheet.pen
  const place = { x: at.x - ICON / 2, y: at.y, width: ICON, height: ICON }
  pen.names.set(item.id, `${item.title}: ${item.facts.join(", ")}`)
  sheet.nodes.set(item.id, place)
  pen.of(item.id, within, () => {
    pen.box(item.id, place, { role: "node" })
    pen.icon(item.icon, place, ICON, faded)
    const y = at.y + ICON + 15
    const colour = faded ? "muted" : "ink"
    pen.text(item.title, { x: at.x, y }, { weight: faded ? "regular" : "bold", anchor: "middle", width, colour })
    for (const [line, fact] of item.facts.slice(0, 2).entries()) {
      pen.text(fact, { x: at.x, y: y + (line + 1) * 15 }, { colour: "muted", anchor: "middle", width })
    }
  })
}

export function drawWorkload(sheet: Sheet, workload: Workload, place: Rectangle, apart: boolean): void {
  const pen = sheet.pen
  const { x, y, width } = place
  sheet.nodes.set(workload.id, place)
  pen.names.set(workload.id, `${workload.title}: ${workload.facts.join(", ")}`)
  pen.box(workload.id, place, { role: "node", stroke: workload.colour, fill: "card", rounded: true })
  pen.of(workload.id, workload.id, () => {
    pen.icon(workload.icon, { x: x + 10, y: y + 8 }, 24)
    const groups = groupsText(workload)
    // The groups' names are in their table too: the title is what must not be cut.
    const room = width - 72 - textWidth(workload.title, 13, "bold")
    if (room > 60)
      pen.text(groups, { x: x + width - 12, y: y + 24 }, { colour: "security", anchor: "end", width: room })
    pen.text(workload.title, { x: x + 44, y: y + 24 }, { size: 13, weight: "bold", width: width - 56 })
    const factsX = apart ? x + 44 : x + 44 + textWidth(workload.title, 13, "bold") + 14
    const lines = apart ? flowed(workload.facts, width - 56, TEXT) : [workload.facts.join(" · ")]
    pen.lines(lines, { x: factsX, y: y + (apart ? 40 : 24) }, { colour: "muted" })
    const top = y + 36 + (apart ? lines.length * LEADING : 0)
    for (const cell of workload.cells) {
      const cellX = sheet.zoneX(cell.zone) + 2 * INSET + 14
      const size = cell.lines.length > 1 ? 32 : SMALL_ICON
      pen.icon(cell.icon, { x: cellX, y: top }, size, cell.faded)
      const textX = cellX + size + 10
      const room = sheet.zoneX(cell.zone) + ZONE - 2 * INSET - textX - 8
      const first = top + (cell.lines.length > 1 ? 13 : 15)
      for (const [line, text] of cell.lines.entries()) {
        const colour = line === 0 && cell.faded !== true ? "ink" : "muted"
        pen.text(text, { x: textX, y: first + line * LEADING }, { colour, width: room })
      }
    }
    drawReplication(sheet, workload, top + 16)
  })
}

/** From a database's primary to its standby. */
function drawReplication(sheet: Sheet, workload: Workload, y: number): void {
  const [primary, standby] = workload.cells
  if (standby?.icon !== "databaseStandby" || primary === undefined) return
  const lines = primary.lines.map((line) => textWidth(line, TEXT))
  const x = sheet.zoneX(primary.zone) + 2 * INSET + 14 + 32 + 10 + Math.max(...lines) + 8
  const end = sheet.zoneX(standby.zone) + 2 * INSET + 8
  const points = [
    { x, y },
    { x: end, y },
  ]
  sheet.pen.line(workload.id, workload.id, points, { kind: "plain", colour: "database", dashed: true, arrow: true })
}

function groupsText({ groups }: Workload): string {
  return groups.length === 0 ? "" : `security group ${groups.join(", ")}`
}

function groupsWidth(workload: Workload): number {
  return textWidth(groupsText(workload), TEXT)
}

function cellHeight({ lines }: { readonly lines: readonly string[] }): number {
  return lines.length > 1 ? Math.max(32, lines.length * LEADING) : SMALL_ICON
}

function linesOf({ cells }: Workload): number {
  return Math.max(0, ...cells.map(({ lines }) => lines.length))
}
