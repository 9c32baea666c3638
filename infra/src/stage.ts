/** What a stage is made of: the typed configuration that `infra/config/*.ts` gives, and its check. Nothing is looked up. */
import { RegionInfo } from "aws-cdk-lib/region-info"
import type { Allowed } from "./allowed.ts"
import { blockOf, contains, overlap, PRIVATE_BLOCKS, part, prefixOf } from "./cidr.ts"

/** The platform's microservices, as `services/` names them. */
export const SERVICES = ["user_metadata", "flight_metadata", "flights_availability"] as const
export type ServiceName = (typeof SERVICES)[number]

/** AWS services that a stage may reach by an interface endpoint, besides the gateway endpoints that every stage has. */
export const INTERFACE_ENDPOINTS = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"] as const
export type InterfaceEndpoint = (typeof INTERFACE_ENDPOINTS)[number]

/** Fargate's sizes: CPU units (1024 are a vCPU) and the MiB that go with them. Source: ECS developer guide, "Task size". */
const FARGATE_SIZES: Readonly<Record<number, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: [1024, 2048, 3072, 4096],
  1024: [2048, 3072, 4096, 5120, 6144, 7168, 8192],
  2048: [4096, 5120, 6144, 7168, 8192, 9216, 10240, 11264, 12288, 13312, 14336, 15360, 16384],
}

/** CloudWatch Logs' retention, in days. Source: API reference, `PutRetentionPolicy`. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]

export interface FargateSize {
  /** CPU units, 256 to 2048. */
  readonly cpu: number
  readonly memoryMiB: number
}

export interface Service extends FargateSize {
  /** The container's port, 1–65535; its own among the services. */
  readonly port: number
  /** The path below which the load balancer sends requests here, such as `/api/users`. */
  readonly path: string
  /** Tasks at least, 2 or more. */
  readonly minimum: number
  readonly maximum: number
  /** Percent of CPU that scaling holds. */
  readonly targetCpu: number
  /** Requests a minute for each task that scaling holds. */
  readonly targetRequests: number
}

/** Where TLS's certificate comes from: one that exists, or one that ACM makes in a Route 53 zone. */
export type Certificate =
  | { readonly certificateArn: string }
  | {
      readonly zoneId: string
      readonly zoneName: string
      /** The load balancer's name; the zone's own without it. */
      readonly name?: string
    }

export interface Stage {
  readonly name: string
  /** 12 digits; without it the templates fit any account. */
  readonly account?: string
  readonly region: string
  /** Letters of the availability zones, such as `a`: 2 to 4, 3 at least in production. */
  readonly zones: readonly string[]
  /** Data is kept when stacks are deleted, and nothing that holds some is deleted without being asked twice. */
  readonly protect: boolean
  readonly tags: Readonly<Record<string, string>>
  readonly network: {
    /** Private (RFC 1918), /16 to /19: a load balancer needs public subnets of /27 or larger. */
    readonly cidr: string
    /** Networks that this one will be joined with, and so must not overlap. */
    readonly neighbours: readonly string[]
    /** Letter of the zone whose NAT gateway carries the one static address, when the stack is made. */
    readonly egressZone: string
    /** The static address, where it comes from a pool of one's own (BYOIP). */
    readonly egressAddress?: string
    readonly interfaceEndpoints: readonly InterfaceEndpoint[]
  }
  readonly entry: {
    readonly certificate: Certificate
    /** Requests of one address in five minutes before WAF refuses, 10–2 000 000 000. */
    readonly requestsPerAddress: number
  }
  /** Images and the Lambda's zip are built for it. */
  readonly architecture: "X86_64" | "ARM64"
  readonly services: Readonly<Record<ServiceName, Service>>
  readonly database: {
    /** Such as `t4g.medium`. */
    readonly instance: string
    readonly multiAz: boolean
    /** GiB, 20–65 536; grows by itself to `maximumStorage`. */
    readonly storage: number
    readonly maximumStorage: number
    /** 1–35. */
    readonly backupDays: number
  }
  readonly neows: {
    readonly page: number
    /** EventBridge Scheduler's expression, in UTC. */
    readonly schedule: string
    /** Requests an hour that the API key allows. Source: api.nasa.gov, 1 000 for a key, 30 for `DEMO_KEY`. */
    readonly hourlyLimit: number
    readonly task: FargateSize
  }
  readonly logDays: number
  /** Who hears of alarms; nobody but the topic without it. */
  readonly alarmEmail?: string
  readonly circleci: {
    /** Ids as CircleCI's project and organisation settings show them. */
    readonly organizationId: string
    readonly projectId: string
    /** Such as `github.com/owner/repository`. */
    readonly origin: string
    /** The branch whose jobs may plan and deploy. */
    readonly branch: string
    /** An account has one OIDC provider for an organisation: `existing` where another stage of the account made it. */
    readonly provider: "new" | "existing"
  }
  /** What the stage promises, for the proofs to hold the templates to. The stacks don't read it. */
  readonly allowed: Allowed
}

/** A stage's configuration is wrong; the message is one line: what, where, the range, what to do. */
export class StageError extends Error {
  override readonly name = "StageError"
}

/** What a zone's three subnets are called. */
export const TIERS = ["public", "service", "data"] as const
export type Tier = (typeof TIERS)[number]

/**
 * Addresses of a subnet: of the VPC's sixteenths the first four are the zones' service subnets; the fifth and sixth hold
 * the public and the data ones, a sixteenth of that each.
 */
export function subnetCidr(vpc: string, tier: Tier, zone: number): string {
  if (tier === "service") return part(vpc, 4, zone)
  return part(part(vpc, 4, tier === "public" ? 4 : 5), 4, zone)
}

/**
 * @param others the other stages, whose networks must not overlap
 * @throws StageError the first thing that is wrong
 */
export function check(stage: Stage, others: readonly Stage[] = []): Stage {
  const file = `infra/config/${stage.name}.ts`
  const refuse = (what: string): never => {
    throw new StageError(`${file}: ${what}`)
  }
  const within = (name: string, value: number, low: number, high: number, unit = "") => {
    if (!Number.isInteger(value) || value < low || value > high) {
      refuse(`${name} is ${value}; give a whole number from ${low} to ${high}${unit}`)
    }
  }
  if (!/^[a-z][a-z0-9-]{1,19}$/.test(stage.name)) {
    refuse(`the stage's name ${quoted(stage.name)} must be 2 to 20 of a–z, 0–9 and -, a letter first`)
  }
  if (stage.account !== undefined && !/^\d{12}$/.test(stage.account)) {
    refuse(`account ${quoted(stage.account)} is no account id; give its 12 digits, or leave it out`)
  }
  if (!RegionInfo.regions.some(({ name }) => name === stage.region)) {
    refuse(`region ${quoted(stage.region)} is no region of AWS; one is called like eu-central-1`)
  }
  checkZones(stage, refuse)
  checkNetwork(stage, others, refuse)
  checkServices(stage, refuse, within)
  checkCertificate(stage, refuse)
  within("entry.requestsPerAddress", stage.entry.requestsPerAddress, 10, 2_000_000_000)
  const { database, neows } = stage
  if (!/^[a-z][a-z0-9]*\.[a-z0-9]+$/.test(database.instance)) {
    refuse(`database.instance ${quoted(database.instance)} is no instance class; one is called like t4g.medium`)
  }
  within("database.storage", database.storage, 20, 65_536, " GiB")
  within("database.maximumStorage", database.maximumStorage, Math.ceil(database.storage * 1.1), 65_536, " GiB")
  within("database.backupDays", database.backupDays, 1, 35)
  within("neows.page", neows.page, 0, 2 ** 31 - 1)
  within("neows.hourlyLimit", neows.hourlyLimit, 1, 1_000_000)
  checkSize("neows.task", neows.task, refuse)
  if (!/^(cron|rate)\([^()]+\)$/.test(neows.schedule)) {
    refuse(`neows.schedule ${quoted(neows.schedule)} is no schedule; one looks like cron(0 3 * * ? *) or rate(1 day)`)
  }
  if (!RETENTION_DAYS.includes(stage.logDays)) {
    refuse(`logDays is ${stage.logDays}; CloudWatch keeps logs for one of ${RETENTION_DAYS.join(", ")} days`)
  }
  if (stage.alarmEmail !== undefined && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(stage.alarmEmail)) {
    refuse(`alarmEmail ${quoted(stage.alarmEmail)} is no e-mail address; give one, or leave it out`)
  }
  checkCircleci(stage, refuse)
  return stage
}

type Refuse = (what: string) => never
type Within = (name: string, value: number, low: number, high: number, unit?: string) => void

function checkZones({ name, zones, network }: Stage, refuse: Refuse): void {
  const least = name === "production" ? 3 : 2
  if (zones.length < least || zones.length > 4) {
    refuse(
      `zones has ${zones.length} of them; give ${least} to 4${name === "production" ? " in production" : ""}, such as ["a", "b", "c"]`,
    )
  }
  const odd = zones.find((zone, at) => !/^[a-z]$/.test(zone) || zones.indexOf(zone) !== at)
  if (odd !== undefined) refuse(`zones names ${quoted(odd)}; give each zone's letter once, such as ["a", "b", "c"]`)
  if (!zones.includes(network.egressZone)) {
    refuse(`network.egressZone ${quoted(network.egressZone)} is none of the zones ${zones.join(", ")}`)
  }
}

function checkNetwork({ network, name }: Stage, others: readonly Stage[], refuse: Refuse): void {
  const block = (where: string, text: string) => {
    try {
      return blockOf(text)
    } catch (error) {
      return refuse(`${where}: ${(error as Error).message}`)
    }
  }
  const own = block("network.cidr", network.cidr)
  if (!PRIVATE_BLOCKS.some((text) => contains(blockOf(text), own))) {
    refuse(`network.cidr ${network.cidr} is not private; take a block of ${PRIVATE_BLOCKS.join(", ")}`)
  }
  const prefix = prefixOf(network.cidr)
  if (prefix < 16 || prefix > 19) {
    const size = prefix > 19 ? "too small for the subnets of all zones" : "larger than a VPC may be"
    refuse(`network.cidr ${network.cidr} is ${size}; give a block from /16 to /19`)
  }
  for (const neighbour of network.neighbours) {
    if (overlap(own, block("network.neighbours", neighbour))) {
      refuse(`network.cidr ${network.cidr} overlaps its neighbour ${neighbour}; take another block`)
    }
  }
  for (const other of others) {
    if (other.name !== name && overlap(own, block(`network.cidr of ${other.name}`, other.network.cidr))) {
      refuse(
        `network.cidr ${network.cidr} overlaps ${other.network.cidr} of the stage ${other.name}; take another block`,
      )
    }
  }
  if (network.egressAddress !== undefined) block("network.egressAddress", `${network.egressAddress}/32`)
  for (const endpoint of network.interfaceEndpoints) {
    if (!INTERFACE_ENDPOINTS.includes(endpoint)) {
      refuse(`network.interfaceEndpoints names ${quoted(endpoint)}; there are ${INTERFACE_ENDPOINTS.join(", ")}`)
    }
  }
}

function checkServices(stage: Stage, refuse: Refuse, within: Within): void {
  const ports = new Map<number, string>()
  const paths = new Map<string, string>()
  for (const name of SERVICES) {
    const service = stage.services[name]
    if (service === undefined) refuse(`services.${name} is missing; give its port, path, size and scaling`)
    const at = `services.${name}`
    within(`${at}.port`, service.port, 1, 65_535)
    const samePort = ports.get(service.port)
    if (samePort !== undefined) refuse(`${at}.port ${service.port} is ${samePort}'s already; give each service its own`)
    ports.set(service.port, name)
    if (!/^(\/[a-z0-9_-]+)+$/.test(service.path)) {
      refuse(`${at}.path ${quoted(service.path)} is no path; give one like /api/users, with no * and no / at its end`)
    }
    for (const [path, other] of paths) {
      if (`${path}/`.startsWith(`${service.path}/`) || `${service.path}/`.startsWith(`${path}/`)) {
        refuse(`${at}.path ${service.path} and ${other}'s ${path} take the same requests; give each service its own`)
      }
    }
    paths.set(service.path, name)
    within(`${at}.minimum`, service.minimum, 2, 1000, " tasks")
    within(`${at}.maximum`, service.maximum, service.minimum, 1000, " tasks")
    within(`${at}.targetCpu`, service.targetCpu, 10, 90, " percent")
    within(`${at}.targetRequests`, service.targetRequests, 1, 1_000_000, " a minute")
    checkSize(at, service, refuse)
  }
}

function checkSize(at: string, { cpu, memoryMiB }: FargateSize, refuse: Refuse): void {
  const sizes = FARGATE_SIZES[cpu]
  if (sizes === undefined) refuse(`${at}.cpu is ${cpu}; Fargate has ${Object.keys(FARGATE_SIZES).join(", ")} here`)
  if (!sizes.includes(memoryMiB)) {
    refuse(`${at}.memoryMiB is ${memoryMiB}; with ${cpu} units of CPU Fargate has ${sizes.join(", ")}`)
  }
}

function checkCertificate({ entry: { certificate }, region }: Stage, refuse: Refuse): void {
  if ("certificateArn" in certificate) {
    const [, arnRegion] =
      /^arn:aws[a-z-]*:acm:([a-z0-9-]+):\d{12}:certificate\/[0-9a-f-]+$/.exec(certificate.certificateArn) ?? []
    if (arnRegion === undefined) refuse("entry.certificate.certificateArn is no ARN of a certificate of ACM")
    if (arnRegion !== region) {
      refuse(`entry.certificate.certificateArn is of ${arnRegion}; a load balancer in ${region} needs one of ${region}`)
    }
    return
  }
  const { zoneId, zoneName, name = zoneName } = certificate
  if (!/^Z[A-Z0-9]{1,31}$/.test(zoneId)) {
    refuse(`entry.certificate.zoneId ${quoted(zoneId)} is no hosted zone's id; one starts with Z`)
  }
  if (name !== zoneName && !name.endsWith(`.${zoneName}`)) {
    refuse(`entry.certificate.name ${quoted(name)} is not within the zone ${zoneName}`)
  }
}

function checkCircleci({ circleci }: Stage, refuse: Refuse): void {
  for (const key of ["organizationId", "projectId"] as const) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(circleci[key])) {
      refuse(`circleci.${key} ${quoted(circleci[key])} is no UUID; CircleCI shows it in the settings`)
    }
  }
  // The role's trust compares them by StringLike: a * or ? here would open it to others.
  if (!/^[a-z0-9.-]+\/[\w.-]+\/[\w.-]+$/i.test(circleci.origin)) {
    refuse(`circleci.origin ${quoted(circleci.origin)} is no repository; one looks like github.com/owner/repository`)
  }
  if (!/^[\w./-]+$/.test(circleci.branch)) {
    refuse(`circleci.branch ${quoted(circleci.branch)} is no branch's name; patterns are not allowed`)
  }
}

function quoted(value: unknown): string {
  return JSON.stringify(value) ?? "undefined"
}
