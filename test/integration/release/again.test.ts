/** Deploys and rollbacks that died or failed at the worst moment, and then the same command again. */
import { CloudFormationClient, DescribeStackResourcesCommand } from "@aws-sdk/client-cloudformation"
import { DescribeTaskDefinitionCommand, ECSClient } from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { deploy } from "../../../deploy/src/deploy.ts"
import { destroy } from "../../../deploy/src/destroy.ts"
import type { Plan } from "../../../deploy/src/plan/plan.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { rollback } from "../../../deploy/src/rollback.ts"
import { oneOffFamily } from "../../../deploy/src/targets/ecs/run-task.ts"
import { imageParameter, stackName } from "../../../infra/src/names.ts"
import { SERVICES } from "../../../infra/src/stage.ts"
import { lostAnswer } from "../../support/aws-faults.ts"
import { Deployable } from "../../support/deploy/deployable.ts"
import { settings } from "../../support/deploy/standing.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"
import { StackOutcomes } from "../../support/stack-outcomes.ts"

describeWith([python], "a release, once more", function () {
  this.timeout(120_000)
  let at: Deployable
  before(async () => {
    at = await Deployable.open()
  })
  after(() => at?.close())
  afterEach(() => {
    at.ecs.forget()
    at.smoke = () => undefined
  })

  const expectRuns = async (digit: string) => {
    expect(new Set(Object.values(await at.running()))).to.deep.equal(new Set([`${digit} 1/1 1`]))
    expect(await at.parameters()).to.equal(digit.repeat(4))
    expect(await scheduled(), "the scheduled fetch").to.equal(digit)
  }
  /** The digit of the image that the schedule starts. */
  const scheduled = async () => {
    const cloudformation = new CloudFormationClient(settings(at.account))
    const ecs = new ECSClient({ ...settings(at.account), endpoint: at.proxy.url })
    const StackName = stackName(at.stage.name, "neo")
    const { StackResources = [] } = await cloudformation.send(new DescribeStackResourcesCommand({ StackName }))
    const arn = StackResources.find(({ ResourceType }) => ResourceType === "AWS::ECS::TaskDefinition")
    const { taskDefinition } = await ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: arn?.PhysicalResourceId }),
    )
    cloudformation.destroy()
    ecs.destroy()
    return taskDefinition?.containerDefinitions?.[0]?.image?.at(-1)
  }
  const outcomes = async (count: number) =>
    (await at.releases()).slice(0, count).map(({ command, outcome, commit }) => `${command} ${commit[0]} ${outcome}`)
  const slowly = (digit: string) => {
    for (const name of SERVICES) at.ecs.image(at.image(name, digit), { kind: "healthy", slow: 600_000 })
    at.migrationsEndWell()
  }
  /** A process of the program that is killed when an action comes by. */
  const killedAt = async (args: readonly string[], action: string, body: string) => {
    const came = new Promise<void>((go) => {
      at.proxy.on(action, (call) => {
        if (!call.body.includes(body)) return undefined
        go()
        return "silence"
      })
    })
    const process = at.start([...args])
    const first = await Promise.race([came, process.then(({ stderr }) => stderr)])
    process.kill("SIGKILL")
    await process
    at.proxy.off()
    expect(first, "it came as far").to.equal(undefined)
    await at.expireLock()
  }

  it("whose first deploy failed in its smoke tests, with other images: the scheduled fetch gets its own too", async () => {
    at.smoke = () => ({ status: 302, type: "text/html", body: "" })
    const first = await at.inProcess(deploy, at.deployArgs("a", "1"))
    expect(first.code, first.text).to.equal(73)
    expect(await at.parameters()).to.equal("––––")
    at.smoke = () => undefined
    const second = await at.inProcess(deploy, at.deployArgs("b", "2"))
    expect(second.code, second.text).to.equal(0)
    await expectRuns("b")
  })

  it("killed after the image parameters, before the schedule: the schedule is told by the next", async () => {
    await killedAt(at.deployArgs("c", "3"), "cloudformation:UpdateStack", "neo")
    expect(await at.parameters()).to.equal("cccc")
    const next = await at.inProcess(deploy, at.deployArgs("c", "4"))
    expect(next.code, next.text).to.equal(0)
    expect(await outcomes(2)).to.deep.equal(["deploy 4 succeeded", "deploy 3 succeeded"])
    await expectRuns("c")
  })

  it("whose record was ended, though the answer was lost, is a success", async () => {
    let lost = 0
    at.proxy.on("dynamodb:UpdateItem", async (call, _, next) => {
      if (!call.body.includes('"succeeded"') || lost++ > 0) return undefined
      await next()
      return "cut"
    })
    const { code, text } = await at.inProcess(deploy, at.deployArgs("d", "5"))
    at.proxy.off()
    expect([code, lost], text).to.deep.equal([0, 2])
    expect(await outcomes(1)).to.deep.equal(["deploy 5 succeeded"])
  })

  it("by rollback, of a deploy that was killed, leads to what ran before it, and no further", async () => {
    slowly("e")
    await killedAt(at.deployArgs("e", "6"), "ecs:UpdateService", "flight_metadata")
    const back = await at.inProcess(rollback, [])
    expect(back.code, back.text).to.equal(0)
    await expectRuns("d")
  })

  it("by rollback, of a rollback that died when all but its record was done, is that one rollback and no second", async () => {
    await killedAt(["rollback"], "dynamodb:UpdateItem", '"succeeded"')
    const back = await at.inProcess(rollback, [])
    expect(back.code, back.text).to.equal(0)
    await expectRuns("c")
  })

  it("by rollback, after somebody else's deployment, leads to the last good release, and no further", async () => {
    await at.ecs.takeOver("user_metadata", at.image("user_metadata", "9"))
    const back = await at.inProcess(rollback, [])
    expect(back.code, back.text).to.equal(0)
    expect(await outcomes(1)).to.deep.equal(["rollback 4 succeeded"])
    await expectRuns("c")
  })

  it("that hears no answer to a change set, which goes on, says so and is left to the next one, that waits for it", async () => {
    const moved = [
      ...at.deployArgs("d", "6").filter((one) => !one.startsWith("--auto-approve")),
      "--parameters=EgressZone=b",
    ]
    const planned = await at.run([...moved.filter((one) => !/^--commit/.test(one)), "--json"].with(0, "plan"))
    const { digest } = JSON.parse(planned.stdout) as Plan
    at.proxy.on("cloudformation:ExecuteChangeSet", lostAnswer)
    const { code, text } = await at.inProcess(deploy, [...moved, `--approve=${digest}`])
    at.proxy.off()
    expect(code, text).to.equal(69)
    expect(text).to.match(/CloudFormation goes on with perigee-development-network; the release \S+ is left unfinished/)
    expect(await outcomes(1)).to.deep.equal(["deploy 6 running"])
    const next = await at.inProcess(deploy, at.deployArgs("d", "7"))
    expect(next.code, next.text).to.equal(0)
    expect(await outcomes(2)).to.deep.equal(["deploy 7 succeeded", "deploy 6 failed"])
  })

  it("that may not write the image parameters is taken back: services don't wait for somebody's rights", async () => {
    const before = Object.values(await at.running())
    const denied = { status: 400, body: JSON.stringify({ __type: "AccessDeniedException", message: "not allowed" }) }
    at.proxy.on("ssm:PutParameter", ({ body }) =>
      body.includes(imageParameter(at.stage.name, "get_data")) ? denied : undefined,
    )
    const { code, text } = await at.inProcess(deploy, at.deployArgs("f", "7"))
    at.proxy.off()
    expect(code, text).to.equal(77)
    expect(Object.values(await at.running())).to.deep.equal(before)
    await at.expireLock().catch(() => {})
    const next = await at.inProcess(deploy, at.deployArgs("f", "8"))
    expect(next.code, next.text).to.equal(0)
    await expectRuns("f")
  })

  it("whose credentials expire on the way back ends with 77, and the next one takes it back", async () => {
    at.smoke = () => ({ status: 200, type: "text/html", body: "" })
    const expired = { status: 400, body: JSON.stringify({ __type: "ExpiredTokenException", message: "expired" }) }
    let off = false
    at.proxy.on(undefined, ({ action, body }) => {
      off ||= action === "ecs:UpdateService" && back(body)
      return off ? expired : undefined
    })
    const seen = new Set<string>()
    const back = (body: string) => {
      const { service } = JSON.parse(body)
      if (seen.has(service)) return true
      seen.add(service)
      return false
    }
    const { code, text } = await at.inProcess(deploy, at.deployArgs("1", "9"))
    at.proxy.off()
    expect(code, text).to.equal(77)
    expect(await outcomes(1)).to.deep.equal(["deploy 9 running"])
    await at.expireLock()
    at.smoke = () => undefined
    const next = await at.inProcess(deploy, at.deployArgs("f", "a"))
    expect(next.code, next.text).to.equal(0)
    await expectRuns("f")
  })

  it("stopped while ECS takes an update in is taken back all the same", async () => {
    slowly("2")
    let go = () => {}
    const looked = new Promise<void>((free) => {
      go = free
    })
    const came = new Promise<void>((here) => {
      at.proxy.on("ecs:UpdateService", async (_, nth) => {
        if (nth > 0) return undefined
        here()
        // ECS is slow: until what is taken back was looked at, or for a second.
        await Promise.race([looked, new Promise((free) => setTimeout(free, 1_000))])
        return undefined
      })
    })
    const stopped = new AbortController()
    const ran = at.inProcess(deploy, at.deployArgs("2", "b"), { signal: stopped.signal })
    await Promise.race([came, ran])
    at.proxy.on("ecs:DescribeServices", () => void setTimeout(go, 20))
    stopped.abort(new Refusal(130, "stopped by SIGINT"))
    const { code, text } = await ran
    at.proxy.off()
    at.proxy.off()
    expect(code, text).to.equal(130)
    await expectRuns("f")
    expect(await outcomes(1)).to.deep.equal(["deploy b rolled-back"])
  })

  it("of which nobody reads the output any more goes on, and takes back what fails", async () => {
    at.ecs.image(at.image("user_metadata", "3"), { kind: "not pullable" })
    at.migrationsEndWell()
    const process = at.start(at.deployArgs("3", "c"))
    const rolling = new Promise<void>((here) => at.proxy.on("ecs:UpdateService", () => void here()))
    await Promise.race([rolling, process])
    process.stderr?.destroy()
    process.stdout?.destroy()
    const { exitCode } = await process
    at.proxy.off()
    expect(exitCode).to.equal(73)
    expect(await outcomes(1)).to.deep.equal(["deploy c rolled-back"])
    await expectRuns("f")
  })

  it("that fails with a log line a terminal would obey says it, and obeys nothing", async () => {
    const family = oneOffFamily(at.stage, "user_metadata", "migrate")
    at.ecs.family(family, { kind: "exits", code: 1, log: ["first", "\u001b]0;title\u0007\u001b[2Jlast\rwords"] })
    const { code, stdout, stderr } = await at.run(at.deployArgs("4", "e"))
    expect(code, stderr).to.equal(73)
    expect(stderr).to.match(/^deploy: .*its last line: {2}?\]0;title \[2Jlast words; /m)
    expect(`${stdout}${stderr}`).to.not.match(/[\u0007\u001b\r]/)
  })

  it("whose report can't be written says so before it changes anything", async () => {
    const before = (await at.releases()).length
    const { code, text } = await at.inProcess(deploy, [...at.deployArgs("f", "d"), "--report=/dev/null/report"])
    expect(text).to.match(/^--report: \/dev\/null\/report can't be written/)
    expect([code, (await at.releases()).length]).to.deep.equal([64, before])
  })

  it("is one of a first deploy, after a destroy that was broken off while the database went", async () => {
    const stopped = new AbortController()
    at.proxy.on("cloudformation:DeleteStack", async ({ body }, _, next) => {
      if (!body.includes("-data")) return undefined
      const answer = await next()
      stopped.abort(new Refusal(130, "stopped by SIGINT"))
      return answer
    })
    const args = ["--confirm=development", "--poll=0.05"]
    const first = await at.inProcess(destroy, args, { signal: stopped.signal })
    at.proxy.off()
    expect(first.code, first.text).to.equal(130)
    const second = await at.inProcess(destroy, args)
    expect(second.code, second.text).to.equal(0)
    expect(await at.parameters()).to.equal("––––")
    expect(second.text).to.match(/^deleted: /)
  })

  it("whose first deploy could not make a stack, makes it anew, and every stack behind it", async () => {
    const reason = "there is no room for another instance"
    new StackOutcomes(at.proxy, settings(at.account)).fail(stackName(at.stage.name, "data"), {
      resource: "Database",
      type: "AWS::RDS::DBInstance",
      reason,
    })
    const first = await at.inProcess(deploy, at.deployArgs("a", "e"))
    expect(first.code, first.text).to.equal(73)
    expect(first.text).to.match(
      new RegExp(`^perigee-development-data could not be made, and CloudFormation took it back: .*${reason}`),
    )
    expect(await outcomes(1)).to.deep.equal(["deploy e failed"])
    expect(await at.parameters()).to.equal("––––")
    const second = await at.inProcess(deploy, at.deployArgs("b", "f"))
    expect(second.code, second.text).to.equal(0)
    await expectRuns("b")
  })
})
