/**
 * Faults of AWS and of the way to it, as answers of {@link AwsProxy.on}: each in the error shape of the protocol that the call
 * speaks. Say them last, so that they come before what the test support answers itself:
 *
 *     proxy.on("ecs:UpdateService", lostAnswer)          // it has happened, and nobody was told
 *     proxy.on("ecs:DescribeServices", times(3, throttled))
 *     proxy.on(undefined, times(1, lost))
 */
import type { Answer, Call, Reply } from "./aws-proxy.ts"

/** Codes by protocol, where services name the same thing otherwise. */
interface Fault {
  /** Of JSON protocols. */
  readonly json: string
  /** Of the Query protocol and of S3. */
  readonly query: string
  readonly ec2?: string
  readonly lambda?: string
  readonly message: string
  /** HTTP status; JSON protocols' is 400 below 500. */
  readonly status: number
}

/** Source: ECS and EC2 API references, “Throttling”; Lambda API reference, TooManyRequestsException. */
const THROTTLED: Fault = {
  json: "ThrottlingException",
  query: "Throttling",
  ec2: "RequestLimitExceeded",
  lambda: "TooManyRequestsException",
  message: "Rate exceeded",
  status: 400,
}

/** Source: “Common errors” of the API references; EC2 API reference, “Error codes”. */
const EXPIRED: Fault = {
  json: "ExpiredTokenException",
  query: "ExpiredToken",
  ec2: "RequestExpired",
  message: "The security token included in the request is expired",
  status: 403,
}

const UNAVAILABLE: Fault = {
  json: "ServiceUnavailableException",
  query: "ServiceUnavailable",
  ec2: "Unavailable",
  message: "The request has failed due to a temporary failure of the server.",
  status: 503,
}

export const throttled: Answer = (call) => faultReply(call, THROTTLED)
export const expired: Answer = (call) => faultReply(call, EXPIRED)
export const unavailable: Answer = (call) => faultReply(call, UNAVAILABLE)

/** As AWS words it. Source: IAM user guide, “Troubleshoot access denied error messages”. */
export const accessDenied: Answer = (call) => {
  const { action } = call
  const who = `User: arn:aws:iam::111111111111:user/${call.signer ?? "caller"}`
  const message = `${who} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`
  return faultReply(call, {
    json: "AccessDeniedException",
    query: "AccessDenied",
    ec2: "UnauthorizedOperation",
    message,
    status: 403,
  })
}

/** The connection ends before the call was heard. */
export const lost: Answer = () => "cut"

/** The connection ends after the call was heard: what it asked for has happened. */
export const lostAnswer: Answer = async (_call, _nth, next) => {
  await next()
  return "cut" as const
}

/** Nothing ever comes back. */
export const silent: Answer = () => "silence"

/** The first so many calls; those after go on. */
export function times(count: number, answer: Answer): Answer {
  return (call, nth, next) => (nth < count ? answer(call, nth, next) : undefined)
}

/** All but the first so many. */
export function after(count: number, answer: Answer): Answer {
  return (call, nth, next) => (nth >= count ? answer(call, nth - count, next) : undefined)
}

/** Calls wait for it, and go on then. */
export function held(until: Promise<unknown>): Answer {
  return async () => {
    await until
    return undefined
  }
}

export function faultReply({ headers }: Call, { json, query, ec2, lambda, message, status }: Fault): Reply {
  const [, service] = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\//.exec(headers.authorization ?? "") ?? []
  const retryable = status >= 500
  if (headers["x-amz-target"] !== undefined) {
    return { status: retryable ? status : 400, body: JSON.stringify({ __type: json, message }) }
  }
  if (service === "lambda") {
    const body = JSON.stringify({ __type: lambda ?? json, message, Message: message })
    return { status: lambda === undefined ? status : 429, type: "application/json", body }
  }
  const error = (code: string) => `<Code>${code}</Code><Message>${escaped(message)}</Message>`
  if (service === "s3") return xml(status, `<Error>${error(query)}<RequestId>any</RequestId></Error>`)
  if (service === "ec2") {
    const errors = `<Errors><Error>${error(ec2 ?? query)}</Error></Errors>`
    return xml(status, `<Response>${errors}<RequestID>any</RequestID></Response>`)
  }
  const type = retryable ? "Receiver" : "Sender"
  return xml(
    status,
    `<ErrorResponse><Error><Type>${type}</Type>${error(query)}</Error><RequestId>any</RequestId></ErrorResponse>`,
  )
}

function xml(status: number, body: string): Reply {
  return { status, type: "text/xml", body }
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
