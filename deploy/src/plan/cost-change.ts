/** How a plan changes what the stage costs a month. */

import {
  type Difference,
  difference,
  type MonthlyCost,
  monthlyCost,
  type Total,
} from "../../../infra/src/cost/monthly-cost.ts"
import type { Prices } from "../../../infra/src/cost/prices.ts"
import type { Templates } from "../../../infra/src/cost/quantities.ts"
import { STACKS } from "../../../infra/src/names.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import type { TemplateBody } from "../../../infra/src/templates/read.ts"

export interface CostLine {
  readonly stack: string
  readonly what: string
  readonly unit: string
  /** Amounts a month. */
  readonly before: number
  readonly after: number
}

export interface CostChange {
  readonly before: Total
  readonly after: Total
  readonly difference: Difference
  /** Those that differ. */
  readonly lines: readonly CostLine[]
}

export interface CostSide {
  readonly templates: Readonly<Record<string, TemplateBody>>
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * @returns a line that says why not, where a template has what nobody knows to count: a plan does not fail for that
 */
export function costChange(
  stage: Pick<Stage, "name" | "region">,
  before: CostSide,
  after: CostSide,
  prices: Prices,
): CostChange | string {
  try {
    const [was, is] = [before, after].map(({ templates, parameters }) =>
      monthlyCost(whole(templates), stage, prices, { parameters }),
    ) as [MonthlyCost, MonthlyCost]
    return { before: was.total, after: is.total, difference: difference(was, is, prices), lines: changed(was, is) }
  } catch (error) {
    return `the monthly cost can't be reckoned: ${(error as Error).message}`
  }
}

function whole(templates: Readonly<Record<string, TemplateBody>>): Templates {
  return Object.fromEntries(STACKS.map((name) => [name, templates[name] ?? { Resources: {} }])) as unknown as Templates
}

/** By stack, key and what it is: a larger database is another line. */
function changed(before: MonthlyCost, after: MonthlyCost): CostLine[] {
  const lines = new Map<string, { line: Omit<CostLine, "before" | "after">; before: number; after: number }>()
  for (const [side, cost] of [
    ["before", before],
    ["after", after],
  ] as const) {
    for (const { stack, what, key, unit, amount } of cost.lines) {
      // A count is part of what a line says; the same thing in another number is the same line.
      const id = `${stack}\n${key}\n${what.replace(/^\d+ /, "").replace(/s$/, "")}`
      const known = lines.get(id) ?? { line: { stack, what, unit }, before: 0, after: 0 }
      known[side] += amount
      lines.set(id, { ...known, line: { ...known.line, what } })
    }
  }
  return [...lines.values()]
    .filter((one) => Math.abs(one.before - one.after) > 1e-9)
    .map(({ line, before: was, after: is }) => ({ ...line, before: was, after: is }))
}
