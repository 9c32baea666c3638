/** What security groups and network ACLs allow that they did not: computed by sets, never by comparing texts. */
import { type Block, contains } from "../../../infra/src/cidr.ts"
import { difference, type Intervals, NONE, union } from "../../../infra/src/intervals.ts"
import type { AclEntry, GroupRule, Network, SecurityGroup } from "../../../infra/src/proofs/network.ts"
import { allowedBy, blockText, EVERYTHING, type Patch, portsText, protocolsOf, without } from "./traffic.ts"
import type { Widening } from "./widenings.ts"

const DIRECTIONS = ["inbound", "outbound"] as const
type Direction = (typeof DIRECTIONS)[number]

/** Groups that are on both sides: what a new group opens is told by who reaches whom. */
export function widenedGroups(before: Network, after: Network): Widening[] {
  return after.groups.flatMap((now) => {
    const was = before.groups.find(({ address }) => address === now.address)
    if (was === undefined) return []
    return DIRECTIONS.flatMap((direction) =>
      openedBy(was, now, direction, before.blocks).map(
        (what): Widening => ({ kind: "security group", subject: now.address, what: `${direction}: ${what}` }),
      ),
    )
  })
}

function openedBy(was: SecurityGroup, now: SecurityGroup, direction: Direction, own: readonly Block[]): string[] {
  const word = direction === "inbound" ? "from" : "to"
  const protocols = protocolsOf([...was[direction], ...now[direction]].map(({ protocol }) => protocol))
  const found = protocols.flatMap((protocol) => {
    const of = (group: SecurityGroup) =>
      group[direction].filter((rule) => rule.protocol === "all" || rule.protocol === protocol)
    const [old, fresh] = [of(was), of(now)]
    const byAddress = without(blocks(fresh), blocks(old)).map(
      ({ block, ports }): Opened => ({ protocol, ports, peer: blockText(block) }),
    )
    const byGroup = [...peers(fresh)].flatMap(([peer, ports]): Opened[] => {
      // A member of a group has an address of the network: a rule for all of those is one for it.
      const whole = blocks(old).filter(({ block }) => own.length > 0 && own.every((one) => contains(block, one)))
      const known = whole.reduce((all, patch) => union(all, patch.ports), peers(old).get(peer) ?? NONE)
      const left = difference(ports, known)
      return left.length === 0 ? [] : [{ protocol, ports: left, peer: peer }]
    })
    return [...byAddress, ...byGroup]
  })
  return texts(found, word, protocols)
}

interface Opened {
  readonly protocol: number
  readonly ports: Intervals
  readonly peer: string
}

/** Every protocol at once is told once. */
function texts(opened: readonly Opened[], word: string, protocols: readonly number[]): string[] {
  return [...Map.groupBy(opened, ({ peer }) => peer)].flatMap(([peer, of]) => {
    const each = of.map(({ protocol, ports }) => portsText(protocol, ports))
    const all = protocols.every((protocol) => {
      const text = portsText(protocol, EVERYTHING[0]?.ports ?? NONE)
      return each.includes(text)
    })
    return all ? [`everything ${word} ${peer}`] : each.map((text) => `${text} ${word} ${peer}`)
  })
}

function blocks(rules: readonly GroupRule[]): Patch[] {
  return rules.flatMap(({ peer, ports }) =>
    peer.kind === "block" && !isNobody(peer.block) ? [{ block: peer.block, ports: [ports] }] : [],
  )
}

/** 255.255.255.255/32, by which the CDK writes a rule that allows nothing: no VPC carries limited broadcast. */
function isNobody({ first }: Block): boolean {
  return first === 2 ** 32 - 1
}

function peers(rules: readonly GroupRule[]): Map<string, Intervals> {
  const found = new Map<string, Intervals>()
  for (const { peer, ports } of rules) {
    if (peer.kind === "group") found.set(peer.group, union(found.get(peer.group) ?? NONE, [ports]))
  }
  return found
}

/** Subnet by subnet, since an ACL that a subnet loses is a widening too: the VPC's own one lets everything through. */
export function widenedAcls(before: Network, after: Network): Widening[] {
  const found = new Map<string, string[]>()
  for (const now of after.subnets) {
    const was = before.subnets.find(({ address }) => address === now.address)
    if (was === undefined) continue
    for (const direction of DIRECTIONS) {
      const word = direction === "inbound" ? "from" : "to"
      const [old, fresh] = [was.acl?.[direction], now.acl?.[direction]]
      const protocols = protocolsOf([...(old ?? []), ...(fresh ?? [])].map(({ protocol }) => protocol))
      const opened = protocols.flatMap((protocol) =>
        without(allowed(fresh, protocol), allowed(old, protocol)).map(
          ({ block, ports }): Opened => ({ protocol, ports, peer: blockText(block) }),
        ),
      )
      for (const what of texts(opened, word, protocols)) {
        const acl = now.acl?.resource.address ?? "no ACL of its own"
        const key = `${acl}\n${direction}: ${what}`
        found.set(key, [...(found.get(key) ?? []), now.name])
      }
    }
  }
  return [...found].map(([key, subnets]) => {
    const [subject = "", what = ""] = key.split("\n")
    return { kind: "network ACL", subject, what: `${what} (${subnets.join(", ")})` }
  })
}

function allowed(entries: readonly AclEntry[] | undefined, protocol: number): readonly Patch[] {
  return entries === undefined ? EVERYTHING : allowedBy(entries, protocol)
}
