/** A service's rollout, ending by ending: what ECS tells is scripted, and time is the test's own. */
import { expect } from "chai"
import { Refusal } from "../../../../../deploy/src/refusal.ts"
import { ecsRolling } from "../../../../../deploy/src/targets/ecs/rolling.ts"
import {
  deployment,
  FAMILY,
  frame,
  json,
  NEW_IMAGE,
  OLD,
  OLD_ACTIVE,
  OLD_IMAGE,
  refusal,
  ScriptedEcs,
  SERVICE,
  stoppedTask,
} from "../../../../support/deploy/scripted-ecs.ts"

const NEW = deployment("ecs-svc/new", 2, "IN_PROGRESS")
const NEW_DONE = deployment("ecs-svc/new", 2, "COMPLETED")
const FAILED = deployment("ecs-svc/new", 2, "FAILED", {
  status: "ACTIVE",
  rolloutStateReason: "ECS deployment circuit breaker: tasks failed to start.",
})
const BACK = deployment("ecs-svc/back", 1, "IN_PROGRESS")
const BACK_DONE = deployment("ecs-svc/back", 1, "COMPLETED")
const BREAKER = { deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } } }
const NOT_FOUND = `CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ${NEW_IMAGE}: not found`

describe("a service's rollout", () => {
  let ecs: ScriptedEcs

  beforeEach(async () => {
    ecs = await ScriptedEcs.open()
  })

  afterEach(() => ecs.close())

  it("is stable as soon as its own deployment is completed, and told its task definition and nothing else", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(NEW, OLD_ACTIVE), frame(NEW_DONE)]
    const out = await ecs.rollOut()
    expect(out).to.include({ outcome: "stable", from: `${FAMILY}:1`, to: `${FAMILY}:2`, unit: SERVICE })
    expect(out).to.not.have.property("details")
    const cluster = "perigee-development-platform"
    expect(ecs.sent("UpdateService")).to.deep.equal([{ cluster, service: SERVICE, taskDefinition: `${FAMILY}:2` }])
    expect(ecs.watched.map(({ phase }) => phase)).to.deep.equal(["started", "waiting", "stable"])
    // Two pauses between three looks, and none after the last.
    expect(ecs.clock.sleeps).to.have.lengthOf(2)
  })

  it("is not stable while its own deployment goes on, though the one before it was completed", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE)]
    expect(await ecs.rollOut(NEW_IMAGE, 30)).to.include({ outcome: "failed" })
  })

  it("asks again after 1.1 to 1.7 s, as chance has it", async () => {
    const waits: number[] = []
    for (const random of [0, 0.999]) {
      ecs.frames = [frame(OLD), ...Array.from({ length: 20 }, () => frame(NEW, OLD_ACTIVE)), frame(NEW_DONE)]
      ecs.clock.sleeps.length = 0
      Object.assign(ecs.clock, { random: () => random })
      await ecs.rollOut()
      waits.push(...ecs.clock.sleeps)
    }
    expect(Math.min(...waits)).to.be.within(1100, 1130)
    expect(Math.max(...waits)).to.be.within(1670, 1700)
  })

  it("of the image that runs, alone and completed, registers nothing and is unchanged", async () => {
    const out = await ecs.rollOut(OLD_IMAGE)
    expect(out).to.deep.equal({
      target: "ecs",
      unit: SERVICE,
      from: `${FAMILY}:1`,
      to: `${FAMILY}:1`,
      outcome: "unchanged",
      seconds: 0,
    })
    expect(ecs.sent("RegisterTaskDefinition")).to.deep.equal([])
    expect(ecs.sent("UpdateService")).to.deep.equal([])
  })

  it("of the image that is on its way already is watched to its end, with what stood before to go back to", async () => {
    ecs.frames = [frame(NEW, OLD_ACTIVE), frame(NEW, OLD_ACTIVE), frame(NEW_DONE)]
    expect(await ecs.rollOut()).to.include({ outcome: "stable", from: `${FAMILY}:1`, to: `${FAMILY}:2` })
    expect(ecs.sent("RegisterTaskDefinition")).to.deep.equal([])
  })

  it("of the image whose deployment failed before is a new one", async () => {
    const failed = { ...FAILED, status: "PRIMARY", taskDefinition: (NEW as { taskDefinition: string }).taskDefinition }
    ecs.frames = [frame(failed, OLD_ACTIVE), frame(NEW_DONE)]
    await ecs.rollOut()
    expect(ecs.sent("RegisterTaskDefinition")).to.have.lengthOf(1)
  })

  it("that the circuit breaker stops is never a success: ECS goes back, and the end is “back” with the reason", async () => {
    const events = [{ id: "e1", message: "(service user_metadata) rolling back to deployment ecs-svc/old." }]
    ecs.frames = [
      frame(OLD),
      frame(NEW, OLD_ACTIVE),
      { ...frame(BACK, FAILED), ...BREAKER, events },
      { ...frame(BACK_DONE), ...BREAKER, events },
    ]
    ecs.tasks = [
      stoppedTask("t1", {
        stopCode: "EssentialContainerExited",
        stoppedReason: "Essential container in task exited",
        containers: [{ name: SERVICE, image: NEW_IMAGE, exitCode: 3 }],
      }),
    ]
    const out = await ecs.rollOut()
    expect(out.outcome).to.equal("back")
    expect(out.reason).to.equal(
      `image ${NEW_IMAGE}: container user_metadata exited with code 3; ECS deployment circuit breaker: tasks failed to start.`,
    )
    expect(out.details).to.deep.equal([
      "task t1 stopped: Essential container in task exited (EssentialContainerExited)",
      "  container user_metadata: exit code 3",
      "event: (service user_metadata) rolling back to deployment ecs-svc/old.",
    ])
    // ECS goes back by itself.
    expect(ecs.sent("UpdateService")).to.have.lengthOf(1)
  })

  it("that failed where ECS was not set to go back is taken back", async () => {
    ecs.frames = [frame(OLD), frame({ ...FAILED, status: "PRIMARY" }, OLD_ACTIVE), frame(BACK), frame(BACK_DONE)]
    expect(await ecs.rollOut()).to.include({ outcome: "back" })
    expect(ecs.sent("UpdateService").map(({ taskDefinition }) => taskDefinition)).to.deep.equal([
      `${FAMILY}:2`,
      `${FAMILY}:1`,
    ])
  })

  it("that ECS does not take back within 15 s, though it was set to, is taken back", async () => {
    const stuck = { ...frame({ ...FAILED, status: "PRIMARY" }, OLD_ACTIVE), ...BREAKER }
    ecs.frames = [frame(OLD), ...Array.from({ length: 13 }, () => stuck), frame(BACK), frame(BACK_DONE)]
    expect(await ecs.rollOut()).to.include({ outcome: "back" })
    expect(ecs.sent("UpdateService")).to.have.lengthOf(2)
  })

  it("whose deployment went while nobody looked, with what ran before in its place, is back and no success", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(BACK_DONE)]
    const out = await ecs.rollOut()
    expect(out).to.include({ outcome: "back", reason: `ECS went back to ${FAMILY}:1` })
  })

  it("whose way back fails too has failed, with both reasons", async () => {
    const back = { ...BACK, rolloutState: "FAILED", rolloutStateReason: "tasks failed to start." }
    ecs.frames = [frame(OLD), { ...frame(BACK, FAILED), ...BREAKER }, { ...frame(back), ...BREAKER }]
    const { outcome, reason } = await ecs.rollOut()
    expect(outcome).to.equal("failed")
    expect(reason).to.equal(
      `ECS deployment circuit breaker: tasks failed to start.; and ${FAMILY}:1 does not come back either: tasks failed to start.`,
    )
  })

  it("that somebody else's deployment replaced has failed, by that one's name, and is left as it is", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(deployment("ecs-svc/theirs", 7, "IN_PROGRESS"), OLD_ACTIVE)]
    const out = await ecs.rollOut()
    expect(out).to.include({
      outcome: "failed",
      reason: `replaced by somebody else's deployment ecs-svc/theirs of ${FAMILY}:7`,
    })
    expect(ecs.sent("UpdateService")).to.have.lengthOf(1)
  })

  it("whose service was deleted meanwhile has failed", async () => {
    ecs.frames = [frame(OLD), { ...frame(), status: "INACTIVE" }]
    expect(await ecs.rollOut()).to.include({ outcome: "failed", reason: "the service was deleted by somebody else" })
  })

  for (const [what, reason, words] of [
    ["is not in the registry", NOT_FOUND, `image ${NEW_IMAGE} can't be pulled: ${NOT_FOUND}`],
    [
      "is of another platform",
      "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
      `image ${NEW_IMAGE} is for another platform: CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'`,
    ],
  ] as const) {
    it(`whose image ${what} is named and taken back with the first stopped task, long before a circuit breaker`, async () => {
      ecs.frames = [
        frame(OLD),
        frame(NEW, OLD_ACTIVE),
        frame(deployment("ecs-svc/new", 2, "IN_PROGRESS", { failedTasks: 1 }), OLD_ACTIVE),
        frame(BACK),
        frame(BACK_DONE),
      ]
      ecs.on("ListTasks", () => (ecs.watched.some(({ failed }) => failed === 1) ? undefined : json({ taskArns: [] })))
      ecs.tasks = [stoppedTask("t1", { stopCode: "TaskFailedToStart", stoppedReason: reason })]
      const out = await ecs.rollOut()
      expect(out).to.include({ outcome: "back", reason: words })
      expect(ecs.messages).to.include(words)
      expect(out.details?.[0]).to.equal(`task t1 stopped: ${reason} (TaskFailedToStart)`)
    })
  }

  it("whose image can't be pulled for now is named, and waits for what ECS makes of it", async () => {
    const slow = "CannotPullContainerError: ref pull has been retried 5 time(s): dial tcp 10.0.0.1:443: i/o timeout"
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(NEW, OLD_ACTIVE), frame(NEW_DONE)]
    ecs.tasks = [stoppedTask("t1", { stopCode: "TaskFailedToStart", stoppedReason: slow })]
    expect(await ecs.rollOut()).to.include({ outcome: "stable" })
    expect(ecs.messages).to.include(`image ${NEW_IMAGE} can't be pulled: ${slow}`)
  })

  it("tells of a task while it stops, and again when its exit code is known", async () => {
    ecs.frames = [frame(OLD), ...Array.from({ length: 4 }, () => frame(NEW, OLD_ACTIVE)), frame(NEW_DONE)]
    const stopping = stoppedTask("t1", { stoppedReason: "Essential container in task exited", lastStatus: "STOPPING" })
    ecs.tasks = [stopping]
    ecs.on("DescribeTasks", (_, nth) => {
      const containers = [{ name: SERVICE, image: NEW_IMAGE, exitCode: 3 }]
      return nth === 0 ? undefined : json({ tasks: [{ ...stopping, lastStatus: "STOPPED", containers }] })
    })
    await ecs.rollOut()
    expect(ecs.messages.slice(1)).to.deep.equal([
      "a task stopped: Essential container in task exited",
      `image ${NEW_IMAGE}: container user_metadata exited with code 3`,
    ])
    expect(ecs.sent("DescribeTasks")).to.have.lengthOf(2)
  })

  it("tells of no task that ECS stopped because there were too many, nor of another deployment's", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(NEW_DONE)]
    ecs.tasks = [
      stoppedTask("t1", {
        stopCode: "ServiceSchedulerInitiated",
        stoppedReason: "Scaling activity initiated by (deployment ecs-svc/new)",
      }),
      stoppedTask("t2", { startedBy: "ecs-svc/old", stoppedReason: NOT_FOUND }),
    ]
    expect(await ecs.rollOut()).to.include({ outcome: "stable" })
    expect(ecs.messages).to.deep.equal([`${FAMILY}:1 → ${FAMILY}:2`])
  })

  it("that is under way is stopped as a service deployment, where it leads from what ran to what was rolled out", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(BACK), frame(BACK_DONE)]
    ecs.tasks = [stoppedTask("t1", { stoppedReason: NOT_FOUND })]
    ecs.on("ListServiceDeployments", () => json({ serviceDeployments: [{ serviceDeploymentArn: "sd" }] }))
    ecs.on("DescribeServiceDeployments", () =>
      json({ serviceDeployments: [{ targetServiceRevision: { arn: "r2" }, sourceServiceRevisions: [{ arn: "r1" }] }] }),
    )
    ecs.on("DescribeServiceRevisions", () =>
      json({
        serviceRevisions: [
          { serviceRevisionArn: "r1", taskDefinition: `x/${FAMILY}:1` },
          { serviceRevisionArn: "r2", taskDefinition: `x/${FAMILY}:2` },
        ],
      }),
    )
    expect(await ecs.rollOut()).to.include({ outcome: "back" })
    expect(ecs.sent("StopServiceDeployment")).to.deep.equal([{ serviceDeploymentArn: "sd", stopType: "ROLLBACK" }])
    expect(ecs.sent("UpdateService")).to.have.lengthOf(1)
  })

  it("that is late tells what it waited for, and is left as it is", async () => {
    const message = "(service user_metadata) was unable to place a task. Reason: Capacity is unavailable at this time."
    const waiting = { ...frame(NEW, OLD_ACTIVE), events: [{ id: "e1", message }] }
    ecs.frames = [frame(OLD), waiting]
    const out = await ecs.rollOut(NEW_IMAGE, 60)
    expect(out.outcome).to.equal("failed")
    expect(out.reason).to.equal(`not stable after 60 s: 0 of 2 copies run, 2 pending, 0 failed; last event: ${message}`)
    expect(out.seconds).to.be.within(60, 62)
    expect(ecs.sent("UpdateService")).to.have.lengthOf(1)
  })

  it("goes on through throttling, 500s and cut connections", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(NEW, OLD_ACTIVE), frame(NEW_DONE)]
    ecs.on("DescribeServices", (_, nth) => {
      if (nth === 0 || nth > 9) return undefined
      if (nth > 6) return "cut"
      return nth % 2 === 0
        ? refusal("ThrottlingException", "Rate exceeded")
        : refusal("ServerException", "internal", 500)
    })
    expect(await ecs.rollOut()).to.include({ outcome: "stable" })
    expect(ecs.messages.join("\n")).to.match(/(Rate exceeded|internal) \(ecs:DescribeServices\); asking again/)
  })

  it("ends with a refusal, exit code 69, once AWS has been away for two minutes", async () => {
    ecs.on("DescribeServices", (_, nth) => (nth === 0 ? undefined : "cut"))
    const error = await ecs.rollOut().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 69)
    expect(ecs.clock.sleeps.reduce((all, one) => all + one, 0)).to.be.within(118_000, 145_000)
  })

  it("ends at once with exit code 77 where the credentials ran out", async () => {
    ecs.on("DescribeServices", (_, nth) =>
      nth === 0 ? undefined : refusal("ExpiredTokenException", "The security token included in the request is expired"),
    )
    const error = await ecs.rollOut().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 77)
    expect(ecs.clock.sleeps).to.deep.equal([])
  })

  it("ends with the signal's own reason", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE)]
    ecs.on("DescribeServices", (_, nth) => {
      if (nth === 4) ecs.stop.abort(new Refusal(130, "stopped by SIGINT"))
      return undefined
    })
    const error = await ecs.rollOut().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 130)
  })

  it("whose update ECS refuses has failed with that reason", async () => {
    ecs.on("UpdateService", () => refusal("InvalidParameterException", "no such thing"))
    const out = await ecs.rollOut()
    expect(out).to.include({
      outcome: "failed",
      reason: "ECS does not take the update: AWS answers InvalidParameterException: no such thing (ecs:UpdateService)",
    })
  })

  it("whose update was taken, though its answer was lost, is watched all the same", async () => {
    ecs.frames = [frame(OLD), frame(NEW, OLD_ACTIVE), frame(NEW_DONE)]
    ecs.on("UpdateService", (_, nth) => (nth < 3 ? "cut" : undefined))
    expect(await ecs.rollOut()).to.include({ outcome: "stable" })
  })

  it("whose update does not get through for two minutes has failed, and is no “went back”", async () => {
    ecs.on("UpdateService", () => "cut")
    const out = await ecs.rollOut()
    expect(out.outcome).to.equal("failed")
    expect(out.reason).to.match(
      /^ECS does not take the update: AWS can't be reached \(E\w+\) \(ecs:UpdateService\); try again$/,
    )
  })

  it("waits for its turn where ECS throttles what registers, as it does past twenty at once", async () => {
    ecs.frames = [frame(OLD), frame(NEW_DONE)]
    ecs.on("RegisterTaskDefinition", (_, nth) =>
      nth < 7 ? refusal("ThrottlingException", "Rate exceeded") : undefined,
    )
    expect(await ecs.rollOut()).to.include({ outcome: "stable" })
  })

  it("of a service that is not there is refused before anything changes", async () => {
    ecs.on("DescribeServices", () => json({ services: [] }))
    const error = await ecs.rollOut().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 66)
    expect(ecs.sent("RegisterTaskDefinition")).to.deep.equal([])
  })
})

describe("a service's way back", () => {
  let ecs: ScriptedEcs

  beforeEach(async () => {
    ecs = await ScriptedEcs.open()
  })

  afterEach(() => ecs.close())

  it("is at its end at once where the former revision runs alone and complete", async () => {
    expect(await ecs.rollBack()).to.include({ outcome: "back", seconds: 0 })
    expect(ecs.sent("UpdateService")).to.deep.equal([])
  })

  it("is the update to the former revision, watched until that is complete", async () => {
    ecs.frames = [frame(NEW_DONE), frame(BACK, NEW_DONE), frame(BACK, NEW_DONE), frame(BACK_DONE)]
    const back = await ecs.rollBack()
    expect(back).to.include({ outcome: "back", from: `${FAMILY}:1`, to: `${FAMILY}:2` })
    expect(back).to.not.have.property("reason")
    expect(ecs.sent("UpdateService").map(({ taskDefinition }) => taskDefinition)).to.deep.equal([`${FAMILY}:1`])
  })

  it("is not at its end while a deployment that was completed once lacks copies", async () => {
    const again = deployment("ecs-svc/old", 1, "COMPLETED", { runningCount: 1 })
    ecs.frames = [frame(NEW), frame(again), frame(again)]
    expect(await ecs.rollBack(undefined, 30)).to.include({ outcome: "failed" })
  })

  it("has failed where ECS refuses it, and where it is late", async () => {
    ecs.frames = [frame(NEW_DONE)]
    ecs.on("UpdateService", () => refusal("ClientException", "TaskDefinition is inactive"))
    const refused = await ecs.rollBack()
    expect(refused.outcome).to.equal("failed")
    expect(refused.reason).to.match(
      /^ECS refuses the way back to .+:1: AWS answers ClientException: TaskDefinition is inactive \(ecs:UpdateService\)$/,
    )
    ecs.on("UpdateService", () => json({}))
    const late = await ecs.rollBack(undefined, 40)
    expect(late.reason).to.equal(`${FAMILY}:1 is not back after 40 s: 2 of 2 copies run, 0 pending, 0 failed`)
  })

  it("has failed where ECS takes it back in its turn, and is not begun again and again", async () => {
    const failed = { ...BACK, status: "ACTIVE", rolloutState: "FAILED", rolloutStateReason: "tasks failed to start." }
    const again = deployment("ecs-svc/new2", 2, "IN_PROGRESS")
    ecs.frames = [frame(NEW_DONE), frame(BACK, NEW_DONE), frame(again, failed), frame(again)]
    ecs.tasks = [
      stoppedTask("t1", {
        startedBy: "ecs-svc/back",
        stoppedReason: `CannotPullContainerError: ${OLD_IMAGE}: not found`,
      }),
    ]
    const back = await ecs.rollBack()
    expect(back.outcome).to.equal("failed")
    expect(back.reason).to.equal(
      `${FAMILY}:1 does not come back either: image ${OLD_IMAGE} can't be pulled: CannotPullContainerError: ${OLD_IMAGE}: not found; tasks failed to start.`,
    )
    expect(ecs.sent("UpdateService")).to.have.lengthOf(1)
  })

  it("is asked for again where the update was lost", async () => {
    ecs.frames = [...Array.from({ length: 14 }, () => frame(NEW_DONE)), frame(BACK), frame(BACK_DONE)]
    ecs.on("UpdateService", (_, nth) => (nth < 2 ? "cut" : undefined))
    expect(await ecs.rollBack()).to.include({ outcome: "back" })
    expect(ecs.sent("UpdateService")).to.have.lengthOf(3)
  })

  it("is none where nothing ran before", async () => {
    const units = [{ target: "ecs", unit: SERVICE, from: undefined }]
    const [back] = await ecsRolling(ecs.clock).rollBack(ecs.session, units, ecs.options())
    expect(back).to.include({ outcome: "failed", reason: "nothing ran before, so there is nothing to go back to" })
  })

  it("passes over units of other targets", async () => {
    const units = [{ target: "lambda", unit: "perigee-development-neows", from: "1" }]
    expect(await ecsRolling(ecs.clock).rollBack(ecs.session, units, ecs.options())).to.deep.equal([])
  })
})
