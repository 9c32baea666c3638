/** The picture as SVG: the same bytes for the same scene, light or dark as its viewer prefers. */
import { icon } from "./icons.ts"
import { COLOURS, PALETTES, type Palette, type Theme } from "./palette.ts"
import type { Box, Icon, Label, Line, Point, Scene, Shape } from "./scene.ts"

/** First those whose widths `text-width.ts` bounds with room to spare; it is measured by the last before the generic. */
export const FONTS = 'Inter, "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif'

/** Radius of a line's corners. */
const CORNER = 6
const ARROW = 7
/** Width of the gap that a line leaves in those that it crosses. */
const HALO = 6

export interface SvgOptions {
  /** One theme alone; both, by the viewer's preference, when left out. */
  readonly theme?: Theme
  /** Resources take the focus and say what they are: for the page. */
  readonly interactive?: boolean
}

export function svg(scene: Scene, { theme, interactive = false }: SvgOptions = {}): string {
  const { width, height, title, description } = scene
  const used = [...new Set(scene.shapes.filter((one) => one.shape === "icon").map(({ name }) => name))].sort()
  const symbols = used.map((name) => {
    const { viewBox, body } = icon(name)
    return `<symbol id="i-${name}" viewBox="${viewBox}">${body}</symbol>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" ` +
      `font-family='${FONTS}' role="${interactive ? 'group" tabindex="-1' : "img"}" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(description)}</desc>`,
    `<style>${styles(theme)}</style>`,
    `<defs>${symbols.join("")}</defs>`,
    `<rect class="f-paper" width="${width}" height="${height}"/>`,
    ...groups(scene, interactive),
    "</svg>",
    "",
  ].join("\n")
}

/** Colours as classes, since not every renderer knows custom properties. */
function styles(theme: Theme | undefined): string {
  const rules = (palette: Palette) =>
    COLOURS.map((name) => `.f-${name}{fill:${palette[name]}}.s-${name}{stroke:${palette[name]}}`).join("") +
    `.icon{color:${palette.ink}}`
  const base = ".line,.halo,.box{fill:none}.faded{opacity:.35}"
  const filled = (palette: Palette) => COLOURS.map((name) => `.box.f-${name}{fill:${palette[name]}}`).join("")
  const whole = (palette: Palette) => rules(palette) + filled(palette)
  if (theme !== undefined) return base + whole(PALETTES[theme])
  return `${base}${whole(PALETTES.light)}@media (prefers-color-scheme:dark){${whole(PALETTES.dark)}}`
}

function groups({ shapes, names }: Scene, interactive: boolean): string[] {
  const out: string[] = []
  const seen = new Set<string>()
  for (let at = 0; at < shapes.length; ) {
    const first = shapes[at] as Shape
    const together: Shape[] = [first]
    const same = (one: Shape | undefined) =>
      one !== undefined &&
      (first.shape === "line"
        ? one.shape === "line" && one.kind === first.kind && first.kind !== "plain"
        : one.shape !== "line" && first.resource !== undefined && one.resource === first.resource)
    while (same(shapes[at + together.length])) together.push(shapes[at + together.length] as Shape)
    at += together.length
    if (first.shape === "line") {
      const lines = together as Line[]
      if (first.kind !== "plain")
        out.push(
          ...lines.map((line) => `<path class="halo s-paper" stroke-width="${HALO}" d="${path(inner(line.points))}"/>`),
        )
      out.push(...lines.map(lineGroup))
      continue
    }
    const drawn = together.map(drawnShape)
    const { resource } = first
    if (resource === undefined) {
      out.push(...drawn)
      continue
    }
    const name = names.get(resource) ?? resource
    const focus = interactive && !seen.has(resource) ? ` tabindex="0" role="button" aria-label="${escaped(name)}"` : ""
    seen.add(resource)
    out.push(
      `<g class="resource" data-resource="${escaped(resource)}"${focus}><title>${escaped(name)}</title>`,
      ...drawn,
      "</g>",
    )
  }
  return out
}

function drawnShape(shape: Shape): string {
  switch (shape.shape) {
    case "box":
      return box(shape)
    case "label":
      return label(shape)
    case "icon":
      return placed(shape)
    case "line":
      return lineGroup(shape)
  }
}

function box({ x, y, width, height, key, role, stroke, fill, dashed, rounded, within }: Box): string {
  const classes = ["box", ...(stroke ? [`s-${stroke}`] : []), ...(fill ? [`f-${fill}`] : [])].join(" ")
  return (
    `<rect class="${classes}" data-key="${escaped(key)}" data-role="${role}"${inside(within)} x="${n(x)}" y="${n(y)}" ` +
    `width="${n(width)}" height="${n(height)}"${rounded ? ' rx="6"' : ""}${stroke ? ' stroke-width="1.25"' : ""}` +
    `${dashed ? ' stroke-dasharray="5 4"' : ""}${stroke || fill ? "" : ' pointer-events="all"'}/>`
  )
}

function label({ x, y, text, size, weight, colour, anchor, within }: Label): string {
  return (
    `<text class="f-${colour}"${inside(within)} x="${n(x)}" y="${n(y)}" font-size="${size}"` +
    `${weight === "bold" ? ' font-weight="600"' : ""}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}>${escaped(text)}</text>`
  )
}

function placed({ x, y, name, size, faded, within }: Icon): string {
  return (
    `<use class="icon${faded ? " faded" : ""}"${inside(within)} href="#i-${name}" x="${n(x)}" y="${n(y)}" ` +
    `width="${n(size)}" height="${n(size)}"/>`
  )
}

function lineGroup({ points, colour, kind, from, to, arrow, dashed }: Line): string {
  const end = points.at(-1)
  const before = points.at(-2)
  const ends = kind === "plain" ? "" : ` data-from="${escaped(from)}" data-to="${escaped(to)}" data-kind="${kind}"`
  const corners = points.map(({ x, y }) => `${n(x)},${n(y)}`).join(" ")
  const head =
    arrow && end !== undefined && before !== undefined
      ? `<path class="f-${colour}" d="${arrowHead(before, end)}"/>`
      : ""
  return (
    `<g class="flow"${ends} data-points="${corners}"><path class="line s-${colour}" stroke-width="1.75" ` +
    `stroke-linejoin="round"${dashed ? ' stroke-dasharray="4 4"' : ""} d="${path(points)}"/>${head}</g>`
  )
}

/** Short of both ends, so that a halo cuts no node's border. */
function inner(points: readonly Point[]): Point[] {
  return points.map((point, at) => {
    const next = at === 0 ? points[1] : at === points.length - 1 ? points[at - 1] : undefined
    return next === undefined ? point : towards(point, next, HALO)
  })
}

/** Straight lines with rounded corners. */
function path(points: readonly Point[]): string {
  const parts: string[] = []
  for (const [at, point] of points.entries()) {
    const [before, after] = [points[at - 1], points[at + 1]]
    if (before === undefined) parts.push(`M${n(point.x)} ${n(point.y)}`)
    else if (after === undefined) parts.push(`L${n(point.x)} ${n(point.y)}`)
    else {
      const radius = Math.min(CORNER, distance(before, point) / 2, distance(point, after) / 2)
      const [into, outOf] = [towards(point, before, radius), towards(point, after, radius)]
      parts.push(`L${n(into.x)} ${n(into.y)}Q${n(point.x)} ${n(point.y)} ${n(outOf.x)} ${n(outOf.y)}`)
    }
  }
  return parts.join("")
}

function arrowHead(before: Point, end: Point): string {
  const back = towards(end, before, ARROW + 1)
  const side = before.x === end.x ? { x: ARROW / 2, y: 0 } : { x: 0, y: ARROW / 2 }
  return `M${n(end.x)} ${n(end.y)}L${n(back.x + side.x)} ${n(back.y + side.y)}L${n(back.x - side.x)} ${n(back.y - side.y)}Z`
}

function towards(from: Point, to: Point, by: number): Point {
  const length = distance(from, to) || 1
  return { x: from.x + ((to.x - from.x) * by) / length, y: from.y + ((to.y - from.y) * by) / length }
}

function distance(one: Point, other: Point): number {
  return Math.abs(one.x - other.x) + Math.abs(one.y - other.y)
}

function inside(within: string | undefined): string {
  return within === undefined ? "" : ` data-within="${escaped(within)}"`
}

/** A number with a tenth at most. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10)
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")
}
