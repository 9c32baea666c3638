import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CloudFormationClient, DescribeStackResourcesCommand } from "@aws-sdk/client-cloudformation"
import { AttachUserPolicyCommand, CreatePolicyCommand, DetachUserPolicyCommand, IAMClient } from "@aws-sdk/client-iam"
import { expect } from "chai"
import type { Command, Values } from "../../../deploy/src/command.ts"
import { diff } from "../../../deploy/src/diff.ts"
import { history } from "../../../deploy/src/history.ts"
import { plan } from "../../../deploy/src/plan/command.ts"
import { publish } from "../../../deploy/src/publish.ts"
import { status } from "../../../deploy/src/status.ts"
import { verify } from "../../../deploy/src/verify.ts"
import { type Permission, type PermittedCommand, permissionsOf, policyOf } from "../../../infra/src/permissions.ts"
import { assetsRole, registryBehind, unpublished } from "../../support/deploy/publishing.ts"
import { run, sessionOf } from "../../support/deploy/session.ts"
import { type Shared, shared } from "../../support/deploy/shared.ts"
import { type Keys, settings, userWith } from "../../support/deploy/standing.ts"
import { setEnvironment } from "../../support/environment.ts"
import { someZip } from "../../support/infra/assembly.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"
import { registryActions } from "../../support/registry/ecr-actions.ts"

interface Permitted {
  readonly command: Command
  /** Of one run. */
  readonly values?: (at: Shared) => Values | Promise<Values>
  /** Once, before the first run. */
  readonly prepare?: (at: Shared) => Promise<void>
  /** Actions without which it goes on, and tells so with their name on stderr. */
  readonly spared?: readonly string[]
}

const COMMANDS: readonly Permitted[] = [
  { command: publish, values: (at) => unpublished(at, tmpdir()), prepare: registryBehind },
  { command: verify },
  {
    command: plan,
    // The address moves: something for a change set.
    values: ({ assembly }) => ({ assembly, parameters: "EgressZone=b" }),
    prepare: assetsRole,
    spared: ["cloudformation:DeleteChangeSet", "cloudformation:ListStacks"],
  },
  { command: status },
  { command: diff, values: () => ({ "lambda-zip": someZip() }) },
  { command: history },
]
/** Allowed to everybody. */
const FREE = "sts:GetCallerIdentity"

describeWith([python], "permissions", function () {
  this.timeout(240_000)
  let at: Shared
  let iam: IAMClient
  let deliveryKeyArn: string
  let policies = 0
  let restore: (() => void) | undefined
  after(() => restore?.())
  before(async () => {
    at = await shared()
    // What the toolkit reads itself; and no git, since the tests' tree changes while they are written.
    restore = setEnvironment({
      AWS_ENDPOINT_URL: at.proxy.url,
      AWS_EC2_METADATA_DISABLED: "true",
      CDK_HOME: mkdtempSync(join(tmpdir(), "perigee-cdk-")),
      GIT_DIR: "/nonexistent",
    })
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

  for (const { command, values, prepare, spared = [] } of COMMANDS) {
    describe(command.name, () => {
      let keys: Keys
      const UserName = `caller-of-${command.name}`
      before(async () => {
        await prepare?.(at)
        keys = await userWith(at.account, UserName)
      })
      const runWith = async (of: readonly Permission[], denied?: string) => {
        const PolicyArn = await made(of)
        const given = await values?.(at)
        await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }))
        const session = as(keys)
        at.proxy.forget()
        if (denied !== undefined) at.denied.add(denied)
        try {
          return { ...(await run(command, session, given)), said: session.said.join("\n") }
        } finally {
          at.denied.clear()
          await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }))
        }
      }

      it("runs with its policy, and sends every action of it and no other", async () => {
        const { code, text } = await runWith(permissions(command.name))
        expect(code, text).to.equal(0)
        const allowed = permissions(command.name).filter(({ through }) => through === undefined)
        const pushed = at.proxy.calls.flatMap((call) => registryActions(call))
        const sent = [...at.proxy.actions(keys.accessKeyId).filter((action) => action !== FREE), ...pushed]
        expect([...new Set(sent)].sort()).to.deep.equal([...new Set(allowed.flatMap(({ actions }) => actions))].sort())
      })

      it("without any one of its actions it fails and names it", async () => {
        const all = permissions(command.name)
        const actions = new Set(all.filter(({ through }) => through === undefined).flatMap((one) => one.actions))
        for (const action of actions) {
          const less = all
            .map((one) => ({ ...one, actions: one.actions.filter((other) => other !== action) }))
            .filter((one) => one.actions.length > 0)
          const { code, text, said } = await runWith(less, action)
          if (spared.includes(action)) {
            expect([code, said], action).to.satisfy(() => code === 0 && said.includes(action))
            continue
          }
          expect(code, `${action}: ${text}`).to.be.oneOf([65, 77])
          expect(text, action).to.contain(action)
        }
        expect(actions.size).to.be.above(0)
      })
    })
  }
})
