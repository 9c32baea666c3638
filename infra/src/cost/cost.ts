/** `npm run cost -- --stage=<name>`: what a stage costs a month, and each choice in it. Needs no account and no network. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { STAGES, stageNamed } from "../../config/stages.ts"
import { stageApp } from "../app.ts"
import { check, type Stage, StageError } from "../stage.ts"
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
/** An archive with nothing in it: the Lambda's code has no part in its cost. */
const EMPTY_ZIP = Buffer.concat([Buffer.from("PK\x05\x06", "latin1"), Buffer.alloc(18)])

process.exitCode = main(process.argv.slice(2))

function main(argv: string[]): number {
  try {
    const { values } = parseArgs({
      args: argv,
      allowNegative: true,
      options: {
        stage: { type: "string" },
        json: { type: "boolean", default: false },
        choices: { type: "boolean", default: true },
        prices: { type: "string", default: PRICES },
        help: { type: "boolean" },
        ...Object.fromEntries(TRAFFIC_NAMES.map((name) => [ASSUMPTIONS[name].flag, { type: "string" as const }])),
      },
    })
    if (values.help) {
      process.stdout.write(HELP)
      return 0
    }
    const traffic = trafficOf(values)
    const stages = values.stage === undefined ? STAGES.map(({ name }) => stageNamed(name)) : [stageNamed(values.stage)]
    const costs = stages.map((stage) => {
      const prices = readPrices(stage.region, values.prices)
      const templates = synthesized(stage)
      const cost = monthlyCost(templates, stage, prices, { traffic })
      return { cost, choices: values.choices ? pricedChoices(stage, templates, cost, prices, traffic) : undefined }
    })
    const text = values.json
      ? `${JSON.stringify(
          costs.map(({ cost, choices }) => ({ ...cost, ...(choices && { choices }) })),
          undefined,
          2,
        )}\n`
      : costs.map(({ cost, choices }) => tableOf(cost, choices)).join("\n")
    process.stdout.write(text)
    return 0
  } catch (error) {
    if (error instanceof StageError || error instanceof TrafficError) return refuse(64, error.message)
    if (error instanceof PricesError) return refuse(65, error.message)
    if (error instanceof TypeError && "code" in error) return refuse(64, `${error.message}; see --help`)
    throw error
  }
}

function pricedChoices(
  stage: Stage,
  templates: Templates,
  cost: MonthlyCost,
  prices: Prices,
  traffic: Traffic,
): PricedChoice[] {
  return choicesOf(stage).map(({ what, stage: other, parameters = {}, templates: change = (same) => same }) => {
    const made = change(other === undefined ? templates : synthesized(check(other)))
    const chosen = monthlyCost(made, stage, prices, { traffic, parameters })
    return { what, ...difference(cost, chosen, prices) }
  })
}

/** Without validation, which is for what is deployed. */
function synthesized(stage: Stage): Templates {
  const outdir = mkdtempSync(join(tmpdir(), "perigee-cost-"))
  try {
    const functionZip = join(outdir, "function.zip")
    writeFileSync(functionZip, EMPTY_ZIP)
    stageApp(stage, { outdir, functionZip, validate: false }).app.synth()
    return readTemplates(outdir)
  } finally {
    rmSync(outdir, { recursive: true, force: true })
  }
}

function refuse(code: number, message: string): number {
  process.stderr.write(`cost: ${message}\n`)
  return code
}
