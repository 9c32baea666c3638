/** An SVG of the picture, read back: what is where, from the output alone. */
import { textWidth } from "../../../../infra/src/diagram/text-width.ts"

export interface Rectangle {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface DrawnBox extends Rectangle {
  readonly key: string
  readonly role: string
  readonly within: string | undefined
}

export interface DrawnText extends Rectangle {
  readonly text: string
  readonly size: number
  readonly within: string | undefined
}

export interface DrawnIcon extends Rectangle {
  readonly within: string | undefined
}

export interface DrawnLine {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly kind: string | undefined
  readonly segments: readonly Rectangle[]
}

export interface Drawn {
  readonly canvas: Rectangle
  readonly boxes: readonly DrawnBox[]
  readonly texts: readonly DrawnText[]
  readonly icons: readonly DrawnIcon[]
  readonly lines: readonly DrawnLine[]
}

/** Of Inter, Helvetica and DejaVu Sans the highest letters and the deepest, in sizes. */
const ASCENT = 0.78
const DESCENT = 0.24

export function drawn(svg: string): Drawn {
  const [, width = "0", height = "0"] = /viewBox="0 0 ([\d.]+) ([\d.]+)"/.exec(svg) ?? []
  const body = svg.slice(svg.indexOf("</defs>"))
  return {
    canvas: { x: 0, y: 0, width: Number(width), height: Number(height) },
    boxes: elements(body, /<rect ([^>]*data-key[^>]*)\/>/g).map(({ of }) => ({
      ...rectangle(of),
      key: of("data-key") ?? "",
      role: of("data-role") ?? "",
      within: of("data-within"),
    })),
    texts: elements(body, /<text ([^>]*)>([^<]*)<\/text>/g).map(({ of, content }) => textOf(of, content)),
    icons: elements(body, /<use ([^>]*)\/>/g).map(({ of }) => ({ ...rectangle(of), within: of("data-within") })),
    lines: elements(body, /<g (class="flow"[^>]*)>/g).map(({ of }) => ({
      from: of("data-from"),
      to: of("data-to"),
      kind: of("data-kind"),
      segments: segments(of("data-points") ?? ""),
    })),
  }
}

type Attribute = (name: string) => string | undefined

function elements(svg: string, pattern: RegExp): { of: Attribute; content: string }[] {
  return [...svg.matchAll(pattern)].map(([, attributes = "", content = ""]) => {
    const found = new Map(
      [...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name = "", value = ""]) => [name, plain(value)]),
    )
    return { of: (name: string) => found.get(name), content: plain(content) }
  })
}

function plain(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&")
}

function rectangle(of: Attribute): Rectangle {
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(of(name)))
  return { x: x as number, y: y as number, width: width as number, height: height as number }
}

function textOf(of: Attribute, text: string): DrawnText {
  const size = Number(of("font-size"))
  const width = textWidth(text, size, of("font-weight") === undefined ? "regular" : "bold")
  const [x, y] = [Number(of("x")), Number(of("y"))]
  const anchor = of("text-anchor")
  const left = anchor === "end" ? x - width : anchor === "middle" ? x - width / 2 : x
  return {
    text,
    size,
    x: left,
    y: y - ASCENT * size,
    width,
    height: (ASCENT + DESCENT) * size,
    within: of("data-within"),
  }
}

function segments(points: string): Rectangle[] {
  const corners = points.split(" ").map((one) => one.split(",").map(Number) as [number, number])
  return corners.slice(1).map(([x, y], at) => {
    const [fromX, fromY] = corners[at] as [number, number]
    return { x: Math.min(x, fromX), y: Math.min(y, fromY), width: Math.abs(x - fromX), height: Math.abs(y - fromY) }
  })
}

export function overlap(one: Rectangle, other: Rectangle, tolerance = 0.5): boolean {
  return (
    one.x < other.x + other.width - tolerance &&
    other.x < one.x + one.width - tolerance &&
    one.y < other.y + other.height - tolerance &&
    other.y < one.y + one.height - tolerance
  )
}

/** Whether a straight line, which has no width, runs through the inside. */
export function through(segment: Rectangle, box: Rectangle): boolean {
  const inset = 0.75
  return (
    segment.x < box.x + box.width - inset &&
    segment.x + segment.width > box.x + inset &&
    segment.y < box.y + box.height - inset &&
    segment.y + segment.height > box.y + inset
  )
}

export function contains(outer: Rectangle, inner: Rectangle): boolean {
  const slack = 0.6
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  )
}
