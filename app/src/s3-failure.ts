/** What S3 and the way to it answer in the place of success, in words that say what to do. */
import { failureOf } from "./attempt.ts"
import { causeOf } from "./cause.ts"
import type { S3Place } from "./s3-place.ts"

/** The object could not be put, or there are no credentials for it. */
export interface S3Failure {
  readonly kind: "failure"
  /** One line for a person; holds nothing that the server said but its error's name. */
  readonly what: string
  /** Free of credentials. */
  readonly cause: Error
}

/** What the SDK's errors tell, whatever their class. */
interface Refusal {
  readonly name?: string
  readonly code?: string
  readonly statusCode?: number
  readonly Region?: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number }
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

export interface FailureContext {
  /** Milliseconds for one attempt. */
  readonly timeoutMs: number
  readonly httpsProxy: URL | undefined
  /** What must not be shown: credentials, a proxy's password. */
  readonly secrets: readonly string[]
}

/** @param error of the SDK, of Node, or of the way between them */
export function putFailureOf(error: unknown, place: S3Place, context: FailureContext): S3Failure {
  return failure(wordsFor(Object(error), place, context), error, context.secrets)
}

/** Puts the words and the cause together; see {@link S3Failure}. */
export function failure(what: string, cause: unknown, secrets: readonly string[]): S3Failure {
  return { kind: "failure", what, cause: causeOf(cause, (text) => withoutAny(text, secrets)) }
}

function wordsFor(refusal: Refusal, place: S3Place, { timeoutMs, httpsProxy }: FailureContext): string {
  const where = place.endpoint?.host ?? `S3 in ${place.region}`
  const status = refusal.$metadata?.httpStatusCode
  const attempts = refusal.$metadata?.attempts ?? 1
  const times = attempts === 1 ? "" : ` after ${attempts} attempts`
  if (status === undefined) {
    const way = httpsProxy === undefined || place.endpoint?.protocol === "http:" ? "" : ", where HTTPS_PROXY is set"
    const words = wayWords(refusal, where, timeoutMs)
    return words.includes(";") ? words : `${words}${times}; is there a way to it from here${way}?`
  }
  // A name is shown, a sentence is not: S3's sentences quote keys, and a stranger's anything.
  const name = /^[A-Za-z][A-Za-z0-9.]{0,63}$/.test(refusal.name ?? "") ? refusal.name : ""
  const told = name === "" || /^(?:Unknown|Unknown[Ee]rror|Error)$/.test(name ?? "") ? `${status}` : `${status} ${name}`
  const region = regionTold(refusal)
  if (WRONG_REGION.has(name ?? "") || status === 301 || (region !== undefined && region !== place.region)) {
    const whose = region === undefined || region === place.region ? "in another region" : `in ${region}`
    return `bucket ${place.bucket} is ${whose}, not in ${place.region} (${told}); set AWS_REGION to the bucket's`
  }
  if (name === "NoSuchBucket" || status === 404) {
    return `there is no bucket ${place.bucket} (${told}); make it, or name another in --output`
  }
  if (CREDENTIALS_REJECTED.has(name ?? "")) return `${where} rejects the AWS credentials (${told}); renew them`
  if (name === "RequestTimeTooSkewed") return `the clock of this machine is wrong (${told}); set it right`
  if (status === 403) {
    return (
      `not allowed (${told}); the role needs s3:PutObject on that object, and the bucket's policy and its KMS key ` +
      "must allow it too"
    )
  }
  if (status >= 500 || status === 429) return `${where} fails (${told})${times}; try again later`
  return `${where} refuses it (${told})${times}`
}

/** The SDK calls a connection that was cut a time-out too. */
function wayWords(refusal: Refusal, where: string, timeoutMs: number): string {
  const { name, code = "" } = refusal
  if (code === "ERR_PROXY_TUNNEL")
    return `the proxy refuses the way to ${where} (${refusal.statusCode ?? "no status"}); see HTTPS_PROXY`
  if (name === "TimeoutError" && !["ECONNRESET", "EPIPE"].includes(code)) {
    return `no complete answer of ${where} within ${timeoutMs / 1000} s`
  }
  const outcome = failureOf(refusal, { host: where })
  return outcome.kind === "failure" ? outcome.what : `no answer of ${where}`
}

const WRONG_REGION = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "Redirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
])
/** “List of error codes” in the S3 API reference. */
const CREDENTIALS_REJECTED = new Set([
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "ExpiredToken",
  "InvalidToken",
  "TokenRefreshRequired",
  "InvalidSecurity",
])

/** The bucket's own region, which S3 tells whoever asks in another one. */
function regionTold({ Region, $response }: Refusal): string | undefined {
  const told = Region ?? $response?.headers?.["x-amz-bucket-region"]
  return told !== undefined && /^[a-z0-9-]{1,32}$/.test(told) ? told : undefined
}

function withoutAny(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret !== "")
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .reduce((clean, secret) => clean.replaceAll(secret, "REDACTED"), text)
}
