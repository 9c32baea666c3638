/** Each command with its own policy of docs/permissions.md, against an emulator that enforces IAM. */

import { CloudFormationClient, DescribeStackResourcesCommand } from "@aws-sdk/client-cloudformation"
import { AttachUserPolicyCommand, CreatePolicyCommand, DetachUserPolicyCommand, IAMClient } from "@aws-sdk/client-iam"
import { expect } from "chai"
import type { Command, Values } from "../../../deploy/src/command.ts"
import { diff } from "../../../deploy/src/diff.ts"
import { history } from "../../../deploy/src/history.ts"
import { status } from "../../../deploy/src/status.ts"
import { verify } from "../../../deploy/src/verify.ts"
import { type Permission, type PermittedCommand, permissionsOf, policyOf } from "../../../infra/src/permissions.ts"
import { run, sessionOf } from "../../support/deploy/session.ts"
import { type Shared, shared } from "../../support/deploy/shared.ts"
import { type Keys, settings, userWith } from "../../support/deploy/standing.ts"
import { someZip } from "../../support/infra/assembly.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const COMMANDS: readonly [Command, Values][] = [
  [verify, {}],
  [status, {}],
  [diff, { "lambda-zip": someZip() }],
  [history, {}],
]
/** Allowed to everybody. */
const FREE = "sts:GetCallerIdentity"

describeWith([python], "permissions", function () {
  this.timeout(240_000)
  let at: Shared
  let iam: IAMClient
  let deliveryKeyArn: string
  let policies = 0
  before(async () => {
    at = await shared()
    iam = new IAMClient(settings(at.account))
    const { StackResources = [] } = await new CloudFormationClient(settings(at.account)).send(
      new DescribeStackResourcesCommand({ StackName: "perigee-development-delivery" }),
    )
    const key = StackResources.find(({ ResourceType }) => ResourceType === "AWS::KMS::Key")?.PhysicalResourceId
    deliveryKeyArn = `arn:aws:kms:${at.account.region}:${at.account.id}:key/${key}`
  })

  const permissions = (name: string): readonly Permission[] =>
    permissionsOf(name as PermittedCommand, {
      partition: "aws",
      region: at.account.region,
      account: at.account.id,
      stage: at.stage.name,
      deliveryKeyArn,
    })
  const made = async (of: readonly Permission[]): Promise<string> => {
    const PolicyDocument = JSON.stringify(policyOf(of))
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: `policy-${++policies}`, PolicyDocument }))
    return Policy?.Arn ?? ""
  }
  const as = (keys: Keys) => sessionOf(at.stage, { endpoint: at.proxy.url, keys })

  for (const [command, values] of COMMANDS) {
    describe(command.name, () => {
      let keys: Keys
      const UserName = `caller-of-${command.name}`
      before(async () => {
        keys = await userWith(at.account, UserName)
      })
      const runWith = async (of: readonly Permission[]) => {
        const PolicyArn = await made(of)
        await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }))
        try {
          return await run(command, as(keys), values)
        } finally {
          await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }))
        }
      }

      it("runs with its policy, and sends every action of it and no other", async () => {
        at.proxy.forget()
        const { code, text } = await runWith(permissions(command.name))
        expect(code, text).to.equal(0)
        const allowed = permissions(command.name).filter(({ through }) => through === undefined)
        const sent = at.proxy.actions(keys.accessKeyId).filter((action) => action !== FREE)
        expect(sent).to.deep.equal([...new Set(allowed.flatMap(({ actions }) => actions))].sort())
      })

      it("without any one of its actions it fails and names it", async () => {
        const all = permissions(command.name)
        const actions = new Set(all.filter(({ through }) => through === undefined).flatMap((one) => one.actions))
        for (const action of actions) {
          const less = all
            .map((one) => ({ ...one, actions: one.actions.filter((other) => other !== action) }))
            .filter((one) => one.actions.length > 0)
          at.denied.add(action)
          const { code, text } = await runWith(less)
          at.denied.delete(action)
          expect(code, `${action}: ${text}`).to.be.oneOf([65, 77])
          expect(text, action).to.contain(action)
        }
        expect(actions.size).to.be.above(0)
      })
    })
  }
})
