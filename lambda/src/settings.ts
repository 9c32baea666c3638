/** The function's configuration: read once, from its environment into one typed object. */
import { DEFAULT_BASE_URL, DEMO_KEY, isApiKey, mayCarry } from "@perigee/app/neows"
import { baseUrlOf, type Environment, set, UsageError, wholeNumber } from "@perigee/app/setting-value"
import { Misconfigured } from "./errors.ts"

/** Where the API key is: the first that is set of Secrets Manager, SSM Parameter Store and the environment. */
export type KeySource =
  | { readonly kind: "secret"; readonly id: string }
  | { readonly kind: "parameter"; readonly id: string }
  | { readonly kind: "variable"; readonly key: string }

export interface Settings {
  readonly keySource: KeySource
  /** Member that holds the key where a secret or parameter is a JSON object. */
  readonly keyField: string
  /** Milliseconds that a key of Secrets Manager or Parameter Store is used for before it is read again. */
  readonly keyTtlMs: number
  readonly baseUrl: URL
  /** Milliseconds for one attempt. */
  readonly timeoutMs: number
  readonly retries: number
  /** Longest `Retry-After` that is waited out, milliseconds; the invocation's remaining time bounds it too. */
  readonly maxWaitMs: number
  /** Memory of the function, MiB; its share of a processor goes with it. */
  readonly memoryMiB: number
  readonly functionName: string
}

interface WholeNumber {
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly unit?: string
}

/** Every number that the environment sets, with its range. NEOWS_… mean what they mean to get-data. */
const NUMBERS = {
  NASA_API_KEY_TTL: { fallback: 300, min: 0, max: 86_400, unit: "seconds" },
  NEOWS_TIMEOUT: { fallback: 10, min: 1, max: 900, unit: "seconds" },
  NEOWS_RETRIES: { fallback: 4, min: 0, max: 100 },
  NEOWS_MAX_WAIT: { fallback: 60, min: 0, max: 900, unit: "seconds" },
  // https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: { fallback: 1769, min: 1, max: 1_048_576, unit: "MiB" },
} as const satisfies Record<string, WholeNumber>

/** @throws Misconfigured naming the variable, and the range of a number */
export function settingsOf(env: Environment): Settings {
  const number = (variable: keyof typeof NUMBERS): number => {
    const { fallback, ...range } = NUMBERS[variable]
    const text = set(env, variable)
    return text === undefined ? fallback : wholeNumber(variable, text, range)
  }
  try {
    const keySource = keySourceOf(env)
    const baseUrl = baseUrlOf("NEOWS_BASE_URL", set(env, "NEOWS_BASE_URL") ?? DEFAULT_BASE_URL)
    // What a secret holds is not known yet; it is taken for a key that must not be seen.
    if (!mayCarry(baseUrl, keySource.kind === "variable" ? keySource.key : "")) {
      throw new Misconfigured("NEOWS_BASE_URL: plain http:// would carry the key in the clear; use https://")
    }
    return {
      keySource,
      keyField: set(env, "NASA_API_KEY_FIELD") ?? "NASA_API_KEY",
      keyTtlMs: number("NASA_API_KEY_TTL") * 1000,
      baseUrl,
      timeoutMs: number("NEOWS_TIMEOUT") * 1000,
      retries: number("NEOWS_RETRIES"),
      maxWaitMs: number("NEOWS_MAX_WAIT") * 1000,
      memoryMiB: number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
      functionName: set(env, "AWS_LAMBDA_FUNCTION_NAME") ?? "unknown",
    }
  } catch (error) {
    if (error instanceof UsageError) throw new Misconfigured(error.message)
    throw error
  }
}

function keySourceOf(env: Environment): KeySource {
  const secret = set(env, "NASA_API_KEY_SECRET_ID")
  if (secret !== undefined) return { kind: "secret", id: secret }
  const parameter = set(env, "NASA_API_KEY_PARAMETER")
  if (parameter !== undefined) return { kind: "parameter", id: parameter }
  const key = env["NASA_API_KEY"]?.trim() || DEMO_KEY
  if (!isApiKey(key)) throw new Misconfigured("NASA_API_KEY: a key is 8 to 128 of A-Z a-z 0-9 _ -")
  return { kind: "variable", key }
}
