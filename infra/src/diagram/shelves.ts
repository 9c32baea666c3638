/** What stands beside the VPC: cards, roles, and the gateway endpoints on the border between. */
import type { Item, Shelf } from "./architecture.ts"
import { HEADING, LEADING, TEXT } from "./drawing.ts"
import type { Rectangle } from "./scene.ts"
import { CARD, GATEWAY_GAP, GLOBAL, HEAD, ICON, middleRight, type Sheet } from "./sheet.ts"
import { flowed } from "./text-width.ts"

export function drawShelves(
  sheet: Sheet,
  shelves: readonly Shelf[],
  { x, y, width }: { x: number; y: number; width: number },
  within: string,
): { places: Map<string, Rectangle>; bottom: number } {
  const pen = sheet.pen
  const places = new Map<string, Rectangle>()
  let top = y
  for (const { heading, items } of shelves) {
    pen.of(undefined, within, () =>
      pen.text(heading, { x, y: top + 14 }, { size: HEADING, weight: "bold", colour: "muted" }),
    )
    top += 24
    for (const item of items) {
      const place = { x, y: top, width, height: cardHeight(item, width) }
      places.set(item.id, place)
      sheet.nodes.set(item.id, place)
      pen.names.set(item.id, `${item.title}: ${item.facts.join(", ")}`)
      pen.of(item.id, within, () =>
        pen.box(item.id, place, { role: "node", stroke: "line", fill: "card", rounded: true }),
      )
      pen.of(item.id, item.id, () => {
        pen.icon(item.icon, { x: x + 10, y: top + 9 }, ICON)
        const textX = x + 56
        pen.text(item.title, { x: textX, y: top + 20 }, { weight: "bold", width: width - 64 })
        for (const [line, text] of factLines(item, width).entries()) {
          pen.text(text, { x: textX, y: top + 36 + line * 15 }, { colour: "muted", width: width - 64 })
        }
      })
      top += place.height + 6
    }
    top += 8
  }
  return { places, bottom: top }
}

/** Gateway endpoints stand on the VPC's border, level with what they lead to. */
export function drawGateways(sheet: Sheet, x: number, cards: { places: Map<string, Rectangle> }): void {
  const pen = sheet.pen
  let free = sheet.cloudY + HEAD + 40
  const level = ({ leadsTo = "" }: { leadsTo?: string }) => cards.places.get(leadsTo)?.y ?? Infinity
  const gateways = [...sheet.architecture.gatewayEndpoints].sort((one, other) => level(one) - level(other) || 0)
  for (const gateway of gateways) {
    const card = gateway.leadsTo === undefined ? undefined : cards.places.get(gateway.leadsTo)
    const middle = Math.max(card === undefined ? free : card.y + card.height / 2, free)
    const place = { x: x - ICON / 2, y: middle - ICON / 2, width: ICON, height: ICON }
    free = middle + ICON + 20
    sheet.nodes.set(gateway.id, place)
    pen.names.set(gateway.id, `${gateway.title}: ${gateway.facts.join(", ")}`)
    pen.of(gateway.id, "region", () => {
      pen.box(gateway.id, place, { role: "node", fill: "paper" })
      pen.icon(gateway.icon, place, ICON)
      const textX = x + ICON / 2 + 6
      const width = GATEWAY_GAP - ICON / 2 - 14
      pen.text(gateway.title, { x: textX, y: middle - 7 }, { weight: "bold", width })
      for (const [line, fact] of gateway.facts.slice(0, 1).entries()) {
        pen.text(fact, { x: textX, y: middle + 17 + line * 15 }, { colour: "muted", width })
      }
    })
    if (card === undefined || gateway.leadsTo === undefined || card.y > middle || card.y + card.height < middle)
      continue
    pen.line(gateway.id, gateway.leadsTo, [middleRight(place), { x: card.x, y: middle }], {
      kind: "endpoint",
      colour: "endpoint",
      arrow: true,
    })
  }
}

export function rolesHeight(sheet: Sheet): number {
  return sheet.architecture.roles.reduce((sum, role) => sum + roleLines(role).height, 40)
}

export function drawRoles(sheet: Sheet, { x, y, width }: { x: number; y: number; width: number }): void {
  const { roles } = sheet.architecture
  if (roles.length === 0) return
  const pen = sheet.pen
  pen.of(undefined, "account", () =>
    pen.text("IAM roles", { x, y: y + 14 }, { size: HEADING, weight: "bold", colour: "muted" }),
  )
  const top = y + 26
  const height = roles.reduce((sum, role) => sum + roleLines(role).height, 12)
  pen.of(undefined, "account", () =>
    pen.box("roles", { x, y: top, width, height }, { role: "node", stroke: "line", fill: "card", rounded: true }),
  )
  let rowY = top + 8
  for (const role of roles) {
    const { title, facts, height: rowHeight } = roleLines(role)
    const id = role.members[0] ?? role.title
    pen.names.set(id, `IAM role ${role.title}: ${role.facts.join(", ")}`)
    const key = `${id} row`
    pen.of(id, "roles", () =>
      pen.box(key, { x: x + 6, y: rowY, width: width - 12, height: rowHeight - 2 }, { role: "container" }),
    )
    pen.of(id, key, () => {
      pen.lines(title, { x: x + 12, y: rowY + 14 }, { weight: "bold" })
      pen.lines(facts, { x: x + 12, y: rowY + 14 + title.length * LEADING }, { colour: "muted" })
    })
    rowY += rowHeight
  }
}

function cardHeight(item: Item, width: number): number {
  return Math.max(54, 30 + factLines(item, width).length * 15 + 4)
}

/** Three lines at most: the page tells the rest. */
function factLines(item: Item, width: number): string[] {
  const lines = flowed(item.facts, width - 64, TEXT)
  if (lines.length <= 3) return lines
  return [...lines.slice(0, 2), `${lines[2]} …`]
}

export function shelvesHeight(shelves: readonly Shelf[]): number {
  return shelves.reduce(
    (sum, { items }) => sum + 32 + items.reduce((inner, item) => inner + cardHeight(item, CARD) + 6, 0),
    0,
  )
}

function roleLines({ title, facts }: { readonly title: string; readonly facts: readonly string[] }) {
  const lines = {
    title: flowed([title], GLOBAL - 24, TEXT, { weight: "bold" }),
    facts: flowed(facts, GLOBAL - 24, TEXT),
  }
  return { ...lines, height: (lines.title.length + lines.facts.length) * LEADING + 9 }
}
