/** Single changes of production's network and entrance, each with the proof that must catch it: many are hidden by another layer. */
import type { Copy, Raw } from "./stage.ts"

export interface NetworkMutant {
  /** The change, in words. */
  readonly change: string
  /** The proof that must catch it. */
  readonly proof: string
  /** What the message must say, besides the address. */
  readonly says?: RegExp
  /** @returns the address that the message must name */
  readonly make: (copy: Copy) => string
}

const ACL = "AWS::EC2::NetworkAcl"
const ACL_ENTRY = "AWS::EC2::NetworkAclEntry"
const BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
const ENDPOINT = "AWS::EC2::VPCEndpoint"
const GROUP = "AWS::EC2::SecurityGroup"
const INGRESS = "AWS::EC2::SecurityGroupIngress"
const INSTANCE = "AWS::RDS::DBInstance"
const LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
const RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
const SCHEDULE = "AWS::Scheduler::Schedule"
const SERVICE = "AWS::ECS::Service"
const TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"
const WEB_ACL = "AWS::WAFv2::WebACL"

type Tier = "public" | "service" | "data"

/** Adds an entry to a tier's ACL, for everything from anywhere where nothing else is said. */
function entry(copy: Copy, id: string, tier: Tier, properties: Raw): string {
  return copy.add("network", id, ACL_ENTRY, {
    NetworkAclId: { "Fn::GetAtt": [copy.find(ACL, `^Acls${tier}`).id, "Id"] },
    CidrBlock: "0.0.0.0/0",
    Egress: false,
    Protocol: -1,
    RuleAction: "allow",
    RuleNumber: 2,
    ...properties,
  })
}

/** Both ways. @returns the address of the entry inwards */
function opened(copy: Copy, tier: Tier, properties: Raw = {}): string {
  entry(copy, `${tier}Out`, tier, { ...properties, Egress: true })
  return entry(copy, `${tier}In`, tier, properties)
}

function parameter(copy: Copy, template: string, name: string, properties: Raw): void {
  const body = copy.templates.find((one) => one.name === template)?.body as Raw
  body.Parameters = { ...body.Parameters, [name]: { Type: "String", ...properties } }
}

function condition(copy: Copy, template: string, name: string, of: Raw): void {
  const body = copy.templates.find((one) => one.name === template)?.body as Raw
  body.Conditions = { ...body.Conditions, [name]: of }
}

const groupId = (copy: Copy, name: string) => ({ "Fn::GetAtt": [copy.find(GROUP, `^Groups${name}`).id, "GroupId"] })

/** A rule that lets into the database from a group. */
function intoDatabase(copy: Copy, source: Raw, rest: Raw = {}): string {
  const rule = { GroupId: groupId(copy, "database"), IpProtocol: "tcp", FromPort: 5432, ToPort: 5432 }
  return copy.add("network", "Into", INGRESS, { ...rule, SourceSecurityGroupId: source, ...rest })
}

const NOTHING = [{ CidrIp: "255.255.255.255/32", FromPort: 252, IpProtocol: "icmp", ToPort: 86 }]

function group(copy: Copy, id: string, properties: Raw = {}): string {
  return copy.add("network", id, GROUP, {
    GroupDescription: "One more",
    VpcId: { Ref: "Vpc" },
    SecurityGroupEgress: NOTHING,
    ...properties,
  })
}

/** Sets properties of the first of a type. */
function set(type: string, where: string, change: (properties: Raw) => void) {
  return (copy: Copy): string => {
    const found = copy.find(type, where)
    change(found.properties)
    return found.address
  }
}

const managed = (change: (group: Raw, rule: Raw) => void) =>
  set(WEB_ACL, "", ({ Rules }) => {
    const rule = Rules.find(({ Statement }: Raw) => Statement.ManagedRuleGroupStatement?.Name.endsWith("SQLiRuleSet"))
    change(rule.Statement.ManagedRuleGroupStatement, rule)
  })
const rate = (change: (statement: Raw) => void) =>
  set(WEB_ACL, "", ({ Rules }) =>
    change(Rules.find(({ Statement }: Raw) => Statement.RateBasedStatement).Statement.RateBasedStatement),
  )
const never = { ByteMatchStatement: { SearchString: "never", FieldToMatch: { UriPath: {} } } }

/** A rule before all others of the listener for 443. */
function ruleFirst(copy: Copy, action: Raw): string {
  return copy.add("platform", "First", RULE, {
    ListenerArn: { Ref: copy.find(LISTENER, "^LoadBalancerHttps").id },
    Priority: 1,
    Conditions: [{ Field: "path-pattern", PathPatternConfig: { Values: ["/*"] } }],
    Actions: [action],
  })
}

export const NETWORK_MUTANTS: readonly NetworkMutant[] = [
  // Network ACLs
  {
    change: "the service tier's ACL lets everything in and out",
    proof: "network.acls",
    says: /opens the service tier's ACL in from .*every protocol, such as tcp/,
    make: (copy) => opened(copy, "service"),
  },
  {
    change: "the public tier's ACL does too",
    proof: "network.acls",
    make: (copy) => {
      opened(copy, "service")
      return opened(copy, "public")
    },
  },
  {
    change: "the data tier's ACL lets services in on every port",
    proof: "network.acls",
    make: (copy) => opened(copy, "data", { CidrBlock: "10.20.0.0/18" }),
  },
  {
    change: "the data tier's ACL lets UDP in and out",
    proof: "network.acls",
    says: /udp 0–65535: no entry of acls\.data\.in promises it/,
    make: (copy) => opened(copy, "data", { Protocol: 17 }),
  },
  {
    change: "the data tier's ACL lets ICMP in and out behind a deny of one type of it",
    proof: "network.acls",
    says: /icmp/,
    make: (copy) => {
      for (const Egress of [true, false]) {
        entry(copy, `Deny${Egress}`, "data", {
          Egress,
          Protocol: 1,
          Icmp: { Type: 8, Code: -1 },
          RuleAction: "deny",
          RuleNumber: 1,
        })
      }
      return opened(copy, "data", { Protocol: 1, Icmp: { Type: -1, Code: -1 } })
    },
  },
  {
    change: "the data tier's ACL has lost the entry for one zone's services",
    proof: "network.acls",
    says: /should let in from 10\.20\.0\.0\/20, and does not: .*|does not: 10\.20\.0\.0\/20, tcp 5432/,
    make: (copy) => {
      copy.remove(copy.find(ACL_ENTRY, "^Aclsdatainbound54321020002"))
      return copy.find(ACL, "^Aclsdata").address
    },
  },
  {
    change: "the data tier's ACL is opened to the VPC: the message names the entry, not an innocent one",
    proof: "network.acls-alone",
    says: /^network\/dataOut database reaches load balancer/m,
    make: (copy) => {
      opened(copy, "data", { CidrBlock: "10.20.0.0/16" })
      return "network/dataOut"
    },
  },
  ...(
    [
      ["RuleNumber", { RuleNumber: { Ref: "Free" } }],
      ["RuleAction", { RuleAction: { Ref: "Free" } }],
      ["PortRange", { Protocol: 6, PortRange: { From: { Ref: "Free" }, To: { Ref: "Free" } } }],
      ["CidrBlock", { CidrBlock: { Ref: "Free" } }],
      ["Egress", { Egress: { Ref: "Free" } }],
    ] as const
  ).flatMap(([key, properties]): NetworkMutant[] => {
    const make = (copy: Copy) => {
      parameter(copy, "network", "Free", {})
      return entry(copy, "Deny", "data", { RuleAction: "deny", RuleNumber: 1, ...properties })
    }
    return [
      {
        change: `an entry that denies has a ${key} that can't be known`,
        proof: "network.modelled",
        says: new RegExp(`its ${key} can't be known`),
        make,
      },
      {
        change: `such an entry (${key}) stands before one that opens the data tier's ACL`,
        proof: "network.acls",
        make: (copy) => {
          const deny = make(copy)
          const allow = opened(copy, "data", key === "PortRange" ? { Protocol: 6 } : {})
          // What may allow is the one that opens.
          return key === "RuleAction" ? deny : allow
        },
      },
    ]
  }),
  {
    change: "two entries of an ACL have one number",
    proof: "network.modelled",
    make: (copy) => {
      entry(copy, "One", "data", { RuleAction: "deny" })
      return entry(copy, "Other", "data", {}).replace("Other", "One")
    },
  },
  // Associations
  {
    change: "a data subnet is associated with the public ACL too",
    proof: "network.modelled",
    says: /a second association of network\/DataASubnet/,
    make: (copy) =>
      copy.add("network", "Second", "AWS::EC2::SubnetNetworkAclAssociation", {
        SubnetId: { Ref: "DataASubnet" },
        NetworkAclId: { "Fn::GetAtt": [copy.find(ACL, "^Aclspublic").id, "Id"] },
      }),
  },
  {
    change: "a data subnet is associated with a public route table too",
    proof: "network.modelled",
    says: /a second association of network\/DataASubnet/,
    make: (copy) =>
      copy.add("network", "Second", "AWS::EC2::SubnetRouteTableAssociation", {
        SubnetId: { Ref: "DataASubnet" },
        RouteTableId: { Ref: "PublicARoutes" },
      }),
  },
  // Groups
  {
    change: "the database lets in the VPC's default group",
    proof: "network.modelled",
    make: (copy) => intoDatabase(copy, { "Fn::GetAtt": ["Vpc", "DefaultSecurityGroup"] }),
  },
  {
    change: "the database lets in a group that is written out",
    proof: "network.modelled",
    make: (copy) => intoDatabase(copy, "sg-0123456789abcdef0"),
  },
  {
    change: "the database lets in a group of another account",
    proof: "network.modelled",
    make: (copy) => intoDatabase(copy, groupId(copy, "usermetadata"), { SourceSecurityGroupOwnerId: "999999999999" }),
  },
  {
    change: "the database lets in a group of another VPC",
    proof: "network.modelled",
    says: /its VPC vpc-0 is not among the templates/,
    make: (copy) => {
      const other = group(copy, "Other", { VpcId: "vpc-0" })
      intoDatabase(copy, { "Fn::GetAtt": ["Other", "GroupId"] })
      return other
    },
  },
  {
    change: "the database lets in a group that has no rules and nothing in it yet",
    proof: "facts.every-group-used",
    says: /names network\/Idle, which nothing is in/,
    make: (copy) => {
      group(copy, "Idle")
      return intoDatabase(copy, { "Fn::GetAtt": ["Idle", "GroupId"] })
    },
  },
  // Names
  {
    change: "a rule of EventBridge runs the scheduled task too, under the schedule's name",
    proof: "network.modelled",
    says: /a second scheduled task get-data/,
    make: (copy) => {
      const { EcsParameters } = copy.find(SCHEDULE).properties.Target
      return copy.add("neo", "Decoy", "AWS::Events::Rule", {
        Name: "perigee-production-get-data",
        Targets: [{ Id: "1", Arn: "x", RoleArn: "y", EcsParameters }],
      })
    },
  },
  {
    change: "the second of two targets of one name reaches the load balancer's tasks' database",
    proof: "network.matrix",
    says: /scheduled task get-data \(neo\/Two\) reaches database/,
    make: (copy) => {
      const { EcsParameters } = copy.find(SCHEDULE).properties.Target
      const bad = structuredClone(EcsParameters)
      const { SecurityGroups } = copy.find(SERVICE, "user_metadata").properties.NetworkConfiguration.AwsvpcConfiguration
      bad.NetworkConfiguration.AwsvpcConfiguration.SecurityGroups = SecurityGroups
      copy.add("neo", "Two", "AWS::Events::Rule", {
        Name: "perigee-production-get-data",
        Targets: [{ Id: "1", Arn: "x", RoleArn: "y", EcsParameters: bad }],
      })
      return "neo/Two"
    },
  },
  {
    change: "a second service has another's name",
    proof: "network.modelled",
    says: /a second service user_metadata/,
    make: (copy) => copy.add("platform", "Twin", SERVICE, copy.find(SERVICE, "user_metadata").properties),
  },
  {
    change: "an endpoint is there twice",
    proof: "network.modelled",
    says: /a second endpoint logs/,
    make: (copy) => copy.add("network", "Twin", ENDPOINT, copy.find(ENDPOINT, "^Endpointslogs").properties),
  },
  {
    change: "a schedule calls an API rather than running a task",
    proof: "network.modelled",
    make: (copy) =>
      copy.add("neo", "Second", SCHEDULE, { Target: { Arn: "arn:aws:scheduler:::aws-sdk:ecs:runTask", Input: "{}" } }),
  },
  {
    change: "a VPN gateway is attached",
    proof: "network.modelled",
    make: (copy) =>
      copy.add("network", "Vpn", "AWS::EC2::VPCGatewayAttachment", { VpcId: { Ref: "Vpc" }, VpnGatewayId: "vgw-0" }),
  },
  {
    change: "a NAT gateway has addresses by zone",
    proof: "network.modelled",
    make: set("AWS::EC2::NatGateway", "^NatGatewayA", (properties) => {
      properties.AvailabilityZoneAddresses = [{ AvailabilityZone: "eu-central-1a", AllocationIds: ["eipalloc-0"] }]
    }),
  },
  // Entrance
  {
    change: "a rule redirects every path to another host",
    proof: "entrance.actions",
    says: /its Host is elsewhere\.example/,
    make: (copy) =>
      ruleFirst(copy, { Type: "redirect", RedirectConfig: { Host: "elsewhere.example", StatusCode: "HTTP_302" } }),
  },
  {
    change: "a rule forwards to a target group that is written out",
    proof: "entrance.actions",
    make: (copy) =>
      ruleFirst(copy, { Type: "forward", TargetGroupArn: "arn:aws:elasticloadbalancing:x:1:targetgroup/x/1" }),
  },
  {
    change: "port 80 redirects to another host",
    proof: "entrance.actions",
    make: set(LISTENER, "^LoadBalancerHttpF", (properties) => {
      properties.DefaultActions[0].RedirectConfig.Host = "elsewhere.example"
    }),
  },
  {
    change: "a rule rewrites paths",
    proof: "entrance.actions",
    make: set(RULE, "usermetadata", (properties) => {
      properties.Transforms = [{ Type: "url-rewrite" }]
    }),
  },
  {
    change: "a rule is for one address alone",
    proof: "entrance.actions",
    says: /asks for source-ip besides the path/,
    make: set(RULE, "usermetadata", (properties) => {
      properties.Conditions.push({ Field: "source-ip", SourceIpConfig: { Values: ["192.0.2.1/32"] } })
    }),
  },
  {
    change: "a target group has a target of its own",
    proof: "entrance.actions",
    make: set(TARGETS, "^usermetadata", (properties) => {
      properties.Targets = [{ Id: "192.0.2.9", Port: 1010, AvailabilityZone: "all" }]
    }),
  },
  {
    change: "the firewall lets all by in its first rule",
    proof: "entrance.firewall",
    says: /has the action Allow/,
    make: set(WEB_ACL, "", ({ Rules }) => {
      Rules.unshift({ Name: "all", Priority: 0, Action: { Allow: {} }, Statement: never })
    }),
  },
  {
    change: "a managed rule group of the firewall looks at some requests only",
    proof: "entrance.firewall",
    says: /ScopeDownStatement/,
    make: managed((statement) => {
      statement.ScopeDownStatement = never
    }),
  },
  {
    change: "a rule of a managed group counts rather than blocks",
    proof: "entrance.firewall",
    says: /RuleActionOverrides/,
    make: managed((statement) => {
      statement.RuleActionOverrides = [{ Name: "SQLi_BODY", ActionToUse: { Count: {} } }]
    }),
  },
  {
    change: "a managed group is overridden twice",
    proof: "entrance.firewall",
    make: managed((_, rule) => {
      rule.OverrideAction = { None: {}, Count: {} }
    }),
  },
  {
    change: "the limit for each address is higher than the stage's",
    proof: "entrance.firewall",
    says: /Limit of 2001, more than the stage's 2000/,
    make: rate((statement) => {
      statement.Limit = 2001
    }),
  },
  {
    change: "the limit counts by a header that clients choose",
    proof: "entrance.firewall",
    make: rate((statement) => {
      statement.AggregateKeyType = "FORWARDED_IP"
    }),
  },
  {
    change: "the firewall lets requests by that it can't look at",
    proof: "entrance.attributes",
    make: set(BALANCER, "", (properties) => {
      properties.LoadBalancerAttributes.push({ Key: "waf.fail_open.enabled", Value: "true" })
    }),
  },
  {
    change: "the listener's certificate is some other",
    proof: "entrance.tls",
    make: set(LISTENER, "^LoadBalancerHttps", (properties) => {
      properties.Certificates = [{ CertificateArn: "arn:aws:acm:eu-central-1:1:certificate/x" }]
    }),
  },
  {
    change: "the database listens on another port",
    proof: "network.listening",
    make: set(INSTANCE, "", (properties) => {
      properties.Port = "15432"
    }),
  },
  {
    change: "the database's port can't be known",
    proof: "network.listening",
    make: set(INSTANCE, "", (properties) => {
      properties.Port = { Ref: "AWS::AccountId" }
    }),
  },
  // Parameters
  {
    change: "a rule of the database's group stands by a parameter that says no by default",
    proof: "templates.parameters",
    says: /only its default is proved, and Into depend on it: its other values \(no, yes\)/,
    make: (copy) => {
      parameter(copy, "network", "Debug", { Default: "no", AllowedValues: ["no", "yes"] })
      condition(copy, "network", "Debugging", { "Fn::Equals": [{ Ref: "Debug" }, "yes"] })
      const rule = { GroupId: groupId(copy, "database"), IpProtocol: "-1", CidrIp: "0.0.0.0/0" }
      copy.add("network", "Into", INGRESS, rule, { Condition: "Debugging" })
      return "network/Debug"
    },
  },
  {
    change: "whether tasks have a public address is a parameter",
    proof: "templates.parameters",
    make: (copy) => {
      parameter(copy, "platform", "Public", { Default: "DISABLED" })
      const { AwsvpcConfiguration } = copy.find(SERVICE, "user_metadata").properties.NetworkConfiguration
      AwsvpcConfiguration.AssignPublicIp = { Ref: "Public" }
      return "platform/Public"
    },
  },
  {
    change: "a rule of the database's group stands by the egress' zone",
    proof: "templates.parameters",
    says: /Into \(AWS::EC2::SecurityGroupIngress\) depends on it/,
    make: (copy) => {
      const rule = { GroupId: groupId(copy, "database"), IpProtocol: "-1", CidrIp: "0.0.0.0/0" }
      copy.add("network", "Into", INGRESS, rule, { Condition: "EgressInB" })
      return "network/EgressZone"
    },
  },
  {
    change: "the egress' zone may be anything",
    proof: "templates.parameters",
    says: /its AllowedValues are not set, not a, b, c, none/,
    make: (copy) => {
      const body = copy.templates.find(({ name }) => name === "network")?.body as Raw
      delete body.Parameters.EgressZone.AllowedValues
      return "network/EgressZone"
    },
  },
]
