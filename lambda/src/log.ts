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
const UNITS = { Attempts: "Count", Duration: "Milliseconds", Failures: "Count", RateLimitLeft: "Count" } as const

/** The names of the members are those by which Lambda's own JSON log format filters: `timestamp` and `level`. */
export function logLine(
  { functionName, write, now }: LogOptions,
  level: Level,
  entry: Readonly<Record<string, unknown>>,
) {
  write(`${JSON.stringify({ timestamp: new Date(now()).toISOString(), level, function: functionName, ...entry })}\n`)
}

export function logInvocation(options: LogOptions, level: Level, invocation: Invocation): void {
  const { attempts, milliseconds, outcome, rateLimitLeft } = invocation
  const metrics: Readonly<Partial<Record<keyof typeof UNITS, number>>> = {
    Attempts: attempts,
    Duration: milliseconds,
    Failures: outcome === "ok" ? 0 : 1,
    ...(rateLimitLeft === undefined ? {} : { RateLimitLeft: rateLimitLeft }),
  }
  const Metrics = Object.keys(metrics).map((Name) => ({ Name, Unit: UNITS[Name as keyof typeof UNITS] }))
  const _aws = {
    Timestamp: options.now(),
    CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [["function"]], Metrics }],
  }
  logLine(options, level, { ...invocation, ...metrics, _aws })
}
