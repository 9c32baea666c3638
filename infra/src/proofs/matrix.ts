/** The whole matrix of who reaches whom: as data, as text for a terminal, as Markdown for the docs. */

import type { Allowed } from "../allowed.ts"
import { type Intervals, textOfIntervals } from "../intervals.ts"
import { type Cell, INTERNET, type ProtocolName, type Reach } from "./reach.ts"

export const PROTOCOLS: readonly ProtocolName[] = ["tcp", "udp", "icmp", "other"]

export interface MatrixCell {
  readonly from: string
  readonly to: string
  /** As `tcp 80, 443`; `–` for nothing. */
  readonly open: string
  /** Ports that are open from some places or for some connections only. */
  readonly partly: string
}

export interface Matrix {
  readonly names: readonly string[]
  readonly cells: readonly MatrixCell[]
}

export const NOTHING = "–"

function cellText(cell: Cell, which: "some" | "all" = "some"): string {
  const parts = PROTOCOLS.filter((protocol) => cell[protocol][which].length > 0).map((protocol) =>
    protocol === "tcp" || protocol === "udp" ? `${protocol} ${portsText(cell[protocol][which])}` : protocol,
  )
  return parts.length === 0 ? NOTHING : parts.join("; ")
}

function portsText(ports: Intervals): string {
  const [only] = ports
  return ports.length === 1 && only?.first === 0 && only.last === 65_535 ? "all ports" : textOfIntervals(ports)
}

/** Pairs that are asked: all but the internet to itself. */
export function pairs({ names }: Reach): readonly (readonly [from: string, to: string])[] {
  return names.flatMap((from) =>
    names.filter((to) => from !== INTERNET || to !== INTERNET).map((to) => [from, to] as const),
  )
}

export function matrixOf(reach: Reach): Matrix {
  const cells = pairs(reach).map(([from, to]): MatrixCell => {
    const cell = reach.cell(from, to)
    const open = cellText(cell)
    const sure = cellText(cell, "all")
    return { from, to, open, partly: open === sure ? "" : `for sure: ${sure}` }
  })
  return { names: reach.names, cells }
}

export function allowedPorts({ reachable }: Allowed, from: string, to: string): Intervals {
  return (reachable[from]?.[to] ?? [])
    .toSorted((one, other) => one - other)
    .map((port) => ({ first: port, last: port }))
}

/** A table with who asks down the side and who is asked along the top. */
export function matrixMarkdown({ names, cells }: Matrix): string {
  const of = new Map(cells.map((cell) => [`${cell.from}\n${cell.to}`, cell.open]))
  const rows = names.map(
    (from) =>
      `| **${from}** | ${names.map((to) => (from === to && from === INTERNET ? "" : (of.get(`${from}\n${to}`) ?? NOTHING).replace(/^tcp /, ""))).join(" | ")} |`,
  )
  return [`| from ╲ to | ${names.join(" | ")} |`, `|---|${names.map(() => "---|").join("")}`, ...rows].join("\n")
}

/** The same, a line for each who asks, and whom it reaches on the same ports told together. */
export function matrixSummary({ names, cells }: Matrix): string {
  const width = Math.max(...names.map((name) => name.length))
  const lines = names.flatMap((from) => {
    const open = cells.filter((cell) => cell.from === from && cell.open !== NOTHING)
    const byPorts = [
      ...Map.groupBy(open, ({ open: ports, partly }) => (partly === "" ? ports : `${ports} (${partly})`)),
    ]
    return byPorts.map(
      ([ports, to], at) =>
        `  ${(at === 0 ? from : "").padEnd(width)}  →  ${ports}: ${to.map((cell) => cell.to).join(", ")}`,
    )
  })
  const shut = cells.filter(({ open }) => open === NOTHING).length
  return [...lines, `  nothing on the other ${shut} of ${cells.length} pairs`].join("\n")
}
