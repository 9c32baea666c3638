/** The monthly cost as a person reads it: lines by stack, what each choice costs, sources, and what is not in it. */
import { STACKS } from "../names.ts"
import type { Difference, Line, MonthlyCost } from "./monthly-cost.ts"
import { totalOf } from "./monthly-cost.ts"
import type { Price } from "./prices.ts"
import { HOURS } from "./quantities.ts"
import { ASSUMPTIONS, TRAFFIC_NAMES } from "./traffic.ts"

export interface PricedChoice extends Difference {
  readonly what: string
}

const ELSEWHERE = "elsewhere"

/** Reads as text and as Markdown. */
export function tableOf(cost: MonthlyCost, choices: readonly PricedChoice[] | undefined): string {
  const sources = new Sources()
  const rows = STACKS.flatMap((stack) => {
    const lines = cost.lines.filter((line) => line.stack === stack)
    return lines.length === 0
      ? []
      : [...lines.map((line) => rowOf(line, sources)), totalRow(stack, `${stack} in all`, lines)]
  })
  const head = ["stack", "what", "a month", "unit", "$ each", "$ a month", ELSEWHERE, "source"]
  const all = totalRow("", "in all", cost.lines)
  const { missing, unknown } = cost.total
  const paragraphs = [
    `${cost.stage} in ${cost.region}, US dollars a month of ${HOURS} hours, without taxes`,
    aligned([head, ...rows, all], [2, 4, 5, 6]),
    missing === 0
      ? "Every line has a price."
      : `${missing} of ${cost.lines.length} lines have no price of ${cost.region}: the totals are without them. ` +
        `Column ${ELSEWHERE}: what such a line would be at the price of the region named, to see its size; it is no price ` +
        `of ${cost.region} and in no total of it. ${unknown} lines have none there either. ` +
        `npm run prices, on a machine with internet, fetches AWS's own list.`,
  ]
  if (choices !== undefined) {
    const choiceRows = choices.map(({ what, monthly, elsewhere, missing: keys }) => [
      what,
      monthly === undefined ? "" : signed(monthly),
      elsewhere === undefined ? "" : `${signed(elsewhere.monthly)} ${elsewhere.region}`,
      keys.length === 0 ? "" : `${keys.length} of ${[...new Set(keys.map((key) => key.split(" ")[0]))].join(", ")}`,
    ])
    paragraphs.push(
      `What each choice costs, as the difference to ${cost.stage} as it is configured`,
      aligned([["instead", "$ a month", ELSEWHERE, "without a price"], ...choiceRows], [1, 2]),
    )
  }
  paragraphs.push(
    [
      "Assumed (each has a flag):",
      ...TRAFFIC_NAMES.map((name) => {
        const { flag, what } = ASSUMPTIONS[name]
        return `  --${flag}=${cost.traffic[name]}  ${what}`
      }),
    ].join("\n"),
    "Not counted: free allowances and credits (all is charged as if they were used up), Savings Plans, taxes, mail, the " +
      "image layers that share storage, backups beyond the database's size, a key's further rotations, tasks above the " +
      "minimum, Performance Insights beyond 7 days.",
    `Sources:\n${sources.list.map((source, at) => `  [${at + 1}] ${source}`).join("\n")}`,
  )
  return `${paragraphs.join("\n\n")}\n`
}

class Sources {
  readonly list: string[] = []

  /** The number of the price's source. */
  mark({ source, date, note }: Price): string {
    const text = `${date}, ${note === undefined ? "" : `${note}: `}${source}`
    if (!this.list.includes(text)) this.list.push(text)
    return `[${this.list.indexOf(text) + 1}]`
  }
}

function rowOf({ stack, what, amount, unit, price, monthly, elsewhere }: Line, sources: Sources): string[] {
  const shown = price ?? elsewhere?.price
  return [
    stack,
    what,
    number(amount),
    unit,
    price === undefined ? "" : unitPrice(price.usd),
    monthly === undefined ? "" : monthly.toFixed(2),
    elsewhere === undefined ? "" : `${elsewhere.monthly.toFixed(2)} ${elsewhere.price.region}`,
    shown === undefined ? "" : sources.mark(shown),
  ]
}

function totalRow(stack: string, what: string, lines: readonly Line[]): string[] {
  const { monthly, missing, elsewhere } = totalOf(lines)
  const without = missing === 0 ? "" : `, ${missing} of ${lines.length} lines missing`
  return [stack, `${what}${without}`, "", "", "", monthly.toFixed(2), missing === 0 ? "" : elsewhere.toFixed(2), ""]
}

/** @param right columns of figures */
function aligned(rows: readonly (readonly string[])[], right: readonly number[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, at) => (right.includes(at) ? (row[at] ?? "").padStart(width) : (row[at] ?? "").padEnd(width))).join(" | ")} |`
  const rule = `| ${widths.map((width, at) => (right.includes(at) ? `${"-".repeat(width - 1)}:` : "-".repeat(width))).join(" | ")} |`
  const [head = [], ...body] = rows
  return [line(head), rule, ...body.map(line)].join("\n")
}

function number(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 3 : value < 1000 ? 1 : 0 })
}

/** Not in the scientific notation that small prices would have. */
function unitPrice(usd: number): string {
  return usd.toLocaleString("en-US", { maximumFractionDigits: 10, useGrouping: false })
}

function signed(value: number): string {
  const rounded = value.toFixed(2).replace(/^-(0\.00)$/, "$1")
  return value >= 0.005 ? `+${rounded}` : rounded
}
