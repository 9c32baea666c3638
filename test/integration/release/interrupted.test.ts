/** Deploys that are broken off, cut off, killed, or two at once: the next one reads lock and record, and goes on. */
import { mkdirSync, readFileSync } from "node:fs"
import { expect } from "chai"
import { deploy } from "../../../deploy/src/deploy.ts"
import { status } from "../../../deploy/src/status.ts"
import { AwsProxy } from "../../support/aws-proxy.ts"
import { commitOf, Deployable } from "../../support/deploy/deployable.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const SECRET = `s${"ecret".repeat(6)}`
const TOKEN = `t${"oken".repeat(8)}`

describeWith([python], "a deploy that is broken off", function () {
  this.timeout(120_000)
  let at: Deployable
  before(async () => {
    at = await Deployable.open()
    const { code, text } = await at.inProcess(deploy, at.deployArgs("a", "1"))
    expect(code, text).to.equal(0)
  })
  after(() => at?.close())
  afterEach(() => {
    at.ecs.forget()
    at.smoke = () => undefined
  })

  const expectRuns = async (digit: string) => {
    expect(new Set(Object.values(await at.running()))).to.deep.equal(new Set([`${digit} 1/1 1`]))
    expect(await at.parameters()).to.equal(digit.repeat(4))
  }
  const outcomes = async () => (await at.releases()).map(({ outcome, commit }) => `${outcome} ${commit[0]}`)
  const slowly = (digit: string, slow: number) => {
    for (const name of ["user_metadata", "flight_metadata", "flights_availability"] as const) {
      at.ecs.image(at.image(name, digit), { kind: "healthy", slow })
    }
    at.migrationsEndWell()
  }
  /** Until an action comes by. */
  const seen = (action: string) =>
    new Promise<void>((go) => {
      at.proxy.on(action, () => {
        go()
        return undefined
      })
    })

  describe("by Ctrl-C", () => {
    it("in the rollout takes the services back, tells so, and ends with 130", async () => {
      slowly("b", 60_000)
      const rolling = seen("ecs:UpdateService")
      const process = at.start(at.deployArgs("b", "2"))
      await rolling
      process.kill("SIGINT")
      const { exitCode, stderr } = await process
      at.proxy.off()
      expect([exitCode, String(stderr).split("\n").at(-1)]).to.deep.equal([
        130,
        "deploy: stopped by SIGINT; what ran before runs",
      ])
      await expectRuns("a")
      expect(await at.newest()).to.equal("rolled-back 2")
    })

    it("while CloudFormation works leaves it to go on, which status tells, and the next deploy takes it up", async () => {
      const assembly = at.changed("larger", "neo", ({ Resources }) => {
        for (const resource of Object.values<{ Type: string; Properties: { MemorySize?: number } }>(Resources)) {
          if (resource.Type === "AWS::Lambda::Function") resource.Properties.MemorySize = 1024
        }
      })
      const stopped = new AbortController()
      const { Refusal } = await import("../../../deploy/src/refusal.ts")
      at.proxy.on("cloudformation:DescribeStackEvents", () => {
        stopped.abort(new Refusal(130, "stopped by SIGINT"))
        return "silence"
      })
      const { code, text } = await at.inProcess(deploy, at.deployArgs("a", "3", { assembly }), {
        signal: stopped.signal,
      })
      at.proxy.off()
      expect(text).to.match(/^stopped by SIGINT; CloudFormation goes on with perigee-development-neo; the release /)
      expect([code, await at.newest()]).to.deep.equal([130, "running 3"])
      const told = await at.inProcess(status, [])
      expect(told.text).to.match(
        /release \S+ \(deploy of 333333333333 by \S+\) was left unfinished, in the step stacks/,
      )
      const next = await at.inProcess(deploy, at.deployArgs("a", "4", { assembly }))
      expect(next.code, next.text).to.equal(0)
      expect((await outcomes()).slice(0, 2)).to.deep.equal(["succeeded 4", "failed 3"])
      await expectRuns("a")
    })
  })

  describe("by SIGKILL at any call", () => {
    let digit = 10
    // Of about 80 calls: the first moments change nothing, the last have changed everything.
    for (const nth of [20, 34, 44, 56]) {
      it(`such as its call ${nth}, is finished or taken back by the next one`, async () => {
        const image = (digit++).toString(16)
        const line = await AwsProxy.open(at.proxy.url)
        let calls = 0
        const process = at.start(at.deployArgs(image, "5"), { AWS_ENDPOINT_URL: line.url })
        line.on(undefined, () => {
          if (++calls < nth) return undefined
          process.kill("SIGKILL")
          return "silence"
        })
        expect((await process).signal).to.equal("SIGKILL")
        await line.close()
        await at.expireLock()
        const next = await at.inProcess(deploy, at.deployArgs(image, "6"))
        expect(next.code, next.text).to.equal(0)
        await expectRuns(image)
        const all = await outcomes()
        expect(all[0]).to.equal("succeeded 6")
        expect(all.filter((one) => one.startsWith("running"))).to.deep.equal([])
      })
    }
  })

  describe("by SIGKILL", () => {
    it("keeps the lock no longer than its lease, and the next deploy takes back what it began", async () => {
      slowly("1", 600_000)
      const rolling = seen("ecs:UpdateService")
      const process = at.start([...at.deployArgs("1", "7"), "--lease=3"])
      await rolling
      process.kill("SIGKILL")
      await process
      at.proxy.off()
      const [release] = await at.releases()
      expect([release?.outcome, release?.commit, release?.step]).to.deep.equal(["running", commitOf("7"), "rollout"])
      const next = await at.inProcess(deploy, [...at.deployArgs("2", "8"), "--lease=3", "--wait=30"])
      expect(next.code, next.text).to.equal(0)
      expect(next.said.join("\n")).to.match(/whose lease ran out .*: taken over/)
      await expectRuns("2")
      expect((await outcomes()).slice(0, 2)).to.deep.equal(["succeeded 8", "rolled-back 7"])
    })

    it("when all but the record was done is found to be done", async () => {
      const ended = new Promise<void>((go) => {
        at.proxy.on("dynamodb:UpdateItem", ({ body }) => {
          if (!body.includes("succeeded")) return undefined
          go()
          return "silence"
        })
      })
      const process = at.start(at.deployArgs("3", "9"))
      await ended
      process.kill("SIGKILL")
      await process
      at.proxy.off()
      await at.expireLock()
      const next = await at.inProcess(deploy, at.deployArgs("3", "9"))
      expect(next.code, next.text).to.equal(0)
      expect((await outcomes()).slice(0, 2)).to.deep.equal(["succeeded 9", "succeeded 9"])
      await expectRuns("3")
    })
  })

  describe("by another", () => {
    it("deploy is none: the second refuses with who and what, or waits for its turn", async () => {
      let go = () => {}
      const until = new Promise<void>((free) => {
        go = free
      })
      for (const name of ["user_metadata", "flight_metadata", "flights_availability"] as const) {
        at.ecs.image(at.image(name, "4"), { kind: "healthy", until })
      }
      at.migrationsEndWell()
      const rolling = seen("ecs:UpdateService")
      const first = at.inProcess(deploy, at.deployArgs("4", "a"))
      await rolling
      at.proxy.off()
      const refused = await at.inProcess(deploy, at.deployArgs("5", "b"))
      expect(refused.text).to.match(
        /^arn:aws:iam::111111111111:root is changing development since \S+ \(deploy aaaaaaaaaaaa\)/,
      )
      expect(refused.code).to.equal(75)
      const waits = at.inProcess(deploy, [...at.deployArgs("5", "b"), "--wait=60", "--lease=4"])
      go()
      expect((await first).code, (await first).text).to.equal(0)
      expect((await waits).code, (await waits).text).to.equal(0)
      expect((await outcomes()).slice(0, 2)).to.deep.equal(["succeeded b", "succeeded a"])
      await expectRuns("5")
    })

    it("hand on the service is a failure, and what ran before runs", async () => {
      slowly("6", 5_000)
      const rolling = seen("ecs:UpdateService")
      const ran = at.inProcess(deploy, at.deployArgs("6", "c"))
      await rolling
      at.proxy.off()
      await at.ecs.until(
        () =>
          at.ecs
            .service("user_metadata")
            .primary.revision.configuration.taskDefinition.containerDefinitions?.[0]?.image?.endsWith("6") ?? false,
      )
      await at.ecs.takeOver("user_metadata", at.image("user_metadata", "7"))
      const { code, text } = await ran
      expect(code, text).to.equal(73)
      expect(text).to.match(/user_metadata: .*(somebody else|another)/)
      await expectRuns("5")
    })
  })

  it("tells no secret that it was given: in no output, report or record", async () => {
    const folder = at.file("secrets")
    mkdirSync(folder)
    at.ecs.family("perigee-development-user_metadata-migrate", {
      kind: "exits",
      code: 1,
      log: [`refused with ${SECRET} and ${TOKEN}`],
    })
    const { code, stdout, stderr } = await at.run([...at.deployArgs("7", "d"), `--report=${folder}`, "--verbose"], {
      AWS_SECRET_ACCESS_KEY: SECRET,
      AWS_SESSION_TOKEN: TOKEN,
    })
    expect(code, stderr).to.equal(73)
    expect(stderr).to.contain("refused with *** and ***")
    const reports = ["report.md", "report.json"].map((name) => readFileSync(`${folder}/${name}`, "utf8"))
    const record = JSON.stringify(await at.releases())
    for (const text of [stdout, stderr, ...reports, record]) {
      expect(text).to.not.contain(SECRET)
      expect(text).to.not.contain(TOKEN)
    }
    expect(record).to.contain("refused with *** and ***")
  })
})
