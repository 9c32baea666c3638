/** Errors as callers see them: problem details for HTTP APIs (RFC 9457), with types that stay the same over time. */
import { STATUS_CODES } from "node:http"
import { Type } from "typebox"

interface ProblemKind {
  readonly status: number
  readonly title: string
}

/** Every type a service may answer; a key is the last part of the type's URI and never changes its meaning. */
export const PROBLEMS = {
  "malformed-request": { status: 400, title: "The request is not well-formed HTTP or JSON" },
  "invalid-request": { status: 400, title: "The request does not fit the schema" },
  "invalid-cursor": { status: 400, title: "The cursor is not one that this listing gave out" },
  "idempotency-key-missing": { status: 400, title: "The request needs an Idempotency-Key" },
  unauthenticated: { status: 401, title: "The request needs a valid bearer token" },
  forbidden: { status: 403, title: "The caller's roles do not allow this" },
  "not-found": { status: 404, title: "There is no such thing, or not for this caller" },
  "method-not-allowed": { status: 405, title: "The method does not apply here" },
  "request-timeout": { status: 408, title: "The request took too long to arrive" },
  "email-taken": { status: 409, title: "Another user has this e-mail address" },
  "subject-taken": { status: 409, title: "This subject has a user already" },
  "flight-exists": { status: 409, title: "This flight number leaves this airport on this day already" },
  "capacity-in-use": { status: 409, title: "More seats than that are sold or held" },
  "not-enough-seats": { status: 409, title: "Fewer seats are free" },
  "hold-expired": { status: 409, title: "The hold has expired" },
  "hold-released": { status: 409, title: "The hold was released" },
  "hold-confirmed": { status: 409, title: "The hold was confirmed: its seats are sold" },
  "precondition-failed": { status: 412, title: "The resource has changed: If-Match names another version" },
  "payload-too-large": { status: 413, title: "The body is too large" },
  "uri-too-long": { status: 414, title: "The path is too long" },
  "unsupported-media-type": { status: 415, title: "The body is not application/json" },
  "idempotency-key-reused": { status: 422, title: "This Idempotency-Key came with another request before" },
  "precondition-required": { status: 428, title: "The request needs If-Match" },
  "rate-limited": { status: 429, title: "Too many requests" },
  "header-fields-too-large": { status: 431, title: "The header fields are too large" },
  internal: { status: 500, title: "Something went wrong here" },
  "outcome-unknown": { status: 503, title: "The database went away while it worked: done or not is unknown" },
  unavailable: { status: 503, title: "Not now: something that the service needs is away" },
} as const satisfies Record<string, ProblemKind>

export type ProblemName = keyof typeof PROBLEMS

const TYPE_PREFIX = "urn:problem-type:perigee:"

export const PROBLEM_JSON = "application/problem+json"

/** One field that does not fit. */
export interface Misfit {
  /** JSON pointer (RFC 6901) from `body`, `query`, `path` or `headers` on. */
  readonly at: string
  readonly detail: string
}

export interface ProblemDetails {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string | undefined
  /** The request's id, for the person who reads the logs. */
  readonly instance?: string | undefined
  readonly errors?: readonly Misfit[] | undefined
}

export interface ProblemOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly errors?: readonly Misfit[]
}

/** Thrown by a route, answered as problem+json. `detail` is shown to the caller: nothing of the inside belongs in it. */
export class Problem extends Error {
  override readonly name = "Problem"
  readonly kind: ProblemName
  readonly status: number
  readonly detail: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly errors: readonly Misfit[] | undefined

  constructor(kind: ProblemName, detail?: string, { headers = {}, errors, ...options }: ProblemOptions = {}) {
    super(detail ?? PROBLEMS[kind].title, options)
    this.kind = kind
    this.status = PROBLEMS[kind].status
    this.detail = detail
    this.headers = headers
    this.errors = errors
  }
}

export function problemType(kind: ProblemName): string {
  return TYPE_PREFIX + kind
}

export function detailsOf(problem: Problem, requestId?: string): ProblemDetails {
  return {
    type: problemType(problem.kind),
    title: PROBLEMS[problem.kind].title,
    status: problem.status,
    detail: problem.detail,
    instance: requestId === undefined ? undefined : `urn:perigee:request:${requestId}`,
    errors: problem.errors,
  }
}

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: "A URI that names the kind of problem; stable" }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.Optional(Type.String()),
    instance: Type.Optional(Type.String({ description: "The request's id, as in X-Request-Id and the logs" })),
    errors: Type.Optional(Type.Array(Type.Object({ at: Type.String(), detail: Type.String() }))),
  },
  { $id: "Problem", title: "Problem details (RFC 9457)" },
)

/**
 * The `response` entries of a route's schema for the problems that it documents; kinds of one status share one entry.
 *
 * @param kinds in any order
 */
export function problemResponses(...kinds: readonly ProblemName[]): Record<number, object> {
  const responses: Record<number, object> = {}
  for (const [status, ofStatus] of Map.groupBy(kinds, (kind) => PROBLEMS[kind].status)) {
    const description = ofStatus.map((kind) => `\`${problemType(kind)}\`: ${PROBLEMS[kind].title}.`).join(" ")
    responses[status] = {
      description: description || STATUS_CODES[status],
      content: { [PROBLEM_JSON]: { schema: Type.Ref("Problem") } },
    }
  }
  return responses
}
