/** Lines: the internet above, and each kind of flow in a lane of its own beside the zones. */
import { type Exit, type Flow, type FlowKind, INTERNET } from "./architecture.ts"
import type { Point } from "./scene.ts"
import { EXIT_ROW, ICON, INSET, LANES, middleLeft, middleRight, type Sheet, SKY, ZONE } from "./sheet.ts"

/** From the internet gateway's middle to the edge of its icon, where lines meet it. */
const GATEWAY_EDGE = 18

/** Later kinds are painted over earlier ones where they cross. */
const FLOW_ORDER: readonly FlowKind[] = ["egress", "ingress", "request", "entrance", "data", "endpoint", "other"]

interface Leg {
  readonly from: string
  readonly to: string
  readonly points: readonly Point[]
}

/** The internet, and the gateway on the VPC's border below it. */
export function drawSky(sheet: Sheet, vpcY: number): void {
  const { internetGateway, flows } = sheet.architecture
  const pen = sheet.pen
  const entry = flows.find(({ kind }) => kind === "ingress")?.to
  const target = entry === undefined ? undefined : sheet.nodes.get(entry)
  sheet.entryX = (target === undefined ? sheet.zonesRight - 2 * INSET : target.x + target.width) - 17
  const size = 52
  const internet = { x: sheet.entryX - size / 2, y: sheet.skyY, width: size, height: size }
  sheet.nodes.set(INTERNET, internet)
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
  const place = { x: sheet.entryX - edge, y: vpcY - edge, width: 2 * edge, height: 2 * edge }
  sheet.nodes.set(internetGateway.id, place)
  pen.names.set(internetGateway.id, `${internetGateway.title}: ${internetGateway.facts.join(", ")}`)
  pen.of(internetGateway.id, "region", () => {
    pen.box(internetGateway.id, place, { role: "node", fill: "paper" })
    pen.icon(internetGateway.icon, { x: sheet.entryX - half, y: vpcY - half }, 2 * half)
    const x = place.x - 12
    pen.text(internetGateway.title, { x, y: vpcY - 7 }, { weight: "bold", anchor: "end" })
    pen.text(internetGateway.facts.join(" · "), { x, y: vpcY + 18 }, { colour: "muted", anchor: "end" })
  })
}

/** Kinds of flow at a node's side, from the top. */
export function slotsOf(sheet: Sheet, id: string, side: "left" | "right"): FlowKind[] {
  const kinds: readonly FlowKind[] = side === "left" ? ["request", "egress"] : ["endpoint", "data", "entrance", "other"]
  return kinds.filter((kind) =>
    sheet.architecture.flows.some((flow) => flow.kind === kind && (flow.from === id || flow.to === id)),
  )
}

function portOf(sheet: Sheet, id: string, kind: FlowKind): Point {
  const place = sheet.nodes.get(id)
  if (place === undefined) throw new Error(`nothing is drawn for ${id}`)
  const side = kind === "request" || kind === "egress" ? "left" : "right"
  const slots = slotsOf(sheet, id, side)
  const y = place.y + Math.round((place.height * (slots.indexOf(kind) + 1)) / (slots.length + 1))
  return { x: side === "left" ? place.x : place.x + place.width, y }
}

export function drawFlows(sheet: Sheet): void {
  const { flows } = sheet.architecture
  const drawn = flows.filter(({ from, to }) => sheet.nodes.has(from) && sheet.nodes.has(to))
  for (const kind of FLOW_ORDER) {
    const ofKind = drawn.filter((flow) => flow.kind === kind)
    for (const flow of ofKind) {
      for (const { from, to, points } of legsOf(sheet, flow)) {
        if (points.length > 1) sheet.pen.line(from, to, points, { kind, colour: kind, arrow: true })
      }
    }
    labelFlows(sheet, kind, ofKind)
  }
}

/** A flow's lines, from node to node. */
function legsOf(sheet: Sheet, flow: Flow): Leg[] {
  if (flow.kind === "ingress") return entryLegs(sheet, flow.to)
  if (flow.kind === "egress") {
    return exitsOf(sheet, [flow]).map((exit) => ({
      from: flow.from,
      to: exit.gateway.id,
      points: wayOut(sheet, flow.from, exit),
    }))
  }
  return [{ from: flow.from, to: flow.to, points: routeOf(sheet, flow) }]
}

function routeOf(sheet: Sheet, flow: Flow): Point[] {
  const { from, to, kind } = flow
  switch (kind) {
    case "ingress":
    case "egress":
      return []
    case "request":
      return byLane(portOf(sheet, from, kind), portOf(sheet, to, kind), sheet.zonesLeft - LANES.request)
    case "endpoint": {
      const lane = sheet.zonesRight + LANES.endpoint
      const target = sheet.nodes.get(to)
      const start = portOf(sheet, from, kind)
      if (target !== undefined && target.x > lane) return byLane(start, middleLeft(target), lane)
      return byLane(start, portOf(sheet, to, kind), lane)
    }
    case "data":
    case "entrance":
      return byLane(portOf(sheet, from, kind), portOf(sheet, to, kind), sheet.zonesRight + LANES[kind])
    case "other":
      return otherRoute(sheet, flow)
  }
}

function byLane(from: Point, to: Point, lane: number): Point[] {
  return [from, { x: lane, y: from.y }, { x: lane, y: to.y }, to]
}

/** Down to the gateway, and from it to the entrance. */
function entryLegs(sheet: Sheet, to: string): Leg[] {
  const { internetGateway } = sheet.architecture
  const internet = sheet.nodes.get(INTERNET)
  const target = sheet.nodes.get(to)
  if (internet === undefined || target === undefined) return []
  const x = sheet.entryX + 9
  const [top, bottom] = [
    { x, y: internet.y + internet.height },
    { x, y: target.y },
  ]
  if (internetGateway === undefined) return [{ from: INTERNET, to, points: [top, bottom] }]
  const id = internetGateway.id
  return [
    { from: INTERNET, to: id, points: [top, { x, y: sheet.cloudY - GATEWAY_EDGE }] },
    { from: id, to, points: [{ x, y: sheet.cloudY + GATEWAY_EDGE }, bottom] },
  ]
}

/** Up to the channel below the gateways, and to one of them. */
function wayOut(sheet: Sheet, from: string, exit: Exit): Point[] {
  const gateway = sheet.nodes.get(exit.gateway.id)
  if (gateway === undefined) return []
  const start = portOf(sheet, from, "egress")
  const lane = sheet.zonesLeft - LANES.egress
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

/** The exits that flows take. */
function exitsOf(sheet: Sheet, flows: readonly Flow[]): Exit[] {
  const via = new Set(flows.flatMap((flow) => flow.via ?? []))
  return sheet.architecture.tiers.flatMap(({ exits }) => exits).filter(({ gateway }) => via.has(gateway.id))
}

/** What is in no plan: beside all other lanes, so that it is seen. */
function otherRoute(sheet: Sheet, { from, to }: Flow): Point[] {
  const lane = sheet.zonesRight + LANES.other
  const end = (id: string): Point[] => {
    if (id !== INTERNET) return [portOf(sheet, id, "other")]
    const y = sheet.exitY + 6
    return [
      { x: sheet.entryX + 17, y: sheet.cloudY + 22 },
      { x: sheet.entryX + 17, y },
      { x: lane, y },
    ]
  }
  const [start, finish] = [end(from), end(to).reverse()]
  const first = start.at(-1)
  const last = finish[0]
  if (first === undefined || last === undefined) return []
  return [...start, { x: lane, y: first.y }, { x: lane, y: last.y }, ...finish]
}

function labelFlows(sheet: Sheet, kind: FlowKind, flows: readonly Flow[]): void {
  const pen = sheet.pen
  const labels = Map.groupBy(flows, ({ to }) => to)
  for (const [to, leading] of labels) {
    const text = [...new Set(leading.map(({ label }) => label))].join(", ")
    const style = { weight: "bold", colour: kind, anchor: "middle" } as const
    if (kind === "ingress") {
      const y = sheet.skyY + SKY - 12
      pen.text(text, { x: sheet.entryX + 18, y }, { ...style, anchor: "start" })
      continue
    }
    if (kind === "egress") {
      drawEgress(sheet, exitsOf(sheet, leading), text)
      continue
    }
    if (kind === "other") {
      for (const flow of leading) {
        const id = flow.from === INTERNET ? flow.to : flow.from
        const { y } = portOf(sheet, id, kind)
        pen.text(
          flow.label,
          { x: sheet.zonesRight + 4, y: y - 4 },
          { ...style, anchor: "start", width: LANES.endpoint - 6 },
        )
      }
      continue
    }
    const target = sheet.nodes.get(to)
    if (target !== undefined && kind === "endpoint" && target.x > sheet.zonesRight) {
      const [left, right] = [sheet.zonesRight + LANES.other, target.x]
      pen.text(text, { x: (left + right) / 2 - 4, y: target.y + ICON / 2 - 5 }, { ...style, width: right - left })
      continue
    }
    const { y } = portOf(sheet, to, kind)
    const middle = kind === "request" ? sheet.zonesLeft - LANES.request / 2 : sheet.zonesRight + LANES.endpoint / 2
    pen.text(text, { x: middle, y: y - 5 }, { ...style, width: LANES.request - 6 })
  }
}

/** From the addresses to the internet, once for all that leave by them. */
function drawEgress(sheet: Sheet, exits: readonly Exit[], ports: string): void {
  const { internetGateway } = sheet.architecture
  const pen = sheet.pen
  const internet = sheet.nodes.get(INTERNET)
  if (internet === undefined) return
  const x = sheet.entryX - 9
  const top = { x, y: internet.y + internet.height }
  const look = { kind: "egress", colour: "egress", arrow: true } as const
  const style = { weight: "bold", colour: "egress" } as const
  const addresses = exits.flatMap(({ zone, address }) => (address === undefined ? [] : [{ zone, address }]))
  for (const { zone, address } of addresses) {
    const from = sheet.nodes.get(address.id)
    if (from === undefined) continue
    // Beside the subnet's heading; straight below the gateway where that is in the same zone.
    const edge = sheet.zoneX(zone) + ZONE - INSET - 14
    const up = edge > x - 20 ? x : edge
    const below = [middleRight(from), { x: up, y: from.y + ICON / 2 }, { x: up, y: sheet.exitY }, { x, y: sheet.exitY }]
    if (internetGateway === undefined) pen.line(address.id, INTERNET, [...below, top], look)
    else pen.line(address.id, internetGateway.id, [...below, { x, y: sheet.cloudY + GATEWAY_EDGE }], look)
  }
  const [exit] = exits
  const row = exit && sheet.nodes.get(exit.gateway.id)
  if (row !== undefined) {
    const at = { x: sheet.zonesLeft - LANES.egress + 30, y: row.y + EXIT_ROW - 2 }
    pen.text(ports, at, { ...style, anchor: "middle", width: 50 })
  }
  if (internetGateway === undefined || addresses.length === 0) return
  pen.line(internetGateway.id, INTERNET, [{ x, y: sheet.cloudY - GATEWAY_EDGE }, top], look)
  const seen = [...new Set(addresses.map(({ address }) => address.title))].join(", ")
  pen.text(`${ports} from ${seen}`, { x: x - 9, y: sheet.skyY + SKY - 12 }, { ...style, anchor: "end" })
}
