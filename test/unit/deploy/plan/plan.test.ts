/** Plans against expectations that were checked by hand: what is told of each kind of change, and what is asked about. */
import type { ResourceChange } from "@aws-sdk/client-cloudformation"
import { expect } from "chai"
import { isEmpty, missingExports, type Plan } from "../../../../deploy/src/plan/plan.ts"
import type { PlannedStack } from "../../../../deploy/src/plan/stacks.ts"
import {
  deployedAs,
  digest,
  NOTHING_RUNS,
  planIn,
  planned,
  properties,
  RUNNING,
  resource,
  without,
} from "../../../support/deploy/plan.ts"
import type { Json } from "../../../support/infra/assembly.ts"

const stackOf = ({ stacks }: Plan, name: string) => stacks.find((one) => one.name === name)
const changesIn = (plan: Plan) => plan.stacks.flatMap(({ changes }) => changes)
const told = (plan: Plan) => changesIn(plan).map(({ action, path }) => `${action} ${path}`)
const production = () => planned("production")
const NOTHING_TO_ASK = { destructive: false, widening: false, reasons: [] }
const USER_METADATA_TO_DATABASE = "GroupsdatabasefromnetworkGroupsusermetadata4D29D619543231D04990"

describe("a plan", function () {
  this.timeout(120_000)
  before(() => void production())

  describe("of a first deploy", () => {
    it("adds every resource that its condition makes, replaces nothing, widens nothing", () => {
      const stacks = production()
      const plan = planIn({ planned: stacks, deployed: [], running: NOTHING_RUNS, images: RUNNING })
      expect(plan.stacks.map(({ name, state }) => `${name} ${state}`)).to.deep.equal([
        "network new",
        "delivery new",
        "data new",
        "platform new",
        "neo new",
      ])
      expect(new Set(changesIn(plan).map(({ action }) => action))).to.deep.equal(new Set(["add"]))
      // Three NAT gateways are in the template, and one is made: that of the stage's zone.
      expect(changesIn(plan).filter(({ type }) => type === "AWS::EC2::NatGateway")).to.have.length(1)
      const all = stacks.reduce((sum, { template }) => sum + Object.keys(template.Resources).length, 0)
      expect(changesIn(plan)).to.have.length(all - 2)
      expect(plan.classification).to.deep.equal(NOTHING_TO_ASK)
      expect(plan.taskDefinitions.map(({ action }) => action)).to.deep.equal(Array(10).fill("add"))
      expect(plan.reachable.open[0]).to.equal(0)
      expect(plan.reachable.changes).to.deep.include({
        from: "internet",
        to: "load balancer",
        before: "–",
        after: "tcp 80, 443",
      })
      expect(plan.proofs.failed).to.deep.equal([])
    })

    it("compares the stacks that are there, while the others are new and widen nothing", () => {
      const stacks = production()
      const there = deployedAs(stacks).filter(({ name }) => name === "network" || name === "delivery")
      const plan = planIn({ planned: stacks, deployed: there, running: NOTHING_RUNS })
      expect(plan.stacks.map(({ state }) => state)).to.deep.equal(["unchanged", "unchanged", "new", "new", "new"])
      expect(plan.widenings).to.deep.equal([])
    })
  })

  describe("where nothing changed", () => {
    it("says so, with the digest of the first deploy", () => {
      const stacks = production()
      const plan = planIn({ planned: stacks, deployed: deployedAs(stacks) })
      expect(isEmpty(plan)).to.equal(true)
      expect(changesIn(plan)).to.deep.equal([])
      expect(plan.taskDefinitions).to.deep.equal([])
      expect(plan.reachable.changes).to.deep.equal([])
      expect(plan.cost).to.have.nested.property("lines.length", 0)
      const first = planIn({ planned: stacks, deployed: [], running: NOTHING_RUNS, images: RUNNING })
      expect(plan.digest).to.equal(first.digest)
    })

    it("takes no offence at the question marks that GetTemplate tells for characters beyond ASCII", () => {
      const stacks = production()
      const plain = JSON.stringify(deployedAs(stacks))
      const mangled = plain.replaceAll(/[\u0080-\uffff]/g, "?")
      expect(mangled, "the templates have some").to.not.equal(plain)
      expect(isEmpty(planIn({ planned: stacks, deployed: JSON.parse(mangled) }))).to.equal(true)
    })

    it("keeps the zone that a move of the egress chose, and tells that it is not the template's default", () => {
      const stacks = production()
      const deployed = deployedAs(stacks).map((one) =>
        one.name === "network" ? { ...one, parameters: { ...one.parameters, EgressZone: { value: "b" } } } : one,
      )
      const plan = planIn({ planned: stacks, deployed })
      expect(isEmpty(plan)).to.equal(true)
      expect(stackOf(plan, "network")?.notes).to.deep.equal(["EgressZone stays b; the template's default is a"])
      expect(stackOf(plan, "network")?.parameters[0]).to.include({ name: "EgressZone", value: "b", from: "kept" })
    })
  })

  describe("of one service's image", () => {
    it("changes that image in the task definitions that run it, and no resource", () => {
      const stacks = production()
      const images = { user_metadata: digest("e") }
      const plan = planIn({ planned: stacks, deployed: deployedAs(stacks), images })
      expect(changesIn(plan)).to.deep.equal([])
      expect(plan.images.filter(({ before, after }) => before !== after)).to.deep.equal([
        { name: "user_metadata", before: digest("b"), after: digest("e") },
      ])
      const field = {
        path: "ContainerDefinitions[user_metadata].Image",
        before: "user_metadata@sha256:bbbbbbbbbbbb",
        after: "user_metadata@sha256:eeeeeeeeeeee",
      }
      expect(plan.taskDefinitions.map(({ family, fields }) => ({ family, fields }))).to.deep.equal(
        ["", "-migrate", "-roles"].map((task) => ({
          family: `perigee-production-user_metadata${task}`,
          fields: [field],
        })),
      )
      expect(plan.classification).to.deep.equal(NOTHING_TO_ASK)
    })

    it("tells the fields of a task definition by their names, and takes a new revision for no replacement", () => {
      const stacks = production()
      const task = properties(stacks, "platform", "usermetadataTaskDefinition")
      task.Cpu = "1024"
      task.ContainerDefinitions[0].Environment.push({ Name: "LOG_LEVEL", Value: "debug" })
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.taskDefinitions).to.have.length(1)
      expect(plan.taskDefinitions[0]?.fields).to.deep.equal([
        { path: "ContainerDefinitions[user_metadata].Environment[LOG_LEVEL]", after: "debug" },
        { path: "Cpu", before: "512", after: "1024" },
      ])
      expect(plan.classification.destructive).to.equal(false)
    })
  })

  describe("of a security group", () => {
    it("tells the wider rule, asks, and fails where a proof does", () => {
      const stacks = production()
      const rule = properties(stacks, "network", USER_METADATA_TO_DATABASE)
      delete rule.SourceSecurityGroupId
      rule.CidrIp = "10.20.0.0/16"
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      const group = plan.widenings.filter(({ kind }) => kind === "security group")
      expect(group.map(({ subject, what }) => [subject.replace(/[0-9A-F]{8}$/, ""), what])).to.deep.equal([
        ["network/Groupsdatabase", "inbound: tcp 5432 from 10.20.0.0/16"],
      ])
      expect(plan.classification.widening).to.equal(true)
      expect(plan.proofs.failed).to.not.deep.equal([])
    })

    it("tells no widening where a rule is split in two", () => {
      const stacks = production()
      const group = properties(stacks, "network", "Groupsusermetadata")
      const [rule] = group.SecurityGroupEgress
      group.SecurityGroupEgress = [
        { ...rule, CidrIp: "0.0.0.0/1" },
        { ...rule, CidrIp: "128.0.0.0/1" },
      ]
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(told(plan)).to.deep.equal(["change Groupsusermetadata"])
      expect(plan.widenings).to.deep.equal([])
    })

    it("tells no widening where a rule is narrowed", () => {
      const before = production()
      properties(before, "network", "Groupsusermetadata").SecurityGroupEgress[0].ToPort = 444
      const plan = planIn({ planned: production(), deployed: deployedAs(before) })
      expect(told(plan)).to.deep.equal(["change Groupsusermetadata"])
      expect(plan.classification).to.deep.equal(NOTHING_TO_ASK)
    })

    it("tells that a group without outbound rules of its own lets everything out", () => {
      const stacks = production()
      delete properties(stacks, "network", "Groupsdatabase").SecurityGroupEgress
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.widenings.filter(({ kind }) => kind === "security group").map(({ what }) => what)).to.deep.equal([
        "outbound: everything to 0.0.0.0/0",
      ])
    })
  })

  it("tells what an entry of a lower number opens in an ACL, with the subnets that it guards", () => {
    const stacks = production()
    const resources = stacks[0]?.template.Resources as Record<string, { Type: string; Properties?: object }>
    const [, entry] = Object.entries(resources).find(
      ([id, { Type }]) => Type === "AWS::EC2::NetworkAclEntry" && /Service/i.test(id),
    ) ?? ["", { Properties: {} }]
    resources["More"] = {
      Type: "AWS::EC2::NetworkAclEntry",
      Properties: {
        ...entry.Properties,
        Egress: false,
        RuleAction: "allow",
        RuleNumber: 1,
        Protocol: 6,
        PortRange: { From: 22, To: 22 },
        CidrBlock: "203.0.113.0/24",
      },
    }
    const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
    const acl = plan.widenings.filter(({ kind }) => kind === "network ACL")
    expect(acl).to.have.length(1)
    expect(acl[0]?.what).to.match(/^inbound: tcp 22 from 203\.0\.113\.0\/24 \(\S+, \S+, \S+\)$/)
  })

  describe("of a policy", () => {
    it("tells a new action of a role, and which proof fails of it", () => {
      const stacks = production()
      const policy = properties(stacks, "platform", "usermetadataTaskTaskRoleDefaultPolicy").PolicyDocument.Statement
      const statement = policy.find(({ Action }: { Action: unknown }) => JSON.stringify(Action).includes("dynamodb"))
      statement.Action = [statement.Action, "dynamodb:DeleteItem"].flat()
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.widenings).to.deep.equal([
        {
          kind: "role's policy",
          subject: "perigee-production-user_metadata-task",
          what:
            "allow dynamodb:DeleteItem on dynamodb table/perigee-production-service-configs " +
            "if ForAllValues:StringEquals dynamodb:LeadingKeys user_metadata",
        },
      ])
      expect(plan.proofs.failed.map(({ id }) => id)).to.deep.equal(["permissions.roles"])
    })

    it("tells a condition that is gone", () => {
      const stacks = production()
      delete properties(stacks, "network", "Endpointsdynamodb").PolicyDocument.Statement[0].Condition
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.widenings).to.have.length(1)
      expect(plan.widenings[0]).to.include({ kind: "resource policy", subject: "endpoint dynamodb" })
      expect(plan.widenings[0]?.what).to.equal(
        "allow * dynamodb:DescribeTable, dynamodb:Query on dynamodb table/perigee-production-service-configs; " +
          "before only if StringEquals aws:PrincipalAccount account",
      )
    })

    it("tells a denial that is gone, and those that go with a whole policy", () => {
      const stacks = production()
      const document = properties(stacks, "neo", "DocumentsPolicy").PolicyDocument
      document.Statement = document.Statement.filter(({ Effect }: { Effect: string }) => Effect !== "Deny")
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      const lost = plan.widenings.map(({ what }) => what).filter((what) => what.startsWith("no longer: deny"))
      expect(lost.join("\n")).to.contain("Bool aws:SecureTransport false")
      const none = without(production(), "neo", "DocumentsPolicy")
      const gone = planIn({ planned: none, deployed: deployedAs(production()) })
      expect(gone.widenings.map(({ what }) => what)).to.include.members(lost)
      expect(gone.classification).to.include({ destructive: true, widening: true })
    })

    it("tells all that a new role may in a stack that is there, and asks", () => {
      const stacks = production()
      const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }
      const may = { Effect: "Allow", Action: "s3:*", Resource: "*" }
      const template = stacks.find(({ name }) => name === "neo")?.template as unknown as Json
      template.Resources.Other = {
        Type: "AWS::IAM::Role",
        Properties: {
          RoleName: "other",
          AssumeRolePolicyDocument: { Version: "2012-10-17", Statement: [trust] },
          Policies: [{ PolicyName: "all", PolicyDocument: { Version: "2012-10-17", Statement: [may] } }],
        },
      }
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.widenings).to.deep.equal([
        { kind: "role's policy", subject: "other", what: "allow s3:* on *" },
        { kind: "trust", subject: "other", what: "allow service ec2.amazonaws.com sts:AssumeRole" },
      ])
      expect(plan.classification.widening).to.equal(true)
      const others = deployedAs(production()).filter(({ name }) => name !== "neo")
      expect(planIn({ planned: stacks, deployed: others }).widenings, "a stack that is new").to.deep.equal([])
    })

    it("compares a role that goes by another logical id with what it was", () => {
      const stacks = production().map((stack) => {
        if (stack.name !== "platform") return stack
        const [id = ""] = Object.keys(stack.template.Resources).filter((one) =>
          /^usermetadataTaskTaskRole[0-9A-F]{8}$/.test(one),
        )
        return { ...stack, template: JSON.parse(JSON.stringify(stack.template).replaceAll(id, "Renamed")) }
      })
      const same = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(same.widenings).to.deep.equal([])
      properties(stacks, "platform", "Renamed").ManagedPolicyArns = ["arn:aws:iam::aws:policy/AdministratorAccess"]
      const wider = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(wider.widenings.map(({ subject, what }) => [subject, what])).to.deep.equal([
        [
          "perigee-production-user_metadata-task",
          "allow * on managed policy iam account aws policy/AdministratorAccess",
        ],
      ])
    })

    it("tells a trust in somebody else", () => {
      const stacks = production()
      const role = properties(stacks, "platform", "usermetadataTaskTaskRole")
      role.AssumeRolePolicyDocument.Statement[0].Principal.Service = ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"]
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.widenings).to.deep.equal([
        {
          kind: "trust",
          subject: "perigee-production-user_metadata-task",
          what: "allow service ec2.amazonaws.com sts:AssumeRole if StringEquals aws:SourceAccount account",
        },
      ])
    })

    it("tells nothing of one that allows less, and under more conditions", () => {
      const before = production()
      const [statement] = properties(before, "network", "Endpointsdynamodb").PolicyDocument.Statement
      delete statement.Condition
      statement.Action = "dynamodb:*"
      const plan = planIn({ planned: production(), deployed: deployedAs(before) })
      expect(told(plan)).to.deep.equal(["change Endpointsdynamodb"])
      expect(plan.widenings).to.deep.equal([])
    })
  })

  it("tells a database that the internet may see, and a bucket that the public may", () => {
    const stacks = production()
    properties(stacks, "data", "Database").PubliclyAccessible = true
    properties(stacks, "neo", "Documents").PublicAccessBlockConfiguration.BlockPublicPolicy = false
    const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
    expect(plan.widenings.filter(({ kind }) => kind === "exposure").map(({ what }) => what)).to.deep.equal([
      "PubliclyAccessible is true",
      "PublicAccessBlockConfiguration.BlockPublicPolicy is false",
    ])
  })

  describe("that replaces the database", () => {
    it("tells what replaces it, what becomes of its data, and asks", () => {
      const stacks = production()
      properties(stacks, "data", "Database").DBName = "elsewhere"
      const plan = planIn({ planned: stacks, deployed: deployedAs(production()) })
      expect(plan.dataLoss).to.have.length(1)
      expect(plan.dataLoss[0]).to.include({ type: "AWS::RDS::DBInstance", path: "Database", replaced: "yes" })
      expect(plan.dataLoss[0]?.because).to.deep.equal(["DBName"])
      expect(plan.dataLoss[0]?.fate).to.equal(
        "a new, EMPTY database takes its place; the old database is deleted after a last snapshot",
      )
      expect(plan.classification).to.deep.equal({
        destructive: true,
        widening: false,
        reasons: ["data/Database is replaced"],
      })
    })

    it("takes of two policies the one that keeps less, and tells of a table that stays outside of the stack", () => {
      const before = production()
      resource(before, "data", "Database").UpdateReplacePolicy = "Delete"
      const stacks = production()
      properties(stacks, "data", "Database").DBName = "elsewhere"
      properties(stacks, "data", "ServiceConfigs").TableName = "elsewhere"
      const plan = planIn({ planned: stacks, deployed: deployedAs(before) })
      expect(plan.dataLoss.map(({ path, fate }) => [path, fate.split("; ")[1]])).to.deep.equal([
        ["Database", "the old database is deleted WITH ITS DATA"],
        ["ServiceConfigs", "the old table stays in the account, outside of the stack, with its data"],
      ])
    })

    describe("where CloudFormation says “conditional”", () => {
      const key = { Action: "Modify", LogicalResourceId: "DataKey17AFBB84", ResourceType: "AWS::KMS::Key" } as const
      const database = {
        Action: "Modify",
        LogicalResourceId: "DatabaseB269D8BB",
        ResourceType: "AWS::RDS::DBInstance",
        Replacement: "Conditional",
      } as const
      const detail = (Name: string, RequiresRecreation: "Always" | "Conditionally") => ({
        Target: { Attribute: "Properties" as const, Name, RequiresRecreation },
        Evaluation: "Dynamic" as const,
        ChangeSource: "ResourceAttribute" as const,
        CausingEntity: `${key.LogicalResourceId}.Arn`,
      })
      const plan = (...told: ResourceChange[]) => {
        const stacks = production()
        for (const { LogicalResourceId = "", ResourceType } of told) {
          expect(resource(stacks, "data", LogicalResourceId).Type).to.equal(ResourceType)
        }
        return planIn({ planned: stacks, deployed: deployedAs(production()), told: new Map([["data", told]]) })
      }

      it("says “perhaps” of what hangs on a key that is replaced, whatever the order", () => {
        const told = [
          { ...database, Details: [detail("KmsKeyId", "Always")] },
          { ...key, Replacement: "True" as const, Details: [] },
        ]
        for (const order of [told, told.toReversed()]) {
          const { dataLoss } = plan(...order)
          expect(dataLoss.map(({ path, replaced, because }) => [path, replaced, ...because])).to.deep.equal([
            ["DataKey", "yes"],
            ["Database", "perhaps", "KmsKeyId"],
          ])
        }
      })

      it("does not, where the key stays and changes only, or the property is one that never replaces", () => {
        const stays = { ...key, Replacement: "False" as const, Details: [] }
        const one = plan({ ...database, Details: [detail("KmsKeyId", "Always")] }, stays)
        expect(one.dataLoss).to.deep.equal([])
        expect(told(one)).to.deep.equal(["change DataKey", "change Database"])
        const gone = { ...key, Replacement: "True" as const, Details: [] }
        const other = plan({ ...database, Details: [detail("DeletionProtection", "Conditionally")] }, gone)
        expect(other.dataLoss.map(({ path }) => path)).to.deep.equal(["DataKey"])
      })

      it("says so without a reason too", () => {
        const { dataLoss, classification } = plan({ ...database, Details: [] })
        expect(dataLoss[0]).to.include({ path: "Database", replaced: "perhaps" })
        expect(classification.reasons).to.deep.equal(["data/Database may be replaced"])
      })
    })
  })

  describe("without a stack that is deployed", () => {
    it("tells that it is deleted, with all that is in it, and what data it holds", () => {
      const deployed = deployedAs(production())
      const neo = deployed.filter(({ name }) => name === "neo")
      const [old] = structuredClone(neo).map((one) => ({
        ...one,
        name: "reports",
        stackName: "perigee-production-reports",
      }))
      if (old === undefined) throw new RangeError("no stack neo")
      const plan = planIn({ planned: production(), deployed: [...deployed, old] })
      const stack = stackOf(plan, "reports")
      expect(stack).to.include({ state: "deleted", stackName: "perigee-production-reports" })
      expect(stack?.notes).to.deep.equal([
        "it is deployed and no longer in the stage",
        "it is protected against deletion",
      ])
      expect(stack?.changes).to.have.length(Object.keys(old.template?.Resources ?? {}).length)
      expect(new Set(stack?.changes.map(({ action }) => action))).to.deep.equal(new Set(["delete"]))
      expect(plan.dataLoss.map(({ path, replaced }) => `${path}: ${replaced}`)).to.include("Documents: no, deleted")
      expect(plan.classification).to.deep.equal({
        destructive: true,
        widening: false,
        reasons: ["the stack reports is deleted"],
      })
    })

    it("foresees that CloudFormation refuses to take away an export that is in use", () => {
      const stacks = production()
      const deployed = deployedAs(stacks)
      const { Outputs = {} } = stacks[0]?.template ?? {}
      const [id, output] = Object.entries(Outputs).find(([key]) => key.includes("Groupsdatabase")) ?? ["", undefined]
      // The planned data stack no longer needs it, while the deployed one does.
      delete (Outputs as Record<string, unknown>)[id]
      properties(stacks, "data", "Database").VPCSecurityGroups = []
      const plan = planIn({ planned: stacks, deployed })
      expect(stackOf(plan, "network")?.notes.join("\n")).to.contain(
        `CloudFormation will REFUSE this update: data as it is deployed uses the export ${output?.Export?.Name}`,
      )
    })

    it("tells of an import whose export comes with this very deploy, which CloudFormation can't be asked about before", () => {
      const stacks = production()
      const deployed = deployedAs(stacks)
      const [network, , data] = stacks
      const fresh = "perigee-production-network:Fresh"
      ;(network?.template.Outputs as Json)["Fresh"] = { Value: "x", Export: { Name: fresh } }
      properties(stacks, "data", "Database").DBName = { "Fn::ImportValue": fresh }
      expect(missingExports(data as PlannedStack, deployed)).to.deep.equal([fresh])
      expect(missingExports(network as PlannedStack, deployed)).to.deep.equal([])
      const plan = planIn({ planned: stacks, deployed })
      expect(stackOf(plan, "data")?.notes).to.include(
        `it uses the export ${fresh}, which comes with this very deploy: CloudFormation is asked about it then`,
      )
      expect(stackOf(plan, "platform")?.notes.join()).not.to.contain("which comes with")
    })
  })
})
