/** The API key of this execution environment: read once, shared, kept for a while, read anew when NASA rejects it. */
import { type Clock, isApiKey } from "@perigee/app/neows"
import { KeyUnavailable } from "./errors.ts"
import type { KeySource } from "./settings.ts"

/** Gives the text of a secret or parameter. */
export type ReadText = (source: Exclude<KeySource, { kind: "variable" }>) => Promise<string>

export interface ApiKeyOptions {
  readonly keySource: KeySource
  /** Member that holds the key where the text is a JSON object. */
  readonly keyField: string
  /** Milliseconds. */
  readonly keyTtlMs: number
}

export class ApiKey {
  readonly #options: ApiKeyOptions
  readonly #clock: Clock
  readonly #read: ReadText
  #kept: { readonly key: string; readonly readAt: number } | undefined
  /** The read under way, which everybody who wants a key waits for. */
  #reading: Promise<string> | undefined

  constructor(options: ApiKeyOptions, clock: Clock, read: ReadText) {
    this.#options = options
    this.#clock = clock
    this.#read = read
  }

  /** @throws KeyUnavailable */
  async current(): Promise<string> {
    const { keySource, keyTtlMs } = this.#options
    if (keySource.kind === "variable") return keySource.key
    const kept = this.#kept
    // A clock that was set back makes it read again, too.
    const age = kept === undefined ? Number.NaN : this.#clock.now() - kept.readAt
    return kept !== undefined && age >= 0 && age < keyTtlMs ? kept.key : await this.#anew()
  }

  /**
   * The key after one was rejected: read anew, unless another invocation has done so since.
   *
   * @returns undefined where it is that same one
   * @throws KeyUnavailable
   */
  async after(rejected: string): Promise<string | undefined> {
    if (this.#options.keySource.kind === "variable") return undefined
    const other = this.#kept !== undefined && this.#kept.key !== rejected ? this.#kept.key : await this.#anew()
    return other === rejected ? undefined : other
  }

  async #anew(): Promise<string> {
    this.#reading ??= this.#readKey().finally(() => {
      this.#reading = undefined
    })
    return await this.#reading
  }

  async #readKey(): Promise<string> {
    const { keySource, keyField } = this.#options
    if (keySource.kind === "variable") return keySource.key
    const readAt = this.#clock.now()
    const key = keyIn(await this.#read(keySource), keyField, VARIABLES[keySource.kind])
    this.#kept = { key, readAt }
    return key
  }
}

/** Named in messages in the place of what they hold, which may be a key put in the wrong variable. */
export const VARIABLES = { secret: "NASA_API_KEY_SECRET_ID", parameter: "NASA_API_KEY_PARAMETER" } as const

function keyIn(text: string, field: string, variable: string): string {
  const key = (fieldOf(text, field) ?? text).trim()
  if (isApiKey(key)) return key
  throw new KeyUnavailable(
    `${variable}: what it names holds no key: neither 8 to 128 of A-Z a-z 0-9 _ -, nor a JSON object with such a one ` +
      "in the member that NASA_API_KEY_FIELD names",
  )
}

/** Undefined for what is no JSON object. */
function fieldOf(text: string, field: string): string | undefined {
  if (!text.trimStart().startsWith("{")) return undefined
  try {
    const value = JSON.parse(text) as Record<string, unknown>
    return Object.hasOwn(value, field) && typeof value[field] === "string" ? value[field] : ""
  } catch {
    return undefined
  }
}
