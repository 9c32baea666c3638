/** `deploy` and `rollback` through the real CLI on a real engine, from an account that is bootstrapped and nothing more. */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { expect } from "chai"
import { execa } from "execa"
import type { Plan } from "../../deploy/src/plan/plan.ts"
import type { Release } from "../../deploy/src/releases.ts"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { Deployable } from "../support/deploy/deployable.ts"
import { ROOT } from "../support/get-data.ts"
import { describeWith } from "../support/needs.ts"
import { python } from "../support/python.ts"

/** A secret's place in what is told. */
const MASKED = "\\*\\*\\*"

/** Of the actions that change what runs, one each way. */
const CHANGES = ["cloudformation:ExecuteChangeSet", "ecs:RunTask", "ecs:UpdateService", "lambda:UpdateAlias"]

describeWith([daggerEngine, python], "a release through dagger call", function () {
  this.timeout(600_000)
  let at: Deployable
  let commit: string
  let outputs: string
  /** Path of the first deploy's plan. */
  let approved: string
  const secret = randomBytes(20).toString("hex")
  const sessionToken = randomBytes(20).toString("hex")

  before(async () => {
    commit = (await execa("git", ["rev-parse", "HEAD"], { cwd: ROOT })).stdout
    at = await Deployable.open()
    at.serveAtProxy()
  })
  after(() => at?.close())
  beforeEach(() => {
    outputs = ""
    at.proxy.forget()
    at.asked.length = 0
  })
  afterEach(async () => {
    const records = JSON.stringify(await at.releases())
    for (const kept of [secret, sessionToken]) {
      expect(outputs).to.not.contain(kept)
      expect(records).to.not.contain(kept)
    }
  })

  const start = (name: string, ...args: string[]) =>
    daggerCall(
      [
        ...[name, `--aws=tcp://127.0.0.1:${new URL(at.proxy.url).port}`, "--stage=development"],
        ...["--access-key-id=env://PERIGEE_TEST_ID", "--secret-access-key=env://PERIGEE_TEST_SECRET"],
        ...["--session-token=env://PERIGEE_TEST_TOKEN", ...args],
      ],
      {
        env: {
          PERIGEE_TEST_ID: at.account.root.accessKeyId,
          PERIGEE_TEST_SECRET: secret,
          PERIGEE_TEST_TOKEN: sessionToken,
        },
      },
    )
  const call = async (name: string, ...args: string[]) => {
    const ran = await start(name, ...args)
    outputs += ran.stdout + ran.stderr
    return ran
  }
  /** The container reaches the services where it reaches AWS. */
  const smoke = () => `--smoke-url=http://aws:${new URL(at.proxy.url).port}`
  /** Git tells the commit in a clone; in a worktree the flag does. */
  const deploy = (digit: string, ...args: string[]) =>
    call("deploy", `--images=${at.digests(digit)}`, `--commit=${commit}`, smoke(), ...args)
  const plan = async (digit: string) => {
    const path = at.file(`plan-${digit}.json`)
    const { exitCode, stderr } = await call("plan", `--images=${at.digests(digit)}`, "export", `--path=${path}`)
    expect(exitCode, stderr).to.equal(0)
    const text = await readFile(path, "utf8")
    outputs += text
    return { path, digest: (JSON.parse(text) as Plan).digest }
  }
  const expectRuns = async (digit: string) => {
    const whole = `${digit} 1/1 1`
    expect(await at.running()).to.deep.equal({
      user_metadata: whole,
      flight_metadata: whole,
      flights_availability: whole,
    })
    expect(await at.parameters()).to.equal(digit.repeat(4))
  }
  /** Of a failed call: what the CLI ends with, apart from the log of its steps. */
  const endOf = (stderr: string) => stderr.slice(stderr.lastIndexOf("\nError: exit code: "))
  const outcomes = async () => (await at.releases()).map(({ command, outcome }) => `${command} ${outcome}`)

  it("of the approved plan makes every stack, rolls out, asks the services, and gives the report", async () => {
    const { path, digest } = await plan("a")
    approved = path
    const { exitCode, stdout, stderr } = await deploy("a", `--approved-plan=${path}`)
    expect(exitCode, stderr).to.equal(0)
    expect(stdout).to.match(/^# deploy of development: succeeded\n/)
    expect(stdout).to.contain(`Commit \`${commit}\``).and.to.contain(`plan \`${digest}\``)
    for (const title of ["Stacks", "Database", "Rollout", "Smoke tests", "Images"]) {
      expect(stdout).to.contain(`\n## ${title}\n`)
    }
    expect(stderr, "a person sees it go on").to.match(/ stack platform {2}stable {2}CREATE_COMPLETE /)
    expect(new Set(at.asked.map(({ url }) => url))).to.have.property("size", 3)
    await expectRuns("a")
    expect(await outcomes()).to.deep.equal(["deploy succeeded"])
  })

  it("by the same call again acts again every time, and says that nothing changed", async () => {
    for (const nth of [2, 3]) {
      at.proxy.forget()
      at.asked.length = 0
      const { exitCode, stdout, stderr } = await deploy("a", `--approved-plan=${approved}`)
      expect(exitCode, stderr).to.equal(0)
      expect(stdout).to.match(/^# deploy of development: succeeded: nothing changed\n/)
      expect(at.proxy.actions()).to.include.members([
        "cloudformation:DescribeStacks",
        "dynamodb:PutItem",
        "ecs:DescribeServices",
      ])
      for (const change of CHANGES) expect(at.proxy.actions()).to.not.include(change)
      expect(at.asked, "smoke tests").to.have.length(3)
      expect(await at.releases()).to.have.length(nth)
    }
  })

  it("of something else than the approved plan is refused, and nothing is done", async () => {
    const { exitCode, stderr } = await deploy("b", `--approved-plan=${approved}`)
    expect(exitCode, stderr).to.equal(65)
    expect(endOf(stderr)).to.match(
      /^deploy: the plan [0-9a-f]{12} was approved, and what would be deployed now is [0-9a-f]{12}; plan again$/m,
    )
    for (const change of CHANGES) expect(at.proxy.actions()).to.not.include(change)
    expect(await at.releases()).to.have.length(3)
    await expectRuns("a")
  })

  it("of other images rolls them out, approved by the plan's digest", async () => {
    const { digest } = await plan("b")
    const { exitCode, stdout, stderr } = await deploy("b", `--approve=${digest}`, "--as-json")
    expect(exitCode, stderr).to.equal(0)
    const report = JSON.parse(stdout) as { outcome: string; changed: boolean; planDigest: string }
    expect(report).to.include({ outcome: "succeeded", changed: true, planDigest: digest })
    await expectRuns("b")
  })

  it("of an image whose tasks exit fails the call with the reason, and what ran before runs", async () => {
    at.ecs.image(at.image("user_metadata", "c"), { kind: "exits", code: 3, log: [`no such role: ${secret}`] })
    const { exitCode, stdout, stderr } = await deploy("c", "--auto-approve=non-destructive")
    expect(exitCode, stderr).to.equal(73)
    expect(stdout, "never a success").to.equal("")
    const end = endOf(stderr)
    expect(end).to.match(/^deploy: user_metadata: .*exited with code 3.*; what ran before runs$/m)
    expect(end)
      .to.contain("# deploy of development: rolled-back\n")
      .and.match(new RegExp(`no such role: ${MASKED}`))
    await expectRuns("b")
    expect((await outcomes())[0]).to.equal("deploy rolled-back")
  })

  it("is taken back by rollback, with a report", async () => {
    const { exitCode, stdout, stderr } = await call("rollback", smoke())
    expect(exitCode, stderr).to.equal(0)
    expect(stdout).to.match(/^# rollback of development: succeeded\n/)
    expect(at.asked, "smoke tests").to.have.length(3)
    await expectRuns("a")
  })

  it("is told by status, history and logs", async () => {
    const status = await call("status")
    expect(status.exitCode, status.stderr).to.equal(0)
    expect(status.stdout.match(/\n {2}image \S+@sha256:a{64}\n/g)).to.have.length(3)
    expect(status.stdout).to.contain("\nlock: free")
    const history = await call("history", "--as-json")
    expect(history.exitCode, history.stderr).to.equal(0)
    const { releases } = JSON.parse(history.stdout) as { releases: Release[] }
    expect(releases.map(({ command, outcome }) => `${command} ${outcome}`)).to.deep.equal([
      "rollback succeeded",
      "deploy rolled-back",
      ...Array<string>(4).fill("deploy succeeded"),
    ])
    expect(releases[1]?.reason).to.contain("exited with code 3")
    const logs = await call("logs", "--service=user_metadata", "--lines=1000")
    expect(logs.exitCode, logs.stderr).to.equal(0)
    expect(logs.stdout).to.match(new RegExp(`no such role: ${MASKED}`))
  })
})
