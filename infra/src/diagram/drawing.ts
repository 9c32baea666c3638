/** Collects shapes: the pen that the layout draws with. */
import type { FlowKind } from "./architecture.ts"
import type { IconName } from "./icons.ts"
import type { Colour } from "./palette.ts"
import type { Box, Point, Rectangle, Shape } from "./scene.ts"
import { fitted, type Weight } from "./text-width.ts"

/** Sizes of text in px: on A3 the smallest is over 6 pt. */
export const TITLE = 24
export const HEADING = 14
export const TEXT = 12
/** From a line of text to the next. */
export const LEADING = 16

export interface TextOptions {
  readonly size?: number
  readonly weight?: Weight
  readonly colour?: Colour
  readonly anchor?: "start" | "middle" | "end"
  /** The text is cut to it. */
  readonly width?: number
}

export class Drawing {
  readonly shapes: Shape[] = []
  readonly names = new Map<string, string>()
  #resource: string | undefined
  #within: string | undefined

  /** What is drawn meanwhile belongs to a resource, and lies within a box. */
  of<T>(resource: string | undefined, within: string | undefined, draw: () => T): T {
    const before = [this.#resource, this.#within] as const
    this.#resource = resource
    this.#within = within
    try {
      return draw()
    } finally {
      ;[this.#resource, this.#within] = before
    }
  }

  box(
    key: string,
    place: Rectangle,
    style: Omit<Box, keyof Rectangle | "shape" | "key" | "resource" | "within">,
  ): void {
    const { x, y, width, height } = place
    this.shapes.push({ shape: "box", key, x, y, width, height, ...style, ...this.#belongs() })
  }

  text(text: string, at: Point, options: TextOptions = {}): void {
    const { size = TEXT, weight = "regular", colour = "ink", anchor = "start", width = Infinity } = options
    const shown = fitted(text, width, size, weight)
    if (shown === "") return
    this.shapes.push({
      shape: "label",
      text: shown,
      x: at.x,
      y: at.y,
      size,
      weight,
      colour,
      anchor,
      ...this.#belongs(),
    })
  }

  /** @returns the height used */
  lines(lines: readonly string[], at: Point, options: TextOptions = {}): number {
    for (const [index, line] of lines.entries()) this.text(line, { x: at.x, y: at.y + index * LEADING }, options)
    return lines.length * LEADING
  }

  icon(name: IconName, at: Point, size: number, faded = false): void {
    this.shapes.push({ shape: "icon", name, x: at.x, y: at.y, size, ...(faded && { faded }), ...this.#belongs() })
  }

  line(
    from: string,
    to: string,
    points: readonly Point[],
    style: { kind: FlowKind | "plain"; colour: Colour; arrow?: boolean; dashed?: boolean },
  ): void {
    this.shapes.push({ shape: "line", from, to, points: straightened(points), ...style, ...this.#belongs() })
  }

  #belongs() {
    return {
      ...(this.#resource !== undefined && { resource: this.#resource }),
      ...(this.#within !== undefined && { within: this.#within }),
    }
  }
}

/** Corners alone: no point twice, none in the middle of a straight line. */
function straightened(points: readonly Point[]): Point[] {
  const distinct = points.filter((point, at) => {
    const before = points[at - 1]
    return before === undefined || before.x !== point.x || before.y !== point.y
  })
  return distinct.filter((point, at) => {
    const [before, after] = [distinct[at - 1], distinct[at + 1]]
    if (before === undefined || after === undefined) return true
    return !(before.x === point.x && point.x === after.x) && !(before.y === point.y && point.y === after.y)
  })
}
