/**
 * Who can open a connection to whom, and on which ports: computed exactly, for every address and every port at once.
 *
 * Every predicate of a VPC – a rule's block, a rule's ports, a route's destination – is an interval. Addresses are cut
 * wherever a rule or route begins or ends, so that all addresses of a part fare alike, and ports are sets of intervals that
 * rules are intersected with and taken from in order. Nothing is sampled, and no solver is needed: with the predicates
 * fixed, the question is decided by set operations. The same question by SMT, over live accounts: Backes et al.,
 * “Reachability Analysis for AWS-Based Networks” (Tiros), CAV 2019, LNCS 11562; and what is reported when the answer is no:
 * Bayless et al., “Debugging Network Reachability with Blocked Paths”, CAV 2021 (behind VPC Reachability Analyzer).
 */
import { ALL_ADDRESSES, type Block, blockOf, NOT_ON_THE_INTERNET } from "../cidr.ts"
import { covers, cutAt, difference, has, type Intervals, intersection, intervals, NONE, union } from "../intervals.ts"
import {
  type Acl,
  type AclEntry,
  ALL_PORTS,
  ICMP,
  type Interface,
  type Network,
  type Route,
  type SecurityGroup,
  type Subnet,
  TCP,
  type Thing,
  UDP,
} from "./network.ts"

export const INTERNET = "internet"

export type ProtocolName = "tcp" | "udp" | "icmp" | "other"

/**
 * Protocols that are told apart. Ports are of TCP and UDP alone; all other protocols fare like one that nobody named, or
 * like one that a rule names by number, and are joined under `other`.
 */
const NAMES: Readonly<Record<number, ProtocolName>> = { [TCP]: "tcp", [UDP]: "udp", [ICMP]: "icmp" }
/** For experiments: no rule names it. Source: RFC 3692, IANA's protocol numbers. */
const UNNAMED_PROTOCOL = 253

const EVERY_PORT: Intervals = [ALL_PORTS]

/**
 * Ports that a connection may come from, and so answers go to. An adversary chooses any; a kind's own software these.
 * Source: VPC user guide, “Custom network ACLs”, ephemeral ports: NAT gateways, load balancers and Lambda 1024–65535, Linux
 * 32768–60999; for tasks the whole range is asked all the same, since images choose their kernel settings.
 */
const EPHEMERAL: Intervals = [{ first: 1024, last: 65_535 }]

/** Ports of one protocol. */
export interface Opening {
  /** Open from some place of the one to some place of the other, from whatever port. */
  readonly some: Intervals
  /** Open from every place of the one to every place of the other, from every ephemeral port. */
  readonly all: Intervals
}

export type Cell = Readonly<Record<ProtocolName, Opening>>

export type Layer = "acls" | "groups"

export interface ReachOptions {
  /** As if these layers let everything through: what the rest holds alone. */
  readonly open?: readonly Layer[]
  /** As if nothing of this zone were there. */
  readonly withoutZone?: string
}

/** A way from a subnet to addresses of the internet. */
export interface Exit {
  readonly from: Subnet
  readonly route: Route
  /** Addresses that the internet sees: Elastic IPs' resources; `a public address of …`; `?` for what is not known. */
  readonly addresses: readonly string[]
}

/** A part of a subnet of which all addresses fare alike, with one interface. */
interface Place {
  readonly at: Interface
  readonly part: Block
}

export class Reach {
  readonly network: Network
  readonly options: ReachOptions
  /** What things are called, the internet first. */
  readonly names: readonly string[]

  readonly #things: ReadonlyMap<string, Thing>
  readonly #places: ReadonlyMap<string, readonly Place[]>
  /** The internet's addresses, in parts that fare alike. */
  readonly #internet: readonly Block[]
  readonly #protocols: readonly number[]
  readonly #acl = new Map<Acl, Map<number, Intervals>>()
  readonly #group = new Map<SecurityGroup, Map<number, GroupSets>>()
  readonly #cells = new Map<string, Cell>()
  readonly #openAcls: boolean
  readonly #openGroups: boolean

  constructor(network: Network, options: ReachOptions = {}) {
    this.network = network
    this.options = options
    this.#openAcls = options.open?.includes("acls") ?? false
    this.#openGroups = options.open?.includes("groups") ?? false
    this.#things = new Map(network.things.map((thing) => [thing.name, thing]))
    this.names = [INTERNET, ...this.#things.keys()]

    const entries = network.acls.flatMap(({ inbound, outbound }) => [...inbound, ...outbound])
    const rules = network.groups.flatMap(({ inbound, outbound }) => [...inbound, ...outbound])
    const blocks = [
      ...entries.map(({ block }) => block),
      ...rules.flatMap(({ peer }) => (peer.kind === "block" ? [peer.block] : [])),
      ...network.routeTables.flatMap(({ routes }) => routes.map(({ block }) => block)),
    ]
    const cuts = [...new Set(blocks.flatMap(({ first, last }) => [first, last + 1]))]
    const own = intervals([...network.blocks, ...NOT_ON_THE_INTERNET.map(blockOf)])
    this.#internet = cutAt(difference([ALL_ADDRESSES], own), cuts)
    const parts = new Map(network.subnets.map((subnet) => [subnet.address, cutAt([subnet.block], cuts)]))
    this.#places = new Map(
      network.things.map(({ name, interfaces }) => [
        name,
        interfaces
          .filter(({ subnet }) => subnet.zone !== options.withoutZone)
          .flatMap((one) => (parts.get(one.subnet.address) ?? []).map((part): Place => ({ at: one, part }))),
      ]),
    )
    const named = [...entries, ...rules].flatMap(({ protocol }) => (protocol === "all" ? [] : [protocol]))
    this.#protocols = [...new Set([TCP, UDP, ICMP, UNNAMED_PROTOCOL, ...named])]
  }

  thing(name: string): Thing | undefined {
    return this.#things.get(name)
  }

  /**
   * Ports on which one can open a connection to the other.
   * @param from,to of {@link names}
   */
  cell(from: string, to: string): Cell {
    const key = `${from}\n${to}`
    const known = this.#cells.get(key)
    if (known !== undefined) return known
    const made: Record<ProtocolName, Opening> = { tcp: SHUT, udp: SHUT, icmp: SHUT, other: SHUT }
    for (const protocol of this.#protocols) {
      const name = NAMES[protocol] ?? "other"
      const opening = this.#opening(from, to, protocol)
      const before = made[name]
      if (opening === SHUT || before === SHUT) made[name] = before === SHUT ? opening : before
      else made[name] = { some: union(before.some, opening.some), all: union(before.all, opening.all) }
    }
    this.#cells.set(key, made)
    return made
  }

  /** Every way from a thing's subnets to the internet by their routes, whatever rules of either layer say. */
  exits(name: string): readonly Exit[] {
    const found = new Map<string, Exit>()
    for (const { at } of this.#places.get(name) ?? []) {
      for (const part of this.#internet) {
        const route = routeTo(at.subnet, part)
        if (route === undefined || route.target.kind === "local") continue
        const { target } = route
        const add = (addresses: readonly string[]) => {
          found.set(`${at.subnet.address} ${route.resource?.address} ${addresses}`, {
            from: at.subnet,
            route,
            addresses,
          })
        }
        if (target.kind === "unknown") add(["?"])
        if (target.kind === "internet-gateway" && at.publicAddress) add([`a public address of ${name}`])
        if (target.kind === "nat-gateway" && this.#stands(target.nat.subnet)) add(target.nat.addresses)
      }
    }
    return [...found.values()]
  }

  #stands(subnet: Subnet | undefined): boolean {
    return subnet === undefined || subnet.zone !== this.options.withoutZone
  }

  /**
   * One connection that shows how things are.
   * @param open whether to look for one that gets through, or for one that does not
   * @returns undefined where there is none
   */
  witness(from: string, to: string, protocol: number, port: number, open: boolean): Connection | undefined {
    let found: Connection | undefined
    this.#ways(from, to, protocol, (way) => {
      if (found !== undefined) return
      const through = has(way.ports, port) && way.answers.length > 0
      const surely = through && covers(way.answers, EPHEMERAL) && covers(way.natAnswers, EPHEMERAL)
      if (open ? !through : surely) return
      // Ports that answers reach, where one is looked for that gets through; else ones that they don't.
      const portOf = (reached: Intervals): number => {
        const good = intersection(reached, EPHEMERAL)[0] ?? reached[0]
        const bad = difference(EPHEMERAL, reached)[0]
        return ((open ? good : (bad ?? good)) ?? ALL_PORTS).first
      }
      const address = (place: Place | undefined) => (place?.part ?? way.peer ?? ALL_ADDRESSES).first
      found = {
        from: way.from?.at,
        to: way.to?.at,
        fromAddress: address(way.from),
        toAddress: address(way.to),
        protocol,
        port,
        sourcePort: portOf(way.answers),
        natPort: portOf(way.natAnswers),
      }
    })
    return found
  }

  #opening(from: string, to: string, protocol: number): Opening {
    // Most pairs have no rule at all for most protocols: no place needs to be looked at.
    if (!this.#mayAsk(from, "outbound", protocol) || !this.#mayAsk(to, "inbound", protocol)) return SHUT
    let some: Intervals = NONE
    let all: Intervals | undefined
    this.#ways(from, to, protocol, ({ ports, answers, natAnswers }) => {
      if (ports.length === 0 || answers.length === 0) {
        all = NONE
        return
      }
      some = union(some, ports)
      const surely = covers(answers, EPHEMERAL) && covers(natAnswers, EPHEMERAL) ? ports : NONE
      all = all === undefined ? surely : intersection(all, surely)
    })
    return some.length === 0 ? SHUT : { some, all: all ?? NONE }
  }

  /** Whether a thing's groups have any rule for a direction and protocol; so do the internet and what has no groups. */
  #mayAsk(name: string, direction: "inbound" | "outbound", protocol: number): boolean {
    const thing = this.#things.get(name)
    if (this.#openGroups || thing === undefined || thing.kind === "gateway endpoint") return true
    return thing.interfaces.some(({ groups }) =>
      groups.some((group) => {
        const { byBlock, byGroup } = this.#sets(group, direction, protocol)
        return byBlock.length > 0 || byGroup.size > 0
      }),
    )
  }

  /** Tells every pair of places, and of parts of the internet, with what is open between them. */
  #ways(from: string, to: string, protocol: number, tell: (way: Way) => void): void {
    const source = this.#things.get(from)
    const target = this.#things.get(to)
    if (from === INTERNET) {
      if (target !== undefined) this.#fromInternet(target, protocol, tell)
    } else if (source === undefined || source.kind === "gateway endpoint") return
    else if (to === INTERNET) this.#toInternet(source, protocol, tell)
    else if (target?.kind === "gateway endpoint") this.#toGateway(source, target, protocol, tell)
    else if (target !== undefined) this.#within(source, target, protocol, tell)
  }

  #within(source: Thing, target: Thing, protocol: number, tell: (way: Way) => void): void {
    for (const from of this.#places.get(source.name) ?? []) {
      for (const to of this.#places.get(target.name) ?? []) {
        let ports = this.#groupsBetween(from, to, protocol)
        let answers = EVERY_PORT
        if (!isLocal(from.at.subnet, to.part) || !isLocal(to.at.subnet, from.part)) ports = NONE
        // ACLs stand at a subnet's edge: within it they say nothing.
        else if (ports.length > 0 && from.at.subnet !== to.at.subnet) {
          ports = intersection(ports, this.#passes(from.at.subnet.acl, "outbound", to.part, protocol))
          ports = intersection(ports, this.#passes(to.at.subnet.acl, "inbound", from.part, protocol))
          answers = intersection(
            this.#passes(to.at.subnet.acl, "outbound", from.part, protocol),
            this.#passes(from.at.subnet.acl, "inbound", to.part, protocol),
          )
        }
        tell({ from, to, peer: undefined, ports, answers, natAnswers: EPHEMERAL })
      }
    }
  }

  #fromInternet(target: Thing, protocol: number, tell: (way: Way) => void): void {
    for (const to of this.#places.get(target.name) ?? []) {
      const { acl } = to.at.subnet
      for (const peer of this.#internet) {
        const back = routeTo(to.at.subnet, peer)?.target
        const there = (back?.kind === "internet-gateway" && back.attached) || back?.kind === "unknown"
        const ports =
          there && to.at.publicAddress
            ? intersection(
                this.#passes(acl, "inbound", peer, protocol),
                this.#letsBlock(to.at.groups, "inbound", peer, protocol),
              )
            : NONE
        tell({
          from: undefined,
          to,
          peer,
          ports,
          answers: this.#passes(acl, "outbound", peer, protocol),
          natAnswers: EPHEMERAL,
        })
      }
    }
  }

  #toInternet(source: Thing, protocol: number, tell: (way: Way) => void): void {
    for (const from of this.#places.get(source.name) ?? []) {
      for (const peer of this.#internet) {
        const open = this.#letsBlock(from.at.groups, "outbound", peer, protocol)
        const way = open.length === 0 ? NO_WAY : this.#wayOut(from, peer, protocol)
        tell({ ...way, from, to: undefined, peer, ports: intersection(way.ports, open) })
      }
    }
  }

  /** Ports that routes and ACLs let out to a part of the internet, and ports that answers come back to. */
  #wayOut({ at, part }: Place, peer: Block, protocol: number): Pick<Way, "ports" | "answers" | "natAnswers"> {
    const { subnet } = at
    const own = {
      ports: this.#passes(subnet.acl, "outbound", peer, protocol),
      answers: this.#passes(subnet.acl, "inbound", peer, protocol),
      natAnswers: EPHEMERAL,
    }
    const target = routeTo(subnet, peer)?.target
    if (target === undefined || target.kind === "local") return NO_WAY
    if (target.kind === "unknown") return own
    if (target.kind === "internet-gateway") return target.attached && at.publicAddress ? own : NO_WAY
    const { nat } = target
    // NAT gateways carry TCP, UDP and ICMP. Source: VPC user guide, “NAT gateway basics”.
    const carried = protocol === TCP || protocol === UDP || protocol === ICMP
    if (!nat.public || nat.subnet === undefined || !this.#stands(nat.subnet) || !carried) return NO_WAY
    const onward = routeTo(nat.subnet, peer)?.target
    if (onward?.kind !== "internet-gateway" || !onward.attached) return NO_WAY
    const { acl } = nat.subnet
    const natAnswers = intersection(this.#passes(acl, "inbound", peer, protocol), EPHEMERAL)
    if (natAnswers.length === 0) return NO_WAY
    const ports = intersection(own.ports, this.#passes(acl, "outbound", peer, protocol))
    if (nat.subnet === subnet) return { ports, answers: own.answers, natAnswers }
    return {
      ports: intersection(ports, this.#passes(acl, "inbound", part, protocol)),
      answers: intersection(own.answers, this.#passes(acl, "outbound", part, protocol)),
      natAnswers,
    }
  }

  /** A gateway endpoint's addresses are AWS's own, somewhere on the internet: `some` is any of it, `all` the whole. */
  #toGateway(source: Thing, target: Thing, protocol: number, tell: (way: Way) => void): void {
    for (const from of this.#places.get(source.name) ?? []) {
      const { subnet, groups } = from.at
      const led = target.routeTables?.has(subnet.routeTable?.resource.address ?? "") ?? false
      for (const peer of this.#internet) {
        const ports = led
          ? intersection(
              this.#passes(subnet.acl, "outbound", peer, protocol),
              this.#letsBlock(groups, "outbound", peer, protocol),
            )
          : NONE
        const answers = this.#passes(subnet.acl, "inbound", peer, protocol)
        tell({ from, to: undefined, peer, ports, answers, natAnswers: EPHEMERAL })
      }
    }
  }

  /** Ports that an ACL lets through to, or from, addresses that fare alike. */
  #passes(acl: Acl | undefined, direction: "inbound" | "outbound", peer: Block, protocol: number): Intervals {
    if (this.#openAcls || acl === undefined) return EVERY_PORT
    const cache = kept(this.#acl, acl)
    const key = asked(direction, protocol) * 2 ** 32 + peer.first
    const known = cache.get(key)
    if (known !== undefined) return known
    let undecided = EVERY_PORT
    let allowed: Intervals = NONE
    for (const entry of acl[direction]) {
      if (!matches(entry, peer, protocol)) continue
      if (entry.allow) allowed = union(allowed, intersection(undecided, [entry.ports]))
      undecided = difference(undecided, [entry.ports])
      if (undecided.length === 0) break
    }
    cache.set(key, allowed)
    return allowed
  }

  /** Ports that both sides' groups agree on. */
  #groupsBetween(one: Place, other: Place, protocol: number): Intervals {
    if (this.#openGroups) return EVERY_PORT
    const out = this.#lets(one.at.groups, "outbound", other.at.groups, other.part, protocol)
    if (out.length === 0) return NONE
    return intersection(out, this.#lets(other.at.groups, "inbound", one.at.groups, one.part, protocol))
  }

  #lets(
    groups: readonly SecurityGroup[],
    direction: "inbound" | "outbound",
    peers: readonly SecurityGroup[],
    peer: Block,
    protocol: number,
  ): Intervals {
    let open = this.#letsBlock(groups, direction, peer, protocol)
    for (const group of groups) {
      const { byGroup } = this.#sets(group, direction, protocol)
      for (const { address } of peers) open = union(open, byGroup.get(address) ?? NONE)
    }
    return open
  }

  #letsBlock(
    groups: readonly SecurityGroup[],
    direction: "inbound" | "outbound",
    peer: Block,
    protocol: number,
  ): Intervals {
    if (this.#openGroups) return EVERY_PORT
    let open: Intervals = NONE
    for (const group of groups) {
      for (const { block, ports } of this.#sets(group, direction, protocol).byBlock) {
        if (block.first <= peer.first && peer.last <= block.last) open = union(open, ports)
      }
    }
    return open
  }

  #sets(group: SecurityGroup, direction: "inbound" | "outbound", protocol: number): GroupSets {
    const cache = kept(this.#group, group)
    const key = asked(direction, protocol)
    const known = cache.get(key)
    if (known !== undefined) return known
    const made: { byBlock: { block: Block; ports: Intervals }[]; byGroup: Map<string, Intervals> } = {
      byBlock: [],
      byGroup: new Map(),
    }
    for (const rule of group[direction]) {
      if (rule.protocol !== "all" && rule.protocol !== protocol) continue
      const { peer } = rule
      if (peer.kind === "block") made.byBlock.push({ block: peer.block, ports: [rule.ports] })
      else made.byGroup.set(peer.group, union(made.byGroup.get(peer.group) ?? NONE, [rule.ports]))
    }
    cache.set(key, made)
    return made
  }
}

interface GroupSets {
  readonly byBlock: readonly { readonly block: Block; readonly ports: Intervals }[]
  readonly byGroup: ReadonlyMap<string, Intervals>
}

const SHUT: Opening = { some: NONE, all: NONE }
const NO_WAY = { ports: NONE, answers: NONE, natAnswers: EPHEMERAL }

/** What is open between two places, or between a place and a part of the internet. */
interface Way {
  readonly from: Place | undefined
  readonly to: Place | undefined
  /** The part of the internet, where one side is it. */
  readonly peer: Block | undefined
  readonly ports: Intervals
  /** Ports of the one who asks that answers come back to. */
  readonly answers: Intervals
  /** Ephemeral ports of a NAT gateway on the way that answers come back to; all of them where there is none. */
  readonly natAnswers: Intervals
}

/** A connection: its packets and their answers. */
export interface Connection {
  /** Undefined for the internet. */
  readonly from: Interface | undefined
  /** Undefined for the internet, and for what a gateway endpoint leads to. */
  readonly to: Interface | undefined
  readonly fromAddress: number
  readonly toAddress: number
  readonly protocol: number
  readonly port: number
  readonly sourcePort: number
  /** What a NAT gateway on the way takes instead of it. */
  readonly natPort: number
}

/** The map of what was computed for an ACL or a group, made when first asked for. */
function kept<K, V>(all: Map<K, Map<number, V>>, of: K): Map<number, V> {
  const known = all.get(of)
  if (known !== undefined) return known
  const made = new Map<number, V>()
  all.set(of, made)
  return made
}

/** A number of its own for what is asked, as a key. */
function asked(direction: "inbound" | "outbound", protocol: number): number {
  return protocol * 2 + (direction === "inbound" ? 0 : 1)
}

function matches({ protocol, block }: AclEntry, peer: Block, wanted: number): boolean {
  return (protocol === "all" || protocol === wanted) && block.first <= peer.first && peer.last <= block.last
}

/** The route that a subnet takes to addresses that fare alike: the longest prefix, which the table has first. */
export function routeTo(subnet: Subnet, peer: Block): Route | undefined {
  const routes = subnet.routeTable?.routes
  return routes?.find(({ block }) => block.first <= peer.first && peer.last <= block.last)
}

function isLocal(subnet: Subnet, peer: Block): boolean {
  return subnet.routeTable === undefined || routeTo(subnet, peer)?.target.kind === "local"
}
