/** The table of permissions, its document and the role that is made of it. */
import { readFileSync } from "node:fs"
import { expect } from "chai"
import { COMMANDS } from "../../../deploy/src/commands.ts"
import { PERMITTED_COMMANDS, PLAN_COMMANDS, permissionsOf, unionOf } from "../../../infra/src/permissions.ts"
import { DOCUMENT, permissionsDocument } from "../../../infra/src/permissions-document.ts"
import { WITHOUT_RESOURCE } from "../../../infra/src/stacks/allow.ts"
import { type Json, ofType, synthesized, templatesOf } from "../../support/infra/assembly.ts"

const PLACE = { partition: "aws", region: "r", account: "1", stage: "development", deliveryKeyArn: "arn:key" }
/** Made, changed, run or read in secret: nothing of a plan's business. */
const FORBIDDEN =
  /^(cloudformation:(Execute|Update|DeleteStack|CreateStack)|ecs:(Update|Run|Register|Stop|Delete|Create)|lambda:(Update|Publish|Create|Delete|Invoke)|ssm:(Put|Delete)|dynamodb:(Put|Update|Delete)|secretsmanager:(Get|Put)|iam:(Create|Put|Attach|Update|Delete))/

describe("permissions", () => {
  before(synthesized("development"))

  it("docs/permissions.md is as the table says; npm run permissions writes it", () => {
    expect(readFileSync(DOCUMENT, "utf8")).to.equal(permissionsDocument())
  })

  it("every command has its policy", () => {
    for (const { name } of COMMANDS) expect(PERMITTED_COMMANDS).to.include(name)
  })

  it("* stands alone, and only for actions that AWS knows no resource of", () => {
    for (const command of PERMITTED_COMMANDS) {
      for (const { actions, resources } of permissionsOf(command, PLACE)) {
        if (!resources.includes("*")) continue
        expect(resources).to.deep.equal(["*"])
        expect(Object.keys(WITHOUT_RESOURCE)).to.include.members([...actions])
      }
      for (const { actions } of permissionsOf(command, PLACE)) expect(actions.join()).not.to.contain("*")
    }
  })

  it("what a plan may executes, writes and reads nothing that it should not", () => {
    const actions = unionOf(PLAN_COMMANDS, PLACE).flatMap((one) => one.actions)
    expect(actions.filter((action) => FORBIDDEN.test(action))).to.deep.equal([])
    expect(actions).to.include("cloudformation:CreateChangeSet")
  })

  it("the pipeline's plan role may what the commands need, all of it and no more", () => {
    const { delivery } = templatesOf("development")
    const roleId = ofType(delivery, "AWS::IAM::Role").find(([, { Properties }]) =>
      JSON.stringify(Properties["RoleName"]).includes("pipeline-plan"),
    )?.[0]
    const policies = [...ofType(delivery, "AWS::IAM::Policy"), ...ofType(delivery, "AWS::IAM::ManagedPolicy")]
      .map(([, { Properties }]) => Properties as Json)
      .filter(({ Roles }) => JSON.stringify(Roles) === JSON.stringify([{ Ref: roleId }]))
    const allowed = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement).flatMap(({ Action }) => Action)
    const needed = unionOf(PLAN_COMMANDS, PLACE).flatMap((one) => one.actions)
    expect([...new Set(allowed)].sort()).to.deep.equal([...new Set(needed)].sort())
  })
})
