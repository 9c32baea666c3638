/**
 * One JSON line for each invocation, which is its log and, in CloudWatch's embedded metric format, its metrics
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
 */

export type Level = "INFO" | "WARN" | "ERROR"

/** What is known of an invocation when it is over. */
export interface Invocation {
  readonly requestId: string
  /** Whether it is the first of its environment. */
  readonly coldStart: boolean
  readonly caller: string
  readonly page?: number | undefined
  readonly size?: number | undefined
  /** Requests made to NeoWs. */
  readonly attempts: number
  readonly milliseconds: number
  /** Bytes of NeoWs' answer. */
  readonly bytes?: number | undefined
  /** Requests that the key has in an hour, and how many are left. */
  readonly rateLimit?: number | undefined
  readonly rateLimitLeft?: number | undefined
  /** `ok`, or the error's name. */
  readonly outcome: string
  readonly message: string
}

export interface LogOptions {
  readonly functionName: string
  /** Takes a line with its end. */
  readonly write: (line: string) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const NAMESPACE = "Perigee"
/** Members of the line that are metrics, too. */
const UNITS = { attempts: "Count", milliseconds: "Milliseconds", failures: "Count", rateLimitLeft: "Count" } as const

/** `timestamp` and `level` are the names by which Lambda's own JSON log format filters. */
export function logLine(
  { functionName, write, now }: LogOptions,
  level: Level,
  entry: Readonly<Record<string, unknown>>,
): void {
  write(`${JSON.stringify({ timestamp: new Date(now()).toISOString(), level, function: functionName, ...entry })}\n`)
}

export function logInvocation(options: LogOptions, level: Level, invocation: Invocation): void {
  const entry = { ...invocation, failures: invocation.outcome === "ok" ? 0 : 1 }
  const told = (Object.keys(UNITS) as (keyof typeof UNITS)[]).filter((name) => entry[name] !== undefined)
  const Metrics = told.map((Name) => ({ Name, Unit: UNITS[Name] }))
  const _aws = {
    Timestamp: options.now(),
    CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [["function"]], Metrics }],
  }
  logLine(options, level, { ...entry, _aws })
}
