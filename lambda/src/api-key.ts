/** The API key of this execution environment: read once, shared, kept for a while, read anew when NASA rejects it. */
import { type Clock, isApiKey } from "@perigee/app/neows"
import { KeyUnavailable } from "./errors.ts"
import type { KeySource } from "./settings.ts"

/** Gives the text of a secret or parameter; lets go of it when the signal aborts. */
export type ReadText = (source: Exclude<KeySource, { kind: "variable" }>, signal: AbortSignal) => Promise<string>

/** Milliseconds for a read, the SDK's three attempts together, and for whoever waits for it. */
const READ_MS = 5000
/** Milliseconds to wait for one where there is a key to fall back on, and the part of the time left that it may take. */
const REFRESH_MS = 1000
const REFRESH_PART = 1 / 2
/** Milliseconds for which a key that could not be read anew is used on, at most its time-to-live, before it is tried again. */
const PUT_OFF_MS = 30_000

export interface ApiKeyOptions {
  readonly keySource: KeySource
  /** Member that holds the key where the text is a JSON object. */
  readonly keyField: string
  /** Milliseconds. */
  readonly keyTtlMs: number
}

/** Who wants a key. */
export interface Asker {
  /**
   * A read for which nobody waits any more is stopped and forgotten: in an environment that Lambda froze after a time-out
   * it would be dead, and the next to ask must not wait for it.
   */
  readonly signal?: AbortSignal
  /** Milliseconds that are left for everything. Default: no end. */
  readonly leftMs?: number
  /** Told that the key is an old one, and why. */
  readonly warn?: (message: string) => void
}

interface Kept {
  readonly key: string
  /** Milliseconds since 1970 between which it is good. */
  readonly from: number
  readonly until: number
}

/** A read under way, or over, and how many wait for it. */
interface Reading {
  readonly key: Promise<string>
  readonly stop: AbortController
  /** The key whose rejection it came after, if it came after one. */
  readonly rejected: string | undefined
  waiting: number
  isOver: boolean
}

export class ApiKey {
  readonly #options: ApiKeyOptions
  readonly #clock: Clock
  readonly #read: ReadText
  #kept: Kept | undefined
  /** The read under way, which everybody who wants a key waits for. */
  #reading: Reading | undefined

  constructor(options: ApiKeyOptions, clock: Clock, read: ReadText) {
    this.#options = options
    this.#clock = clock
    this.#read = read
  }

  /**
   * The key, read anew when its time is over. Where that fails the old one is used on: NASA takes it for as long as it
   * was not rotated, and says so if it was.
   *
   * @throws KeyUnavailable
   */
  async current({ signal, warn, leftMs = Number.POSITIVE_INFINITY }: Asker = {}): Promise<string> {
    const { keySource, keyTtlMs } = this.#options
    if (keySource.kind === "variable") return keySource.key
    const kept = this.#kept
    if (kept === undefined) return await this.#anew(READ_MS, signal)
    const now = this.#clock.now()
    // A clock that was set back makes it read again, too.
    if (now >= kept.from && now < kept.until) return kept.key
    try {
      return await this.#anew(Math.min(REFRESH_MS, leftMs * REFRESH_PART), signal)
    } catch (error) {
      if (!(error instanceof KeyUnavailable)) throw error
      const from = this.#clock.now()
      // Unless another has read it, or put it off, meanwhile.
      if (this.#kept === kept) {
        this.#kept = { key: kept.key, from, until: from + Math.min(keyTtlMs, PUT_OFF_MS) }
      }
      warn?.(`${error.message}; the key that was read before is used on`)
      return this.#kept?.key ?? kept.key
    }
  }

  /**
   * The key after one was rejected: read anew, unless another invocation has done so since. A read that was under way
   * before the rejection may bring the rejected key once more, and is not waited for.
   *
   * @returns undefined where it is that same one
   * @throws KeyUnavailable
   */
  async after(rejected: string, { signal }: Asker = {}): Promise<string | undefined> {
    if (this.#options.keySource.kind === "variable") return undefined
    const kept = this.#kept?.key
    const other = kept !== undefined && kept !== rejected ? kept : await this.#anew(READ_MS, signal, rejected)
    return other === rejected ? undefined : other
  }

  /** Waits that long for a read, which goes on while another waits for it. */
  async #anew(ms: number, signal?: AbortSignal, rejected?: string): Promise<string> {
    signal?.throwIfAborted()
    const reading = this.#readingAfter(rejected)
    let isHere = true
    const leave = () => {
      if (!isHere) return
      isHere = false
      reading.waiting -= 1
      if (reading.waiting > 0 || reading.isOver) return
      this.#forget(reading)
      reading.stop.abort()
    }
    const { promise: end, reject } = Promise.withResolvers<never>()
    const endWith = (reason: unknown) => {
      reject(reason)
      leave()
    }
    const interrupt = () => endWith(signal?.reason)
    reading.waiting += 1
    signal?.addEventListener("abort", interrupt, { once: true })
    const timer = setTimeout(() => endWith(this.#late()), ms)
    try {
      return await Promise.race([reading.key, end])
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener("abort", interrupt)
      leave()
    }
  }

  #late(): KeyUnavailable {
    const { kind } = this.#options.keySource
    return new KeyUnavailable(`${kind === "variable" ? kind : VARIABLES[kind]}: it can't be read (no answer in time)`)
  }

  /** The read under way, if it began after the rejection; else a new one, and whatever the other brings is not kept. */
  #readingAfter(rejected: string | undefined): Reading {
    const underWay = this.#reading
    if (underWay !== undefined && (rejected === undefined || underWay.rejected === rejected)) return underWay
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), READ_MS)
    const key = this.#readKey(stop.signal, () => this.#reading === reading).finally(() => {
      clearTimeout(timer)
      reading.isOver = true
      this.#forget(reading)
    })
    // Whoever has left does not hear how it went on.
    key.catch(() => {})
    const reading: Reading = { key, stop, rejected, waiting: 0, isOver: false }
    this.#reading = reading
    return reading
  }

  /** Another may have begun since. */
  #forget(reading: Reading): void {
    if (this.#reading === reading) this.#reading = undefined
  }

  /** @param isLatest whether no other read has begun since, and somebody waits */
  async #readKey(signal: AbortSignal, isLatest: () => boolean): Promise<string> {
    const { keySource, keyField, keyTtlMs } = this.#options
    if (keySource.kind === "variable") return keySource.key
    const from = this.#clock.now()
    const text = await this.#read(keySource, signal)
    const key = keyIn(text, keyField, VARIABLES[keySource.kind])
    // What a read that was let go of brings after all may be older than what is kept.
    if (isLatest()) this.#kept = { key, from, until: from + keyTtlMs }
    return key
  }
}

/** Named in messages in the place of what they hold, which may be a key put in the wrong variable. */
export const VARIABLES = { secret: "NASA_API_KEY_SECRET_ID", parameter: "NASA_API_KEY_PARAMETER" } as const

function keyIn(text: string, field: string, variable: string): string {
  // Files end with a line end, and some begin with a byte order mark; trim() takes both.
  const key = (fieldOf(text.trim(), field) ?? text).trim()
  if (isApiKey(key)) return key
  throw new KeyUnavailable(
    `${variable}: what it names holds no key: neither 8 to 128 of A-Z a-z 0-9 _ -, nor a JSON object with such a one ` +
      "in the member that NASA_API_KEY_FIELD names",
  )
}

/** Undefined for what is no JSON object. */
function fieldOf(text: string, field: string): string | undefined {
  if (!text.startsWith("{")) return undefined
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    return Object.hasOwn(value, field) && typeof value[field] === "string" ? value[field] : ""
  } catch {
    return undefined
  }
}
