/**
 * A repository of an image registry, by the OCI distribution specification 1.1: what is there, and pushing what is not.
 * ECR answers it at the repository's URI.
 */
import { createReadStream } from "node:fs"
import { Agent, type Dispatcher, request } from "undici"
import { type Blob, DOCUMENT_TYPES, type Document, isIndex, MAX_DOCUMENT, platformOf, sha256 } from "./image-archive.ts"
import { Masking } from "./masking.ts"
import { EXIT, Refusal } from "./refusal.ts"

/** Uploads at once to one registry. */
const CONNECTIONS = 4
const ATTEMPTS = 6
/** Milliseconds: a wait's upper bound doubles from the first to the second. */
const SHORTEST_WAIT = 500
const LONGEST_WAIT = 20_000
/** Milliseconds without a byte until an attempt is given up: a registry checks a layer's digest before it answers. */
const SILENCE = 120_000
const MAX_REDIRECTS = 3

/** Answers that a later attempt may better. Source: RFC 9110, RFC 6585. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504])
/** Errors of the specification that concern one upload, not the blob: it begins anew. */
const UPLOAD_LOST = new Set(["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID"])

export interface RegistrySettings {
  /** The header's value; never told. */
  readonly authorization: string
  readonly signal: AbortSignal
  /** One line of progress. */
  readonly say: (line: string) => void
  /** Waits so many milliseconds. */
  readonly pause: (ms: number) => Promise<unknown>
  readonly random?: () => number
}

/** What went wrong this time, and may not the next. */
class Passing extends Error {
  override readonly name = "Passing"
  /** Seconds that the registry asks to wait. */
  readonly retryAfter: number

  constructor(message: string, { retryAfter = 0, ...options }: ErrorOptions & { retryAfter?: number } = {}) {
    super(message, options)
    this.retryAfter = retryAfter
  }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly url: URL
}

interface Asked {
  readonly method: Dispatcher.HttpMethod
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: () => Dispatcher.DispatchOptions["body"]
  /** Statuses that are an answer; any other is an error. */
  readonly expected: readonly number[]
}

/** Connections to registries, shared by a run's repositories; the caller closes it. */
export function connections(): Agent {
  return new Agent({ connections: CONNECTIONS, headersTimeout: SILENCE, bodyTimeout: SILENCE })
}

/**
 * Where a repository's registry is. Plain HTTP goes to loopback, or to a host name without dots as containers call each
 * other, and nowhere else: ECR's names have dots, so its token always travels encrypted.
 *
 * @param uri as ECR gives it: `<host>/<name>`
 */
export function registryOf(uri: string): { readonly origin: URL; readonly name: string } {
  const [, host, name] = /^([a-zA-Z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)\/([a-z0-9][a-z0-9._/-]*)$/.exec(uri) ?? []
  if (host === undefined || name === undefined) {
    throw new Refusal(EXIT.failed, `${JSON.stringify(uri)} is no repository's URI: <host>/<name> is expected`)
  }
  return { origin: new URL(`${isNear(host) ? "http" : "https"}://${host}`), name }
}

function isNear(host: string): boolean {
  const name = host.replace(/:\d+$/, "")
  return name === "[::1]" || /^127(\.\d{1,3}){3}$/.test(name) || /^[a-zA-Z][a-zA-Z0-9-]*$/.test(name)
}

export class Registry {
  /** `<host>/<name>`. */
  readonly uri: string
  readonly #base: URL
  readonly #dispatcher: Dispatcher
  readonly #settings: RegistrySettings
  readonly #masking = new Masking()

  constructor(uri: string, dispatcher: Dispatcher, settings: RegistrySettings) {
    const { origin, name } = registryOf(uri)
    this.uri = uri
    this.#base = new URL(`/v2/${name}/`, origin)
    this.#dispatcher = dispatcher
    this.#settings = settings
    this.#masking.add(settings.authorization.replace(/^\w+ /, ""))
  }

  /** The digest under a tag, or nothing. */
  async digestOf(tag: string): Promise<string | undefined> {
    const { status, headers } = await this.#ask(`asking for ${tag}`, {
      method: "HEAD",
      url: this.#at(`manifests/${tag}`),
      headers: { accept: DOCUMENT_TYPES.join(", ") },
      expected: [200, 404],
    })
    if (status === 404) return undefined
    const digest = headers["docker-content-digest"]
    return typeof digest === "string" ? digest : sha256((await this.#document(tag)).body)
  }

  /** Platforms of the image that is there: one, or an index's. */
  async platforms(digest: string): Promise<string[]> {
    const { body, headers } = await this.#document(digest)
    const content = JSON.parse(body.toString())
    const type = String(content.mediaType ?? headers["content-type"])
    if (isIndex(type)) {
      const all = (content.manifests ?? []).map((entry: { platform?: object }) => platformOf({ ...entry.platform }))
      return all.filter((platform: unknown) => platform !== undefined)
    }
    const config = await this.#ask("reading an image's configuration", {
      method: "GET",
      url: this.#at(`blobs/${content.config.digest}`),
      expected: [200],
    })
    const platform = platformOf(JSON.parse(config.body.toString()))
    return platform === undefined ? [] : [platform]
  }

  /**
   * Uploads a blob unless it is there.
   *
   * @returns whether it was uploaded
   */
  async push(blob: Blob): Promise<boolean> {
    let uploaded = false
    await this.#attempts(`uploading ${blob.digest}`, async () => {
      uploaded = false
      // At every attempt: the one before may have arrived, and only its answer been lost.
      const url = this.#at(`blobs/${blob.digest}`)
      // A redirect is to where the registry keeps what it has.
      const { status } = await this.#once({ method: "HEAD", url, expected: [200, 307, 404] })
      if (status !== 404) return
      await this.#upload(blob)
      uploaded = true
    })
    return uploaded
  }

  /**
   * Writes a manifest or an index; all that it refers to must be there.
   *
   * @param tag a new one; without it the document is found by its digest alone
   * @throws Refusal the tag is another image's
   */
  async put({ mediaType, digest, bytes }: Document, tag?: string): Promise<void> {
    const doing = `writing the manifest ${tag ?? digest}`
    const answer = await this.#ask(doing, {
      method: "PUT",
      url: this.#at(`manifests/${tag ?? digest}`),
      headers: { "content-type": mediaType },
      body: () => bytes,
      expected: [200, 201, 202, 400, 409],
    })
    if (answer.status >= 400) {
      // ECR: TAG_INVALID, "The image tag '…' already exists in the '…' repository and cannot be overwritten because …".
      const held =
        tag !== undefined && /TAG_INVALID|immutable/i.test(answer.body.toString()) && (await this.digestOf(tag))
      if (!held) throw this.#refusal(answer)
      if (held === digest) return
      const what = `the tag ${tag} is another image's already, ${held}, and tags are immutable`
      throw new Refusal(EXIT.failed, `${this.uri}: ${what}; commit anew, or run again to go with what is there`)
    }
    const told = answer.headers["docker-content-digest"] ?? (tag === undefined ? digest : await this.digestOf(tag))
    if (told !== digest) {
      throw new Refusal(
        EXIT.failed,
        `${this.uri}: the registry holds ${this.#oneLine(String(told))} where ${digest} was pushed; trust nothing under ${tag ?? "it"}`,
      )
    }
  }

  /** In one piece: what registries all know, and what resumes by beginning this one blob anew. */
  async #upload({ digest, size, path }: Blob): Promise<void> {
    const session = await this.#once({ method: "POST", url: this.#at("blobs/uploads/"), expected: [202] })
    const location = session.headers["location"]
    if (typeof location !== "string") {
      throw new Refusal(EXIT.failed, `${this.uri}: the registry opens an upload and does not say where`)
    }
    const url = new URL(location, session.url)
    // Not by searchParams: they would write anew what the registry wrote.
    url.search += `${url.search === "" ? "?" : "&"}digest=${digest}`
    const { headers } = await this.#once({
      method: "PUT",
      url,
      headers: { "content-type": "application/octet-stream", "content-length": `${size}` },
      body: () => createReadStream(path),
      expected: [201],
    })
    const told = headers["docker-content-digest"]
    if (told !== undefined && told !== digest) {
      const stored = this.#oneLine(String(told))
      throw new Refusal(EXIT.failed, `${this.uri}: the registry stored ${stored} where ${digest} was uploaded`)
    }
  }

  async #document(reference: string): Promise<Answer> {
    return await this.#ask(`reading ${reference}`, {
      method: "GET",
      url: this.#at(`manifests/${reference}`),
      headers: { accept: DOCUMENT_TYPES.join(", ") },
      expected: [200],
    })
  }

  #at(path: string): URL {
    return new URL(path, this.#base)
  }

  async #ask(doing: string, asked: Asked): Promise<Answer> {
    return await this.#attempts(doing, () => this.#once(asked))
  }

  /** Tries again what may pass, after a wait with full jitter or the one that the registry asks for. */
  async #attempts<Result>(doing: string, work: () => Promise<Result>): Promise<Result> {
    const { signal, say, pause, random = Math.random } = this.#settings
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted()
      try {
        return await work()
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof Passing)) throw error
        if (attempt === ATTEMPTS) {
          const what = `${this.uri}: ${doing}: ${error.message}, ${ATTEMPTS} times`
          throw new Refusal(EXIT.unreachable, `${what}; run again: what was uploaded stays`, { cause: error })
        }
        const jittered = random() * Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** attempt)
        say(`${this.uri}: ${doing}: ${error.message}; again`)
        await pause(Math.max(jittered, Math.min(LONGEST_WAIT, error.retryAfter * 1000)))
      }
    }
  }

  async #once(asked: Asked): Promise<Answer> {
    let { url } = asked
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#send({ ...asked, url })
      const { status, headers } = answer
      if (asked.expected.includes(status)) return answer
      const { location } = headers
      if (asked.method === "GET" && status >= 301 && status <= 308 && typeof location === "string") {
        if (redirects === MAX_REDIRECTS) throw new Refusal(EXIT.failed, `${this.uri}: redirects without end`)
        url = new URL(location, url)
        continue
      }
      const { codes, text } = this.#errorsOf(answer)
      const passing = PASSING.has(status) || (asked.url.search !== "" && codes.some((code) => UPLOAD_LOST.has(code)))
      if (passing) throw new Passing(`${status} ${text}`.trim(), { retryAfter: Number(headers["retry-after"]) || 0 })
      throw this.#refusal(answer, asked.method === "HEAD")
    }
  }

  async #send({ method, url, headers = {}, body }: Asked): Promise<Answer> {
    const own = url.origin === this.#base.origin
    if (!own && url.protocol !== "https:" && !isNear(url.host)) {
      throw new Refusal(EXIT.failed, `${this.uri}: the registry leads to ${url.origin}, which is not encrypted`)
    }
    try {
      const answered = await request(url, {
        dispatcher: this.#dispatcher,
        method,
        signal: this.#settings.signal,
        // To the registry alone: where it leads, the address has what is needed.
        headers: { ...headers, ...(own ? { authorization: this.#settings.authorization } : {}) },
        body: body?.() ?? null,
        // undici closes the connection after a HEAD unless told not to: a TLS handshake for every layer.
        reset: false,
      })
      const chunks: Buffer[] = []
      let length = 0
      for await (const chunk of answered.body) {
        length += (chunk as Buffer).length
        if (length > MAX_DOCUMENT)
          throw new Refusal(EXIT.failed, `${this.uri}: an answer of over ${MAX_DOCUMENT} bytes`)
        chunks.push(chunk as Buffer)
      }
      return { status: answered.statusCode, headers: answered.headers, body: Buffer.concat(chunks), url }
    } catch (cause) {
      if (cause instanceof Refusal || this.#settings.signal.aborted) throw cause
      const { code = "", message } = cause as NodeJS.ErrnoException
      if (/CERT|TLS|SIGNATURE|ENOTFOUND/.test(code)) {
        throw new Refusal(EXIT.unreachable, `${this.uri}: ${url.host} can't be reached (${code})`, { cause })
      }
      throw new Passing(`${url.host} can't be reached (${code || this.#oneLine(message)})`, { cause })
    }
  }

  #refusal(answer: Answer, head = false): Refusal {
    const { status, url } = answer
    const { codes, text } = this.#errorsOf(answer)
    const said = `${this.uri}: the registry answers ${status}${text === "" ? "" : `: ${text}`}`
    if (status === 401 || status === 403) {
      // An answer to HEAD has no words.
      const asked = url.pathname.includes("/blobs/") ? "ecr:BatchCheckLayerAvailability" : "ecr:BatchGetImage"
      return new Refusal(EXIT.credentials, head ? `${said} to what needs ${asked}` : said)
    }
    if (codes.includes("NAME_UNKNOWN")) return new Refusal(EXIT.noStack, `${said}; deploy the delivery stack`)
    return new Refusal(EXIT.failed, said)
  }

  /** Source: OCI distribution specification, “Error Codes”. */
  #errorsOf({ body }: Answer): { readonly codes: readonly string[]; readonly text: string } {
    try {
      const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message?: string }[] }
      const text = errors.map(({ code, message = "" }) => `${code} ${message}`.trim()).join(", ")
      return { codes: errors.map(({ code }) => code), text: this.#oneLine(text) }
    } catch {
      return { codes: [], text: "" }
    }
  }

  /** Another's words, for a person: one line, of a length, and nothing secret. */
  #oneLine(text: string): string {
    return this.#masking
      .mask(text)
      .replaceAll(/[\s\x00-\x1f\x7f]+/g, " ")
      .trim()
      .slice(0, 300)
  }
}
