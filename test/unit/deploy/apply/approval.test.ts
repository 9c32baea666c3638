/** What counts as an approval, and of which plan. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { type Approval, approvalOf, requireApproval } from "../../../../deploy/src/apply/approval.ts"
import type { Values } from "../../../../deploy/src/command.ts"
import type { Plan } from "../../../../deploy/src/plan/plan.ts"
import type { Refusal } from "../../../../deploy/src/refusal.ts"
import { deployedAs, planIn, planned } from "../../../support/deploy/plan.ts"
import { stage } from "../../../support/infra/assembly.ts"

const DIGEST = "a".repeat(64)

describe("an approval", function () {
  this.timeout(60_000)
  let plan: Plan
  const folder = mkdtempSync(join(tmpdir(), "perigee-approval-"))
  before(() => {
    const stacks = planned("development")
    plan = planIn({ stage: "development", planned: stacks, deployed: deployedAs(stacks) })
  })

  const refused = async (values: Values, of = "development"): Promise<Refusal> =>
    await approvalOf(values, stage(of)).then(
      () => expect.fail("it was taken"),
      (error: Refusal) => error,
    )
  const required = (approval: Approval, of: Plan): string => {
    try {
      requireApproval(approval, of)
      return ""
    } catch (error) {
      expect((error as Refusal).exitCode).to.equal(65)
      return (error as Refusal).message
    }
  }
  const written = (name: string, content: unknown): string => {
    const path = join(folder, name)
    writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
    return path
  }
  const approved = (of: Plan): Approval => ({ by: "plan", path: "plan.json", plan: of })

  it("is given once, by one of three flags", async () => {
    expect((await refused({})).message).to.match(/^nothing is approved: give one of --approved-plan/)
    expect((await refused({ approve: DIGEST, "auto-approve": "non-destructive" })).message).to.match(/are two/)
    expect(await approvalOf({ approve: DIGEST }, stage("development"))).to.deep.equal({ by: "digest", digest: DIGEST })
  })

  for (const [what, values, words, code] of [
    ["a short digest", { approve: "abc" }, /--approve=abc is no digest: give all 64 digits/, 64],
    ["another word", { "auto-approve": "all" }, /--auto-approve=all is unknown; there is non-destructive/, 64],
    ["a file that is not there", { "approved-plan": "/nonexistent/plan.json" }, /plan.json can't be read/, 66],
  ] as const) {
    it(`is not ${what}`, async () => {
      const { message, exitCode } = await refused(values)
      expect([exitCode, message]).to.satisfy(([one, text]: [number, string]) => one === code && words.test(text))
    })
  }

  it("is no file that is not a plan of this version", async () => {
    for (const [name, content] of [
      ["text.json", "{"],
      ["other.json", { version: 2 }],
      ["array.json", []],
      ["null.json", "null"],
    ] as const) {
      const { message, exitCode } = await refused({ "approved-plan": written(name, content) })
      expect([exitCode, message]).to.satisfy(
        ([one, text]: [number, string]) => one === 65 && /is no plan of/.test(text),
      )
    }
    expect(await approvalOf({ "approved-plan": written("plan.json", plan) }, stage("development"))).to.nested.include({
      by: "plan",
      "plan.digest": plan.digest,
    })
  })

  it("can't be left to the program where the stage is protected", async () => {
    const { message, exitCode } = await refused({ "auto-approve": "non-destructive" }, "production")
    expect(exitCode).to.equal(64)
    expect(message).to.match(/^--auto-approve is for stages without protection, and production has it/)
  })

  it("holds of the very plan, and of no other: both digests are told", () => {
    expect(required(approved(plan), plan)).to.equal("")
    expect(required({ by: "digest", digest: plan.digest }, plan)).to.equal("")
    const words = `the plan aaaaaaaaaaaa was approved, and what would be deployed now is ${plan.digest.slice(0, 12)}; plan again`
    expect(required({ by: "digest", digest: DIGEST }, plan)).to.equal(words)
    expect(required(approved({ ...plan, digest: DIGEST }), plan)).to.equal(words)
  })

  for (const [key, value] of [
    ["stage", "production"],
    ["region", "us-east-1"],
    ["account", "999999999999"],
  ] as const) {
    it(`does not hold in another ${key}`, () => {
      const text = required(approved({ ...plan, [key]: value }), plan)
      expect(text).to.equal(
        `--approved-plan: plan.json is of the ${key} ${value}, and this is ${plan[key]}; plan again`,
      )
    })
  }

  it("does not hold once there is more reason to ask than was told", () => {
    const more = {
      ...plan,
      classification: { destructive: true, widening: false, reasons: ["data/Database is replaced"] },
    }
    expect(required(approved(plan), more)).to.match(/now it also says: data\/Database is replaced; plan again$/)
    expect(required(approved(more), more)).to.equal("")
    expect(required({ by: "non-destructive" }, more)).to.match(
      /^this needs somebody's approval: data\/Database is replaced/,
    )
    expect(required({ by: "non-destructive" }, plan)).to.equal("")
  })

  it("never holds where a proof fails, or a stack would have to be deleted", () => {
    const unproved = { ...plan, proofs: { proved: 1, failed: [{ id: "network.matrix", claim: "", failures: [] }] } }
    expect(required(approved(unproved), unproved)).to.match(/^network\.matrix can't be proved/)
    expect(required({ by: "digest", digest: plan.digest }, unproved)).to.match(/^network\.matrix can't be proved/)
    const [one, ...others] = plan.stacks
    const gone = { ...plan, stacks: [{ ...one, state: "deleted" }, ...others] } as Plan
    expect(required(approved(gone), gone)).to.match(
      /is deployed and no longer in the stage, and a deploy deletes no stack/,
    )
  })
})
