/**
 * Small networks at random, and a judge of single packets over them that knows nothing of intervals, parts or sets: what
 * the computed matrix is compared with. Written from AWS's documentation, not from the proofs.
 */
import fc from "fast-check"
import type { Template } from "../../../../infra/src/templates/read.ts"

/** A rule's ports, blocks and protocol as the templates spell them. */
interface Rule {
  readonly protocol: "tcp" | "udp" | "all"
  readonly ports: readonly [first: number, last: number]
  readonly block: string
}

interface AclRule extends Rule {
  readonly allow: boolean
  readonly outbound: boolean
}

interface GroupRule extends Rule {
  readonly outbound: boolean
  /** Index of a group; the block counts where it is undefined. */
  readonly group: number | undefined
}

export interface SmallNetwork {
  readonly acls: readonly (readonly AclRule[])[]
  readonly groups: readonly (readonly GroupRule[])[]
  readonly subnets: readonly { readonly acl: number | undefined; readonly route: "none" | "internet" | "nat" }[]
  /** Of the NAT gateway's own subnet. */
  readonly natAcl?: number | undefined
  readonly services: readonly {
    readonly subnets: readonly number[]
    readonly groups: readonly number[]
    readonly publicAddress: boolean
  }[]
}

const PORTS = [
  [0, 65_535],
  [80, 80],
  [443, 443],
  [79, 443],
  [1024, 65_535],
  [1000, 2000],
  [2001, 65_535],
  [32_768, 60_999],
] as const

/** The subnets' halves, the subnets, all of the VPC, everything, a part of the internet. */
const BLOCKS = [
  "0.0.0.0/0",
  "10.0.0.0/16",
  "10.0.0.0/28",
  "10.0.0.0/29",
  "10.0.1.0/28",
  "10.0.1.8/29",
  "8.8.8.0/24",
] as const

export const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const
export type Protocol = keyof typeof PROTOCOL_NUMBERS

const rule = {
  protocol: fc.constantFrom("tcp", "tcp", "udp", "all"),
  ports: fc.constantFrom(...PORTS),
  block: fc.constantFrom("0.0.0.0/0", ...BLOCKS),
}

/** Most end with rules that let everything through: else hardly any connection is made, and nothing is learnt. */
const opened = fc.constantFrom(true, true, true, false)
const everything = { protocol: "all", ports: [0, 65_535], block: "0.0.0.0/0" } as const
const bothWays = [
  { ...everything, outbound: false },
  { ...everything, outbound: true },
] as const

const acl = fc
  .tuple(
    fc.array(fc.record({ ...rule, allow: fc.boolean(), outbound: fc.boolean() }), { maxLength: 6 }) as fc.Arbitrary<
      AclRule[]
    >,
    opened,
  )
  .map(([rules, open]): AclRule[] => [...rules, ...(open ? bothWays.map((one) => ({ ...one, allow: true })) : [])])

const group = fc
  .tuple(
    fc.array(fc.record({ ...rule, outbound: fc.boolean(), group: fc.option(fc.nat(1), { nil: undefined }) }), {
      maxLength: 5,
    }) as fc.Arbitrary<GroupRule[]>,
    opened,
    opened,
  )
  .map(([rules, inbound, outbound]): GroupRule[] => [
    ...rules,
    ...bothWays.filter((one) => (one.outbound ? outbound : inbound)).map((one) => ({ ...one, group: undefined })),
  ])

export const smallNetworks: fc.Arbitrary<SmallNetwork> = fc.record({
  acls: fc.array(acl, { minLength: 2, maxLength: 2 }),
  groups: fc.array(group, { minLength: 2, maxLength: 2 }),
  subnets: fc.array(
    fc.record({
      acl: fc.option(fc.nat(1), { nil: undefined }),
      route: fc.constantFrom("none", "internet", "nat") as fc.Arbitrary<"none" | "internet" | "nat">,
    }),
    { minLength: 2, maxLength: 2 },
  ),
  natAcl: fc.option(fc.nat(1), { nil: undefined }),
  services: fc.array(
    fc.record({
      subnets: fc.subarray([0, 1], { minLength: 1 }),
      groups: fc.subarray([0, 1], { minLength: 1 }),
      publicAddress: fc.boolean(),
    }),
    { minLength: 2, maxLength: 2 },
  ),
})

const number = (protocol: Rule["protocol"]) => (protocol === "all" ? -1 : PROTOCOL_NUMBERS[protocol])
/** Where the NAT gateway stands: a subnet of its own, with a route to the internet gateway. */
const NAT_SUBNET = 2

/** The same as CloudFormation. */
export function templateOf({ acls, groups, subnets, services, natAcl }: SmallNetwork): Template {
  const resources: Record<string, { Type: string; Properties: Record<string, unknown> }> = {
    Vpc: { Type: "AWS::EC2::VPC", Properties: { CidrBlock: "10.0.0.0/16" } },
    Igw: { Type: "AWS::EC2::InternetGateway", Properties: {} },
    Attach: {
      Type: "AWS::EC2::VPCGatewayAttachment",
      Properties: { VpcId: { Ref: "Vpc" }, InternetGatewayId: { Ref: "Igw" } },
    },
    Eip: { Type: "AWS::EC2::EIP", Properties: {} },
    Nat: {
      Type: "AWS::EC2::NatGateway",
      Properties: { SubnetId: { Ref: `Subnet${NAT_SUBNET}` }, AllocationId: { "Fn::GetAtt": ["Eip", "AllocationId"] } },
    },
  }
  acls.forEach((rules, acl) => {
    resources[`Acl${acl}`] = { Type: "AWS::EC2::NetworkAcl", Properties: { VpcId: { Ref: "Vpc" } } }
    rules.forEach(({ protocol, ports: [From, To], block, allow, outbound }, at) => {
      resources[`Acl${acl}Rule${at}`] = {
        Type: "AWS::EC2::NetworkAclEntry",
        Properties: {
          NetworkAclId: { Ref: `Acl${acl}` },
          RuleNumber: at + 1,
          RuleAction: allow ? "allow" : "deny",
          Egress: outbound,
          Protocol: number(protocol),
          CidrBlock: block,
          PortRange: { From, To },
        },
      }
    })
  })
  groups.forEach((rules, group) => {
    resources[`Group${group}`] = {
      Type: "AWS::EC2::SecurityGroup",
      Properties: {
        VpcId: { Ref: "Vpc" },
        // One that matches nothing, for EC2's own not to stand.
        SecurityGroupEgress: [{ IpProtocol: "icmp", FromPort: 252, ToPort: 86, CidrIp: "255.255.255.255/32" }],
      },
    }
    rules.forEach(({ protocol, ports: [FromPort, ToPort], block, outbound, group: peer }, at) => {
      const side = outbound ? "Destination" : "Source"
      resources[`Group${group}Rule${at}`] = {
        Type: `AWS::EC2::SecurityGroup${outbound ? "Egress" : "Ingress"}`,
        Properties: {
          GroupId: { "Fn::GetAtt": [`Group${group}`, "GroupId"] },
          IpProtocol: protocol === "all" ? "-1" : protocol,
          FromPort,
          ToPort,
          ...(peer === undefined
            ? { CidrIp: block }
            : { [`${side}SecurityGroupId`]: { "Fn::GetAtt": [`Group${peer}`, "GroupId"] } }),
        },
      }
    })
  })
  ;[...subnets, { acl: natAcl, route: "internet" as const }].forEach(({ acl, route }, at) => {
    resources[`Subnet${at}`] = {
      Type: "AWS::EC2::Subnet",
      Properties: { VpcId: { Ref: "Vpc" }, CidrBlock: `10.0.${at}.0/28`, AvailabilityZone: `z${at}` },
    }
    resources[`Table${at}`] = { Type: "AWS::EC2::RouteTable", Properties: { VpcId: { Ref: "Vpc" } } }
    resources[`TableOf${at}`] = {
      Type: "AWS::EC2::SubnetRouteTableAssociation",
      Properties: { SubnetId: { Ref: `Subnet${at}` }, RouteTableId: { Ref: `Table${at}` } },
    }
    if (acl !== undefined) {
      resources[`AclOf${at}`] = {
        Type: "AWS::EC2::SubnetNetworkAclAssociation",
        Properties: { SubnetId: { Ref: `Subnet${at}` }, NetworkAclId: { Ref: `Acl${acl}` } },
      }
    }
    if (route !== "none") {
      resources[`Route${at}`] = {
        Type: "AWS::EC2::Route",
        Properties: {
          RouteTableId: { Ref: `Table${at}` },
          DestinationCidrBlock: "0.0.0.0/0",
          ...(route === "internet" ? { GatewayId: { Ref: "Igw" } } : { NatGatewayId: { Ref: "Nat" } }),
        },
      }
    }
  })
  services.forEach(({ subnets: own, groups: ownGroups, publicAddress }, at) => {
    resources[`Service${at}`] = {
      Type: "AWS::ECS::Service",
      Properties: {
        ServiceName: String(at),
        NetworkConfiguration: {
          AwsvpcConfiguration: {
            AssignPublicIp: publicAddress ? "ENABLED" : "DISABLED",
            Subnets: own.map((one) => ({ Ref: `Subnet${one}` })),
            SecurityGroups: ownGroups.map((one) => ({ "Fn::GetAtt": [`Group${one}`, "GroupId"] })),
          },
        },
      },
    }
  })
  return { name: "small", stackName: "small", body: { Resources: resources } }
}

/** An end of a connection; without a service it is somebody on the internet. */
export interface End {
  readonly address: string
  readonly service?: SmallNetwork["services"][number]
  readonly subnet?: number
}

/** Both halves of every subnet, since no rule cuts finer; and two addresses of the internet, of which one has rules of its own. */
export function endsOf(network: SmallNetwork, service: number | "internet"): End[] {
  if (service === "internet") return [{ address: "8.8.8.8" }, { address: "1.1.1.1" }]
  const one = network.services[service]
  return (one?.subnets ?? []).flatMap((subnet) =>
    ["1", "9"].map((host) => ({
      address: `10.0.${subnet}.${host}`,
      service: one as SmallNetwork["services"][number],
      subnet,
    })),
  )
}

/** Every port at which something could change, and its neighbours. */
export const TRIED_PORTS: readonly number[] = [
  ...new Set(PORTS.flatMap(([first, last]) => [first - 1, first, last, last + 1])),
].filter((port) => port >= 0 && port <= 65_535)

export const EPHEMERAL_PORTS: readonly number[] = TRIED_PORTS.filter((port) => port >= 1024)

function bits(address: string): string {
  return address
    .split(".")
    .map((octet) => Number(octet).toString(2).padStart(8, "0"))
    .join("")
}

const known = new Map<string, boolean>()

function within(block: string, address: string): boolean {
  const key = `${block} ${address}`
  const before = known.get(key)
  if (before !== undefined) return before
  const [base = "", prefix = ""] = block.split("/")
  const inside = bits(address).slice(0, Number(prefix)) === bits(base).slice(0, Number(prefix))
  known.set(key, inside)
  return inside
}

function matches(one: Rule, protocol: Protocol, port: number, address: string): boolean {
  // A rule for every protocol is one for every port. Source: VPC user guide, “Network ACL rules” and “Security group rules”.
  const ofPort = one.protocol === "all" || (one.ports[0] <= port && port <= one.ports[1])
  return (one.protocol === "all" || one.protocol === protocol) && ofPort && within(one.block, address)
}

/** One packet at one subnet's edge. */
function crosses(
  network: SmallNetwork,
  subnet: number,
  outbound: boolean,
  protocol: Protocol,
  port: number,
  peer: string,
): boolean {
  const acl = subnet === NAT_SUBNET ? network.natAcl : network.subnets[subnet]?.acl
  if (acl === undefined) return true
  const decides = network.acls[acl]?.find((one) => one.outbound === outbound && matches(one, protocol, port, peer))
  return decides?.allow ?? false
}

function letsBy(
  network: SmallNetwork,
  end: End,
  outbound: boolean,
  protocol: Protocol,
  port: number,
  peer: End,
): boolean {
  return (end.service?.groups ?? []).some((group) =>
    network.groups[group]?.some((one) => {
      if (one.outbound !== outbound) return false
      if (one.group === undefined) return matches(one, protocol, port, peer.address)
      return (
        matches({ ...one, block: "0.0.0.0/0" }, protocol, port, peer.address) &&
        (peer.service?.groups.includes(one.group) ?? false)
      )
    }),
  )
}

/**
 * Whether a connection is made and answered.
 * @param natPorts those that a NAT gateway may take for it: whether with one of them, or with every one
 */
export function connects(
  network: SmallNetwork,
  from: End,
  to: End,
  protocol: Protocol,
  port: number,
  sourcePort: number,
  natPorts: "some" | "every",
): boolean {
  if (from.subnet === undefined && to.subnet === undefined) return false
  if (to.subnet === undefined && from.subnet !== undefined) {
    const route = network.subnets[from.subnet]?.route
    if (route === "none" || (route === "internet" && !from.service?.publicAddress)) return false
    const made =
      letsBy(network, from, true, protocol, port, to) &&
      crosses(network, from.subnet, true, protocol, port, to.address) &&
      crosses(network, from.subnet, false, protocol, sourcePort, to.address)
    if (!made || route === "internet") return made
    return (
      crosses(network, NAT_SUBNET, false, protocol, port, from.address) &&
      crosses(network, NAT_SUBNET, true, protocol, port, to.address) &&
      EPHEMERAL_PORTS[natPorts]((natPort) => crosses(network, NAT_SUBNET, false, protocol, natPort, to.address)) &&
      crosses(network, NAT_SUBNET, true, protocol, sourcePort, from.address)
    )
  }
  if (to.subnet === undefined) return false
  if (!letsBy(network, to, false, protocol, port, from)) return false
  if (from.subnet === undefined) {
    return (
      to.service?.publicAddress === true &&
      network.subnets[to.subnet]?.route === "internet" &&
      crosses(network, to.subnet, false, protocol, port, from.address) &&
      crosses(network, to.subnet, true, protocol, sourcePort, from.address)
    )
  }
  if (!letsBy(network, from, true, protocol, port, to)) return false
  if (from.subnet === to.subnet) return true
  return (
    crosses(network, from.subnet, true, protocol, port, to.address) &&
    crosses(network, to.subnet, false, protocol, port, from.address) &&
    crosses(network, to.subnet, true, protocol, sourcePort, from.address) &&
    crosses(network, from.subnet, false, protocol, sourcePort, to.address)
  )
}
