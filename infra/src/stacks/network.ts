/**
 * The network: a VPC over the stage's zones with three subnets in each, the one way in and the one address out, and both
 * layers of rules. Everything is spelled out, resource by resource, since this is what the proofs and the picture read.
 */
import {
  CfnCondition,
  CfnParameter,
  type CfnResource,
  type CfnTag,
  Fn,
  Stack,
  type StackProps,
  Token,
} from "aws-cdk-lib"
import { ComparisonOperator, MathExpression, Metric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch"
import {
  CfnEIP,
  CfnFlowLog,
  CfnInternetGateway,
  CfnNatGateway,
  CfnRoute,
  CfnRouteTable,
  CfnSubnet,
  CfnSubnetRouteTableAssociation,
  CfnVPC,
  CfnVPCGatewayAttachment,
  type IVpc,
  Vpc,
} from "aws-cdk-lib/aws-ec2"
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import type { ITopic } from "aws-cdk-lib/aws-sns"
import type { Construct } from "constructs"
import { ANYWHERE } from "../cidr.ts"
import { EGRESS_IP, EGRESS_ZONE, NO_EGRESS } from "../names.ts"
import { type Stage, subnetCidr, TIERS, type Tier } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"
import { alarm, alarmTopic, alarmTopicArn, MINUTE } from "./alarms.ts"
import { allow } from "./allow.ts"
import { customerKey, logsUser, output } from "./customer-key.ts"
import { Endpoints } from "./endpoints.ts"
import { logGroup } from "./log-group.ts"
import { NetworkAcls } from "./network-acls.ts"
import { kept } from "./removal-policy.ts"
import { Groups, type SecurityGroups } from "./security-groups.ts"

interface Subnet {
  readonly tier: Tier
  readonly zone: string
  readonly id: string
  readonly routeTableId: string
}

export class NetworkStack extends Stack {
  /** For other stacks: references to what is made here, to which nothing can be added. */
  readonly vpc: IVpc
  readonly groups: SecurityGroups
  /** Encrypts logs and alarms. */
  readonly operationsKey: IKey
  readonly alarms: ITopic

  readonly #stage: Stage

  constructor(scope: Construct, id: string, stage: Stage, props: StackProps) {
    super(scope, id, { ...props, description: `Perigee ${stage.name}: network, one way in, one address out` })
    this.#stage = stage

    const vpc = this.#vpc()
    const gateway = this.#internetGateway(vpc)
    const subnets = stage.zones.flatMap((zone, at) => TIERS.map((tier) => this.#subnet(vpc, tier, zone, at)))
    const of = (tier: Tier) => subnets.filter((subnet) => subnet.tier === tier)
    for (const { zone, routeTableId } of of("public")) {
      const route = new CfnRoute(this, `PublicRoute${zone.toUpperCase()}`, {
        routeTableId,
        destinationCidrBlock: ANYWHERE,
        gatewayId: gateway.gatewayId,
      })
      route.addResourceDependency(gateway.attachment)
    }
    const natGatewayId = this.#egress(of("public"), of("service"), gateway.attachment)
    new NetworkAcls(this, "Acls", stage, vpc.ref, {
      public: of("public").map(({ id }) => id),
      service: of("service").map(({ id }) => id),
      data: of("data").map(({ id }) => id),
    })

    const reference = (tier: Tier) => ({
      ids: of(tier).map(({ id }) => id),
      tables: of(tier).map((one) => one.routeTableId),
    })
    this.vpc = Vpc.fromVpcAttributes(this, "Reference", {
      vpcId: vpc.ref,
      vpcCidrBlock: stage.network.cidr,
      availabilityZones: stage.zones.map((zone) => `${stage.region}${zone}`),
      publicSubnetIds: reference("public").ids,
      publicSubnetRouteTableIds: reference("public").tables,
      privateSubnetIds: reference("service").ids,
      privateSubnetRouteTableIds: reference("service").tables,
      isolatedSubnetIds: reference("data").ids,
      isolatedSubnetRouteTableIds: reference("data").tables,
    })
    const groups = new Groups(this, "Groups", stage, this.vpc)
    this.groups = groups.references
    new Endpoints(this, "Endpoints", stage, {
      vpcId: vpc.ref,
      serviceSubnetIds: of("service").map(({ id }) => id),
      routeTableIds: of("service").map(({ routeTableId }) => routeTableId),
      securityGroupId: this.groups.endpoints.securityGroupId,
    })

    this.operationsKey = customerKey(this, "OperationsKey", stage.name, {
      alias: "operations",
      description: "Encrypts logs and alarms",
      keep: stage.protect,
      users: [
        logsUser(this),
        {
          service: "cloudwatch.amazonaws.com",
          actions: ["kms:Decrypt", "kms:GenerateDataKey"],
          condition: { StringEquals: { "aws:SourceAccount": this.account } },
        },
        {
          // EventBridge does not tell KMS for whom it asks. Source: SNS developer guide, “Key management”, encrypted topics.
          service: "events.amazonaws.com",
          actions: ["kms:Decrypt", "kms:GenerateDataKey"],
          condition: { StringEquals: { "kms:EncryptionContext:aws:sns:topicArn": alarmTopicArn(this, stage.name) } },
        },
      ],
    })
    this.alarms = alarmTopic(this, stage.name, this.operationsKey, stage.alarmEmail)
    this.#flowLog(vpc)
    this.#egressAlarm(natGatewayId)
  }

  #vpc(): CfnVPC {
    return new CfnVPC(this, "Vpc", {
      cidrBlock: this.#stage.network.cidr,
      enableDnsHostnames: true,
      enableDnsSupport: true,
      tags: this.#named("vpc"),
    })
  }

  #internetGateway(vpc: CfnVPC): { gatewayId: string; attachment: CfnResource } {
    const gateway = new CfnInternetGateway(this, "InternetGateway", { tags: this.#named("internet") })
    const attachment = new CfnVPCGatewayAttachment(this, "InternetGatewayAttachment", {
      vpcId: vpc.ref,
      internetGatewayId: gateway.ref,
    })
    return { gatewayId: gateway.ref, attachment }
  }

  /** A subnet with a route table of its own, so that a zone's routes can differ and none is implicit. */
  #subnet(vpc: CfnVPC, tier: Tier, zone: string, at: number): Subnet {
    const name = `${capital(tier)}${zone.toUpperCase()}`
    const tags = this.#named(`${tier}-${zone}`)
    const subnet = new CfnSubnet(this, `${name}Subnet`, {
      vpcId: vpc.ref,
      availabilityZone: `${this.#stage.region}${zone}`,
      cidrBlock: subnetCidr(this.#stage.network.cidr, tier, at),
      mapPublicIpOnLaunch: false,
      tags: [...tags, { key: "tier", value: tier }],
    })
    acknowledge(
      subnet,
      "CloudFormation-Validate::W3010",
      "Zones are named: what is where is proved before an account is asked",
    )
    const table = new CfnRouteTable(this, `${name}Routes`, { vpcId: vpc.ref, tags })
    new CfnSubnetRouteTableAssociation(this, `${name}RoutesOfSubnet`, { subnetId: subnet.ref, routeTableId: table.ref })
    return { tier, zone, id: subnet.ref, routeTableId: table.ref }
  }

  /**
   * One Elastic IP on one NAT gateway, and every service subnet's default route to it. The zone is a parameter of the
   * stack, not of the template, so that it outlives the next deploy; an address is on one gateway at a time, so that the
   * way from one zone to another goes through {@link NO_EGRESS}.
   *
   * @returns the id of the NAT gateway that stands, or {@link NO_EGRESS}
   */
  #egress(publicSubnets: readonly Subnet[], serviceSubnets: readonly Subnet[], attachment: CfnResource): string {
    const { zones, network, name, protect } = this.#stage
    const zone = new CfnParameter(this, EGRESS_ZONE, {
      description: `Zone of the NAT gateway that carries the one static address; ${NO_EGRESS} takes it away`,
      default: network.egressZone,
      allowedValues: [...zones, NO_EGRESS],
    })
    const pool = new CfnParameter(this, "EgressAddressPool", {
      description:
        "Your pool (BYOIP) that EgressAddress is taken from, as ipv4pool-ec2-…; empty: an address of Amazon's",
      default: "",
      allowedPattern: "^(ipv4pool-ec2-[0-9a-f]+)?$",
    })
    const address = new CfnParameter(this, "EgressAddress", {
      description: "The static address, taken from EgressAddressPool",
      default: network.egressAddress ?? "",
      allowedPattern: "^([0-9]{1,3}(\\.[0-9]{1,3}){3})?$",
    })
    const fromPool = new CfnCondition(this, "EgressFromPool", {
      expression: Fn.conditionNot(Fn.conditionEquals(pool.valueAsString, "")),
    })
    const eip = new CfnEIP(this, "EgressElasticIp", {
      domain: "vpc",
      address: Fn.conditionIf(fromPool.logicalId, address.valueAsString, Fn.ref("AWS::NoValue")).toString(),
      publicIpv4Pool: Fn.conditionIf(fromPool.logicalId, pool.valueAsString, Fn.ref("AWS::NoValue")).toString(),
      tags: this.#named("egress"),
    })
    eip.addResourceDependency(attachment)
    // Others have this address in their lists of the allowed: it outlives the stack where data does.
    eip.applyRemovalPolicy(kept({ protect }))

    const gateways = publicSubnets.map(({ zone: letter, id }) => {
      const here = new CfnCondition(this, `EgressIn${letter.toUpperCase()}`, {
        expression: Fn.conditionEquals(zone.valueAsString, letter),
      })
      const nat = new CfnNatGateway(this, `NatGateway${letter.toUpperCase()}`, {
        subnetId: id,
        allocationId: eip.attrAllocationId,
        connectivityType: "public",
        tags: this.#named(`egress-${letter}`),
      })
      nat.cfnOptions.condition = here
      nat.addResourceDependency(attachment)
      return { here, id: nat.ref }
    })
    const standing = new CfnCondition(this, "EgressStands", {
      expression: Fn.conditionNot(Fn.conditionEquals(zone.valueAsString, NO_EGRESS)),
    })
    const standingOr = (otherwise: string) =>
      gateways.reduceRight<string>(
        (rest, { here, id }) => (rest === "" ? id : Fn.conditionIf(here.logicalId, id, rest).toString()),
        otherwise,
      )
    for (const { zone: letter, routeTableId } of serviceSubnets) {
      const route = new CfnRoute(this, `ServiceRoute${letter.toUpperCase()}`, {
        routeTableId,
        destinationCidrBlock: ANYWHERE,
        natGatewayId: standingOr(""),
      })
      route.cfnOptions.condition = standing
    }
    output(this, EGRESS_IP, eip.attrPublicIp, `The one address that ${name} is seen under`)
    // The alarms stay while no gateway does, so they must not refer to one: of "none" nothing is heard, which rings.
    return standingOr(NO_EGRESS)
  }

  #flowLog(vpc: CfnVPC): void {
    const stage = this.#stage
    const logs = logGroup(this, "FlowLogs", stage, `/perigee/${stage.name}/flow-logs`, this.operationsKey)
    const role = new Role(this, "FlowLogsRole", {
      assumedBy: new ServicePrincipal("vpc-flow-logs.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
      description: "VPC flow logs write to their log group",
    })
    allow(role, ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [logs.logGroupArn])
    new CfnFlowLog(this, "FlowLog", {
      resourceId: vpc.ref,
      resourceType: "VPC",
      trafficType: "ALL",
      logDestinationType: "cloud-watch-logs",
      logGroupName: logs.logGroupName,
      deliverLogsPermissionArn: role.roleArn,
      maxAggregationInterval: 60,
      tags: this.#named("flow-log"),
    })
  }

  /** Nothing gets out: connections are tried and none is made, or the gateway says nothing at all, as when its zone is gone. */
  #egressAlarm(natGatewayId: string): void {
    const metric = (metricName: string) =>
      new Metric({
        namespace: "AWS/NATGateway",
        metricName,
        dimensionsMap: { NatGatewayId: Token.asString(natGatewayId) },
        statistic: "Sum",
        period: MINUTE,
      })
    alarm(this, "EgressAlarm", this.alarms, {
      metric: new MathExpression({
        expression: "IF(attempted > 0 AND established == 0, 1, 0)",
        usingMetrics: {
          attempted: metric("ConnectionAttemptCount"),
          established: metric("ConnectionEstablishedCount"),
        },
        label: "nothing gets out",
        period: MINUTE,
      }),
      description:
        "Nothing gets out by the one static address. If its zone is in trouble (AWS Health), move it: npm run move-egress -- --stage=" +
        `${this.#stage.name} --to-zone=<another zone>`,
      threshold: 1,
      comparison: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      missing: TreatMissingData.BREACHING,
    })
    alarm(this, "EgressPortsAlarm", this.alarms, {
      metric: metric("ErrorPortAllocation"),
      description: "The NAT gateway is out of ports (55 000 connections to one destination): find who opens so many",
      threshold: 1,
    })
  }

  #named(what: string): CfnTag[] {
    return [{ key: "Name", value: `perigee-${this.#stage.name}-${what}` }]
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
