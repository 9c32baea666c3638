/** What is wrong with a picture's geometry, in words; nothing for a good one. */
import { contains, type Drawn, overlap, through } from "./drawn.ts"

export function faults(picture: Drawn): string[] {
  return [
    ...overlappingTexts(picture),
    ...overlappingNodes(picture),
    ...linesThrough(picture),
    ...sharedLanes(picture),
    ...outside(picture),
  ]
}

function overlappingTexts({ texts, icons }: Drawn): string[] {
  return texts.flatMap((one, at) => [
    ...texts
      .slice(at + 1)
      .filter((other) => overlap(one, other))
      .map((other) => `“${one.text}” overlaps “${other.text}”`),
    ...icons
      .filter((icon) => overlap(one, icon))
      .map((icon) => `“${one.text}” overlaps the icon at ${icon.x}, ${icon.y}`),
  ])
}

function overlappingNodes({ boxes }: Drawn): string[] {
  const nodes = boxes.filter(({ role }) => role === "node")
  return nodes.flatMap((one, at) =>
    nodes
      .slice(at + 1)
      .filter((other) => overlap(one, other))
      .map((other) => `${one.key} overlaps ${other.key}`),
  )
}

function linesThrough({ lines, boxes, texts }: Drawn): string[] {
  const nodes = boxes.filter(({ role }) => role === "node")
  return lines.flatMap(({ from, to, kind, segments }) =>
    segments.flatMap((segment) => {
      const line = kind === undefined ? "a plain line" : `${from} → ${to}`
      const slanted = segment.width > 0 && segment.height > 0 ? [`${line} is neither level nor upright`] : []
      const met = nodes
        .filter(({ key }) => kind !== undefined && through(segment, nodes.find((one) => one.key === key) ?? segment))
        .map(({ key }) => `${line} (${kind}) runs through ${key}`)
      const crossed = texts
        .filter((text) => through(segment, text))
        .map(({ text }) => `${line} (${kind}) runs through “${text}”`)
      return [...slanted, ...met, ...crossed]
    }),
  )
}

/** Lines of two kinds on top of each other could not be told apart. */
function sharedLanes({ lines }: Drawn): string[] {
  const known = lines.flatMap(({ kind, segments }) =>
    kind === undefined ? [] : segments.map((segment) => ({ kind, segment })),
  )
  return known.flatMap(({ kind, segment }, at) =>
    known
      .slice(at + 1)
      .filter(
        (other) =>
          other.kind !== kind &&
          (segment.width === 0) === (other.segment.width === 0) &&
          overlap(widened(segment), widened(other.segment), 2.5),
      )
      .map((other) => `lines of ${kind} and ${other.kind} lie on each other at ${segment.x}, ${segment.y}`),
  )
}

function widened({ x, y, width, height }: { x: number; y: number; width: number; height: number }) {
  return width === 0 ? { x: x - 2, y, width: 4, height } : { x, y: y - 2, width, height: 4 }
}

function outside({ canvas, boxes, texts, icons, lines }: Drawn): string[] {
  const places = new Map(boxes.map((box) => [box.key, box]))
  const name = (one: object) => ("text" in one ? `“${one.text}”` : "key" in one ? String(one.key) : "an icon")
  const things = [...boxes, ...texts, ...icons].flatMap((one) => {
    const { within } = one
    if (!contains(canvas, one)) return [`${name(one)} is outside of the canvas`]
    if (within === undefined) return []
    const container = places.get(within)
    if (container === undefined) return [`${name(one)} should be in ${within}, which is not drawn`]
    return contains(container, one) ? [] : [`${name(one)} is outside of ${within}`]
  })
  const ends = lines.flatMap(({ segments }) => segments.filter((segment) => !contains(canvas, segment)))
  return [...things, ...ends.map(({ x, y }) => `a line at ${x}, ${y} is outside of the canvas`)]
}
