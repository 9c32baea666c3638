/**
 * Single facts about the network that another layer can hide: with no route in, a public address on a task reaches nobody,
 * and the matrix stays as it was; but it is one change away from an open door. So each is a rule of its own.
 */
import { blockOf, contains } from "../../cidr.ts"
import { at, flagOf, list, textOf, type Value } from "../../templates/value.ts"
import { type GroupRule, ICMP } from "../network.ts"
import { each, type Failure, joinedOutcome, type Proof } from "../proof.ts"

const tasksPublic: Proof = {
  id: "facts.no-public-address-on-tasks",
  claim: "No task is given a public address: every service and schedule says DISABLED",
  holds: "Not reachable from the internet",
  prove({ resolved }) {
    const wrong = (configuration: Value | undefined) => {
      const assign = textOf(at(configuration, "AwsvpcConfiguration", "AssignPublicIp"))
      return assign === "DISABLED" ? undefined : `its AssignPublicIp is ${assign ?? "not set"}, not DISABLED`
    }
    const services = each(resolved.ofType("AWS::ECS::Service"), ({ properties }) =>
      wrong(properties["NetworkConfiguration"]),
    )
    const schedules = each(
      resolved
        .ofType("AWS::Scheduler::Schedule")
        .filter(({ properties }) => at(properties, "Target", "EcsParameters") !== undefined),
      ({ properties }) => wrong(at(properties, "Target", "EcsParameters", "NetworkConfiguration")),
    )
    const rules = each(resolved.ofType("AWS::Events::Rule"), ({ properties }) =>
      list(properties["Targets"])
        .flatMap((target) => at(target, "EcsParameters") ?? [])
        .flatMap((parameters) => wrong(at(parameters, "NetworkConfiguration")) ?? []),
    )
    return joinedOutcome([services, schedules, rules])
  },
}

const databasePublic: Proof = {
  id: "facts.database-not-public",
  claim: "The database is not publicly accessible, and says so",
  holds: "Relational data is reached by the services alone",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), ({ properties }) =>
      flagOf(properties["PubliclyAccessible"]) === false
        ? undefined
        : `its PubliclyAccessible is ${textOf(properties["PubliclyAccessible"]) ?? "not set"}, not false`,
    ),
}

const functionInside: Proof = {
  id: "facts.functions-inside",
  claim: "Every function is in the VPC, so that it leaves by the one address",
  holds: "The Lambda in the VPC so that it leaves by the one address",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::Lambda::Function"), ({ properties }) =>
      list(at(properties, "VpcConfig", "SubnetIds")).length > 0
        ? undefined
        : "it has no VpcConfig: it would leave by an address of Lambda's",
    ),
}

const subnetPublic: Proof = {
  id: "facts.no-public-address-by-subnet",
  claim: "No subnet gives public addresses of its own accord",
  holds: "Not reachable from the internet",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::EC2::Subnet"), ({ properties }) =>
      flagOf(properties["MapPublicIpOnLaunch"]) === true ? "its MapPublicIpOnLaunch is true" : undefined,
    ),
}

const explicitTables: Proof = {
  id: "facts.explicit-routes",
  claim: "Every subnet has a route table of its own choice, not the VPC's main one",
  holds: "Explicit route tables",
  prove: ({ network }) =>
    each(
      network.subnets.map(({ resource }) => resource),
      (resource) =>
        network.subnets.find((one) => one.resource === resource)?.routeTable === undefined
          ? "it has no route table associated: it falls to the VPC's main one"
          : undefined,
    ),
}

const explicitAcls: Proof = {
  id: "facts.explicit-acls",
  claim: "Every subnet has a network ACL of its own choice, not the VPC's default one, which lets everything through",
  holds: "Network ACLs",
  prove: ({ network }) =>
    each(
      network.subnets.map(({ resource }) => resource),
      (resource) =>
        network.subnets.find((one) => one.resource === resource)?.acl === undefined
          ? "it has no network ACL associated: it falls to the VPC's default one"
          : undefined,
    ),
}

const explicitEgress: Proof = {
  id: "facts.no-implicit-outbound",
  claim: "No security group is left with EC2's own rule that lets everything out: each has a SecurityGroupEgress",
  holds: "Security groups all of our own, no implicit all-outbound one",
  prove: ({ network }) =>
    each(
      network.groups.flatMap(({ resource }) => resource ?? []),
      (resource) => {
        const group = network.groups.find((one) => one.resource === resource)
        if (group?.implicitOutbound) return "it has no SecurityGroupEgress, and so EC2's rule that lets everything out"
        const open = group?.outbound.find(({ protocol }) => protocol === "all")
        return open === undefined ? undefined : `${open.resource?.address}: a rule that lets every protocol out`
      },
    ),
}

const wideRules: Proof = {
  id: "facts.no-wide-inbound",
  claim:
    "No security group lets in a block of addresses but the load balancer's: everything else names the group that may",
  holds: "5432 from exactly the three services' groups and the migration task",
  prove({ network }) {
    const balancers = new Set(
      network.things
        .filter(({ kind }) => kind === "load balancer")
        .flatMap(({ interfaces }) => interfaces.flatMap(({ groups }) => groups.map(({ address }) => address))),
    )
    const failures = network.groups.flatMap(({ address, inbound }): Failure[] =>
      balancers.has(address)
        ? []
        : inbound
            .filter(({ peer }) => peer.kind === "block")
            .map(({ resource }) => ({
              resource: resource?.address ?? address,
              what: `lets a block of addresses into ${address}: name the security group that may`,
            })),
    )
    return { checked: network.groups.length, failures }
  },
}

const noDefaultGroup: Proof = {
  id: "facts.no-default-group",
  claim: "Nothing is in the VPC's default security group: everything names its own",
  holds: "Security groups all of our own",
  prove: ({ network }) => {
    const inside = network.things.filter(({ interfaces }) => interfaces.length > 0)
    return {
      checked: inside.length,
      failures: inside
        .filter(({ interfaces }) =>
          interfaces.some(({ groups }) => groups.some((group) => group.resource === undefined)),
        )
        .map(({ name, resources: [resource] }) => ({
          resource: resource?.address ?? name,
          what: `${name} names no security group, and so is in the VPC's default one`,
        })),
    }
  },
}

/** The rule that the CDK writes for none, so that EC2 makes no rule of its own: ICMP to the broadcast address. */
function matchesNothing({ protocol, peer }: GroupRule): boolean {
  const nobody = blockOf("255.255.255.255/32").first
  return protocol === ICMP && peer.kind === "block" && peer.block.first === nobody && peer.block.last === nobody
}

const unusedGroups: Proof = {
  id: "facts.every-group-used",
  claim: "Every security group is something's: none is left open for whoever takes it",
  holds: "Least privilege in the network",
  prove: ({ network }) => {
    const used = new Set(
      network.things.flatMap(({ interfaces }) => interfaces.flatMap(({ groups }) => groups.map((one) => one.address))),
    )
    return {
      checked: network.groups.length,
      failures: network.groups
        .filter(({ address }) => !used.has(address))
        .flatMap(({ address, inbound, outbound }): Failure[] => {
          // One with no rule that matches anything, which no other rule names, gives nothing to whoever takes it.
          const rules = [...inbound, ...outbound].filter((rule) => !matchesNothing(rule))
          if (rules.length > 0) return [{ resource: address, what: "nothing is in it, and it has rules" }]
          const naming = network.groups
            .flatMap((group) => [...group.inbound, ...group.outbound].map((rule) => ({ group, rule })))
            .filter(({ rule: { peer } }) => peer.kind === "group" && peer.group === address)
          return naming.map(({ group, rule }) => ({
            resource: rule.resource?.address ?? group.address,
            what: `names ${address}, which nothing is in: whoever takes it would be let through`,
          }))
        }),
    }
  },
}

const sharedGroups: Proof = {
  id: "facts.one-group-each",
  claim: "No two services, functions or databases share a security group, so that a rule for one is a rule for one",
  holds: "5432 from exactly the three services' groups",
  prove: ({ network }) => {
    const things = network.things.filter(
      ({ kind, interfaces }) => kind !== "interface endpoint" && interfaces.length > 0,
    )
    const owner = new Map<string, string>()
    const failures: Failure[] = []
    for (const {
      name,
      resources: [resource],
      interfaces,
    } of things) {
      for (const address of new Set(interfaces.flatMap(({ groups }) => groups.map((group) => group.address)))) {
        const other = owner.get(address)
        if (other !== undefined)
          failures.push({ resource: resource?.address ?? name, what: `${name} shares ${address} with ${other}` })
        owner.set(address, name)
      }
    }
    return { checked: things.length, failures }
  },
}

const tiers: Proof = {
  id: "facts.tiers",
  claim:
    "The load balancer is in public subnets, services and functions in service subnets, the database in data subnets",
  holds: "In each zone a public, a service and a data subnet: at least 3 public and 3 private",
  needsStage: true,
  prove({ network, stage }) {
    const wanted: Readonly<Record<string, string>> = {
      "load balancer": "public",
      service: "service",
      function: "service",
      "scheduled task": "service",
      "one-off task": "service",
      "interface endpoint": "service",
      database: "data",
    }
    const failures: Failure[] = []
    const zones = stage?.zones ?? []
    for (const {
      name,
      kind,
      interfaces,
      resources: [resource],
    } of network.things) {
      const tier = wanted[kind]
      if (tier === undefined) continue
      const address = resource?.address ?? name
      for (const { subnet } of interfaces) {
        if (subnet.tier !== tier)
          failures.push({
            resource: address,
            what: `${name} stands in ${subnet.address}, a ${subnet.tier} subnet, not a ${tier} one`,
          })
      }
      const there = new Set(interfaces.map(({ subnet }) => subnet.zone.at(-1)))
      const missing = zones.filter((zone) => !there.has(zone))
      if (missing.length > 0) failures.push({ resource: address, what: `${name} is not in zone ${missing.join(", ")}` })
    }
    for (const tier of ["public", "service", "data"]) {
      for (const zone of zones) {
        if (!network.subnets.some((one) => one.tier === tier && one.zone.endsWith(zone))) {
          failures.push({
            resource: network.vpcs[0]?.address ?? "AWS::EC2::VPC",
            what: `has no ${tier} subnet in zone ${zone}`,
          })
        }
      }
    }
    return { checked: network.things.length + 3 * zones.length, failures }
  },
}

const dataRoutes: Proof = {
  id: "facts.data-has-no-way-out",
  claim: "A data subnet's route table leads nowhere but within the VPC",
  holds: "A data (isolated) subnet in each zone",
  prove: ({ network }) => {
    const data = network.subnets.filter(({ tier }) => tier === "data" || tier === "isolated")
    return {
      checked: data.length,
      failures: data.flatMap(({ name, routeTable }) =>
        (routeTable?.routes ?? [])
          .filter(({ target }) => target.kind !== "local")
          .map(({ resource, cidr }) => ({
            resource: resource?.address ?? name,
            what: `leads ${cidr} out of the data subnet ${name}`,
          })),
      ),
    }
  },
}

const blocks: Proof = {
  id: "facts.addresses",
  claim: "Every subnet lies within the VPC and overlaps no other",
  holds: "A VPC over three zones",
  prove: ({ network }) => {
    const failures = network.subnets.flatMap((one, index): Failure[] => {
      const outside = !network.blocks.some((block) => contains(block, one.block))
      const other = network.subnets
        .slice(0, index)
        .find(({ block }) => block.first <= one.block.last && one.block.first <= block.last)
      return [
        ...(outside ? [{ resource: one.address, what: `${one.cidr} is not within the VPC` }] : []),
        ...(other === undefined ? [] : [{ resource: one.address, what: `${one.cidr} overlaps ${other.address}` }]),
      ]
    })
    return { checked: network.subnets.length, failures }
  },
}

const flowLogs: Proof = {
  id: "facts.flow-logs",
  claim: "Every VPC logs all of its traffic, what is refused and what is let through",
  holds: "Flow logs",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::EC2::VPC"), (vpc) => {
      const log = resolved.ofType("AWS::EC2::FlowLog").find((one) => resolved.of(one.properties["ResourceId"]) === vpc)
      if (log === undefined) return "it has no flow log"
      const type = textOf(log.properties["TrafficType"])
      return type === "ALL" ? undefined : `${log.address}: its TrafficType is ${type ?? "not set"}, not ALL`
    }),
}

export const FACTS: readonly Proof[] = [
  tasksPublic,
  databasePublic,
  functionInside,
  subnetPublic,
  explicitTables,
  explicitAcls,
  explicitEgress,
  wideRules,
  noDefaultGroup,
  unusedGroups,
  sharedGroups,
  tiers,
  dataRoutes,
  blocks,
  flowLogs,
]
