/** What the page tells of a resource that is opened: its rules, its connections hop by hop, the proofs, its properties. */
import { type Acl, type Network, type SecurityGroup, type Subnet, TCP, type Thing } from "../proofs/network.ts"
import type { Reach } from "../proofs/reach.ts"
import { type Hop, trace } from "../proofs/trace.ts"
import type { Resolved, Resource } from "../templates/resolve.ts"
import { type Address, type Architecture, INTERNET } from "./architecture.ts"
import type { Connection } from "./connections.ts"
import type { Names } from "./names.ts"
import { aclRows, groupRules, routeTables } from "./rules.ts"
import type { Said } from "./said.ts"

export interface Section {
  readonly heading: string
  /** Lines; those that begin with a tab go below the one before. */
  readonly lines?: readonly string[]
  /** JSON. */
  readonly code?: string
}

export interface Detail {
  readonly title: string
  /** What it is, in a line. */
  readonly about: string
  readonly sections: readonly Section[]
}

export interface DetailSources {
  readonly architecture: Architecture
  readonly resolved: Resolved
  readonly network: Network
  readonly reach: Reach
  readonly connections: readonly Connection[]
  readonly names: Names
  readonly said: readonly Said[]
  /** Titles, as the layout gives them. */
  readonly titles: ReadonlyMap<Address, string>
}

export function detailsOf(sources: DetailSources): Record<Address, Detail> {
  const members = membersOf(sources.architecture)
  const made: Record<Address, Detail> = {}
  for (const [id, title] of sources.titles) {
    const resources = (members.get(id) ?? [id]).flatMap((one) => sources.resolved.at(one) ?? [])
    made[id] = detail(id, title, resources, sources)
  }
  return made
}

/** All resources that something drawn stands for. */
function membersOf({ tiers, regional, global, roles }: Architecture): Map<Address, readonly Address[]> {
  const items = [
    ...tiers.flatMap(({ workloads, tables }) => [...workloads, ...tables]),
    ...[...regional, ...global].flatMap((shelf) => shelf.items),
  ]
  return new Map([
    ...items.flatMap(({ id, members }): [Address, readonly Address[]][] =>
      members === undefined ? [] : [[id, members]],
    ),
    ...roles.flatMap(({ members }): [Address, readonly Address[]][] =>
      members[0] === undefined ? [] : [[members[0], members]],
    ),
  ])
}

function detail(id: Address, title: string, resources: readonly Resource[], sources: DetailSources): Detail {
  const { network } = sources
  const addresses = new Set(resources.map(({ address }) => address))
  const things = network.things.filter((thing) => thing.resources.some(({ address }) => addresses.has(address)))
  const subnet = network.subnets.find(({ address }) => address === id)
  const types = [...new Set(resources.map(({ type }) => type))]
  const counted = resources.length > 1 ? `${resources.length} × ` : ""
  return {
    title: title.split(": ")[0] ?? title,
    about:
      types.length === 0
        ? id === INTERNET
          ? "every address outside of the network"
          : id
        : `${counted}${types.join(", ")}`,
    sections: [
      ...(id === INTERNET ? connectionSections([INTERNET], sources) : []),
      ...connectionSections(
        things.map(({ name }) => name),
        sources,
      ),
      ...ruleSections(things, addresses, subnet, sources),
      ...proofSections(addresses, sources.said),
      ...resources.map(({ address, properties, deletionPolicy }) => ({
        heading: address,
        code: JSON.stringify({ ...properties, ...(deletionPolicy && { DeletionPolicy: deletionPolicy }) }, unbuilt, 1),
      })),
    ],
  }
}

/** An asset's name is its content's hash: without it the page does not change with every build of the Lambda. */
function unbuilt(_: string, value: unknown): unknown {
  return typeof value === "string" ? value.replace(/^[0-9a-f]{64}(\.\w+)$/, "<asset>$1") : value
}

function connectionSections(names: readonly string[], { connections, reach, network }: DetailSources): Section[] {
  const section = (heading: string, own: readonly Connection[], other: (one: Connection) => string): Section[] => {
    if (own.length === 0) return []
    const lines = own.flatMap((connection) => [
      `${other(connection)} on ${connection.ports}`,
      ...hops(connection, reach, network).map(({ resource, what }) => `\t${resource} ${what}`),
    ])
    return [{ heading, lines }]
  }
  return [
    ...section(
      "Can be reached by",
      connections.filter(({ to }) => names.includes(to)),
      ({ from }) => from,
    ),
    ...section(
      "Can reach",
      connections.filter(({ from }) => names.includes(from)),
      ({ to }) => to,
    ),
  ]
}

/** One connection of the kind, followed. */
function hops({ from, to, ports }: Connection, reach: Reach, network: Network): readonly Hop[] {
  const port = /^\d+/.exec(ports)?.[0]
  const connection = port === undefined ? undefined : reach.witness(from, to, TCP, Number(port), true)
  if (connection === undefined) return []
  const gateway = network.things.find(({ name, kind }) => name === to && kind === "gateway endpoint")
  return trace(reach, connection, gateway?.resources[0]?.address)
}

function ruleSections(
  things: readonly Thing[],
  addresses: ReadonlySet<Address>,
  subnet: Subnet | undefined,
  { network, names }: DetailSources,
): Section[] {
  const groups = new Map<string, SecurityGroup>()
  for (const { interfaces } of things) {
    for (const group of interfaces.flatMap((one) => one.groups)) groups.set(group.address, group)
  }
  for (const group of network.groups) if (addresses.has(group.address)) groups.set(group.address, group)
  const acls = new Set<Acl>(subnet?.acl === undefined ? [] : [subnet.acl])
  for (const acl of network.acls) if (addresses.has(acl.resource.address)) acls.add(acl)
  const tables = subnet === undefined ? [] : routeTables(subnet.tier, [subnet], network, names)
  return [
    ...[...groups.values()].map((group) => ({
      heading: `Security group ${names.group(group)}`,
      lines: (["inbound", "outbound"] as const).flatMap((direction) => {
        const rules = groupRules(group, direction, network, names)
        return rules.length > 0 ? rules.map((rule) => `${direction}: ${rule}`) : [`${direction}: nothing`]
      }),
    })),
    ...[...acls].map((acl) => ({
      heading: `Network ACL ${names.of(acl.resource)}`,
      lines: aclRows(acl, network).map((row) => row.join("  ")),
    })),
    ...tables.map(({ rows }) => ({ heading: "Routes", lines: rows.map(([to, by]) => `${to} → ${by}`) })),
  ]
}

function proofSections(addresses: ReadonlySet<Address>, said: readonly Said[]): Section[] {
  const among = (of: ReadonlySet<Address>) => [...addresses].some((address) => of.has(address))
  const own = said.filter(({ of }) => among(of))
  const whole = said.filter((one) => !own.includes(one) && among(one.ofNetwork))
  if (own.length + whole.length === 0) return []
  const result = ({ id, claim, failures }: Said) => `${failures.length === 0 ? "✓" : "✗"} ${claim} (${id})`
  const lines = own.flatMap((one) => [
    result(one),
    ...one.failures
      .filter(({ resource }) => addresses.has(resource))
      .map(({ resource, what }) => `\t${resource}: ${what}`),
  ])
  const failing = whole.filter(({ failures }) => failures.length > 0).length
  const heading = `${failing === 0 ? "✓" : "✗"} ${whole.length} of the network as a whole`
  return [
    {
      heading: "Proofs",
      lines: [...lines, ...(whole.length === 0 ? [] : [heading]), ...whole.map((one) => `\t${result(one)}`)],
    },
  ]
}
