/** `--summary`: a page's objects as a table for a person. */
import type { CloseApproach, NearEarthObject } from "./answer.ts"
import { type Paint, printable } from "./terminal.ts"

const COLUMNS = ["name", "diameter m", "hazardous", "closest to Earth", "lunar dist.", "km/s"] as const
/** Columns that hold numbers are flush right. */
const FLUSH_RIGHT = new Set([1, 4, 5])

/**
 * One line an object: name, diameter in metres (minimum–maximum), whether potentially hazardous, and the pass nearest
 * to the Earth among those that the answer lists: date, lunar distances, km/s. A dash where the answer says nothing.
 */
export function summaryTable(objects: readonly NearEarthObject[], { bold, dim, yellow }: Paint): string {
  const rows = objects.map(cellsOf)
  const widths = COLUMNS.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? "")].map(columns)),
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
    object.name,
    metres === undefined
      ? "–"
      : `${metresText(metres.estimated_diameter_min)}–${metresText(metres.estimated_diameter_max)}`,
    hazardous === undefined ? "–" : hazardous ? "yes" : "no",
    nearest?.close_approach_date ?? "–",
    fixed(nearest?.miss_distance?.lunar, 1),
    fixed(nearest?.relative_velocity?.kilometers_per_second, 1),
  ].map((cell) => printable(String(cell)).slice(0, 60))
}

function nearestToEarth(approaches: readonly CloseApproach[] | undefined): CloseApproach | undefined {
  if (!Array.isArray(approaches)) return undefined
  let nearest: CloseApproach | undefined
  for (const approach of approaches as readonly CloseApproach[]) {
    if (approach?.orbiting_body !== "Earth") continue
    if (nearest === undefined || Number(approach.miss_distance?.lunar) < Number(nearest.miss_distance?.lunar))
      nearest = approach
  }
  return nearest
}

function metresText(metres: unknown): string {
  const number = Number(metres)
  return Number.isFinite(number) ? number.toFixed(number < 10 ? 1 : 0) : "?"
}

function fixed(decimal: string | undefined, digits: number): string {
  const number = Number(decimal)
  return decimal === undefined || !Number.isFinite(number) ? "–" : number.toFixed(digits)
}

/** Terminal columns, near enough for names in Latin script. */
function columns(text: string): number {
  return [...text].length
}
