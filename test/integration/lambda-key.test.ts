/** The Lambda's bundle in an execution environment, while the Secrets Manager that it reads its key from comes and goes. */
import { mkdtemp, rm } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { pack } from "../../lambda/build.ts"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { ExecutionEnvironment } from "../support/lambda-base/runtime-api.ts"

describe("the Lambda's key", function () {
  this.timeout(60_000)
  const key = freshKey()
  let folder: string
  let standin: Standin
  let secretsManager: Server
  /** What Secrets Manager does with a request. */
  let does: "hang" | "answer"
  let log: string
  let environment: ExecutionEnvironment

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-"))
    await pack(folder)
    standin = await startStandin({ keys: [key] })
    secretsManager = createServer((request, response) => {
      request.resume().on("end", () => {
        if (does === "hang") return
        response.setHeader("content-type", "application/x-amz-json-1.1")
        response.end(JSON.stringify({ Name: "nasa", SecretString: `${key}\n` }))
      })
    })
    await new Promise<void>((done) => secretsManager.listen(0, "127.0.0.1", done))
  })
  after(async () => {
    await standin?.close()
    secretsManager?.closeAllConnections()
    secretsManager?.close()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(async () => {
    log = ""
    environment = await ExecutionEnvironment.open({
      taskRoot: folder,
      handler: "handler.lambdaHandler",
      env: {
        PATH: process.env["PATH"],
        NEOWS_BASE_URL: standin.url,
        NASA_API_KEY_SECRET_ID: "nasa",
        NASA_API_KEY_TTL: "0",
        AWS_ENDPOINT_URL: `http://127.0.0.1:${(secretsManager.address() as AddressInfo).port}`,
        AWS_REGION: "us-east-1",
        AWS_ACCESS_KEY_ID: "none",
        AWS_SECRET_ACCESS_KEY: "none",
      },
      timeout: 3,
      log: (text) => {
        log += text
      },
    })
  })
  afterEach(() => environment.close())

  const pageNumber = async () => {
    const { payload, isError } = await environment.invoke('{"page":1,"size":1}')
    expect(payload + log).not.to.include(key)
    return isError ? JSON.parse(payload).errorType : JSON.parse(payload).page.number
  }

  it("is read again after a read that used up its invocation's time", async () => {
    does = "hang"
    expect(await pageNumber()).to.equal("OutOfTime")
    does = "answer"
    expect(await pageNumber()).to.equal(1)
  })

  it("is used on, with a warning, where it can't be read anew", async () => {
    does = "answer"
    expect(await pageNumber()).to.equal(1)
    does = "hang"
    expect(await pageNumber()).to.equal(1)
    expect(log).to.match(
      /"level":"WARN".*can't be read \(no answer in time\); the key that was read before is used on"/,
    )
  })
})
