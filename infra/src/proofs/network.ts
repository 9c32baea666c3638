/**
 * The network that resolved templates make, typed: subnets with their routes and ACLs, security groups with all their
 * rules, everything that has an interface, and what has a public address. The proofs reckon with it, the picture draws it.
 *
 * Nothing that could matter is left out in silence: what is not modelled is listed in {@link Network.unmodelled}.
 */
import { ALL_ADDRESSES, ANYWHERE, type Block, blockOf } from "../cidr.ts"
import type { Resolved, Resource } from "../templates/resolve.ts"
import { at, flagOf, isSymbolic, keyed, list, numberOf, Reference, textOf, type Value } from "../templates/value.ts"
import { MODELLED_TYPES, withoutNetwork } from "./types.ts"

/** IANA's number of a protocol; `"all"` is every protocol. */
export type Protocol = number | "all"
export const TCP = 6
export const UDP = 17
export const ICMP = 1

export const ALL_PORTS: Block = { first: 0, last: 65_535 }

export interface AclEntry {
  readonly resource: Resource
  /** Order: the lowest number that matches decides. */
  readonly number: number
  readonly allow: boolean
  readonly protocol: Protocol
  readonly ports: Block
  /** The other side. */
  readonly block: Block
}

/** Stateless: both directions are asked, answers too. */
export interface Acl {
  readonly resource: Resource
  readonly inbound: readonly AclEntry[]
  readonly outbound: readonly AclEntry[]
}

export type Peer =
  | { readonly kind: "block"; readonly block: Block }
  /** The address (`template/id`) of a security group. */
  | { readonly kind: "group"; readonly group: string }

export interface GroupRule {
  /** What must change to change the rule: the group itself, where the rule is inline. */
  readonly resource: Resource | undefined
  readonly direction: "inbound" | "outbound"
  readonly protocol: Protocol
  readonly ports: Block
  readonly peer: Peer
  readonly description: string
}

/** Stateful: answers need no rule. */
export interface SecurityGroup {
  /** `template/id`; `default group` for the VPC's own. */
  readonly address: string
  readonly name: string
  readonly description: string
  readonly resource: Resource | undefined
  readonly inbound: readonly GroupRule[]
  readonly outbound: readonly GroupRule[]
  /**
   * It has no `SecurityGroupEgress` of its own. EC2 makes such a group with a rule that lets everything out, and
   * CloudFormation takes it away only for rules in that property. It is among {@link outbound}.
   * Source: CloudFormation template reference, AWS::EC2::SecurityGroup, “Remove default rule”.
   */
  readonly implicitOutbound: boolean
}

export type Target =
  | { readonly kind: "local" }
  | { readonly kind: "internet-gateway"; readonly resource: Resource; readonly attached: boolean }
  | { readonly kind: "nat-gateway"; readonly nat: NatGateway }
  /** Not modelled, or not there: whatever it is, it is taken for a way out. */
  | { readonly kind: "unknown"; readonly what: string }

export interface Route {
  /** Undefined for the local route, which every table has. */
  readonly resource: Resource | undefined
  readonly block: Block
  readonly cidr: string
  readonly target: Target
}

export interface RouteTable {
  readonly resource: Resource
  /** The longest prefix first. */
  readonly routes: readonly Route[]
}

export interface Subnet {
  readonly resource: Resource
  readonly address: string
  /** Without the stage's prefix, from the tag `Name`; else the logical id. */
  readonly name: string
  /** Such as `eu-central-1a`. */
  readonly zone: string
  /** The tag `tier`; else `public`, `private` or `isolated` by the default route. */
  readonly tier: string
  readonly cidr: string
  readonly block: Block
  /** Undefined where it has none of its own, and so the VPC's main table, with the local route alone. */
  readonly routeTable: RouteTable | undefined
  /** Undefined where it has none of its own, and so the VPC's default one, which lets everything through. */
  readonly acl: Acl | undefined
  readonly mapsPublicAddress: boolean
}

export interface NatGateway {
  readonly resource: Resource
  readonly subnet: Subnet | undefined
  readonly public: boolean
  /** Its Elastic IPs, as their resources' addresses, or as written. */
  readonly addresses: readonly string[]
}

/** Where in the network something stands: one for each subnet. */
export interface Interface {
  readonly subnet: Subnet
  readonly groups: readonly SecurityGroup[]
  readonly publicAddress: boolean
}

export type Kind =
  | "load balancer"
  | "service"
  | "function"
  | "scheduled task"
  | "one-off task"
  | "database"
  | "interface endpoint"
  | "gateway endpoint"

/** What has interfaces, or is reached from some. */
export interface Thing {
  /** As the matrix names it: `service user_metadata`, `database`, `endpoint s3`. */
  readonly name: string
  readonly kind: Kind
  /** The service, function, schedule … itself; for one-off tasks their definitions. */
  readonly resources: readonly Resource[]
  readonly interfaces: readonly Interface[]
  /** What listens there by the templates: listeners' ports, ports of containers, the database's. */
  readonly listens: readonly number[]
  /** Of a gateway endpoint: the tables that lead to it. */
  readonly routeTables?: ReadonlySet<string>
}

/** A listener's rule, or its default action, that leads requests to a target group. */
export interface Forward {
  readonly listener: Resource
  /** The rule; the listener itself for its default action. */
  readonly resource: Resource
  /** The listener's port. */
  readonly port: number
  readonly paths: readonly string[]
  readonly targetGroup: Resource
  /** Name of the thing that the target group's targets are. */
  readonly to: string | undefined
  /** The port that targets are registered with. */
  readonly toPort: number | undefined
}

export interface Listener {
  readonly resource: Resource
  readonly port: number
  readonly protocol: string
  /** Types of its default actions: `redirect`, `fixed-response`, `forward`. */
  readonly defaults: readonly string[]
}

/** Something that may matter and is not reckoned with: a proof fails on each. */
export interface Unmodelled {
  readonly resource: Resource
  readonly what: string
}

export interface Network {
  readonly vpcs: readonly Resource[]
  /** The VPCs' own addresses. */
  readonly blocks: readonly Block[]
  readonly subnets: readonly Subnet[]
  readonly groups: readonly SecurityGroup[]
  readonly acls: readonly Acl[]
  readonly routeTables: readonly RouteTable[]
  readonly natGateways: readonly NatGateway[]
  readonly internetGateways: readonly Resource[]
  readonly elasticIps: readonly Resource[]
  readonly things: readonly Thing[]
  readonly listeners: readonly Listener[]
  readonly forwards: readonly Forward[]
  /** Task definitions that neither the templates nor {@link NetworkOptions.tasks} run. */
  readonly idle: readonly Resource[]
  readonly unmodelled: readonly Unmodelled[]
}

/** Tasks that a program runs from outside of the templates, in an interface that it is told of. */
export interface TaskPlace {
  /** What the matrix calls them. */
  readonly name: string
  /** Their families match it. */
  readonly families: RegExp
  /** Logical id of their security group, without the hash at its end, such as `network/Groupsmigration`. */
  readonly group: string
  /** Tier of their subnets. */
  readonly tier: string
}

export interface NetworkOptions {
  /** Taken off the names of resources, such as `perigee-production-`. */
  readonly prefix?: string
  readonly tasks?: readonly TaskPlace[]
}

/** A logical id without the eight hexadecimal digits that the CDK puts at its end. */
export function withoutHash(address: string): string {
  return address.replace(/[0-9A-F]{8}$/, "")
}

export function networkOf(resolved: Resolved, options: NetworkOptions = {}): Network {
  return new Builder(resolved, options).network()
}

/** What types that are modelled can do besides. */
const UNMODELLED_PROPERTIES: Readonly<Record<string, readonly string[]>> = {
  "AWS::EC2::EIP": ["InstanceId", "NetworkBorderGroup"],
  "AWS::EC2::NatGateway": ["AvailabilityZoneAddresses", "AvailabilityMode", "SecondaryPrivateIpAddresses"],
  "AWS::EC2::SecurityGroupIngress": ["GroupName", "SourceSecurityGroupName"],
  "AWS::EC2::VPCEndpoint": ["ResourceConfigurationArn", "ServiceNetworkArn", "ServiceRegion"],
  "AWS::EC2::VPCGatewayAttachment": ["VpnGatewayId"],
}

class Builder {
  readonly #resolved: Resolved
  readonly #options: NetworkOptions
  readonly #unmodelled: Unmodelled[] = []
  readonly #subnets = new Map<string, Subnet>()
  readonly #groups = new Map<string, SecurityGroup>()
  readonly #defaultGroup: SecurityGroup = defaultGroup()

  constructor(resolved: Resolved, options: NetworkOptions) {
    this.#resolved = resolved
    this.#options = options
  }

  network(): Network {
    const resolved = this.#resolved
    this.#tellUnmodelledTypes()
    const vpcs = resolved.ofType("AWS::EC2::VPC")
    const blocks = vpcs.flatMap((vpc) => this.#block(vpc, vpc.properties["CidrBlock"]) ?? [])
    if (vpcs.length > 1) for (const vpc of vpcs.slice(1)) this.#tell(vpc, "more than one VPC: they are taken for one")
    const acls = this.#acls()
    const { natGateways, routeTables } = this.#subnetsWithRoutes(blocks, acls)
    this.#readGroups()
    const listeners = this.#listeners()
    const forwards = this.#forwards()
    const { things, idle } = this.#things(listeners)
    return {
      vpcs,
      blocks,
      subnets: [...this.#subnets.values()],
      groups: [...this.#groups.values()],
      acls: [...acls.values()],
      routeTables,
      natGateways,
      internetGateways: resolved.ofType("AWS::EC2::InternetGateway"),
      elasticIps: resolved.ofType("AWS::EC2::EIP"),
      things,
      listeners,
      forwards: forwards.map(({ service, ...forward }) => ({
        ...forward,
        to: things.find(({ resources }) => service !== undefined && resources.includes(service))?.name,
      })),
      idle,
      unmodelled: this.#unmodelled,
    }
  }

  #tell(resource: Resource, what: string): void {
    this.#unmodelled.push({ resource, what })
  }

  #tellUnmodelledTypes(): void {
    for (const one of this.#resolved.resources) {
      if (one.maybe !== undefined) {
        this.#tell(one, `whether it is made depends on ${one.maybe}, which can't be known: give its parameters`)
      }
      if (!MODELLED_TYPES.has(one.type) && !withoutNetwork(one.type)) {
        this.#tell(one, `${one.type} is not modelled: what it opens is not known`)
      }
      for (const key of UNMODELLED_PROPERTIES[one.type] ?? []) {
        if (one.properties[key] !== undefined) this.#tell(one, `its ${key} is not modelled: what it opens is not known`)
      }
    }
  }

  #name(text: string): string {
    const { prefix = "" } = this.#options
    return prefix !== "" && text.startsWith(prefix) ? text.slice(prefix.length) : text
  }

  /** @returns undefined for what is not there; tells what is no IPv4 block, and takes it for all addresses */
  #block(resource: Resource, value: Value | undefined): Block | undefined {
    if (value === undefined || value === null) return undefined
    const text = textOf(value) ?? ""
    try {
      return blockOf(text)
    } catch {
      this.#tell(resource, `${text} is no IPv4 block that is known: it is taken for ${ANYWHERE}`)
      return ALL_ADDRESSES
    }
  }

  #protocol(resource: Resource, value: Value | undefined): Protocol {
    const text = (textOf(value) ?? "").toLowerCase()
    if (text === "-1" || text === "all") return "all"
    const named = { tcp: TCP, udp: UDP, icmp: ICMP, icmpv6: 58 }[text]
    if (named !== undefined) return named
    if (/^\d+$/.test(text) && Number(text) < 256) return Number(text)
    this.#tell(resource, `its protocol ${JSON.stringify(text)} is not known: it is taken for all`)
    return "all"
  }

  #acls(): Map<string, Acl> {
    type Open = { resource: Resource; inbound: AclEntry[]; outbound: AclEntry[] }
    const acls = new Map<string, Open>()
    for (const resource of this.#resolved.ofType("AWS::EC2::NetworkAcl")) {
      acls.set(resource.address, { resource, inbound: [], outbound: [] })
    }
    for (const resource of this.#resolved.ofType("AWS::EC2::NetworkAclEntry")) {
      const { properties } = resource
      const acl = acls.get(this.#resolved.of(properties["NetworkAclId"])?.address ?? "")
      if (acl === undefined) {
        this.#tell(resource, "its ACL is not among the templates: the rule is left out")
        continue
      }
      if (properties["Ipv6CidrBlock"] !== undefined) {
        this.#tell(resource, "IPv6 is not modelled: the rule is left out")
        continue
      }
      const unknown = unknownParts(properties)
      if (unknown.length > 0) {
        this.#tell(resource, `its ${unknown.join(", ")} can't be known: an ACL's entry must be written out`)
      }
      const action = textOf(properties["RuleAction"])?.toLowerCase()
      const allow = action !== "deny"
      // What can't be known is taken for the worst: a deny counts only where it is certain, an allow wherever it is possible.
      if (!allow && (unknown.length > 0 || resource.maybe !== undefined || !deniesAllOf(properties))) continue
      const protocol = this.#protocol(resource, properties["Protocol"])
      const entry: AclEntry = {
        resource,
        number: numberOf(properties["RuleNumber"]) ?? 0,
        allow,
        protocol,
        ports: ports(at(properties, "PortRange", "From"), at(properties, "PortRange", "To"), protocol),
        block: this.#block(resource, properties["CidrBlock"]) ?? ALL_ADDRESSES,
      }
      const egress = properties["Egress"] === undefined ? false : flagOf(properties["Egress"])
      if (egress !== false) acl.outbound.push(entry)
      if (egress !== true) acl.inbound.push(entry)
    }
    for (const { inbound, outbound } of acls.values()) {
      for (const entries of [inbound, outbound]) {
        entries.sort((one, other) => one.number - other.number || Number(other.allow) - Number(one.allow))
        for (const [index, { resource, number }] of entries.entries()) {
          const before = entries[index - 1]
          if (before?.number === number) {
            this.#tell(
              resource,
              `its RuleNumber ${number} is ${before.resource.address}'s too: which decides is not known`,
            )
          }
        }
      }
    }
    return acls
  }

  #subnetsWithRoutes(
    blocks: readonly Block[],
    acls: ReadonlyMap<string, Acl>,
  ): { natGateways: NatGateway[]; routeTables: RouteTable[] } {
    const resolved = this.#resolved
    const local: Route[] = blocks.map((block) => ({
      resource: undefined,
      block,
      cidr: "local",
      target: { kind: "local" },
    }))
    const routes = new Map<string, Route[]>()
    const tables = new Map<string, RouteTable>()
    for (const resource of resolved.ofType("AWS::EC2::RouteTable")) {
      const own = [...local]
      routes.set(resource.address, own)
      tables.set(resource.address, { resource, routes: own })
    }
    const first = new Map<string, string>()
    const of = <T>(type: string, key: string, value: (properties: Resource) => T): Map<string, T> =>
      new Map(
        resolved.ofType(type).flatMap((one): [string, T][] => {
          const subject = resolved.of(one.properties[key])
          if (subject === undefined) {
            this.#tell(one, `its ${key} ${textOf(one.properties[key])} is not among the templates`)
            return []
          }
          const before = first.get(`${type} ${subject.address}`)
          if (before !== undefined) {
            this.#tell(
              one,
              `a second association of ${subject.address}, beside ${before}: which one stands is not known`,
            )
          }
          first.set(`${type} ${subject.address}`, one.address)
          return [[subject.address, value(one)]]
        }),
      )
    const tableOf = of("AWS::EC2::SubnetRouteTableAssociation", "SubnetId", (one) =>
      tables.get(resolved.of(one.properties["RouteTableId"])?.address ?? ""),
    )
    const aclOf = of("AWS::EC2::SubnetNetworkAclAssociation", "SubnetId", (one) =>
      acls.get(resolved.of(one.properties["NetworkAclId"])?.address ?? ""),
    )
    for (const resource of resolved.ofType("AWS::EC2::Subnet")) {
      const { properties } = resource
      for (const key of ["Ipv6CidrBlock", "AssignIpv6AddressOnCreation", "Ipv6Native"]) {
        if (properties[key] !== undefined && properties[key] !== false)
          this.#tell(resource, `${key}: IPv6 is not modelled`)
      }
      const tags = properties["Tags"]
      const zone = textOf(properties["AvailabilityZone"]) ?? textOf(properties["AvailabilityZoneId"]) ?? "?"
      this.#subnets.set(resource.address, {
        resource,
        address: resource.address,
        name: this.#name(textOf(keyed(tags, "Name")) ?? resource.id),
        zone,
        tier: textOf(keyed(tags, "tier")) ?? "",
        cidr: textOf(properties["CidrBlock"]) ?? "?",
        block: this.#block(resource, properties["CidrBlock"]) ?? ALL_ADDRESSES,
        routeTable: tableOf.get(resource.address),
        acl: aclOf.get(resource.address),
        mapsPublicAddress:
          properties["MapPublicIpOnLaunch"] !== undefined && flagOf(properties["MapPublicIpOnLaunch"]) !== false,
      })
    }
    const natGateways = resolved.ofType("AWS::EC2::NatGateway").map((resource): NatGateway => {
      const { properties } = resource
      const allocations = [...list(properties["AllocationId"]), ...list(properties["SecondaryAllocationIds"])]
      return {
        resource,
        subnet: this.#subnets.get(resolved.of(properties["SubnetId"])?.address ?? ""),
        public: textOf(properties["ConnectivityType"]) !== "private",
        addresses: allocations.map((one) => (one instanceof Reference ? one.address : (textOf(one) ?? "?"))),
      }
    })
    for (const resource of resolved.ofType("AWS::EC2::Route")) {
      const table = routes.get(resolved.of(resource.properties["RouteTableId"])?.address ?? "")
      const route = this.#route(resource, natGateways)
      if (route === undefined) continue
      if (table === undefined) this.#tell(resource, "its route table is not among the templates")
      else table.push(route)
    }
    for (const table of routes.values()) table.sort((one, other) => size(one.block) - size(other.block))
    for (const [address, subnet] of this.#subnets) {
      if (subnet.tier !== "") continue
      const kinds = subnet.routeTable?.routes.map(({ target }) => target.kind) ?? []
      const tier = kinds.includes("internet-gateway")
        ? "public"
        : kinds.includes("nat-gateway")
          ? "private"
          : "isolated"
      this.#subnets.set(address, { ...subnet, tier })
    }
    return { natGateways, routeTables: [...tables.values()] }
  }

  #route(resource: Resource, natGateways: readonly NatGateway[]): Route | undefined {
    const { properties } = resource
    if (properties["DestinationIpv6CidrBlock"] !== undefined) {
      this.#tell(resource, "a route for IPv6, which is not modelled")
      return undefined
    }
    if (properties["DestinationPrefixListId"] !== undefined) {
      this.#tell(resource, "a route by prefix list, which is not modelled: it is taken for a way out")
    }
    const cidr = textOf(properties["DestinationCidrBlock"]) ?? ANYWHERE
    const block = this.#block(resource, properties["DestinationCidrBlock"]) ?? ALL_ADDRESSES
    return { resource, block, cidr, target: this.#target(resource, natGateways) }
  }

  #target(resource: Resource, natGateways: readonly NatGateway[]): Target {
    const { properties } = resource
    const nat = properties["NatGatewayId"]
    if (nat !== undefined) {
      const address = nat instanceof Reference ? nat.address : undefined
      const found = natGateways.find((one) => one.resource.address === address)
      if (found !== undefined) return { kind: "nat-gateway", nat: found }
      this.#tell(resource, `its NAT gateway ${textOf(nat)} is not made`)
      return { kind: "unknown", what: `NAT gateway ${textOf(nat)}` }
    }
    const gateway = this.#resolved.of(properties["GatewayId"])
    if (gateway?.type === "AWS::EC2::InternetGateway") {
      const attached = this.#resolved
        .ofType("AWS::EC2::VPCGatewayAttachment")
        .some((one) => this.#resolved.of(one.properties["InternetGatewayId"]) === gateway)
      return { kind: "internet-gateway", resource: gateway, attached }
    }
    const key = Object.keys(properties).find((name) => name.endsWith("Id") && !/^(RouteTableId|Destination)/.test(name))
    const what = key === undefined ? "nothing known" : `${key} ${textOf(properties[key])}`
    this.#tell(resource, `a route to ${what}, which is not modelled: it is taken for a way out`)
    return { kind: "unknown", what }
  }

  #readGroups(): void {
    type Open = { resource: Resource; inbound: GroupRule[]; outbound: GroupRule[] }
    const open = new Map<string, Open>()
    for (const resource of this.#resolved.ofType("AWS::EC2::SecurityGroup")) {
      const rules = (direction: "inbound" | "outbound", key: string) =>
        list(resource.properties[key]).flatMap((rule) => this.#groupRule(resource, direction, rule) ?? [])
      const outbound = rules("outbound", "SecurityGroupEgress")
      if (this.#resolved.of(resource.properties["VpcId"])?.type !== "AWS::EC2::VPC") {
        const vpc = textOf(resource.properties["VpcId"]) ?? "the account's default one"
        this.#tell(resource, `its VPC ${vpc} is not among the templates: who takes it there is not known`)
      }
      const none = list(resource.properties["SecurityGroupEgress"]).length === 0
      if (none) outbound.push(everything(resource, "outbound", "EC2's own rule, for want of a SecurityGroupEgress"))
      open.set(resource.address, { resource, inbound: rules("inbound", "SecurityGroupIngress"), outbound })
    }
    for (const [type, direction] of [
      ["AWS::EC2::SecurityGroupIngress", "inbound"],
      ["AWS::EC2::SecurityGroupEgress", "outbound"],
    ] as const) {
      for (const resource of this.#resolved.ofType(type)) {
        const group = open.get(this.#resolved.of(resource.properties["GroupId"])?.address ?? "")
        const rule = this.#groupRule(resource, direction, resource.properties)
        if (group === undefined) this.#tell(resource, "its security group is not among the templates")
        else if (rule !== undefined) group[direction].push(rule)
      }
    }
    for (const [address, { resource, inbound, outbound }] of open) {
      this.#groups.set(address, {
        address,
        name: this.#name(textOf(resource.properties["GroupName"]) ?? withoutHash(resource.id)),
        description: textOf(resource.properties["GroupDescription"]) ?? "",
        resource,
        inbound,
        outbound,
        implicitOutbound: list(resource.properties["SecurityGroupEgress"]).length === 0,
      })
    }
  }

  #groupRule(resource: Resource, direction: "inbound" | "outbound", rule: Value): GroupRule | undefined {
    const [side, other] = direction === "inbound" ? ["Source", "CidrIp"] : ["Destination", "CidrIp"]
    const protocol = this.#protocol(resource, at(rule, "IpProtocol"))
    const rest = {
      resource,
      direction,
      protocol,
      ports: ports(at(rule, "FromPort"), at(rule, "ToPort"), protocol),
      description: textOf(at(rule, "Description")) ?? "",
    }
    const group = at(rule, `${side}SecurityGroupId`)
    if (group !== undefined) {
      const found = this.#resolved.of(group)
      const owner = at(rule, `${side}SecurityGroupOwnerId`)
      if (owner !== undefined && textOf(owner) !== `\${AWS::AccountId}`) {
        this.#tell(resource, `its peer is a group of the account ${textOf(owner)}, which is not modelled`)
      }
      if (found !== undefined && found.type === "AWS::EC2::SecurityGroup" && isGroupId(group)) {
        return { ...rest, peer: { kind: "group", group: found.address } }
      }
      this.#tell(
        resource,
        `its peer ${textOf(group)} is no security group among the templates: it is taken for ${ANYWHERE}`,
      )
      return { ...rest, peer: { kind: "block", block: ALL_ADDRESSES } }
    }
    const prefixList = at(rule, `${side}PrefixListId`)
    if (prefixList !== undefined) {
      this.#tell(resource, "a rule by prefix list, which is not modelled: it is taken for 0.0.0.0/0")
      return { ...rest, peer: { kind: "block", block: ALL_ADDRESSES } }
    }
    if (at(rule, "CidrIpv6") !== undefined) {
      this.#tell(resource, "a rule for IPv6, which is not modelled: it is left out")
      return undefined
    }
    const block = this.#block(resource, at(rule, other ?? ""))
    if (block !== undefined) return { ...rest, peer: { kind: "block", block } }
    this.#tell(resource, `a rule with no peer that is known: it is taken for ${ANYWHERE}`)
    return { ...rest, peer: { kind: "block", block: ALL_ADDRESSES } }
  }

  #interfaces(
    resource: Resource,
    subnets: readonly Value[],
    groups: readonly Value[],
    publicly: (subnet: Subnet) => boolean,
  ): Interface[] {
    const own = groups.flatMap((one) => {
      const found = this.#groups.get(this.#resolved.of(one)?.address ?? "")
      if (found === undefined) this.#tell(resource, `its security group ${textOf(one)} is not among the templates`)
      return found ?? []
    })
    return subnets.flatMap((one): Interface[] => {
      const subnet = this.#subnets.get(this.#resolved.of(one)?.address ?? "")
      if (subnet === undefined) this.#tell(resource, `its subnet ${textOf(one)} is not among the templates`)
      // Without a group of its own it has the VPC's default one.
      return subnet === undefined
        ? []
        : [{ subnet, groups: own.length > 0 ? own : [this.#defaultGroup], publicAddress: publicly(subnet) }]
    })
  }

  #listeners(): Listener[] {
    return this.#resolved.ofType("AWS::ElasticLoadBalancingV2::Listener").map((resource) => ({
      resource,
      port: numberOf(resource.properties["Port"]) ?? 0,
      protocol: textOf(resource.properties["Protocol"]) ?? "",
      defaults: list(resource.properties["DefaultActions"]).map((action) => textOf(at(action, "Type")) ?? ""),
    }))
  }

  #forwards(): (Forward & { readonly service: Resource | undefined })[] {
    const resolved = this.#resolved
    const made: (Forward & { readonly service: Resource | undefined })[] = []
    const add = (resource: Resource, listener: Resource, actions: Value | undefined, paths: readonly string[]) => {
      for (const action of list(actions)) {
        const groups = [
          ...list(at(action, "TargetGroupArn")),
          ...list(at(action, "ForwardConfig", "TargetGroups")).flatMap((one) => list(at(one, "TargetGroupArn"))),
        ]
        for (const targetGroup of new Set(groups.flatMap((one) => resolved.of(one) ?? []))) {
          const registered = resolved.ofType("AWS::ECS::Service").flatMap((service) =>
            list(service.properties["LoadBalancers"])
              .filter((one) => resolved.of(at(one, "TargetGroupArn")) === targetGroup)
              .map((one) => ({ service, toPort: numberOf(at(one, "ContainerPort")) })),
          )
          const port = numberOf(listener.properties["Port"]) ?? 0
          const common = { listener, resource, port, paths, targetGroup, to: undefined }
          for (const { service, toPort } of registered) made.push({ ...common, service, toPort })
          if (registered.length === 0) made.push({ ...common, service: undefined, toPort: undefined })
        }
      }
    }
    for (const listener of resolved.ofType("AWS::ElasticLoadBalancingV2::Listener")) {
      add(listener, listener, listener.properties["DefaultActions"], [])
    }
    for (const rule of resolved.ofType("AWS::ElasticLoadBalancingV2::ListenerRule")) {
      const listener = resolved.of(rule.properties["ListenerArn"])
      if (listener === undefined) this.#tell(rule, "its listener is not among the templates")
      const paths = list(rule.properties["Conditions"])
        .filter((one) => at(one, "Field") === "path-pattern")
        .flatMap((one) => [...list(at(one, "PathPatternConfig", "Values")), ...list(at(one, "Values"))])
      const texts = paths.flatMap((one) => textOf(one) ?? [])
      if (listener !== undefined) add(rule, listener, rule.properties["Actions"], texts)
    }
    return made
  }

  #things(listeners: readonly Listener[]): { things: Thing[]; idle: Resource[] } {
    const resolved = this.#resolved
    const things: Thing[] = []
    const started = new Set<Resource>()
    const awsvpc = (resource: Resource, configuration: Value | undefined): Interface[] => {
      const vpc = at(configuration, "AwsvpcConfiguration")
      if (vpc === undefined)
        this.#tell(resource, "its tasks have no network of their own (awsvpc), which is not modelled")
      const assign = textOf(at(vpc, "AssignPublicIp"))
      return this.#interfaces(
        resource,
        list(at(vpc, "Subnets")),
        list(at(vpc, "SecurityGroups")),
        // Only a plain DISABLED is one; without a word the subnet may decide.
        (subnet) => (assign === undefined ? subnet.mapsPublicAddress : assign !== "DISABLED"),
      )
    }
    const containerPorts = (definition: Resource | undefined): number[] =>
      list(definition?.properties["ContainerDefinitions"])
        .flatMap((container) => list(at(container, "PortMappings")))
        .flatMap((mapping) => numberOf(at(mapping, "ContainerPort")) ?? [])
    const balancers = resolved.ofType("AWS::ElasticLoadBalancingV2::LoadBalancer")
    for (const resource of balancers) {
      const { properties } = resource
      const external = textOf(properties["Scheme"]) !== "internal"
      const subnets = list(properties["Subnets"])
      const mapped = list(properties["SubnetMappings"]).flatMap((one) => list(at(one, "SubnetId")))
      const name = this.#name(textOf(properties["Name"]) ?? withoutHash(resource.id))
      things.push({
        name: balancers.length === 1 ? "load balancer" : `load balancer ${name}`,
        kind: "load balancer",
        resources: [resource],
        interfaces: this.#interfaces(
          resource,
          [...subnets, ...mapped],
          list(properties["SecurityGroups"]),
          () => external,
        ),
        listens: listeners
          .filter((one) => resolved.of(one.resource.properties["LoadBalancerArn"]) === resource)
          .map(({ port }) => port),
      })
    }
    for (const resource of resolved.ofType("AWS::ECS::Service")) {
      const definition = resolved.of(resource.properties["TaskDefinition"])
      if (definition !== undefined) started.add(definition)
      things.push({
        name: `service ${this.#name(textOf(resource.properties["ServiceName"]) ?? withoutHash(resource.id))}`,
        kind: "service",
        resources: [resource],
        interfaces: awsvpc(resource, resource.properties["NetworkConfiguration"]),
        listens: containerPorts(definition),
      })
    }
    for (const resource of resolved.ofType("AWS::Lambda::Function")) {
      const vpc = resource.properties["VpcConfig"]
      things.push({
        name: `function ${this.#name(textOf(resource.properties["FunctionName"]) ?? withoutHash(resource.id))}`,
        kind: "function",
        resources: [resource],
        // Lambda's interfaces never have a public address. Source: Lambda developer guide, “Internet access for VPC functions”.
        interfaces: this.#interfaces(
          resource,
          list(at(vpc, "SubnetIds")),
          list(at(vpc, "SecurityGroupIds")),
          () => false,
        ),
        listens: [],
      })
    }
    for (const { resource, name, parameters } of this.#schedules()) {
      const definition = resolved.of(at(parameters, "TaskDefinitionArn"))
      if (definition !== undefined) started.add(definition)
      things.push({
        name: `scheduled task ${name}`,
        kind: "scheduled task",
        resources: [resource],
        interfaces: awsvpc(resource, at(parameters, "NetworkConfiguration")),
        listens: containerPorts(definition),
      })
    }
    const definitions = resolved.ofType("AWS::ECS::TaskDefinition").filter((one) => !started.has(one))
    const placed = new Set<Resource>()
    for (const { name, families, group, tier } of this.#options.tasks ?? []) {
      const own = definitions.filter((one) => families.test(textOf(one.properties["Family"]) ?? one.id))
      for (const one of own) placed.add(one)
      const found = [...this.#groups.values()].find(
        ({ address }) => withoutHash(address) === group || address === group,
      )
      if (own.length === 0 || found === undefined) continue
      things.push({
        name,
        kind: "one-off task",
        resources: own,
        interfaces: [...this.#subnets.values()]
          .filter((subnet) => subnet.tier === tier)
          .map((subnet) => ({ subnet, groups: [found], publicAddress: false })),
        listens: [],
      })
    }
    const databases = resolved.ofType("AWS::RDS::DBInstance")
    for (const resource of databases) {
      const { properties } = resource
      const subnetGroup = resolved.of(properties["DBSubnetGroupName"])
      if (subnetGroup === undefined) this.#tell(resource, "its subnet group is not among the templates")
      const name = this.#name(textOf(properties["DBInstanceIdentifier"]) ?? withoutHash(resource.id))
      things.push({
        name: databases.length === 1 ? "database" : `database ${name}`,
        kind: "database",
        resources: [resource],
        interfaces: this.#interfaces(
          resource,
          list(subnetGroup?.properties["SubnetIds"]),
          list(properties["VPCSecurityGroups"]),
          () => flagOf(properties["PubliclyAccessible"]) !== false,
        ),
        // A Port that can't be known is none that anything could be proved to reach.
        listens:
          properties["Port"] === undefined
            ? [defaultPort(textOf(properties["Engine"]))]
            : [numberOf(properties["Port"]) ?? Number.NaN],
      })
    }
    for (const resource of resolved.ofType("AWS::EC2::VPCEndpoint")) {
      const { properties } = resource
      const name = `endpoint ${(textOf(properties["ServiceName"]) ?? resource.id).replace(/^com\.amazonaws\.[^.]+\./, "")}`
      const type = textOf(properties["VpcEndpointType"]) ?? "Gateway"
      if (type === "Gateway") {
        things.push({
          name,
          kind: "gateway endpoint",
          resources: [resource],
          interfaces: [],
          listens: [443],
          routeTables: new Set(list(properties["RouteTableIds"]).flatMap((one) => resolved.of(one)?.address ?? [])),
        })
      } else {
        if (type !== "Interface") this.#tell(resource, `an endpoint of type ${type}, which is not modelled`)
        things.push({
          name,
          kind: "interface endpoint",
          resources: [resource],
          interfaces: this.#interfaces(
            resource,
            list(properties["SubnetIds"]),
            list(properties["SecurityGroupIds"]),
            () => false,
          ),
          listens: [443],
        })
      }
    }
    return { things: this.#apart(things), idle: definitions.filter((one) => !placed.has(one)) }
  }

  /** Things by names of their own: a second one of a name is told, and has its address in its name. */
  #apart(things: readonly Thing[]): Thing[] {
    const taken = new Map<string, Thing>()
    return things.map((thing) => {
      const { name } = thing
      const [resource] = thing.resources
      const before = taken.get(name)
      if (before === undefined || resource === undefined) {
        taken.set(name, thing)
        return thing
      }
      const beside = before.resources[0] === resource ? "it has two" : `${before.resources[0]?.address} is another`
      this.#tell(resource, `a second ${name} (${beside}): give each a name of its own`)
      let own = `${name} (${resource.address})`
      for (let count = 2; taken.has(own); count++) own = `${name} (${resource.address}, ${count})`
      const made = { ...thing, name: own }
      taken.set(own, made)
      return made
    })
  }

  /** EventBridge Scheduler's schedules and EventBridge's rules that run ECS tasks. */
  #schedules(): { resource: Resource; name: string; parameters: Value | undefined }[] {
    const resolved = this.#resolved
    const named = (resource: Resource) => this.#name(textOf(resource.properties["Name"]) ?? withoutHash(resource.id))
    for (const resource of resolved.ofType("AWS::Scheduler::Schedule")) {
      if (at(resource.properties, "Target", "EcsParameters") === undefined) {
        this.#tell(resource, "its target is no ECS task by EcsParameters, which alone is modelled")
      }
    }
    return [
      ...resolved.ofType("AWS::Scheduler::Schedule").map((resource) => ({
        resource,
        name: named(resource),
        parameters: at(resource.properties, "Target", "EcsParameters"),
      })),
      ...resolved.ofType("AWS::Events::Rule").flatMap((resource) =>
        list(resource.properties["Targets"]).map((target) => ({
          resource,
          name: named(resource),
          parameters: at(target, "EcsParameters"),
        })),
      ),
    ].filter(({ parameters }) => parameters !== undefined)
  }
}

/** Whether a value is a security group's id, by the attributes that are it. */
function isGroupId(value: Value): boolean {
  return value instanceof Reference && ["GroupId", "Id", "Ref"].includes(value.attribute)
}

/** Parts of an ACL's entry that are there and not plain. */
function unknownParts(properties: Resource["properties"]): readonly string[] {
  const plain: Readonly<Record<string, (value: Value) => boolean>> = {
    RuleNumber: (value) => numberOf(value) !== undefined,
    RuleAction: (value) => typeof value === "string" && /^(allow|deny)$/i.test(value),
    Egress: (value) => flagOf(value) !== undefined,
    Protocol: (value) => !isSymbolic(value) && typeof value !== "object",
    CidrBlock: (value) => typeof value === "string",
    PortRange: (value) => numberOf(at(value, "From")) !== undefined && numberOf(at(value, "To")) !== undefined,
    Icmp: (value) => numberOf(at(value, "Type")) !== undefined && numberOf(at(value, "Code")) !== undefined,
  }
  const needed = new Set(["RuleNumber", "RuleAction", "Protocol", "CidrBlock"])
  return Object.entries(plain).flatMap(([key, isPlain]) => {
    const value = properties[key]
    return (value === undefined || value === null ? needed.has(key) : !isPlain(value)) ? [key] : []
  })
}

/** Whether a deny is of its whole protocol and ports: not of some ICMP types, nor of a protocol or block that is misread. */
function deniesAllOf(properties: Resource["properties"]): boolean {
  const protocol = numberOf(properties["Protocol"])
  if (protocol === undefined) return false
  if (protocol === ICMP) {
    const [type, code] = [at(properties, "Icmp", "Type"), at(properties, "Icmp", "Code")].map(numberOf)
    return type === -1 && code === -1
  }
  try {
    blockOf(textOf(properties["CidrBlock"]) ?? "")
  } catch {
    return false
  }
  return protocol === -1 || (protocol !== TCP && protocol !== UDP) || properties["PortRange"] !== undefined
}

function size({ first, last }: Block): number {
  return last - first
}

function defaultPort(engine = ""): number {
  return /postgres/.test(engine) ? 5432 : /sqlserver/.test(engine) ? 1433 : /oracle/.test(engine) ? 1521 : 3306
}

/** Ports of a rule: all of them where it names none, or where its protocol has none. */
function ports(from: Value | undefined, to: Value | undefined, protocol: Protocol): Block {
  const [first, last] = [numberOf(from), numberOf(to)]
  const portless = protocol !== TCP && protocol !== UDP
  if (portless || first === undefined || last === undefined || first < 0) return ALL_PORTS
  return { first, last }
}

function everything(resource: Resource | undefined, direction: "inbound" | "outbound", description: string): GroupRule {
  return {
    resource,
    direction,
    protocol: "all",
    ports: ALL_PORTS,
    peer: { kind: "block", block: ALL_ADDRESSES },
    description,
  }
}

/** The VPC's own group: its members reach each other, and everything. Source: VPC user guide, “Default security groups”. */
function defaultGroup(): SecurityGroup {
  const address = "default group"
  return {
    address,
    name: address,
    description: "The VPC's default security group",
    resource: undefined,
    inbound: [
      { ...everything(undefined, "inbound", "members of the default group"), peer: { kind: "group", group: address } },
    ],
    outbound: [everything(undefined, "outbound", "the default group's own rule")],
    implicitOutbound: true,
  }
}
