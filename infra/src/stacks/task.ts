/** A Fargate task of one hardened container, with an execution role and a task role of its own. */
import { CfnParameter, Duration, Stack } from "aws-cdk-lib"
import {
  Capability,
  type ContainerDefinition,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LinuxParameters,
  LogDriver,
  OperatingSystemFamily,
  type PortMapping,
  type Secret,
  type SystemControl,
} from "aws-cdk-lib/aws-ecs"
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam"
import type { LogGroup } from "aws-cdk-lib/aws-logs"
import { Construct } from "constructs"
import { imageParameter, type RolledOutName, repositoryName } from "../names.ts"
import type { FargateSize, Stage } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"
import { allow, allowOnAnyResource } from "./allow.ts"

/** The user that the images run as: distroless' `nonroot`. */
const NONROOT = "65532:65532"
/** Longer than a service's drain (DRAIN_SECONDS, 24). */
const STOP_TIMEOUT = Duration.seconds(30)

export interface TaskOptions {
  /** After `perigee-<stage>-`: the family, and the roles' names with `-task` and `-execution`. */
  readonly name: string
  readonly image: RolledOutName
  readonly size: FargateSize
  readonly command?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly secrets?: Readonly<Record<string, Secret>>
  readonly logs: LogGroup
  readonly ports?: readonly PortMapping[]
  readonly systemControls?: readonly SystemControl[]
}

export class Task extends Construct {
  readonly definition: FargateTaskDefinition
  readonly container: ContainerDefinition
  /** What the program may do. */
  readonly role: Role
  /** What ECS may do to start it. */
  readonly executionRole: Role

  constructor(scope: Construct, id: string, stage: Stage, options: TaskOptions) {
    super(scope, id)
    const name = `perigee-${stage.name}-${options.name}`
    this.role = this.#role("TaskRole", `${name}-task`, `What ${options.name} may do`)
    this.executionRole = this.#role("ExecutionRole", `${name}-execution`, `What ECS may do to start ${options.name}`)
    const { partition, region, account } = Stack.of(this)
    allow(
      this.executionRole,
      ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
      [`arn:${partition}:ecr:${region}:${account}:repository/${repositoryName(stage.name, options.image)}`],
    )
    allowOnAnyResource(this.executionRole, ["ecr:GetAuthorizationToken"])

    this.definition = new FargateTaskDefinition(this, "Definition", {
      family: name,
      cpu: options.size.cpu,
      memoryLimitMiB: options.size.memoryMiB,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.of(stage.architecture),
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
      taskRole: this.role,
      executionRole: this.executionRole,
    })
    const linuxParameters = new LinuxParameters(this, "Linux")
    linuxParameters.dropCapabilities(Capability.ALL)
    this.container = this.definition.addContainer("Container", {
      containerName: options.image,
      image: ContainerImage.fromRegistry(runningImage(this, stage, options.image)),
      ...(options.command && { command: [...options.command] }),
      user: NONROOT,
      readonlyRootFilesystem: true,
      linuxParameters,
      environment: { ...options.environment },
      ...(options.secrets && { secrets: { ...options.secrets } }),
      ...(options.ports && { portMappings: [...options.ports] }),
      ...(options.systemControls && { systemControls: [...options.systemControls] }),
      stopTimeout: STOP_TIMEOUT,
      logging: LogDriver.awsLogs({ logGroup: options.logs, streamPrefix: options.name }),
    })
    acknowledge(
      this.definition,
      "AwsSolutions-ECS2",
      "Names, ports and addresses are in the environment; every secret comes from Secrets Manager",
    )
  }

  #role(id: string, roleName: string, description: string): Role {
    const { account } = Stack.of(this)
    return new Role(this, id, {
      roleName,
      description,
      assumedBy: new ServicePrincipal("ecs-tasks.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": account } },
      }),
    })
  }
}

/**
 * The image that runs, read from its parameter whenever CloudFormation updates the stack: after a rollout or a rollback an
 * infrastructure deploy keeps the running image. One CloudFormation parameter for an image and stack.
 */
function runningImage(scope: Construct, stage: Stage, image: RolledOutName): string {
  const stack = Stack.of(scope)
  const id = `${image.replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Image`
  const existing = stack.node.tryFindChild(id) as CfnParameter | undefined
  const parameter =
    existing ??
    new CfnParameter(stack, id, {
      type: "AWS::SSM::Parameter::Value<String>",
      default: imageParameter(stage.name, image),
      description: `Image of ${image} that runs, as a successful rollout left it`,
    })
  return parameter.valueAsString
}
