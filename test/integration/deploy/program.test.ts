/** The program as a process: who it is to AWS, what it never tells, and how it ends when AWS fails. */
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { COMMANDS } from "../../../deploy/src/commands.ts"
import { type Answer, AwsProxy, type Reply } from "../../support/aws-proxy.ts"
import { deploy, environment, type Ran } from "../../support/deploy/program.ts"
import { account, type Keys } from "../../support/deploy/standing.ts"
import { type Claims, WebIdentity } from "../../support/deploy/web-identity.ts"
import { someZip } from "../../support/infra/assembly.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const secret = () => randomBytes(24).toString("base64url")
const STAGE = "--stage=development"

describeWith([python], "the deploy program", function () {
  this.timeout(240_000)
  let ministack: Ministack
  let proxy: AwsProxy
  let root: Keys
  before(async () => {
    ministack = await startMinistack()
    proxy = await AwsProxy.open(ministack.url)
    root = account("333333333333", proxy.url, "eu-central-1").root
  })
  after(async () => {
    await proxy?.close()
    await ministack?.close()
  })
  beforeEach(() => proxy.forget())

  /** One line that begins with the program's name. */
  const expectOneLine = ({ stdout, stderr, code }: Ran, words: RegExp, expected: number) => {
    expect(code, stderr).to.equal(expected)
    expect(stdout).to.equal("")
    expect(stderr).to.match(/^deploy: [^\n]+$/)
    expect(stderr).to.match(words)
  }

  describe("takes a role by an OIDC token", () => {
    const roleArn = "arn:aws:iam::333333333333:role/perigee-development-pipeline-plan"
    const claims = (more: Partial<Claims> = {}): Claims => ({
      iss: "https://oidc.circleci.com/org/1",
      aud: "1",
      sub: "org/1/project/2/user/3/vcs-origin/github.com/example/perigee/vcs-ref/refs/heads/main",
      exp: Math.floor(Date.now() / 1000) + 600,
      ...more,
    })
    let issuer: WebIdentity
    const session = { accessKeyId: "333333333333", secretAccessKey: secret(), sessionToken: secret() }
    before(() => {
      const trust = { roleArn, iss: claims().iss, aud: "1", sub: /\/heads\/main$/ }
      issuer = new WebIdentity(proxy, trust, session)
    })
    after(() => proxy.off())
    const withToken = (token: string, place = "env://OIDC", role = roleArn) =>
      deploy(
        { ...environment(proxy.url), OIDC: token },
        "status",
        STAGE,
        `--oidc-token=${place}`,
        `--role-arn=${role}`,
        "--verbose",
      )

    it("from an environment variable or a file; its session's token goes with every request", async () => {
      const token = issuer.token(claims())
      const file = join(mkdtempSync(join(tmpdir(), "perigee-token-")), "token")
      writeFileSync(file, `${token}\n`)
      for (const place of ["env://OIDC", `file://${file}`]) {
        proxy.forget()
        const { stderr } = await withToken(token, place)
        expect(proxy.actions()).to.include("sts:AssumeRoleWithWebIdentity").and.include("ssm:GetParameters")
        const signed = proxy.calls.filter(({ action }) => action === "ssm:GetParameters")
        expect(signed[0]?.headers["x-amz-security-token"]).to.equal(session.sessionToken)
        for (const kept of [token, session.secretAccessKey, session.sessionToken]) expect(stderr).not.to.contain(kept)
      }
    })

    for (const [what, token, role, words] of [
      [
        "another role",
        () => issuer.token(claims()),
        `${roleArn}x`,
        /Not authorized to perform sts:AssumeRoleWithWebIdentity/,
      ],
      [
        "a token of another branch",
        () => issuer.token(claims({ sub: "org/1/vcs-ref/refs/heads/x" })),
        roleArn,
        /Not authorized/,
      ],
      ["an expired token", () => issuer.token(claims({ exp: 1 })), roleArn, /Token expired/],
      ["a forged token", () => `${issuer.token(claims()).slice(0, -8)}AAAAAAAA`, roleArn, /verification key/],
    ] as const) {
      it(`says that AWS refuses ${what}, without it (77)`, async () => {
        const text = token()
        const env = { ...environment(proxy.url), OIDC: text }
        const ran = await deploy(env, "status", STAGE, "--oidc-token=env://OIDC", `--role-arn=${role}`)
        expectOneLine(ran, words, 77)
        expect(ran.stderr).not.to.contain(text)
      })
    }

    it("refuses before any request: no such place, an empty one, a token in place of its place, half of the pair", async () => {
      const token = issuer.token(claims())
      const env = { ...environment(proxy.url), EMPTY: " " }
      const cases: [string[], RegExp, number][] = [
        [["--oidc-token=env://NONE", `--role-arn=${roleArn}`], /env:\/\/NONE is empty or not set/, 77],
        [["--oidc-token=env://EMPTY", `--role-arn=${roleArn}`], /env:\/\/EMPTY is empty or not set/, 77],
        [["--oidc-token=file:///nonexistent", `--role-arn=${roleArn}`], /\/nonexistent can't be read/, 77],
        [[`--oidc-token=${token}`, `--role-arn=${roleArn}`], /takes a place/, 64],
        [["--oidc-token=env://NONE"], /needs --role-arn/, 64],
        [[`--role-arn=${roleArn}`], /needs --oidc-token/, 64],
        [["--oidc-token=env://NONE", "--role-arn=admin"], /no ARN of a role/, 64],
      ]
      for (const [flags, words, code] of cases) {
        const ran = await deploy(env, "status", STAGE, ...flags)
        expectOneLine(ran, words, code)
        expect(ran.stderr).not.to.contain(token)
      }
      expect(proxy.calls).to.deep.equal([])
    })
  })

  it("takes a profile's keys from its file", async () => {
    const env = environment(proxy.url)
    const folder = join(env["HOME"] ?? "", ".aws")
    mkdirSync(folder)
    const key = secret()
    writeFileSync(
      join(folder, "credentials"),
      `[perigee]\naws_access_key_id = 333333333333\naws_secret_access_key = ${key}\n`,
    )
    const { stderr } = await deploy({ ...env, AWS_PROFILE: "perigee" }, "status", STAGE, "--verbose")
    expect(proxy.actions("333333333333")).to.include("ssm:GetParameters")
    expect(stderr).not.to.contain(key)
  })

  it("says where credentials come from when there are none (77)", async () => {
    expectOneLine(
      await deploy(environment(proxy.url), "history", STAGE),
      /there are no AWS credentials: set AWS_PROFILE/,
      77,
    )
  })

  it("says that there is no table of releases yet, and what makes it (66)", async () => {
    const ran = await deploy(environment(proxy.url, root), "history", STAGE)
    expectOneLine(ran, /table perigee-development-releases is not there; npm run deploy -- bootstrap/, 66)
  })

  it("no command tells a secret that it was given, though AWS echoes it, with --verbose and in errors too", async () => {
    const keys = { accessKeyId: "333333333333", secretAccessKey: `${secret()}/+${secret()}` }
    const token = secret()
    const echo = ({ headers }: { headers: object }): Reply => {
      const words = `${keys.secretAccessKey} ${encodeURIComponent(keys.secretAccessKey)} ${JSON.stringify(headers)}`
      return {
        status: 400,
        body: JSON.stringify({ __type: "ValidationException", message: words, Message: words }),
      }
    }
    proxy.on(undefined, echo)
    try {
      for (const { name } of COMMANDS) {
        const env = { ...environment(proxy.url, keys), AWS_SESSION_TOKEN: token }
        const more = name === "diff" ? [`--lambda-zip=${someZip()}`] : []
        const { code, stdout, stderr } = await deploy(env, name, STAGE, "--verbose", ...more)
        expect(code, name).not.to.equal(0)
        expect(stderr, name).to.contain("deploy: ")
        for (const kept of [keys.secretAccessKey, encodeURIComponent(keys.secretAccessKey), token]) {
          expect(`${stdout}${stderr}`.includes(kept), name).to.equal(false)
        }
      }
    } finally {
      proxy.off()
    }
  })

  it("tells no token and no key that came where something else belongs (64, 77)", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
    const token = `${part({ alg: "RS256", typ: "JWT" })}.${part({ sub: secret() })}.${secret()}`
    const key = secret()
    const env = environment(proxy.url, { accessKeyId: "333333333333", secretAccessKey: key })
    const role = "--role-arn=arn:aws:iam::333333333333:role/plan"
    for (const [flags, code] of [
      [[`--oidc-token=env://${token}`, role], 77],
      [[`--oidc-token=file://${token}`, role], 77],
      [[token], 64],
      [[`--${token}`], 64],
      [[`--stage=${token}`], 64],
      [[key], 64],
    ] as const) {
      const ran = await deploy(env, "status", STAGE, ...flags)
      expectOneLine(ran, /\*\*\*/, code)
      for (const kept of [token, token.split(".")[1] ?? "", key]) expect(ran.stderr).not.to.contain(kept)
    }
  })

  it("tells with --verbose what an error came of, down to its first cause", async () => {
    const args = ["--oidc-token=file:///nonexistent/token", "--role-arn=arn:aws:iam::333333333333:role/plan"]
    const { stderr } = await deploy(environment(proxy.url), "status", STAGE, ...args, "--verbose")
    expect(stderr).to.match(/^caused by: Error: ENOENT: no such file/m)
    expect(stderr.split("\n").at(-1)).to.equal("deploy: --oidc-token: /nonexistent/token can't be read")
  })

  describe("when AWS fails", () => {
    const throttled: Reply = {
      status: 400,
      body: JSON.stringify({ __type: "ThrottlingException", message: "Rate exceeded" }),
    }
    const broken: Reply = { status: 500, body: JSON.stringify({ __type: "InternalServerError", message: "oh" }) }
    const expired: Reply = {
      status: 400,
      body: JSON.stringify({
        __type: "ExpiredTokenException",
        message: "The security token included in the request is expired",
      }),
    }
    const during = async (answer: Answer, ...args: string[]) => {
      proxy.on("dynamodb:Query", answer)
      try {
        return await deploy(environment(proxy.url, root), ...args)
      } finally {
        proxy.off()
      }
    }
    const empty: Reply = {
      status: 200,
      type: "application/x-amz-json-1.0",
      body: JSON.stringify({ Items: [], Count: 0 }),
    }

    for (const [what, answer] of [
      ["throttles", throttled],
      ["answers 500", broken],
      ["cuts the connection", "cut"],
    ] as const) {
      it(`and ${what} twice, then it tries again and is done (0)`, async () => {
        const { code, stdout } = await during((_call, nth) => (nth < 2 ? answer : empty), "history", STAGE)
        expect([code, stdout]).to.deep.equal([0, "no release of development yet"])
      })
    }

    for (const [what, answer, words, code] of [
      ["throttles", throttled, /AWS answers ThrottlingException: Rate exceeded/, 69],
      ["answers 500", broken, /AWS answers InternalServerError/, 69],
      ["cuts the connection", "cut", /AWS can't be reached \(ECONNRESET\)/, 69],
    ] as const) {
      it(`and ${what} on and on, it gives up after six attempts, in one line (${code})`, async () => {
        let attempts = 0
        const ran = await during(
          () => {
            attempts++
            return answer
          },
          "history",
          STAGE,
        )
        expectOneLine(ran, words, code)
        expect(attempts).to.equal(6)
      })
    }

    it("and its token expired, it says so at once (77)", async () => {
      let attempts = 0
      const ran = await during(
        () => {
          attempts++
          return expired
        },
        "history",
        STAGE,
      )
      expectOneLine(ran, /AWS refuses: The security token included in the request is expired/, 77)
      expect(attempts).to.equal(1)
    })

    it("verify ends with one line where it can't even tell who it is (69, 77)", async () => {
      for (const [type, status, code] of [
        ["ServiceUnavailable", 503, 69],
        ["ExpiredToken", 403, 77],
      ] as const) {
        const body = `<ErrorResponse><Error><Code>${type}</Code><Message>no</Message></Error></ErrorResponse>`
        proxy.on("sts:GetCallerIdentity", () => ({ status, type: "text/xml", body }))
        const ran = await deploy(environment(proxy.url, root), "verify", STAGE)
        proxy.off()
        expectOneLine(ran, /AWS (answers|refuses)/, code)
      }
    })
  })
})
