/**
 * The grid: zones are columns and tiers are rows of the VPC, each tier's tables stand before it, what is regional or global
 * beside it. Lines run in the two channels left and right of the zones, a lane for each kind of flow, so that none meets a
 * node; a lane inside is crossed by the branches of the lane outside, and nothing else crosses.
 */
import type { Architecture, Subnet, Tier } from "./architecture.ts"
import { drawExit, drawWorkload, placeBars } from "./bars.ts"
import { TEXT, TITLE } from "./drawing.ts"
import { drawFlows, drawSky } from "./lanes.ts"
import { drawLegend, LEGEND } from "./legend.ts"
import type { Colour } from "./palette.ts"
import type { Rectangle, Scene } from "./scene.ts"
import {
  CARD,
  GAP,
  GATEWAY_GAP,
  GLOBAL,
  HEAD,
  INSET,
  LEFT_CHANNEL,
  MARGIN,
  PAD,
  RIGHT_CHANNEL,
  Sheet,
  SKY,
  ZONE,
  zoneKey,
} from "./sheet.ts"
import { drawGateways, drawRoles, drawShelves, rolesHeight, shelvesHeight } from "./shelves.ts"
import { drawSecurityGroups, drawTable, groupRows, tableColumn, tableHeight } from "./tables.ts"

export function layout(architecture: Architecture): Scene {
  const sheet = new Sheet(architecture)
  const { title, subtitle, vpc, region, tiers, zones } = sheet.architecture
  const pen = sheet.pen
  const accountX = MARGIN
  const accountY = MARGIN + SKY
  const regionX = accountX + PAD
  const regionY = accountY + HEAD
  const vpcX = regionX + PAD
  const vpcY = regionY + HEAD + 16
  const tablesX = vpcX + PAD
  const tablesWidth = tableColumn(tiers)
  sheet.zonesLeft = tablesX + tablesWidth + LEFT_CHANNEL
  sheet.zonesRight = sheet.zonesLeft + zones.length * ZONE + (zones.length - 1) * GAP
  const vpcRight = sheet.zonesRight + RIGHT_CHANNEL
  const cardsX = vpcRight + GATEWAY_GAP
  const regionRight = cardsX + CARD + PAD
  const globalX = regionRight + GAP
  const width = globalX + GLOBAL + PAD + MARGIN

  sheet.skyY = MARGIN
  sheet.cloudY = vpcY
  sheet.exitY = vpcY + HEAD + 10
  const zonesY = sheet.exitY + 14
  const tiersY = zonesY + HEAD
  const rows = tierRows(sheet, tiersY)
  const zonesBottom = (rows.at(-1)?.bottom ?? tiersY) + INSET
  const groupsY = zonesBottom + GAP
  const groups = groupRows(sheet, vpcRight - PAD - tablesX)
  const vpcBottom = groupsY + groups.height + PAD
  const shelves = shelvesHeight(sheet.architecture.regional)
  const regionBottom = Math.max(vpcBottom, vpcY + shelves) + PAD
  const globalBottom = vpcY + shelvesHeight(sheet.architecture.global) + rolesHeight(sheet)
  const accountBottom = Math.max(regionBottom, globalBottom) + PAD
  const height = accountBottom + MARGIN
  const stretched = accountBottom - PAD

  pen.text(title, { x: MARGIN, y: MARGIN + 24 }, { size: TITLE, weight: "bold" })
  pen.text(subtitle, { x: MARGIN, y: MARGIN + 48 }, { size: 13, colour: "muted" })
  drawContainer(
    sheet,
    "account",
    { x: accountX, y: accountY, width: width - 2 * MARGIN, height: accountBottom - accountY },
    {
      icon: "account",
      title: "AWS account",
      colour: "account",
    },
  )
  drawContainer(
    sheet,
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
  drawContainer(
    sheet,
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
    drawContainer(
      sheet,
      zoneKey(at),
      { x: sheet.zoneX(at), y: zonesY, width: ZONE, height: zonesBottom - zonesY },
      {
        title: `Zone ${zone}`,
        colour: "zone",
        dashed: true,
        within: "vpc",
      },
    )
  }
  for (const { tier, y, bottom } of rows) drawTier(sheet, tier, y, bottom, { x: tablesX, width: tablesWidth })
  drawSecurityGroups(sheet, groups, { x: tablesX, y: groupsY, width: vpcRight - PAD - tablesX })
  const cards = drawShelves(sheet, sheet.architecture.regional, { x: cardsX, y: vpcY, width: CARD }, "region")
  drawGateways(sheet, vpcRight, cards)
  const below = drawShelves(sheet, sheet.architecture.global, { x: globalX, y: vpcY, width: GLOBAL }, "account")
  drawRoles(sheet, { x: globalX, y: below.bottom, width: GLOBAL })
  drawSky(sheet, vpcY)
  drawFlows(sheet)
  drawLegend(sheet, width - MARGIN)
  return { title, description: LEGEND, width, height, shapes: pen.shapes, names: pen.names }
}

/** Tiers from the top, each as high as what it needs. */
function tierRows(sheet: Sheet, top: number): { tier: Tier; y: number; bottom: number }[] {
  let y = top
  return sheet.architecture.tiers.map((tier) => {
    const inside = placeBars(sheet, tier, 0).bottom
    const tables = tier.tables.reduce((sum, table) => sum + tableHeight(table) + 10, -10)
    const bottom = y + Math.max(inside + INSET, tables, 72)
    const row = { tier, y, bottom }
    y = bottom + GAP
    return row
  })
}

function drawContainer(
  sheet: Sheet,
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
  const pen = sheet.pen
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

function drawTier(sheet: Sheet, tier: Tier, y: number, bottom: number, tables: { x: number; width: number }): void {
  const pen = sheet.pen
  for (const subnet of tier.subnets) drawSubnet(sheet, tier, subnet, y, bottom)
  let tableY = y
  for (const table of tier.tables) {
    drawTable(sheet, table, { x: tables.x, y: tableY, width: tables.width })
    tableY += tableHeight(table) + 10
  }
  for (const exit of tier.exits) drawExit(sheet, exit, tier, y + HEAD)
  const { places, apart } = placeBars(sheet, tier, y)
  for (const workload of tier.workloads) {
    const place = places.get(workload.id)
    if (place !== undefined) pen.of(workload.id, "vpc", () => drawWorkload(sheet, workload, place, apart(workload)))
  }
}

function drawSubnet(sheet: Sheet, tier: Tier, subnet: Subnet, y: number, bottom: number): void {
  const place = { x: sheet.zoneX(subnet.zone) + INSET, y, width: ZONE - 2 * INSET, height: bottom - y }
  sheet.pen.names.set(subnet.id, `Subnet ${subnet.name} ${subnet.cidr}`)
  drawContainer(sheet, subnet.id, place, {
    icon: tier.public ? "publicSubnet" : "privateSubnet",
    title: `${subnet.name} · ${subnet.cidr}`,
    colour: tier.public ? "public" : "private",
    fill: tier.public ? "publicFace" : "privateFace",
    within: zoneKey(subnet.zone),
    resource: subnet.id,
    size: TEXT,
  })
}
