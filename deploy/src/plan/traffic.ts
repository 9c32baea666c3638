/** Sets of traffic, addresses by ports, of one protocol: exact, so that a rule split in two is no widening. */
import { ALL_ADDRESSES, addressOf, type Block, contains, overlap } from "../../../infra/src/cidr.ts"
import {
  cutAt,
  difference,
  type Intervals,
  intersection,
  NONE,
  textOfIntervals,
  union,
} from "../../../infra/src/intervals.ts"
import { type AclEntry, ALL_PORTS, ICMP, type Protocol, TCP, UDP } from "../../../infra/src/proofs/network.ts"

/** All of these addresses on all of these ports. */
export interface Patch {
  readonly block: Block
  readonly ports: Intervals
}

export const EVERYTHING: readonly Patch[] = [{ block: ALL_ADDRESSES, ports: [ALL_PORTS] }]

/** A number that no rule names; stands for all protocols that none does. Source: RFC 3692, for experiments. */
const UNNAMED = 253

/** Protocols that must be told apart, given those that rules name. */
export function protocolsOf(named: readonly Protocol[]): number[] {
  return [...new Set([TCP, UDP, ICMP, UNNAMED, ...named.filter((one) => one !== "all")])]
}

/** @returns what is in `patches` and not in `taken` */
export function without(patches: readonly Patch[], taken: readonly Patch[]): Patch[] {
  const cuts = taken.flatMap(({ block }) => [block.first, block.last + 1])
  const left = patches.flatMap(({ block, ports }) =>
    cutAt([block], cuts).map((part): Patch => {
      const covered = taken.filter((one) => contains(one.block, part)).map((one) => one.ports)
      return { block: part, ports: covered.reduce<Intervals>((rest, one) => difference(rest, one), ports) }
    }),
  )
  return joined(left)
}

function common(patches: readonly Patch[], { block, ports }: Patch): Patch[] {
  return patches
    .filter((one) => overlap(one.block, block))
    .map((one) => ({
      block: { first: Math.max(one.block.first, block.first), last: Math.min(one.block.last, block.last) },
      ports: intersection(one.ports, ports),
    }))
}

/** What an ACL lets through: the entry of the lowest number that matches decides, and what none matches is denied. */
export function allowedBy(entries: readonly AclEntry[], protocol: number): Patch[] {
  const allowed: Patch[] = []
  let open: readonly Patch[] = EVERYTHING
  for (const entry of entries) {
    if (entry.protocol !== "all" && entry.protocol !== protocol) continue
    const patch = { block: entry.block, ports: [entry.ports] }
    if (entry.allow) allowed.push(...common(open, patch))
    open = without(open, [patch])
  }
  return joined(allowed)
}

/** Neighbours with the same ports as one. */
function joined(patches: readonly Patch[]): Patch[] {
  const made: { block: { first: number; last: number }; ports: Intervals }[] = []
  for (const { block, ports } of patches.toSorted((one, other) => one.block.first - other.block.first)) {
    if (ports.length === 0) continue
    const last = made.at(-1)
    if (last !== undefined && last.block.last + 1 >= block.first && same(last.ports, ports)) {
      last.block.last = Math.max(last.block.last, block.last)
    } else made.push({ block: { ...block }, ports })
  }
  return made
}

function same(one: Intervals, other: Intervals): boolean {
  return difference(one, other).length === 0 && difference(other, one).length === 0
}

export function portsOf(patches: readonly Patch[]): Intervals {
  return patches.reduce<Intervals>((all, { ports }) => union(all, ports), NONE)
}

export function protocolText(protocol: number): string {
  return (
    { [TCP]: "tcp", [UDP]: "udp", [ICMP]: "icmp", [UNNAMED]: "other protocols" }[protocol] ?? `protocol ${protocol}`
  )
}

export function portsText(protocol: number, ports: Intervals): string {
  if (protocol !== TCP && protocol !== UDP) return protocolText(protocol)
  const [only] = ports
  const all = ports.length === 1 && only?.first === ALL_PORTS.first && only.last === ALL_PORTS.last
  return `${protocolText(protocol)} ${all ? "all ports" : textOfIntervals(ports)}`
}

/** As CIDR where it is one, else its first and last address. */
export function blockText({ first, last }: Block): string {
  const bits = Math.log2(last - first + 1)
  if (Number.isInteger(bits) && first % 2 ** bits === 0) return `${addressOf(first)}/${32 - bits}`
  return `${addressOf(first)}–${addressOf(last)}`
}
