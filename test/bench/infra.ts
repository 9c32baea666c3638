/**
 * `npm run bench:infra`: both stages synthesized in one process against bare CDK apps with the same resources and
 * properties (test/bench/bare-app.ts), in turn, in one run; without rules, and with the same rules on both sides. Medians
 * and ratios, of wall time and of the process's CPU time, which what else the machine does blurs less.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { performance } from "node:perf_hooks"
import { STAGES } from "../../infra/config/stages.ts"
import { addRules, contextOf, stageApp } from "../../infra/src/app.ts"
import { someZip } from "../support/infra/assembly.ts"
import { type AppParts, bareApp, type Kind, partsOf } from "./bare-app.ts"
import { median } from "./median.ts"

const RUNS = Number(process.argv[2] ?? 9)
if (!(Number.isInteger(RUNS) && RUNS >= 3 && RUNS <= 200)) {
  process.stderr.write("bench:infra: the number of runs is 3 to 200\n")
  process.exit(64)
}
const GOAL = 1.2
const functionZip = someZip()
const folder = mkdtempSync(join(tmpdir(), "perigee-bench-"))
let count = 0
const outdir = () => {
  count += 1
  return join(folder, String(count))
}

interface Row {
  readonly name: string
  readonly rules: boolean
  readonly run: () => number
  readonly wall: number[]
  readonly cpu: number[]
}

/** Both stages, built and written; the number of resources. */
const ours = (rules: boolean) => () =>
  STAGES.map((stage) => {
    const { app } = stageApp(stage, { outdir: outdir(), functionZip, validate: rules })
    return resourcesOf(app.synth().stacks)
  }).reduce((a, b) => a + b)

const bare = (kind: Kind, rules: boolean) => {
  const parts: AppParts[] = STAGES.map((stage) =>
    partsOf(stageApp(stage, { outdir: outdir(), functionZip, validate: false }), contextOf(rules)),
  )
  return () =>
    parts
      .map((part) => {
        const app = bareApp(part, kind, outdir())
        if (rules) addRules(app)
        return resourcesOf(app.synth().stacks)
      })
      .reduce((a, b) => a + b)
}

const row = (name: string, rules: boolean, run: () => number): Row => ({ name, rules, run, wall: [], cpu: [] })
try {
  const rows = [false, true].flatMap((rules) => [
    row("ours", rules, ours(rules)),
    row("bare, typed L1", rules, bare("typed", rules)),
    row("bare, CfnResource", rules, bare("generic", rules)),
  ])
  const counts = new Set<number>()
  // Two uncounted rounds, which load and compile CDK; then every row once a round.
  for (let round = -2; round < RUNS; round += 1) {
    for (const one of rows) {
      const { resources, wall, cpu } = measured(one.run)
      counts.add(resources)
      if (round < 0) continue
      one.wall.push(wall)
      one.cpu.push(cpu)
    }
    rmSync(folder, { recursive: true, force: true })
  }
  if (counts.size !== 1) throw new Error(`not the same number of resources on both sides: ${[...counts].join(", ")}`)
  print(["", "rules", "ms", "× typed", "CPU ms", "× typed"])
  for (const one of rows) {
    const typed = typedOf(rows, one)
    print([
      one.name,
      one.rules ? "on" : "off",
      median(one.wall).toFixed(0),
      (median(one.wall) / median(typed.wall)).toFixed(2),
      median(one.cpu).toFixed(0),
      (median(one.cpu) / median(typed.cpu)).toFixed(2),
    ])
  }
  process.stdout.write(
    `\nmedians of ${RUNS} rounds in turn; ${STAGES.map(({ name }) => name).join(" and ")} together, ${[...counts][0]} ` +
      `resources; rules: cdk-nag's AwsSolutions, CDK's default ones and ours; Node ${process.version}\n`,
  )
  for (const one of rows.filter(({ name }) => name === "ours")) {
    const ratio = median(one.wall) / median(typedOf(rows, one).wall)
    const verdict = ratio <= GOAL ? "met" : `missed by ${(ratio - GOAL).toFixed(2)}`
    const what = `synthesis, rules ${one.rules ? "on" : "off"}, against a bare app of typed L1`
    process.stdout.write(`goal ${what} ≤ ${GOAL}: ${ratio.toFixed(2)}, ${verdict}\n`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function typedOf(rows: readonly Row[], { rules, name }: Row): Row {
  const typed = rows.find((one) => one.rules === rules && one.name === "bare, typed L1")
  if (typed === undefined) throw new Error(`nothing to compare ${name} with`)
  return typed
}

function measured(run: () => number): { resources: number; wall: number; cpu: number } {
  const before = process.cpuUsage()
  const start = performance.now()
  const resources = run()
  const wall = performance.now() - start
  const { user, system } = process.cpuUsage(before)
  return { resources, wall, cpu: (user + system) / 1000 }
}

function resourcesOf(stacks: readonly { readonly template: { Resources: object } }[]): number {
  return stacks.reduce((total, { template }) => total + Object.keys(template.Resources).length, 0)
}

function print(cells: readonly string[]): void {
  const [first = "", ...rest] = cells
  process.stdout.write(`${[first.padEnd(20), ...rest.map((cell) => cell.padStart(8))].join(" ")}\n`)
}
