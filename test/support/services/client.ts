/** An HTTP client for the suites that holds every answer against the service's own OpenAPI document. */
import { strict as assert } from "node:assert"
import { Agent, request } from "node:http"
import { Ajv2020 } from "ajv/dist/2020.js"
import ajvFormats from "ajv-formats"

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  /** Parsed where the answer is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a suite looks at what came, whatever it is
  readonly body: any
}

export interface Call {
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** Sent as JSON, with its content type. */
  readonly json?: unknown
  /** Sent as it is. */
  readonly body?: string | Buffer
  readonly agent?: Agent
}

interface OpenApi {
  readonly openapi: string
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >
  readonly components: { readonly schemas: Record<string, object> }
}

export class Client {
  readonly origin: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  #document: OpenApi | undefined
  #ajv: Ajv2020 | undefined
  /** `GET /api/users 200` and so on: what has been seen and conforms. */
  readonly seen = new Set<string>()

  constructor(origin: string) {
    this.origin = origin
  }

  /** From here on answers under `/api` are checked against the document that the service gives of itself. */
  async useDocument(): Promise<OpenApi> {
    const { body } = await this.send("GET", "/docs/json")
    this.#document = body as OpenApi
    this.#ajv = new Ajv2020({ strict: false })
    ajvFormats.default(this.#ajv)
    this.#ajv.addSchema(body, "document")
    return this.#document
  }

  get document(): OpenApi {
    assert(this.#document, "useDocument() first")
    return this.#document
  }

  async send(method: string, path: string, { token, headers = {}, json, body, agent }: Call = {}): Promise<Answer> {
    const sent = json === undefined ? body : JSON.stringify(json)
    const all: Record<string, string | string[]> = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...(sent === undefined ? {} : { "content-length": String(Buffer.byteLength(sent)) }),
      ...headers,
    }
    const answer = await this.#exchange(method, path, all, sent, agent ?? this.#agent)
    if (this.#document !== undefined && path.startsWith("/api") && method !== "HEAD")
      this.#conforms(method, path, answer)
    return answer
  }

  close(): void {
    this.#agent.destroy()
  }

  #exchange(
    method: string,
    path: string,
    headers: Record<string, string | string[]>,
    body: string | Buffer | undefined,
    agent: Agent,
  ) {
    return new Promise<Answer>((resolve, reject) => {
      const { hostname, port } = new URL(this.origin)
      const outgoing = request({ hostname, port, method, path, headers, agent }, (incoming) => {
        const chunks: Buffer[] = []
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
        incoming.on("error", reject)
        incoming.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8")
          const isJson = /json/.test(incoming.headers["content-type"] ?? "") && text !== ""
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers as Answer["headers"],
            text,
            body: isJson ? JSON.parse(text) : undefined,
          })
        })
      })
      outgoing.on("error", reject)
      outgoing.end(body)
    })
  }

  /** Status, media type and body are what the document says of this operation. */
  #conforms(method: string, path: string, answer: Answer): void {
    const bare = (path.split("?")[0] ?? "").replace(/(.)\/$/, "$1")
    const template = Object.keys(this.document.paths)
      // A literal segment goes before a parameter, as in the router.
      .sort((a, b) => (a.match(/\{/g)?.length ?? 0) - (b.match(/\{/g)?.length ?? 0))
      .find((one) => new RegExp(`^${one.replace(/\{[^}]+\}/g, "[^/]+")}$`).test(bare))
    const operation = template === undefined ? undefined : this.document.paths[template]?.[method.toLowerCase()]
    if (template === undefined || operation === undefined) {
      assert(
        answer.status >= 400 && answer.status < 500,
        `${method} ${path} is not documented and answered ${answer.status}`,
      )
      return
    }
    const label = `${method} ${template} ${answer.status}`
    const documented = operation.responses[String(answer.status)]
    assert(documented, `${label} is not documented`)
    if (documented.content === undefined || answer.status === 204 || answer.status === 304) {
      assert.equal(answer.text, "", `${label} has a body`)
    } else {
      const type = (answer.headers["content-type"] ?? "").split(";")[0] ?? ""
      const media = documented.content[type]
      assert(media, `${label}: ${type} is not documented`)
      const pointer = [
        "paths",
        template,
        method.toLowerCase(),
        "responses",
        String(answer.status),
        "content",
        type,
        "schema",
      ]
        .map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1"))
        .map(encodeURIComponent)
        .join("/")
      const validate = this.#ajv?.getSchema(`document#/${pointer}`)
      assert(validate, `${label}: no schema`)
      assert(
        validate(answer.body),
        `${label} does not conform: ${JSON.stringify(validate.errors)} ${answer.text.slice(0, 300)}`,
      )
    }
    this.seen.add(label)
  }
}
