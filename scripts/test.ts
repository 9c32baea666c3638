/**
 * `npm test`: lint and type check, then every mocha suite, two lanes at a time, with one coverage report over all of it.
 * Ends with `N passed, N failed, N skipped`; lint and type check count as one each. JUnit and lcov go to `reports/`.
 */
import { mkdir, readFile, rm } from "node:fs/promises"
import { resolve } from "node:path"
import { execa } from "execa"

const ROOT = resolve(import.meta.dirname, "..")
const REPORTS = resolve(ROOT, "reports")
const COVERAGE = resolve(REPORTS, "coverage")

interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** One npm script; a mocha suite also tells its counts by JUnit. */
interface Lane {
  readonly script: string
  readonly suite?: string
  /** Whether it counts as one that passed. */
  readonly counted?: boolean
}

const CHECKS: readonly Lane[] = [
  { script: "lint", counted: true },
  { script: "type-check", counted: true },
]
/** In an order in which both lanes end at about the same time: the longest begins first. */
const SUITES: readonly Lane[] = [
  { script: "test:integration:deploy", suite: "deploy" },
  { script: "test:integration:release", suite: "release" },
  { script: "test:integration:fetcher", suite: "integration" },
  { script: "test:integration:services", suite: "services" },
  { script: "test:unit", suite: "unit" },
  { script: "test:integration:infra", suite: "infra" },
  { script: "test:e2e", suite: "e2e" },
]

const total: Counts = { passed: 0, failed: 0, skipped: 0 }

await rm(REPORTS, { recursive: true, force: true })
await mkdir(resolve(REPORTS, "junit"), { recursive: true })
// The suites run the bundle too: it is built once, before them.
await runAll([{ script: "build" }, ...CHECKS])
await runAll(SUITES)
await coverage()

process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`)
process.exitCode = total.failed === 0 ? 0 : 1

async function runAll(lanes: readonly Lane[]): Promise<void> {
  const waiting = [...lanes]
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next)
  }
  await Promise.all([lane(), lane()])
}

async function run({ script, suite, counted }: Lane): Promise<void> {
  const started = performance.now()
  const junit = resolve(REPORTS, "junit", `${suite}.xml`)
  const { all, exitCode, failed } = await execa("npm", ["run", "--silent", script], {
    cwd: ROOT,
    all: true,
    reject: false,
    stdin: "ignore",
    env:
      suite === undefined
        ? {}
        : { PERIGEE_JUNIT: junit, PERIGEE_SUITE: suite, NODE_V8_COVERAGE: resolve(COVERAGE, "raw") },
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(`\n── ${script}: ${failed ? `failed (exit ${exitCode})` : "ok"}, ${seconds} s\n${all}\n`)
  const counts =
    suite === undefined ? { passed: counted && !failed ? 1 : 0, failed: 0, skipped: 0 } : await countsOf(junit)
  // A suite that dies without a failed test has failed all the same.
  if (failed && counts.failed === 0) counts.failed = 1
  for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key]
}

/** Sums of the suites' own figures, as mocha's XUnit reporter writes them. */
async function countsOf(junit: string): Promise<Counts> {
  const head = /<testsuite [^>]*>/.exec(await readFile(junit, "utf8").catch(() => ""))?.[0] ?? ""
  const figure = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0)
  const failed = figure("failures") + figure("errors")
  return { passed: figure("tests") - failed - figure("skipped"), failed, skipped: figure("skipped") }
}

async function coverage(): Promise<void> {
  const { all, failed } = await execa("npm", ["run", "--silent", "coverage"], { cwd: ROOT, all: true, reject: false })
  if (failed) total.failed += 1
  process.stdout.write(`\n── coverage (lcov in reports/coverage)\n${all}\n`)
}
