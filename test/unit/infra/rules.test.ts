/** The rules that each synthesis must pass: both stages do, and a stage that breaks one does not get out. */
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CfnResource } from "aws-cdk-lib"
import { expect } from "chai"
import { STAGES } from "../../../infra/config/stages.ts"
import { stageApp } from "../../../infra/src/app.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import { type Json, someZip, stage } from "../../support/infra/assembly.ts"

/** Our own rules, each with one change to a resource of a type that breaks it. */
const OWN: readonly [rule: RegExp, type: string, property: string, value: unknown][] = [
  [
    /tasks must have no public address/,
    "AWS::ECS::Service",
    "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
    "ENABLED",
  ],
  [
    /scheduled task must have no public address/,
    "AWS::Scheduler::Schedule",
    "Target.EcsParameters.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp",
    "ENABLED",
  ],
  [/database must not be publicly accessible/, "AWS::RDS::DBInstance", "PubliclyAccessible", true],
  [/database must let tasks in by IAM/, "AWS::RDS::DBInstance", "EnableIAMDatabaseAuthentication", false],
  [/database's storage must be encrypted/, "AWS::RDS::DBInstance", "StorageEncrypted", false],
  [/subnet must give no public addresses/, "AWS::EC2::Subnet", "MapPublicIpOnLaunch", true],
  [/A tag must name one image for good/, "AWS::ECR::Repository", "ImageTagMutability", "MUTABLE"],
  [/A key must rotate/, "AWS::KMS::Key", "EnableKeyRotation", false],
  [
    /root file system must be read-only/,
    "AWS::ECS::TaskDefinition",
    "ContainerDefinitions.0.ReadonlyRootFilesystem",
    false,
  ],
  [/must name its user, who is not root/, "AWS::ECS::TaskDefinition", "ContainerDefinitions.0.User", undefined],
]
/** And one of CloudFormation Validate's. */
const VALIDATE: typeof OWN = [[/NoSuchProperty/, "AWS::DynamoDB::Table", "NoSuchProperty", true]]

/** @returns the report that synthesis leaves behind, and whether it was refused */
function report(stage: Stage, change: (resources: readonly CfnResource[]) => void = () => undefined) {
  const outdir = mkdtempSync(join(tmpdir(), "perigee-rules-"))
  const { app } = stageApp(stage, { outdir, functionZip: someZip() })
  change(app.node.findAll().filter((node) => CfnResource.isCfnResource(node)))
  // What is wrong goes to stderr, construct by construct: the report says the same.
  const write = process.stderr.write
  process.stderr.write = (() => true) as typeof write
  let refused = false
  try {
    app.synth()
  } catch (error) {
    refused = /^Validation failed/.test((error as Error).message)
    if (!refused) throw error
  } finally {
    process.stderr.write = write
  }
  return { refused, report: JSON.parse(readFileSync(join(outdir, "validation-report.json"), "utf8")) as Json }
}

describe("the rules of every synthesis", function () {
  this.timeout(120_000)

  for (const one of STAGES) {
    it(`let ${one.name} through`, () => {
      const { refused, report: seen } = report(one)
      expect(refused).to.equal(false)
      expect(seen.pluginReports).not.to.be.empty
      for (const plugin of seen.pluginReports) expect(plugin.conclusion, plugin.pluginName).to.equal("success")
    })
  }

  it("refuse a stage that breaks one of our own, of cdk-nag's or of CloudFormation Validate's", () => {
    const { refused, report: seen } = report(stage("development"), (resources) => {
      for (const [, type, property, value] of [...OWN, ...VALIDATE]) {
        const resource = resources.find((one) => one.cfnResourceType === type)
        resource?.addPropertyOverride(property, value)
      }
      // cdk-nag reads a construct's own properties, not what overrides them.
      const table = resources.find((one) => one.cfnResourceType === "AWS::DynamoDB::Table")
      Object.assign(table ?? {}, { pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: false } })
    })
    expect(refused).to.equal(true)
    const found = JSON.stringify(seen)
    expect(found).to.contain("AwsSolutions-DDB3")
    for (const [rule] of [...OWN, ...VALIDATE]) expect(found).to.match(rule)
  })
})
