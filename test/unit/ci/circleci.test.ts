/** CircleCI's file: valid by its schema, and with no logic of its own. */
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { parse } from "yaml"
import { stageNamed } from "../../../infra/config/stages.ts"
import { ROOT } from "../../support/get-data.ts"

import { describeWith } from "../../support/needs.ts"
import { interpreterWith, python } from "../../support/python.ts"

const FILE = join(ROOT, ".circleci/config.yml")
/** The only variables that a command may read. */
const ROLES: Readonly<Record<string, "plan" | "deploy">> = { publish: "plan", plan: "plan", deploy: "deploy" }
const ROLE = /--role-arn="\$(PLAN|DEPLOY)_ROLE_ARN"/
interface Settings {
  readonly name?: string
  readonly command?: string
  /** Of a step that keeps or takes files. */
  readonly path?: string
  readonly root?: string
  readonly paths?: readonly string[]
  readonly at?: string
}
type Step = string | Readonly<Record<string, Settings>>
interface Config {
  readonly parameters: Readonly<Record<string, { readonly type: string; readonly default: string }>>
  readonly executors: Readonly<
    Record<string, { readonly machine?: { readonly image: string }; readonly resource_class: string }>
  >
  readonly commands: Readonly<Record<string, { readonly steps: readonly Step[] }>>
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly executor: string
        readonly environment?: Readonly<Record<string, string>>
        readonly steps: readonly Step[]
      }
    >
  >
  readonly workflows: Readonly<
    Record<string, { readonly when?: unknown; readonly jobs: readonly (string | Readonly<Record<string, object>>)[] }>
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
    for (const call of calls) expect(call.replace(ROLE, "")).to.match(/^dagger (?:check|-m \. call [\w=:./ -]+)$/)
  })

  it("no command has a parameter in its text, which whoever starts a pipeline could write a command of their own in", () => {
    expect(readFileSync(FILE, "utf8")).to.contain("<< pipeline.parameters")
    for (const run of runs) expect(run).not.to.contain("<<")
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

  describe("main", () => {
    const steps = (job: string, kind: string) =>
      (config.jobs[job]?.steps ?? []).flatMap((step) => (typeof step === "object" ? (step[kind] ?? []) : []))
    const call = (job: string) => steps(job, "run")[0]?.command ?? ""
    const flag = (job: string, name: string) => new RegExp(` --${name}=(\\S+)`).exec(call(job))?.[1]
    /** What a job hands on to those behind it. */
    const kept = (job: string) =>
      steps(job, "persist_to_workspace").flatMap(({ root, paths = [] }) => paths.map((path) => `${root}/${path}`))

    it("publishes what passed the checks, plans, and deploys once somebody approved, one at a time", () => {
      expect(config.workflows["main"]?.jobs).to.deep.equal([
        "checks",
        { echo: { context: "nasa" } },
        { publish: { requires: ["checks"] } },
        { plan: { requires: ["publish"] } },
        { approve: { type: "approval", requires: ["plan", "echo"] } },
        { deploy: { requires: ["approve"], "serial-group": "<< pipeline.project.slug >>/production" } },
      ])
    })

    it("is of the stage's branch alone, where both roles are named; every other commit has the other workflow", () => {
      const { branch } = stageNamed(flag("publish", "stage")).circleci
      const toDeploy = {
        and: [
          "<< pipeline.parameters.plan-role-arn >>",
          "<< pipeline.parameters.deploy-role-arn >>",
          { equal: [branch, "<< pipeline.git.branch >>"] },
        ],
      }
      expect(config.workflows["main"]?.when).to.deep.equal(toDeploy)
      expect(config.workflows["every-commit"]?.when).to.deep.equal({ not: toDeploy })
    })

    it("is one call of dagger each, of the function of the job's name and the same stage", () => {
      for (const job of Object.keys(ROLES)) {
        expect(steps(job, "run"), job).to.have.length(1)
        expect(call(job)).to.match(new RegExp(`^dagger -m \\. call (--output=\\S+ )?${job} --stage=`))
        expect(flag(job, "stage")).to.equal(flag("publish", "stage"))
      }
    })

    it("plans on the digests that publish handed on, and hands on the plan; both are artifacts", () => {
      const exported = flag("publish", "path")
      expect(kept("publish")).to.deep.equal([exported])
      expect(steps("plan", "attach_workspace").map(({ at }) => at)).to.deep.equal([
        steps("publish", "persist_to_workspace")[0]?.root,
      ])
      expect(flag("plan", "images")).to.equal(`${exported}/digests.json`)
      expect(kept("plan")).to.deep.equal([dirname(flag("plan", "path") ?? "")])
      for (const job of ["publish", "plan"])
        expect(steps(job, "store_artifacts").map(({ path }) => path)).to.deep.equal(kept(job))
      const attached = config.jobs["plan"]?.steps.findIndex(
        (step) => typeof step === "object" && "attach_workspace" in step,
      )
      const planned = config.jobs["plan"]?.steps.findIndex((step) => typeof step === "object" && "run" in step)
      expect(attached).to.be.lessThan(planned ?? 0)
    })

    it("deploys the plan that was approved, on the digests that it was made of, and keeps the report", () => {
      expect(flag("deploy", "approved-plan")).to.equal(flag("plan", "path"))
      expect(flag("deploy", "images")).to.equal(flag("plan", "images"))
      expect(steps("deploy", "attach_workspace")).to.deep.equal(steps("plan", "attach_workspace"))
      expect(steps("deploy", "store_artifacts")).to.deep.equal([{ path: flag("deploy", "output") }])
    })

    it("writes only where git ignores it, or the tree would have changes that a protected stage refuses", () => {
      const ignored = readFileSync(join(ROOT, ".gitignore"), "utf8").split("\n")
      for (const path of [...kept("publish"), ...kept("plan")]) expect(ignored).to.include(`${path.split("/")[0]}/`)
    })

    it("takes the stage's roles by the job's OIDC token, and no other credentials; the one that deploys deploys alone", () => {
      for (const [job, role] of Object.entries(ROLES)) {
        expect(flag(job, "oidc-token")).to.equal("env://CIRCLE_OIDC_TOKEN_V2")
        expect(ROLE.exec(call(job))?.[1], job).to.equal(role.toUpperCase())
        expect(call(job)).not.to.match(/--(access-key|secret|session|profile)/)
        expect(config.jobs[job]?.environment).to.deep.equal({
          [`${role.toUpperCase()}_ROLE_ARN`]: `<< pipeline.parameters.${role}-role-arn >>`,
        })
      }
    })

    it("names no role until somebody does, and then those of that stage", () => {
      for (const role of ["plan", "deploy"]) {
        const { type, default: arn } = config.parameters[`${role}-role-arn`] ?? {}
        expect(type).to.equal("string")
        const own = `role/perigee-${flag("plan", "stage")}-pipeline-${role}`
        expect(arn).to.match(new RegExp(`^(arn:aws[a-z-]*:iam::\\d{12}:${own})?$`))
      }
    })
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
