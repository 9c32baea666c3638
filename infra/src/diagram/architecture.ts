/** What the picture shows, without where: derived from templates, laid out by {@link "./layout.ts"}. All texts are derived. */
import type { IconName } from "./icons.ts"
import type { Colour } from "./palette.ts"

/** A resource of the templates: `template/LogicalId`. */
export type Address = string

/** Something with an icon and a name, and what is told of it. */
export interface Item {
  readonly id: Address
  readonly icon: IconName
  readonly title: string
  readonly facts: readonly string[]
  /** All resources that it stands for, where it stands for many. */
  readonly members?: readonly Address[]
}

export interface Subnet {
  readonly id: Address
  readonly name: string
  readonly cidr: string
  /** Index of its zone. */
  readonly zone: number
}

/** Something that runs in the subnets of a tier: one bar over all of its zones. */
export interface Workload extends Item {
  readonly colour: Colour
  /** Names of its security groups. */
  readonly groups: readonly string[]
  /** One for each zone that it has an interface in. */
  readonly cells: readonly Cell[]
}

export interface Cell {
  readonly zone: number
  readonly icon: IconName
  readonly lines: readonly string[]
  /** Not there now, but may come to be. */
  readonly faded?: boolean
}

/** The gateway and the address by which a zone's traffic leaves. */
export interface Exit {
  readonly zone: number
  readonly gateway: Item
  /** The address, where the gateway stands. */
  readonly address?: Item
  readonly stands: boolean
}

/** A small table: of routes, of an ACL's rules. */
export interface Table {
  readonly id: Address
  readonly icon: IconName
  readonly title: string
  readonly rows: readonly (readonly string[])[]
  readonly members?: readonly Address[]
}

export interface Tier {
  readonly name: string
  /** Whether a route leads to an internet gateway. */
  readonly public: boolean
  readonly subnets: readonly Subnet[]
  readonly exits: readonly Exit[]
  readonly workloads: readonly Workload[]
  readonly tables: readonly Table[]
}

export type FlowKind = "ingress" | "request" | "data" | "endpoint" | "egress" | "entrance" | "other"

/** A connection that is proved to be possible. */
export interface Flow {
  readonly from: Address | typeof INTERNET
  readonly to: Address | typeof INTERNET
  readonly kind: FlowKind
  /** Ports, such as `443`. */
  readonly label: string
  /** NAT gateways by which it leaves. */
  readonly via?: readonly Address[]
}

export const INTERNET = "internet"

export interface SecurityGroup {
  readonly id: Address
  readonly name: string
  /** Such as `443 from any`. */
  readonly inbound: readonly string[]
  readonly outbound: readonly string[]
}

/** Cards of one heading, beside the VPC. */
export interface Shelf {
  readonly heading: string
  readonly items: readonly Item[]
}

/** A line of the table of roles. */
export interface Role {
  readonly members: readonly Address[]
  readonly title: string
  readonly facts: readonly string[]
}

export interface Architecture {
  readonly title: string
  readonly subtitle: string
  readonly region: string
  readonly vpc: { readonly id: Address; readonly name: string; readonly cidr: string }
  readonly zones: readonly string[]
  readonly internetGateway: Item | undefined
  readonly tiers: readonly Tier[]
  /** Gateway endpoints, and the card of what they lead to. */
  readonly gatewayEndpoints: readonly (Item & { readonly leadsTo?: Address })[]
  readonly regional: readonly Shelf[]
  readonly global: readonly Shelf[]
  readonly roles: readonly Role[]
  readonly securityGroups: readonly SecurityGroup[]
  readonly flows: readonly Flow[]
}
