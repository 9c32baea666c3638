/** The function's rollout against a Lambda that runs its code: version, canary, alias, and the way back. */
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs"
import {
  CreateFunctionCommand,
  GetAliasCommand,
  LambdaClient,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda"
import { expect } from "chai"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { ALIAS } from "../../../deploy/src/targets/lambda/alias.ts"
import { lambdaRolling } from "../../../deploy/src/targets/lambda/rolling.ts"
import type { Progress, RolledOut } from "../../../deploy/src/targets/rolling.ts"
import { functionName } from "../../../infra/src/names.ts"
import { pack, zip } from "../../../lambda/build.ts"
import { AwsProxy } from "../../support/aws-proxy.ts"
import { aliasRevisions } from "../../support/deploy/alias-revisions.ts"
import { sessionOf } from "../../support/deploy/session.ts"
import { account, settings } from "../../support/deploy/standing.ts"
import { stage } from "../../support/infra/assembly.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"
import { ScaledClock } from "../../support/scaled-clock.ts"

const STAGE = stage("development")
const NAME = functionName(STAGE.name)

/** The handler as it is, told apart by a comment. */
const working = (code: Buffer, mark: string) =>
  Buffer.from(zip({ "handler.js": Buffer.concat([code, Buffer.from(`\n// ${mark}\n`)]) }))
const broken = (mark: string) =>
  Buffer.from(zip({ "handler.js": Buffer.from(`throw new Error("no such module: ${mark}")`) }))
/** Code that answers anything with no more than "ok". */
const careless = () => Buffer.from(zip({ "handler.js": Buffer.from(`exports.lambdaHandler = async () => "ok"`) }))

describeWith([python], "the function's rollout", function () {
  this.timeout(120_000)
  let ministack: Ministack
  let proxy: AwsProxy
  let code: Buffer
  let client: LambdaClient
  let watched: Progress[]
  let stop: AbortController

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), "perigee-function-"))
    await pack(folder)
    code = readFileSync(join(folder, "handler.js"))
    ministack = await startMinistack()
    proxy = await AwsProxy.open(ministack.url)
    aliasRevisions(proxy)
  })
  after(async () => {
    await proxy?.close()
    await ministack?.close()
  })

  beforeEach(async () => {
    await ministack.reset()
    client = new LambdaClient(settings(of()))
    watched = []
    stop = new AbortController()
    await client.send(
      new CreateFunctionCommand({
        FunctionName: NAME,
        Runtime: "nodejs22.x",
        Role: "arn:aws:iam::111111111111:role/any",
        Handler: "handler.lambdaHandler",
        Code: { ZipFile: working(code, "first") },
      }),
    )
  })
  afterEach(() => client.destroy())

  const of = () => account("111111111111", ministack.url, STAGE.region)
  const session = () => sessionOf(STAGE, { endpoint: proxy.url, keys: of().root, signal: stop.signal })
  const rolling = lambdaRolling(new ScaledClock(20))
  const options = (timeout = 60) => ({ watch: (one: Progress) => void watched.push(one), timeout, signal: stop.signal })
  const rollOut = async (functionVersion?: string): Promise<RolledOut> => {
    const wanted = { images: {}, ...(functionVersion !== undefined && { functionVersion }) }
    const [out] = await rolling.rollOut(session(), wanted, options())
    return out as RolledOut
  }
  const rollBack = async (from: string | undefined): Promise<RolledOut> => {
    const [back] = await rolling.rollBack(session(), [{ target: "lambda", unit: NAME, from }], options())
    return back as RolledOut
  }
  const alias = async () => await client.send(new GetAliasCommand({ FunctionName: NAME, Name: ALIAS }))
  const deployCode = async (ZipFile: Buffer) => {
    await client.send(new UpdateFunctionCodeCommand({ FunctionName: NAME, ZipFile }))
  }
  const messages = () => watched.flatMap(({ message }) => message ?? [])

  it("publishes the first version, finds that it answers, and makes the alias", async () => {
    expect(await rollOut()).to.deep.include({ unit: NAME, from: undefined, to: "1", outcome: "stable" })
    expect((await alias()).FunctionVersion).to.equal("1")
    expect(await rolling.standing(session(), stop.signal)).to.deep.equal([{ target: "lambda", unit: NAME, from: "1" }])
  })

  it("changes nothing where nothing changed, and says so", async () => {
    await rollOut()
    expect(await rollOut()).to.include({ from: "1", to: "1", outcome: "unchanged" })
    const { Versions = [] } = await client.send(new ListVersionsByFunctionCommand({ FunctionName: NAME }))
    expect(Versions.map(({ Version }) => Version)).to.deep.equal(["$LATEST", "1"])
  })

  it("gives a new version a tenth of the calls before all of them", async () => {
    await rollOut()
    await deployCode(working(code, "second"))
    const weights: unknown[] = []
    proxy.on(undefined, (call) => {
      if (call.method === "PUT" && /\/aliases\//.test(call.path)) weights.push(JSON.parse(call.body))
      return undefined
    })
    try {
      expect(await rollOut()).to.include({ from: "1", to: "2", outcome: "stable" })
    } finally {
      proxy.off()
    }
    expect(
      weights.map((one) => {
        const { FunctionVersion, RoutingConfig } = one as Record<string, unknown>
        return { FunctionVersion, RoutingConfig }
      }),
    ).to.deep.equal([
      { FunctionVersion: "1", RoutingConfig: { AdditionalVersionWeights: { "2": 0.1 } } },
      { FunctionVersion: "2", RoutingConfig: { AdditionalVersionWeights: {} } },
    ])
    expect(await alias())
      .to.include({ FunctionVersion: "2" })
      .and.not.have.property("RoutingConfig")
  })

  for (const [what, bad, reason] of [
    ["does not load", () => broken("x"), /^version 2: .*no such module: x/],
    ["takes what is no page", careless, /^version 2: it took \{"page":"x"\}, which is no page, for one$/],
  ] as const) {
    it(`takes the weight back at once from code that ${what}, and tells why`, async () => {
      await rollOut()
      await deployCode(bad())
      const out = await rollOut()
      expect(out).to.include({ from: "1", to: "2", outcome: "back" })
      expect(out.reason).to.match(reason)
      expect(messages().at(-1)).to.match(/^version 2: /)
      expect(await alias())
        .to.include({ FunctionVersion: "1" })
        .and.not.have.property("RoutingConfig")
    })
  }

  it("makes no alias for a first version that does not load", async () => {
    await deployCode(broken("y"))
    expect(await rollOut()).to.include({ from: undefined, to: "1", outcome: "failed" })
    expect(await rolling.standing(session(), stop.signal)).to.deep.equal([
      { target: "lambda", unit: NAME, from: undefined },
    ])
  })

  it("leaves an alias alone that somebody else changed in the middle, and has failed", async () => {
    await rollOut()
    await deployCode(working(code, "second"))
    await client.send(new PublishVersionCommand({ FunctionName: NAME, Description: "theirs" }))
    let invoked = 0
    proxy.on(undefined, async (call) => {
      if (/\/invocations/.test(call.path) && ++invoked === 1) {
        await client.send(new UpdateAliasCommand({ FunctionName: NAME, Name: ALIAS, Description: "theirs" }))
      }
      return undefined
    })
    try {
      expect(await rollOut()).to.include({
        outcome: "failed",
        reason: `somebody else changed the alias ${ALIAS} meanwhile`,
      })
    } finally {
      proxy.off()
    }
    expect(await alias()).to.include({ Description: "theirs" })
  })

  it("takes the weight back when the run is stopped in the middle of the canary", async () => {
    await rollOut()
    await deployCode(working(code, "second"))
    proxy.on(undefined, (call) => {
      if (/\/invocations/.test(call.path)) stop.abort(new Refusal(130, "stopped by SIGINT"))
      return undefined
    })
    try {
      const error = await rollOut().catch((refused: unknown) => refused)
      expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 130)
    } finally {
      proxy.off()
    }
    expect(await alias())
      .to.include({ FunctionVersion: "1" })
      .and.not.have.property("RoutingConfig")
  })

  it("asks again where all of its reserved concurrency is taken", async () => {
    await rollOut()
    await deployCode(working(code, "second"))
    let invoked = 0
    proxy.on(undefined, (call) => {
      if (!/\/invocations/.test(call.path) || ++invoked > 3) return undefined
      return {
        status: 429,
        type: "application/json",
        body: JSON.stringify({ __type: "TooManyRequestsException", message: "Rate Exceeded." }),
      }
    })
    try {
      expect(await rollOut()).to.include({ outcome: "stable" })
    } finally {
      proxy.off()
    }
    expect(messages().join("\n")).to.match(/Rate Exceeded.*asking again/)
  })

  it("goes back to the version before, to one that is named, and to no alias where there was none", async () => {
    await rollOut()
    await deployCode(working(code, "second"))
    await rollOut()
    expect(await rollBack("1")).to.include({ from: "1", to: "2", outcome: "back" })
    expect((await alias()).FunctionVersion).to.equal("1")
    expect(await rollBack("1")).to.include({ outcome: "back" })
    expect(await rollOut("2")).to.include({ from: "1", to: "2", outcome: "stable" })
    expect(await rollBack(undefined)).to.include({ outcome: "back" })
    expect(await alias().catch(({ name }: Error) => name)).to.equal("ResourceNotFoundException")
  })

  it("has failed where the version to go to is not there", async () => {
    await rollOut()
    const out = await rollOut("7")
    expect(out).to.include({ outcome: "failed", reason: "there is no version 7" })
    const back = await rollBack("7")
    expect(back.outcome).to.equal("failed")
    expect(back.reason).to.equal("the alias live does not go back to 7: there is no version 7")
    expect((await alias()).FunctionVersion).to.equal("1")
  })

  it("is of no unit where there is no function", async () => {
    await ministack.reset()
    expect(await rolling.rollOut(session(), { images: {} }, options())).to.deep.equal([])
    expect(await rolling.standing(session(), stop.signal)).to.deep.equal([])
  })

  it("prunes the versions beyond the newest, but none that an alias uses", async () => {
    await rollOut()
    for (const mark of ["2", "3", "4", "5"]) {
      await deployCode(working(code, mark))
      await client.send(new PublishVersionCommand({ FunctionName: NAME }))
    }
    expect(await rolling.prune(session(), 2, stop.signal)).to.deep.equal([`${NAME}:3`, `${NAME}:2`])
    const { Versions = [] } = await client.send(new ListVersionsByFunctionCommand({ FunctionName: NAME }))
    expect(Versions.map(({ Version }) => Version)).to.deep.equal(["$LATEST", "1", "4", "5"])
  })

  it("tells the newest lines of its log, oldest first with their times, over streams and days", async () => {
    const logs = new CloudWatchLogsClient(settings(of()))
    const logGroupName = `/aws/lambda/${NAME}`
    await logs.send(new CreateLogGroupCommand({ logGroupName })).catch(() => {})
    const now = Date.now()
    for (const [logStreamName, hours] of [
      ["a", [72, 30, 0.001]],
      ["b", [48, 1]],
    ] as const) {
      await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }))
      const logEvents = hours.map((hour) => ({ timestamp: now - hour * 3_600_000, message: `${hour} h ago\n` }))
      await logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }))
    }
    const told = await rolling.logs(session(), NAME, 4, stop.signal)
    expect(told?.map((line) => line.replace(/^\S+Z /, ""))).to.deep.equal([
      "48 h ago",
      "30 h ago",
      "1 h ago",
      "0.001 h ago",
    ])
    expect(told?.[0]).to.match(new RegExp(`^${new Date(now - 48 * 3_600_000).toISOString().replaceAll(".", "\\.")} `))
    expect(await rolling.logs(session(), "another", 4, stop.signal)).to.equal(undefined)
    logs.destroy()
  })
})
