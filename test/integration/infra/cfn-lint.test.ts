/** cfn-lint (PyPI) over every template of every stage; each warning that stays is listed with its place and its reason. */
import { globSync, mkdtempSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { STAGES } from "../../../infra/config/stages.ts"
import { stageApp } from "../../../infra/src/app.ts"
import { STACKS } from "../../../infra/src/names.ts"
import { someZip } from "../../support/infra/assembly.ts"
import { describeWith } from "../../support/needs.ts"
import { interpreterWith, python } from "../../support/python.ts"

const REQUIREMENT = "cfn-lint==1.58.0"
/** Its package has no module to run: this is what its program calls. */
const MAIN = "from cfnlint.runner import main; main()"

/** Warnings that are wanted: rule, the path within the template, and why. */
const WANTED: readonly { readonly rule: string; readonly at: RegExp; readonly why: string }[] = [
  {
    rule: "W3010",
    at: /^Resources\/(Public|Service|Data)[A-Z]Subnet\/Properties\/AvailabilityZone$/,
    why: "zones are named in the configuration: what is where is proved before an account is asked",
  },
  {
    rule: "W3005",
    at: /^Resources\/\w+ServiceTaskCountTargetRequests\w+\/DependsOn\/\d+$/,
    why: "CDK makes a service's scaling wait for its listener, which the policy refers to as well",
  },
  {
    rule: "W3005",
    at: /^Resources\/Function[0-9A-F]{8}\/DependsOn\/\d+$/,
    why: "CDK makes a function wait for its role's policies, and with them for role and log group",
  },
]

interface Finding {
  readonly Rule: { readonly Id: string }
  readonly Level: string
  readonly Message: string
  readonly Filename: string
  readonly Location: { readonly Path: readonly (string | number)[] | null }
}

describeWith([python], "cfn-lint", function () {
  this.timeout(180_000)
  let folder: string
  let findings: Finding[]

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "perigee-lint-"))
    const interpreter = await interpreterWith(REQUIREMENT)
    const functionZip = someZip()
    for (const stage of STAGES) {
      stageApp(stage, { outdir: join(folder, stage.name), functionZip, validate: false }).app.synth()
    }
    const templates = globSync(join(folder, "*/*.template.json"))
    expect(templates).to.have.length(STAGES.length * STACKS.length)
    const { stdout, stderr } = await execa(
      interpreter,
      ["-c", MAIN, "--format", "json", "--include-checks", "W", "--", ...templates],
      { reject: false, cwd: folder },
    )
    try {
      findings = JSON.parse(stdout)
    } catch {
      throw new Error(`cfn-lint does not answer: ${stderr.slice(-2000)}`)
    }
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const wanted = (finding: Finding) =>
    WANTED.find(({ rule, at }) => finding.Rule.Id === rule && at.test((finding.Location.Path ?? []).join("/")))

  it("finds nothing in any template of any stage but what is listed here with its reason", () => {
    const unwanted = findings.filter((finding) => wanted(finding) === undefined)
    const lines = unwanted.map(
      ({ Rule, Filename, Location, Message }) =>
        `${Rule.Id} ${Filename} ${(Location.Path ?? []).join("/")}: ${Message}`,
    )
    expect(lines).to.deep.equal([])
  })

  for (const entry of WANTED) {
    it(`still needs the exception ${entry.rule}: ${entry.why}`, () => {
      expect(findings.filter((finding) => wanted(finding) === entry)).not.to.deep.equal([])
    })
  }
})
