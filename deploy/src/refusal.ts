/** What a program of this workspace ends with when it can't do what it was asked: one line for a person, and an exit code. */

import { isTransient } from "./transient.ts"

/** Exit codes, after sysexits(3) where it has one. */
export const EXIT = {
  usage: 64,
  unfit: 65,
  noStack: 66,
  unreachable: 69,
  defect: 70,
  failed: 73,
  stuck: 74,
  busy: 75,
  credentials: 77,
  configuration: 78,
} as const

export class Refusal extends Error {
  override readonly name = "Refusal"
  readonly exitCode: number

  /** @param message in one line; the ends of lines that another program's words bring along are taken out */
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message.trim().replaceAll(/\s*[\r\n]\s*/g, " "), options)
    this.exitCode = exitCode
  }
}

/** Names of errors by which AWS says who is asking, or may not. Source: CloudFormation API
 * reference, "Common Errors"; STS API reference, AssumeRoleWithWebIdentity. */
const DENIED = new Set([
  "AccessDenied",
  "AccessDeniedException",
  "ExpiredToken",
  "ExpiredTokenException",
  "IDPRejectedClaimException",
  "IncompleteSignature",
  "InvalidClientTokenId",
  "InvalidIdentityTokenException",
  "MissingAuthenticationToken",
  "NotAuthorized",
  "OptInRequired",
  "SignatureDoesNotMatch",
  "UnrecognizedClientException",
])

/** An error of the AWS SDK as the line and exit code that go with it; anything else comes back as it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Refusal) return error
  const cause = { cause: error }
  if (error.name === "CredentialsProviderError" || error.name === "TokenProviderError") {
    return new Refusal(
      EXIT.credentials,
      "there are no AWS credentials: set AWS_PROFILE to a profile that there is, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      cause,
    )
  }
  const asked = "asked" in error ? ` (${error.asked})` : ""
  if (DENIED.has(error.name)) {
    const todo = /Expired/.test(error.name) ? "; take fresh credentials" : ""
    return new Refusal(EXIT.credentials, `AWS refuses: ${oneLine(error.message)}${asked}${todo}`, cause)
  }
  if ("$fault" in error) {
    const todo = isTransient(error) ? "; try again" : ""
    return new Refusal(EXIT.unreachable, `AWS answers ${error.name}: ${oneLine(error.message)}${asked}${todo}`, cause)
  }
  if ("code" in error && error.code === "ERR_INVALID_URL") {
    return new Refusal(
      EXIT.configuration,
      "AWS_ENDPOINT_URL is no URL; give one such as https://host, or leave it out",
      cause,
    )
  }
  // Of the file system alone: an error of a connection has no path.
  if ("code" in error && "path" in error) {
    const code = error.code === "ENOENT" ? EXIT.noStack : EXIT.failed
    return new Refusal(code, `a file can't be read or written: ${error.message}`, cause)
  }
  // What undici, node:http and the SDK's own time-outs have in common.
  if ("code" in error || error.name === "TimeoutError") {
    const code = "code" in error ? String(error.code) : error.name
    return new Refusal(EXIT.unreachable, `AWS can't be reached (${code})${asked}; try again`, cause)
  }
  return error
}

/** The same as far as it says what happened: of an error after which the asker tries again by itself. */
export function troubleOf(error: unknown): string {
  const refusal = refusalOf(error)
  return (refusal instanceof Error ? refusal.message : String(refusal)).replace(/; try again$/, "")
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim()
}

/**
 * What AWS answers.
 *
 * @throws Refusal AWS could not be asked, or refused; what `signal` was aborted with, where it was
 */
export async function answered<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  return await answer.catch((error: unknown) => {
    throw signal.aborted ? signal.reason : refusalOf(error)
  })
}
