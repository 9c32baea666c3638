/** Routes, ACLs' rules and security groups' rules as short rows: rules that differ in the subnet alone are one row. */
import { addressOf, type Block, blockOf } from "../cidr.ts"
import type { Acl, AclEntry, Network, Peer, Protocol, Route, SecurityGroup, Subnet } from "../proofs/network.ts"
import { textOf } from "../templates/value.ts"
import type { Table } from "./architecture.ts"
import type { Names } from "./names.ts"

const EVERYWHERE: Block = blockOf("0.0.0.0/0")
/** The limited broadcast address, never routed (RFC 919): the CDK's rule of a group that lets nothing out. */
const NOWHERE: Block = blockOf("255.255.255.255/32")

/** Of a tier: one table for all subnets whose routes are the same. */
export function routeTables(tier: string, subnets: readonly Subnet[], network: Network, names: Names): Table[] {
  const tables = [...new Set(subnets.flatMap(({ routeTable }) => routeTable ?? []))]
  const rows = tables.map((table) => ({
    table,
    rows: [
      ...[...table.routes].reverse().map((route) => [destination(route, network), target(route, names)]),
      ...network.things
        .filter(({ routeTables }) => routeTables?.has(table.resource.address))
        .map(({ name }) => [`prefix list of ${name.replace(/^endpoint /, "")}`, "gateway endpoint"]),
    ],
  }))
  return [...Map.groupBy(rows, (one) => JSON.stringify(one.rows)).values()].flatMap((same) => {
    const [first] = same
    if (first === undefined) return []
    const all = same.length === tables.length
    const which = all ? tier : same.map(({ table }) => names.of(table.resource)).join(", ")
    return {
      id: first.table.resource.address,
      icon: "router" as const,
      title: same.length > 1 ? `Route tables · ${which} · ${same.length}` : `Route table · ${which}`,
      rows: first.rows,
      members: same.map(({ table }) => table.resource.address),
    }
  })
}

function destination({ cidr, target: { kind } }: Route, { vpcs: [vpc] }: Network): string {
  return kind === "local" ? (textOf(vpc?.properties["CidrBlock"]) ?? cidr) : cidr
}

function target({ target: to }: Route, names: Names): string {
  switch (to.kind) {
    case "local":
      return "local"
    case "internet-gateway":
      return "internet gateway"
    case "nat-gateway":
      return `NAT gateway ${names.of(to.nat.resource)}`
    case "unknown":
      return to.what
  }
}

/** Of a tier: its subnets' ACLs. */
export function aclTables(tier: string, subnets: readonly Subnet[], network: Network, names: Names): Table[] {
  return [...new Set(subnets.flatMap(({ acl }) => acl ?? []))].map((acl) => ({
    id: acl.resource.address,
    icon: "networkAcl" as const,
    title: `Network ACL · ${names.of(acl.resource) || tier}`,
    rows: aclRows(acl, network),
  }))
}

export function aclRows(acl: Acl, network: Network): string[][] {
  return (["inbound", "outbound"] as const).flatMap((direction) =>
    alike(acl[direction]).map((entries) => {
      const [first] = entries as [AclEntry]
      const numbers = entries.map(({ number }) => number)
      const [low, high] = [Math.min(...numbers), Math.max(...numbers)]
      return [
        direction === "inbound" ? "in" : "out",
        low === high ? String(low) : `${low}–${high}`,
        portsText(first.ports, first.protocol),
        blocksText(
          entries.map(({ block }) => block),
          network,
        ),
        ...(first.allow ? [] : ["deny"]),
      ]
    }),
  )
}

/** Runs of rules, in their order, that differ in their block alone. */
function alike(entries: readonly AclEntry[]): AclEntry[][] {
  const runs: AclEntry[][] = []
  for (const entry of entries) {
    const run = runs.at(-1)
    const [last] = run ?? []
    const same =
      last !== undefined &&
      last.allow === entry.allow &&
      last.protocol === entry.protocol &&
      last.ports.first === entry.ports.first &&
      last.ports.last === entry.ports.last &&
      !isEverywhere(entry.block) &&
      !isEverywhere(last.block)
    if (same) run?.push(entry)
    else runs.push([entry])
  }
  return runs
}

/** By ports, such as `443 from anywhere`. */
export function groupRules(
  group: SecurityGroup,
  direction: "inbound" | "outbound",
  network: Network,
  names: Names,
): string[] {
  const word = direction === "inbound" ? "from" : "to"
  const rules = group[direction].filter(({ peer }) => peer.kind !== "block" || !equal(peer.block, NOWHERE))
  const byPorts = Map.groupBy(rules, (rule) => portsText(rule.ports, rule.protocol))
  const byPeers = Map.groupBy(
    [...byPorts].map(([ports, rules]) => ({
      ports,
      peers: [...new Set(rules.map(({ peer }) => peerText(peer, network, names)))].join(", "),
    })),
    ({ peers }) => peers,
  )
  return [...byPeers].map(([peers, same]) => `${same.map(({ ports }) => ports).join(", ")} ${word} ${peers}`)
}

function peerText(peer: Peer, network: Network, names: Names): string {
  if (peer.kind === "block") return blocksText([peer.block], network)
  return names.groupAt(peer.group)
}

/** TCP goes without saying. Source: IANA protocol numbers. */
function portsText({ first, last }: Block, protocol: Protocol): string {
  if (protocol === "all") return "everything"
  const ports = first === 0 && last === 65_535 ? "all ports" : first === last ? String(first) : `${first}–${last}`
  if (protocol === 6) return ports
  return protocol === 17 ? `udp ${ports}` : `protocol ${protocol}`
}

/** A tier's name for all of its subnets, a subnet's name for itself. */
function blocksText(blocks: readonly Block[], network: Network): string {
  const left = new Set(blocks)
  const tiers: string[] = []
  for (const [tier, subnets] of Map.groupBy(network.subnets, (subnet) => subnet.tier)) {
    const found = subnets.map(({ block }) => [...left].find((one) => equal(one, block)))
    if (found.every((one) => one !== undefined)) {
      for (const one of found) left.delete(one as Block)
      tiers.push(tier)
    }
  }
  const texts = tiers.length === 0 ? [] : [`${tiers.join(" and ")} subnets`]
  for (const block of left) {
    const subnet = network.subnets.find((one) => equal(one.block, block))
    texts.push(subnet?.name ?? (isEverywhere(block) ? "anywhere" : cidrText(block)))
  }
  return texts.join(", ")
}

function cidrText({ first, last }: Block): string {
  return `${addressOf(first)}/${32 - Math.round(Math.log2(last - first + 1))}`
}

function equal(one: Block, other: Block): boolean {
  return one.first === other.first && one.last === other.last
}

function isEverywhere(block: Block): boolean {
  return equal(block, EVERYWHERE)
}
