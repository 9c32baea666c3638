/**
 * A server of the Lambda Runtime API for tests and benchmarks, and the execution environment that it keeps: a process
 * with a handler in it, started for the first invocation, killed when one takes too long.
 * From the API's public description: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"

/** Bytes of an invocation's answer (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MAX_ANSWER_BYTES = 6 * 1024 * 1024
const ARN = "arn:aws:lambda:us-east-1:000000000000:function:function"

export interface EnvironmentOptions {
  /** Folder of the function's code. */
  readonly taskRoot: string
  /** `file.export`. */
  readonly handler: string
  /** The function's own variables; nothing else of this process' environment goes along. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Seconds until an invocation is killed. */
  readonly timeout: number
  /** Told what the process writes. */
  readonly log?: (text: string) => void
}

/** What an invocation answers: JSON text, and whether it is of an error. */
export interface Invoked {
  readonly payload: string
  readonly isError: boolean
  /** Milliseconds from handing the event over to having the answer. */
  readonly ms: number
}

interface Pending {
  readonly id: string
  readonly event: string
  readonly done: (payload: string, isError: boolean) => void
  deadline: number
  handedAt: number
}

export class ExecutionEnvironment {
  /** Milliseconds from starting the process to its asking for an event; of the latest start. */
  initMs: number | undefined
  readonly #options: EnvironmentOptions
  readonly #server: ReturnType<typeof createServer>
  readonly #waiting: Pending[] = []
  #process: ChildProcess | undefined
  #startedAt = 0
  /** The process' request for its next event. */
  #next: ServerResponse | undefined
  #current: Pending | undefined

  private constructor(options: EnvironmentOptions, server: ReturnType<typeof createServer>) {
    this.#options = options
    this.#server = server
    server.on("request", (request, response) => void this.#answer(request, response))
  }

  static async open(options: EnvironmentOptions): Promise<ExecutionEnvironment> {
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    return new ExecutionEnvironment(options, server)
  }

  /** Starts the process, as a first invocation would, and waits until it asks for an event. */
  async start(): Promise<void> {
    this.#spawn()
    while (this.#next === undefined && this.#process !== undefined) await new Promise((again) => setTimeout(again, 1))
  }

  /** @param event JSON text */
  async invoke(event: string): Promise<Invoked> {
    const asked = performance.now()
    return await new Promise((resolve) => {
      const pending: Pending = {
        id: randomUUID(),
        event,
        deadline: 0,
        handedAt: asked,
        done: (payload, isError) => resolve({ payload, isError, ms: performance.now() - pending.handedAt }),
      }
      this.#waiting.push(pending)
      if (this.#process === undefined) this.#spawn()
      this.#hand()
    })
  }

  async close(): Promise<void> {
    const process = this.#process
    const gone = process && new Promise((done) => process.once("exit", done))
    this.#process = undefined
    process?.kill("SIGKILL")
    await gone
    this.#server.closeAllConnections()
    await new Promise((done) => this.#server.close(done))
  }

  #spawn(): void {
    const { taskRoot, handler, env, log = () => {} } = this.#options
    const { port } = this.#server.address() as AddressInfo
    this.#next = undefined
    this.#startedAt = performance.now()
    const child = spawn(process.execPath, [fileURLToPath(new URL("runtime-client.cjs", import.meta.url))], {
      cwd: taskRoot,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...env,
        AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
        AWS_LAMBDA_FUNCTION_NAME: "function",
        LAMBDA_TASK_ROOT: taskRoot,
        _HANDLER: handler,
      },
    })
    this.#process = child
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => log(chunk.toString()))
    child.once("exit", (code, signal) => {
      if (this.#process !== child) return
      this.#process = undefined
      const failed = this.#current ?? this.#waiting.shift()
      this.#current = undefined
      const errorMessage = `RequestId: ${failed?.id} Error: Runtime exited with error: ${signal ?? `exit status ${code}`}`
      failed?.done(JSON.stringify({ errorType: "Runtime.ExitError", errorMessage }), true)
    })
  }

  #hand(): void {
    if (this.#next === undefined || this.#current !== undefined) return
    const pending = this.#waiting.shift()
    if (pending === undefined) return
    this.#current = pending
    const { timeout } = this.#options
    pending.handedAt = performance.now()
    pending.deadline = Date.now() + timeout * 1000
    const kill = setTimeout(() => this.#kill(pending), timeout * 1000)
    kill.unref()
    this.#next.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": pending.id,
      "lambda-runtime-deadline-ms": `${pending.deadline}`,
      "lambda-runtime-invoked-function-arn": ARN,
    })
    this.#next.end(pending.event)
    this.#next = undefined
  }

  #kill(pending: Pending): void {
    if (this.#current !== pending) return
    const process = this.#process
    this.#process = undefined
    this.#current = undefined
    process?.kill("SIGKILL")
    const errorMessage = `RequestId: ${pending.id} Error: Task timed out after ${this.#options.timeout.toFixed(2)} seconds`
    pending.done(JSON.stringify({ errorType: "Sandbox.Timedout", errorMessage }), true)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").replace("/2018-06-01/runtime/", "")
    const body = await text(request)
    if (path === "invocation/next") {
      this.initMs ??= performance.now() - this.#startedAt
      this.#next = response
      this.#hand()
      return
    }
    const [, id, what] = /^invocation\/([^/]+)\/(response|error)$/.exec(path) ?? []
    if (path === "init/error") {
      response.writeHead(202).end()
      this.#waiting.shift()?.done(body, true)
      return
    }
    if (id === undefined || id !== this.#current?.id) {
      response.writeHead(400).end('{"errorType":"InvalidRequestID"}')
      return
    }
    const { done } = this.#current
    this.#current = undefined
    if (what === "response" && Buffer.byteLength(body) > MAX_ANSWER_BYTES) {
      response.writeHead(413).end()
      const errorMessage = `Response payload size (${Buffer.byteLength(body)} bytes) exceeded maximum allowed payload size`
      done(JSON.stringify({ errorType: "Function.ResponseSizeTooLarge", errorMessage }), true)
      return
    }
    response.writeHead(202).end()
    done(body, what === "error")
  }
}
