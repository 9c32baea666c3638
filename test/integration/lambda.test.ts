/** The Lambda's zip deployed to an emulator of AWS, and called by the AWS SDK and by HTTP. */
import { randomBytes } from "node:crypto"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  InvokeCommand,
  LambdaClient,
  type Runtime,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda"
import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager"
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { expect } from "chai"
import { unzipSync } from "fflate"
import { pack, zip } from "../../lambda/build.ts"
import { type Standin, type StandinOptions, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { ROOT } from "../support/get-data.ts"
import { type Ministack, startMinistack } from "../support/ministack.ts"
import { describeWith, recordedAnswer, recordedAnswers } from "../support/needs.ts"
import { python } from "../support/python.ts"

const ROLE = "arn:aws:iam::000000000000:role/neows"

interface Deployment {
  readonly env?: Readonly<Record<string, string>>
  /** Seconds. */
  readonly timeout?: number
  /** The zip with our own runtime client in it, for what ministack's Node does not pass on: an error's name. */
  readonly runtime?: Runtime
}

interface Invoked {
  /** The answer's text. */
  readonly payload: string
  readonly functionError: string | undefined
  readonly log: string
}

describeWith([python], "the Lambda on ministack", function () {
  this.timeout(180_000)
  let aws: Ministack
  let lambda: LambdaClient
  let secrets: SecretsManagerClient
  let parameters: SSMClient
  let folder: string
  let code: Uint8Array
  let standin: Standin
  let key: string

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-"))
    code = await readFile(await pack(folder))
    aws = await startMinistack()
    lambda = new LambdaClient(aws.client)
    secrets = new SecretsManagerClient(aws.client)
    parameters = new SSMClient(aws.client)
  })
  after(async () => {
    await aws?.close()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    key = freshKey()
  })
  afterEach(async () => {
    await standin?.close()
    await aws.reset()
  })

  const listen = async (options: StandinOptions = {}): Promise<string> => {
    standin = await startStandin(options)
    return standin.url
  }

  const deploy = async ({ env = {}, timeout = 15, runtime = "nodejs24.x" }: Deployment): Promise<string> => {
    const FunctionName = `neows-${randomBytes(4).toString("hex")}`
    const isOurs = runtime !== "nodejs24.x"
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Runtime: runtime,
        Role: ROLE,
        Handler: "handler.lambdaHandler",
        Timeout: timeout,
        MemorySize: 1769,
        Code: { ZipFile: isOurs ? zip({ ...unzipSync(code), bootstrap: Buffer.from(BOOTSTRAP) }) : code },
        Environment: { Variables: { ...env, AWS_ENDPOINT_URL: aws.url } },
      }),
    )
    await waitUntilFunctionActiveV2({ client: lambda, minDelay: 0.05, maxWaitTime: 30 }, { FunctionName })
    return FunctionName
  }

  const invoke = async (FunctionName: string, event: unknown): Promise<Invoked> => {
    const command = new InvokeCommand({ FunctionName, Payload: JSON.stringify(event), LogType: "Tail" })
    const { Payload, FunctionError, LogResult = "" } = await lambda.send(command)
    return {
      payload: Buffer.from(Payload ?? []).toString(),
      functionError: FunctionError,
      log: Buffer.from(LogResult, "base64").toString(),
    }
  }

  it("answers a direct invocation with the page itself, and logs one line of metrics without the key", async () => {
    const url = await listen()
    const name = await deploy({ env: { NEOWS_BASE_URL: url, NASA_API_KEY: key } })
    const { payload, functionError, log } = await invoke(name, { page: 1755, size: 5 })
    expect(functionError, payload).to.equal(undefined)
    const document = JSON.parse(payload)
    expect([document.page.number, document.near_earth_objects.length]).to.deep.equal([1755, 5])
    expect(payload + log).not.to.include(key)
    expect(payload).not.to.include("api_key")
    const [line = ""] = log.split("\n").filter((text) => text.includes("_aws"))
    expect(JSON.parse(line.slice(line.indexOf("{")))).to.include({
      page: 1755,
      attempts: 1,
      outcome: "ok",
      function: name,
    })
  })

  it("answers a second invocation in the same environment", async () => {
    const name = await deploy({ env: { NEOWS_BASE_URL: await listen(), NASA_API_KEY: key } })
    const starts: unknown[] = []
    for (const page of [1, 2]) {
      const { payload, log } = await invoke(name, { page })
      expect(JSON.parse(payload).page.number).to.equal(page)
      const line = log.split("\n").findLast((text) => text.includes("_aws")) ?? ""
      starts.push(JSON.parse(line.slice(line.indexOf("{"))).coldStart)
    }
    expect(starts).to.deep.equal([true, false])
  })

  it("answers HTTP events of API Gateway and a load balancer with status and text", async () => {
    const name = await deploy({ env: { NEOWS_BASE_URL: await listen(), NASA_API_KEY: key } })
    const queryStringParameters = { page: "3", size: "2" }
    for (const requestContext of [{ http: { method: "GET" } }, { elb: { targetGroupArn: "arn" } }]) {
      const answer = JSON.parse((await invoke(name, { requestContext, queryStringParameters })).payload)
      expect(answer).to.include({ statusCode: 200, isBase64Encoded: false })
      expect(JSON.parse(answer.body).page.number).to.equal(3)
    }
    const refused = JSON.parse(
      (await invoke(name, { requestContext: { http: {} }, queryStringParameters: { page: "x" } })).payload,
    )
    expect([refused.statusCode, JSON.parse(refused.body).error]).to.deep.equal([400, "InvalidPage"])
  })

  it("answers by a function URL, with the statuses and headers of its errors", async () => {
    const url = await listen({ hourlyLimit: 2 })
    const name = await deploy({ env: { NEOWS_BASE_URL: url, NASA_API_KEY: key, NEOWS_MAX_WAIT: "0" } })
    const { FunctionUrl = "" } = await lambda.send(
      new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: "NONE" }),
    )
    const get = (query: string) =>
      fetch(`${aws.url}/_aws/lambda-url/${new URL(FunctionUrl).host.split(".")[0]}/${query}`)
    const page = await get("?page=12&size=1")
    expect([page.status, page.headers.get("content-type")]).to.deep.equal([200, "application/json"])
    expect(((await page.json()) as { page: unknown }).page).to.include({ number: 12 })
    expect((await get("")).status).to.equal(400)
    expect((await get("?page=99999")).status).to.equal(404)
    const limited = await get("?page=1")
    expect(limited.status).to.equal(429)
    expect(Number(limited.headers.get("retry-after"))).to.be.within(3000, 3600)
    expect(await limited.json()).to.include({ error: "RateLimited" })
  })

  it("reads the key of Secrets Manager, plain (with the line end of the file it came from) or a member of a JSON object", async () => {
    const url = await listen({ keys: [key] })
    await secrets.send(new CreateSecretCommand({ Name: "plain", SecretString: `${key}\n` }))
    await secrets.send(new CreateSecretCommand({ Name: "json", SecretString: JSON.stringify({ token: key }) }))
    for (const [id, field] of [
      ["plain", {}],
      ["json", { NASA_API_KEY_FIELD: "token" }],
    ] as const) {
      const name = await deploy({ env: { NEOWS_BASE_URL: url, NASA_API_KEY_SECRET_ID: id, ...field } })
      const { payload, log } = await invoke(name, { page: 1 })
      expect(JSON.parse(payload).page, payload).to.include({ number: 1 })
      expect(payload + log).not.to.include(key)
    }
  })

  it("reads the key of Parameter Store, encrypted", async () => {
    await parameters.send(new PutParameterCommand({ Name: "/nasa/key", Value: `${key}\n`, Type: "SecureString" }))
    const url = await listen({ keys: [key] })
    const name = await deploy({ env: { NEOWS_BASE_URL: url, NASA_API_KEY_PARAMETER: "/nasa/key" } })
    const { payload, log } = await invoke(name, { page: 1 })
    expect(JSON.parse(payload).page, payload).to.include({ number: 1 })
    expect(payload + log).not.to.include(key)
  })

  it("a secret rotated between two invocations of one environment costs one more request and no error", async () => {
    const rotated = freshKey()
    const accepted = [key]
    const url = await listen({ keys: accepted })
    await secrets.send(new CreateSecretCommand({ Name: "nasa", SecretString: key }))
    const name = await deploy({ env: { NEOWS_BASE_URL: url, NASA_API_KEY_SECRET_ID: "nasa" } })
    await invoke(name, { page: 1 })
    await secrets.send(new PutSecretValueCommand({ SecretId: "nasa", SecretString: rotated }))
    accepted.splice(0, 1, rotated)
    const { payload, functionError, log } = await invoke(name, { page: 2 })
    expect(functionError, payload).to.equal(undefined)
    expect(JSON.parse(payload).page.number).to.equal(2)
    expect(log).to.include('"coldStart":false').and.to.include('"attempts":2')
    expect(standin.requests.map(({ headers }) => headers["x-api-key"])).to.deep.equal([key, key, rotated])
    expect(payload + log).not.to.match(new RegExp(`${key}|${rotated}`))
  })

  describe("over the Runtime API", () => {
    const runtime: Runtime = "provided.al2023"

    for (const [what, event, errorType] of [
      ["a bad page", { page: "x" }, "InvalidPage"],
      ["a bad size", { page: 1, size: 99 }, "InvalidSize"],
      ["a page past the end", { page: 99_999 }, "PageOutOfRange"],
    ] as const) {
      it(`${what} is an error whose errorType is ${errorType}`, async () => {
        const name = await deploy({ env: { NEOWS_BASE_URL: await listen(), NASA_API_KEY: key }, runtime })
        const { payload, functionError } = await invoke(name, event)
        expect(functionError).to.equal("Unhandled")
        expect(JSON.parse(payload)).to.include({ errorType })
      })
    }

    it("a rate limit tells retryAfterSeconds in its message's JSON", async () => {
      const url = await listen({ hourlyLimit: 0 })
      const env = { NEOWS_BASE_URL: `${url}/fault/429;retry-after=2870`, NASA_API_KEY: key }
      const { payload } = await invoke(await deploy({ env, runtime }), { page: 1 })
      const { errorType, errorMessage } = JSON.parse(payload)
      expect(errorType).to.equal("RateLimited")
      expect(JSON.parse(errorMessage)).to.include({ retryAfterSeconds: 2870 })
    })

    it("a secret that does not exist is KeyUnavailable, with AWS' name for it", async () => {
      const env = { NEOWS_BASE_URL: await listen(), NASA_API_KEY_SECRET_ID: "no-such-secret" }
      const { payload } = await invoke(await deploy({ env, runtime }), { page: 1 })
      expect(JSON.parse(payload)).to.include({ errorType: "KeyUnavailable" })
      expect(payload).to.include("ResourceNotFoundException").and.not.to.include("no-such-secret")
    })

    it("an API that never answers ends in OutOfTime, at least 500 ms before Lambda's time-out", async () => {
      const env = { NEOWS_BASE_URL: `${await listen()}/fault/hang`, NASA_API_KEY: key }
      const { payload, log } = await invoke(await deploy({ env, runtime, timeout: 3 }), { page: 1 })
      expect(JSON.parse(payload).errorType, payload).to.equal("OutOfTime")
      expect(Number(/"milliseconds":(\d+)/.exec(log)?.[1]), log).to.be.within(2000, 2500)
    })
  })

  describeWith([recordedAnswers], "on recorded answers", () => {
    for (const [file, page, size] of [
      ["browse-page0-2022.json", 0, 20],
      ["browse-page0-2017.json", 0, 20],
      ["browse-page1-size5-2016.json", 1, 5],
    ] as const) {
      it(`gives ${file}, direct and by HTTP, with nothing changed but the key it was recorded with`, async () => {
        const body = recordedAnswer(file)
        const name = await deploy({ env: { NEOWS_BASE_URL: await listen({ answer: { body } }), NASA_API_KEY: key } })
        const compact = JSON.stringify(JSON.parse(body.toString()))
        const expected = compact.replaceAll(/\?api_key=DEMO_KEY(?=")|&api_key=DEMO_KEY/g, "")
        expect(JSON.parse((await invoke(name, { page, size })).payload)).to.deep.equal(JSON.parse(expected))
        const queryStringParameters = { page: `${page}`, size: `${size}` }
        const answer = JSON.parse((await invoke(name, { requestContext: { http: {} }, queryStringParameters })).payload)
        expect(answer.body).to.equal(expected)
      })
    }
  })
})

/** What a custom runtime starts. */
const BOOTSTRAP = `#!/bin/sh
exec '${process.execPath}' '${join(ROOT, "test/support/lambda-base/runtime-client.cjs")}'
`
