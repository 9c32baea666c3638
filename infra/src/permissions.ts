/**
 * What each command of the deploy program may do in the account: the one table that the pipeline's roles
 * (stacks/pipeline-roles.ts) and docs/permissions.md are made of. Tests run every command with its own policy, and with
 * each action taken out of it.
 */
import { clusterName, functionName, imageParameter, ROLLED_OUT, releasesTable, STACKS, stackName } from "./names.ts"
import type { ActionWithoutResource } from "./stacks/allow.ts"
import { SERVICES } from "./stage.ts"

/** Commands that read, and make nothing run. */
export const PLAN_COMMANDS = ["publish", "verify", "plan", "diff", "status", "history"] as const
/** Commands that change what runs, by an approved plan or back to what was good, and what goes with them. */
export const DEPLOY_COMMANDS = ["deploy", "rollback", "status", "history", "logs", "move-egress"] as const
export const PERMITTED_COMMANDS = [
  "bootstrap",
  ...PLAN_COMMANDS,
  "deploy",
  "rollback",
  "logs",
  "move-egress",
  "destroy",
] as const
export type PermittedCommand = (typeof PERMITTED_COMMANDS)[number]

/** Where a policy is for; texts, or tokens of CDK. */
export interface Place {
  readonly partition: string
  readonly region: string
  readonly account: string
  /** The stage's name. */
  readonly stage: string
  /** Key of the delivery stack, which encrypts images and releases. */
  readonly deliveryKeyArn: string
}

export interface Permission {
  readonly why: string
  readonly actions: readonly string[]
  /** `*` alone where AWS knows nothing finer; see {@link ActionWithoutResource}. */
  readonly resources: readonly string[]
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Not in the ordinary course; a first run does without. */
  readonly seldom?: true
  /** Who needs it on the caller's behalf; the command itself never sends such an action. */
  readonly through?: "CloudFormation" | "DynamoDB" | "ECR"
}

const QUALIFIER = "hnb659fds"

/** @returns the permissions of a command, each once */
export function permissionsOf(command: PermittedCommand, place: Place): readonly Permission[] {
  return PERMISSIONS[command].flatMap((part) => part(place))
}

/** The same of several commands: statements on the same resources are one. */
export function unionOf(commands: readonly PermittedCommand[], place: Place): readonly Permission[] {
  const merged = new Map<string, Permission>()
  for (const permission of commands.flatMap((command) => permissionsOf(command, place))) {
    const key = JSON.stringify([[...permission.resources].sort(), permission.conditions])
    const known = merged.get(key)
    const actions = [...new Set([...(known?.actions ?? []), ...permission.actions])].sort()
    merged.set(key, { ...permission, actions })
  }
  return [...merged.values()]
}

/** A policy as IAM takes it. */
export function policyOf(permissions: readonly Permission[]) {
  return {
    Version: "2012-10-17",
    Statement: permissions.map(({ actions, resources, conditions }) => ({
      Effect: "Allow",
      Action: actions,
      Resource: resources,
      ...(conditions && { Condition: conditions }),
    })),
  }
}

type Part = (place: Place) => Permission[]

const arn = ({ partition, region, account }: Place, service: string, resource: string) =>
  `arn:${partition}:${service}:${region}:${account}:${resource}`
const iamArn = ({ partition, account }: Place, resource: string) => `arn:${partition}:iam::${account}:${resource}`
const bootstrapRole = (place: Place, kind: string) =>
  iamArn(place, `role/cdk-${QUALIFIER}-${kind}-role-${place.account}-${place.region}`)
const stacks = (place: Place, names: readonly (typeof STACKS)[number][] = STACKS) =>
  names.map((stack) => arn(place, "cloudformation", `stack/${stackName(place.stage, stack)}/*`))
const anywhere =
  (why: string, ...actions: ActionWithoutResource[]): Part =>
  () => [{ why, actions, resources: ["*"] }]

const bootstrapVersion: Part = (place) => [
  {
    why: "The version of CDK's bootstrap stack",
    actions: ["ssm:GetParameter"],
    resources: [arn(place, "ssm", `parameter/cdk-bootstrap/${QUALIFIER}/version`)],
  },
]

const imageParameters: Part = (place) => [
  {
    why: "Which images run",
    actions: ["ssm:GetParameters"],
    resources: ROLLED_OUT.map((name) => arn(place, "ssm", `parameter${imageParameter(place.stage, name)}`)),
  },
]

const releases =
  (why: string, ...actions: string[]): Part =>
  (place) => [
    { why, actions, resources: [arn(place, "dynamodb", `table/${releasesTable(place.stage)}`)] },
    {
      why: "The table is encrypted",
      actions: ["kms:Decrypt"],
      resources: [place.deliveryKeyArn],
      conditions: { StringEquals: { "kms:ViaService": `dynamodb.${place.region}.amazonaws.com` } },
      through: "DynamoDB",
    },
  ]

const readStacks =
  (why: string, ...actions: string[]): Part =>
  (place) => [{ why, actions, resources: stacks(place) }]

const services: Part = (place) => [
  {
    why: "The services, their deployments and events",
    actions: ["ecs:DescribeServices"],
    resources: [arn(place, "ecs", `service/${clusterName(place.stage, "platform")}/*`)],
  },
]

const taskDefinitions = anywhere("What a task is made of", "ecs:DescribeTaskDefinition")

const theFunction =
  (...actions: string[]): Part =>
  (place) => [
    {
      why: "The Lambda, its alias and version",
      actions,
      resources: [
        arn(place, "lambda", `function:${functionName(place.stage)}`),
        arn(place, "lambda", `function:${functionName(place.stage)}:*`),
      ],
    },
  ]

const images =
  (why: string, ...actions: string[]): Part =>
  (place) => [{ why, actions, resources: [arn(place, "ecr", `repository/perigee-${place.stage}/*`)] }]

const roles: Part = (place) => [
  {
    why: "Who may take the roles of tasks and function, and what these may read",
    actions: ["iam:GetRole", "iam:SimulatePrincipalPolicy"],
    resources: [iamArn(place, `role/perigee-${place.stage}-*`)],
  },
]

const secrets: Part = (place) => [
  {
    why: "Whether secrets are there and have a value; never the value",
    actions: ["secretsmanager:DescribeSecret"],
    resources: [
      arn(place, "secretsmanager", `secret:perigee/${place.stage}/*`),
      arn(place, "secretsmanager", "secret:rds!db-*"),
    ],
  },
]

const certificate: Part = (place) => [
  {
    why: "Whether the certificate is issued, and for which name",
    actions: ["acm:DescribeCertificate"],
    resources: [arn(place, "acm", "certificate/*")],
  },
]

/** CDK's own stack is made with the caller's rights; what it makes is named here. Source: its template, in toolkit-lib. */
const cdkBootstrap: Part = (place) => [
  {
    why: "CDK's bootstrap stack, by a change set",
    actions: [
      "cloudformation:CreateChangeSet",
      "cloudformation:DescribeChangeSet",
      "cloudformation:DescribeStackEvents",
      "cloudformation:DescribeStacks",
      "cloudformation:ExecuteChangeSet",
    ],
    resources: [arn(place, "cloudformation", "stack/CDKToolkit/*")],
  },
  {
    why: "One that is older, or whose making failed, is made new",
    actions: [
      "cloudformation:DeleteChangeSet",
      "cloudformation:DeleteStack",
      "cloudformation:GetTemplate",
      "cloudformation:UpdateTerminationProtection",
    ],
    resources: [arn(place, "cloudformation", "stack/CDKToolkit/*")],
    seldom: true,
  },
  {
    why: "Its roles",
    actions: [
      "iam:AttachRolePolicy",
      "iam:CreateRole",
      "iam:DeleteRole",
      "iam:DeleteRolePolicy",
      "iam:DetachRolePolicy",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:PutRolePolicy",
      "iam:TagRole",
      "iam:UpdateAssumeRolePolicy",
    ],
    resources: [iamArn(place, `role/cdk-${QUALIFIER}-*`)],
    through: "CloudFormation",
  },
  {
    why: "Its bucket for templates and assets",
    actions: [
      "s3:CreateBucket",
      "s3:DeleteBucketPolicy",
      "s3:GetBucketPolicy",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ],
    resources: [`arn:${place.partition}:s3:::cdk-${QUALIFIER}-assets-${place.account}-${place.region}`],
    through: "CloudFormation",
  },
  {
    why: "Its repository for image assets",
    actions: [
      "ecr:CreateRepository",
      "ecr:DeleteRepository",
      "ecr:DescribeRepositories",
      "ecr:PutLifecyclePolicy",
      "ecr:PutImageTagMutability",
      "ecr:SetRepositoryPolicy",
    ],
    resources: [arn(place, "ecr", `repository/cdk-${QUALIFIER}-container-assets-${place.account}-${place.region}`)],
    through: "CloudFormation",
  },
  {
    why: "Its version",
    actions: ["ssm:DeleteParameter", "ssm:GetParameters", "ssm:PutParameter"],
    resources: [arn(place, "ssm", `parameter/cdk-bootstrap/${QUALIFIER}/version`)],
    through: "CloudFormation",
  },
]

const deliveryByToolkit: Part = (place) => [
  {
    why: "The delivery stack is made by the bootstrap stack's roles",
    actions: ["sts:AssumeRole"],
    resources: [bootstrapRole(place, "deploy"), bootstrapRole(place, "file-publishing")],
  },
  {
    why: "What it made",
    actions: ["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
    resources: stacks(place, ["delivery"]),
  },
]

const changeSets: Part = (place) => [
  {
    why: "Change sets are made, read and thrown away; nothing here executes one",
    actions: [
      "cloudformation:CreateChangeSet",
      "cloudformation:DeleteChangeSet",
      "cloudformation:DescribeChangeSet",
      "cloudformation:DescribeStacks",
      "cloudformation:GetTemplate",
    ],
    resources: stacks(place),
  },
  {
    why: "Templates and assets are written by the bootstrap stack's role",
    actions: ["sts:AssumeRole"],
    resources: [bootstrapRole(place, "file-publishing")],
  },
  {
    why: "CloudFormation reads a template with the rights of whoever makes the change set",
    actions: ["s3:GetObject"],
    resources: [`arn:${place.partition}:s3:::cdk-${QUALIFIER}-assets-${place.account}-${place.region}/*`],
    through: "CloudFormation",
  },
  {
    why: "CloudFormation takes its role for a change set",
    actions: ["iam:PassRole"],
    resources: [bootstrapRole(place, "cfn-exec")],
    conditions: { StringEquals: { "iam:PassedToService": "cloudformation.amazonaws.com" } },
    through: "CloudFormation",
  },
]

const deliveryKey: Part = (place) => [
  {
    why: "The repositories are encrypted",
    actions: ["kms:DescribeKey"],
    resources: [place.deliveryKeyArn],
    through: "ECR",
  },
]

const lockAndRecord = releases(
  "The lock and the record of releases",
  "dynamodb:GetItem",
  "dynamodb:PutItem",
  "dynamodb:Query",
  "dynamodb:UpdateItem",
)

const executeChangeSets: Part = (place) => [
  {
    why: "Approved change sets are executed, and each watched by its own events",
    actions: [
      "cloudformation:DescribeStackEvents",
      "cloudformation:ExecuteChangeSet",
      "cloudformation:ListStackResources",
      "cloudformation:UpdateTerminationProtection",
    ],
    resources: stacks(place),
  },
  {
    why: "What a creation that failed has left goes first; stacks that stand are kept by their own protection",
    actions: ["cloudformation:DeleteStack"],
    resources: stacks(place),
    seldom: true,
  },
]

/** With the template as it is: the role that CloudFormation takes stays, too. */
const takeOverImage: Part = (place) => [
  {
    why: "The scheduled fetch takes over its image: its stack is updated as it is",
    actions: ["cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks", "cloudformation:UpdateStack"],
    resources: stacks(place, ["neo"]),
  },
]

const writeImageParameters: Part = (place) => [
  {
    why: "Which images run, after a rollout",
    actions: ["ssm:PutParameter"],
    resources: ROLLED_OUT.map((name) => arn(place, "ssm", `parameter${imageParameter(place.stage, name)}`)),
  },
]

/** One-off tasks by name: their task definitions' families and roles are called after them. */
const ONE_OFF = SERVICES.flatMap((service) => [`${service}-roles`, `${service}-migrate`])
/** Every task that a deploy registers or passes roles to. */
const TASKS = [...SERVICES, ...ONE_OFF, "get-data"]
const families = (place: Place, tasks: readonly string[]) =>
  tasks.map((task) => arn(place, "ecs", `task-definition/perigee-${place.stage}-${task}:*`))
const tasksOn = (place: Place, kind: string, clusters: readonly ("platform" | "data" | "neo")[]) =>
  clusters.map((of) => arn(place, "ecs", `${kind}/${clusterName(place.stage, of)}/*`))

const registerRevisions: Part = (place) => [
  {
    why: "Task definitions are registered with another image, their tags with them",
    actions: ["ecs:RegisterTaskDefinition", "ecs:TagResource"],
    resources: families(place, TASKS),
  },
  {
    why: "Roles of the tasks stay what they are",
    actions: ["iam:PassRole"],
    resources: TASKS.flatMap((task) =>
      ["task", "execution"].map((kind) => iamArn(place, `role/perigee-${place.stage}-${task}-${kind}`)),
    ),
    conditions: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
  },
  ...anywhere("Old revisions go", "ecs:DeregisterTaskDefinition", "ecs:ListTaskDefinitions")(place),
]

const rollOutServices: Part = (place) => [
  {
    why: "Services are brought to another revision, and taken back",
    actions: ["ecs:StopServiceDeployment", "ecs:UpdateService"],
    resources: ["service", "service-deployment"].flatMap((kind) => tasksOn(place, kind, ["platform"])),
  },
  {
    why: "What each deployment is of, and how far it is",
    actions: [
      "ecs:DescribeServiceDeployments",
      "ecs:DescribeServiceRevisions",
      "ecs:DescribeServices",
      "ecs:ListServiceDeployments",
    ],
    resources: ["service", "service-deployment", "service-revision"].flatMap((kind) =>
      tasksOn(place, kind, ["platform"]),
    ),
  },
  {
    why: "What tasks run, and why one stopped",
    actions: ["ecs:DescribeTasks", "ecs:ListTasks"],
    resources: ["task", "container-instance"].flatMap((kind) => tasksOn(place, kind, ["platform", "data", "neo"])),
  },
  {
    why: "Last lines of a task that stopped",
    actions: ["logs:GetLogEvents"],
    resources: [arn(place, "logs", `log-group:/perigee/${place.stage}/*`)],
  },
]

const runOneOffTasks: Part = (place): Permission[] => [
  {
    why: "Roles and migrations of the database run once, on its own cluster",
    actions: ["ecs:RunTask"],
    resources: families(place, ONE_OFF),
    conditions: { ArnEquals: { "ecs:cluster": arn(place, "ecs", `cluster/${clusterName(place.stage, "data")}`) } },
  },
  {
    why: "They get their definition's tags",
    actions: ["ecs:TagResource"],
    resources: tasksOn(place, "task", ["data"]),
    conditions: { StringEquals: { "ecs:CreateAction": "RunTask" } },
  },
  { why: "One that is late is stopped", actions: ["ecs:StopTask"], resources: tasksOn(place, "task", ["data"]) },
]

const rollOutFunction: Part = (place) => [
  ...theFunction(
    "lambda:CreateAlias",
    "lambda:DeleteAlias",
    "lambda:GetAlias",
    "lambda:GetFunctionConfiguration",
    "lambda:InvokeFunction",
    "lambda:ListAliases",
    "lambda:ListVersionsByFunction",
    "lambda:PublishVersion",
    "lambda:UpdateAlias",
  )(place),
  {
    why: "Old versions go; of the function itself, which has no version in its name, nothing does",
    actions: ["lambda:DeleteFunction"],
    resources: [arn(place, "lambda", `function:${functionName(place.stage)}:*`)],
  },
]

const stackResources = readStacks(
  "What the stacks have",
  "cloudformation:DescribeStacks",
  "cloudformation:ListStackResources",
)

const changeUnits: readonly Part[] = [
  imageParameters,
  writeImageParameters,
  stackResources,
  takeOverImage,
  taskDefinitions,
  registerRevisions,
  rollOutServices,
  rollOutFunction,
  certificate,
  lockAndRecord,
]

const PERMISSIONS: Readonly<Record<PermittedCommand, readonly Part[]>> = {
  bootstrap: [bootstrapVersion, cdkBootstrap, deliveryByToolkit],
  publish: [
    anywhere("The registry's token", "ecr:GetAuthorizationToken"),
    images(
      "Images that are there are skipped, others pushed",
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeRepositories",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ),
    deliveryKey,
  ],
  verify: [
    anywhere("The region's zones", "ec2:DescribeAvailabilityZones"),
    bootstrapVersion,
    readStacks("The stacks and what they have", "cloudformation:DescribeStacks", "cloudformation:ListStackResources"),
    imageParameters,
    images("Images by their digests, and for which platform", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
    certificate,
    anywhere("Quotas", "ec2:DescribeAddresses", "servicequotas:GetServiceQuota"),
    anywhere("Quotas of AWS, where the account has none of its own", "servicequotas:GetAWSDefaultServiceQuota"),
    taskDefinitions,
    roles,
    secrets,
    services,
    theFunction("lambda:GetFunctionConfiguration"),
    releases("The lock", "dynamodb:GetItem"),
  ],
  plan: [
    bootstrapVersion,
    imageParameters,
    anywhere("Which stacks there are", "cloudformation:ListStacks"),
    changeSets,
  ],
  diff: [
    readStacks(
      "What the stacks were deployed with",
      "cloudformation:DescribeStacks",
      "cloudformation:GetTemplate",
      "cloudformation:ListStackResources",
    ),
    imageParameters,
    services,
    taskDefinitions,
    theFunction("lambda:GetAlias", "lambda:GetFunctionConfiguration"),
  ],
  status: [
    services,
    taskDefinitions,
    theFunction("lambda:GetAlias", "lambda:GetFunctionConfiguration"),
    imageParameters,
    releases("The lock, and a release that was left", "dynamodb:GetItem", "dynamodb:Query"),
  ],
  history: [releases("The record of releases", "dynamodb:Query")],
  deploy: [
    bootstrapVersion,
    anywhere("Which stacks there are", "cloudformation:ListStacks"),
    changeSets,
    executeChangeSets,
    runOneOffTasks,
    ...changeUnits,
  ],
  rollback: changeUnits,
  logs: [
    services,
    taskDefinitions,
    stackResources,
    theFunction("lambda:GetFunctionConfiguration"),
    (place) => [
      {
        why: "The lines",
        actions: ["logs:FilterLogEvents"],
        resources: [
          arn(place, "logs", `log-group:/perigee/${place.stage}/*`),
          arn(place, "logs", `log-group:/aws/lambda/${functionName(place.stage)}:*`),
        ],
      },
    ],
  ],
  "move-egress": [
    lockAndRecord,
    (place) => [
      {
        why: "The network stack's one parameter is set, and the update watched by its events",
        actions: ["cloudformation:DescribeStackEvents", "cloudformation:DescribeStacks", "cloudformation:UpdateStack"],
        resources: stacks(place, ["network"]),
      },
    ],
  ],
  destroy: [
    lockAndRecord,
    imageParameters,
    writeImageParameters,
    (place) => [
      {
        why: "Stacks are deleted by CloudFormation's own role, and watched; delivery stays",
        actions: [
          "cloudformation:DeleteStack",
          "cloudformation:DescribeStackEvents",
          "cloudformation:DescribeStacks",
          "cloudformation:ListStackResources",
        ],
        resources: stacks(place, ["network", "data", "platform", "neo"]),
      },
      {
        why: "What remains, and what it costs",
        actions: ["cloudformation:GetTemplate"],
        resources: stacks(place, ["delivery"]),
      },
    ],
  ],
}
