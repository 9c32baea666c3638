/** What the stages promise: who reaches whom, who may do what. The proofs hold the templates to it, word for word. */
import type { Allowed, AllowedRole, AllowedRun, Permission, Ports, ResourcePermission } from "../src/allowed.ts"

export interface AllowedOptions {
  readonly stage: string
  readonly region: string
  /** Interface endpoints that the stage has. */
  readonly endpoints: readonly string[]
  /** The page that the scheduled fetch writes. */
  readonly page: number
  readonly circleci: {
    readonly organizationId: string
    readonly projectId: string
    readonly origin: string
    readonly branch: string
  }
}

const SERVICES = ["user_metadata", "flight_metadata", "flights_availability"] as const

export function allowed(options: AllowedOptions): Allowed {
  const { stage, endpoints } = options
  const name = `perigee-${stage}`
  // Whoever may reach the internet by HTTPS reaches AWS's services, and the platform's public entrance, like anybody.
  const https: Ports = {
    internet: [443],
    "load balancer": [443],
    "endpoint s3": [443],
    "endpoint dynamodb": [443],
    ...Object.fromEntries(endpoints.map((endpoint) => [`endpoint ${endpoint}`, [443]])),
  }
  const inside = [
    ...SERVICES.map((service) => `service ${service}`),
    "function neows",
    "scheduled task get-data",
    "migration",
    "database",
    ...endpoints.map((endpoint) => `endpoint ${endpoint}`),
  ]
  return {
    reachable: {
      internet: { "load balancer": [80, 443] },
      "load balancer": {
        "service user_metadata": [1010],
        "service flight_metadata": [2020],
        "service flights_availability": [3030],
      },
      "service user_metadata": { ...https, database: [5432] },
      "service flight_metadata": { ...https, database: [5432] },
      "service flights_availability": { ...https, database: [5432] },
      migration: { ...https, database: [5432] },
      "function neows": https,
      "scheduled task get-data": https,
    },
    twiceShut: {
      internet: inside,
      "load balancer": ["database"],
      database: ["internet", "load balancer"],
    },
    entrance: {
      "service user_metadata": ["/api/users", "/api/users/*"],
      "service flight_metadata": ["/api/flights", "/api/flights/*"],
      "service flights_availability": ["/api/availability", "/api/availability/*"],
    },
    tasks: [
      {
        name: "migration",
        families: new RegExp(`^${name}-(${SERVICES.join("|")})-(roles|migrate)$`),
        group: "network/Groupsmigration",
        tier: "service",
      },
    ],
    roles: roles(options),
    runs: runs(stage),
    policies: policies(options),
    anyResource: {
      "cloudformation:ListStacks": "AWS knows no resource for it",
      "ec2:DescribeAddresses": "AWS knows no resource for it",
      "ec2:DescribeAvailabilityZones": "AWS knows no resource for it",
      "servicequotas:GetAWSDefaultServiceQuota": "AWS knows no resource for it",
      "servicequotas:GetServiceQuota": "AWS knows no resource for it",
      "ecr:GetAuthorizationToken": "the token is the registry's",
      "ecs:DescribeTaskDefinition": "AWS knows no resource for it",
      "ecs:DeregisterTaskDefinition": "AWS knows no resource for it",
      "ecs:ListTaskDefinitions": "AWS knows no resource for it",
      "ec2:AssignPrivateIpAddresses": "Lambda's own, and denied to the function's code",
      "ec2:CreateNetworkInterface": "Lambda's own, and denied to the function's code",
      "ec2:DeleteNetworkInterface": "Lambda's own, and denied to the function's code",
      "ec2:DescribeNetworkInterfaces": "Lambda's own, and denied to the function's code",
      "ec2:DescribeSubnets": "Lambda's own, and denied to the function's code",
      "ec2:UnassignPrivateIpAddresses": "Lambda's own, and denied to the function's code",
    },
  }
}

const OWN_ACCOUNT = "StringEquals aws:SourceAccount account"

function roles({ stage, region, page, circleci }: AllowedOptions): Allowed["roles"] {
  const name = `perigee-${stage}`
  const image = (repository: string): Permission => [
    `ecr repository/${name}/${repository}`,
    "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer",
  ]
  const log = (group: string): Permission => [`logs log-group:${group}:*`, "logs:CreateLogStream logs:PutLogEvents"]
  const ecs = ["service ecs-tasks.amazonaws.com", "sts:AssumeRole", OWN_ACCOUNT] as const
  const execution = (repository: string, group: string, ...more: Permission[]): AllowedRole => ({
    trust: ecs,
    may: [image(repository), ["*", "ecr:GetAuthorizationToken"], log(`/perigee/${stage}/${group}`), ...more],
  })
  const apiKey = `secretsmanager secret:perigee/${stage}/nasa-api-key`
  const via = (service: string) => `StringEquals kms:ViaService ${service}.${region}.amazonaws.com`
  const configs = `dynamodb table/${name}-service-configs`
  const connect = (user: string): Permission => [
    `rds-db dbuser:<rds db:${name}.DbiResourceId>/${user}`,
    "rds-db:connect",
  ]
  const interfaces =
    "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface " +
    "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
  const all: Record<string, AllowedRole> = {}
  for (const service of SERVICES) {
    all[`${name}-${service}-task`] = {
      trust: ecs,
      may: [
        connect(service),
        [configs, "dynamodb:Query", `ForAllValues:StringEquals dynamodb:LeadingKeys ${service}`],
        [`kms alias/${name}-data`, "kms:Decrypt", via("dynamodb")],
      ],
    }
    all[`${name}-${service}-execution`] = execution(service, service)
    // Makes the database's roles as its administrator, whose password ECS reads for it.
    all[`${name}-${service}-roles-task`] = { trust: ecs, may: [] }
    all[`${name}-${service}-roles-execution`] = execution(
      service,
      "migration",
      [`<rds db:${name}.MasterUserSecret.SecretArn>`, "secretsmanager:DescribeSecret secretsmanager:GetSecretValue"],
      [`kms alias/${name}-data`, "kms:Decrypt", via("secretsmanager")],
    )
    all[`${name}-${service}-migrate-task`] = { trust: ecs, may: [connect("perigee_migrator")] }
    all[`${name}-${service}-migrate-execution`] = execution(service, "migration")
  }
  return {
    ...all,
    [`${name}-get-data-task`]: {
      trust: ecs,
      may: [
        [`s3 ${name}-neows-\${AWS::AccountId}-${region}/browse/page-${page}.json`, "s3:PutObject"],
        [`kms alias/${name}-neo`, "kms:Decrypt kms:GenerateDataKey", via("s3")],
      ],
    },
    [`${name}-get-data-execution`]: execution(
      "get_data",
      "get-data",
      [apiKey, "secretsmanager:DescribeSecret secretsmanager:GetSecretValue"],
      [`kms alias/${name}-neo`, "kms:Decrypt", via("secretsmanager")],
    ),
    [`${name}-scheduler`]: {
      trust: ["service scheduler.amazonaws.com", "sts:AssumeRole", OWN_ACCOUNT],
      may: [
        [`ecs task-definition/${name}-get-data:*`, "ecs:RunTask", `ArnEquals ecs:cluster ecs cluster/${name}-neo`],
        [`ecs task/${name}-neo/*`, "ecs:TagResource", "StringEquals ecs:CreateAction RunTask"],
        ...["task", "execution"].map(
          (kind): Permission => [
            `iam role/${name}-get-data-${kind}`,
            "iam:PassRole",
            "StringEquals iam:PassedToService ecs-tasks.amazonaws.com",
          ],
        ),
      ],
    },
    [`${name}-neows-function`]: {
      trust: ["service lambda.amazonaws.com", "sts:AssumeRole", OWN_ACCOUNT],
      may: [
        log(`/aws/lambda/${name}-neows`),
        [apiKey, "secretsmanager:GetSecretValue"],
        [`kms alias/${name}-neo`, "kms:Decrypt"],
        ["*", interfaces],
      ],
      mayNot: [["*", interfaces, `ArnEquals lambda:SourceFunctionArn lambda function:${name}-neows`]],
    },
    [`${name}-operator`]: {
      trust: ["account", "sts:AssumeRole", "Bool aws:MultiFactorAuthPresent true"],
      may: [
        [
          configs,
          "dynamodb:DeleteItem dynamodb:DescribeTable dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem",
        ],
        [`kms alias/${name}-data`, "kms:Decrypt kms:DescribeKey", via("dynamodb")],
      ],
    },
    "network/FlowLogsRole": {
      trust: ["service vpc-flow-logs.amazonaws.com", "sts:AssumeRole", OWN_ACCOUNT],
      may: [
        [
          `logs log-group:/perigee/${stage}/flow-logs:*`,
          "logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents",
        ],
      ],
    },
    ...pipeline(name, stage, region, circleci),
  }
}

function runs(stage: string): AllowedRun[] {
  const name = `perigee-${stage}`
  const task = (family: string, image: string, { secrets = "none", command = "none" } = {}): AllowedRun => ({
    kind: "task",
    name: `${name}-${family}`,
    as: {
      "task role": `${name}-${family}-task`,
      "execution role": `${name}-${family}-execution`,
      image: `\${ssm /perigee/${stage}/${image}/image}`,
      secrets,
      command,
    },
  })
  const administrator = `<rds db:${name}.MasterUserSecret.SecretArn>`
  return [
    ...SERVICES.flatMap((service) => [
      task(service, service),
      task(`${service}-roles`, service, {
        secrets: `DB_PASSWORD=${administrator}:password:: DB_USER=${administrator}:username::`,
        command: "roles",
      }),
      task(`${service}-migrate`, service, { command: "migrate" }),
      {
        kind: "service" as const,
        name: service,
        as: { task: `${name}-${service}`, cluster: `${name}-platform` },
      },
    ]),
    task("get-data", "get_data", { secrets: `NASA_API_KEY=secretsmanager secret:perigee/${stage}/nasa-api-key` }),
    {
      kind: "schedule",
      name: `${name}-get-data`,
      as: { role: `${name}-scheduler`, task: `${name}-get-data`, cluster: `${name}-neo` },
    },
    { kind: "function", name: `${name}-neows`, as: { role: `${name}-neows-function` } },
  ]
}

/** CircleCI's two roles: of one organisation, one project and one branch. */
function pipeline(
  name: string,
  stage: string,
  region: string,
  { organizationId, projectId, origin, branch }: AllowedOptions["circleci"],
): Allowed["roles"] {
  const issuer = `oidc.circleci.com/org/${organizationId}`
  const trust = [
    `federated iam oidc-provider/${issuer}`,
    "sts:AssumeRoleWithWebIdentity",
    `StringEquals ${issuer}:aud ${organizationId} and ` +
      `StringEquals ${issuer}:oidc.circleci.com/project-id ${projectId} and ` +
      `StringLike ${issuer}:sub org/${organizationId}/project/${projectId}/user/*/vcs-origin/${origin}/vcs-ref/refs/heads/${branch} and ` +
      `StringNotLike ${issuer}:sub */vcs-origin/*/vcs-origin/*`,
  ] as const
  const on = (resources: readonly string[], actions: string, condition?: string): Permission[] =>
    resources.map((resource) => (condition === undefined ? [resource, actions] : [resource, actions, condition]))
  const stacks = ["network", "delivery", "data", "platform", "neo"].map(
    (stack) => `cloudformation stack/${name}-${stack}/*`,
  )
  const images = ["get_data", ...SERVICES].map((image) => `ssm parameter/perigee/${stage}/${image}/image`)
  const lambda = [`lambda function:${name}-neows`, `lambda function:${name}-neows:*`]
  const rollouts = ["service", "service-deployment", "service-revision"].map((kind) => `ecs ${kind}/${name}-platform/*`)
  const bootstrap = (kind: string) => `iam role/cdk-hnb659fds-${kind}-role-\${AWS::AccountId}-${region}`
  const oneOff = SERVICES.flatMap((service) => [`${service}-roles`, `${service}-migrate`])
  const tasks = [...SERVICES, ...oneOff, "get-data"]
  const passed = (service: string) => `StringEquals iam:PassedToService ${service}`
  const changeSets = [
    ...on([bootstrap("file-publishing")], "sts:AssumeRole"),
    ...on([bootstrap("cfn-exec")], "iam:PassRole", passed("cloudformation.amazonaws.com")),
  ]
  const record = (actions: string) => [
    ...on([`dynamodb table/${name}-releases`], actions),
    ...on(
      [`kms alias/${name}-delivery`],
      "kms:Decrypt",
      `StringEquals kms:ViaService dynamodb.${region}.amazonaws.com`,
    ),
  ]
  return {
    [`${name}-pipeline-plan`]: {
      trust,
      may: [
        ...changeSets,
        ...on(
          stacks,
          "cloudformation:CreateChangeSet cloudformation:DeleteChangeSet cloudformation:DescribeChangeSet cloudformation:DescribeStacks cloudformation:GetTemplate cloudformation:ListStackResources",
        ),
        ...on([`s3 cdk-hnb659fds-assets-\${AWS::AccountId}-${region}/*`], "s3:GetObject"),
        ...on(["ssm parameter/cdk-bootstrap/hnb659fds/version"], "ssm:GetParameter"),
        ...on(images, "ssm:GetParameters"),
        ...on(
          [`ecr repository/${name}/*`],
          "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:CompleteLayerUpload ecr:DescribeRepositories ecr:GetDownloadUrlForLayer ecr:InitiateLayerUpload ecr:PutImage ecr:UploadLayerPart",
        ),
        ...on([`kms alias/${name}-delivery`], "kms:DescribeKey"),
        ...on(rollouts.slice(0, 1), "ecs:DescribeServices"),
        ...on(lambda, "lambda:GetAlias lambda:GetFunctionConfiguration"),
        ...on(["acm certificate/*"], "acm:DescribeCertificate"),
        ...on([`iam role/${name}-*`], "iam:GetRole iam:SimulatePrincipalPolicy"),
        ...on(
          [`secretsmanager secret:perigee/${stage}/*`, "secretsmanager secret:rds!db-*"],
          "secretsmanager:DescribeSecret",
        ),
        ...on(
          ["*"],
          "cloudformation:ListStacks ec2:DescribeAddresses ec2:DescribeAvailabilityZones ecr:GetAuthorizationToken ecs:DescribeTaskDefinition servicequotas:GetAWSDefaultServiceQuota servicequotas:GetServiceQuota",
        ),
        ...record("dynamodb:GetItem dynamodb:Query"),
      ],
    },
    [`${name}-pipeline-deploy`]: {
      trust,
      may: [
        ...changeSets,
        ...record("dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"),
        ...on(
          stacks,
          "cloudformation:ContinueUpdateRollback cloudformation:CreateChangeSet cloudformation:DeleteChangeSet cloudformation:DeleteStack cloudformation:DescribeChangeSet cloudformation:DescribeStackEvents cloudformation:DescribeStacks cloudformation:ExecuteChangeSet cloudformation:GetTemplate cloudformation:ListStackResources cloudformation:UpdateTerminationProtection",
        ),
        // The scheduled fetch takes over its image; the egress moves.
        ...on(
          [`cloudformation stack/${name}-neo/*`, `cloudformation stack/${name}-network/*`],
          "cloudformation:UpdateStack",
        ),
        ...on([`s3 cdk-hnb659fds-assets-\${AWS::AccountId}-${region}/*`], "s3:GetObject"),
        ...on(["ssm parameter/cdk-bootstrap/hnb659fds/version"], "ssm:GetParameter"),
        ...on(images, "ssm:GetParameters ssm:PutParameter"),
        ...on(
          tasks.map((task) => `ecs task-definition/${name}-${task}:*`),
          "ecs:RegisterTaskDefinition ecs:TagResource",
        ),
        ...on(
          oneOff.map((task) => `ecs task-definition/${name}-${task}:*`),
          "ecs:RunTask",
          `ArnEquals ecs:cluster ecs cluster/${name}-data`,
        ),
        ...on([`ecs task/${name}-data/*`], "ecs:TagResource", "StringEquals ecs:CreateAction RunTask"),
        ...on([`ecs task/${name}-data/*`], "ecs:StopTask"),
        ...on(rollouts.slice(0, 2), "ecs:StopServiceDeployment ecs:UpdateService"),
        ...on(
          rollouts,
          "ecs:DescribeServiceDeployments ecs:DescribeServiceRevisions ecs:DescribeServices ecs:ListServiceDeployments",
        ),
        ...on(
          ["platform", "data", "neo"].flatMap((cluster) => [
            `ecs task/${name}-${cluster}/*`,
            `ecs container-instance/${name}-${cluster}/*`,
          ]),
          "ecs:DescribeTasks ecs:ListTasks",
        ),
        ...on(
          ["*"],
          "cloudformation:ListStacks ecs:DeregisterTaskDefinition ecs:DescribeTaskDefinition ecs:ListTaskDefinitions",
        ),
        ...on(
          tasks.flatMap((task) => [`iam role/${name}-${task}-task`, `iam role/${name}-${task}-execution`]),
          "iam:PassRole",
          passed("ecs-tasks.amazonaws.com"),
        ),
        ...on(
          lambda,
          "lambda:CreateAlias lambda:DeleteAlias lambda:GetAlias lambda:GetFunctionConfiguration lambda:InvokeFunction lambda:ListAliases lambda:ListVersionsByFunction lambda:PublishVersion lambda:UpdateAlias",
        ),
        // Of versions alone.
        ...on(lambda.slice(1), "lambda:DeleteFunction"),
        ...on(["acm certificate/*"], "acm:DescribeCertificate"),
        ...on([`logs log-group:/perigee/${stage}/*`], "logs:FilterLogEvents logs:GetLogEvents"),
        ...on([`logs log-group:/aws/lambda/${name}-neows:*`], "logs:FilterLogEvents"),
      ],
    },
  }
}

/** Keys are administered by IAM of the account: everything that IAM may grant on them, spelled out. */
const KEY_ACTIONS = [
  "CancelKeyDeletion CreateAlias CreateGrant Decrypt DeleteAlias DescribeKey DisableKey DisableKeyRotation EnableKey",
  "EnableKeyRotation Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyPolicy GetKeyRotationStatus ListGrants",
  "ListKeyPolicies ListKeyRotations ListResourceTags PutKeyPolicy ReEncryptFrom ReEncryptTo RetireGrant RevokeGrant",
  "RotateKeyOnDemand ScheduleKeyDeletion TagResource UntagResource UpdateAlias UpdateKeyDescription",
]
  .flatMap((line) => line.split(" "))
  .map((action) => `kms:${action}`)
  .join(" ")

function policies({ stage, region, endpoints }: AllowedOptions): Allowed["policies"] {
  const name = `perigee-${stage}`
  const byIam: ResourcePermission = ["allow", "account", "*", KEY_ACTIONS]
  const tlsOnly = (resources: readonly string[], actions: string): ResourcePermission[] =>
    resources.map((resource) => ["deny", "*", resource, actions, "Bool aws:SecureTransport false"])
  const bucket = (text: string): ResourcePermission[] => [
    ...tlsOnly([`s3 ${text}`, `s3 ${text}/*`], "s3:*"),
    ...[`s3 ${text}`, `s3 ${text}/*`].map(
      (resource): ResourcePermission => ["deny", "*", resource, "s3:*", "NumericLessThan s3:TlsVersion 1.2"],
    ),
  ]
  const ofThisAccount = "StringEquals aws:PrincipalAccount account"
  const documents = `${name}-neows-\${AWS::AccountId}-${region}`
  const accessLogs = "<platform/AccessLogs>"
  const written = `s3 ${accessLogs}/load-balancer/AWSLogs/\${AWS::AccountId}/*`
  const pull = "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetAuthorizationToken ecr:GetDownloadUrlForLayer"
  const interfaceActions: Readonly<Record<string, string>> = {
    "ecr.api": pull,
    "ecr.dkr": pull,
    logs: "logs:CreateLogStream logs:PutLogEvents",
    secretsmanager: "secretsmanager:DescribeSecret secretsmanager:GetSecretValue",
  }
  return {
    [`kms alias/${name}-operations`]: [
      byIam,
      [
        "allow",
        `service logs.${region}.amazonaws.com`,
        "*",
        "kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:ReEncryptFrom kms:ReEncryptTo",
        "ArnLike kms:EncryptionContext:aws:logs:arn logs log-group:*",
      ],
      ["allow", "service cloudwatch.amazonaws.com", "*", "kms:Decrypt kms:GenerateDataKey", OWN_ACCOUNT],
      [
        "allow",
        "service events.amazonaws.com",
        "*",
        "kms:Decrypt kms:GenerateDataKey",
        `StringEquals kms:EncryptionContext:aws:sns:topicArn sns ${name}-alarms`,
      ],
    ],
    [`kms alias/${name}-delivery`]: [byIam],
    [`kms alias/${name}-data`]: [byIam],
    [`kms alias/${name}-neo`]: [byIam],
    "platform/AccessLogsPolicy": [
      ...bucket(accessLogs),
      // ELB's own account in Frankfurt. Source: ELB user guide, “Enable access logs”.
      ["allow", "aws iam account 054676820928 root", written, "s3:PutObject"],
      [
        "allow",
        "service delivery.logs.amazonaws.com",
        written,
        "s3:PutObject",
        "StringEquals s3:x-amz-acl bucket-owner-full-control",
      ],
      ["allow", "service delivery.logs.amazonaws.com", `s3 ${accessLogs}`, "s3:GetBucketAcl"],
    ],
    "neo/DocumentsPolicy": bucket(documents),
    "network/AlarmsPolicy": [
      ...tlsOnly([`sns ${name}-alarms`], "sns:Publish"),
      ...["cloudwatch", "events"].map(
        (service): ResourcePermission => [
          "allow",
          `service ${service}.amazonaws.com`,
          `sns ${name}-alarms`,
          "sns:Publish",
          OWN_ACCOUNT,
        ],
      ),
    ],
    "endpoint s3": [
      ["allow", "*", `s3 ${documents}/*`, "s3:AbortMultipartUpload s3:GetObject s3:PutObject", ofThisAccount],
      ["allow", "*", `s3 prod-${region}-starport-layer-bucket/*`, "s3:GetObject"],
    ],
    "endpoint dynamodb": [
      ["allow", "*", `dynamodb table/${name}-service-configs`, "dynamodb:DescribeTable dynamodb:Query", ofThisAccount],
    ],
    ...Object.fromEntries(
      endpoints.map((endpoint): [string, ResourcePermission[]] => [
        `endpoint ${endpoint}`,
        [["allow", "*", "*", interfaceActions[endpoint] ?? "", ofThisAccount]],
      ]),
    ),
  }
}
