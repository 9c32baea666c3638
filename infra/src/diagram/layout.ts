/**
 * The grid: zones are columns and tiers are rows of the VPC, each tier's tables stand before it, what is regional or global
 * beside it. Lines run in the two channels left and right of the zones, a lane for each kind of flow, so that none meets a
 * node; a lane inside is crossed by the branches of the lane outside, and nothing else crosses.
 */
import {
  type Architecture,
  type Exit,
  type Flow,
  type FlowKind,
  INTERNET,
  type Item,
  type SecurityGroup,
  type Shelf,
  type Subnet,
  type Table,
  type Tier,
  type Workload,
} from "./architecture.ts"
import { Drawing, flowed, HEADING, LEADING, TEXT, TITLE, textWidth } from "./drawing.ts"
import { LEGEND, legendSize } from "./legend.ts"
import type { Colour } from "./palette.ts"
import type { Point, Rectangle, Scene } from "./scene.ts"

const MARGIN = 28
const PAD = 14
const GAP = 14
/** Height of a container's heading. */
const HEAD = 32
const ICON = 36
const SMALL_ICON = 22

/** Width of a zone, with what is inside of it. */
const ZONE = 276
/** Between a zone's border and a subnet's, and between a subnet's and a bar's. */
const INSET = 8
const LEFT_CHANNEL = 92
const RIGHT_CHANNEL = 150
/** From the zones to the lanes, outwards. */
const LANES = { request: 46, egress: 66, endpoint: 46, data: 64, entrance: 82, other: 100 } as const
const GATEWAY_GAP = 122
const CARD = 262
const GLOBAL = 282
/** Room for the internet, above the account. */
const SKY = 90
const EXIT_ROW = 86
/** Below the exits: where the way out runs to its gateway. */
const EXIT_CHANNEL = 18
const ROW = 16
const BARS_APART = 6

export function layout(architecture: Architecture): Scene {
  return new Layout(architecture).scene()
}

class Layout {
  readonly #architecture: Architecture
  readonly #pen = new Drawing()
  /** Places of what lines lead to. */
  readonly #nodes = new Map<string, Rectangle>()

  #zonesLeft = 0
  #zonesRight = 0
  /** Where what comes from the internet goes down, and what leaves goes up beside it. */
  #entryX = 0
  #skyY = 0
  #exitY = 0
  #cloudY = 0

  constructor(architecture: Architecture) {
    this.#architecture = architecture
  }

  scene(): Scene {
    const { title, subtitle, vpc, region, tiers, zones } = this.#architecture
    const pen = this.#pen
    const accountX = MARGIN
    const accountY = MARGIN + SKY
    const regionX = accountX + PAD
    const regionY = accountY + HEAD
    const vpcX = regionX + PAD
    const vpcY = regionY + HEAD + 16
    const tablesX = vpcX + PAD
    const tablesWidth = tableColumn(tiers)
    this.#zonesLeft = tablesX + tablesWidth + LEFT_CHANNEL
    this.#zonesRight = this.#zonesLeft + zones.length * ZONE + (zones.length - 1) * GAP
    const vpcRight = this.#zonesRight + RIGHT_CHANNEL
    const cardsX = vpcRight + GATEWAY_GAP
    const regionRight = cardsX + CARD + PAD
    const globalX = regionRight + GAP
    const width = globalX + GLOBAL + PAD + MARGIN

    this.#skyY = MARGIN
    this.#cloudY = vpcY
    this.#exitY = vpcY + HEAD + 10
    const zonesY = this.#exitY + 14
    const tiersY = zonesY + HEAD
    const rows = this.#rows(tiersY)
    const zonesBottom = (rows.at(-1)?.bottom ?? tiersY) + INSET
    const groupsY = zonesBottom + GAP
    const groups = this.#groupRows(vpcRight - PAD - tablesX)
    const vpcBottom = groupsY + groups.height + PAD
    const shelves = shelvesHeight(this.#architecture.regional)
    const regionBottom = Math.max(vpcBottom, vpcY + shelves) + PAD
    const globalBottom = vpcY + shelvesHeight(this.#architecture.global) + this.#rolesHeight()
    const accountBottom = Math.max(regionBottom, globalBottom) + PAD
    const height = accountBottom + MARGIN
    const stretched = accountBottom - PAD

    pen.text(title, { x: MARGIN, y: MARGIN + 24 }, { size: TITLE, weight: "bold" })
    pen.text(subtitle, { x: MARGIN, y: MARGIN + 48 }, { size: 13, colour: "muted" })
    this.#container(
      "account",
      { x: accountX, y: accountY, width: width - 2 * MARGIN, height: accountBottom - accountY },
      {
        icon: "account",
        title: "AWS account",
        colour: "account",
      },
    )
    this.#container(
      "region",
      { x: regionX, y: regionY, width: regionRight - regionX, height: stretched - regionY },
      {
        icon: "region",
        title: `Region ${region}`,
        colour: "region",
        dashed: true,
        within: "account",
      },
    )
    pen.names.set(vpc.id, `VPC ${vpc.name} ${vpc.cidr}`)
    this.#container(
      "vpc",
      { x: vpcX, y: vpcY, width: vpcRight - vpcX, height: stretched - PAD - vpcY },
      {
        icon: "vpc",
        title: `VPC ${vpc.name} · ${vpc.cidr}`,
        colour: "vpc",
        within: "region",
        resource: vpc.id,
      },
    )
    for (const [at, zone] of zones.entries()) {
      this.#container(
        zoneKey(at),
        { x: this.#zoneX(at), y: zonesY, width: ZONE, height: zonesBottom - zonesY },
        {
          title: `Zone ${zone}`,
          colour: "zone",
          dashed: true,
          within: "vpc",
        },
      )
    }
    for (const { tier, y, bottom } of rows) this.#tier(tier, y, bottom, { x: tablesX, width: tablesWidth })
    this.#securityGroups(groups, { x: tablesX, y: groupsY, width: vpcRight - PAD - tablesX })
    const cards = this.#shelves(this.#architecture.regional, { x: cardsX, y: vpcY, width: CARD }, "region")
    this.#gateways(vpcRight, cards)
    const below = this.#shelves(this.#architecture.global, { x: globalX, y: vpcY, width: GLOBAL }, "account")
    this.#roles({ x: globalX, y: below.bottom, width: GLOBAL })
    this.#sky(vpcY)
    this.#flows()
    this.#legend(width - MARGIN)
    return { title, width, height, shapes: pen.shapes, names: pen.names }
  }

  #zoneX(at: number): number {
    return this.#zonesLeft + at * (ZONE + GAP)
  }

  /** Tiers from the top, each as high as what it needs. */
  #rows(top: number): { tier: Tier; y: number; bottom: number }[] {
    let y = top
    return this.#architecture.tiers.map((tier) => {
      const inside = this.#bars(tier, 0).bottom
      const tables = tier.tables.reduce((sum, table) => sum + tableHeight(table) + 10, -10)
      const bottom = y + Math.max(inside + INSET, tables, 72)
      const row = { tier, y, bottom }
      y = bottom + GAP
      return row
    })
  }

  /** Places of a tier's bars. */
  #bars(tier: Tier, y: number): { places: Map<string, Rectangle>; apart: (one: Workload) => boolean; bottom: number } {
    const places = new Map<string, Rectangle>()
    let top = y + HEAD + (tier.exits.length > 0 ? EXIT_ROW + EXIT_CHANNEL : 0)
    const spans = tier.workloads.map((one) => this.#span(one))
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
      const slots = Math.max(this.#slots(workload.id, "left").length, this.#slots(workload.id, "right").length)
      const height = Math.max(34 + facts * LEADING + (cells > 0 ? cells + 10 : 4), (slots + 1) * 14)
      places.set(workload.id, { x, y: top, width, height })
      top += height + BARS_APART
    }
    return { places, apart, bottom: tier.workloads.length > 0 || tier.exits.length > 0 ? top - BARS_APART : y + HEAD }
  }

  #span({ cells }: Workload): { x: number; width: number } {
    const zones = cells.map(({ zone }) => zone)
    const first = zones.length > 0 ? Math.min(...zones) : 0
    const last = zones.length > 0 ? Math.max(...zones) : this.#architecture.zones.length - 1
    const x = this.#zoneX(first) + 2 * INSET
    return { x, width: this.#zoneX(last) + ZONE - 2 * INSET - x }
  }

  #container(
    key: string,
    place: Rectangle,
    style: {
      icon?: "account" | "region" | "vpc" | "publicSubnet" | "privateSubnet"
      title: string
      colour: Colour
      fill?: Colour
      dashed?: boolean
      within?: string
      resource?: string
      size?: number
    },
  ): void {
    const { icon, title, colour, fill, dashed, within, resource } = style
    const pen = this.#pen
    const size = 24
    pen.of(resource, within, () =>
      pen.box(key, place, { role: "container", stroke: colour, ...(fill && { fill }), ...(dashed && { dashed }) }),
    )
    pen.of(resource, key, () => {
      if (icon !== undefined) pen.icon(icon, { x: place.x, y: place.y }, size)
      const x = place.x + (icon === undefined ? 10 : size + 8)
      const weight = "bold"
      pen.text(
        title,
        { x, y: place.y + 17 },
        { weight, colour, size: style.size ?? 13, width: place.width - (x - place.x) - 8 },
      )
    })
  }

  #tier(tier: Tier, y: number, bottom: number, tables: { x: number; width: number }): void {
    const pen = this.#pen
    for (const subnet of tier.subnets) this.#subnet(tier, subnet, y, bottom)
    let tableY = y
    for (const table of tier.tables) {
      this.#table(table, { x: tables.x, y: tableY, width: tables.width })
      tableY += tableHeight(table) + 10
    }
    for (const exit of tier.exits) this.#exit(exit, tier, y + HEAD)
    const { places, apart } = this.#bars(tier, y)
    for (const workload of tier.workloads) {
      const place = places.get(workload.id)
      if (place !== undefined) pen.of(workload.id, "vpc", () => this.#workload(workload, place, apart(workload)))
    }
  }

  #subnet(tier: Tier, subnet: Subnet, y: number, bottom: number): void {
    const place = { x: this.#zoneX(subnet.zone) + INSET, y, width: ZONE - 2 * INSET, height: bottom - y }
    this.#pen.names.set(subnet.id, `Subnet ${subnet.name} ${subnet.cidr}`)
    this.#container(subnet.id, place, {
      icon: tier.public ? "publicSubnet" : "privateSubnet",
      title: `${subnet.name} · ${subnet.cidr}`,
      colour: tier.public ? "public" : "private",
      fill: tier.public ? "publicFace" : "privateFace",
      within: zoneKey(subnet.zone),
      resource: subnet.id,
      size: TEXT,
    })
  }

  #exit({ zone, gateway, address, stands }: Exit, tier: Tier, y: number): void {
    const within = tier.subnets.find((subnet) => subnet.zone === zone)?.id
    const x = this.#zoneX(zone) + INSET
    const iconY = y + 4
    this.#stand(gateway, { x: x + 58, y: iconY }, within, { faded: !stands, width: address === undefined ? 110 : 98 })
    if (address === undefined) return
    this.#stand(address, { x: x + 160, y: iconY }, within, { width: 106 })
    const from = this.#nodes.get(gateway.id)
    const to = this.#nodes.get(address.id)
    if (from === undefined || to === undefined) return
    this.#pen.line(gateway.id, address.id, [middleRight(from), middleLeft(to)], {
      kind: "egress",
      colour: "egress",
      arrow: true,
    })
  }

  /** An icon with its name and facts below. @param at the middle of the icon's top */
  #stand(
    item: Item,
    at: Point,
    within: string | undefined,
    { faded = false, width }: { faded?: boolean; width: number },
  ): void {
    const pen = this.#pen
    const place = { x: at.x - ICON / 2, y: at.y, width: ICON, height: ICON }
    pen.names.set(item.id, `${item.title}: ${item.facts.join(", ")}`)
    this.#nodes.set(item.id, place)
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

  #workload(workload: Workload, place: Rectangle, apart: boolean): void {
    const pen = this.#pen
    const { x, y, width } = place
    this.#nodes.set(workload.id, place)
    pen.names.set(workload.id, `${workload.title}: ${workload.facts.join(", ")}`)
    pen.box(workload.id, place, { role: "node", stroke: workload.colour, fill: "card", rounded: true })
    pen.of(workload.id, workload.id, () => {
      pen.icon(workload.icon, { x: x + 10, y: y + 8 }, 24)
      const groups = groupsText(workload)
      pen.text(groups, { x: x + width - 12, y: y + 24 }, { colour: "security", anchor: "end" })
      const room = width - 56 - groupsWidth(workload)
      pen.text(workload.title, { x: x + 44, y: y + 24 }, { size: 13, weight: "bold", width: room })
      const factsX = apart ? x + 44 : x + 44 + textWidth(workload.title, 13, "bold") + 14
      const lines = apart ? flowed(workload.facts, width - 56, TEXT) : [workload.facts.join(" · ")]
      pen.lines(lines, { x: factsX, y: y + (apart ? 40 : 24) }, { colour: "muted" })
      const top = y + 36 + (apart ? lines.length * LEADING : 0)
      for (const cell of workload.cells) {
        const cellX = this.#zoneX(cell.zone) + 2 * INSET + 14
        const size = cell.lines.length > 1 ? 32 : SMALL_ICON
        pen.icon(cell.icon, { x: cellX, y: top }, size, cell.faded)
        const textX = cellX + size + 10
        const room = this.#zoneX(cell.zone) + ZONE - 2 * INSET - textX - 8
        const first = top + (cell.lines.length > 1 ? 13 : 15)
        for (const [line, text] of cell.lines.entries()) {
          const colour = line === 0 && cell.faded !== true ? "ink" : "muted"
          pen.text(text, { x: textX, y: first + line * LEADING }, { colour, width: room })
        }
      }
      this.#replicated(workload, top + 16)
    })
  }

  /** From a database's primary to its standby. */
  #replicated(workload: Workload, y: number): void {
    const [primary, standby] = workload.cells
    if (standby?.icon !== "databaseStandby" || primary === undefined) return
    const lines = primary.lines.map((line) => textWidth(line, TEXT))
    const x = this.#zoneX(primary.zone) + 2 * INSET + 14 + 32 + 10 + Math.max(...lines) + 8
    const end = this.#zoneX(standby.zone) + 2 * INSET + 8
    const points = [
      { x, y },
      { x: end, y },
    ]
    this.#pen.line(workload.id, workload.id, points, { kind: "plain", colour: "database", dashed: true, arrow: true })
  }

  #table(table: Table, { x, y, width }: { x: number; y: number; width: number }): void {
    const pen = this.#pen
    const place = { x, y, width, height: tableHeight(table) }
    pen.names.set(table.id, table.title)
    pen.of(table.id, "vpc", () =>
      pen.box(table.id, place, { role: "node", stroke: "line", fill: "card", rounded: true }),
    )
    pen.of(table.id, table.id, () => {
      pen.icon(table.icon, { x: x + 9, y: y + 5 }, 20)
      pen.text(table.title, { x: x + 36, y: y + 20 }, { weight: "bold", width: width - 44 })
      const columns = columnsOf(table)
      for (const [row, cells] of table.rows.entries()) {
        let cellX = x + 12
        for (const [column, cell] of cells.entries()) {
          const room = column === cells.length - 1 ? x + width - 10 - cellX : (columns[column] ?? 0)
          pen.text(cell, { x: cellX, y: y + 40 + row * ROW }, { width: room, colour: tableColour(cell, column) })
          cellX += (columns[column] ?? 0) + 12
        }
      }
    })
  }

  #groupRows(width: number): GroupRows {
    const name =
      Math.max(120, ...this.#architecture.securityGroups.map((one) => textWidth(one.name, TEXT, "bold"))) + 18
    const side = (width - 24 - name) / 2 - 12
    const rows = this.#architecture.securityGroups.map((group) => {
      const inbound = flowed(group.inbound.length > 0 ? group.inbound : ["nothing"], side, TEXT)
      const outbound = flowed(group.outbound.length > 0 ? group.outbound : ["nothing"], side, TEXT)
      return { group, inbound, outbound, height: Math.max(inbound.length, outbound.length) * LEADING + 2 }
    })
    return { name, side, rows, height: 42 + rows.reduce((sum, row) => sum + row.height, 0) + 4 }
  }

  #securityGroups(
    { name, side, rows, height }: GroupRows,
    { x, y, width }: { x: number; y: number; width: number },
  ): void {
    const pen = this.#pen
    const key = "security-groups"
    pen.of(undefined, "vpc", () =>
      pen.box(key, { x, y, width, height }, { role: "node", stroke: "line", fill: "card", rounded: true }),
    )
    const [inX, outX] = [x + 12 + name, x + 12 + name + side + 12]
    pen.of(undefined, key, () => {
      pen.text("Security groups", { x: x + 12, y: y + 22 }, { size: 13, weight: "bold" })
      pen.text("inbound", { x: inX, y: y + 22 }, { colour: "muted" })
      pen.text("outbound", { x: outX, y: y + 22 }, { colour: "muted" })
    })
    let top = y + 42
    for (const { group, inbound, outbound, height: rowHeight } of rows) {
      pen.names.set(
        group.id,
        `Security group ${group.name}: in ${group.inbound.join(", ")}; out ${group.outbound.join(", ")}`,
      )
      const row = `${group.id} row`
      pen.of(group.id, key, () =>
        pen.box(row, { x: x + 6, y: top - 14, width: width - 12, height: rowHeight - 1 }, { role: "container" }),
      )
      pen.of(group.id, row, () => {
        pen.text(group.name, { x: x + 12, y: top }, { weight: "bold", colour: "security" })
        pen.lines(inbound, { x: inX, y: top }, { colour: group.inbound.length > 0 ? "ink" : "muted" })
        pen.lines(outbound, { x: outX, y: top }, { colour: group.outbound.length > 0 ? "ink" : "muted" })
      })
      top += rowHeight
    }
  }

  #shelves(
    shelves: readonly Shelf[],
    { x, y, width }: { x: number; y: number; width: number },
    within: string,
  ): { places: Map<string, Rectangle>; bottom: number } {
    const pen = this.#pen
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
        this.#nodes.set(item.id, place)
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

  #rolesHeight(): number {
    return this.#architecture.roles.reduce((sum, role) => sum + roleLines(role).height, 40)
  }

  #roles({ x, y, width }: { x: number; y: number; width: number }): void {
    const { roles } = this.#architecture
    if (roles.length === 0) return
    const pen = this.#pen
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

  /** Gateway endpoints stand on the VPC's border, level with what they lead to. */
  #gateways(x: number, cards: { places: Map<string, Rectangle> }): void {
    const pen = this.#pen
    let free = this.#cloudY + HEAD + 40
    const level = ({ leadsTo = "" }: { leadsTo?: string }) => cards.places.get(leadsTo)?.y ?? Infinity
    const gateways = [...this.#architecture.gatewayEndpoints].sort((one, other) => level(one) - level(other) || 0)
    for (const gateway of gateways) {
      const card = gateway.leadsTo === undefined ? undefined : cards.places.get(gateway.leadsTo)
      const middle = Math.max(card === undefined ? free : card.y + card.height / 2, free)
      const place = { x: x - ICON / 2, y: middle - ICON / 2, width: ICON, height: ICON }
      free = middle + ICON + 20
      this.#nodes.set(gateway.id, place)
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

  /** The internet, and the gateway on the VPC's border below it. */
  #sky(vpcY: number): void {
    const { internetGateway, flows } = this.#architecture
    const pen = this.#pen
    const entry = flows.find(({ kind }) => kind === "ingress")?.to
    const target = entry === undefined ? undefined : this.#nodes.get(entry)
    this.#entryX = (target === undefined ? this.#zonesRight - 2 * INSET : target.x + target.width) - 17
    const size = 52
    const internet = { x: this.#entryX - size / 2, y: this.#skyY, width: size, height: size }
    this.#nodes.set(INTERNET, internet)
    pen.names.set(INTERNET, "Internet")
    pen.of(INTERNET, undefined, () => {
      pen.box(INTERNET, internet, { role: "node" })
      pen.icon("internet", internet, size)
      pen.text("Internet", { x: internet.x - 10, y: internet.y + 25 }, { size: 13, weight: "bold", anchor: "end" })
      pen.text("0.0.0.0/0", { x: internet.x - 10, y: internet.y + 42 }, { colour: "muted", anchor: "end" })
    })
    if (internetGateway === undefined) return
    const half = 22
    const edge = GATEWAY_EDGE
    const place = { x: this.#entryX - edge, y: vpcY - edge, width: 2 * edge, height: 2 * edge }
    this.#nodes.set(internetGateway.id, place)
    pen.names.set(internetGateway.id, `${internetGateway.title}: ${internetGateway.facts.join(", ")}`)
    pen.of(internetGateway.id, "region", () => {
      pen.box(internetGateway.id, place, { role: "node", fill: "paper" })
      pen.icon(internetGateway.icon, { x: this.#entryX - half, y: vpcY - half }, 2 * half)
      const x = place.x - 12
      pen.text(internetGateway.title, { x, y: vpcY - 7 }, { weight: "bold", anchor: "end" })
      pen.text(internetGateway.facts.join(" · "), { x, y: vpcY + 18 }, { colour: "muted", anchor: "end" })
    })
  }

  /** Kinds of flow at a node's side, from the top. */
  #slots(id: string, side: "left" | "right"): FlowKind[] {
    const kinds: readonly FlowKind[] =
      side === "left" ? ["request", "egress"] : ["endpoint", "data", "entrance", "other"]
    return kinds.filter((kind) =>
      this.#architecture.flows.some((flow) => flow.kind === kind && (flow.from === id || flow.to === id)),
    )
  }

  #port(id: string, kind: FlowKind): Point {
    const place = this.#nodes.get(id)
    if (place === undefined) throw new Error(`nothing is drawn for ${id}`)
    const side = kind === "request" || kind === "egress" ? "left" : "right"
    const slots = this.#slots(id, side)
    const y = place.y + Math.round((place.height * (slots.indexOf(kind) + 1)) / (slots.length + 1))
    return { x: side === "left" ? place.x : place.x + place.width, y }
  }

  #flows(): void {
    const { flows } = this.#architecture
    const drawn = flows.filter(({ from, to }) => this.#nodes.has(from) && this.#nodes.has(to))
    for (const kind of FLOW_ORDER) {
      const ofKind = drawn.filter((flow) => flow.kind === kind)
      for (const flow of ofKind) {
        for (const { from, to, points } of this.#legs(flow)) {
          if (points.length > 1) this.#pen.line(from, to, points, { kind, colour: kind, arrow: true })
        }
      }
      this.#flowLabels(kind, ofKind)
    }
  }

  /** A flow's lines, from node to node. */
  #legs(flow: Flow): Leg[] {
    if (flow.kind === "ingress") return this.#entry(flow.to)
    return [{ from: flow.from, to: flow.kind === "egress" ? this.#firstExit() : flow.to, points: this.#route(flow) }]
  }

  #firstExit(): string {
    return this.#standing()?.gateway.id ?? INTERNET
  }

  #route(flow: Flow): Point[] {
    const { from, to, kind } = flow
    switch (kind) {
      case "ingress":
        return []
      case "request":
        return this.#byLane(this.#port(from, kind), this.#port(to, kind), this.#zonesLeft - LANES.request)
      case "egress":
        return this.#wayOut(from)
      case "endpoint": {
        const lane = this.#zonesRight + LANES.endpoint
        const target = this.#nodes.get(to)
        const start = this.#port(from, kind)
        if (target !== undefined && target.x > lane) return this.#byLane(start, middleLeft(target), lane)
        return this.#byLane(start, this.#port(to, kind), lane)
      }
      case "data":
      case "entrance":
        return this.#byLane(this.#port(from, kind), this.#port(to, kind), this.#zonesRight + LANES[kind])
      case "other":
        return this.#other(flow)
    }
  }

  #byLane(from: Point, to: Point, lane: number): Point[] {
    return [from, { x: lane, y: from.y }, { x: lane, y: to.y }, to]
  }

  /** Down to the gateway, and from it to the entrance. */
  #entry(to: string): Leg[] {
    const { internetGateway } = this.#architecture
    const internet = this.#nodes.get(INTERNET)
    const target = this.#nodes.get(to)
    if (internet === undefined || target === undefined) return []
    const x = this.#entryX + 9
    const [top, bottom] = [
      { x, y: internet.y + internet.height },
      { x, y: target.y },
    ]
    if (internetGateway === undefined) return [{ from: INTERNET, to, points: [top, bottom] }]
    const id = internetGateway.id
    return [
      { from: INTERNET, to: id, points: [top, { x, y: this.#cloudY - GATEWAY_EDGE }] },
      { from: id, to, points: [{ x, y: this.#cloudY + GATEWAY_EDGE }, bottom] },
    ]
  }

  /** To the gateway that stands in the workload's tier's way, to its address, and up. */
  #wayOut(from: string): Point[] {
    const exit = this.#standing()
    const gateway = exit && this.#nodes.get(exit.gateway.id)
    if (exit === undefined || gateway === undefined) return []
    const start = this.#port(from, "egress")
    const lane = this.#zonesLeft - LANES.egress
    const y = gateway.y + EXIT_ROW + 4
    return [
      start,
      { x: lane, y: start.y },
      { x: lane, y },
      { x: gateway.x - 34, y },
      { x: gateway.x - 34, y: gateway.y + ICON / 2 },
      middleLeft(gateway),
    ]
  }

  #standing(): Exit | undefined {
    return this.#architecture.tiers.flatMap(({ exits }) => exits).find(({ stands }) => stands)
  }

  /** What is in no plan: beside all other lanes, so that it is seen. */
  #other({ from, to }: Flow): Point[] {
    const lane = this.#zonesRight + LANES.other
    const end = (id: string): Point[] => {
      if (id !== INTERNET) return [this.#port(id, "other")]
      const y = this.#exitY + 6
      return [
        { x: this.#entryX + 17, y: this.#cloudY + 22 },
        { x: this.#entryX + 17, y },
        { x: lane, y },
      ]
    }
    const [start, finish] = [end(from), end(to).reverse()]
    const first = start.at(-1)
    const last = finish[0]
    if (first === undefined || last === undefined) return []
    return [...start, { x: lane, y: first.y }, { x: lane, y: last.y }, ...finish]
  }

  #flowLabels(kind: FlowKind, flows: readonly Flow[]): void {
    const pen = this.#pen
    const labels = Map.groupBy(flows, ({ to }) => to)
    const exit = this.#standing()
    for (const [to, leading] of labels) {
      const text = [...new Set(leading.map(({ label }) => label))].join(", ")
      const style = { weight: "bold", colour: kind, anchor: "middle" } as const
      if (kind === "ingress") {
        const y = this.#skyY + SKY - 12
        pen.text(text, { x: this.#entryX + 18, y }, { ...style, anchor: "start" })
        continue
      }
      if (kind === "egress") {
        this.#egressLine(exit, text)
        continue
      }
      if (kind === "other") {
        for (const flow of leading) {
          const id = flow.from === INTERNET ? flow.to : flow.from
          const { y } = this.#port(id, kind)
          pen.text(flow.label, { x: this.#zonesRight + 4, y: y - 4 }, { ...style, anchor: "start", width: 40 })
        }
        continue
      }
      const target = this.#nodes.get(to)
      if (target !== undefined && kind === "endpoint" && target.x > this.#zonesRight) {
        const [left, right] = [this.#zonesRight + LANES.other, target.x]
        pen.text(text, { x: (left + right) / 2 - 4, y: target.y + ICON / 2 - 5 }, { ...style, width: right - left })
        continue
      }
      const { y } = this.#port(to, kind)
      const middle = kind === "request" ? this.#zonesLeft - LANES.request / 2 : this.#zonesRight + LANES.endpoint / 2
      pen.text(text, { x: middle, y: y - 5 }, { ...style, width: LANES.request - 6 })
    }
  }

  /** From the address to the internet, once for all that leave by it. */
  #egressLine(exit: Exit | undefined, ports: string): void {
    const { internetGateway } = this.#architecture
    const pen = this.#pen
    const address = exit?.address
    const from = address && this.#nodes.get(address.id)
    const internet = this.#nodes.get(INTERNET)
    if (exit === undefined || address === undefined || from === undefined || internet === undefined) return
    const x = this.#entryX - 9
    // Beside the subnet's heading; straight below the gateway where that is in the same zone.
    const edge = this.#zoneX(exit.zone) + ZONE - INSET - 14
    const up = edge > x - 20 ? x : edge
    const below = [middleRight(from), { x: up, y: from.y + ICON / 2 }, { x: up, y: this.#exitY }, { x, y: this.#exitY }]
    const top = { x, y: internet.y + internet.height }
    const look = { kind: "egress", colour: "egress", arrow: true } as const
    if (internetGateway === undefined) pen.line(address.id, INTERNET, [...below, top], look)
    else {
      pen.line(address.id, internetGateway.id, [...below, { x, y: this.#cloudY + GATEWAY_EDGE }], look)
      pen.line(internetGateway.id, INTERNET, [{ x, y: this.#cloudY - GATEWAY_EDGE }, top], look)
    }
    const style = { weight: "bold", colour: "egress" } as const
    const text = `${ports} from ${address.title}`
    if (internetGateway !== undefined) {
      pen.text(text, { x: x - 9, y: this.#skyY + SKY - 12 }, { ...style, anchor: "end" })
    }
    pen.text(
      ports,
      { x: this.#zonesLeft - LANES.egress + 30, y: (this.#nodes.get(exit.gateway.id)?.y ?? 0) + EXIT_ROW - 2 },
      {
        ...style,
        anchor: "middle",
        width: 50,
      },
    )
  }

  #legend(right: number): void {
    const pen = this.#pen
    const { columns, width } = legendSize()
    const left = right - width
    if (left < this.#entryX + 120) return
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
    pen.names.set("legend", LEGEND)
  }
}

/** From the internet gateway's middle to the edge of its icon, where lines meet it. */
const GATEWAY_EDGE = 18

interface GroupRows {
  /** Widths of the columns. */
  readonly name: number
  readonly side: number
  readonly rows: readonly {
    readonly group: SecurityGroup
    readonly inbound: readonly string[]
    readonly outbound: readonly string[]
    readonly height: number
  }[]
  readonly height: number
}

interface Leg {
  readonly from: string
  readonly to: string
  readonly points: readonly Point[]
}

/** Later kinds are painted over earlier ones where they cross. */
const FLOW_ORDER: readonly FlowKind[] = ["egress", "ingress", "request", "entrance", "data", "endpoint", "other"]

function zoneKey(at: number): string {
  return `zone ${at}`
}

function middleRight({ x, y, width, height }: Rectangle): Point {
  return { x: x + width, y: y + height / 2 }
}

function middleLeft({ x, y, height }: Rectangle): Point {
  return { x, y: y + height / 2 }
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

function tableHeight({ rows }: Table): number {
  return 32 + rows.length * ROW + 4
}

function columnsOf({ rows }: Table): number[] {
  const columns: number[] = []
  for (const cells of rows) {
    for (const [at, cell] of cells.entries()) columns[at] = Math.max(columns[at] ?? 0, textWidth(cell, TEXT))
  }
  return columns
}

/** As wide as the widest table needs, within reason. */
function tableColumn(tiers: readonly Tier[]): number {
  const widths = tiers.flatMap(({ tables }) =>
    tables.map((table) =>
      Math.max(
        columnsOf(table).reduce((sum, one) => sum + one + 12, 12),
        44 + textWidth(table.title, TEXT, "bold"),
      ),
    ),
  )
  return Math.round(Math.min(Math.max(240, ...widths), 420))
}

function tableColour(cell: string, column: number): Colour {
  if (column === 0 && cell === "in") return "ingress"
  if (column === 0 && cell === "out") return "data"
  if (cell === "deny") return "security"
  return column === 1 ? "muted" : "ink"
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

function shelvesHeight(shelves: readonly Shelf[]): number {
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
