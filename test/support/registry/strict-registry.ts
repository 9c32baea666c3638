/**
 * A registry for tests, in this process: what the OCI distribution specification 1.1 lets a client rely on and nothing
 * more, with ECR's ways where they are known (immutable tags and its words for them, blobs elsewhere), and faults on order.
 * Not for anything but tests: it keeps all in memory.
 */
import { createHash, randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** What happens to one request in the place of its answer. */
export type Fault =
  /** An answer of this status, before the body is read. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly code?: string }
  /** The connection is cut after so many bytes of a request's body that has more. */
  | { readonly cutAfter: number }
  /** It is done, and the connection cut before the answer. */
  | "lost-answer"
  /** It is done, and the answer tells another digest. */
  | "other-digest"

export interface Logged {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
}

interface Repository {
  readonly blobs: Map<string, Buffer>
  readonly manifests: Map<string, { readonly type: string; readonly bytes: Buffer }>
  readonly tags: Map<string, string>
  readonly uploads: Set<string>
}

const digestOf = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`
const OTHER = `sha256:${"0".repeat(64)}`

export class StrictRegistry {
  readonly requests: Logged[] = []
  /** Uploads under way at once, at most. */
  mostUploads = 0
  /** Connections that were opened. */
  connections = 0
  readonly #repositories = new Map<string, Repository>()
  readonly #faults: { readonly matches: RegExp; readonly fault: Fault }[] = []
  readonly #authorization: string
  readonly #server: Server
  /** Where blobs are read, as ECR reads them from S3: another origin, which takes no Authorization. */
  readonly #store: Server
  #uploads = 0
  #held: { readonly uploads: number; readonly over: PromiseWithResolvers<void> } | undefined

  private constructor(authorization: string) {
    this.#authorization = authorization
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
    this.#server.on("connection", () => {
      this.connections += 1
    })
    this.#store = createServer((request, response) => {
      const [, name = "", digest = ""] = /^\/(.+)\/(sha256:\w+)$/.exec(request.url ?? "") ?? []
      if (request.headers.authorization !== undefined) response.writeHead(400).end("only one auth mechanism allowed")
      else response.end(this.#repositories.get(name)?.blobs.get(digest))
    })
  }

  /** @param authorization the header that every request must have */
  static async start(authorization: string): Promise<StrictRegistry> {
    const registry = new StrictRegistry(authorization)
    await Promise.all([registry.#server, registry.#store].map((one) => once(one.listen(0, "127.0.0.1"), "listening")))
    return registry
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  repository(name: string): Repository {
    const made = this.#repositories.get(name) ?? {
      blobs: new Map(),
      manifests: new Map(),
      tags: new Map(),
      uploads: new Set(),
    }
    this.#repositories.set(name, made)
    return made
  }

  /** The next request whose "METHOD path" matches has the fault instead; faults wait in order, one for a request. */
  fault(matches: RegExp, fault: Fault): void {
    this.#faults.push({ matches, fault })
  }

  /** No upload is answered until so many are under way at once; thereafter all are. */
  hold(uploads: number): void {
    this.#held = { uploads, over: Promise.withResolvers() }
  }

  /** Faults that nothing met. */
  get faultsLeft(): number {
    return this.#faults.length
  }

  async close(): Promise<void> {
    for (const server of [this.#server, this.#store]) {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", headers } = request
    const url = new URL(request.url ?? "", `http://${this.host}`)
    this.requests.push({ method, path: url.pathname, authorization: headers.authorization })
    const size = Number(headers["content-length"] ?? 0)
    const at = this.#faults.findIndex(
      ({ matches, fault }) =>
        matches.test(`${method} ${url.pathname}`) &&
        !(typeof fault === "object" && "cutAfter" in fault && size <= fault.cutAfter),
    )
    const fault = at === -1 ? undefined : this.#faults.splice(at, 1)[0]?.fault
    if (method === "PUT" && url.pathname.includes("/blobs/uploads/")) {
      this.#uploads += 1
      this.mostUploads = Math.max(this.mostUploads, this.#uploads)
      response.once("close", () => {
        this.#uploads -= 1
      })
      if (this.#uploads === this.#held?.uploads) this.#held.over.resolve()
      await this.#held?.over.promise
    }
    if (typeof fault === "object" && "status" in fault) {
      send(response, failed(fault.status, fault.code ?? "UNKNOWN", "a fault of the test", fault.headers))
      return
    }
    const body: Buffer[] = []
    let length = 0
    for await (const chunk of request) {
      body.push(chunk as Buffer)
      length += (chunk as Buffer).length
      if (typeof fault === "object" && length >= fault.cutAfter) {
        request.socket.destroy()
        return
      }
    }
    const reply = this.#reply({ method, url, headers, body: Buffer.concat(body) })
    if (fault === "lost-answer") response.destroy()
    else if (fault === "other-digest") send(response, { ...reply, headers: { "docker-content-digest": OTHER } })
    else send(response, reply)
  }

  #reply(asked: Asked): Reply {
    const { method, url, headers } = asked
    if (headers.authorization !== this.#authorization) return failed(401, "UNAUTHORIZED", "no")
    const [, name = "", kind, reference = ""] = /^\/v2\/(.+?)\/(blobs|manifests)\/(.*)$/.exec(url.pathname) ?? []
    const repository = this.#repositories.get(name)
    if (repository === undefined) {
      return failed(404, "NAME_UNKNOWN", `The repository with name '${name}' does not exist in the registry`)
    }
    if (kind === "manifests") {
      return method === "PUT" ? putManifest(asked, repository, name, reference) : manifest(asked, repository, reference)
    }
    if (reference.startsWith("uploads/")) return upload(asked, repository, name, reference.slice("uploads/".length))
    const blob = repository.blobs.get(reference)
    if (blob === undefined) return failed(404, "BLOB_UNKNOWN", reference)
    if (method === "GET") {
      const { port } = this.#store.address() as AddressInfo
      return { status: 307, headers: { location: `http://127.0.0.1:${port}/${name}/${reference}` } }
    }
    return { status: 200, headers: { "content-length": blob.length, "docker-content-digest": reference } }
  }
}

interface Asked {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage["headers"]
  readonly body: Buffer
}

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body?: Buffer | string
}

function upload({ method, url, headers, body }: Asked, repository: Repository, name: string, id: string): Reply {
  if (method === "POST" && id === "") {
    const session = randomUUID()
    repository.uploads.add(session)
    // Relative, with a query whose every byte counts.
    const location = `/v2/${name}/blobs/uploads/${session}?_state=a%2Bb=c+d~`
    return { status: 202, headers: { location, "content-length": 0 } }
  }
  if (method !== "PUT") return failed(405, "UNSUPPORTED", method)
  if (!repository.uploads.delete(id)) return failed(404, "BLOB_UPLOAD_UNKNOWN", id)
  if (!url.search.startsWith("?_state=a%2Bb=c+d~&digest=sha256:")) {
    return failed(400, "BLOB_UPLOAD_INVALID", "the upload's address was changed")
  }
  if (headers["content-type"] !== "application/octet-stream" || headers["content-length"] === undefined) {
    return failed(400, "SIZE_INVALID", "Content-Type and Content-Length are required")
  }
  const digest = url.searchParams.get("digest") ?? ""
  if (digestOf(body) !== digest) return failed(400, "DIGEST_INVALID", "not what the digest says")
  repository.blobs.set(digest, body)
  return { status: 201, headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest } }
}

function putManifest({ headers, body }: Asked, repository: Repository, name: string, reference: string): Reply {
  const digest = digestOf(body)
  const content = JSON.parse(body.toString())
  const type = headers["content-type"] ?? ""
  if (content.mediaType !== undefined && content.mediaType !== type) {
    return failed(400, "MANIFEST_INVALID", "Content-Type is not the manifest's mediaType")
  }
  const blobs = [content.config, ...(content.layers ?? [])].filter(Boolean) as { digest: string }[]
  const manifests = (content.manifests ?? []) as { digest: string }[]
  const unknown =
    blobs.find((one) => !repository.blobs.has(one.digest)) ??
    manifests.find((one) => !repository.manifests.has(one.digest))
  if (unknown) return failed(404, "MANIFEST_BLOB_UNKNOWN", unknown.digest)
  if (!reference.includes(":")) {
    const held = repository.tags.get(reference)
    if (held !== undefined && held !== digest) {
      const already = `The image tag '${reference}' already exists in the '${name}' repository`
      return failed(400, "TAG_INVALID", `${already} and cannot be overwritten because the tag is immutable.`)
    }
    repository.tags.set(reference, digest)
  } else if (reference !== digest) return failed(400, "DIGEST_INVALID", "not what the digest says")
  repository.manifests.set(digest, { type, bytes: body })
  return { status: 201, headers: { "docker-content-digest": digest } }
}

function manifest({ method, headers }: Asked, repository: Repository, reference: string): Reply {
  const digest = reference.includes(":") ? reference : repository.tags.get(reference)
  const held = repository.manifests.get(digest ?? "")
  if (held === undefined || digest === undefined) return failed(404, "MANIFEST_UNKNOWN", reference)
  if (!String(headers.accept).includes(held.type)) return failed(404, "MANIFEST_UNKNOWN", "of a type not accepted")
  return {
    status: 200,
    headers: { "content-type": held.type, "content-length": held.bytes.length, "docker-content-digest": digest },
    ...(method === "HEAD" ? {} : { body: held.bytes }),
  }
}

function failed(status: number, code: string, message: string, headers = {}): Reply {
  const body = JSON.stringify({ errors: [{ code, message }] })
  return { status, headers: { "content-type": "application/json", ...headers }, body }
}

function send(response: ServerResponse, { status, headers, body }: Reply): void {
  response.writeHead(status, headers).end(body)
}
