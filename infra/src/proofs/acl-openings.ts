/**
 * What each subnet's ACL lets through, exactly, compared with what the stage promises of its tier: for every address, every
 * port and every protocol at once, as in `reach.ts`.
 */
import type { AclPorts, AllowedAcls } from "../allowed-acls.ts"
import { ALL_ADDRESSES, type Block, blockText } from "../cidr.ts"
import {
  cutAt,
  difference,
  type Intervals,
  intersection,
  intervals,
  NONE,
  textOfIntervals,
  union,
} from "../intervals.ts"
import { type AclEntry, ALL_PORTS, ICMP, type Network, type Subnet, TCP, UDP } from "./network.ts"
import type { Failure } from "./proof.ts"
import { protocolText } from "./trace.ts"

/** For experiments: no entry names it. Source: RFC 3692, IANA's protocol numbers. */
const UNNAMED_PROTOCOL = 253

type Direction = "inbound" | "outbound"

/** Ports and addresses that one entry opens and nothing promises, or that are promised and not open. */
interface Difference {
  readonly resource: string
  /** What is so. */
  readonly what: string
  readonly protocol: number
  readonly ports: Intervals
  readonly blocks: Block[]
}

/** @returns one failure for each entry that opens too much, and for each ACL that opens too little */
export function aclFailures(network: Network, promised: AllowedAcls): readonly Failure[] {
  const seen = new Set<string>()
  return network.subnets.flatMap((subnet): Failure[] => {
    // Subnets of a tier share an ACL: what it lets through is compared once.
    const key = `${subnet.tier} ${subnet.acl?.resource.address}`
    if (subnet.acl === undefined || seen.has(key)) return []
    seen.add(key)
    const tier = promised[subnet.tier]
    if (tier === undefined) {
      return [
        { resource: subnet.address, what: `nothing is promised of the ACL of its tier ${subnet.tier || "(none)"}` },
      ]
    }
    return [
      ...directionFailures(network, subnet, "inbound", tier.in),
      ...directionFailures(network, subnet, "outbound", tier.out),
    ]
  })
}

function directionFailures(network: Network, subnet: Subnet, direction: Direction, wanted: AclPorts): Failure[] {
  const { acl, tier } = subnet
  if (acl === undefined) return []
  const entries = acl[direction]
  const promises = Object.entries(wanted).flatMap(([where, ports]) => {
    const open = intervals(ports.map((one) => (typeof one === "number" ? range(one, one) : range(...one))))
    const blocks =
      where === "anywhere"
        ? [ALL_ADDRESSES]
        : network.subnets.filter((one) => one.tier === where).map(({ block }) => block)
    return blocks.map((block) => ({ block, open }))
  })
  const cuts = [...entries, ...promises].flatMap(({ block }) => [block.first, block.last + 1])
  const named = entries.flatMap(({ protocol }) => (protocol === "all" ? [] : [protocol]))
  const found = new Map<string, Difference>()
  const add = (resource: string, what: string, protocol: number, ports: Intervals, block: Block) => {
    if (ports.length === 0) return
    const key = `${resource} ${what} ${protocol} ${textOfIntervals(ports)}`
    const known = found.get(key)
    if (known === undefined) found.set(key, { resource, what, protocol, ports, blocks: [block] })
    else known.blocks.push(block)
  }
  const way = direction === "inbound" ? "in from" : "out to"
  const ofTier = `the ${tier} tier's ACL`
  for (const protocol of new Set([TCP, UDP, ICMP, UNNAMED_PROTOCOL, ...named])) {
    for (const part of cutAt([ALL_ADDRESSES], cuts)) {
      const due =
        protocol === TCP
          ? promises.filter(({ block }) => within(part, block)).reduce((all, { open }) => union(all, open), NONE)
          : NONE
      let allowed: Intervals = NONE
      for (const { entry, ports } of decisions(entries, protocol, part)) {
        if (!entry.allow) continue
        allowed = union(allowed, ports)
        const over = difference(ports, due)
        add(entry.resource.address, `opens ${ofTier} ${way}`, protocol, over, part)
      }
      add(acl.resource.address, `${ofTier} should let ${way}, and does not:`, protocol, difference(due, allowed), part)
    }
  }
  // An entry for all protocols is told once, by the protocol that it is most likely to be used with.
  const told = new Set<string>()
  return [...found.values()].flatMap(({ resource, what, protocol, ports, blocks }) => {
    const where = intervals(blocks).map(blockText).join(", ")
    const key = `${resource} ${what}`
    if (told.has(key) && entries.some((one) => one.resource.address === resource && one.protocol === "all")) return []
    told.add(key)
    const entry = entries.find((one) => one.resource.address === resource)
    const portless = protocol !== TCP && protocol !== UDP
    const packet = `${entry?.protocol === "all" ? "every protocol, such as " : ""}${protocolText(protocol)}${portless ? "" : ` ${textOfIntervals(ports)}`}`
    const why =
      entry === undefined ? "" : `: no entry of acls.${tier}.${direction === "inbound" ? "in" : "out"} promises it`
    return [{ resource, what: `${what} ${where}, ${packet}${why}` }]
  })
}

/** The entries that decide over a part, with the ports that each decides over. */
function decisions(entries: readonly AclEntry[], protocol: number, part: Block) {
  const made: { readonly entry: AclEntry; readonly ports: Intervals }[] = []
  let undecided: Intervals = [ALL_PORTS]
  for (const entry of entries) {
    if (entry.protocol !== "all" && entry.protocol !== protocol) continue
    if (!within(part, entry.block)) continue
    const ports = intersection(undecided, [entry.ports])
    if (ports.length > 0) made.push({ entry, ports })
    undecided = difference(undecided, [entry.ports])
    if (undecided.length === 0) break
  }
  return made
}

function range(first: number, last: number): Block {
  return { first, last }
}

function within(part: Block, block: Block): boolean {
  return block.first <= part.first && part.last <= block.last
}
