/** The document as each caller gets it, within that caller's limit. */
import { AnswerTooLarge } from "@perigee/app/neows"
import type { Caller } from "./event.ts"

const MIB = 1024 * 1024

/**
 * Bytes of the function's whole answer as JSON, the body's escapes included.
 * Invoke and what is built on it: 6 MB (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html);
 * a load balancer: 1 MB (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html).
 */
export const LIMITS: Readonly<Record<Caller["kind"], number>> = { direct: 6 * MIB, gateway: 6 * MIB, alb: MIB }

/** An answer by HTTP, as gateways and load balancers take it from a function. */
export interface HttpAnswer {
  readonly statusCode: number
  readonly headers?: Readonly<Record<string, string>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly body: string
  readonly isBase64Encoded: false
}

/**
 * The document for this caller: by HTTP as text, to the letter; to a direct caller as an object that is the same JSON.
 *
 * @param document JSON text, laid out compactly
 * @param assertTime throws where there is no time left for what comes next
 * @throws AnswerTooLarge past {@link LIMITS}
 */
export function answerOf(document: string, caller: Caller, assertTime: () => void = () => {}): unknown {
  const limit = LIMITS[caller.kind]
  assertTime()
  if (caller.kind === "direct") {
    const plain: unknown = JSON.parse(document)
    const text = JSON.stringify(plain)
    if (text === document) {
      assertWithin(Buffer.byteLength(text), limit)
      return plain
    }
    // NeoWs' own pages come back as they were; only others are worth the many times slower parse.
    assertTime()
    const value = parseToTheDigit(document)
    assertWithin(Buffer.byteLength(JSON.stringify(value)), limit)
    return value
  }
  const answer = httpAnswer(200, {}, document, caller)
  assertWithin(Buffer.byteLength(JSON.stringify(answer)), limit)
  return answer
}

/** @param body JSON text */
export function httpAnswer(
  statusCode: number,
  more: Readonly<Record<string, string>>,
  body: string,
  caller: Caller,
): HttpAnswer {
  const headers = { "content-type": "application/json", ...more }
  // A target group with multi-value headers ignores the others.
  const shape =
    caller.kind === "alb" && caller.multiValue
      ? { multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])) }
      : { headers }
  return { statusCode, ...shape, body, isBase64Encoded: false }
}

function assertWithin(bytes: number, limit: number): void {
  if (bytes <= limit) return
  throw new AnswerTooLarge(
    `the answer is ${bytes} bytes, and this caller takes ${limit} at most; ask for a smaller size`,
  )
}

/** https://github.com/tc39/proposal-json-parse-with-source, in V8 since 11.4; TypeScript's library has no types of it. */
type JsonWithSource = {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

/**
 * Parses JSON so that JSON.stringify, by which the runtime sends what a handler returns, gives every number back digit
 * for digit: one that a double can't hold or spells otherwise (12345678901234567890, 1e400, 16.0) stays its own text.
 */
function parseToTheDigit(document: string): unknown {
  const json = JSON as unknown as JsonWithSource
  return json.parse(document, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && JSON.stringify(value) !== source
      ? json.rawJSON(source)
      : value,
  )
}
