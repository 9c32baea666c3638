/** What a stage costs a month: its quantities by their prices, and how much of it has no price. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { STACKS, type StackName } from "../names.ts"
import type { Stage } from "../stage.ts"
import type { ParameterValues, Template } from "./conditions.ts"
import { type PriceKey, unitOf } from "./price-list.ts"
import type { Price, Prices } from "./prices.ts"
import { type Quantity, quantities, type Templates } from "./quantities.ts"
import { type Traffic, USUAL_TRAFFIC } from "./traffic.ts"

export interface Line extends Quantity {
  readonly unit: string
  /** The stage's region's; without it `monthly` is missing too. */
  readonly price?: Price
  /** US dollars. */
  readonly monthly?: number
  /** Where the region's price is missing: what it would be at another region's. Never part of a total of the stage's. */
  readonly elsewhere?: { readonly price: Price; readonly monthly: number }
}

export interface Total {
  /** US dollars of the lines that have a price. */
  readonly monthly: number
  /** Lines without. */
  readonly missing: number
  /** US dollars that some of those would be at another region's prices. */
  readonly elsewhere: number
  /** Lines with no price at all. */
  readonly unknown: number
}

export interface MonthlyCost {
  readonly stage: string
  readonly region: string
  readonly traffic: Traffic
  readonly lines: readonly Line[]
  readonly total: Total
}

export interface MonthlyCostOptions {
  readonly traffic?: Traffic
  /** The stacks' parameters where they are not at their defaults. */
  readonly parameters?: ParameterValues
}

/**
 * @param assembly the folder that a synthesis of the stage wrote, or its templates
 * @throws Error the templates have something whose cost is not known how to count
 */
export function monthlyCost(
  assembly: string | Templates,
  { name, region }: Pick<Stage, "name" | "region">,
  prices: Prices,
  { traffic = USUAL_TRAFFIC, parameters = {} }: MonthlyCostOptions = {},
): MonthlyCost {
  const templates = typeof assembly === "string" ? readTemplates(assembly) : assembly
  const lines = quantities(templates, traffic, parameters).map((quantity): Line => {
    const { key, amount } = quantity
    const unit = unitOf(key)
    const price = prices.of(key, region)
    if (price !== undefined) return { ...quantity, unit, price, monthly: price.usd * amount }
    const other = prices.elsewhere(key, region)
    return { ...quantity, unit, ...(other && { elsewhere: { price: other, monthly: other.usd * amount } }) }
  })
  return { stage: name, region, traffic, lines, total: totalOf(lines) }
}

export function totalOf(lines: readonly Line[]): Total {
  return {
    monthly: sum(lines.map(({ monthly }) => monthly ?? 0)),
    missing: lines.filter(({ price }) => price === undefined).length,
    elsewhere: sum(lines.map(({ elsewhere }) => elsewhere?.monthly ?? 0)),
    unknown: lines.filter(({ price, elsewhere }) => price === undefined && elsewhere === undefined).length,
  }
}

export interface Difference {
  /** US dollars a month; missing where a price of something that differs is. */
  readonly monthly?: number
  /** Where it is missing: the same in a region that has all the prices, so that like is compared with like. */
  readonly elsewhere?: { readonly region: string; readonly monthly: number }
  /** What differs and has no price of the region. */
  readonly missing: readonly PriceKey[]
}

/** What another cost is more than this one (less: negative). */
export function difference(from: MonthlyCost, to: MonthlyCost, prices: Prices): Difference {
  const amounts = new Map<PriceKey, number>()
  for (const { key, amount } of to.lines) amounts.set(key, (amounts.get(key) ?? 0) + amount)
  for (const { key, amount } of from.lines) amounts.set(key, (amounts.get(key) ?? 0) - amount)
  // Sums of the same amounts in another order may differ in their last digits.
  const changed = [...amounts].filter(([, amount]) => Math.abs(amount) > 1e-9)
  const missing = changed.map(([key]) => key).filter((key) => prices.of(key, to.region) === undefined)
  const costIn = (region: string) =>
    sum(changed.map(([key, amount]) => amount * (prices.of(key, region)?.usd ?? Number.NaN)))
  if (missing.length === 0) return { monthly: costIn(to.region), missing }
  const region = prices.regions.find((one) => !Number.isNaN(costIn(one)))
  return { ...(region !== undefined && { elsewhere: { region, monthly: costIn(region) } }), missing }
}

/** The templates of a synthesis. */
export function readTemplates(folder: string): Templates {
  const entries = STACKS.map((stack): [StackName, Template] => [
    stack,
    JSON.parse(readFileSync(join(folder, `${stack}.template.json`), "utf8")),
  ])
  return Object.fromEntries(entries) as Record<StackName, Template>
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
