/** `deploy` and `rollback` over HTTP, from an empty account on: what they do, and that a failure is one. */
import { mkdirSync, readFileSync } from "node:fs"
import { ECSClient, ListTaskDefinitionsCommand } from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { deploy } from "../../../deploy/src/deploy.ts"
import { destroy } from "../../../deploy/src/destroy.ts"
import { logs } from "../../../deploy/src/logs.ts"
import { moveEgress } from "../../../deploy/src/move-egress-command.ts"
import type { Plan } from "../../../deploy/src/plan/plan.ts"
import { rollback } from "../../../deploy/src/rollback.ts"
import { STACKS } from "../../../infra/src/names.ts"
import { type PermittedCommand, permissionsOf } from "../../../infra/src/permissions.ts"
import { commitOf, Deployable } from "../../support/deploy/deployable.ts"
import { run, sessionOf } from "../../support/deploy/session.ts"
import { settings } from "../../support/deploy/standing.ts"
import { stage } from "../../support/infra/assembly.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const SERVICE = "perigee-development-user_metadata"

describeWith([python], "a release", function () {
  this.timeout(120_000)
  let at: Deployable
  before(async () => {
    at = await Deployable.open()
  })
  after(() => at?.close())
  afterEach(() => {
    at.ecs.forget()
    at.smoke = () => undefined
    at.functionAnswers = undefined
  })

  /** Everything runs the image of this digit, alone and whole, and the parameters say so. */
  const expectRuns = async (digit: string) => {
    const whole = `${digit} 1/1 1`
    expect(await at.running()).to.deep.equal({
      user_metadata: whole,
      flight_metadata: whole,
      flights_availability: whole,
    })
    expect(await at.parameters()).to.equal(digit.repeat(4))
  }
  /** What was sent since the proxy forgot, and is in no table of these commands. */
  const unpermitted = (...commands: PermittedCommand[]) => {
    const { account, stage: of } = at
    const place = { partition: "aws", region: of.region, account: account.id, stage: of.name, deliveryKeyArn: "any" }
    const allowed = commands.flatMap((command) => permissionsOf(command, place)).flatMap(({ actions }) => actions)
    // Templates and assets are written with the bootstrap stack's role, which the session takes.
    return at.proxy.actions().filter((action) => !/^(sts:|s3:|[A-Z]+ )/.test(action) && !allowed.includes(action))
  }
  /** A deploy that must fail, in this process. */
  const failed = async (digit: string, commit: string, ...more: string[]) =>
    await at.inProcess(deploy, [...at.deployArgs(digit, commit), ...more])

  describe("the first one", () => {
    it("is refused without images, and nothing is made", async () => {
      const args = at.deployArgs("a", "1").filter((one) => !one.startsWith("--images"))
      const { code, text } = await at.inProcess(deploy, args)
      expect(text).to.match(/^there is no image of get_data, .*: nothing was rolled out yet; give --images=/)
      expect([code, await at.releases()]).to.deep.equal([64, []])
    })

    it("makes every stack from the approved plan, prepares the database, and reports in Markdown and JSON", async () => {
      const [plan, folder] = [at.file("plan.json"), at.file("report")]
      mkdirSync(folder)
      const images = `--images=${at.digests("a")}`
      const planned = await at.run(["plan", `--assembly=${at.assembly}`, images, `--out=${plan}`])
      expect(planned.code, planned.stderr).to.equal(0)
      const { code, stdout, stderr } = await at.run([
        ...["deploy", `--assembly=${at.assembly}`, images, `--approved-plan=${plan}`],
        ...[`--commit=${commitOf("1")}`, `--report=${folder}`],
      ])
      expect(code, stderr).to.equal(0)
      await expectRuns("a")
      expect([await at.newest(), await at.functionVersion()]).to.deep.equal(["succeeded 1", "1"])
      const report = JSON.parse(readFileSync(`${folder}/report.json`, "utf8"))
      const { digest } = JSON.parse(readFileSync(plan, "utf8")) as Plan
      expect(report).to.include({ outcome: "succeeded", commit: commitOf("1"), planDigest: digest, changed: true })
      expect(report.stacks.map((one: { name: string }) => one.name)).to.deep.equal([...STACKS])
      expect(report.tasks.map(({ family }: { family: string }) => family.split("-").at(-1))).to.deep.equal([
        ...["roles", "roles", "roles"],
        ...["migrate", "migrate", "migrate"],
      ])
      expect(stdout).to.match(/^# deploy of development: succeeded\n/)
      expect(`${stdout}\n`).to.equal(readFileSync(`${folder}/report.md`, "utf8"))
    })

    it("prepares the database before services are made, which CloudFormation waits for until they are healthy", () => {
      const order = at.proxy.calls
        .filter(
          ({ action, body }) =>
            action === "ecs:RunTask" ||
            (action === "cloudformation:ExecuteChangeSet" && body.includes("perigee-development-platform")),
        )
        .map(({ action }) => action)
      expect(order).to.deep.equal([...Array(6).fill("ecs:RunTask"), "cloudformation:ExecuteChangeSet"])
    })

    it("sends nothing that its table of permissions has not", () => {
      expect(unpermitted("deploy", "plan")).to.deep.equal([])
      const needed = ["cloudformation:ExecuteChangeSet", "ecs:RunTask", "lambda:PublishVersion"]
      expect(at.proxy.actions()).to.include.members(needed)
    })

    it("is asked about where users ask: under the stage's name, at each service's path", () => {
      const hosts = new Set(at.asked.map(({ headers }) => headers.host))
      expect([...hosts]).to.deep.equal(["dev.flights.example.com"])
      const paths = [...new Set(at.asked.map(({ url }) => url))].sort()
      expect(paths).to.deep.equal(["/api/availability", "/api/flights", "/api/users"])
    })
  })

  describe("of the same commit", () => {
    it("acts again, and says that nothing changed", async () => {
      at.ecs.calls.forget()
      at.asked.length = 0
      const { code, text } = await at.inProcess(deploy, at.deployArgs("a", "1"))
      expect(code, text).to.equal(0)
      expect(text).to.match(/^# deploy of development: succeeded: nothing changed\n/)
      expect(at.asked, "smoke tests").to.have.length(3)
      expect(at.ecs.calls.of("DescribeServices"), "it looked").to.be.above(0)
      expect(at.ecs.calls.of("UpdateService")).to.equal(0)
      expect(await at.newest()).to.equal("succeeded 1")
    })
  })

  describe("that fails", () => {
    beforeEach(() => at.migrationsEndWell())

    /** What ran before runs, and the record tells it. */
    const expectTakenBack = async (outcome: "rolled-back" | "failed", commit: string, reason: RegExp) => {
      await expectRuns("a")
      const [release] = await at.releases()
      expect([release?.outcome, release?.commit]).to.deep.equal([outcome, commitOf(commit)])
      expect(release?.reason).to.match(reason)
    }

    it("for three reasons at once names each image: not pullable, another platform, health check", async () => {
      at.ecs.image(at.image("user_metadata", "b"), { kind: "not pullable" })
      at.ecs.image(at.image("flight_metadata", "b"), { kind: "wrong platform" })
      at.ecs.image(at.image("flights_availability", "b"), { kind: "fails its health check" })
      const { code, text } = await failed("b", "2")
      expect(code, text).to.equal(73)
      for (const words of [
        /user_metadata: image \S+b can't be pulled: /,
        /flight_metadata: image \S+b is for another platform: /,
        /flights_availability: image \S+b does not pass its health check/,
        /; what ran before runs$/,
      ]) {
        expect(text).to.match(words)
      }
      await expectTakenBack("rolled-back", "2", /can't be pulled/)
    })

    it("because tasks exit tells exit code and last line, and takes back the services that were well", async () => {
      at.ecs.image(at.image("user_metadata", "b"), { kind: "exits", code: 3, log: ["no such schema"] })
      const { code, text, printed } = await failed("b", "2")
      expect([code, text]).to.satisfy(([one, words]: [number, string]) => one === 73 && /code 3/.test(words))
      expect(printed.join("\n"))
        .to.match(/^# deploy of development: rolled-back\n/)
        .and.contain("no such schema")
      await expectTakenBack("rolled-back", "2", /exited with code 3/)
    })

    it("in a migration leaves the services alone", async () => {
      const family = `${SERVICE}-migrate`
      at.ecs.family(family, { kind: "exits", code: 65, log: ["migration 7: relation exists"] })
      at.ecs.calls.forget()
      const { code, text } = await failed("b", "2")
      expect(text).to.match(new RegExp(`^${family} failed: .*code 65.*its last line: migration 7: relation exists`))
      expect(text).to.match(/; the services were left as they run$/)
      expect([code, at.ecs.calls.of("UpdateService")]).to.deep.equal([73, 0])
      await expectTakenBack("failed", "2", /code 65/)
    })

    it("in a smoke test takes the services back that had rolled out", async () => {
      at.smoke = (path) =>
        path === "/api/flights" ? { status: 503, type: "text/html", body: "<h1>503</h1>" } : undefined
      const { code, text } = await failed("b", "2")
      expect(code, text).to.equal(73)
      expect(text).to.match(
        /^flight_metadata does not answer as it should: GET https:\/\/dev\.flights\.example\.com\/api\/flights: 503/,
      )
      await expectTakenBack("rolled-back", "2", /does not answer as it should/)
    })

    it("because it is late goes back too", async () => {
      at.ecs.image(at.image("user_metadata", "b"), { kind: "healthy", slow: Number.POSITIVE_INFINITY })
      const { code, text } = await failed("b", "2", "--timeout=8")
      expect(code, text).to.equal(73)
      expect(text).to.match(/user_metadata: .* 8 s/)
      await expectTakenBack("rolled-back", "2", / 8 s/)
    })

    it("in a stack: CloudFormation's reason, and the services run on", async () => {
      const args = at.deployArgs("a", "2").filter((one) => !one.startsWith("--auto-approve"))
      const parameter = "--parameters=EgressZone=b"
      const planned = await at.run(
        [...args.filter((one) => !/^--commit/.test(one)), parameter, "--json"].with(0, "plan"),
      )
      const { digest } = JSON.parse(planned.stdout) as Plan
      const { code, text } = await at.inProcess(deploy, [...args, parameter, `--approve=${digest}`])
      expect(text).to.match(/^perigee-development-network: CloudFormation took the update back: .*AlreadyAssociated/)
      expect(code).to.equal(73)
      await expectTakenBack("failed", "2", /AlreadyAssociated/)
    })

    it("for credentials that expire on the way ends with 77, leaves lock and record, and is taken back by the next", async () => {
      const expired = { status: 400, body: JSON.stringify({ __type: "ExpiredTokenException", message: "expired" }) }
      let off = false
      at.proxy.on(undefined, ({ action }) => {
        off ||= action === "ecs:UpdateService"
        return off ? expired : undefined
      })
      const { code, text } = await failed("b", "2")
      at.proxy.off()
      expect(text).to.match(
        /AWS refuses: expired \(ecs:\w+\); .*; the release \S+ is left unfinished, .* with new credentials/,
      )
      expect([code, await at.newest()]).to.deep.equal([77, "running 2"])
      const busy = await failed("b", "2")
      expect([busy.code, busy.text]).to.satisfy(
        ([one, words]: [number, string]) => one === 75 && /deploy 2222/.test(words),
      )
      await at.expireLock()
      const next = await at.inProcess(deploy, at.deployArgs("a", "3"))
      expect(next.code, next.text).to.equal(0)
      expect((await at.releases()).slice(0, 2).map(({ outcome }) => outcome)).to.deep.equal([
        "succeeded",
        "rolled-back",
      ])
      await expectRuns("a")
    })
  })

  describe("in bad weather", () => {
    it("gets through throttling, and through connections that are cut", async () => {
      const throttled = {
        status: 400,
        body: JSON.stringify({ __type: "ThrottlingException", message: "Rate exceeded" }),
      }
      at.proxy.on("ecs:UpdateService", (_, nth) => (nth < 2 ? throttled : undefined))
      at.proxy.on("ecs:DescribeServices", (_, nth) => (nth % 5 === 1 ? "cut" : undefined))
      const { code, text } = await at.inProcess(deploy, at.deployArgs("b", "4"))
      at.proxy.off()
      at.proxy.off()
      expect(code, text).to.equal(0)
      await expectRuns("b")
    })
  })

  describe("that succeeds", () => {
    it("deregisters old revisions, which failures left alone, but the newest and what is in use", async () => {
      const client = new ECSClient(settings(at.account))
      const revisions = async () => {
        const { taskDefinitionArns = [] } = await client.send(
          new ListTaskDefinitionsCommand({ familyPrefix: SERVICE, status: "ACTIVE" }),
        )
        return taskDefinitionArns.filter((arn) => arn.includes(`/${SERVICE}:`)).map((arn) => arn.split(":").at(-1))
      }
      const before = await revisions()
      expect(before.length, before.join()).to.be.above(3)
      const { code, text } = await at.inProcess(deploy, [...at.deployArgs("b", "4"), "--keep=1"])
      expect(code, text).to.equal(0)
      expect(text).to.match(new RegExp(`^Deregistered: .*${SERVICE}:`, "m"))
      const after = await revisions()
      client.destroy()
      // The stack's own, the one that runs, and the newest.
      expect(after.length, after.join()).to.be.within(1, 3)
      await expectRuns("b")
    })
  })

  describe("the way back", () => {
    it("leads to the last good one before, once more to none, and by its commit to any", async () => {
      at.proxy.forget()
      const back = await at.inProcess(rollback, [])
      expect(back.code, back.text).to.equal(0)
      expect(unpermitted("rollback")).to.deep.equal([])
      expect(at.proxy.actions()).to.include.members(["ecs:UpdateService", "ssm:PutParameter"])
      expect(back.text).to.match(/^# rollback of development: succeeded\n/)
      await expectRuns("a")
      expect(await at.newest()).to.equal("succeeded 3")
      const none = await at.inProcess(rollback, ["--to=7777777"])
      expect([none.code, none.text]).to.satisfy(
        ([code, text]: [number, string]) => code === 66 && /no release of 7777777/.test(text),
      )
      const forth = await at.inProcess(rollback, ["--to=44444444"])
      expect(forth.code, forth.text).to.equal(0)
      await expectRuns("b")
    })

    it("that fails is taken back in turn", async () => {
      at.ecs.image(at.image("user_metadata", "a"), { kind: "not pullable" })
      const { code, text } = await at.inProcess(rollback, ["--to=11111111"])
      expect(text).to.match(/user_metadata: image \S+a can't be pulled: .*; what ran before runs$/)
      expect([code, await at.newest()]).to.deep.equal([73, "rolled-back 1"])
      await expectRuns("b")
    })
  })

  describe("a person", () => {
    it("reads the last lines of a task, as many as asked for, or is told whose there are", async () => {
      const { code, text } = await at.inProcess(logs, ["--service=user_metadata-migrate", "--lines=1"])
      expect([code, text]).to.satisfy(
        ([one, lines]: [number, string]) => one === 0 && /^\S+Z migration 7: relation exists$/.test(lines),
      )
      for (const [args, words] of [
        [["--service=nobody"], /^there is no service "nobody"; there are user_metadata, /],
        [[], /^--service is missing/],
        [["--service=function", "--lines=0"], /^--lines=0 must be a number from 1 to 10000/],
      ] as const) {
        const refused = await at.inProcess(logs, args)
        expect([refused.code, refused.text]).to.satisfy(
          ([one, line]: [number, string]) => one === 64 && words.test(line),
        )
      }
    })

    it("moves the egress under the same lock, and hears of the outage", async () => {
      at.proxy.forget()
      const { code, text } = await at.inProcess(moveEgress, ["--to-zone=b"])
      expect(code, text).to.equal(0)
      expect(unpermitted("move-egress")).to.deep.equal([])
      expect(text).to.match(/: the egress is in zone b, with the address \S+; nothing got out for \d+ s$/)
      const unknown = await at.inProcess(moveEgress, ["--to-zone=z"])
      expect([unknown.code, unknown.text]).to.deep.equal([64, 'development has no zone "z"; it has a, b, c'])
    })

    it("destroys by the stage's name alone, never a protected one, and hears what remains", async () => {
      const typo = await at.inProcess(destroy, ["--confirm=production"])
      expect([typo.code, typo.text]).to.satisfy(
        ([code, text]: [number, string]) => code === 64 && /give --confirm=development to mean it$/.test(text),
      )
      const production = sessionOf(stage("production"), { endpoint: "http://127.0.0.1:1", keys: at.account.root })
      const kept = await run(destroy, production, { confirm: "production" })
      expect([kept.code, kept.text]).to.satisfy(
        ([code, text]: [number, string]) =>
          code === 65 && /^production is protected .* nothing of it is deleted/.test(text),
      )
      at.proxy.forget()
      const { code, text } = await at.inProcess(destroy, ["--confirm=development"])
      expect(code, text).to.equal(0)
      expect(unpermitted("destroy")).to.deep.equal([])
      expect(text).to.match(
        /^deleted: \S+-neo, \S+-platform, \S+-data, \S+-network\nremains, about \d+\.\d\d US dollars/,
      )
      expect(text).to.contain("stack perigee-development-delivery: images, pipeline roles, the lock and the record")
      expect(await at.parameters()).to.equal("––––")
    })
  })
})
