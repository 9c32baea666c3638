/** One connection followed hop by hop, as a person would: which rule lets it through, or which stops it. */
import { addressOf, blockText } from "../cidr.ts"
import {
  type AclEntry,
  type GroupRule,
  ICMP,
  type Interface,
  type SecurityGroup,
  type Subnet,
  TCP,
  UDP,
} from "./network.ts"
import type { Connection, Reach } from "./reach.ts"
import { routeTo } from "./reach.ts"

export interface Hop {
  /** `template/id` of what decides here: what to change. */
  readonly resource: string
  /** What it does, after the resource's name. */
  readonly what: string
  readonly passes: boolean
}

export function protocolText(protocol: number | "all"): string {
  if (protocol === "all") return "everything"
  return { [TCP]: "tcp", [UDP]: "udp", [ICMP]: "icmp" }[protocol] ?? `protocol ${protocol}`
}

/**
 * @returns the hops in order; the last one that does not pass is what blocks
 * @param gatewayEndpoint the address of the endpoint, where the connection is to what it leads to
 */
export function trace(reach: Reach, connection: Connection, gatewayEndpoint?: string): readonly Hop[] {
  return new Tracer(reach, connection, gatewayEndpoint).hops()
}

class Blocked extends Error {}

class Tracer {
  readonly #reach: Reach
  readonly #connection: Connection
  readonly #gatewayEndpoint: string | undefined
  readonly #hops: Hop[] = []

  constructor(reach: Reach, connection: Connection, gatewayEndpoint: string | undefined) {
    this.#reach = reach
    this.#connection = connection
    this.#gatewayEndpoint = gatewayEndpoint
  }

  hops(): readonly Hop[] {
    try {
      const { from, to } = this.#connection
      if (from !== undefined && to !== undefined) this.#within(from, to)
      else if (to !== undefined) this.#in(to)
      else if (from !== undefined) this.#out(from)
    } catch (error) {
      if (!(error instanceof Blocked)) throw error
    }
    return this.#hops
  }

  #within(from: Interface, to: Interface): void {
    const { fromAddress, toAddress, port, sourcePort } = this.#connection
    this.#group(from.groups, "outbound", toAddress, to.groups)
    this.#local(from.subnet, toAddress)
    this.#local(to.subnet, fromAddress)
    if (from.subnet !== to.subnet) {
      this.#acl(from.subnet, "outbound", toAddress, port)
      this.#acl(to.subnet, "inbound", fromAddress, port)
    }
    this.#group(to.groups, "inbound", fromAddress, from.groups)
    if (from.subnet !== to.subnet) {
      this.#acl(to.subnet, "outbound", fromAddress, sourcePort, "the answer")
      this.#acl(from.subnet, "inbound", toAddress, sourcePort, "the answer")
    }
  }

  #in(to: Interface): void {
    const { fromAddress, port, sourcePort } = this.#connection
    const route = routeTo(to.subnet, point(fromAddress))
    const table = to.subnet.routeTable?.resource.address ?? to.subnet.address
    if (!to.publicAddress) this.#hop(to.subnet.address, "the interface here has no public address", false)
    const gateway = route?.target
    if (gateway?.kind === "internet-gateway" && gateway.attached) {
      this.#hop(gateway.resource.address, `leads to ${route?.resource?.address} in ${table}`, true)
    } else if (gateway?.kind === "unknown")
      this.#hop(route?.resource?.address ?? table, `leads to ${gateway.what}`, true)
    else this.#hop(table, `has no route to an internet gateway for ${addressOf(fromAddress)}`, false)
    this.#acl(to.subnet, "inbound", fromAddress, port)
    this.#group(to.groups, "inbound", fromAddress, [])
    this.#acl(to.subnet, "outbound", fromAddress, sourcePort, "the answer")
  }

  #out(from: Interface): void {
    const { toAddress, port, sourcePort, natPort, fromAddress } = this.#connection
    const { subnet } = from
    this.#group(from.groups, "outbound", toAddress, [])
    const table = subnet.routeTable?.resource.address ?? subnet.address
    if (this.#gatewayEndpoint !== undefined) {
      const led = this.#reach.network.things.find(({ resources: [one] }) => one?.address === this.#gatewayEndpoint)
      const passes = led?.routeTables?.has(table) ?? false
      this.#hop(this.#gatewayEndpoint, `${passes ? "is" : "is not"} in ${table}`, passes)
      this.#acl(subnet, "outbound", toAddress, port)
      this.#acl(subnet, "inbound", toAddress, sourcePort, "the answer")
      return
    }
    const route = routeTo(subnet, point(toAddress))
    const target = route?.target
    const name = route?.resource?.address ?? table
    if (target === undefined || target.kind === "local") {
      this.#hop(table, `has no route to ${addressOf(toAddress)}`, false)
      return
    }
    this.#acl(subnet, "outbound", toAddress, port)
    if (target.kind === "unknown") this.#hop(name, `leads ${route?.cidr} to ${target.what}`, true)
    else if (target.kind === "internet-gateway") {
      const passes = target.attached && from.publicAddress
      const why = passes
        ? ""
        : from.publicAddress
          ? ", which is attached to no VPC"
          : "; the interface has no public address"
      this.#hop(name, `leads ${route?.cidr} to ${target.resource.address}${why}`, passes)
    } else {
      const { nat } = target
      this.#hop(
        name,
        `leads ${route?.cidr} to ${nat.resource.address}, seen as ${nat.addresses.join(", ") || "nothing"}`,
        nat.public,
      )
      if (nat.subnet === undefined) this.#hop(nat.resource.address, "is in no subnet that is known", false)
      else {
        if (nat.subnet !== subnet) this.#acl(nat.subnet, "inbound", fromAddress, port)
        const onward = routeTo(nat.subnet, point(toAddress))
        const passes = onward?.target.kind === "internet-gateway" && onward.target.attached
        const natTable = nat.subnet.routeTable?.resource.address ?? nat.subnet.address
        this.#hop(
          onward?.resource?.address ?? natTable,
          passes ? "leads on to the internet gateway" : "leads on to no internet gateway",
          passes,
        )
        this.#acl(nat.subnet, "outbound", toAddress, port)
        this.#acl(nat.subnet, "inbound", toAddress, natPort, "the answer")
        if (nat.subnet !== subnet) this.#acl(nat.subnet, "outbound", fromAddress, sourcePort, "the answer")
      }
    }
    this.#acl(subnet, "inbound", toAddress, sourcePort, "the answer")
  }

  #hop(resource: string, what: string, passes: boolean): void {
    this.#hops.push({ resource, what, passes })
    if (!passes) throw new Blocked()
  }

  #local(subnet: Subnet, address: number): void {
    const route = routeTo(subnet, point(address))
    if (subnet.routeTable === undefined || route?.target.kind === "local") return
    const name = route?.resource?.address ?? subnet.routeTable.resource.address
    this.#hop(name, `leads ${addressOf(address)} out of the VPC`, false)
  }

  #packet(port: number): string {
    const { protocol } = this.#connection
    return protocol === TCP || protocol === UDP ? `${protocolText(protocol)} ${port}` : protocolText(protocol)
  }

  #acl(subnet: Subnet, direction: "inbound" | "outbound", peer: number, port: number, what = ""): void {
    const { acl } = subnet
    if (this.#reach.options.open?.includes("acls")) return
    const way = direction === "inbound" ? `in from ${addressOf(peer)}` : `out to ${addressOf(peer)}`
    const packet = `${what === "" ? "" : `${what} to `}${this.#packet(port)} ${way}`
    if (acl === undefined) {
      this.#hop(subnet.address, `has the VPC's default ACL, which lets ${packet}`, true)
      return
    }
    const entry = acl[direction].find((one) => entryMatches(one, this.#connection.protocol, peer, port))
    if (entry === undefined) this.#hop(acl.resource.address, `has no rule that lets ${packet}`, false)
    else {
      const rule = `rule ${entry.number}, ${protocolText(entry.protocol)} ${portsText(entry)} ${blockText(entry.block)}`
      this.#hop(entry.resource.address, `${entry.allow ? "lets" : "keeps"} ${packet} (${rule})`, entry.allow)
    }
  }

  #group(
    groups: readonly SecurityGroup[],
    direction: "inbound" | "outbound",
    address: number,
    peers: readonly SecurityGroup[],
  ): void {
    if (this.#reach.options.open?.includes("groups")) return
    const { protocol, port } = this.#connection
    const rule = groups
      .flatMap((group) => group[direction])
      .find((one) => ruleMatches(one, protocol, port, address, peers))
    const way = direction === "inbound" ? "in from" : "out to"
    const peer = peers.length > 0 ? peers.map((one) => one.address).join(", ") : addressOf(address)
    if (rule === undefined) {
      const names = groups.map((group) => group.address).join(", ")
      this.#hop(names, `has no rule that lets ${this.#packet(port)} ${way} ${peer}`, false)
      return
    }
    const of = rule.peer.kind === "block" ? blockText(rule.peer.block) : rule.peer.group
    const described = rule.description === "" ? "" : `, “${rule.description}”`
    this.#hop(
      rule.resource?.address ?? groups[0]?.address ?? "",
      `lets ${this.#packet(port)} ${way} ${of} (${protocolText(rule.protocol)} ${portsText(rule)}${described})`,
      true,
    )
  }
}

function point(address: number) {
  return { first: address, last: address }
}

function portsText({ ports: { first, last } }: AclEntry | GroupRule): string {
  return first === last ? String(first) : `${first}–${last}`
}

function entryMatches(entry: AclEntry, protocol: number, peer: number, port: number): boolean {
  return (
    (entry.protocol === "all" || entry.protocol === protocol) &&
    entry.block.first <= peer &&
    peer <= entry.block.last &&
    entry.ports.first <= port &&
    port <= entry.ports.last
  )
}

function ruleMatches(
  rule: GroupRule,
  protocol: number,
  port: number,
  address: number,
  peers: readonly SecurityGroup[],
): boolean {
  if (rule.protocol !== "all" && rule.protocol !== protocol) return false
  if (port < rule.ports.first || port > rule.ports.last) return false
  const { peer } = rule
  if (peer.kind === "block") return peer.block.first <= address && address <= peer.block.last
  return peers.some((group) => group.address === peer.group)
}
