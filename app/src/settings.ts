/** The program's configuration: read once, here, from flags and environment into one typed object. */
import { closeSync, openSync, readSync } from "node:fs"
import { parseArgs } from "node:util"
import { DEMO_KEY, isApiKey, mayCarry } from "./api-key.ts"
import { DEFAULT_BASE_URL, MAX_PAGE, MAX_PAGE_SIZE } from "./neows.ts"
import { isS3Uri, type S3Place, s3PlaceOf } from "./s3-place.ts"
import { baseUrlOf, type Environment, set, UsageError, wholeNumber } from "./setting-value.ts"

export { type Environment, UsageError } from "./setting-value.ts"

/** The API key can't be used, or its file can't be read. */
export class KeyUnusable extends Error {
  override readonly name = "KeyUnusable"
}

export interface Settings {
  readonly page: number
  readonly size: number
  /** File, `-` for stdout, or an object as `s3://bucket/key`. */
  readonly output: string
  /** Where the object goes, if `output` is one. */
  readonly s3: S3Place | undefined
  readonly baseUrl: URL
  readonly timeoutMs: number
  readonly retries: number
  readonly maxWaitMs: number
  readonly apiKey: string
  readonly summary: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  /** `HTTPS_PROXY`; carries the requests to `https:` addresses, save to the hosts of `noProxy`. */
  readonly httpsProxy: URL | undefined
  /** `NO_PROXY`, as it stands. */
  readonly noProxy: string
}

interface WholeNumber {
  readonly flag: string
  readonly variable: string
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly unit?: string
}

/** Every number that the program takes, with its range. */
export const NUMBERS = {
  page: { flag: "--page", variable: "NEOWS_PAGE", fallback: 1755, min: 0, max: MAX_PAGE },
  size: { flag: "--size", variable: "NEOWS_SIZE", fallback: MAX_PAGE_SIZE, min: 1, max: MAX_PAGE_SIZE },
  timeout: { flag: "--timeout", variable: "NEOWS_TIMEOUT", fallback: 30, min: 1, max: 3600, unit: "seconds" },
  retries: { flag: "--retries", variable: "NEOWS_RETRIES", fallback: 4, min: 0, max: 100 },
  "max-wait": { flag: "--max-wait", variable: "NEOWS_MAX_WAIT", fallback: 60, min: 0, max: 86_400, unit: "seconds" },
} as const satisfies Record<string, WholeNumber>

export const DEFAULT_OUTPUT = "output/response.json"

const OPTIONS = {
  page: { type: "string" },
  size: { type: "string" },
  output: { type: "string" },
  "base-url": { type: "string" },
  timeout: { type: "string" },
  retries: { type: "string" },
  "max-wait": { type: "string" },
  summary: { type: "boolean" },
  quiet: { type: "boolean" },
  verbose: { type: "boolean" },
  help: { type: "boolean" },
  version: { type: "boolean" },
} as const

type Flags = Readonly<Partial<Record<keyof typeof OPTIONS, string | boolean>>>

/** What the command line asks for, before anything is looked up in the environment. */
export function parseFlags(argv: readonly string[]): Flags {
  const known = (name: string) => Object.hasOwn(OPTIONS, name)
  // Not strict: its own messages quote whole arguments, and an argument may be a key put in the wrong place.
  const { tokens } = parseArgs({ args: [...joinNegatives(argv)], options: OPTIONS, strict: false, tokens: true })
  const flags: Partial<Record<string, string | boolean>> = {}
  let positionals = 0
  for (const token of tokens) {
    if (token.kind === "option-terminator") continue
    if (token.kind === "positional") {
      positionals += 1
      continue
    }
    if (!known(token.name)) {
      const hint = /key/i.test(token.name) ? "the key goes in NASA_API_KEY or NASA_API_KEY_FILE" : "see --help"
      throw new UsageError(`${token.rawName} is no flag of get-data; ${hint}`)
    }
    const { type } = OPTIONS[token.name as keyof typeof OPTIONS]
    const isNextFlag = token.inlineValue === false && /^-./.test(token.value)
    if (type === "string" && (token.value === undefined || isNextFlag)) {
      throw new UsageError(`${token.rawName} needs a value; see --help`)
    }
    if (type === "boolean" && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`)
    flags[token.name] = token.value ?? true
  }
  if (positionals > 0 && !flags["help"] && !flags["version"]) {
    throw new UsageError("get-data takes flags only, and found an argument that is none; see --help")
  }
  return flags
}

/** `--page -1` is a bad value of --page, not a flag `-1`. */
function* joinNegatives(argv: readonly string[]): Generator<string> {
  for (let at = 0; at < argv.length; at += 1) {
    const [argument = "", next = ""] = argv.slice(at, at + 2)
    const name = argument.slice(2)
    const takesValue = Object.hasOwn(OPTIONS, name) && OPTIONS[name as keyof typeof OPTIONS].type === "string"
    if (argument.startsWith("--") && takesValue && /^-\d/.test(next)) {
      yield `${argument}=${next}`
      at += 1
    } else yield argument
  }
}

/**
 * @param flags from {@link parseFlags}
 * @param env the process' environment; an empty variable counts as unset
 * @throws UsageError a flag or value out of its range
 * @throws KeyUnusable the key, or its file
 */
export function settingsOf(flags: Flags, env: Environment): Settings {
  const number = (name: keyof typeof NUMBERS): number => {
    const { flag, variable, fallback, ...range } = NUMBERS[name]
    const [source, text] = given(flag, flags[name], variable, env)
    return text === undefined ? fallback : wholeNumber(source, text, range)
  }
  const [outputSource, output = DEFAULT_OUTPUT] = given("--output", flags.output, "NEOWS_OUTPUT", env)
  if (output === "") throw new UsageError(`${outputSource}: an empty file name; name a file, or - for stdout`)
  if (output.includes("\0")) throw new UsageError(`${outputSource}: the file name holds a NUL character`)
  if (/^s3:(?!\/\/)/i.test(output)) {
    throw new UsageError(`${outputSource}: an object in S3 is s3://bucket/key, with two slashes; a file is ./s3:…`)
  }
  const s3 = isS3Uri(output) ? s3PlaceOf(outputSource, output, env) : undefined
  if (output.endsWith("/")) throw new UsageError(`${outputSource}: names a folder; name a file in it`)
  const numbers = {
    page: number("page"),
    size: number("size"),
    timeoutMs: number("timeout") * 1000,
    retries: number("retries"),
    maxWaitMs: number("max-wait") * 1000,
  }
  const [baseSource, baseText = DEFAULT_BASE_URL] = given("--base-url", flags["base-url"], "NEOWS_BASE_URL", env)
  const baseUrl = baseUrlOf(baseSource, baseText)
  const endpoints = [baseUrl, ...(s3 === undefined ? [] : [s3.endpoint])]
  // S3's own endpoint is https.
  const httpsProxy = endpoints.some((url) => (url?.protocol ?? "https:") === "https:") ? proxyOf(env) : undefined
  const apiKey = apiKeyOf(env)
  if (!mayCarry(baseUrl, apiKey)) {
    throw new UsageError(
      `${baseSource}: http://${baseUrl.host} would carry the key in the clear; use https:// ` +
        "(http:// only to loopback or a host name without dots, or with DEMO_KEY)",
    )
  }
  return {
    ...numbers,
    output,
    s3,
    baseUrl,
    apiKey,
    httpsProxy,
    noProxy: set(env, "NO_PROXY") ?? set(env, "no_proxy") ?? "",
    summary: flags.summary === true,
    quiet: flags.quiet === true,
    verbose: flags.verbose === true,
  }
}

/** A flag beats its variable. */
function given(flag: string, value: string | boolean | undefined, variable: string, env: Environment) {
  return typeof value === "string" ? ([flag, value] as const) : ([variable, set(env, variable)] as const)
}

function proxyOf(env: Environment): URL | undefined {
  for (const variable of ["HTTPS_PROXY", "https_proxy"]) {
    const text = set(env, variable)
    if (text === undefined) continue
    const url = text.includes("://") ? text : `http://${text}`
    // Neither here nor later is the value shown: it may hold a password.
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new UsageError(`${variable}: not an http:// or https:// URL of a proxy`)
    }
    if (!isDecodable(new URL(url).username + new URL(url).password)) {
      throw new UsageError(`${variable}: a % in its user or password is written %25`)
    }
    return new URL(url)
  }
  return undefined
}

/** Whether each % begins a percent-encoded character (RFC 3986 § 2.1), as whoever speaks to the proxy takes it. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const KEY_RULE = "a key is 8 to 128 of A-Z a-z 0-9 _ -; get one at https://api.nasa.gov"
/** Longer than any key with blanks around it: a file that is no key is not read to its end. */
const MAX_KEY_FILE_BYTES = 4096

function apiKeyOf(env: Environment): string {
  const inline = set(env, "NASA_API_KEY")
  const file = set(env, "NASA_API_KEY_FILE")
  if (inline !== undefined && file !== undefined) {
    throw new KeyUnusable("both NASA_API_KEY and NASA_API_KEY_FILE are set; keep one")
  }
  if (inline !== undefined) {
    if (!isApiKey(inline)) throw new KeyUnusable(`NASA_API_KEY is no key; ${KEY_RULE}`)
    return inline
  }
  return file === undefined ? DEMO_KEY : apiKeyIn(file)
}

function beginningOf(file: string): string {
  const descriptor = openSync(file, "r")
  try {
    const bytes = Buffer.alloc(MAX_KEY_FILE_BYTES)
    return bytes.toString("utf8", 0, readSync(descriptor, bytes))
  } finally {
    closeSync(descriptor)
  }
}

function apiKeyIn(file: string): string {
  // A key put here by mistake must not be shown as a file's name.
  const shown = isApiKey(file) ? "the file it names" : file
  let text: string
  try {
    text = beginningOf(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new KeyUnusable(`NASA_API_KEY_FILE: cannot read ${shown} (${code})`, { cause })
  }
  const key = text.trim()
  if (key === "") throw new KeyUnusable(`NASA_API_KEY_FILE: ${shown} is empty; ${KEY_RULE}`)
  if (!isApiKey(key)) throw new KeyUnusable(`NASA_API_KEY_FILE: ${shown} holds no key; ${KEY_RULE}`)
  return key
}
