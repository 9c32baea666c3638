/** The faults of test/support, seen by real clients of each protocol; sessions that end; and what an OIDC token must be. */
import { DynamoDBClient, ListTablesCommand } from "@aws-sdk/client-dynamodb"
import { DescribeVpcsCommand, EC2Client } from "@aws-sdk/client-ec2"
import { IAMClient, ListRolesCommand } from "@aws-sdk/client-iam"
import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
} from "@aws-sdk/client-lambda"
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3"
import { GetParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { AssumeRoleWithWebIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { expect } from "chai"
import {
  accessDenied,
  after as afterwards,
  expired,
  held,
  lost,
  lostAnswer,
  silent,
  throttled,
  times,
  unavailable,
} from "../../support/aws-faults.ts"
import { AwsProxy } from "../../support/aws-proxy.ts"
import { type Claims, WebIdentity } from "../../support/deploy/web-identity.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

describeWith([python], "faults of AWS that a test says", function () {
  this.timeout(60_000)
  let ministack: Ministack
  let proxy: AwsProxy

  before(async () => {
    ministack = await startMinistack()
  })
  after(() => ministack?.close())
  beforeEach(async () => {
    proxy = await AwsProxy.open(ministack.url)
  })
  afterEach(async () => {
    await proxy?.close()
    await ministack.reset()
  })

  const settings = (maxAttempts = 1) => ({
    ...ministack.client,
    endpoint: proxy.url,
    maxAttempts,
    forcePathStyle: true,
  })
  const name = async (answer: Promise<unknown>) =>
    await answer.then(
      () => "answered",
      (error: Error) => error.name,
    )
  const everywhere = async () =>
    Promise.all([
      name(new SSMClient(settings()).send(new GetParameterCommand({ Name: "/x" }))),
      name(new IAMClient(settings()).send(new ListRolesCommand({}))),
      name(new EC2Client(settings()).send(new DescribeVpcsCommand({}))),
      name(new LambdaClient(settings()).send(new ListFunctionsCommand({}))),
      name(new S3Client(settings()).send(new GetObjectCommand({ Bucket: "b", Key: "k" }))),
      name(new DynamoDBClient(settings()).send(new ListTablesCommand({}))),
    ])

  for (const [what, fault, names] of [
    [
      "throttled",
      throttled,
      [
        "ThrottlingException",
        "Throttling",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "Throttling",
        "ThrottlingException",
      ],
    ],
    [
      "expired",
      expired,
      [
        "ExpiredTokenException",
        "ExpiredToken",
        "RequestExpired",
        "ExpiredTokenException",
        "ExpiredToken",
        "ExpiredTokenException",
      ],
    ],
    [
      "denied",
      accessDenied,
      [
        "AccessDeniedException",
        "AccessDenied",
        "UnauthorizedOperation",
        "AccessDeniedException",
        "AccessDenied",
        "AccessDeniedException",
      ],
    ],
    [
      "unavailable",
      unavailable,
      [
        "ServiceUnavailableException",
        "ServiceUnavailable",
        "Unavailable",
        "ServiceUnavailableException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
      ],
    ],
  ] as const) {
    it(`are ${what} in the words of each protocol: JSON, Query, EC2, Lambda, S3, DynamoDB`, async () => {
      proxy.on(undefined, fault)
      expect(await everywhere()).to.deep.equal(names)
    })
  }

  it("come as often as told, or from then on; clients that try again get through", async () => {
    const ssm = new SSMClient(settings(3))
    await ssm.send(new PutParameterCommand({ Name: "/x", Value: "1", Type: "String" }))
    proxy.on("ssm:GetParameter", times(2, lost))
    expect((await ssm.send(new GetParameterCommand({ Name: "/x" }))).Parameter?.Value).to.equal("1")
    proxy.on("ssm:GetParameter", afterwards(1, accessDenied))
    expect(await name(ssm.send(new GetParameterCommand({ Name: "/x" })))).to.equal("answered")
    expect(await name(ssm.send(new GetParameterCommand({ Name: "/x" })))).to.equal("AccessDeniedException")
  })

  it("can be said of Lambda's actions, which paths name", async () => {
    const lambda = new LambdaClient(settings())
    const FunctionName = "f"
    const alias = { FunctionName, Name: "live" }
    for (const command of [
      new ListFunctionsCommand({}),
      new GetFunctionCommand({ FunctionName }),
      new PublishVersionCommand({ FunctionName }),
      new ListVersionsByFunctionCommand({ FunctionName }),
      new CreateAliasCommand({ ...alias, FunctionVersion: "1" }),
      new UpdateAliasCommand(alias),
      new GetAliasCommand(alias),
      new GetFunctionConfigurationCommand({ FunctionName, Qualifier: "1" }),
      new InvokeCommand({ FunctionName, Qualifier: "live" }),
      new DeleteFunctionCommand({ FunctionName, Qualifier: "1" }),
    ]) {
      await name(lambda.send(command as never))
    }
    expect(proxy.calls.map(({ action }) => action)).to.deep.equal([
      "lambda:ListFunctions",
      "lambda:GetFunction",
      "lambda:PublishVersion",
      "lambda:ListVersionsByFunction",
      "lambda:CreateAlias",
      "lambda:UpdateAlias",
      "lambda:GetAlias",
      "lambda:GetFunctionConfiguration",
      "lambda:InvokeFunction",
      "lambda:DeleteFunction",
    ])
  })

  it("lose an answer whose call has been heard, and one whose call has not", async () => {
    const ssm = new SSMClient(settings())
    const value = async () =>
      (await new SSMClient(ministack.client).send(new GetParameterCommand({ Name: "/x" }))).Parameter?.Value
    const put = (Value: string) =>
      name(ssm.send(new PutParameterCommand({ Name: "/x", Value, Type: "String", Overwrite: true })))
    await put("0")
    proxy.on("ssm:PutParameter", lostAnswer)
    expect(await put("1")).not.to.equal("answered")
    expect(await value()).to.equal("1")
    proxy.on("ssm:PutParameter", lost)
    expect(await put("2")).not.to.equal("answered")
    expect(await value()).to.equal("1")
  })

  it("hold a call until something has happened, or for ever", async () => {
    const ssm = new SSMClient(settings())
    const { promise, resolve } = Promise.withResolvers<void>()
    const { promise: heard, resolve: hears } = Promise.withResolvers<void>()
    proxy.on("ssm:GetParameter", held(promise))
    proxy.on("ssm:GetParameter", () => {
      hears()
      return undefined
    })
    let over = false
    const answer = name(ssm.send(new GetParameterCommand({ Name: "/none" }))).finally(() => {
      over = true
    })
    await heard
    expect(over).to.equal(false)
    resolve()
    expect(await answer).to.equal("ParameterNotFound")
    proxy.on("ssm:GetParameter", silent)
    const signal = AbortSignal.timeout(100)
    expect(await name(ssm.send(new GetParameterCommand({ Name: "/x" }), { abortSignal: signal }))).to.equal(
      "AbortError",
    )
  })

  describe("an OIDC token", () => {
    const roleArn = "arn:aws:iam::000000000000:role/deploy"
    const claims = (more: Partial<Claims> = {}): Claims => ({
      iss: "https://issuer.example.com",
      aud: "1",
      sub: "org/1/vcs-ref/refs/heads/main",
      exp: Math.floor(Date.now() / 1000) + 600,
      ...more,
    })
    let issuer: WebIdentity
    beforeEach(() => {
      const trust = { roleArn, iss: claims().iss, aud: "1", sub: /\/heads\/main$/ }
      const { accessKeyId, secretAccessKey } = ministack.client.credentials
      issuer = new WebIdentity(proxy, trust, { accessKeyId, secretAccessKey, sessionToken: "session" })
    })
    const assume = (WebIdentityToken: string, more: object = {}) =>
      new STSClient(settings()).send(
        new AssumeRoleWithWebIdentityCommand({ RoleArn: roleArn, RoleSessionName: "run", WebIdentityToken, ...more }),
      )

    for (const [what, token, error, more] of [
      ["that is none", () => "not.a.token", "InvalidIdentityTokenException"],
      [
        "whose signature is another's",
        () => `${issuer.token(claims()).slice(0, -8)}AAAAAAAA`,
        "InvalidIdentityTokenException",
      ],
      ["that claims to need no signature", () => issuer.token(claims(), "none"), "InvalidIdentityTokenException"],
      [
        "of another issuer",
        () => issuer.token(claims({ iss: "https://other.example.com" })),
        "InvalidIdentityTokenException",
      ],
      ["for another audience", () => issuer.token(claims({ aud: "2" })), "InvalidIdentityTokenException"],
      ["of another branch", () => issuer.token(claims({ sub: "org/1/vcs-ref/refs/heads/x" })), "AccessDenied"],
      ["that is over", () => issuer.token(claims({ exp: 1 })), "ExpiredTokenException"],
      ["that does not hold yet", () => issuer.token(claims({ nbf: 9_999_999_999 })), "InvalidIdentityTokenException"],
      ["for another role", () => issuer.token(claims()), "AccessDenied", { RoleArn: `${roleArn}x` }],
      ["for too long a session", () => issuer.token(claims()), "ValidationError", { DurationSeconds: 50_000 }],
      [
        "for a session without a proper name",
        () => issuer.token(claims()),
        "ValidationError",
        { RoleSessionName: "a b" },
      ],
    ] as [string, () => string, string, object?][]) {
      it(`${what} is refused: ${error}`, async () => {
        expect(await name(assume(token(), more))).to.equal(error)
        expect(issuer.issued).to.have.length(0)
      })
    }

    it("that holds gives a session, which is over when a test says so; a new one is not", async () => {
      issuer.lifetime = { seconds: 3600 }
      const parameter = async () => {
        const { Credentials } = await assume(issuer.token(claims()))
        const credentials = {
          accessKeyId: Credentials?.AccessKeyId ?? "",
          secretAccessKey: Credentials?.SecretAccessKey ?? "",
          sessionToken: Credentials?.SessionToken ?? "",
        }
        const ssm = new SSMClient({ ...settings(), credentials })
        return () => name(ssm.send(new GetParameterCommand({ Name: "/none" })))
      }
      const first = await parameter()
      expect(await first()).to.equal("ParameterNotFound")
      issuer.expire()
      expect(await first()).to.equal("ExpiredTokenException")
      const second = await parameter()
      expect(await second()).to.equal("ParameterNotFound")
    })

    it("gives a session that is over sooner than it says", async () => {
      issuer.lifetime = { seconds: 0, unannounced: true }
      const { Credentials } = await assume(issuer.token(claims()))
      expect(Credentials?.Expiration?.getTime()).to.be.greaterThan(Date.now() + 3_000_000)
      const credentials = {
        accessKeyId: Credentials?.AccessKeyId ?? "",
        secretAccessKey: Credentials?.SecretAccessKey ?? "",
        sessionToken: Credentials?.SessionToken ?? "",
      }
      const s3 = new S3Client({ ...settings(), credentials })
      expect(await name(s3.send(new GetObjectCommand({ Bucket: "b", Key: "k" })))).to.equal("ExpiredToken")
    })
  })
})
