/** CircleCI's file: valid by its schema, and with no logic of its own. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { parse } from "yaml"
import { ROOT } from "../../support/get-data.ts"
import { describeWith } from "../../support/needs.ts"
import { interpreterWith, python } from "../../support/python.ts"

const FILE = join(ROOT, ".circleci/config.yml")
type Step = string | Readonly<Record<string, { readonly name?: string; readonly command?: string }>>
interface Config {
  readonly executors: Readonly<
    Record<string, { readonly machine?: { readonly image: string }; readonly resource_class: string }>
  >
  readonly commands: Readonly<Record<string, { readonly steps: readonly Step[] }>>
  readonly jobs: Readonly<Record<string, { readonly executor: string; readonly steps: readonly Step[] }>>
  readonly workflows: Readonly<
    Record<string, { readonly jobs: readonly (string | Readonly<Record<string, object>>)[] }>
  >
}

describe(".circleci/config.yml", () => {
  const config = parse(readFileSync(FILE, "utf8")) as Config
  const runs = [...Object.values(config.jobs), ...Object.values(config.commands)]
    .flatMap(({ steps }) => steps)
    .flatMap((step) => (typeof step === "object" && step["run"]?.command !== undefined ? [step["run"].command] : []))

  it("every command installs the pinned CLI, or is one call of dagger; none holds logic", () => {
    const [install, ...calls] = runs.toSorted((a, b) => Number(b.startsWith("curl")) - Number(a.startsWith("curl")))
    expect(install).to.match(
      /^curl -fsSL https:\/\/dl\.dagger\.io\/dagger\/install\.sh \| sudo DAGGER_VERSION=\$DAGGER_VERSION /,
    )
    expect(calls.length).to.be.greaterThan(3)
    for (const call of calls) expect(call).to.match(/^dagger (?:check|-m \. call [\w=:./ -]+)$/)
  })

  it("every job runs on the executor whose image and resource class are pinned", () => {
    for (const [name, job] of Object.entries(config.jobs)) expect(job.executor, name).to.equal("dagger")
    expect(config.executors["dagger"]?.machine?.image).to.match(/^ubuntu-2404:\d{4}\.\d\d\.\d+$/)
    expect(config.executors["dagger"]?.resource_class).to.equal("large")
  })

  it("every commit on every branch runs the checks with no context; the key's job leaves out forks", () => {
    const jobs = config.workflows["every-commit"]?.jobs ?? []
    expect(jobs).to.include("checks")
    const echo = jobs.find((job) => typeof job === "object" && "echo" in job)
    expect(echo).to.deep.equal({ echo: { context: "nasa", filters: { branches: { ignore: "/pull\\/[0-9]+/" } } } })
  })

  it("builds, then runs, extracts and echoes in one call, and keeps response.json", () => {
    const steps = config.jobs["echo"]?.steps ?? []
    const names = steps.flatMap((step) => (typeof step === "object" ? (step["run"]?.name ?? []) : []))
    expect(names).to.deep.equal(["Build", "Run, extract output, echo"])
    expect(
      runs.filter((run) => /\b(?:run|extract-output|echo)\b/.test(run) && run.startsWith("dagger")),
    ).to.have.length(1)
    expect(steps.at(-1)).to.deep.equal({ store_artifacts: { path: "response.json" } })
  })

  describeWith([python], "by its schema", () => {
    it("is valid", async function () {
      this.timeout(120_000)
      const interpreter = await interpreterWith("check-jsonschema==0.39.0")
      const args = ["-m", "check_jsonschema", "--builtin-schema", "vendor.circle-ci", FILE]
      const { exitCode, all } = await execa(interpreter, args, { reject: false, all: true })
      expect(exitCode, all).to.equal(0)
    })
  })
})
