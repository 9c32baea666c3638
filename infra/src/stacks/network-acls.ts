/**
 * Network ACLs, a tier each: the second layer, which knows subnets and no groups. ACLs are stateless, so every connection
 * needs a rule for its answers, to the ephemeral ports.
 */
import { CfnNetworkAcl, CfnNetworkAclEntry, CfnSubnetNetworkAclAssociation } from "aws-cdk-lib/aws-ec2"
import { Construct } from "constructs"
import { ANYWHERE } from "../cidr.ts"
import { SERVICES, type Stage, subnetCidr, TIERS, type Tier } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"
import { POSTGRESQL } from "./security-groups.ts"

/** NAT gateways and load balancers answer to 1024–65535. Source: VPC user guide, "Custom network ACLs", ephemeral ports. */
const EPHEMERAL: Ports = [1024, 65_535]
/** IANA's number of TCP. */
const TCP = 6

type Ports = readonly [first: number, last: number]

interface Entry {
  readonly ports: Ports
  /** The other side, as a block. */
  readonly cidr: string
}

interface Rules {
  readonly inbound: readonly Entry[]
  readonly outbound: readonly Entry[]
}

function rules(stage: Stage): Readonly<Record<Tier, Rules>> {
  const blocks = (tier: Tier) => stage.zones.map((_, zone) => subnetCidr(stage.network.cidr, tier, zone))
  const each = (ports: Ports, tier: Tier): Entry[] => blocks(tier).map((cidr) => ({ ports, cidr }))
  const https: Entry = { ports: [443, 443], cidr: ANYWHERE }
  const servicePorts = SERVICES.map((name) => stage.services[name].port)
  return {
    public: {
      // Requests to the load balancer, what the NAT gateway carries, and answers to both of them.
      inbound: [https, { ports: [80, 80], cidr: ANYWHERE }, { ports: EPHEMERAL, cidr: ANYWHERE }],
      outbound: [
        https,
        ...servicePorts.flatMap((port) => each([port, port], "service")),
        { ports: EPHEMERAL, cidr: ANYWHERE },
      ],
    },
    service: {
      inbound: [
        ...servicePorts.flatMap((port) => each([port, port], "public")),
        // Endpoints stand in the service subnets.
        ...each([443, 443], "service"),
        // Answers. 2020 and 3030 are within: only the security groups keep them to the load balancer.
        { ports: EPHEMERAL, cidr: ANYWHERE },
      ],
      outbound: [
        https,
        ...each([POSTGRESQL, POSTGRESQL], "data"),
        ...each(EPHEMERAL, "public"),
        ...each(EPHEMERAL, "service"),
      ],
    },
    data: {
      inbound: each([POSTGRESQL, POSTGRESQL], "service"),
      outbound: each(EPHEMERAL, "service"),
    },
  }
}

export class NetworkAcls extends Construct {
  constructor(
    scope: Construct,
    id: string,
    stage: Stage,
    vpcId: string,
    subnetIds: Readonly<Record<Tier, readonly string[]>>,
  ) {
    super(scope, id)
    const table = rules(stage)
    for (const tier of TIERS) {
      const acl = new CfnNetworkAcl(this, tier, {
        vpcId,
        tags: [{ key: "Name", value: `perigee-${stage.name}-${tier}` }],
      })
      for (const [direction, egress] of [
        ["inbound", false],
        ["outbound", true],
      ] as const) {
        table[tier][direction].forEach(({ ports: [from, to], cidr }, at) => {
          const entry = new CfnNetworkAclEntry(this, `${tier}-${direction}-${from}-${cidr}`, {
            networkAclId: acl.attrId,
            egress,
            ruleNumber: 100 + 10 * at,
            ruleAction: "allow",
            protocol: TCP,
            cidrBlock: cidr,
            portRange: { from, to },
          })
          acknowledge(entry, "AwsSolutions-VPC3", "ACLs are asked for: a second layer, proved together with the groups")
        })
      }
      subnetIds[tier].forEach((subnetId, zone) => {
        new CfnSubnetNetworkAclAssociation(this, `${tier}-${stage.zones[zone]}`, { networkAclId: acl.attrId, subnetId })
      })
      acknowledge(acl, "AwsSolutions-VPC3", "ACLs are asked for: a second layer, proved together with the groups")
    }
  }
}
