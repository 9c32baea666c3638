/** `--summary`: a page's objects as a table for a person. */
import type { CloseApproach, NearEarthObject } from "./answer.ts"
import { type Paint, printable } from "./terminal.ts"

const COLUMNS = ["name", "diameter m", "hazardous", "closest to Earth", "lunar dist.", "km/s"] as const
/** Characters of a cell at most: the longest name of the catalogue has 33. */
const MAX_CELL = 60
/** Columns that hold numbers are flush right. */
const FLUSH_RIGHT = new Set([1, 4, 5])

/**
 * One line an object: name, diameter in metres (minimum–maximum), whether potentially hazardous, and the pass nearest
 * to the Earth among those that the answer lists: date, lunar distances, km/s. A dash where the answer says nothing.
 */
export function summaryTable(objects: readonly NearEarthObject[], { bold, dim, yellow }: Paint): string {
  const rows = objects.map(cellsOf)
  const widths = COLUMNS.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, columns(row[column] ?? "")), columns(title)),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const blank = " ".repeat((widths[column] ?? 0) - columns(cell))
        return FLUSH_RIGHT.has(column) ? blank + cell : cell + blank
      })
      .join("  ")
      .trimEnd()
  const body = rows.map((row) => (row[2] === "yes" ? yellow(line(row)) : line(row)))
  return [bold(line(COLUMNS)), dim(widths.map((width) => "─".repeat(width)).join("  ")), ...body, ""].join("\n")
}

function cellsOf(object: NearEarthObject): string[] {
  const metres = object.estimated_diameter?.meters
  const nearest = nearestToEarth(object.close_approach_data)
  const hazardous = object.is_potentially_hazardous_asteroid
  return [
    textOf(object.name),
    metres ? `${metresText(metres.estimated_diameter_min)}–${metresText(metres.estimated_diameter_max)}` : "–",
    typeof hazardous !== "boolean" ? "–" : hazardous ? "yes" : "no",
    textOf(nearest?.close_approach_date),
    fixed(nearest?.miss_distance?.lunar),
    fixed(nearest?.relative_velocity?.kilometers_per_second),
  ].map((cell) => [...printable(cell)].slice(0, MAX_CELL).join(""))
}

function nearestToEarth(approaches: unknown): CloseApproach | undefined {
  if (!Array.isArray(approaches)) return undefined
  const toEarth = (approaches as (CloseApproach | null)[]).filter((approach) => approach?.orbiting_body === "Earth")
  const distance = (approach: CloseApproach | null) =>
    decimal(approach?.miss_distance?.lunar) ?? Number.POSITIVE_INFINITY
  return (
    toEarth.reduce((best, next) => (best === null || distance(next) < distance(best) ? next : best), null) ?? undefined
  )
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "–"
}

function metresText(metres: unknown): string {
  return typeof metres === "number" ? metres.toFixed(metres < 10 ? 1 : 0) : "?"
}

function fixed(text: string | undefined): string {
  return decimal(text)?.toFixed(1) ?? "–"
}

/** NeoWs' decimals come as strings. */
function decimal(text: unknown): number | undefined {
  return typeof text === "string" && /\d/.test(text) && Number.isFinite(Number(text)) ? Number(text) : undefined
}

/** Terminal columns, near enough for names in Latin script. */
function columns(text: string): number {
  return [...text].length
}
