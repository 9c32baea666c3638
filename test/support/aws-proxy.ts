/**
 * A plain HTTP proxy in front of an emulator of AWS: writes down the actions that come by, as IAM names them, and answers
 * in the emulator's place where a test says so. Signatures stay whole: the `Host` that was signed is passed on.
 */
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse, request as send } from "node:http"
import type { AddressInfo } from "node:net"

export interface Call {
  /** Such as `ecs:DescribeServices`; `GET /path` for what is no action of an API. */
  readonly action: string
  /** Access key id that signed it, or undefined where nothing did. */
  readonly signer: string | undefined
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Reply {
  readonly status: number
  /** Of JSON 1.1 unless told; empty for none. */
  readonly type?: string
  /** Besides the type. */
  readonly headers?: Readonly<IncomingHttpHeaders>
  readonly body: string | Buffer
}

/** `cut` ends the connection with no answer, `silence` keeps it open. */
export type Ending = Reply | "cut" | "silence"

/**
 * Undefined passes the call on.
 *
 * @param next what would be answered otherwise, which then has happened
 */
export type Answer = (
  call: Call,
  nth: number,
  next: () => Promise<Ending>,
) => Ending | undefined | Promise<Ending | undefined>

interface Said {
  readonly action: string | undefined
  readonly answer: Answer
  nth: number
}

export class AwsProxy {
  readonly calls: Call[] = []
  readonly url: string
  readonly #server: Server
  readonly #target: URL
  readonly #answers: Said[] = []

  private constructor(server: Server, target: string) {
    this.#server = server
    this.#target = new URL(target)
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on("request", (request, response) => {
      const chunks: Buffer[] = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const bytes = Buffer.concat(chunks)
        const call = callOf(request.method ?? "", request.url ?? "", request.headers, bytes.toString("latin1"))
        this.calls.push(call)
        this.#serve(call, bytes, response).catch(() => response.destroy())
      })
    })
  }

  static async open(target: string): Promise<AwsProxy> {
    // An engine's tunnel does not tell a container that an idle connection was closed: a call on it would get no answer.
    const server = createServer({ keepAliveTimeout: 0 })
    await once(server.listen(0, "127.0.0.1"), "listening")
    return new AwsProxy(server, target)
  }

  /** From here on, before what was said earlier. @param action undefined for every call */
  on(action: string | undefined, answer: Answer): void {
    this.#answers.unshift({ action, answer, nth: 0 })
  }

  /** Takes the last `on` back, and forgets the calls. */
  off(): void {
    this.#answers.shift()
    this.forget()
  }

  forget(): void {
    this.calls.length = 0
  }

  /** The actions that came by, once each, in order of their names. */
  actions(signer?: string): string[] {
    const of = this.calls.filter((call) => signer === undefined || call.signer === signer)
    return [...new Set(of.map(({ action }) => action))].sort()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, "close")
  }

  async #serve(call: Call, bytes: Buffer, response: ServerResponse): Promise<void> {
    const reply = await this.#ending([...this.#answers], call, bytes)
    if (reply === "cut") return void response.socket?.destroy()
    if (reply === "silence") return
    const type = reply.type === "" ? {} : { "content-type": reply.type ?? "application/x-amz-json-1.1" }
    response.writeHead(reply.status, { ...type, ...reply.headers })
    response.end(reply.body)
  }

  async #ending([first, ...rest]: readonly Said[], call: Call, bytes: Buffer): Promise<Ending> {
    if (first === undefined) return await this.pass(call, bytes)
    if (first.action !== undefined && first.action !== call.action) return await this.#ending(rest, call, bytes)
    let made: Promise<Ending> | undefined
    const next = () => {
      made ??= this.#ending(rest, call, bytes)
      return made
    }
    return (await first.answer(call, first.nth++, next)) ?? (await next())
  }

  /** The emulator's own answer. */
  async pass(call: Call, bytes: Buffer = Buffer.from(call.body, "latin1")) {
    const upstream = send({
      host: this.#target.hostname,
      port: this.#target.port,
      method: call.method,
      path: call.path,
      headers: call.headers,
    })
    upstream.end(bytes)
    const [answer] = await once(upstream, "response")
    const parts: Buffer[] = []
    for await (const part of answer) parts.push(part as Buffer)
    const { "transfer-encoding": _, ...headers } = answer.headers as IncomingHttpHeaders
    const type = headers["content-type"] ?? ""
    return { status: answer.statusCode as number, type, headers, body: Buffer.concat(parts) }
  }
}

/** An error as the Query protocol tells it. Source: CloudFormation API reference, “Common Errors”. */
export function queryError(code: string, message: string, status = 400): Reply {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`
  return { status, type: "text/xml", body: `<ErrorResponse>${error}<RequestId>any</RequestId></ErrorResponse>` }
}

function callOf(method: string, path: string, headers: IncomingHttpHeaders, body: string): Call {
  const [, signer, service = ""] = /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? "") ?? []
  const target = headers["x-amz-target"]?.toString().split(".").at(-1)
  const form = new URLSearchParams(body).get("Action") ?? undefined
  const rpc = /\/operation\/(\w+)$/.exec(path)?.[1]
  const name = target ?? form ?? rpc ?? restAction(service, method, path)
  const prefix = service || (form?.startsWith("AssumeRole") ? "sts" : "")
  const action = name === undefined || prefix === "" ? `${method} ${path}` : `${prefix}:${name}`
  return { action, signer, method, path, headers, body }
}

/** Below `/functions/<name>`. Source: Lambda API reference, “Request syntax” of each. */
const LAMBDA: Readonly<Record<string, string>> = {
  "GET ": "GetFunction",
  "DELETE ": "DeleteFunction",
  "GET /configuration": "GetFunctionConfiguration",
  "PUT /configuration": "UpdateFunctionConfiguration",
  "PUT /code": "UpdateFunctionCode",
  "GET /versions": "ListVersionsByFunction",
  "POST /versions": "PublishVersion",
  "GET /aliases": "ListAliases",
  "POST /aliases": "CreateAlias",
  "GET /aliases/one": "GetAlias",
  "PUT /aliases/one": "UpdateAlias",
  "DELETE /aliases/one": "DeleteAlias",
  "POST /invocations": "InvokeFunction",
}

/** Source: S3 API reference; of Lambda, as above. */
function restAction(service: string, method: string, path: string): string | undefined {
  const { pathname, searchParams } = new URL(path, "http://host")
  if (service === "lambda") {
    const found = /\/functions(?:\/([^/]+)(?:(\/[a-z]+)(\/[^/]+)?)?)?\/?$/.exec(pathname)
    const [, name, part = "", one] = found ?? []
    if (found !== null && name === undefined) return method === "GET" ? "ListFunctions" : "CreateFunction"
    const named = LAMBDA[`${method} ${part}${one === undefined ? "" : "/one"}`]
    if (found !== null && named !== undefined) return named
  }
  if (service === "s3") {
    if (searchParams.has("location")) return "GetBucketLocation"
    if (searchParams.has("encryption")) return "GetEncryptionConfiguration"
    if (searchParams.has("list-type")) return "ListBucket"
    if (method === "PUT") return "PutObject"
    if (method === "GET" || method === "HEAD") return "GetObject"
  }
  return undefined
}
