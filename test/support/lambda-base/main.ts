/**
 * The entrypoint of the test's base image: the invocation endpoint that AWS' own images have when they run outside of
 * Lambda (https://docs.aws.amazon.com/lambda/latest/dg/nodejs-image.html), over an execution environment of ours.
 */
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { ExecutionEnvironment } from "./runtime-api.ts"

const environment = await ExecutionEnvironment.open({
  taskRoot: process.env["LAMBDA_TASK_ROOT"] ?? "/var/task",
  handler: process.argv[2] ?? process.env["_HANDLER"] ?? "",
  env: process.env,
  timeout: Number(process.env["AWS_LAMBDA_FUNCTION_TIMEOUT"] ?? 300),
  log: (text) => process.stderr.write(text),
})
createServer(async (request, response) => {
  const body = await text(request)
  if (request.method !== "POST" || request.url !== "/2015-03-31/functions/function/invocations") {
    response.writeHead(404).end()
    return
  }
  const { payload } = await environment.invoke(body || "{}")
  response.writeHead(200, { "content-type": "application/json" }).end(payload)
}).listen(Number(process.env["PORT"] ?? 8080))
