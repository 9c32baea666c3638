/** Each command when AWS fails in the middle of it: the code, the one line, and nothing left behind; and what it gets over. */
import { mkdtempSync } from "node:fs"
import { readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CloudFormationClient, DeleteChangeSetCommand, ListChangeSetsCommand } from "@aws-sdk/client-cloudformation"
import { expect } from "chai"
import { bootstrap } from "../../../deploy/src/bootstrap.ts"
import type { Command, Values } from "../../../deploy/src/command.ts"
import { diff } from "../../../deploy/src/diff.ts"
import { history } from "../../../deploy/src/history.ts"
import { plan } from "../../../deploy/src/plan/command.ts"
import { publish } from "../../../deploy/src/publish.ts"
import { status } from "../../../deploy/src/status.ts"
import { verify } from "../../../deploy/src/verify.ts"
import { STACKS, stackName } from "../../../infra/src/names.ts"
import { type Answer, queryError, type Reply } from "../../support/aws-proxy.ts"
import { assetsRole, registryBehind, unpublished } from "../../support/deploy/publishing.ts"
import { run, type SessionOptions, sessionOf } from "../../support/deploy/session.ts"
import { type Shared, shared } from "../../support/deploy/shared.ts"
import { settings } from "../../support/deploy/standing.ts"
import { setEnvironment } from "../../support/environment.ts"
import { someZip } from "../../support/infra/assembly.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

interface Faulty {
  readonly command: Command
  /** What fails: not the first thing that it asks. */
  readonly action: string
  readonly values?: (at: Shared, folder: string) => Values | Promise<Values>
}

const ZIP = someZip()

const COMMANDS: readonly Faulty[] = [
  { command: bootstrap, action: "cloudformation:DescribeStacks" },
  { command: publish, action: "ecr:GetAuthorizationToken", values: unpublished },
  // Of one check it would be a line among the others: account.test.ts.
  { command: verify, action: "sts:GetCallerIdentity" },
  {
    command: plan,
    action: "cloudformation:DescribeChangeSet",
    // The address moves: something for a change set.
    values: ({ assembly }) => ({ assembly, parameters: "EgressZone=b" }),
  },
  { command: diff, action: "ecs:DescribeServices", values: () => ({ "lambda-zip": ZIP }) },
  { command: status, action: "dynamodb:GetItem" },
  { command: history, action: "dynamodb:Query" },
]

/** An error in the words of the service's own protocol. */
function failure(action: string, code: string, message: string, statusCode: number): Reply {
  if (/^(cloudformation|sts):/.test(action)) return queryError(code, message, statusCode)
  return { status: statusCode, body: JSON.stringify({ __type: code, message }) }
}

type Fault = readonly [
  what: string,
  answer: (action: string) => Reply | "cut" | "silence",
  line: RegExp,
  code: number,
  options: Omit<SessionOptions, "endpoint" | "keys">,
]

const FAULTS: readonly Fault[] = [
  [
    "throttles",
    (action) => failure(action, "ThrottlingException", "Rate exceeded", 400),
    /^AWS answers Throttling\w*: Rate exceeded \(ACTION\); try again$/,
    69,
    {},
  ],
  [
    "answers 500",
    (action) => failure(action, "InternalFailure", "We are sorry", 500),
    /^AWS answers InternalFailure: We are sorry \(ACTION\); try again$/,
    69,
    {},
  ],
  ["cuts the connection", () => "cut", /^AWS can't be reached \(ECONNRESET\) \(ACTION\); try again$/, 69, {}],
  [
    "never answers",
    () => "silence",
    /^AWS can't be reached \(ETIMEDOUT\) \(ACTION\); try again$/,
    69,
    { maxAttempts: 1, requestTimeout: 2000 },
  ],
  [
    "says that the token expired",
    (action) => failure(action, "ExpiredTokenException", "The security token is expired", 403),
    /^AWS refuses: The security token is expired \(ACTION\); take fresh credentials$/,
    77,
    {},
  ],
]

describeWith([python], "when AWS fails", function () {
  this.timeout(120_000)
  let at: Shared
  let folder: string
  let temporary: string
  let restore: (() => void) | undefined
  before(async () => {
    at = await shared()
    await registryBehind(at)
    await assetsRole(at)
    folder = mkdtempSync(join(tmpdir(), "perigee-faults-"))
    temporary = mkdtempSync(join(folder, "tmp-"))
    restore = setEnvironment({
      // What the toolkit reads itself; and no git, since the tests' tree changes while they are written.
      AWS_ENDPOINT_URL: at.proxy.url,
      AWS_EC2_METADATA_DISABLED: "true",
      CDK_HOME: join(folder, "cdk"),
      GIT_DIR: "/nonexistent",
      TMPDIR: temporary,
    })
  })
  after(async () => {
    restore?.()
    await rm(folder, { recursive: true, force: true })
  })

  const changeSets = async () => {
    const client = new CloudFormationClient(settings(at.account))
    const found = await Promise.all(
      STACKS.map((stack) => client.send(new ListChangeSetsCommand({ StackName: stackName(at.stage.name, stack) }))),
    )
    return found.flatMap(({ Summaries = [] }) =>
      Summaries.filter(({ ChangeSetName = "" }) => ChangeSetName.startsWith("perigee-plan-")),
    )
  }
  const during = async ({ command, values }: Faulty, on: string | undefined, answer: Answer, options = {}) => {
    const given = await values?.(at, folder)
    const session = sessionOf(at.stage, { endpoint: at.proxy.url, keys: at.account.root, ...options })
    at.proxy.on(on, answer)
    try {
      return { ...(await run(command, session, given)), said: session.said, printed: session.printed }
    } finally {
      at.proxy.off()
    }
  }

  for (const one of COMMANDS) {
    const { command, action } = one
    describe(`${command.name}, at ${action}`, () => {
      for (const [what, answer, line, expected, options] of FAULTS) {
        it(`that ${what} ends with ${expected} and one line, and leaves nothing behind`, async () => {
          const { code, text, printed } = await during(one, action, () => answer(action), options)
          expect(text).to.match(new RegExp(line.source.replace("ACTION", action)))
          expect([code, printed]).to.deep.equal([expected, []])
          expect(await changeSets()).to.deep.equal([])
          expect((await readdir(temporary)).filter((name) => name !== "node-compile-cache")).to.deep.equal([])
        })
      }

      it("that throttles twice, then answers 500 twice, is got over", async () => {
        const throttled = failure(action, "ThrottlingException", "Rate exceeded", 400)
        const broken = failure(action, "InternalFailure", "We are sorry", 500)
        let asked = 0
        const passing: Answer = (_call, nth) => {
          asked = nth + 1
          return nth < 2 ? throttled : nth < 4 ? broken : undefined
        }
        const { code, text } = await during(one, action, passing, { maxAttempts: 6 })
        expect(code, text).to.equal(0)
        expect(asked).to.be.above(4)
        expect(await changeSets()).to.deep.equal([])
      })
    })
  }

  it("a plan whose token expires before its assets are written says so in one line (77)", async () => {
    const [one] = COMMANDS.filter(({ command }) => command === plan)
    if (one === undefined) throw new RangeError("no plan")
    const body = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
    const { code, text } = await during(one, "s3:ListBucket", () => ({ status: 400, type: "application/xml", body }))
    expect(text).to.match(
      /^the assets can't be written: \S+ fail: The provided token has expired\.; take fresh credentials$/,
    )
    expect(code).to.equal(77)
    expect(await changeSets()).to.deep.equal([])
  })

  it("a plan whose token expires for good names the change set that it can't delete", async () => {
    const [one] = COMMANDS.filter(({ command }) => command === plan)
    if (one === undefined) throw new RangeError("no plan")
    let over = false
    const { code, text, said } = await during(one, undefined, (call) => {
      over ||= call.action === one.action
      return over ? failure(call.action, "ExpiredTokenException", "The security token is expired", 403) : undefined
    })
    const left = await changeSets()
    const client = new CloudFormationClient(settings(at.account))
    for (const { ChangeSetName, StackName } of left)
      await client.send(new DeleteChangeSetCommand({ ChangeSetName, StackName }))
    expect(code, text).to.equal(77)
    expect(left).to.have.length(1)
    expect(said.at(-1)).to.match(
      new RegExp(
        `^plan: the change set ${left[0]?.ChangeSetName} of \\S+ may be left behind, delete it: AWS refuses: .*expired`,
      ),
    )
  })
})
