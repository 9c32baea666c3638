/** What all parts of the layout share: the grid's measures, the pen, and the places of what lines lead to. */
import type { Architecture } from "./architecture.ts"
import { Drawing } from "./drawing.ts"
import type { Point, Rectangle } from "./scene.ts"

export const MARGIN = 28
export const PAD = 14
export const GAP = 14
/** Height of a container's heading. */
export const HEAD = 32
export const ICON = 36
export const SMALL_ICON = 22

/** Width of a zone, with what is inside of it. */
export const ZONE = 276
/** Between a zone's border and a subnet's, and between a subnet's and a bar's. */
export const INSET = 8
export const LEFT_CHANNEL = 98
export const RIGHT_CHANNEL = 156
/** From the zones to the lanes, outwards: before the first there is room for a port of five digits. */
export const LANES = { request: 52, egress: 72, endpoint: 52, data: 70, entrance: 88, other: 106 } as const
export const GATEWAY_GAP = 122
export const CARD = 262
export const GLOBAL = 282
/** Room for the internet, above the account. */
export const SKY = 90
export const EXIT_ROW = 86
/** Below the exits: where the way out runs to its gateway. */
export const EXIT_CHANNEL = 18
export const ROW = 16
export const BARS_APART = 6

export class Sheet {
  readonly architecture: Architecture
  readonly pen = new Drawing()
  /** Places of what lines lead to. */
  readonly nodes = new Map<string, Rectangle>()

  zonesLeft = 0
  zonesRight = 0
  /** Where what comes from the internet goes down, and what leaves goes up beside it. */
  entryX = 0
  skyY = 0
  /** Of the line from the address to the internet gateway. */
  exitY = 0
  /** Of the VPC's upper border. */
  cloudY = 0

  constructor(architecture: Architecture) {
    this.architecture = architecture
  }

  zoneX(at: number): number {
    return this.zonesLeft + at * (ZONE + GAP)
  }
}

export function zoneKey(at: number): string {
  return `zone ${at}`
}

export function middleRight({ x, y, width, height }: Rectangle): Point {
  return { x: x + width, y: y + height / 2 }
}

export function middleLeft({ x, y, height }: Rectangle): Point {
  return { x, y: y + height / 2 }
}
