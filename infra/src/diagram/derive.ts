/** From the templates to what the picture shows: every text of it comes from a property, a parameter or a proof. */
import type { Network, Subnet as NetworkSubnet, Thing } from "../proofs/network.ts"
import type { Resolved, Resource } from "../templates/resolve.ts"
import { keyed, textOf } from "../templates/value.ts"
import {
  type Address,
  type Architecture,
  type Exit,
  type Flow,
  type FlowKind,
  INTERNET,
  type Item,
  type SecurityGroup,
  type Tier,
  type Workload,
} from "./architecture.ts"
import { globalShelves, regionalShelves } from "./cards.ts"
import type { Connection } from "./connections.ts"
import { Names } from "./names.ts"
import { rolesOf } from "./roles.ts"
import { aclTables, groupRules, routeTables } from "./rules.ts"
import { type Bar, barOf } from "./workloads.ts"

export interface Sources {
  readonly resolved: Resolved
  readonly network: Network
  readonly connections: readonly Connection[]
}

export function architectureOf({ resolved, network, connections }: Sources): Architecture {
  const names = new Names(resolved, network)
  const zones = [...new Set(network.subnets.map(({ zone }) => zone))].sort()
  const bars = merged(network.things.filter(({ kind }) => kind !== "gateway endpoint")).map((things) =>
    barOf(things, { resolved, network, names, zones }),
  )
  const [vpc] = network.vpcs
  const regional = regionalShelves(resolved, names)
  return {
    title: names.title,
    subtitle: subtitle(resolved),
    region: regionOf(resolved, zones),
    vpc: {
      id: vpc?.address ?? "vpc",
      name: textOf(keyed(vpc?.properties["Tags"], "Name")) ?? vpc?.id ?? "",
      cidr: textOf(vpc?.properties["CidrBlock"]) ?? "",
    },
    zones,
    internetGateway: internetGateway(network, names),
    tiers: tiers({ resolved, network, names, zones, bars }),
    gatewayEndpoints: network.things
      .filter(({ kind }) => kind === "gateway endpoint")
      .map((thing) => gatewayEndpoint(thing, resolved)),
    regional,
    global: globalShelves(resolved, names),
    roles: rolesOf(resolved, names),
    securityGroups: network.groups
      .filter(({ resource }) => resource !== undefined)
      .map(
        (group): SecurityGroup => ({
          id: group.address,
          name: names.group(group),
          inbound: groupRules(group, "inbound", network, names),
          outbound: groupRules(group, "outbound", network, names),
        }),
      ),
    flows: flows(connections, bars, network),
  }
}

/** Interface endpoints in the same places behind the same groups are one bar; everything else is one each. */
function merged(things: readonly Thing[]): Thing[][] {
  const together = Map.groupBy(things, (thing) =>
    thing.kind === "interface endpoint"
      ? thing.interfaces.map(({ subnet, groups }) => [subnet.address, ...groups.map(({ address }) => address)]).join()
      : thing.name,
  )
  return [...together.values()]
}

interface Grid {
  readonly resolved: Resolved
  readonly network: Network
  readonly names: Names
  readonly zones: readonly string[]
  readonly bars: readonly Bar[]
}

/** How near the internet: by a route to its gateway, by a route to a NAT gateway, by none. */
function depth(subnets: readonly NetworkSubnet[]): number {
  const kinds = new Set(subnets.flatMap(({ routeTable }) => routeTable?.routes.map(({ target }) => target.kind) ?? []))
  if (kinds.has("internet-gateway")) return 0
  return kinds.has("nat-gateway") ? 1 : 2
}

function tiers({ resolved, network, names, zones, bars }: Grid): Tier[] {
  const byTier = [...Map.groupBy(network.subnets, ({ tier }) => tier)].sort(
    ([, one], [, other]) => depth(one) - depth(other),
  )
  const exits = exitsOf(resolved, network, names, zones)
  return byTier.map(([name, subnets]) => ({
    name,
    public: depth(subnets) === 0,
    subnets: subnets.map((subnet) => ({
      id: subnet.address,
      name: names.short(subnet.name),
      cidr: subnet.cidr,
      zone: zones.indexOf(subnet.zone),
    })),
    exits: exits.filter(({ subnet }) => subnets.some(({ address }) => address === subnet)).map(({ exit }) => exit),
    workloads: bars.filter(({ tier }) => tier === name).map(({ workload }) => workload),
    tables: [...routeTables(name, subnets, network, names), ...aclTables(name, subnets, network, names)],
  }))
}

/** NAT gateways: those that stand, and those that a parameter would make stand. */
function exitsOf(resolved: Resolved, network: Network, names: Names, zones: readonly string[]) {
  const exits: { subnet: Address; exit: Exit }[] = []
  for (const { resource, subnet, addresses } of network.natGateways) {
    if (subnet === undefined) continue
    const [first] = addresses
    const elastic = first === undefined ? undefined : resolved.at(first)
    const exit: Exit = {
      zone: zones.indexOf(subnet.zone),
      stands: true,
      gateway: {
        id: resource.address,
        icon: "natGateway",
        title: names.of(resource),
        facts: ["NAT gateway"],
      },
      ...(first !== undefined && { address: elasticAddress(first, elastic, resolved, names) }),
    }
    exits.push({ subnet: subnet.address, exit })
  }
  for (const address of resolved.absent) {
    const [template = "", id = ""] = address.split("/")
    const body = resolved.templates.find(({ name }) => name === template)?.body
    const raw = body?.Resources[id]
    const subnetId = (raw?.Properties?.["SubnetId"] as { Ref?: string } | undefined)?.Ref
    const subnet = network.subnets.find((one) => one.address === `${template}/${subnetId}`)
    if (raw?.Type !== "AWS::EC2::NatGateway" || subnet === undefined) continue
    const facts = [`if ${condition(body?.Conditions?.[raw.Condition ?? ""]) ?? raw.Condition}`]
    const gateway: Item = { id: address, icon: "natGateway", title: "NAT gateway", facts }
    exits.push({ subnet: subnet.address, exit: { zone: zones.indexOf(subnet.zone), stands: false, gateway } })
  }
  return exits
}

/** `EgressZone = b`, where a condition is as simple as that. */
function condition(raw: unknown): string | undefined {
  const [one, other] = ((raw as { "Fn::Equals"?: unknown[] } | undefined)?.["Fn::Equals"] ?? []) as [
    { Ref?: string }?,
    string?,
  ]
  return one?.Ref !== undefined && typeof other === "string" ? `${one.Ref} = ${other}` : undefined
}

/** The address that the gateway is seen under; where a parameter gives it, that parameter's value. */
function elasticAddress(address: Address, elastic: Resource | undefined, resolved: Resolved, names: Names): Item {
  const raw = elastic && rawOf(resolved, elastic.address)?.Properties?.["Address"]
  const known = textOf(elastic?.properties["Address"])
  const parameter = known === undefined && elastic !== undefined ? addressParameter(raw, elastic, resolved) : undefined
  const value = known ?? parameter?.value
  return {
    id: address,
    icon: "elasticIp",
    title: value === undefined ? names.of(elastic ?? address) : `${value}/32`,
    facts: ["Elastic IP", ...(parameter === undefined ? [] : [parameter.name])],
  }
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/

/** The parameter within an expression whose value is an address. */
function addressParameter(raw: unknown, { template }: Resource, resolved: Resolved) {
  const parameters = resolved.templates.find(({ name }) => name === template)?.body.Parameters ?? {}
  for (const [, name = ""] of JSON.stringify(raw ?? null).matchAll(/"Ref":"([^"]+)"/g)) {
    const value = resolved.parameters[name] ?? parameters[name]?.["Default"]
    if (typeof value === "string" && IPV4.test(value)) return { name, value }
  }
  return undefined
}

function rawOf(resolved: Resolved, address: Address) {
  const [template = "", id = ""] = address.split("/")
  return resolved.templates.find(({ name }) => name === template)?.body.Resources[id]
}

function internetGateway({ internetGateways: [gateway] }: Network, names: Names): Item | undefined {
  if (gateway === undefined) return undefined
  return { id: gateway.address, icon: "internetGateway", title: "Internet gateway", facts: [names.of(gateway)] }
}

function gatewayEndpoint({ resources: [endpoint], name }: Thing, resolved: Resolved) {
  const policy = JSON.stringify(endpoint?.properties["PolicyDocument"] ?? null)
  const service = name.replace(/^endpoint /, "")
  const stores = resolved.ofType(service === "dynamodb" ? "AWS::DynamoDB::Table" : "AWS::S3::Bucket")
  const key = service === "dynamodb" ? "TableName" : "BucketName"
  const named = stores.find(({ properties }) => {
    const store = textOf(properties[key])
    return store !== undefined && policy.includes(store)
  })
  return {
    id: endpoint?.address ?? name,
    icon: "endpoint" as const,
    title: service,
    facts: [(textOf(endpoint?.properties["VpcEndpointType"]) ?? "Gateway").toLowerCase()],
    ...(named !== undefined && { leadsTo: named.address }),
  }
}

function flows(connections: readonly Connection[], bars: readonly Bar[], network: Network): Flow[] {
  const nodeOf = new Map<string, { id: Address; workload?: Workload; kind: Thing["kind"] | "internet" }>([
    [INTERNET, { id: INTERNET, kind: "internet" }],
  ])
  for (const { workload, things } of bars) {
    for (const { name, kind } of things) nodeOf.set(name, { id: workload.id, workload, kind })
  }
  for (const { name, kind, resources } of network.things) {
    if (kind === "gateway endpoint") nodeOf.set(name, { id: resources[0]?.address ?? name, kind })
  }
  const made = new Map<string, Flow>()
  const add = (flow: Flow) => made.set(`${flow.from} ${flow.to} ${flow.kind} ${flow.label}`, flow)
  for (const { from, to, ports, via } of connections) {
    const [one, other] = [nodeOf.get(from), nodeOf.get(to)]
    if (one === undefined || other === undefined || one.id === other.id) continue
    const kind = kindOf(one.kind, other.kind)
    const ends = { from: one.id, to: other.id, label: ports }
    if (kind !== "egress" || via === undefined) {
      // A line goes down from the internet gateway to one entrance; whatever else it reaches is told apart.
      const entrance = [...made.values()].find((flow) => flow.kind === "ingress")?.to ?? other.id
      add({ ...ends, kind: kind === "ingress" && entrance !== other.id ? "other" : kind })
      continue
    }
    if (via.gateways.length > 0) add({ ...ends, kind, via: via.gateways })
    if (via.directly) add({ ...ends, kind: "other" })
  }
  return [...made.values()]
}

function kindOf(from: Thing["kind"] | "internet", to: Thing["kind"] | "internet"): FlowKind {
  if (from === "internet") return to === "load balancer" ? "ingress" : "other"
  if (from === "load balancer") return to === "service" ? "request" : "other"
  if (to === "load balancer" && from !== "database") return "entrance"
  if (to === "database") return "data"
  if (to === "interface endpoint" || to === "gateway endpoint") return "endpoint"
  return to === "internet" && from !== "database" ? "egress" : "other"
}

function subtitle({ resources, templates }: Resolved): string {
  const stacks = templates.map(({ name }) => name).sort()
  return `${resources.length} resources of ${stacks.length} templates: ${stacks.join(", ")}`
}

function regionOf({ templates }: Resolved, [zone = ""]: readonly string[]): string {
  return templates.find(({ region }) => region !== undefined)?.region ?? zone.replace(/[a-z]$/, "")
}
