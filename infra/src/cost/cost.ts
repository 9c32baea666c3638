/** `npm run cost -- --stage=<name>`: what a stage costs a month, and each choice in it. Needs no account and no network. */
import { STAGES, stageNamed } from "../../config/stages.ts"
import { commandLine } from "../command-line.ts"
import type { Stage } from "../stage.ts"
import { check } from "../stage-check.ts"
import { withAssembly } from "../stage-templates.ts"
import { choicesOf } from "./choices.ts"
import { difference, type MonthlyCost, monthlyCost, readTemplates } from "./monthly-cost.ts"
import { PRICES, type Prices, PricesError, readPrices } from "./prices.ts"
import type { Templates } from "./quantities.ts"
import { type PricedChoice, tableOf } from "./table.ts"
import { ASSUMPTIONS, TRAFFIC_NAMES, type Traffic, TrafficError, trafficOf } from "./traffic.ts"

const HELP = `npm run cost [-- --stage=<name>] [--json] [--no-choices] [--prices=infra/prices] [assumptions]

Prints what a stage (infra/config/<name>.ts; all of them without --stage) costs a month and what each choice in it does.
Prices: <prices>/<region>.json, which npm run prices writes, and else <prices>/quoted.json; each line names its source,
and a line without one is empty. Needs no account and no network.

Assumptions on a month's use, and their defaults:
${TRAFFIC_NAMES.map((name) => {
  const { flag, usual, most, what } = ASSUMPTIONS[name]
  const shown = `  --${flag}=${usual}`
  return `${shown.padEnd(30)}0–${most}: ${what}`
}).join("\n")}

Exit codes: 0; 64 flag, stage or assumption; 65 a file of prices.
`

await commandLine({
  name: "cost",
  help: HELP,
  options: {
    stage: { type: "string" },
    json: { type: "boolean", default: false },
    choices: { type: "boolean", default: true },
    prices: { type: "string", default: PRICES },
    ...Object.fromEntries(TRAFFIC_NAMES.map((name) => [ASSUMPTIONS[name].flag, { type: "string" as const }])),
  },
  exitCodeOf: (error) => (error instanceof TrafficError ? 64 : error instanceof PricesError ? 65 : undefined),
  async run(flags) {
    const { stage: named, json, choices: withChoices, prices: folder } = flags
    const traffic = trafficOf(flags)
    const stages = named === undefined ? STAGES.map(({ name }) => stageNamed(name)) : [stageNamed(named)]
    const costs: { readonly cost: MonthlyCost; readonly choices: PricedChoice[] | undefined }[] = []
    for (const stage of stages) {
      const prices = readPrices(stage.region, folder)
      const templates = await withAssembly(stage, readTemplates)
      const cost = monthlyCost(templates, stage, prices, { traffic })
      const choices = withChoices ? await pricedChoices(stage, templates, cost, prices, traffic) : undefined
      costs.push({ cost, choices })
    }
    const text = json
      ? `${JSON.stringify(
          costs.map(({ cost, choices }) => ({ ...cost, ...(choices && { choices }) })),
          undefined,
          2,
        )}\n`
      : costs.map(({ cost, choices }) => tableOf(cost, choices)).join("\n")
    process.stdout.write(text)
    return 0
  },
})

function asMade(templates: Templates): Templates {
  return templates
}

async function pricedChoices(
  stage: Stage,
  templates: Templates,
  cost: MonthlyCost,
  prices: Prices,
  traffic: Traffic,
): Promise<PricedChoice[]> {
  const priced: PricedChoice[] = []
  for (const { what, stage: other, parameters = {}, templates: change = asMade } of choicesOf(stage)) {
    const made = change(other === undefined ? templates : await withAssembly(check(other), readTemplates))
    const chosen = monthlyCost(made, stage, prices, { traffic, parameters })
    priced.push({ what, ...difference(cost, chosen, prices) })
  }
  return priced
}
