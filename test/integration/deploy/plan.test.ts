/** `npm run deploy -- plan` as a process, over HTTP, against an emulator of AWS that has a whole stage. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteChangeSetCommand,
  ListChangeSetsCommand,
} from "@aws-sdk/client-cloudformation"
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { expect } from "chai"
import { execa } from "execa"
import type { Plan } from "../../../deploy/src/plan/plan.ts"
import { stageApp } from "../../../infra/src/app.ts"
import { imageParameter, ROLLED_OUT, STACKS, stackName } from "../../../infra/src/names.ts"
import { type Answer, AwsProxy, queryError } from "../../support/aws-proxy.ts"
import { digest } from "../../support/deploy/plan.ts"
import { ROOT } from "../../support/get-data.ts"
import { type Json, someZip, stage } from "../../support/infra/assembly.ts"
import { type Account, cdk, clientOf, environmentOf } from "../../support/infra/toolkit.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const development = stage("development")
const OTHER: Account = { id: "333333333333", region: development.region, endpoint: "", home: tmpdir() }

/** What a plan may ask for; S3's are the assets'. */
const READS_AND_CHANGE_SETS =
  /^(sts:(GetCallerIdentity|AssumeRole)|ssm:GetParameters?|cloudformation:(ListStacks|DescribeStacks|GetTemplate|(Create|Describe|Delete)ChangeSet)|s3:(GetBucketLocation|GetEncryptionConfiguration|GetObject|ListBucket|PutObject))$/

describeWith([python], "deploy plan, on an emulator of AWS", function () {
  this.timeout(120_000)
  let ministack: Ministack
  let aws: AwsProxy
  /** Answers in the place of the emulator, of one test. */
  let intercept: Answer | undefined
  let folder: string
  let account: Account
  let first: Plan

  const assembly = (name: string) => join(folder, name)
  const run = async (args: readonly string[], who: Account = account) => {
    aws.forget()
    return await execa(process.execPath, [join(ROOT, "deploy/src/main.ts"), "plan", "--stage=development", ...args], {
      extendEnv: false,
      env: { ...environmentOf({ ...who, endpoint: aws.url }), CDK_DISABLE_CLI_TELEMETRY: "true" },
      reject: false,
      stdin: "ignore",
    })
  }
  const planned = async (name: string, ...args: string[]): Promise<Plan> => {
    const { exitCode, stdout, stderr } = await run([`--assembly=${assembly(name)}`, "--json", ...args])
    expect(exitCode, stderr).to.equal(0)
    return JSON.parse(stdout)
  }
  /** A copy of the assembly with one template changed, its name of the asset too, as a synthesis would. */
  const changed = (name: string, stack: string, change: (resources: Json, template: Json) => void) => {
    cpSync(assembly("development"), assembly(name), { recursive: true })
    const path = join(assembly(name), `${stack}.template.json`)
    const template = JSON.parse(readFileSync(path, "utf8"))
    change(template.Resources, template)
    writeFileSync(path, JSON.stringify(template))
    const manifest = readFileSync(join(assembly(name), "manifest.json"), "utf8")
    const { files } = JSON.parse(readFileSync(join(assembly(name), `${stack}.assets.json`), "utf8"))
    const [old = ""] = Object.keys(files).filter((id) => files[id].source.path === `${stack}.template.json`)
    const fresh = Buffer.from(name.padEnd(32)).toString("hex").slice(0, 64)
    for (const file of ["manifest.json", `${stack}.assets.json`]) {
      const text = file === "manifest.json" ? manifest : readFileSync(join(assembly(name), file), "utf8")
      writeFileSync(join(assembly(name), file), text.replaceAll(old, fresh))
    }
  }
  const changeSets = async () => {
    const client = new CloudFormationClient(clientOf(account))
    const found = await Promise.all(
      STACKS.map((name) => client.send(new ListChangeSetsCommand({ StackName: stackName("development", name) }))),
    )
    const names = found.flatMap(({ Summaries = [] }) => Summaries.map(({ ChangeSetName }) => ChangeSetName ?? ""))
    // The toolkit's own, of the deploy, stay there executed.
    return names.filter((name) => name.startsWith("perigee-plan-"))
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "perigee-plan-"))
    const { certificate } = development.entry
    ministack = await startMinistack({ ...("zoneId" in certificate && { hostedZone: certificate.zoneId }) })
    aws = await AwsProxy.open(ministack.url)
    aws.on(undefined, (call, nth, next) => intercept?.(call, nth, next))
    account = { id: "222222222222", region: development.region, endpoint: ministack.url, home: folder }
    const bootstrapped = cdk(account, ["bootstrap", `aws://${account.id}/${account.region}`])
    stageApp(development, { outdir: assembly("development"), functionZip: someZip(), validate: false }).app.synth()
    const zone = { Type: "AWS::Route53::HostedZone", Properties: { Name: "flights.example.com" } }
    const TemplateBody = JSON.stringify({ Resources: { Zone: zone } })
    await new CloudFormationClient(clientOf(account)).send(new CreateStackCommand({ StackName: "zone", TemplateBody }))
    expect((await bootstrapped).exitCode).to.equal(0)
  })
  after(async () => {
    await aws?.close()
    await ministack?.close()
    await rm(folder, { recursive: true, force: true })
  })
  afterEach(() => {
    intercept = undefined
    expect(aws.actions().filter((action) => !READS_AND_CHANGE_SETS.test(action))).to.deep.equal([])
  })

  it("plans a first deploy from the templates, for a person and as JSON, and makes nothing at all", async () => {
    const out = join(folder, "plan.json")
    const { exitCode, stdout, stderr } = await run([`--assembly=${assembly("development")}`, `--out=${out}`])
    expect(exitCode, stderr).to.equal(0)
    first = JSON.parse(readFileSync(out, "utf8"))
    expect(first.stacks.map(({ name, state }) => `${name} ${state}`)).to.deep.equal(STACKS.map((name) => `${name} new`))
    expect(first.classification).to.deep.equal({ destructive: false, widening: false, reasons: [] })
    expect(aws.actions()).to.not.include("cloudformation:CreateChangeSet")
    expect(stdout.split("\n")[0]).to.equal("Plan of development in eu-central-1, account 222222222222")
    expect(stdout.split("\n").at(-1), "the digest is last").to.equal(`digest ${first.digest}`)
    expect(stdout, "no colour where there is no terminal").to.not.contain("\u001b")
  })

  describe("once the stage is deployed", () => {
    before(async () => {
      const args = ["deploy", "--all", "--app", assembly("development"), "--require-approval=never", "--concurrency=5"]
      const { exitCode, output } = await cdk(account, args)
      expect(exitCode, output.slice(-3000)).to.equal(0)
    })

    it("finds nothing changed, asks for no change set, and has the same digest", async () => {
      const plan = await planned("development")
      expect(plan.stacks.map(({ state }) => state)).to.deep.equal(STACKS.map(() => "unchanged"))
      expect(plan.digest).to.equal(first.digest)
      expect(aws.actions()).to.not.include("cloudformation:CreateChangeSet")
    })

    it("tells of one service's image by the file that publish wrote, and of no resource", async () => {
      const file = join(folder, "digests.json")
      const repository = "222222222222.dkr.ecr.eu-central-1.amazonaws.com/perigee-development/user_metadata"
      const images = { user_metadata: { repository, digest: digest("e") } }
      writeFileSync(file, JSON.stringify({ stage: "development", images }))
      const plan = await planned("development", `--images=${file}`)
      expect(plan.images.filter(({ before, after }) => before !== after)).to.deep.equal([
        { name: "user_metadata", before: "none", after: digest("e") },
      ])
      expect(plan.taskDefinitions.map(({ family }) => family)).to.include("perigee-development-user_metadata")
      expect(plan.stacks.every(({ state }) => state === "unchanged")).to.equal(true)
      expect(plan.digest).to.not.equal(first.digest)
    })

    it("tells a widened group from a change set, which it deletes", async () => {
      changed("widened", "network", (resources) => {
        const [rule] = Object.keys(resources).filter((id) => /^GroupsdatabasefromnetworkGroupsusermetadata/.test(id))
        const { Properties } = resources[rule as string]
        delete Properties.SourceSecurityGroupId
        Properties.CidrIp = "10.30.0.0/16"
      })
      const { exitCode, stdout, stderr } = await run([`--assembly=${assembly("widened")}`])
      expect(exitCode, "a proof fails of it").to.equal(65)
      expect(stdout).to.contain("inbound: tcp 5432 from 10.30.0.0/16")
      expect(stdout, "the plan is told all the same").to.match(/\ndigest [0-9a-f]{64}$/)
      expect(stderr).to.match(/\nplan: [\w., -]+ can't be proved; nothing of it is fit to deploy$/)
      expect(aws.actions()).to.include("cloudformation:CreateChangeSet")
      expect(await changeSets()).to.deep.equal([])
    })

    it("shouts of a replaced database, and keeps the change set only where it is asked to", async () => {
      changed("replaced", "data", (resources) => {
        const [id] = Object.keys(resources).filter((one) => resources[one].Type === "AWS::RDS::DBInstance")
        resources[id as string].Properties.DBName = "elsewhere"
      })
      const plan = await planned("replaced", "--keep-change-sets")
      expect(plan.dataLoss.map(({ path, replaced }) => `${path} ${replaced}`)).to.deep.equal(["Database yes"])
      expect(plan.classification).to.include({ destructive: true, widening: false })
      const kept = plan.stacks.flatMap(({ changeSet = [] }) => changeSet)
      expect(await changeSets()).to.deep.equal(kept)
      expect(kept).to.have.length(1)
      const { stdout } = await run([`--assembly=${assembly("replaced")}`])
      expect(stdout.split("\n")[2]).to.equal("DATA LOSS")
      expect(await changeSets(), "the other's is its own").to.deep.equal(kept)
      expect(stdout, "the same inputs, the same digest").to.contain(`\ndigest ${plan.digest}`)
    })

    it("deletes a change set of outputs alone too, which changes no resource", async () => {
      changed("outputs", "neo", (_, template) => {
        template.Outputs = { ...template.Outputs, Greeting: { Value: "hello" } }
      })
      // As CloudFormation has it: made, and without a change in it.
      intercept = async (call) => {
        if (call.action !== "cloudformation:DescribeChangeSet") return undefined
        const { status, headers, body } = await aws.pass(call)
        const text = body.toString().replace(/<Changes>.*<\/Changes>/s, "<Changes></Changes>")
        return { status, type: String(headers["content-type"]), body: text.replace(/FAILED/g, "CREATE_COMPLETE") }
      }
      const before = await changeSets()
      const plan = await planned("outputs")
      expect(aws.actions()).to.include("cloudformation:DeleteChangeSet")
      expect(await changeSets()).to.deep.equal(before)
      const neo = plan.stacks.find(({ name }) => name === "neo")
      expect(neo).to.deep.include({ state: "changed", changes: [], notes: ["its outputs change"] })
      const kept = await planned("outputs", "--keep-change-sets")
      expect(kept.stacks.find(({ name }) => name === "neo")?.changeSet).to.match(/^perigee-plan-/)
      const client = new CloudFormationClient(clientOf(account))
      const ChangeSetName = kept.stacks.flatMap(({ changeSet = [] }) => changeSet)[0]
      await client.send(new DeleteChangeSetCommand({ StackName: "perigee-development-neo", ChangeSetName }))
    })

    it("tells a stack that is deployed and no longer in the stage", async () => {
      const topic = {
        Type: "AWS::DynamoDB::Table",
        Properties: {
          TableName: "reports",
          BillingMode: "PAY_PER_REQUEST",
          KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
          AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
        },
      }
      const client = new CloudFormationClient(clientOf(account))
      const TemplateBody = JSON.stringify({ Resources: { Reports: topic } })
      await client.send(new CreateStackCommand({ StackName: "perigee-development-reports", TemplateBody }))
      const plan = await planned("development")
      expect(plan.stacks.at(-1)).to.include({ name: "reports", state: "deleted" })
      expect(plan.dataLoss.map(({ address }) => address)).to.deep.equal(["reports/Reports"])
      expect(plan.digest, "what is asked for is the same").to.equal(first.digest)
    })

    it("deletes its change set when it is stopped", async () => {
      changed("stopped", "data", (resources) => {
        const [id] = Object.keys(resources).filter((one) => resources[one].Type === "AWS::RDS::DBInstance")
        resources[id as string].Properties.BackupRetentionPeriod = 2
      })
      const before = await changeSets()
      const running = execa(
        process.execPath,
        [join(ROOT, "deploy/src/main.ts"), "plan", "--stage=development", `--assembly=${assembly("stopped")}`],
        { extendEnv: false, env: environmentOf({ ...account, endpoint: aws.url }), reject: false, stdin: "ignore" },
      )
      intercept = ({ action }) => {
        if (action !== "cloudformation:DescribeChangeSet") return undefined
        running.kill("SIGINT")
        return "silence"
      }
      const { exitCode, stderr } = await running
      expect(exitCode).to.equal(130)
      expect(stderr.split("\n").at(-1)).to.equal("deploy: stopped by SIGINT")
      expect(await changeSets()).to.deep.equal(before)
    })

    it("stops at once when it is told to, while the bucket is silent", async () => {
      changed("silent", "data", (resources) => {
        const [id] = Object.keys(resources).filter((one) => resources[one].Type === "AWS::RDS::DBInstance")
        resources[id as string].Properties.BackupRetentionPeriod = 3
      })
      const running = execa(
        process.execPath,
        [join(ROOT, "deploy/src/main.ts"), "plan", "--stage=development", `--assembly=${assembly("silent")}`],
        { extendEnv: false, env: environmentOf({ ...account, endpoint: aws.url }), reject: false, stdin: "ignore" },
      )
      intercept = ({ action }) => {
        if (action !== "s3:PutObject") return undefined
        running.kill("SIGINT")
        return "silence"
      }
      const { exitCode, stderr } = await running
      expect([exitCode, stderr.split("\n").at(-1)]).to.deep.equal([130, "deploy: stopped by SIGINT"])
    })

    it("sees what a rollout left in the image parameters, which its own digest is of", async () => {
      const ssm = new SSMClient(clientOf(account))
      for (const name of ROLLED_OUT) {
        const Value = `222222222222.dkr.ecr.eu-central-1.amazonaws.com/perigee-development/${name}@${digest("f")}`
        await ssm.send(new PutParameterCommand({ Name: imageParameter("development", name), Value, Overwrite: true }))
      }
      const running = await planned("development")
      expect(running.images.map(({ before, after }) => [before, after])).to.deep.equal(
        ROLLED_OUT.map(() => [digest("f"), digest("f")]),
      )
      expect(running.digest).to.not.equal(first.digest)
      // CloudFormation would take the images over into new revisions, which is what runs already: no change of a stack.
      const changed = running.stacks.filter(({ state }) => state !== "unchanged").map(({ name }) => name)
      expect(changed, JSON.stringify(running.stacks)).to.deep.equal(["reports"])
      expect(running.classification.reasons.filter((reason) => !reason.includes("reports"))).to.deep.equal([])
    })
  })

  describe("refuses in one line", () => {
    const refused = async (code: number, line: RegExp, args: readonly string[] = [], who?: Account) => {
      const { exitCode, stderr, stdout } = await run([`--assembly=${assembly("development")}`, ...args], who)
      const last = stderr.split("\n").filter((one) => !one.startsWith("plan: "))
      expect(last, stderr).to.have.length(1)
      expect(last[0]).to.match(line)
      expect(exitCode).to.equal(code)
      expect(stdout).to.equal("")
    }
    const stateOf =
      (status: string): Answer =>
      ({ action }) => {
        if (action !== "cloudformation:DescribeStacks") return undefined
        const stack = `<member><StackName>any</StackName><StackStatus>${status}</StackStatus></member>`
        const body = `<DescribeStacksResponse><DescribeStacksResult><Stacks>${stack}</Stacks></DescribeStacksResult></DescribeStacksResponse>`
        return { status: 200, type: "text/xml", body }
      }

    it("an account that is not bootstrapped", async () => {
      await refused(
        66,
        /^deploy: account 333333333333 in eu-central-1 is not bootstrapped for the CDK: npm run deploy/,
        [],
        OTHER,
      )
    })

    it("a file of digests that is missing, or has none", async () => {
      const file = join(folder, "wrong.json")
      await refused(66, /^deploy: --images: \S+ can't be read; npm run deploy -- publish writes it$/, [
        `--images=${file}`,
      ])
      writeFileSync(file, "{}")
      await refused(65, /^deploy: --images: \S+: there are no images in it, as in /, [`--images=${file}`])
    })

    it("a file to write to in no folder, before it asks for anything", async () => {
      await refused(64, /^deploy: --out: \S+ can't be written; give a file in a folder that is there$/, [
        `--out=${join(folder, "none", "plan.json")}`,
      ])
      expect(aws.calls).to.deep.equal([])
    })

    it("an update that is under way, and a stack that can't be updated", async () => {
      intercept = stateOf("UPDATE_IN_PROGRESS")
      await refused(75, /is in UPDATE_IN_PROGRESS: an update is under way; plan again after it$/)
      intercept = stateOf("UPDATE_ROLLBACK_FAILED")
      await refused(74, /is in UPDATE_ROLLBACK_FAILED and can't be updated; mend that first$/)
    })

    it("credentials that are expired, and AWS that throttles", async () => {
      intercept = ({ action }) =>
        action === "sts:GetCallerIdentity" ? queryError("ExpiredToken", "The security token is expired") : undefined
      await refused(
        77,
        /^deploy: AWS refuses: The security token is expired \(sts:GetCallerIdentity\); take fresh credentials$/,
      )
      intercept = ({ action }) =>
        action === "cloudformation:ListStacks" ? queryError("Throttling", "Rate exceeded") : undefined
      await refused(69, /^deploy: AWS answers Throttling: Rate exceeded \(cloudformation:ListStacks\); try again$/)
    })
  })
})
