/** Mutants of what a proof could pass over: what no list knows, what can't be read, what hides behind a name, who runs as what. */
import { Copy, type Found, type Raw, templatesOf } from "./stage.ts"

/** As in mutants.test.ts. */
export interface ClosedWorldMutant {
  readonly change: string
  readonly proof: string
  readonly hidden: boolean
  readonly make: (copy: Copy) => string
}

const DEFINITION = "AWS::ECS::TaskDefinition"
const ROLE = "AWS::IAM::Role"
const BUCKET = "AWS::S3::Bucket"
const SCHEDULE = "AWS::Scheduler::Schedule"
const SERVICE_TASK = /^usermetadataTaskDefinition/

const everything = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] }
const forAnyone = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: "*", Action: "*", Resource: "*" }],
}

const hidden = (proof: string, change: string, make: (copy: Copy) => string): ClosedWorldMutant => ({
  proof,
  change,
  hidden: true,
  make,
})

/** One that who reaches whom shows too. */
const seen = (...told: Parameters<typeof hidden>): ClosedWorldMutant => ({ ...hidden(...told), hidden: false })

function set(type: string, where: string | RegExp, change: (properties: Raw, found: Found, copy: Copy) => void) {
  return (copy: Copy): string => {
    const found = copy.find(type, where)
    change(found.properties, found, copy)
    return found.address
  }
}

const add =
  (template: string, type: string, properties: Raw = {}) =>
  (copy: Copy) =>
    copy.add(template, "Mutant", type, properties)

const bodyOf = (copy: Copy, template: string): Raw => copy.templates.find(({ name }) => name === template)?.body

/** What is only made where a parameter without a default says so. */
function undecided(copy: Copy, template: string, value: Raw): Raw {
  const body = bodyOf(copy, template)
  body.Parameters = { ...body.Parameters, Undecided: { Type: "String" } }
  body.Conditions = { ...body.Conditions, Undecided: { "Fn::Equals": [{ Ref: "Undecided" }, "x"] } }
  return { "Fn::If": ["Undecided", value, { Ref: "AWS::NoValue" }] }
}

/** Swaps a property between two definitions, across templates by exports. */
function swap(key: string, one: RegExp, other: RegExp) {
  return (copy: Copy): string => {
    const [first, second] = [copy.find(DEFINITION, one), copy.find(DEFINITION, other)]
    const exported = (found: Found, name: string) => {
      const body = bodyOf(copy, found.template)
      body.Outputs = { ...body.Outputs, [name]: { Value: found.properties[key], Export: { Name: name } } }
      return { "Fn::ImportValue": name }
    }
    const [ofFirst, ofSecond] = [exported(first, "SwappedFirst"), exported(second, "SwappedSecond")]
    first.properties[key] = ofSecond
    second.properties[key] = ofFirst
    return first.address
  }
}

const roleId = (where: string): string => new Copy(templatesOf("production")).find(ROLE, where).id

/** Types that open something, and that no proof looks at. */
const FOREIGN_TYPES: readonly (readonly [template: string, type: string, properties?: Raw])[] = [
  ["platform", "AWS::IAM::RolePolicy", { PolicyName: "x", RoleName: "y", PolicyDocument: everything }],
  ["platform", "AWS::IAM::User", { ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"] }],
  ["platform", "AWS::IAM::Group"],
  ["platform", "AWS::IAM::AccessKey"],
  ["network", "AWS::SNS::TopicInlinePolicy", { PolicyDocument: forAnyone }],
  ["network", "AWS::SNS::Subscription", { Protocol: "https", Endpoint: "https://elsewhere.example" }],
  ["network", "AWS::Logs::SubscriptionFilter"],
  ["neo", "AWS::Events::EventBusPolicy", { Principal: "*" }],
  ["neo", "AWS::Events::ApiDestination"],
  ["neo", "AWS::S3::AccessPoint", { Policy: forAnyone }],
  ["data", "AWS::DynamoDB::GlobalTable"],
  ["data", "AWS::Backup::BackupVault", { AccessPolicy: forAnyone }],
  ["data", "AWS::KMS::ReplicaKey", { KeyPolicy: forAnyone }],
  ["data", "AWS::ResourceGroups::Group"],
  ["delivery", "AWS::ECR::RegistryPolicy"],
  ["delivery", "AWS::ECR::ReplicationConfiguration"],
  ["delivery", "AWS::ECR::PublicRepository"],
]

/** Properties that nobody declared, one of each kind of place. */
const FOREIGN_PROPERTIES: readonly (readonly [what: string, type: string, where: string, change: (p: Raw) => void])[] =
  [
    [
      "a service is in a lattice",
      "AWS::ECS::Service",
      "user_metadata",
      (p) => {
        p.VpcLatticeConfigurations = [{ PortName: "x" }]
      },
    ],
    [
      "a NAT gateway has addresses by zone",
      "AWS::EC2::NatGateway",
      "",
      (p) => {
        p.AvailabilityZoneAddresses = []
      },
    ],
    [
      "the egress address is an instance's",
      "AWS::EC2::EIP",
      "",
      (p) => {
        p.InstanceId = "i-1"
      },
    ],
    [
      "the database listens on another port",
      "AWS::RDS::DBInstance",
      "",
      (p) => {
        p.Port = "15432"
      },
    ],
    [
      "a table's stream has a policy",
      "AWS::DynamoDB::Table",
      "",
      (p) => {
        p.StreamSpecification = { ResourcePolicy: { PolicyDocument: forAnyone } }
      },
    ],
    [
      "a schedule has an input",
      SCHEDULE,
      "",
      (p) => {
        p.Target.Input = "{}"
      },
    ],
    [
      "a container mounts something",
      DEFINITION,
      "",
      (p) => {
        p.ContainerDefinitions[0].MountPoints = [{ ContainerPath: "/host" }]
      },
    ],
    [
      "containers are made of what can't be known",
      DEFINITION,
      "",
      (p) => {
        p.ContainerDefinitions = { "Fn::Split": [",", "x"] }
      },
    ],
  ]

export const CLOSED_WORLD_MUTANTS: readonly ClosedWorldMutant[] = [
  ...FOREIGN_TYPES.map(([template, type, properties]) =>
    hidden("facts.known-types", `there is a ${type}`, add(template, type, properties)),
  ),
  ...FOREIGN_PROPERTIES.map(([what, type, where, change]) =>
    hidden("facts.known-properties", what, set(type, where, change)),
  ),
  hidden("facts.known-properties", "a resource has an attribute that nobody knows", (copy) => {
    const found = copy.find(BUCKET)
    found.raw.UpdatePolicy = {}
    return found.address
  }),
  hidden(
    "facts.known-properties",
    "a property stands in the branch that is not taken today",
    set("AWS::EC2::EIP", "", (properties) => {
      properties["Tags"] = []
      properties.Domain = { "Fn::If": ["EgressFromPool", { Instance: "i-1" }, "vpc"] }
    }),
  ),
  hidden("facts.no-macros", "a template is rewritten by a macro", (copy) => {
    bodyOf(copy, "network").Transform = ["Macro"]
    return "network"
  }),
  hidden(
    "facts.no-macros",
    "a group includes what lies in a bucket",
    set("AWS::EC2::SecurityGroup", "^Groupsdatabase", (properties) => {
      properties["Fn::Transform"] = { Name: "AWS::Include", Parameters: { Location: "s3://x/y" } }
    }),
  ),
  hidden("facts.known-parameters", "a parameter opens something when asked to", (copy) => {
    bodyOf(copy, "network").Parameters.Debug = { Type: "String", Default: "no" }
    return "network/Debug"
  }),
  hidden("facts.known-parameters", "a condition of its own decides", (copy) => {
    bodyOf(copy, "network").Conditions.Debug = { "Fn::Equals": [{ Ref: "EgressZone" }, "b"] }
    return "network/Debug"
  }),

  // Policies
  ...[
    ["by the role's name", { Roles: ["perigee-production-user_metadata-task"] }],
    ["by a name that is put together", { Roles: [{ "Fn::Join": ["-", ["perigee", { Ref: "AWS::Region" }]] }] }],
    ["to a user", { Users: ["somebody"], Roles: [{ Ref: roleId("user_metadata-task") }] }],
    ["to a group", { Groups: ["everybody"], Roles: [{ Ref: roleId("user_metadata-task") }] }],
    ["to nobody yet", {}],
  ].map(([how, attachment]) =>
    hidden("permissions.attached", `a policy is attached ${how}`, (copy) =>
      copy.add("platform", "Mutant", "AWS::IAM::ManagedPolicy", {
        PolicyDocument: everything,
        ...(attachment as object),
      }),
    ),
  ),
  ...[
    ["is a text of JSON", () => [{ PolicyName: "x", PolicyDocument: JSON.stringify(everything) }]],
    ["is a text of no JSON", () => [{ PolicyName: "x", PolicyDocument: "?" }]],
    [
      "depends on what can't be known",
      (copy: Copy) => [undecided(copy, "platform", { PolicyName: "x", PolicyDocument: everything })],
    ],
    [
      "has a statement without an effect",
      () => [{ PolicyName: "x", PolicyDocument: { Statement: [{ Action: "*" }] } }],
    ],
  ].map(([how, policies]) =>
    hidden(
      "permissions.roles",
      `a role's inline policy ${how}`,
      set(ROLE, "user_metadata-task", (properties, _, copy) => {
        properties.Policies = (policies as (copy: Copy) => Raw)(copy)
      }),
    ),
  ),
  hidden(
    "permissions.roles",
    "a statement of a role's policy depends on what can't be known",
    set("AWS::IAM::Policy", "^usermetadataTaskTaskRole", (properties, { template }, copy) => {
      properties.PolicyDocument.Statement.push(undecided(copy, template, everything.Statement[0]))
    }),
  ),
  hidden("permissions.roles", "a second role has the name of another", (copy) =>
    copy.add("platform", "Mutant", ROLE, structuredClone(copy.find(ROLE, "user_metadata-task").properties)),
  ),
  hidden(
    "permissions.trust",
    "a trust depends on what can't be known",
    set(ROLE, "user_metadata-task", (properties, { template }, copy) => {
      properties.AssumeRolePolicyDocument.Statement.push(undecided(copy, template, forAnyone.Statement[0]))
    }),
  ),
  ...[
    ["AWS::KMS::Key", "KeyPolicy"],
    ["AWS::S3::BucketPolicy", "PolicyDocument"],
    ["AWS::SNS::TopicPolicy", "PolicyDocument"],
    ["AWS::EC2::VPCEndpoint", "PolicyDocument"],
  ].map(([type = "", property = ""]) =>
    hidden(
      "permissions.resource-policies",
      `a statement of a ${type} depends on what can't be known`,
      set(type, "", (properties, { template }, copy) => {
        properties[property].Statement.push(undecided(copy, template, forAnyone.Statement[0]))
      }),
    ),
  ),
  hidden(
    "permissions.resource-policies",
    "a policy of the logs is a text of JSON",
    add("network", "AWS::Logs::ResourcePolicy", { PolicyName: "x", PolicyDocument: JSON.stringify(forAnyone) }),
  ),
  hidden(
    "permissions.resource-policies",
    "a second policy of a bucket comes before the first, with its name",
    (copy) => {
      const { properties } = copy.find("AWS::S3::BucketPolicy", "^DocumentsPolicy")
      const body = bodyOf(copy, "neo")
      const open = { Type: "AWS::S3::BucketPolicy", Properties: { ...properties, PolicyDocument: forAnyone } }
      body.Resources = { DocumentsPolicy00000000: open, ...body.Resources }
      return "neo/DocumentsPolicy00000000"
    },
  ),
  seen("permissions.resource-policies", "a second endpoint of a service comes before the first", (copy) => {
    const { properties } = copy.find("AWS::EC2::VPCEndpoint", "^Endpointslogs")
    const body = bodyOf(copy, "network")
    const open = { Type: "AWS::EC2::VPCEndpoint", Properties: { ...properties, PolicyDocument: forAnyone } }
    body.Resources = { Mutant: open, ...body.Resources }
    return "network/Mutant"
  }),

  hidden(
    "permissions.oidc",
    "the provider takes tokens for an audience more",
    set("AWS::IAM::OIDCProvider", "", (properties) => properties.ClientIdList.push("sts.amazonaws.com")),
  ),

  // Who runs as what
  hidden(
    "runs.as",
    "a service starts with the role that reads the administrator's password",
    swap("ExecutionRoleArn", SERVICE_TASK, /^Tasksusermetadataroles/),
  ),
  hidden(
    "runs.as",
    "the scheduled fetch has the role of the migration",
    swap("TaskRoleArn", /^TaskDefinition/, /^Tasksusermetadatamigrate/),
  ),
  hidden(
    "runs.as",
    "a container is given one secret more",
    set(DEFINITION, SERVICE_TASK, ({ ContainerDefinitions: [container] }) => {
      container.Secrets = [{ Name: "MORE", ValueFrom: "arn:x" }]
    }),
  ),
  hidden(
    "runs.as",
    "a container's image comes from elsewhere",
    set(DEFINITION, SERVICE_TASK, ({ ContainerDefinitions: [container] }) => {
      container.Image = "elsewhere/image:latest"
    }),
  ),
  hidden(
    "runs.as",
    "the function's role is one of the account",
    set("AWS::Lambda::Function", "", (properties) => {
      properties.Role = "arn:aws:iam::123456789012:role/Admin"
    }),
  ),
  hidden(
    "runs.targets",
    "a schedule calls AWS itself",
    set(SCHEDULE, "", ({ Target: target }) => {
      target.Arn = "arn:aws:scheduler:::aws-sdk:ecs:runTask"
    }),
  ),
  hidden(
    "runs.targets",
    "a rule tells another account's bus too",
    set("AWS::Events::Rule", "", ({ Targets: targets }) =>
      targets.push({ Id: "x", Arn: "arn:aws:events:eu-central-1:999999999999:event-bus/x" }),
    ),
  ),
  hidden("runs.targets", "a second flow log goes to a bucket of somebody's", (copy) =>
    copy.add("network", "Mutant", "AWS::EC2::FlowLog", {
      ...copy.find("AWS::EC2::FlowLog").properties,
      LogDestinationType: "s3",
      LogDestination: "arn:aws:s3:::elsewhere",
    }),
  ),
  hidden(
    "runs.invoked",
    "another account may invoke the function",
    add("neo", "AWS::Lambda::Permission", { Action: "lambda:InvokeFunction", Principal: "999999999999" }),
  ),
  hidden(
    "runs.invoked",
    "the function has a layer of another account",
    set("AWS::Lambda::Function", "", (properties) => {
      properties.Layers = ["arn:aws:lambda:eu-central-1:999999999999:layer:x:1"]
    }),
  ),
  ...(["NetworkMode", "PidMode"] as const).map((key) =>
    hidden(
      "runs.apart",
      `a task's ${key} is host`,
      set(DEFINITION, SERVICE_TASK, (properties) => {
        properties[key] = "host"
      }),
    ),
  ),
  ...(
    [
      ["is suspended", "ScalableTarget", (p: Raw) => (p.SuspendedState = { DynamicScalingOutSuspended: true })],
      ["goes to none at night", "ScalableTarget", (p: Raw) => (p.ScheduledActions = [{ Schedule: "rate(1 day)" }])],
      [
        "waits for a CPU that there is not",
        "ScalingPolicy",
        (p: Raw) => (p.TargetTrackingScalingPolicyConfiguration.TargetValue = 10_000),
      ],
    ] as const
  ).map(([how, type, change]) =>
    hidden(
      "runs.scaling-free",
      `scaling ${how}`,
      set(`AWS::ApplicationAutoScaling::${type}`, "CPU|MaxCapacity", change),
    ),
  ),
  hidden(
    "compute.no-shell",
    "the scheduled task lets in a shell",
    set(SCHEDULE, "", ({ Target: target }) => {
      target.EcsParameters.EnableExecuteCommand = true
    }),
  ),
  ...["00", "0:0", "65532:0"].map((user) =>
    hidden(
      "compute.hardened",
      `a container runs as ${user}`,
      set(DEFINITION, SERVICE_TASK, ({ ContainerDefinitions: [container] }) => {
        container.User = user
      }),
    ),
  ),
  ...[
    ["DB_PASSWD", "x"],
    ["APIKEY", "x"],
    ["nasa_api_key", "x"],
    ["HARMLESS", "{{resolve:secretsmanager:perigee/production/nasa-api-key}}"],
  ].map(([Name, Value]) =>
    hidden(
      "compute.no-secret-in-environment",
      `${Name} is ${Value} in a container's environment`,
      set(DEFINITION, SERVICE_TASK, ({ ContainerDefinitions: [container] }) =>
        container.Environment.push({ Name, Value }),
      ),
    ),
  ),
  hidden(
    "compute.no-secret-in-environment",
    "a function's variables can't be known",
    set("AWS::Lambda::Function", "", (properties, { template }, copy) => {
      properties.Environment.Variables = undecided(copy, template, { TOKEN: "x" })
    }),
  ),
  hidden(
    "compute.alarms-heard",
    "an alarm does nothing",
    set("AWS::CloudWatch::Alarm", "", (properties) => {
      properties.ActionsEnabled = false
    }),
  ),
  hidden(
    "compute.alarms-heard",
    "an alarm tells somebody else too",
    set("AWS::CloudWatch::Alarm", "", (properties) => {
      properties.AlarmActions = [...properties.AlarmActions, "arn:aws:sns:eu-central-1:999999999999:x"]
    }),
  ),

  // Data
  ...(
    [
      ["data.buckets", BUCKET],
      ["data.tables", "AWS::DynamoDB::Table"],
      ["data.keys-rotate", "AWS::KMS::Key"],
      ["data.database-kept", "AWS::RDS::DBInstance"],
    ] as const
  ).map(([proof, type]) =>
    hidden(
      proof,
      `a ${type} that is replaced is deleted`,
      set(type, "", (_, found) => {
        found.raw.UpdateReplacePolicy = "Delete"
      }),
    ),
  ),
  ...[undefined, "arn:aws:kms:eu-central-1:999999999999:key/x"].map((key) =>
    hidden(
      "data.buckets",
      `a bucket's key is ${key ?? "AWS's own"}`,
      set(BUCKET, "^Documents", (properties) => {
        const [rule] = properties.BucketEncryption.ServerSideEncryptionConfiguration
        rule.ServerSideEncryptionByDefault.KMSMasterKeyID = key
      }),
    ),
  ),
  hidden(
    "data.buckets",
    "documents expire after a day",
    set(BUCKET, "^Documents", (properties) => {
      properties.LifecycleConfiguration.Rules.push({ Status: "Enabled", ExpirationInDays: 1 })
    }),
  ),
  hidden(
    "data.buckets",
    "a bucket is replicated to another account",
    set(BUCKET, "^Documents", (properties) => {
      properties.ReplicationConfiguration = { Rules: [{ Destination: { Account: "999999999999" } }] }
    }),
  ),
  hidden(
    "data.database-kept",
    "the database is made of another account's snapshot",
    set("AWS::RDS::DBInstance", "", (properties) => {
      properties.DBSnapshotIdentifier = "arn:aws:rds:eu-central-1:999999999999:snapshot:x"
    }),
  ),
  hidden(
    "data.secrets",
    "a secret is copied to another region",
    set("AWS::SecretsManager::Secret", "", (properties) => {
      properties.ReplicaRegions = [{ Region: "us-east-1" }]
    }),
  ),
]
