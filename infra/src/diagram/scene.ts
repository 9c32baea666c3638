/** The picture laid out: boxes, texts, icons and lines with their places in px, in the order in which they are painted. */
import type { FlowKind } from "./architecture.ts"
import type { IconName } from "./icons.ts"
import type { Colour } from "./palette.ts"
import type { Weight } from "./text-width.ts"

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Rectangle extends Point {
  readonly width: number
  readonly height: number
}

interface Drawn {
  /** The resource that it is of. */
  readonly resource?: string
  /** The key of the box that it must stay in. */
  readonly within?: string
}

export interface Box extends Rectangle, Drawn {
  readonly shape: "box"
  readonly key: string
  /** Lines may cross a container, and nothing else. */
  readonly role: "container" | "node"
  readonly stroke?: Colour
  readonly fill?: Colour
  readonly dashed?: boolean
  readonly rounded?: boolean
  readonly thick?: boolean
}

export interface Label extends Point, Drawn {
  readonly shape: "label"
  readonly text: string
  /** In px. `y` is the baseline. */
  readonly size: number
  readonly weight: Weight
  readonly colour: Colour
  readonly anchor: "start" | "middle" | "end"
}

export interface Icon extends Point, Drawn {
  readonly shape: "icon"
  readonly name: IconName
  /** Its width and height. */
  readonly size: number
  readonly faded?: boolean
}

export interface Line extends Drawn {
  readonly shape: "line"
  readonly from: string
  readonly to: string
  readonly kind: FlowKind | "plain"
  readonly colour: Colour
  /** Corners, each straight above, below or beside the one before. */
  readonly points: readonly Point[]
  readonly dashed?: boolean
  readonly arrow?: boolean
}

export type Shape = Box | Label | Icon | Line

export interface Scene {
  readonly title: string
  /** What its lines and borders mean. */
  readonly description: string
  readonly width: number
  readonly height: number
  readonly shapes: readonly Shape[]
  /** What each resource is called, for those who do not see the picture. */
  readonly names: ReadonlyMap<string, string>
}
