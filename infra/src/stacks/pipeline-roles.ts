/** The two roles that CircleCI's jobs take by OIDC, of one organisation, project and branch: one plans, one deploys. */
import { DefaultStackSynthesizer, Duration, Stack } from "aws-cdk-lib"
import type { Table } from "aws-cdk-lib/aws-dynamodb"
import type { Repository } from "aws-cdk-lib/aws-ecr"
import { Role, WebIdentityPrincipal } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import { Construct } from "constructs"
import { clusterName, functionName, imageParameter, ROLLED_OUT, stackName } from "../names.ts"
import type { Stage } from "../stage.ts"
import { allow, allowOnAnyResource } from "./allow.ts"

export interface PipelineRolesProps {
  /** The OIDC provider's address without its scheme, which its claims are named after. */
  readonly issuer: string
  readonly providerArn: string
  readonly repositories: readonly Repository[]
  /** Encrypts images and releases. */
  readonly key: IKey
  readonly releases: Table
}

const QUALIFIER = DefaultStackSynthesizer.DEFAULT_QUALIFIER

/** Why some names end in `*`: what they stand for is made, and numbered, by AWS or by a deploy. */
const PATTERNS =
  "Names end in * where AWS numbers what is made: change sets, task revisions, tasks, deployments, function versions; " +
  "all begin with this stage's own prefix"

export class PipelineRoles extends Construct {
  readonly plan: Role
  readonly deploy: Role

  constructor(scope: Construct, id: string, stage: Stage, props: PipelineRolesProps) {
    super(scope, id)
    const role = (name: string, description: string) =>
      new Role(this, name, {
        roleName: `perigee-${stage.name}-pipeline-${name}`,
        description,
        maxSessionDuration: Duration.hours(1),
        assumedBy: new WebIdentityPrincipal(props.providerArn, trust(stage, props.issuer)),
      })
    this.plan = role("plan", "Pushes images, prepares change sets and reads what runs; executes nothing")
    this.deploy = role("deploy", "Executes approved change sets, rolls out, rolls back")
    this.#read(this.plan, stage)
    this.#read(this.deploy, stage)
    this.#releases(this.plan, props, ["dynamodb:GetItem", "dynamodb:Query"])
    this.#releases(this.deploy, props, [
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ])
    this.#publish(this.plan, props)
    this.#changeSets(this.plan, stage)
    this.#execute(this.deploy, stage)
    this.#rollOut(this.deploy, stage)
  }

  #allow(role: Role, actions: readonly string[], resources: readonly string[]): void {
    allow(role, actions, resources, { pattern: PATTERNS })
  }

  #arn(service: string, resource: string): string {
    const { partition, region, account } = Stack.of(this)
    return `arn:${partition}:${service}:${region}:${account}:${resource}`
  }

  #roleArn(name: string): string {
    const { partition, account } = Stack.of(this)
    return `arn:${partition}:iam::${account}:role/${name}`
  }

  #bootstrapRole(kind: string): string {
    const { region, account } = Stack.of(this)
    return this.#roleArn(`cdk-${QUALIFIER}-${kind}-role-${account}-${region}`)
  }

  #stacks(stage: Stage): string[] {
    return (["network", "delivery", "data", "platform", "neo"] as const).map((stack) =>
      this.#arn("cloudformation", `stack/${stackName(stage.name, stack)}/*`),
    )
  }

  /** What both need to see. */
  #read(role: Role, stage: Stage): void {
    this.#allow(
      role,
      [
        "cloudformation:DescribeStacks",
        "cloudformation:DescribeStackEvents",
        "cloudformation:GetTemplate",
        "cloudformation:ListStackResources",
      ],
      [...this.#stacks(stage), this.#arn("cloudformation", "stack/CDKToolkit/*")],
    )
    this.#allow(role, ["cloudformation:DescribeChangeSet", "cloudformation:ListChangeSets"], this.#stacks(stage))
    this.#allow(
      role,
      ["ssm:GetParameter", "ssm:GetParameters"],
      [
        this.#arn("ssm", `parameter/cdk-bootstrap/${QUALIFIER}/version`),
        ...ROLLED_OUT.map((name) => this.#arn("ssm", `parameter${imageParameter(stage.name, name)}`)),
      ],
    )
    this.#allow(
      role,
      ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:DescribeImageScanFindings", "ecr:GetDownloadUrlForLayer"],
      [this.#arn("ecr", `repository/perigee-${stage.name}/*`)],
    )
    this.#allow(
      role,
      [
        "ecs:DescribeServices",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServiceRevisions",
        "ecs:ListServiceDeployments",
      ],
      [
        this.#arn("ecs", `service/${clusterName(stage.name, "platform")}/*`),
        this.#arn("ecs", `service-deployment/${clusterName(stage.name, "platform")}/*`),
        this.#arn("ecs", `service-revision/${clusterName(stage.name, "platform")}/*`),
      ],
    )
    this.#allow(
      role,
      ["lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionConfiguration", "lambda:ListVersionsByFunction"],
      [
        this.#arn("lambda", `function:${functionName(stage.name)}`),
        this.#arn("lambda", `function:${functionName(stage.name)}:*`),
      ],
    )
    allowOnAnyResource(role, ["ecs:DescribeTaskDefinition", "ecr:GetAuthorizationToken"])
  }

  #releases(role: Role, { key, releases }: PipelineRolesProps, actions: readonly string[]): void {
    const { region } = Stack.of(this)
    allow(role, actions, [releases.tableArn])
    allow(role, ["kms:Decrypt"], [key.keyArn], {
      conditions: { StringEquals: { "kms:ViaService": `dynamodb.${region}.amazonaws.com` } },
    })
  }

  #publish(role: Role, { repositories, key }: PipelineRolesProps): void {
    this.#allow(
      role,
      [
        "ecr:BatchCheckLayerAvailability",
        "ecr:CompleteLayerUpload",
        "ecr:DescribeRepositories",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
      ],
      repositories.map(({ repositoryArn }) => repositoryArn),
    )
    this.#allow(role, ["kms:DescribeKey"], [key.keyArn])
  }

  /** Change sets are made and thrown away; nothing here executes one. */
  #changeSets(role: Role, stage: Stage): void {
    this.#allow(role, ["cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet"], this.#stacks(stage))
    this.#allow(role, ["sts:AssumeRole"], [this.#bootstrapRole("file-publishing"), this.#bootstrapRole("lookup")])
    this.#pass(role, [this.#bootstrapRole("cfn-exec")], "cloudformation.amazonaws.com")
  }

  #execute(role: Role, stage: Stage): void {
    this.#allow(
      role,
      [
        "cloudformation:ContinueUpdateRollback",
        "cloudformation:CreateChangeSet",
        "cloudformation:DeleteChangeSet",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:UpdateTerminationProtection",
      ],
      this.#stacks(stage),
    )
    this.#allow(role, ["sts:AssumeRole"], [this.#bootstrapRole("file-publishing"), this.#bootstrapRole("lookup")])
    this.#pass(role, [this.#bootstrapRole("cfn-exec")], "cloudformation.amazonaws.com")
  }

  #rollOut(role: Role, stage: Stage): void {
    const platform = clusterName(stage.name, "platform")
    const data = clusterName(stage.name, "data")
    this.#allow(
      role,
      ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:TagResource"],
      [this.#arn("ecs", `task-definition/perigee-${stage.name}-*:*`)],
    )
    this.#allow(
      role,
      ["ecs:UpdateService", "ecs:StopServiceDeployment"],
      [this.#arn("ecs", `service/${platform}/*`), this.#arn("ecs", `service-deployment/${platform}/*`)],
    )
    this.#allow(
      role,
      ["ecs:DescribeTasks", "ecs:ListTasks", "ecs:StopTask"],
      [
        ...[platform, data].map((cluster) => this.#arn("ecs", `task/${cluster}/*`)),
        ...[platform, data].map((cluster) => this.#arn("ecs", `container-instance/${cluster}/*`)),
      ],
    )
    allowOnAnyResource(role, ["ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:ListTaskDefinitions"])
    this.#pass(
      role,
      [this.#roleArn(`perigee-${stage.name}-*-task`), this.#roleArn(`perigee-${stage.name}-*-execution`)],
      "ecs-tasks.amazonaws.com",
    )
    this.#allow(
      role,
      ["ssm:PutParameter"],
      ROLLED_OUT.map((name) => this.#arn("ssm", `parameter${imageParameter(stage.name, name)}`)),
    )
    this.#allow(
      role,
      ["lambda:CreateAlias", "lambda:InvokeFunction", "lambda:PublishVersion", "lambda:UpdateAlias"],
      [
        this.#arn("lambda", `function:${functionName(stage.name)}`),
        this.#arn("lambda", `function:${functionName(stage.name)}:*`),
      ],
    )
    this.#allow(
      role,
      ["logs:FilterLogEvents", "logs:GetLogEvents"],
      [this.#arn("logs", `log-group:/perigee/${stage.name}/*`)],
    )
  }

  #pass(role: Role, roles: readonly string[], service: string): void {
    allow(role, ["iam:PassRole"], roles, {
      conditions: { StringEquals: { "iam:PassedToService": service } },
      pattern: PATTERNS,
    })
  }
}

/**
 * Organisation by issuer and audience, project by its own claim, branch by the subject of CircleCI's second token.
 * Source: circleci.com/docs/openid-connect-tokens, “Format of the OpenID Connect ID token”.
 */
function trust({ circleci: { organizationId, projectId, origin, branch } }: Stage, issuer: string) {
  return {
    StringEquals: { [`${issuer}:aud`]: organizationId, [`${issuer}:oidc.circleci.com/project-id`]: projectId },
    StringLike: {
      [`${issuer}:sub`]: `org/${organizationId}/project/${projectId}/user/*/vcs-origin/${origin}/vcs-ref/refs/heads/${branch}`,
    },
  }
}
