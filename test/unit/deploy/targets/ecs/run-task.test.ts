/** A task that is run once, ending by ending; what ECS tells is scripted, and time is the test's own. */
import { expect } from "chai"
import { Refusal } from "../../../../../deploy/src/refusal.ts"
import { type OneOff, oneOffFamily, runOnce } from "../../../../../deploy/src/targets/ecs/run-task.ts"
import {
  definitionArn,
  FAMILY,
  json,
  NEW_IMAGE,
  OLD_IMAGE,
  refusal,
  ScriptedEcs,
  SERVICE,
} from "../../../../support/deploy/scripted-ecs.ts"
import { stage } from "../../../../support/infra/assembly.ts"

const ARN = "arn:aws:ecs:eu-central-1:111111111111:task/perigee-development-data/t1"

function task(lastStatus: string, more: object = {}): object {
  return { taskArn: ARN, lastStatus, ...more }
}
const stopped = (container: object, stoppedReason = "Essential container in task exited") =>
  task("STOPPED", { stoppedReason, containers: [{ name: SERVICE, image: NEW_IMAGE, ...container }] })

describe("a one-off task", () => {
  let ecs: ScriptedEcs
  /** What DescribeTasks tells, look by look; the last one stays. */
  let looks: object[]

  beforeEach(async () => {
    ecs = await ScriptedEcs.open()
    ecs.resources = {
      network: [
        ["AWS::EC2::Subnet", "PublicASubnet", "subnet-public"],
        ["AWS::EC2::Subnet", "ServiceASubnet", "subnet-a"],
        ["AWS::EC2::Subnet", "ServiceBSubnet", "subnet-b"],
        ["AWS::EC2::Subnet", "DataASubnet", "subnet-data"],
        ["AWS::EC2::SecurityGroup", "GroupsmigrationCA1FE16B", "sg-migration"],
        ["AWS::EC2::SecurityGroup", "Groupsdatabase1D178A06", "sg-database"],
      ],
      data: [["AWS::ECS::TaskDefinition", "Definition", definitionArn(1)]],
    }
    looks = [task("PROVISIONING"), task("RUNNING"), stopped({ exitCode: 0 })]
    ecs.on("DescribeTasks", (_, nth) => json({ tasks: [looks[Math.min(nth, looks.length - 1)]] }))
    ecs.on("RunTask", () => json({ tasks: [task("PROVISIONING")], failures: [] }))
  })

  afterEach(() => ecs.close())

  const run = (given: Partial<OneOff> = {}, timeout = 900) =>
    runOnce(ecs.session, { family: FAMILY, image: NEW_IMAGE, ...given }, { ...ecs.options(timeout), clock: ecs.clock })

  it("runs once with the image in the database's own network, and its revision is deregistered afterwards", async () => {
    expect(await run()).to.include({ exitCode: 0, reason: undefined })
    const [asked, ...more] = ecs.sent("RunTask")
    expect(more).to.deep.equal([])
    expect(asked).to.deep.include({
      cluster: "perigee-development-data",
      taskDefinition: definitionArn(2),
      count: 1,
      launchType: "FARGATE",
      platformVersion: "1.4.0",
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ["subnet-a", "subnet-b"],
          securityGroups: ["sg-migration"],
          assignPublicIp: "DISABLED",
        },
      },
    })
    expect(ecs.sent("DeregisterTaskDefinition")).to.deep.equal([{ taskDefinition: definitionArn(2) }])
  })

  it("of the image that is registered runs as it is: nothing is registered or deregistered", async () => {
    expect(await run({ image: OLD_IMAGE })).to.include({ exitCode: 0 })
    expect(ecs.sent("RegisterTaskDefinition")).to.deep.equal([])
    expect(ecs.sent("DeregisterTaskDefinition")).to.deep.equal([])
    expect(ecs.sent("RunTask")[0]).to.include({ taskDefinition: definitionArn(1) })
  })

  it("is started with one token at every attempt, so that a lost answer does not start a second", async () => {
    ecs.on("RunTask", (_, nth) => (nth === 0 ? "cut" : undefined))
    await run()
    const tokens = ecs.sent("RunTask").map(({ clientToken }) => clientToken)
    expect(tokens).to.have.lengthOf(2)
    expect(new Set(tokens).size).to.equal(1)
  })

  it("that exits with another code than 0 tells code, reason and image", async () => {
    looks = [stopped({ exitCode: 1 })]
    const ran = await run()
    expect(ran).to.include({
      exitCode: 1,
      reason: `image ${NEW_IMAGE}: container user_metadata exited with code 1`,
    })
    expect(ran.details).to.include("  container user_metadata: exit code 1")
  })

  it("that never started has no exit code, and the reason", async () => {
    looks = [stopped({}, `CannotPullContainerError: ${NEW_IMAGE}: not found`)]
    expect(await run()).to.include({
      exitCode: undefined,
      reason: `image ${NEW_IMAGE} can't be pulled: CannotPullContainerError: ${NEW_IMAGE}: not found`,
    })
  })

  it("that ECS has no place for has no exit code, and ECS' own reason", async () => {
    ecs.on("RunTask", () =>
      json({ tasks: [], failures: [{ reason: "Capacity is unavailable at this time", detail: "d" }] }),
    )
    expect(await run()).to.include({
      exitCode: undefined,
      reason: "ECS does not start it: Capacity is unavailable at this time (d)",
    })
    expect(ecs.sent("DeregisterTaskDefinition")).to.have.lengthOf(1)
  })

  it("that is late is stopped, and is no success even where its program then ends with 0", async () => {
    looks = [task("RUNNING")]
    ecs.on("StopTask", () => {
      looks = [stopped({ exitCode: 0 })]
      return json({})
    })
    expect(await run({}, 30)).to.include({ exitCode: undefined, reason: "it was stopped: not over after 30 s" })
    expect(ecs.sent("StopTask")).to.have.lengthOf(1)
  })

  it("is stopped, and its revision deregistered, when the run is stopped by a signal", async () => {
    looks = [task("RUNNING")]
    ecs.on("DescribeTasks", (_, nth) => {
      if (nth === 2) ecs.stop.abort(new Refusal(143, "stopped by SIGTERM"))
      return json({ tasks: looks })
    })
    const error = await run().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 143)
    expect(ecs.sent("StopTask")).to.have.lengthOf(1)
    expect(ecs.sent("StopTask")[0]).to.include({ cluster: "perigee-development-data", task: ARN })
    expect(ecs.sent("DeregisterTaskDefinition")).to.have.lengthOf(1)
  })

  it("whose start was taken, though its answer was lost at every attempt, is stopped: nobody would wait for it", async () => {
    ecs.on("RunTask", () => "cut")
    ecs.on("ListTasks", ({ body }) => {
      const { startedBy } = JSON.parse(body) as { startedBy: string }
      return json({ taskArns: startedBy === ecs.sent("RunTask")[0]?.["startedBy"] ? [ARN] : [] })
    })
    const error = await run().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 69)
    expect(ecs.sent("StopTask")[0]).to.include({ task: ARN })
  })

  it("is waited for through throttling and cut connections, and while ECS does not see it yet", async () => {
    ecs.on("DescribeTasks", (_, nth) => {
      if (nth < 4) return nth % 2 === 0 ? refusal("ThrottlingException", "Rate exceeded") : "cut"
      return nth === 4 ? json({ tasks: [], failures: [{ reason: "MISSING" }] }) : undefined
    })
    expect(await run()).to.include({ exitCode: 0 })
  })

  it("that no stack registered is refused, and so is a stage without its network", async () => {
    const unknown = await run({ family: oneOffFamily(stage("development"), SERVICE, "migrate") }).catch(
      (e: unknown) => e,
    )
    expect(unknown).to.be.instanceOf(Refusal).with.property("exitCode", 66)
    ecs.resources = { ...ecs.resources, network: [] }
    const homeless = await run().catch((refused: unknown) => refused)
    expect(homeless)
      .to.be.instanceOf(Refusal)
      .with.property("message")
      .that.matches(/deploy the stack network first/)
    expect(ecs.sent("RunTask")).to.deep.equal([])
  })
})
