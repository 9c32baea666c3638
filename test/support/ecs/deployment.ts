/** One deployment of a service, with the service deployment that ECS keeps of it. Source: API reference, Deployment. */
import type {
  DeploymentConfiguration,
  Deployment as DeploymentView,
  LoadBalancer,
  NetworkConfiguration,
  ServiceDeployment as ServiceDeploymentView,
  ServiceRevision as ServiceRevisionView,
  TaskDefinition,
} from "@aws-sdk/client-ecs"
import { arnBeside, number19, opaque21 } from "./ids.ts"
import type { Task } from "./task.ts"
import { rollout } from "./wording.ts"

/** What a deployment runs; UpdateService with another one starts a deployment. */
export interface Configuration {
  readonly taskDefinition: TaskDefinition
  readonly networkConfiguration?: NetworkConfiguration | undefined
  readonly loadBalancers: readonly LoadBalancer[]
  readonly platformVersion?: string | undefined
}

export interface Of {
  readonly serviceArn: string
  readonly clusterArn: string
}

/** An immutable configuration of a service, by its own ARN. */
export class Revision {
  readonly arn: string
  readonly configuration: Configuration
  readonly #of: Of
  readonly #createdAt = new Date()

  constructor(of: Of, configuration: Configuration) {
    this.#of = of
    this.configuration = configuration
    this.arn = arnBeside(of.serviceArn, `service-revision/${path(of)}/${number19()}`)
  }

  view(): ServiceRevisionView {
    const { taskDefinition, networkConfiguration, loadBalancers, platformVersion = "1.4.0" } = this.configuration
    return {
      serviceRevisionArn: this.arn,
      ...this.#of,
      taskDefinition: taskDefinition.taskDefinitionArn,
      launchType: "FARGATE",
      platformVersion,
      platformFamily: "Linux",
      loadBalancers: [...loadBalancers],
      networkConfiguration,
      containerImages: (taskDefinition.containerDefinitions ?? []).map(({ name, image = "" }) => ({
        containerName: name,
        image,
        imageDigest: image.split("@")[1],
      })),
      guardDutyEnabled: false,
      createdAt: this.#createdAt,
    }
  }
}

/** A rollout with its rollback, if there was one: kept after the deployment itself has gone. */
export class ServiceDeployment {
  readonly arn: string
  readonly source: Revision | undefined
  readonly target: Revision
  status: NonNullable<ServiceDeploymentView["status"]> = "IN_PROGRESS"
  statusReason: string | undefined
  rollback: ServiceDeploymentView["rollback"]
  readonly createdAt = new Date()
  finishedAt: Date | undefined
  stoppedAt: Date | undefined
  updatedAt = new Date()
  breaker: NonNullable<ServiceDeploymentView["deploymentCircuitBreaker"]>
  readonly #of: Of
  readonly #deploymentConfiguration: DeploymentConfiguration

  constructor(
    of: Of,
    source: Revision | undefined,
    target: Revision,
    deploymentConfiguration: DeploymentConfiguration,
    threshold: number,
  ) {
    this.#of = of
    this.#deploymentConfiguration = deploymentConfiguration
    this.source = source
    this.target = target
    this.arn = arnBeside(of.serviceArn, `service-deployment/${path(of)}/${opaque21()}`)
    const enabled = deploymentConfiguration.deploymentCircuitBreaker?.enable === true
    this.breaker = { status: enabled ? "MONITORING" : "DISABLED", failureCount: 0, threshold }
  }

  to(status: ServiceDeployment["status"], statusReason?: string): void {
    this.status = status
    this.statusReason = statusReason ?? this.statusReason
    this.updatedAt = new Date()
    if (["SUCCESSFUL", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"].includes(status)) this.finishedAt = new Date()
    if (status === "STOPPED") this.stoppedAt = new Date()
    if (this.breaker.status === "MONITORING" && status !== "IN_PROGRESS") {
      this.breaker = { ...this.breaker, status: "MONITORING_COMPLETE" }
    }
  }

  get over(): boolean {
    return ["SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"].includes(this.status)
  }

  brief() {
    const { arn, status, statusReason, createdAt, finishedAt, target } = this
    return {
      serviceDeploymentArn: arn,
      ...this.#of,
      startedAt: createdAt,
      createdAt,
      finishedAt,
      targetServiceRevisionArn: target.arn,
      status,
      statusReason,
    }
  }

  /** @param count of the tasks of a revision */
  view(count: (revision: Revision) => { running: number; pending: number; requested: number }): ServiceDeploymentView {
    const summary = (revision: Revision) => {
      const { running, pending, requested } = count(revision)
      return {
        arn: revision.arn,
        requestedTaskCount: requested,
        runningTaskCount: running,
        pendingTaskCount: pending,
      }
    }
    return {
      serviceDeploymentArn: this.arn,
      ...this.#of,
      createdAt: this.createdAt,
      startedAt: this.createdAt,
      finishedAt: this.finishedAt,
      stoppedAt: this.stoppedAt,
      updatedAt: this.updatedAt,
      sourceServiceRevisions: this.source === undefined ? [] : [summary(this.source)],
      targetServiceRevision: summary(this.target),
      status: this.status,
      statusReason: this.statusReason,
      deploymentConfiguration: this.#deploymentConfiguration,
      rollback: this.rollback,
      deploymentCircuitBreaker: this.breaker,
    }
  }
}

export class Deployment {
  readonly id = `ecs-svc/${number19()}`
  readonly revision: Revision
  readonly record: ServiceDeployment
  readonly tasks: Task[] = []
  status: "PRIMARY" | "ACTIVE" = "PRIMARY"
  desiredCount: number
  /** Consecutive; counted until one task serves. */
  failedTasks = 0
  /** Whether a task of it has served: from there on failures no longer count. */
  proven = false
  rolloutState: NonNullable<DeploymentView["rolloutState"]> = "IN_PROGRESS"
  rolloutStateReason: string
  /** Whether it takes another one back. */
  readonly rollsBack: boolean
  /** While there are some, no task is started. */
  holds = 0
  settling = false
  readonly createdAt = new Date()
  updatedAt = new Date()

  constructor(revision: Revision, record: ServiceDeployment, desiredCount: number, rollingBackTo?: string) {
    this.revision = revision
    this.record = record
    this.desiredCount = desiredCount
    this.rollsBack = rollingBackTo !== undefined
    this.rolloutStateReason =
      rollingBackTo === undefined ? rollout.inProgress(this.id) : rollout.rollingBack(rollingBackTo)
  }

  to(state: Deployment["rolloutState"], reason: string): void {
    this.rolloutState = state
    this.rolloutStateReason = reason
    this.updatedAt = new Date()
  }

  /** Those that shall run. */
  get alive(): Task[] {
    return this.tasks.filter(({ desiredStatus }) => desiredStatus === "RUNNING")
  }

  get running(): number {
    return this.alive.filter(({ lastStatus }) => lastStatus === "RUNNING").length
  }

  get pending(): number {
    return this.alive.length - this.running
  }

  view(): DeploymentView {
    const { taskDefinition, networkConfiguration, platformVersion = "1.4.0" } = this.revision.configuration
    return {
      id: this.id,
      status: this.status,
      taskDefinition: taskDefinition.taskDefinitionArn,
      desiredCount: this.desiredCount,
      pendingCount: this.pending,
      runningCount: this.running,
      failedTasks: this.failedTasks,
      createdAt: this.createdAt,
      updatedAt: this.updatedAt,
      launchType: "FARGATE",
      platformVersion,
      platformFamily: "Linux",
      networkConfiguration,
      rolloutState: this.rolloutState,
      rolloutStateReason: this.rolloutStateReason,
    }
  }
}

function path({ serviceArn }: Of): string {
  return serviceArn.split(":service/")[1] as string
}
