/** Every security group of the stage and every rule between them, in one table: who may open a connection to whom. */
import { type CfnSecurityGroup, type ISecurityGroup, type IVpc, Peer, Port, SecurityGroup } from "aws-cdk-lib/aws-ec2"
import { Construct } from "constructs"
import { ANYWHERE } from "../cidr.ts"
import { SERVICES, type ServiceName, type Stage } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"

/** Everything that has a network interface, and the database. */
export const GROUPS = [
  "load_balancer",
  ...SERVICES,
  "neows_task",
  "neows_function",
  "migration",
  "database",
  "endpoints",
] as const
export type GroupName = (typeof GROUPS)[number]

const DESCRIPTIONS: Readonly<Record<Exclude<GroupName, ServiceName>, string>> = {
  load_balancer: "The load balancer: the only thing that the internet reaches",
  neows_task: "The scheduled task that fetches from NeoWs",
  neows_function: "The Lambda that fetches from NeoWs",
  migration: "One-off tasks that make database roles and schemas",
  database: "PostgreSQL: opens no connection itself",
  endpoints: "Interface endpoints of AWS services: open no connection themselves",
}

const HTTP = 80
const HTTPS = 443
export const POSTGRESQL = 5432

/** An outbound rule that no packet meets. Source: EC2 API reference, CreateSecurityGroup; CDK writes the same. */
const NOTHING = {
  cidrIp: "255.255.255.255/32",
  description: "Disallow all traffic",
  ipProtocol: "icmp",
  fromPort: 252,
  toPort: 86,
} as const

interface Flow {
  readonly from: GroupName | "internet"
  readonly to: GroupName | "internet"
  readonly port: number
}

/** The whole of it. Security groups are stateful: answers need no rule. */
export function flows(stage: Stage): readonly Flow[] {
  const clients = [...SERVICES, "neows_task", "neows_function", "migration"] as const
  const hasEndpoints = stage.network.interfaceEndpoints.length > 0
  return [
    { from: "internet", to: "load_balancer", port: HTTPS },
    { from: "internet", to: "load_balancer", port: HTTP },
    ...SERVICES.map((name): Flow => ({ from: "load_balancer", to: name, port: stage.services[name].port })),
    ...SERVICES.map((name): Flow => ({ from: name, to: "database", port: POSTGRESQL })),
    { from: "migration", to: "database", port: POSTGRESQL },
    ...clients.map((from): Flow => ({ from, to: "internet", port: HTTPS })),
    // Towards an endpoint the rule to the internet holds already; the endpoint has to let them in.
    ...(hasEndpoints ? clients.map((from): Flow => ({ from, to: "endpoints", port: HTTPS })) : []),
  ]
}

export type SecurityGroups = Readonly<Record<GroupName, ISecurityGroup>>

/** The groups with their rules. Other stacks get references that can't be added to: the table above stays the whole. */
export class Groups extends Construct {
  readonly references: SecurityGroups

  constructor(scope: Construct, id: string, stage: Stage, vpc: IVpc) {
    super(scope, id)
    const made = {} as Record<GroupName, SecurityGroup>
    for (const name of GROUPS) {
      made[name] = new SecurityGroup(this, name, {
        vpc,
        description: (DESCRIPTIONS as Readonly<Record<string, string>>)[name] ?? `Tasks of ${name}`,
        allowAllOutbound: false,
      })
    }
    const opened = new Set<string>()
    for (const { from, to, port } of flows(stage)) {
      if (to === "internet") opened.add(from)
      const tcp = Port.tcp(port)
      const about = `${from} to ${to}`
      if (from === "internet") made[to as GroupName].addIngressRule(Peer.ipv4(ANYWHERE), tcp, about)
      else if (to === "internet") made[from].addEgressRule(Peer.ipv4(ANYWHERE), tcp, about)
      else {
        made[from].addEgressRule(made[to], tcp, about)
        made[to].addIngressRule(made[from], tcp, about)
      }
    }
    for (const name of GROUPS.filter((one) => !opened.has(one))) {
      // Rules to other groups are resources of their own; a group that shows none itself gets EC2's, which allows everything.
      const group = made[name].node.defaultChild as CfnSecurityGroup
      group.securityGroupEgress = [NOTHING]
    }
    acknowledge(
      made.load_balancer,
      "AwsSolutions-EC23",
      "The load balancer is the platform's one public entrance: 443, and 80 that only redirects there",
    )
    this.references = Object.fromEntries(
      GROUPS.map((name) => [
        name,
        SecurityGroup.fromSecurityGroupId(this, `${name}-reference`, made[name].securityGroupId, { mutable: false }),
      ]),
    ) as unknown as SecurityGroups
  }
}
