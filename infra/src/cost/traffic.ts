/** What templates can't tell: how much a stage is used in a month. Every figure is an assumption, printed with the table. */

export interface Traffic {
  readonly requests: number
  readonly responseKb: number
  readonly egressGb: number
  readonly endpointGb: number
  readonly crossZoneGb: number
  readonly logBytes: number
  readonly flowLogGb: number
  readonly blockedPercent: number
  readonly insightsMetrics: number
  readonly images: number
  readonly imageMb: number
  readonly documentsGb: number
  readonly configurationReads: number
  readonly invocations: number
  readonly fetchMinutes: number
  readonly kmsRequests: number
}

interface Assumption {
  readonly flag: string
  readonly usual: number
  readonly most: number
  readonly what: string
}

/** Bounds keep each figure within the first of AWS's tiers, whose price is the one that is used. */
export const ASSUMPTIONS: Readonly<Record<keyof Traffic, Assumption>> = {
  requests: {
    flag: "requests",
    usual: 3_000_000,
    most: 1_000_000_000,
    what: "requests a month, each a new connection",
  },
  responseKb: { flag: "response-kb", usual: 4, most: 1000, what: "kB of an answer, that leave to the internet" },
  egressGb: {
    flag: "egress-gb",
    usual: 20,
    most: 10_000,
    what: "GB a month to and from the internet through the NAT gateway; a tenth of it goes out",
  },
  endpointGb: {
    flag: "endpoint-gb",
    usual: 10,
    most: 10_000,
    what: "GB a month to AWS's services: through the interface endpoints, or the NAT gateway where there are none",
  },
  crossZoneGb: {
    flag: "cross-zone-gb",
    usual: 20,
    most: 10_000,
    what: "GB a month from zone to zone, charged at both ends",
  },
  logBytes: {
    flag: "log-bytes",
    usual: 500,
    most: 100_000,
    what: "bytes that a request adds to its service's log; as many to the load balancer's",
  },
  flowLogGb: { flag: "flow-log-gb", usual: 5, most: 10_000, what: "GB of flow logs a month" },
  blockedPercent: {
    flag: "blocked-percent",
    usual: 1,
    most: 100,
    what: "percent of requests that WAF refuses and so logs, 2 kB each",
  },
  insightsMetrics: {
    flag: "insights-metrics",
    usual: 12,
    most: 100,
    what: "metrics that Container Insights makes for each cluster, and three for each service (service, task family, both)",
  },
  images: { flag: "images", usual: 10, most: 50, what: "images kept in each repository" },
  imageMb: { flag: "image-mb", usual: 80, most: 10_000, what: "MB of an image that it shares with no other" },
  documentsGb: {
    flag: "documents-gb",
    usual: 1,
    most: 10_000,
    what: "GB of documents and of their versions in S3; a hundredth of it in DynamoDB",
  },
  configurationReads: {
    flag: "configuration-reads",
    usual: 1_000_000,
    most: 1_000_000_000,
    what: "reads of 4 kB or less of the configurations a month",
  },
  invocations: {
    flag: "invocations",
    usual: 1000,
    most: 10_000_000,
    what: "invocations of the Lambda a month, 2 s each",
  },
  fetchMinutes: { flag: "fetch-minutes", usual: 1, most: 1440, what: "minutes of a scheduled fetch" },
  kmsRequests: { flag: "kms-requests", usual: 100_000, most: 1_000_000_000, what: "requests to KMS a month" },
}

export const TRAFFIC_NAMES = Object.keys(ASSUMPTIONS) as (keyof Traffic)[]

export const USUAL_TRAFFIC = Object.fromEntries(
  TRAFFIC_NAMES.map((name) => [name, ASSUMPTIONS[name].usual]),
) as unknown as Traffic

/** A figure on the command line is none, or out of its range; one line. */
export class TrafficError extends Error {
  override readonly name = "TrafficError"
}

/**
 * @param flags values by flag, such as `{"requests": "5000000"}`; what is missing is as usual
 * @throws TrafficError
 */
export function trafficOf(flags: Readonly<Record<string, unknown>>): Traffic {
  const entries = TRAFFIC_NAMES.map((name) => {
    const { flag, usual, most, what } = ASSUMPTIONS[name]
    const text = flags[flag]
    if (text === undefined) return [name, usual]
    const value = typeof text === "string" && /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (!(value <= most)) {
      throw new TrafficError(
        `--${flag} is ${JSON.stringify(text)}; give ${what.split(/[,;]/)[0]} as a number from 0 to ${most}`,
      )
    }
    return [name, value]
  })
  return Object.fromEntries(entries) as Traffic
}
