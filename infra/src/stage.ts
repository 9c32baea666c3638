/** What a stage is made of: the typed configuration that `infra/config/*.ts` gives. Nothing is looked up. */
import type { Allowed } from "./allowed.ts"
import type { AllowedAcls } from "./allowed-acls.ts"
import { part } from "./cidr.ts"

/** The platform's microservices, as `services/` names them. */
export const SERVICES = ["user_metadata", "flight_metadata", "flights_availability"] as const
export type ServiceName = (typeof SERVICES)[number]

/** AWS services that a stage may reach by an interface endpoint, besides the gateway endpoints that every stage has. */
export const INTERFACE_ENDPOINTS = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"] as const
export type InterfaceEndpoint = (typeof INTERFACE_ENDPOINTS)[number]

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
  /** What each tier's network ACL lets through; nothing else. */
  readonly acls: AllowedAcls
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
