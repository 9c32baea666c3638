/** The services' rollout against a stage that stands and an ECS that really rolls out, in accelerated time. */
import { createHash } from "node:crypto"
import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  ListTaskDefinitionsCommand,
  RegisterTaskDefinitionCommand,
  type Service,
  type TaskDefinition,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { ecsRolling } from "../../../deploy/src/targets/ecs/rolling.ts"
import { oneOffFamily, runOnce } from "../../../deploy/src/targets/ecs/run-task.ts"
import { registered, revisionOf } from "../../../deploy/src/targets/ecs/task-definitions.ts"
import type { Progress, RolledOut } from "../../../deploy/src/targets/rolling.ts"
import { clusterName, repositoryName } from "../../../infra/src/names.ts"
import { SERVICES, type ServiceName } from "../../../infra/src/stage.ts"
import { AwsProxy, type Reply } from "../../support/aws-proxy.ts"
import { sessionOf } from "../../support/deploy/session.ts"
import { account, type StandingAccount, settings, stand } from "../../support/deploy/standing.ts"
import type { Behaviour } from "../../support/ecs/behaviour.ts"
import { Ecs } from "../../support/ecs/ecs.ts"
import { stage } from "../../support/infra/assembly.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"
import { ScaledClock } from "../../support/scaled-clock.ts"

const STAGE = stage("development")
const CLUSTER = clusterName(STAGE.name, "platform")
/** Milliseconds that a second takes, ECS' and ours. */
const SECOND_MS = 20
/** Seconds: more than any rollout here takes. */
const PATIENT = 1200

describeWith([python], "the services' rollout", function () {
  this.timeout(120_000)
  let ministack: Ministack
  let of: StandingAccount
  let client: ECSClient
  let proxy: AwsProxy
  let ecs: Ecs
  let watched: Progress[]
  let stop: AbortController
  let made = 0

  before(async () => {
    const { certificate } = STAGE.entry
    if (!("zoneId" in certificate)) throw new TypeError("development's certificate is of a zone")
    ministack = await startMinistack({ hostedZone: certificate.zoneId })
    of = account("111111111111", ministack.url, STAGE.region)
    await stand(STAGE, of)
  })
  after(async () => {
    await ministack?.close()
  })
  beforeEach(async () => {
    proxy = await AwsProxy.open(ministack.url)
    // What runs last is taken for running, healthy, in every test.
    ecs = await Ecs.open(proxy, settings(of), { secondMs: SECOND_MS })
    client = new ECSClient({ ...settings(of), endpoint: proxy.url })
    watched = []
    stop = new AbortController()
  })
  afterEach(async () => {
    client.destroy()
    await ecs.close()
    await proxy.close()
  })

  const clock = new ScaledClock(1000 / SECOND_MS)
  const rolling = ecsRolling(clock)
  const session = () => sessionOf(STAGE, { endpoint: proxy.url, keys: of.root, signal: stop.signal })
  const options = (timeout = PATIENT) => ({
    watch: (one: Progress) => void watched.push(one),
    timeout,
    signal: stop.signal,
  })
  const imageOf = (name: ServiceName, behaviour?: Behaviour) => {
    const digest = `sha256:${createHash("sha256").update(`${++made}`).digest("hex")}`
    const image = `${of.id}.dkr.ecr.${of.region}.amazonaws.com/${repositoryName(STAGE.name, name)}@${digest}`
    if (behaviour !== undefined) ecs.image(image, behaviour)
    return image
  }
  const imagesOf = (behaviours: Partial<Record<ServiceName, Behaviour>> = {}) =>
    Object.fromEntries(SERVICES.map((name) => [name, imageOf(name, behaviours[name])])) as Record<ServiceName, string>
  const rollOut = async (images: Partial<Record<ServiceName, string>>, timeout?: number) =>
    await rolling.rollOut(session(), { images }, options(timeout))
  const unit = (all: readonly RolledOut[], name: ServiceName) => all.find((one) => one.unit === name) as RolledOut
  const outcomes = (all: readonly RolledOut[]) => all.map(({ outcome }) => outcome)
  const service = async (name: ServiceName): Promise<Service> => {
    const asked = { cluster: CLUSTER, services: [name], include: ["TAGS" as const] }
    const { services = [] } = await client.send(new DescribeServicesCommand(asked))
    return services[0] as Service
  }
  const runs = async (name: ServiceName) => revisionOf((await service(name)).taskDefinition ?? "")
  const definition = async (name: string) =>
    await client.send(new DescribeTaskDefinitionCommand({ taskDefinition: name, include: ["TAGS"] }))
  const messages = (name: ServiceName) => watched.flatMap((one) => (one.unit === name ? (one.message ?? []) : []))
  const details = ({ details: lines = [] }: RolledOut) => lines.join("\n")

  it("brings all three to their images at once, each by its own deployment, and tells of counts and events", async () => {
    const images = imagesOf()
    const all = await rollOut(images)
    expect(outcomes(all)).to.deep.equal(["stable", "stable", "stable"])
    for (const { unit: name, from, to } of all) {
      const { deployments, taskDefinition = "" } = await service(name as ServiceName)
      expect(deployments?.map(({ status, rolloutState }) => `${status} ${rolloutState}`)).to.deep.equal([
        "PRIMARY COMPLETED",
      ])
      expect([revisionOf(taskDefinition), from]).to.deep.equal([
        to,
        `${to.replace(/\d+$/, "")}${Number(to.split(":")[1]) - 1}`,
      ])
      const { taskDefinition: now } = await definition(to)
      expect(now?.containerDefinitions?.[0]?.image).to.equal(images[name as ServiceName])
      expect(messages(name as ServiceName).join("\n")).to.match(/has started \d+ tasks/)
    }
    const [first] = watched.filter(({ unit: name, phase }) => name === "user_metadata" && phase === "waiting")
    expect(first).to.include({ target: "ecs", running: 0, failed: 0 })
    const starts = watched.flatMap(({ phase }, at) => (phase === "started" ? [at] : []))
    const ends = watched.flatMap(({ phase }, at) => (phase === "stable" ? [at] : []))
    expect(Math.max(...starts)).to.be.below(Math.min(...ends))
  })

  it("changes nothing where nothing changed, registers nothing, and says so", async () => {
    const images = imagesOf()
    await rollOut(images)
    ecs.calls.forget()
    expect(outcomes(await rollOut(images))).to.deep.equal(["unchanged", "unchanged", "unchanged"])
    expect(Object.keys(ecs.calls.byAction())).to.deep.equal(["DescribeServices", "DescribeTaskDefinition"])
  })

  it("leaves alone what it was not told of", async () => {
    const before = await runs("user_metadata")
    const all = await rollOut({ flight_metadata: imageOf("flight_metadata") })
    expect(all.map(({ unit: name }) => name)).to.deep.equal(["flight_metadata"])
    expect(await runs("user_metadata")).to.equal(before)
  })

  it("of three, one that exits is back on what ran, with exit code and last log lines; the others are stable", async () => {
    const log = ["starting", "FATAL no database"]
    const images = imagesOf({ flight_metadata: { kind: "exits", code: 3, log } })
    const before = await runs("flight_metadata")
    const all = await rollOut(images)
    const broken = unit(all, "flight_metadata")
    expect(outcomes(all)).to.have.members(["stable", "stable", "back"])
    expect(broken).to.include({ outcome: "back", from: before })
    expect(broken.reason).to.equal(
      `image ${images.flight_metadata}: container flight_metadata exited with code 3; ECS deployment circuit breaker: tasks failed to start.`,
    )
    expect(details(broken)).to.match(
      /task [0-9a-f]{32} stopped: Essential container in task exited \(EssentialContainerExited\)/,
    )
    expect(details(broken)).to.match(
      / {2}container flight_metadata: exit code 3\n {2}log: starting\n {2}log: FATAL no database/,
    )
    expect(details(broken)).to.match(/event: \(service flight_metadata\) rolling back to deployment ecs-svc\/\d+/)
    expect(await runs("flight_metadata")).to.equal(before)
    expect((await service("flight_metadata")).deployments?.[0]?.rolloutState).to.equal("COMPLETED")
  })

  for (const [what, behaviour, words] of [
    ["is not in the registry", { kind: "not pullable" }, /^image .+@sha256:[0-9a-f]{64} can't be pulled: CannotPull/],
    ["has no part for the platform", { kind: "wrong platform", manifest: true }, /is for another platform: CannotPull/],
    [
      "is for another CPU, which its log alone tells",
      { kind: "wrong platform", log: ["exec /nodejs/bin/node: exec format error"] },
      /is for another platform: exec \/nodejs\/bin\/node: exec format error/,
    ],
  ] as const) {
    it(`takes an image back that ${what}, by its name, before the circuit breaker trips`, async () => {
      const before = await runs("user_metadata")
      const image = imageOf("user_metadata", behaviour)
      const [out] = await rollOut({ user_metadata: image })
      expect(out).to.include({ outcome: "back", from: before })
      expect(out?.reason).to.match(words).and.to.contain(image)
      expect(out?.reason).to.not.match(/circuit breaker/)
      const tasks = (out?.details ?? []).filter((line) => line.startsWith("task "))
      expect(tasks.length).to.be.within(1, 2)
      expect(await runs("user_metadata")).to.equal(before)
    })
  }

  it("stops such a one as a service deployment, so that what ran goes on with its own tasks", async () => {
    ecs.calls.forget()
    await rollOut({ user_metadata: imageOf("user_metadata", { kind: "not pullable" }) })
    expect(ecs.calls.of("StopServiceDeployment")).to.equal(1)
    expect(ecs.calls.of("UpdateService")).to.equal(1)
  })

  it("is back where the health check fails, by the circuit breaker, and names the check", async () => {
    const image = imageOf("user_metadata", { kind: "fails its health check" })
    const [out] = await rollOut({ user_metadata: image })
    expect(out?.outcome).to.equal("back")
    expect(out?.reason).to.match(
      /does not pass its health check: Task failed .*health checks.*; ECS deployment circuit breaker/,
    )
  })

  it("is back where an alarm goes off", async () => {
    const image = imageOf("user_metadata", { kind: "healthy", slow: 60 })
    const rolled = rollOut({ user_metadata: image })
    await ecs.until(() => ecs.service("user_metadata").deployments.length > 1)
    ecs.alarm("user_metadata")
    const [out] = await rolled
    expect(out).to.include({ outcome: "back" })
    expect(out?.reason).to.match(/ECS deployment failed: alarm detected\./)
  })

  it("has failed where somebody else's deployment takes its place, names it, and leaves it as it is", async () => {
    const image = imageOf("user_metadata", { kind: "healthy", slow: Number.POSITIVE_INFINITY })
    const rolled = rollOut({ user_metadata: image })
    await ecs.until(() => ecs.service("user_metadata").deployments.length > 1)
    const theirs = await ecs.takeOver("user_metadata")
    const [out] = await rolled
    expect(out?.outcome).to.equal("failed")
    expect(out?.reason).to.match(new RegExp(`^replaced by somebody else's deployment ${theirs} of perigee-`))
    expect((await service("user_metadata")).deployments?.[0]?.id).to.equal(theirs)
  })

  it("has failed where there is no capacity until the time is over, says what it waited for, and goes back when told", async () => {
    const before = await runs("user_metadata")
    const [out] = await rollOut({ user_metadata: imageOf("user_metadata", { kind: "no capacity" }) }, 60)
    expect(out).to.include({ outcome: "failed", from: before })
    expect(out?.reason).to.match(
      /^not stable after 60 s: 0 of \d+ copies run, 0 pending, 0 failed; last event: \(service user_metadata\) was unable to place a task\. Reason: Capacity is unavailable/,
    )
    const [back] = await rolling.rollBack(session(), [out as RolledOut], options())
    expect(back).to.include({ outcome: "back", from: before })
    expect(await runs("user_metadata")).to.equal(before)
  })

  it("goes on through throttling, 500s and cut connections, and is told in the end what ECS did", async () => {
    const refusal = (name: string, status: number): Reply => ({
      status,
      body: JSON.stringify({ __type: name, message: name }),
    })
    const faults = [refusal("ThrottlingException", 400), refusal("ServerException", 500), "cut"] as const
    const enough = Promise.withResolvers<void>()
    let met = 0
    const fault = () => {
      if (met === 11) enough.resolve()
      return faults[met++ % 3] as "cut"
    }
    // Each client here makes two attempts: what changes something meets a fault once, what looks fails altogether at times.
    for (const action of ["RegisterTaskDefinition", "UpdateService"]) {
      proxy.on(`ecs:${action}`, (_, nth) => (nth === 0 ? fault() : undefined))
    }
    for (const action of ["DescribeServices", "ListTasks"]) {
      proxy.on(`ecs:${action}`, (_, nth) => (nth % 3 < 2 && nth > 3 ? fault() : undefined))
    }
    // It is not over before each fault was met four times.
    const all = await rollOut(imagesOf({ flight_metadata: { kind: "healthy", until: enough.promise } }))
    expect(outcomes(all)).to.deep.equal(["stable", "stable", "stable"])
    expect(messages("flight_metadata").join("\n")).to.match(/; asking again, the rollout goes on meanwhile/)
  })

  it("ends by a signal in the middle, and what stood before is brought back from what was remembered", async () => {
    const standing = await rolling.standing(session(), stop.signal)
    expect(standing.map(({ unit: name }) => name)).to.deep.equal([...SERVICES])
    const rolled = rollOut(imagesOf({ flight_metadata: { kind: "healthy", slow: Number.POSITIVE_INFINITY } }))
    await ecs.until(() => ecs.service("flight_metadata").deployments.length > 1)
    stop.abort(new Refusal(130, "stopped by SIGINT"))
    const error = await rolled.catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 130)
    stop = new AbortController()
    const back = await rolling.rollBack(session(), standing, options())
    expect(outcomes(back)).to.deep.equal(["back", "back", "back"])
    for (const { unit: name, from } of standing) expect(await runs(name as ServiceName)).to.equal(from)
  })

  it("of one that died in the middle is taken up by the next, with what stood before to go back to", async () => {
    const before = await runs("user_metadata")
    const image = imageOf("user_metadata", { kind: "healthy", slow: 60 })
    const rolled = rollOut({ user_metadata: image }).catch(() => undefined)
    await ecs.until(() => ecs.service("user_metadata").deployments.length > 1)
    stop.abort()
    await rolled
    stop = new AbortController()
    ecs.calls.forget()
    const [out] = await rollOut({ user_metadata: image })
    expect(out).to.include({ outcome: "stable", from: before })
    expect([ecs.calls.of("RegisterTaskDefinition"), ecs.calls.of("UpdateService")]).to.deep.equal([0, 0])
  })

  it("leaves every field that is not its own as it is: sidecar, tags, platform, volumes; the service's count and tags", async () => {
    const { taskDefinition: now = {} as TaskDefinition, tags = [] } = await definition(await runs("user_metadata"))
    const { taskDefinitionArn: _, revision: _r, status: _s, requiresAttributes: _a, compatibilities: _c, ...kept } = now
    const { registeredAt: _at, registeredBy: _by, deregisteredAt: _d, ...fields } = kept
    const { taskDefinition: changed } = await client.send(
      new RegisterTaskDefinitionCommand({
        ...fields,
        family: now.family as string,
        ephemeralStorage: { sizeInGiB: 30 },
        runtimePlatform: { cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" },
        volumes: [{ name: "scratch" }],
        containerDefinitions: [
          ...(now.containerDefinitions ?? []),
          { name: "sidecar", image: "example.com/sidecar:1", essential: false, dockerLabels: { "a.b": "c" } },
        ],
        tags: [...tags, { key: "by", value: "hand" }],
      }),
    )
    const taskDefinition = changed?.taskDefinitionArn as string
    await client.send(
      new UpdateServiceCommand({ cluster: CLUSTER, service: "user_metadata", taskDefinition, desiredCount: 4 }),
    )
    await service("user_metadata")
    await ecs.completed("user_metadata")
    const before = await service("user_metadata")
    const image = imageOf("user_metadata")
    const [out] = await rollOut({ user_metadata: image })
    expect(out?.outcome).to.equal("stable")
    const [old, young] = [await definition(taskDefinition), await definition(out?.to as string)]
    const [own, sidecar] = old.taskDefinition?.containerDefinitions ?? []
    expect(own?.name).to.equal("user_metadata")
    const told = ({ taskDefinitionArn, revision, registeredAt, registeredBy, ...rest }: TaskDefinition) => rest
    expect(told(young.taskDefinition as TaskDefinition)).to.deep.equal({
      ...told(old.taskDefinition as TaskDefinition),
      containerDefinitions: [{ ...own, image }, sidecar],
    })
    expect(young.tags).to.have.deep.members(old.tags ?? [])
    const after = await service("user_metadata")
    expect([after.desiredCount, after.runningCount]).to.deep.equal([4, 4])
    expect(after.tags).to.deep.equal(before.tags)
    expect(after.networkConfiguration).to.deep.equal(before.networkConfiguration)
    expect(after.deploymentConfiguration).to.deep.equal(before.deploymentConfiguration)
  })

  it("goes back after a success when told, and is back at once where it is there already", async () => {
    const all = await rollOut(imagesOf())
    const back = await rolling.rollBack(session(), all, options())
    expect(outcomes(back)).to.deep.equal(["back", "back", "back"])
    for (const { unit: name, from } of all) expect(await runs(name as ServiceName)).to.equal(from)
    ecs.calls.forget()
    expect(outcomes(await rolling.rollBack(session(), all, options()))).to.deep.equal(["back", "back", "back"])
    expect(ecs.calls.of("UpdateService")).to.equal(0)
  })

  it("has failed where what ran before does not come back either, and tells why", async () => {
    const [out] = await rollOut({ user_metadata: imageOf("user_metadata") })
    const before = (await definition(out?.from ?? "")).taskDefinition?.containerDefinitions?.[0]?.image ?? ""
    ecs.image(before, { kind: "not pullable" })
    const [back] = await rolling.rollBack(session(), [out as RolledOut], options())
    expect(back?.outcome).to.equal("failed")
    expect(back?.reason).to.match(/:\d+ does not come back either: image .+ can't be pulled: CannotPull/)
    expect(back?.reason).to.contain(before)
  })

  it("tells no variable of a task, and masks nothing away that a reader needs", async () => {
    const [out] = await rollOut({ user_metadata: imageOf("user_metadata", { kind: "exits", code: 1 }) })
    expect(JSON.stringify([out, watched])).to.not.match(/DB_HOST|DB_USER|environment/)
  })

  it("tells the last lines of a service's log, oldest first, and knows no other unit", async () => {
    const image = imageOf("user_metadata", { kind: "exits", code: 1, log: ["one", "two", "three"] })
    await rollOut({ user_metadata: image })
    const lines = await rolling.logs(session(), "user_metadata", 2, stop.signal)
    expect(lines?.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, ""))).to.deep.equal(["two", "three"])
    expect(await rolling.logs(session(), "another", 2, stop.signal)).to.equal(undefined)
    expect(await rolling.logs(session(), "get-data", 2, stop.signal)).to.deep.equal([])
  })

  describe("a one-off task", () => {
    const run = async (image?: string, timeout = PATIENT) =>
      await runOnce(
        session(),
        { family: oneOffFamily(STAGE, "user_metadata", "migrate"), ...(image !== undefined && { image }) },
        { ...options(timeout), clock },
      )
    const family = oneOffFamily(STAGE, "user_metadata", "migrate")

    it("ends with its own exit code, its last log lines beside it, and leaves no revision behind", async () => {
      const image = imageOf("user_metadata")
      expect(await run(image)).to.include({ exitCode: 0, reason: undefined })
      ecs.family(family, { kind: "exits", code: 1, log: ["migration 7 failed: relation exists"] })
      const failed = await run(image)
      expect(failed).to.include({ exitCode: 1 })
      expect(failed.details.join("\n")).to.match(/exit code 1\n {2}log: migration 7 failed: relation exists/)
      const { taskDefinitionArns = [] } = await client.send(
        new ListTaskDefinitionsCommand({ familyPrefix: family, status: "ACTIVE" }),
      )
      expect(taskDefinitionArns.map(revisionOf)).to.deep.equal([`${family}:1`])
    })

    it("that never started has none, and says why: its image, or no capacity", async () => {
      const image = imageOf("user_metadata", { kind: "not pullable" })
      const unpulled = await run(image)
      expect(unpulled.exitCode).to.equal(undefined)
      expect(unpulled.reason)
        .to.match(/can't be pulled: CannotPull/)
        .and.to.contain(image)
      ecs.family(family, { kind: "no capacity" })
      expect((await run(image)).reason).to.match(/^ECS does not start it: Capacity is unavailable/)
    })

    it("that is late, or whose run is stopped, is stopped", async () => {
      ecs.family(family, { kind: "exits", code: 0, after: Number.POSITIVE_INFINITY })
      expect((await run(imageOf("user_metadata"), 60)).reason).to.equal("it was stopped: not over after 60 s")
      ecs.calls.forget()
      const running = run(imageOf("user_metadata")).catch((refused: unknown) => refused)
      await ecs.until(() => ecs.calls.of("DescribeTasks") > 0)
      stop.abort(new Refusal(143, "stopped by SIGTERM"))
      expect(await running)
        .to.be.instanceOf(Refusal)
        .with.property("exitCode", 143)
      expect(ecs.calls.of("StopTask")).to.equal(1)
    })
  })

  it("prunes old revisions, but the newest, what runs, and what a stack refers to", async () => {
    const all = []
    for (let count = 0; count < 3; count++) all.push(...(await rollOut({ user_metadata: imageOf("user_metadata") })))
    const running = all.at(-1)?.to as string
    await client.send(
      new UpdateServiceCommand({ cluster: CLUSTER, service: "user_metadata", taskDefinition: all[0]?.to as string }),
    )
    await service("user_metadata")
    await ecs.completed("user_metadata")
    const went = await rolling.prune(session(), 1, stop.signal)
    expect(went).to.include(all[1]?.to).and.to.not.include.members([running, all[0]?.to])
    const family = running.replace(/:\d+$/, "")
    const { taskDefinitionArns = [] } = await client.send(
      new ListTaskDefinitionsCommand({ familyPrefix: family, status: "ACTIVE", sort: "DESC" }),
    )
    const ofFamily = taskDefinitionArns.map(revisionOf).filter((one) => one.replace(/:\d+$/, "") === family)
    expect(ofFamily).to.deep.equal([running, all[0]?.to, `${family}:1`])
    const ofStacks = await registered(session(), stop.signal)
    expect(went).to.not.include.members(ofStacks.map(({ arn }) => revisionOf(arn)))
    expect(await rolling.prune(session(), 1, stop.signal)).to.deep.equal([])
  })
})
