/**
 * Every proof can fail: production's templates with a single change each, caught by the proof that should, in words that
 * name the resource. Some changes another layer hides, so that the matrix stays as it was: those are told apart.
 */
import { expect } from "chai"
import { stageNamed } from "../../../../infra/config/stages.ts"
import { type Failure, Subject } from "../../../../infra/src/proofs/proof.ts"
import { PROOFS, prove } from "../../../../infra/src/proofs/prove.ts"
import { CLOSED_WORLD_MUTANTS } from "./closed-world.ts"
import { NETWORK_MUTANTS } from "./network-mutants.ts"
import { Copy, type Found, type Raw, templatesOf } from "./stage.ts"

interface Mutant {
  /** The change, in words. */
  readonly change: string
  /** The proof that must catch it. */
  readonly proof: string
  /** Another layer hides it: the matrix must not see it. */
  readonly hidden?: true
  /** @returns the address that the message must name */
  readonly make: (copy: Copy) => string
}

const ACL_ENTRY = "AWS::EC2::NetworkAclEntry"
const EGRESS = "AWS::EC2::SecurityGroupEgress"
const GROUP = "AWS::EC2::SecurityGroup"
const INGRESS = "AWS::EC2::SecurityGroupIngress"
const INSTANCE = "AWS::RDS::DBInstance"
const POLICY = "AWS::IAM::Policy"
const ROLE = "AWS::IAM::Role"
const ROUTE = "AWS::EC2::Route"
const SERVICE = "AWS::ECS::Service"
const DEFINITION = "AWS::ECS::TaskDefinition"
const BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
const LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
const FUNCTION = "AWS::Lambda::Function"

/** Sets properties of the first of a type. */
function set(type: string, where: string | RegExp, change: (properties: Raw, found: Found) => void) {
  return (copy: Copy): string => {
    const found = copy.find(type, where)
    change(found.properties, found)
    return found.address
  }
}

/** Takes away the first of a type; the message must name what it was of. */
function remove(type: string, where: string | RegExp, named: (copy: Copy) => string) {
  return (copy: Copy): string => {
    copy.remove(copy.find(type, where))
    return named(copy)
  }
}

const addressOf =
  (type: string, where: string | RegExp = "") =>
  (copy: Copy) =>
    copy.find(type, where).address
const group = (name: string) => ({
  "Fn::GetAtt": [new Copy(templatesOf("production")).find(GROUP, `^Groups${name}`).id, "GroupId"],
})
const attribute = (properties: Raw, key: string) =>
  properties.LoadBalancerAttributes.find((one: Raw) => one.Key === key)
const statements = (properties: Raw): Raw[] => properties.PolicyDocument.Statement
const rule = (properties: object) => ({ IpProtocol: "tcp", Description: "mutant", ...properties })

const MUTANTS: readonly Mutant[] = [
  // Who reaches whom
  {
    change: "the load balancer's group lets SSH in",
    proof: "network.groups-alone",
    hidden: true,
    make: set(GROUP, "^Groupsloadbalancer", ({ SecurityGroupIngress: rules }) =>
      rules.push(rule({ CidrIp: "0.0.0.0/0", FromPort: 22, ToPort: 22 })),
    ),
  },
  {
    change: "the load balancer's group lets 8080 in, which the ACL's rule for answers lets through too",
    proof: "network.matrix",
    make: set(GROUP, "^Groupsloadbalancer", ({ SecurityGroupIngress: rules }) =>
      rules.push(rule({ CidrIp: "0.0.0.0/0", FromPort: 8080, ToPort: 8080 })),
    ),
  },
  {
    change: "a service's group may open connections to another service's",
    proof: "network.groups-alone",
    make: (copy) => {
      const ports = { FromPort: 2020, ToPort: 2020 }
      copy.add(
        "network",
        "Out",
        EGRESS,
        rule({ ...ports, GroupId: group("usermetadata"), DestinationSecurityGroupId: group("flightmetadata") }),
      )
      return copy.add(
        "network",
        "In",
        INGRESS,
        rule({ ...ports, GroupId: group("flightmetadata"), SourceSecurityGroupId: group("usermetadata") }),
      )
    },
  },
  {
    change: "the ACL of the service subnets loses the rule for answers to the load balancer",
    proof: "network.matrix",
    make: remove(
      ACL_ENTRY,
      /^Aclsserviceoutbound1024.*10\.20\.64\.0/,
      addressOf("AWS::EC2::NetworkAcl", "^Aclsservice"),
    ),
  },
  {
    change: "the ACL of the data subnets loses the rule for answers to one zone",
    proof: "network.matrix",
    make: remove(ACL_ENTRY, /^Aclsdataoutbound1024.*10\.20\.16\.0/, addressOf("AWS::EC2::NetworkAcl", "^Aclsdata")),
  },
  {
    change: "the ACL of the data subnets answers to a part of the ephemeral ports only",
    proof: "network.matrix",
    make: (copy) => {
      copy.find(ACL_ENTRY, /^Aclsdataoutbound1024.*10\.20\.16\.0/).properties.PortRange.From = 32_768
      return copy.find("AWS::EC2::NetworkAcl", "^Aclsdata").address
    },
  },
  {
    change: "a rule of the data subnets' ACL denies before others allow",
    proof: "network.matrix",
    make: (copy) =>
      copy.add("network", "Deny", ACL_ENTRY, {
        NetworkAclId: { "Fn::GetAtt": [copy.find("AWS::EC2::NetworkAcl", "^Aclsdata").id, "Id"] },
        CidrBlock: "10.20.16.0/20",
        Egress: false,
        PortRange: { From: 5000, To: 6000 },
        Protocol: 6,
        RuleAction: "deny",
        RuleNumber: 1,
      }),
  },
  {
    change: "the load balancer's rule to a service names another port",
    proof: "network.matrix",
    make: (copy) => {
      const found = copy.find(EGRESS, "load_balancer to flight_metadata")
      found.properties.FromPort = found.properties.ToPort = 2021
      return copy.find(GROUP, "^Groupsloadbalancer").address
    },
  },
  {
    change: "the database's group lets UDP in from a service that may send it",
    proof: "network.groups-alone",
    hidden: true,
    make: (copy) => {
      copy.find(EGRESS, "user_metadata to database").properties.IpProtocol = "-1"
      const found = copy.find(INGRESS, "user_metadata to database")
      found.properties.IpProtocol = "-1"
      return found.address
    },
  },
  {
    change: "the ACL of the data subnets lets the public ones in",
    proof: "network.acls-alone",
    hidden: true,
    make: (copy) => {
      const acl = copy.find("AWS::EC2::NetworkAcl", "^Aclsdata")
      const entry = {
        NetworkAclId: { "Fn::GetAtt": [acl.id, "Id"] },
        CidrBlock: "10.20.0.0/16",
        Protocol: 6,
        RuleAction: "allow",
      }
      copy.add("network", "Back", ACL_ENTRY, {
        ...entry,
        Egress: true,
        RuleNumber: 1,
        PortRange: { From: 1024, To: 65_535 },
      })
      copy.find(ACL_ENTRY, /^Aclspublicoutbound1024/)
      return copy.add("network", "Wide", ACL_ENTRY, {
        ...entry,
        Egress: false,
        RuleNumber: 1,
        PortRange: { From: 1024, To: 65_535 },
      })
    },
  },
  {
    change: "a data subnet has a way to the internet gateway, and the database a public address",
    proof: "network.routes-alone",
    hidden: true,
    make: (copy) => {
      copy.find(INSTANCE).properties.PubliclyAccessible = true
      return copy.add("network", "DataRoute", ROUTE, {
        RouteTableId: { Ref: "DataARoutes" },
        DestinationCidrBlock: "0.0.0.0/0",
        GatewayId: { Ref: "InternetGateway" },
      })
    },
  },
  {
    change: "the VPC is peered with another",
    proof: "network.modelled",
    make: (copy) =>
      copy.add("network", "Peering", "AWS::EC2::VPCPeeringConnection", { VpcId: { Ref: "Vpc" }, PeerVpcId: "vpc-0" }),
  },
  {
    change: "a route leads to a transit gateway",
    proof: "network.modelled",
    make: (copy) =>
      copy.add("network", "Transit", ROUTE, {
        RouteTableId: { Ref: "ServiceARoutes" },
        DestinationCidrBlock: "10.99.0.0/16",
        TransitGatewayId: "tgw-0",
      }),
  },
  {
    change: "a group lets IPv6 in",
    proof: "network.modelled",
    make: set(GROUP, "^Groupsloadbalancer", ({ SecurityGroupIngress: rules }) =>
      rules.push(rule({ CidrIpv6: "::/0", FromPort: 443, ToPort: 443 })),
    ),
  },
  {
    change: "a group lets a prefix list in",
    proof: "network.modelled",
    make: (copy) =>
      copy.add(
        "network",
        "Prefixes",
        INGRESS,
        rule({ GroupId: group("database"), SourcePrefixListId: "pl-0", FromPort: 5432, ToPort: 5432 }),
      ),
  },
  {
    change: "a task definition runs nowhere that anybody was told of",
    proof: "network.modelled",
    make: (copy) => {
      const { raw } = copy.find(DEFINITION, "^Tasksusermetadataroles")
      return copy.add("data", "Stray", DEFINITION, { ...raw.Properties, Family: "stray" })
    },
  },
  // The way out
  {
    change: "a second NAT gateway with an address of its own carries one zone",
    proof: "egress.one-address",
    make: (copy) => {
      copy.add("network", "OtherIp", "AWS::EC2::EIP", { Domain: "vpc" })
      const address = copy.add("network", "OtherNat", "AWS::EC2::NatGateway", {
        SubnetId: { Ref: "PublicBSubnet" },
        AllocationId: { "Fn::GetAtt": ["OtherIp", "AllocationId"] },
      })
      copy.find(ROUTE, "^ServiceRouteB").properties.NatGatewayId = { Ref: "OtherNat" }
      return address
    },
  },
  {
    change: "the NAT gateway takes a second address",
    proof: "egress.one-address",
    make: set("AWS::EC2::NatGateway", "^NatGatewayA", (properties) => {
      properties.SecondaryAllocationIds = ["eipalloc-0"]
    }),
  },
  {
    change: "a service subnet has a route to the internet gateway, and its tasks public addresses",
    proof: "egress.one-address",
    make: (copy) => {
      for (const { properties } of copy.all(SERVICE))
        properties.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = "ENABLED"
      const found = copy.find(ROUTE, "^ServiceRouteA")
      delete found.properties.NatGatewayId
      found.properties.GatewayId = { Ref: "InternetGateway" }
      return found.address
    },
  },
  {
    change: "there is a second Elastic IP",
    proof: "egress.single-gateway",
    hidden: true,
    make: (copy) => copy.add("network", "OtherIp", "AWS::EC2::EIP", { Domain: "vpc" }),
  },
  {
    change: "a NAT gateway stands whatever the zone",
    proof: "egress.single-gateway",
    hidden: true,
    make: set("AWS::EC2::NatGateway", "^NatGatewayB", (_, { raw }) => {
      delete raw.Condition
    }),
  },
  {
    change: "a zone's default route is gone",
    proof: "egress.every-zone",
    make: remove(ROUTE, "^ServiceRouteB", () => "network/ServiceBRoutes"),
  },
  {
    change: "a zone's route stays with one zone's NAT gateway when the egress moves",
    proof: "egress.every-zone",
    hidden: true,
    make: (copy) => {
      const found = copy.find(ROUTE, "^ServiceRouteB")
      found.properties.NatGatewayId = { Ref: "NatGatewayA" }
      found.raw.Condition = "EgressInA"
      return "network/ServiceBRoutes"
    },
  },
  {
    change: "a route leads to a gateway in another zone that stands always",
    proof: "egress.zone-gone",
    make: (copy) => {
      copy.add("network", "OtherNat", "AWS::EC2::NatGateway", {
        SubnetId: { Ref: "PublicBSubnet" },
        AllocationId: { "Fn::GetAtt": ["EgressElasticIp", "AllocationId"] },
      })
      const found = copy.find(ROUTE, "^ServiceRouteB")
      found.properties.NatGatewayId = { Ref: "OtherNat" }
      delete found.raw.Condition
      return found.address
    },
  },
  {
    change: "the Elastic IP is not the stage's address",
    proof: "egress.fixed-address",
    hidden: true,
    make: set("AWS::EC2::EIP", "", (properties) => {
      delete properties.Address
    }),
  },
  {
    change: "the Elastic IP goes with its stack",
    proof: "egress.fixed-address",
    hidden: true,
    make: set("AWS::EC2::EIP", "", (_, { raw }) => {
      raw.DeletionPolicy = "Delete"
    }),
  },
  // The way in
  {
    change: "the load balancer listens on a port that nothing lets in",
    proof: "entrance.listeners",
    hidden: true,
    make: (copy) => {
      const balancer = copy.find(BALANCER)
      copy.add("platform", "Other", LISTENER, {
        LoadBalancerArn: { Ref: balancer.id },
        Port: 8443,
        Protocol: "HTTPS",
        DefaultActions: [{ Type: "fixed-response" }],
      })
      return balancer.address
    },
  },
  {
    change: "port 80 answers itself instead of redirecting",
    proof: "entrance.listeners",
    hidden: true,
    make: set(LISTENER, '"Protocol":"HTTP"', (properties) => {
      properties.DefaultActions = [{ Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } }]
    }),
  },
  {
    change: "a path leads to another service's tasks",
    proof: "entrance.targets",
    hidden: true,
    make: (copy) => {
      const found = copy.find("AWS::ElasticLoadBalancingV2::ListenerRule", "/api/users")
      found.properties.Actions[0].TargetGroupArn = {
        Ref: copy.find("AWS::ElasticLoadBalancingV2::TargetGroup", "^flightmetadata").id,
      }
      return found.address
    },
  },
  {
    change: "a target group leads to a port that no container maps",
    proof: "entrance.targets",
    hidden: true,
    make: (copy) => {
      copy.find(SERVICE, "^usermetadata").properties.LoadBalancers[0].ContainerPort = 1011
      return copy.find("AWS::ElasticLoadBalancingV2::TargetGroup", "^usermetadata").address
    },
  },
  {
    change: "the listener lets TLS 1.0 in",
    proof: "entrance.tls",
    hidden: true,
    make: set(LISTENER, '"HTTPS","SslPolicy', (properties) => {
      properties.SslPolicy = "ELBSecurityPolicy-2016-08"
    }),
  },
  {
    change: "the web ACL is not associated",
    proof: "entrance.firewall",
    hidden: true,
    make: remove("AWS::WAFv2::WebACLAssociation", "", addressOf(BALANCER)),
  },
  {
    change: "a managed rule group only counts",
    proof: "entrance.firewall",
    hidden: true,
    make: set("AWS::WAFv2::WebACL", "", ({ Rules: rules }) => {
      rules.find((one: Raw) => one.Name === "AWSManagedRulesSQLiRuleSet").OverrideAction = { Count: {} }
    }),
  },
  {
    change: "the limit for each address only counts",
    proof: "entrance.firewall",
    hidden: true,
    make: set("AWS::WAFv2::WebACL", "", ({ Rules: rules }) => {
      rules[0].Action = { Count: {} }
    }),
  },
  {
    change: "the load balancer writes no access log",
    proof: "entrance.attributes",
    hidden: true,
    make: set(BALANCER, "", (properties) => {
      attribute(properties, "access_logs.s3.enabled").Value = "false"
    }),
  },
  {
    change: "a health check asks for the root",
    proof: "entrance.health-checks",
    hidden: true,
    make: set("AWS::ElasticLoadBalancingV2::TargetGroup", "", (properties) => {
      properties.HealthCheckPath = "/"
    }),
  },
  {
    change: "the function gets a URL",
    proof: "entrance.no-other-door",
    hidden: true,
    make: (copy) => copy.add("neo", "Url", "AWS::Lambda::Url", { AuthType: "NONE" }),
  },
  // Single facts
  {
    change: "a service's tasks get public addresses",
    proof: "facts.no-public-address-on-tasks",
    hidden: true,
    make: set(SERVICE, "^flightmetadata", (properties) => {
      properties.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = "ENABLED"
    }),
  },
  {
    change: "a service says nothing of public addresses",
    proof: "facts.no-public-address-on-tasks",
    hidden: true,
    make: set(SERVICE, "^flightmetadata", (properties) => {
      delete properties.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp
    }),
  },
  {
    change: "the scheduled task gets a public address",
    proof: "facts.no-public-address-on-tasks",
    hidden: true,
    make: set("AWS::Scheduler::Schedule", "", (properties) => {
      properties.Target.EcsParameters.NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp = "ENABLED"
    }),
  },
  {
    change: "the database is publicly accessible",
    proof: "facts.database-not-public",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      properties.PubliclyAccessible = true
    }),
  },
  {
    change: "the function is outside of the VPC",
    proof: "facts.functions-inside",
    make: set(FUNCTION, "", (properties) => {
      delete properties.VpcConfig
    }),
  },
  {
    change: "a subnet gives public addresses",
    proof: "facts.no-public-address-by-subnet",
    hidden: true,
    make: set("AWS::EC2::Subnet", "^ServiceBSubnet", (properties) => {
      properties.MapPublicIpOnLaunch = true
    }),
  },
  {
    change: "a data subnet falls to the main route table",
    proof: "facts.explicit-routes",
    hidden: true,
    make: remove("AWS::EC2::SubnetRouteTableAssociation", "^DataARoutes", () => "network/DataASubnet"),
  },
  {
    change: "a data subnet falls to the default ACL",
    proof: "facts.explicit-acls",
    hidden: true,
    make: remove("AWS::EC2::SubnetNetworkAclAssociation", "^Aclsdataa", () => "network/DataASubnet"),
  },
  {
    change: "the database's group has EC2's own outbound rule",
    proof: "facts.no-implicit-outbound",
    make: set(GROUP, "^Groupsdatabase", (properties) => {
      delete properties.SecurityGroupEgress
    }),
  },
  {
    change: "the endpoints' group lets every protocol out, written down",
    proof: "facts.no-implicit-outbound",
    make: set(GROUP, "^Groupsendpoints", (properties) => {
      properties.SecurityGroupEgress = [{ IpProtocol: "-1", CidrIp: "0.0.0.0/0" }]
    }),
  },
  {
    change: "the database's group lets the whole VPC in",
    proof: "facts.no-wide-inbound",
    hidden: true,
    make: (copy) =>
      copy.add(
        "network",
        "Wide",
        INGRESS,
        rule({ GroupId: group("database"), CidrIp: "10.20.0.0/16", FromPort: 5432, ToPort: 5432 }),
      ),
  },
  {
    change: "the database names no security group",
    proof: "facts.no-default-group",
    make: set(INSTANCE, "", (properties) => {
      delete properties.VPCSecurityGroups
    }),
  },
  {
    change: "a group with rules is nothing's",
    proof: "facts.every-group-used",
    hidden: true,
    make: (copy) =>
      copy.add("network", "Spare", GROUP, {
        GroupDescription: "spare",
        VpcId: { Ref: "Vpc" },
        SecurityGroupIngress: [rule({ CidrIp: "10.20.0.0/16", FromPort: 22, ToPort: 22 })],
        SecurityGroupEgress: [{ IpProtocol: "icmp", CidrIp: "255.255.255.255/32", FromPort: 252, ToPort: 86 }],
      }),
  },
  {
    change: "a service is in another's group",
    proof: "facts.one-group-each",
    make: (copy) => {
      const [one, other] = copy.all(SERVICE)
      const vpc = (found: Found | undefined) => found?.properties.NetworkConfiguration.AwsvpcConfiguration
      vpc(one).SecurityGroups = vpc(other).SecurityGroups
      return other?.address ?? ""
    },
  },
  {
    change: "the database stands in service subnets",
    proof: "facts.tiers",
    make: (copy) => {
      const subnets = copy.find(SERVICE).properties.NetworkConfiguration.AwsvpcConfiguration.Subnets
      copy.find("AWS::RDS::DBSubnetGroup").properties.SubnetIds = subnets
      return copy.find(INSTANCE).address
    },
  },
  {
    change: "a data subnet leads to the internet gateway",
    proof: "facts.data-has-no-way-out",
    hidden: true,
    make: (copy) =>
      copy.add("network", "DataRoute", ROUTE, {
        RouteTableId: { Ref: "DataARoutes" },
        DestinationCidrBlock: "0.0.0.0/0",
        GatewayId: { Ref: "InternetGateway" },
      }),
  },
  {
    change: "a subnet lies outside of the VPC",
    proof: "facts.addresses",
    make: set("AWS::EC2::Subnet", "^DataCSubnet", (properties) => {
      properties.CidrBlock = "10.21.82.0/24"
    }),
  },
  {
    change: "the flow log takes down what is refused only",
    proof: "facts.flow-logs",
    hidden: true,
    make: (copy) => {
      const found = copy.find("AWS::EC2::FlowLog")
      found.properties.TrafficType = "REJECT"
      return found.address
    },
  },
  // Permissions
  {
    change: "a service may write the configurations",
    proof: "permissions.roles",
    hidden: true,
    make: set(POLICY, /dynamodb:LeadingKeys.*user_metadata/, (properties) => {
      const [found] = statements(properties).filter(({ Action }) => Action === "dynamodb:Query")
      found.Action = ["dynamodb:Query", "dynamodb:PutItem"]
    }),
  },
  {
    change: "a service reads every service's configurations",
    proof: "permissions.roles",
    hidden: true,
    make: set(POLICY, /dynamodb:LeadingKeys.*user_metadata/, (properties) => {
      delete statements(properties).find(({ Action }) => Action === "dynamodb:Query").Condition
    }),
  },
  {
    change: "the scheduled task's execution role can't decrypt its secret",
    proof: "permissions.roles",
    hidden: true,
    make: (copy) => {
      const found = copy.find(POLICY, "^TaskExecutionRole")
      found.properties.PolicyDocument.Statement = statements(found.properties).filter(
        ({ Action }) => Action !== "kms:Decrypt",
      )
      return copy.find(ROLE, "^TaskExecutionRole").address
    },
  },
  {
    change: "a role has a managed policy of AWS's",
    proof: "permissions.roles",
    hidden: true,
    make: set(ROLE, "perigee-production-user_metadata-task", (properties) => {
      properties.ManagedPolicyArns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
    }),
  },
  {
    change: "a task role is taken by any account's tasks",
    proof: "permissions.trust",
    hidden: true,
    make: set(ROLE, "perigee-production-user_metadata-task", (properties) => {
      delete properties.AssumeRolePolicyDocument.Statement[0].Condition
    }),
  },
  {
    change: "the operator needs no second factor",
    proof: "permissions.trust",
    hidden: true,
    make: set(ROLE, "perigee-production-operator", (properties) => {
      delete properties.AssumeRolePolicyDocument.Statement[0].Condition
    }),
  },
  {
    change: "the deploy role's trust names no branch",
    proof: "permissions.oidc",
    hidden: true,
    make: set(ROLE, "perigee-production-pipeline-deploy", (properties) => {
      delete properties.AssumeRolePolicyDocument.Statement[0].Condition.StringLike
    }),
  },
  {
    change: "the deploy role trusts every branch",
    proof: "permissions.oidc",
    hidden: true,
    make: set(ROLE, "perigee-production-pipeline-deploy", (properties) => {
      const like = properties.AssumeRolePolicyDocument.Statement[0].Condition.StringLike
      for (const key of Object.keys(like)) like[key] = like[key].replace(/heads\/.*/, "heads/*")
    }),
  },
  {
    change: "a branch's name can stretch the deploy role's trust",
    proof: "permissions.oidc",
    hidden: true,
    make: set(ROLE, "perigee-production-pipeline-deploy", (properties) => {
      delete properties.AssumeRolePolicyDocument.Statement[0].Condition.StringNotLike
    }),
  },
  {
    change: "the plan role trusts every project",
    proof: "permissions.oidc",
    hidden: true,
    make: set(ROLE, "perigee-production-pipeline-plan", (properties) => {
      const equals = properties.AssumeRolePolicyDocument.Statement[0].Condition.StringEquals
      for (const key of Object.keys(equals)) if (key.endsWith("project-id")) delete equals[key]
    }),
  },
  {
    change: "the DynamoDB endpoint lets every table through",
    proof: "permissions.resource-policies",
    hidden: true,
    make: set("AWS::EC2::VPCEndpoint", "^Endpointsdynamodb", (properties) => {
      properties.PolicyDocument.Statement[0].Resource = "*"
    }),
  },
  {
    change: "a key lets another account in",
    proof: "permissions.resource-policies",
    hidden: true,
    make: set("AWS::KMS::Key", "^DataKey", (properties) => {
      const [first] = properties.KeyPolicy.Statement
      properties.KeyPolicy.Statement.push({ ...first, Principal: { AWS: "arn:aws:iam::111122223333:root" } })
    }),
  },
  {
    change: "a service may log in as another's database user",
    proof: "permissions.database-users",
    hidden: true,
    make: (copy) => {
      const found = copy.find(POLICY, /"perigee-production-x"|usermetadata.*rds-db:connect.*\/user_metadata/)
      found.properties.PolicyDocument = JSON.parse(
        JSON.stringify(found.properties.PolicyDocument).replace('"/user_metadata"', '"/flight_metadata"'),
      )
      return copy.find(ROLE, "perigee-production-user_metadata-task").address
    },
  },
  {
    change: "a service may log in as any database user",
    proof: "permissions.database-users",
    hidden: true,
    make: set(POLICY, /usermetadata.*rds-db:connect.*\/user_metadata/, (properties) => {
      statements(properties).find(({ Action }) => Action === "rds-db:connect").Resource = "*"
    }),
  },
  {
    change: "a role has an action with a *",
    proof: "permissions.no-wildcard-action",
    hidden: true,
    make: set(POLICY, /get-data.*s3:PutObject|s3:PutObject/, (properties) => {
      statements(properties).find(({ Action }) => Action === "s3:PutObject").Action = "s3:*"
    }),
  },
  {
    change: "a role may do everything but something",
    proof: "permissions.no-wildcard-action",
    hidden: true,
    make: set(POLICY, "s3:PutObject", (properties) => {
      const found = statements(properties).find(({ Action }) => Action === "s3:PutObject")
      delete found.Action
      found.NotAction = "iam:PassRole"
    }),
  },
  {
    change: "a role reads every secret",
    proof: "permissions.any-resource",
    hidden: true,
    make: set(POLICY, "^FunctionRole", (properties) => {
      statements(properties).find(({ Action }) => Action === "secretsmanager:GetSecretValue").Resource = "*"
    }),
  },
  {
    change: "the topic takes messages of every account's rules",
    proof: "permissions.nobody-else",
    hidden: true,
    make: set("AWS::SNS::TopicPolicy", "", (properties) => {
      delete statements(properties).find(({ Effect }) => Effect === "Allow").Condition
    }),
  },
  {
    change: "the S3 endpoint lets everyone's principals through",
    proof: "permissions.nobody-else",
    hidden: true,
    make: set("AWS::EC2::VPCEndpoint", "^Endpointss3", (properties) => {
      delete properties.PolicyDocument.Statement[0].Condition
    }),
  },
  {
    change: "an endpoint has the default policy",
    proof: "permissions.endpoints",
    hidden: true,
    make: set("AWS::EC2::VPCEndpoint", "^Endpointslogs", (properties) => {
      delete properties.PolicyDocument
    }),
  },
  {
    change: "the scheduler may pass its roles to any service",
    proof: "permissions.pass-role",
    hidden: true,
    make: set(POLICY, "^SchedulerRole", (properties) => {
      delete statements(properties).find(({ Action }) => Action === "iam:PassRole").Condition
    }),
  },
  // Data
  {
    change: "the database is not encrypted",
    proof: "data.database-encrypted",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      properties.StorageEncrypted = false
    }),
  },
  {
    change: "the database is encrypted by a key of AWS's",
    proof: "data.database-encrypted",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      delete properties.KmsKeyId
    }),
  },
  {
    change: "the database takes connections without TLS",
    proof: "data.database-tls",
    hidden: true,
    make: (copy) => {
      const found = copy.find("AWS::RDS::DBParameterGroup")
      found.properties.Parameters["rds.force_ssl"] = "0"
      return found.address
    },
  },
  {
    change: "the database lets nobody in by IAM",
    proof: "data.database-login",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      properties.EnableIAMDatabaseAuthentication = false
    }),
  },
  {
    change: "the database may be deleted",
    proof: "data.database-kept",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      properties.DeletionProtection = false
    }),
  },
  {
    change: "the database is backed up for a day",
    proof: "data.database-kept",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      properties.BackupRetentionPeriod = 1
    }),
  },
  {
    change: "the database stands in one zone",
    proof: "data.database-zones",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      properties.MultiAZ = false
    }),
  },
  {
    change: "the database's log stays with it",
    proof: "data.database-logs",
    hidden: true,
    make: set(INSTANCE, "", (properties) => {
      delete properties.EnableCloudwatchLogsExports
    }),
  },
  {
    change: "the table can't be restored to a point in time",
    proof: "data.tables",
    hidden: true,
    make: set("AWS::DynamoDB::Table", "", (properties) => {
      delete properties.PointInTimeRecoverySpecification
    }),
  },
  {
    change: "a bucket's policy lets plain HTTP pass",
    proof: "data.buckets",
    hidden: true,
    make: (copy) => {
      const found = copy.find("AWS::S3::BucketPolicy", "^Documents")
      found.properties.PolicyDocument.Statement = statements(found.properties).filter(
        ({ Condition }) => Condition?.Bool === undefined,
      )
      return copy.find("AWS::S3::Bucket", "^Documents").address
    },
  },
  {
    change: "a bucket may be made public",
    proof: "data.buckets",
    hidden: true,
    make: set("AWS::S3::Bucket", "^Documents", (properties) => {
      properties.PublicAccessBlockConfiguration.RestrictPublicBuckets = false
    }),
  },
  {
    change: "a secret's value is in the template",
    proof: "data.secrets",
    hidden: true,
    make: set("AWS::SecretsManager::Secret", "", (properties) => {
      properties.SecretString = "x"
    }),
  },
  {
    change: "a key does not rotate",
    proof: "data.keys-rotate",
    hidden: true,
    make: set("AWS::KMS::Key", "^DataKey", (properties) => {
      properties.EnableKeyRotation = false
    }),
  },
  {
    change: "the topic is not encrypted",
    proof: "data.topics",
    hidden: true,
    make: set("AWS::SNS::Topic", "", (properties) => {
      delete properties.KmsMasterKeyId
    }),
  },
  {
    change: "a log is kept for a week",
    proof: "data.logs",
    hidden: true,
    make: set("AWS::Logs::LogGroup", "", (properties) => {
      properties.RetentionInDays = 7
    }),
  },
  {
    change: "images' tags may be moved",
    proof: "data.images",
    hidden: true,
    make: set("AWS::ECR::Repository", "", (properties) => {
      properties.ImageTagMutability = "MUTABLE"
    }),
  },
  {
    change: "the load balancer may be deleted",
    proof: "data.load-balancer-kept",
    hidden: true,
    make: set(BALANCER, "", (properties) => {
      attribute(properties, "deletion_protection.enabled").Value = "false"
    }),
  },
  // What runs
  {
    change: "a service stands in two zones",
    proof: "compute.zones",
    hidden: true,
    make: set(SERVICE, "", (properties) => properties.NetworkConfiguration.AwsvpcConfiguration.Subnets.pop()),
  },
  {
    change: "a service may shrink to one task",
    proof: "compute.scaling",
    hidden: true,
    make: set("AWS::ApplicationAutoScaling::ScalableTarget", "", (properties) => {
      properties.MinCapacity = 1
    }),
  },
  {
    change: "a service can't grow",
    proof: "compute.scaling",
    hidden: true,
    make: set("AWS::ApplicationAutoScaling::ScalableTarget", "", (properties) => {
      properties.MaxCapacity = 3
    }),
  },
  {
    change: "nothing scales a service on requests",
    proof: "compute.scaling",
    hidden: true,
    make: remove(
      "AWS::ApplicationAutoScaling::ScalingPolicy",
      "ALBRequestCountPerTarget",
      (copy) => copy.find("AWS::ApplicationAutoScaling::ScalableTarget").address,
    ),
  },
  {
    change: "a failed deployment is not taken back",
    proof: "compute.circuit-breaker",
    hidden: true,
    make: set(SERVICE, "", (properties) => {
      properties.DeploymentConfiguration.DeploymentCircuitBreaker.Rollback = false
    }),
  },
  {
    change: "a deployment may stop half of the tasks",
    proof: "compute.no-shortage",
    hidden: true,
    make: set(SERVICE, "", (properties) => {
      properties.DeploymentConfiguration.MinimumHealthyPercent = 50
    }),
  },
  {
    change: "a service gives shells",
    proof: "compute.no-shell",
    hidden: true,
    make: set(SERVICE, "", (properties) => {
      properties.EnableExecuteCommand = true
    }),
  },
  {
    change: "a container runs as root",
    proof: "compute.hardened",
    hidden: true,
    make: set(DEFINITION, "", (properties) => {
      properties.ContainerDefinitions[0].User = "0:0"
    }),
  },
  {
    change: "a container may write its file system",
    proof: "compute.hardened",
    hidden: true,
    make: set(DEFINITION, "", (properties) => {
      delete properties.ContainerDefinitions[0].ReadonlyRootFilesystem
    }),
  },
  {
    change: "port 1010 is out of reach of a user who is not root",
    proof: "compute.low-ports",
    hidden: true,
    make: set(DEFINITION, '"SystemControls"', (properties) => {
      delete properties.ContainerDefinitions[0].SystemControls
    }),
  },
  {
    change: "a task runs with its execution role",
    proof: "compute.roles-apart",
    hidden: true,
    make: set(DEFINITION, "", (properties) => {
      properties.TaskRoleArn = properties.ExecutionRoleArn
    }),
  },
  {
    change: "a container's log goes nowhere known",
    proof: "compute.logs",
    hidden: true,
    make: set(DEFINITION, "", (properties) => {
      properties.ContainerDefinitions[0].LogConfiguration.Options["awslogs-group"] = "elsewhere"
    }),
  },
  {
    change: "a key is in a container's environment",
    proof: "compute.no-secret-in-environment",
    hidden: true,
    make: set(DEFINITION, "NASA_API_KEY", (properties) => {
      const [container] = properties.ContainerDefinitions
      container.Secrets = undefined
      container.Environment.push({ Name: "NASA_API_KEY", Value: "x" })
    }),
  },
  {
    change: "the function has no reserved concurrency",
    proof: "compute.function-limits",
    hidden: true,
    make: set(FUNCTION, "", (properties) => {
      delete properties.ReservedConcurrentExecutions
    }),
  },
  {
    change: "the function runs ten at once",
    proof: "compute.function-limits",
    hidden: true,
    make: set(FUNCTION, "", (properties) => {
      properties.ReservedConcurrentExecutions = 10
    }),
  },
  {
    change: "a cluster measures nothing",
    proof: "compute.insights",
    hidden: true,
    make: set("AWS::ECS::Cluster", "", (properties) => {
      properties.ClusterSettings[0].Value = "disabled"
    }),
  },
  {
    change: "an alarm tells nobody",
    proof: "compute.alarms-heard",
    hidden: true,
    make: set("AWS::CloudWatch::Alarm", "", (properties) => {
      delete properties.AlarmActions
    }),
  },
  {
    change: "a resource lost the stage's tag",
    proof: "compute.tags",
    hidden: true,
    make: set("AWS::S3::Bucket", "", (properties) => {
      properties.Tags = properties.Tags.filter((one: Raw) => one.Key !== "stage")
    }),
  },
]

function failuresOf(copy: Copy, id: string): readonly Failure[] {
  const proof = PROOFS.find((one) => one.id === id)
  if (proof === undefined) throw new Error(`there is no proof ${id}`)
  return proof.prove(new Subject(copy.templates, stageNamed("production"))).failures
}

describe("proofs", function () {
  this.timeout(30_000)

  for (const name of ["production", "development"]) {
    it(`all hold of ${name}, and each of them looked at something`, () => {
      const { proved, skipped } = prove(templatesOf(name), stageNamed(name))
      expect(
        proved.flatMap(({ proof, failures }) => failures.map((one) => `${proof.id} ${one.resource} ${one.what}`)),
      ).to.deep.equal([])
      expect(skipped).to.deep.equal([])
      const blind = proved.filter(({ checked }) => checked === 0).map(({ proof }) => proof.id)
      expect(blind).to.deep.equal(name === "production" ? [] : ["data.load-balancer-kept"])
    })
  }

  it("each have a mutant, and there are 40 at least", () => {
    const caught = new Set([...MUTANTS, ...NETWORK_MUTANTS, ...CLOSED_WORLD_MUTANTS].map(({ proof }) => proof))
    expect(PROOFS.map(({ id }) => id).filter((id) => !caught.has(id))).to.deep.equal([])
    expect(MUTANTS.length).to.be.at.least(40)
    expect(new Set(PROOFS.map(({ id }) => id)).size).to.equal(PROOFS.length)
  })

  for (const { change, proof, hidden, make } of [...MUTANTS, ...CLOSED_WORLD_MUTANTS]) {
    it(`${proof} catches it when ${change}${hidden ? ", though who reaches whom stays as it was" : ""}`, () => {
      const copy = new Copy(templatesOf("production"))
      const address = make(copy)
      const failures = failuresOf(copy, proof)
      expect(failures).to.not.be.empty
      expect(failures.map(({ resource, what }) => `${resource} ${what}`).join("\n")).to.include(address)
      if (hidden) expect(failuresOf(copy, "network.matrix")).to.deep.equal([])
    })
  }
})
