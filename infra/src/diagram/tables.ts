/** Tables: a tier's routes and ACLs before it, and the security groups below all tiers. */
import type { SecurityGroup, Table, Tier } from "./architecture.ts"
import { LEADING, TEXT } from "./drawing.ts"
import type { Colour } from "./palette.ts"
import { ROW, type Sheet } from "./sheet.ts"
import { flowed, textWidth } from "./text-width.ts"

export function drawTable(sheet: Sheet, table: Table, { x, y, width }: { x: number; y: number; width: number }): void {
  const pen = sheet.pen
  const place = { x, y, width, height: tableHeight(table) }
  pen.names.set(table.id, table.title)
  pen.of(table.id, "vpc", () => pen.box(table.id, place, { role: "node", stroke: "line", fill: "card", rounded: true }))
  pen.of(table.id, table.id, () => {
    pen.icon(table.icon, { x: x + 9, y: y + 5 }, 20)
    pen.text(table.title, { x: x + 36, y: y + 20 }, { weight: "bold", width: width - 44 })
    const columns = columnsOf(table)
    for (const [row, cells] of table.rows.entries()) {
      let cellX = x + 12
      for (const [column, cell] of cells.entries()) {
        const room = column === cells.length - 1 ? x + width - 10 - cellX : (columns[column] ?? 0)
        pen.text(cell, { x: cellX, y: y + 40 + row * ROW }, { width: room, colour: tableColour(cell, column) })
        cellX += (columns[column] ?? 0) + 12
      }
    }
  })
}

export interface GroupRows {
  /** Widths of the columns. */
  readonly name: number
  readonly side: number
  readonly rows: readonly {
    readonly group: SecurityGroup
    readonly inbound: readonly string[]
    readonly outbound: readonly string[]
    readonly height: number
  }[]
  readonly height: number
}

export function groupRows(sheet: Sheet, width: number): GroupRows {
  const name = Math.max(120, ...sheet.architecture.securityGroups.map((one) => textWidth(one.name, TEXT, "bold"))) + 18
  const side = (width - 24 - name) / 2 - 12
  const rows = sheet.architecture.securityGroups.map((group) => {
    const inbound = flowed(group.inbound.length > 0 ? group.inbound : ["nothing"], side, TEXT)
    const outbound = flowed(group.outbound.length > 0 ? group.outbound : ["nothing"], side, TEXT)
    return { group, inbound, outbound, height: Math.max(inbound.length, outbound.length) * LEADING + 2 }
  })
  return { name, side, rows, height: 42 + rows.reduce((sum, row) => sum + row.height, 0) + 4 }
}

export function drawSecurityGroups(
  sheet: Sheet,
  { name, side, rows, height }: GroupRows,
  { x, y, width }: { x: number; y: number; width: number },
): void {
  const pen = sheet.pen
  const key = "security-groups"
  pen.of(undefined, "vpc", () =>
    pen.box(key, { x, y, width, height }, { role: "node", stroke: "line", fill: "card", rounded: true }),
  )
  const [inX, outX] = [x + 12 + name, x + 12 + name + side + 12]
  pen.of(undefined, key, () => {
    pen.text("Security groups", { x: x + 12, y: y + 22 }, { size: 13, weight: "bold" })
    pen.text("inbound", { x: inX, y: y + 22 }, { colour: "muted" })
    pen.text("outbound", { x: outX, y: y + 22 }, { colour: "muted" })
  })
  let top = y + 42
  for (const { group, inbound, outbound, height: rowHeight } of rows) {
    pen.names.set(
      group.id,
      `Security group ${group.name}: in ${group.inbound.join(", ")}; out ${group.outbound.join(", ")}`,
    )
    const row = `${group.id} row`
    pen.of(group.id, key, () =>
      pen.box(row, { x: x + 6, y: top - 14, width: width - 12, height: rowHeight - 1 }, { role: "container" }),
    )
    pen.of(group.id, row, () => {
      pen.text(group.name, { x: x + 12, y: top }, { weight: "bold", colour: "security" })
      pen.lines(inbound, { x: inX, y: top }, { colour: group.inbound.length > 0 ? "ink" : "muted" })
      pen.lines(outbound, { x: outX, y: top }, { colour: group.outbound.length > 0 ? "ink" : "muted" })
    })
    top += rowHeight
  }
}

export function tableHeight({ rows }: Table): number {
  return 32 + rows.length * ROW + 4
}

function columnsOf({ rows }: Table): number[] {
  const columns: number[] = []
  for (const cells of rows) {
    for (const [at, cell] of cells.entries()) columns[at] = Math.max(columns[at] ?? 0, textWidth(cell, TEXT))
  }
  return columns
}

/** As wide as the widest table needs, within reason. */
export function tableColumn(tiers: readonly Tier[]): number {
  const widths = tiers.flatMap(({ tables }) =>
    tables.map((table) =>
      Math.max(
        columnsOf(table).reduce((sum, one) => sum + one + 12, 12),
        44 + textWidth(table.title, TEXT, "bold"),
      ),
    ),
  )
  return Math.round(Math.min(Math.max(240, ...widths), 420))
}

function tableColour(cell: string, column: number): Colour {
  if (column === 0 && cell === "in") return "ingress"
  if (column === 0 && cell === "out") return "data"
  if (cell === "deny") return "security"
  return column === 1 ? "muted" : "ink"
}
