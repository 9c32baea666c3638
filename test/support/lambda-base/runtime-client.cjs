/**
 * The other end of the Runtime API, for tests and benchmarks: loads `_HANDLER` from `LAMBDA_TASK_ROOT` and gives it one
 * event after the other. From https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html. Plain JavaScript, since
 * Node's start is measured with it, and taking types away takes time.
 */
const { Agent, request } = require("node:http")
const { resolve } = require("node:path")

const { AWS_LAMBDA_RUNTIME_API: api, LAMBDA_TASK_ROOT: root = ".", _HANDLER: name = "" } = process.env
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
const [file, exported] = name.split(".")

function load() {
  const module = require(resolve(root, file))
  if (typeof module[exported] !== "function") throw new Error(`${name} is undefined or not exported`)
  return module[exported]
}

function call(method, path, body, headers = {}) {
  return new Promise((done, failed) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) }
    const options = { agent, method, headers: { ...headers, ...length } }
    const sent = request(`http://${api}/2018-06-01/runtime/${path}`, options, (response) => {
      const chunks = []
      response.on("data", (chunk) => chunks.push(chunk)).on("error", failed)
      response.on("end", () => done({ headers: response.headers, body: Buffer.concat(chunks).toString() }))
    })
    sent.on("error", failed).end(body)
  })
}

function told({ name: errorType, message: errorMessage, stack = "" }) {
  const body = JSON.stringify({ errorType, errorMessage, trace: stack.split("\n") })
  return [body, { "lambda-runtime-function-error-type": errorType }]
}

async function run() {
  let handler
  try {
    handler = load()
  } catch (error) {
    await call("POST", "init/error", ...told(error))
    process.exit(1)
  }
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next")
    const awsRequestId = headers["lambda-runtime-aws-request-id"]
    const deadline = Number(headers["lambda-runtime-deadline-ms"])
    try {
      const context = { awsRequestId, getRemainingTimeInMillis: () => deadline - Date.now() }
      const answer = await handler(JSON.parse(body), context)
      await call("POST", `invocation/${awsRequestId}/response`, JSON.stringify(answer) ?? "null")
    } catch (error) {
      await call("POST", `invocation/${awsRequestId}/error`, ...told(error))
    }
  }
}

run()
