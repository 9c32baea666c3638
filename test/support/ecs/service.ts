/**
 * One service of the rolling type: its scheduler, which starts and stops tasks until the newest deployment alone runs, and
 * the circuit breaker, which fails a deployment. Nothing happens but by {@link Service.reconcile}, after each change.
 * Source: ECS developer guide, “Deploy Amazon ECS services by replacing tasks”, “How the deployment circuit breaker
 * detects failures”; API reference, Service, DeploymentConfiguration.
 */
import { randomUUID } from "node:crypto"
import type { DeploymentConfiguration, ServiceEvent, Service as ServiceView, Tag } from "@aws-sdk/client-ecs"
import { type Behaviour, type Behaviours, HEALTHY } from "./behaviour.ts"
import { type Configuration, Deployment, type Of, Revision, ServiceDeployment } from "./deployment.ts"
import { type Surroundings, Task } from "./task.ts"
import { event, rollout, stopped } from "./wording.ts"

/** ECS keeps a hundred events of a service. */
const EVENTS = 100

/** What a test waits for, by the wall clock: milliseconds since 1970. */
export interface Milestones {
  /** When the last deployment began. */
  started: number
  /** When it alone was left, with all its tasks running: what the waiter `services-stable` looks for. */
  stable: number | undefined
  /** When its rollout was COMPLETED. */
  completed: number | undefined
  /** When its rollout FAILED. */
  failed: number | undefined
  /** When the first of its tasks began to stop by a failure. */
  firstStopped: number | undefined
}

export interface Adopted extends Of {
  readonly name: string
  readonly desiredCount: number
  readonly deploymentConfiguration: DeploymentConfiguration
  readonly tags: readonly Tag[]
  /** Fields that a rollout has nothing to do with, as they are told. */
  readonly rest: Partial<ServiceView>
}

export class Service {
  readonly name: string
  readonly of: Of
  desiredCount: number
  deploymentConfiguration: DeploymentConfiguration
  tags: readonly Tag[]
  rest: Partial<ServiceView>
  /** Newest first. */
  deployments: Deployment[] = []
  readonly events: ServiceEvent[] = []
  /** Every rollout, newest first. */
  readonly records: ServiceDeployment[] = []
  readonly revisions: Revision[] = []
  /** Of deployments that have gone too. */
  readonly tasks: Task[] = []
  milestones: Milestones = {
    started: Date.now(),
    stable: undefined,
    completed: undefined,
    failed: undefined,
    firstStopped: undefined,
  }
  #lastCompleted: { readonly id: string; readonly revision: Revision } | undefined
  readonly #in: Surroundings
  readonly #behaviours: Behaviours
  readonly #changed: () => void
  readonly #counted = new Set<Task>()
  #reconciling = false
  #again = false

  /** @param changed called after each change, for those who wait */
  constructor(adopted: Adopted, surroundings: Surroundings, behaviours: Behaviours, changed: () => void) {
    this.name = adopted.name
    this.of = { serviceArn: adopted.serviceArn, clusterArn: adopted.clusterArn }
    this.desiredCount = adopted.desiredCount
    this.deploymentConfiguration = adopted.deploymentConfiguration
    this.tags = adopted.tags
    this.rest = adopted.rest
    this.#in = surroundings
    this.#behaviours = behaviours
    this.#changed = changed
  }

  get primary(): Deployment {
    return this.deployments[0] as Deployment
  }

  /** `min(max(3, ceil(desired / 2)), 200)` failed tasks. */
  get threshold(): number {
    return Math.min(Math.max(3, Math.ceil(this.desiredCount / 2)), 200)
  }

  /** Starts one beside what runs. */
  deploy(configuration: Configuration): Deployment {
    const source = this.deployments[0]
    if (source !== undefined && !source.record.over) source.record.to("STOPPED", "Superseded by a newer deployment.")
    const revision = this.#revision(configuration)
    const record = new ServiceDeployment(
      this.of,
      this.#lastCompleted?.revision ?? source?.revision,
      revision,
      this.deploymentConfiguration,
      this.threshold,
    )
    this.records.unshift(record)
    const deployment = this.#begin(new Deployment(revision, record, this.desiredCount))
    this.reconcile()
    return deployment
  }

  /** As though its deployment had come to its end long ago: its tasks run already. */
  adopt(configuration: Configuration): void {
    const revision = this.#revision(configuration)
    const record = new ServiceDeployment(this.of, undefined, revision, this.deploymentConfiguration, this.threshold)
    this.records.unshift(record)
    const deployment = this.#begin(new Deployment(revision, record, this.desiredCount))
    for (let count = this.desiredCount; count > 0; count -= 1) this.#task(deployment, HEALTHY, true)
    this.#complete(deployment, false)
  }

  /** StopServiceDeployment's ROLLBACK, or the circuit breaker's own. */
  rollBack(why: string): void {
    const failed = this.primary
    const to = this.#lastCompleted
    if (to === undefined) return
    failed.record.rollback = { reason: why, startedAt: new Date(), serviceRevisionArn: to.revision.arn }
    failed.record.to("ROLLBACK_IN_PROGRESS", why)
    this.#say(event.rollingBack(to.id))
    this.#begin(new Deployment(to.revision, failed.record, this.desiredCount, to.id))
    this.reconcile()
  }

  /** @param why as the event has it, such as `tasks failed to start` */
  fail(why = "tasks failed to start", reason = rollout.failed): void {
    const failed = this.primary
    failed.to("FAILED", reason)
    this.milestones.failed ??= Date.now()
    failed.record.breaker = { ...failed.record.breaker, status: "TRIGGERED" }
    this.#say(event.failed(failed.id, why))
    const { deploymentCircuitBreaker } = this.deploymentConfiguration
    if (failed.rollsBack) failed.record.to("ROLLBACK_FAILED", reason)
    else if (deploymentCircuitBreaker?.rollback && this.#lastCompleted !== undefined) this.rollBack(reason)
    else failed.record.to("STOPPED", reason)
    this.reconcile()
  }

  /** StopServiceDeployment's ABORT: what runs stays, nothing more is started. */
  abort(): void {
    this.primary.to("FAILED", "ECS deployment stopped.")
    this.primary.record.to("STOPPED", "Stopped by the user.")
    this.reconcile()
  }

  /** Nobody wants it any more. */
  remove(): void {
    this.desiredCount = 0
    for (const task of this.tasks) task.stop("ServiceSchedulerInitiated", stopped.scaling(this.primary.id), 0)
  }

  reconcile(): void {
    if (this.#in.clock.closed) return
    this.#again = true
    if (this.#reconciling) return
    this.#reconciling = true
    try {
      while (this.#again) {
        this.#again = false
        this.#start()
        this.#stop()
        this.#drop()
        this.#finish()
      }
    } finally {
      this.#reconciling = false
    }
    this.#changed()
  }

  view(include: readonly string[]): ServiceView {
    const { configuration } = this.primary.revision
    const sum = (of: (deployment: Deployment) => number) => this.deployments.reduce((all, one) => all + of(one), 0)
    return {
      ...this.rest,
      serviceArn: this.of.serviceArn,
      clusterArn: this.of.clusterArn,
      serviceName: this.name,
      status: "ACTIVE",
      desiredCount: this.desiredCount,
      runningCount: sum(({ running }) => running),
      pendingCount: sum(({ pending }) => pending),
      launchType: "FARGATE",
      platformVersion: configuration.platformVersion ?? "1.4.0",
      platformFamily: "Linux",
      taskDefinition: configuration.taskDefinition.taskDefinitionArn,
      networkConfiguration: configuration.networkConfiguration,
      loadBalancers: [...configuration.loadBalancers],
      deploymentConfiguration: this.deploymentConfiguration,
      deployments: this.deployments.map((one) => one.view()),
      events: this.events,
      ...(this.records[0] !== undefined && { currentServiceDeployment: this.records[0].arn }),
      currentServiceRevisions: this.deployments.map(({ revision, desiredCount, running, pending }) => ({
        arn: revision.arn,
        requestedTaskCount: desiredCount,
        runningTaskCount: running,
        pendingTaskCount: pending,
      })),
      ...(include.includes("TAGS") && { tags: [...this.tags] }),
    }
  }

  record(record: ServiceDeployment) {
    return record.view((revision) => {
      const of = this.deployments.filter((one) => one.revision === revision)
      const sum = (count: (deployment: Deployment) => number) => of.reduce((all, one) => all + count(one), 0)
      return {
        running: sum(({ running }) => running),
        pending: sum(({ pending }) => pending),
        requested: sum(({ desiredCount }) => desiredCount),
      }
    })
  }

  #revision(configuration: Configuration): Revision {
    const revision = new Revision(this.of, configuration)
    this.revisions.unshift(revision)
    return revision
  }

  #begin(deployment: Deployment): Deployment {
    for (const former of this.deployments) former.status = "ACTIVE"
    this.deployments.unshift(deployment)
    const failed = deployment.rollsBack ? this.milestones.failed : undefined
    const firstStopped = deployment.rollsBack ? this.milestones.firstStopped : undefined
    this.milestones = { started: Date.now(), stable: undefined, completed: undefined, failed, firstStopped }
    return deployment
  }

  #start(): void {
    const { primary } = this
    if (primary.status !== "PRIMARY" || primary.rolloutState === "FAILED") return
    primary.desiredCount = this.desiredCount
    const there = this.deployments.reduce((all, { alive }) => all + alive.length, 0)
    const most = Math.floor((this.desiredCount * (this.deploymentConfiguration.maximumPercent ?? 200)) / 100)
    const room = Math.min(this.desiredCount - primary.alive.length, most - there)
    if (room <= 0 || primary.holds > 0) return
    const behaviour = this.#behaviourOf(primary)
    if (behaviour.kind === "no capacity") {
      this.#say(event.unplaced)
      this.#hold(primary, this.#in.times.placement)
      if (behaviour.counted) this.#failure(primary)
      return
    }
    const begun = Array.from({ length: room }, () => this.#task(primary, behaviour))
    this.#say(event.started(begun.map(({ id }) => id)))
  }

  #task(deployment: Deployment, behaviour: Behaviour, running = false): Task {
    const { taskDefinition, networkConfiguration, platformVersion } = deployment.revision.configuration
    const task = new Task(
      {
        clusterArn: this.of.clusterArn,
        taskDefinition,
        behaviour,
        group: `service:${this.name}`,
        startedBy: deployment.id,
        tags: this.tags,
        subnets: networkConfiguration?.awsvpcConfiguration?.subnets,
        platformVersion,
        running,
        changed: (one) => this.#taskChanged(deployment, one),
      },
      this.#in,
    )
    deployment.tasks.push(task)
    this.tasks.push(task)
    return task
  }

  #behaviourOf({ revision }: Deployment) {
    const { containerDefinitions = [] } = revision.configuration.taskDefinition
    const container = containerDefinitions.find(({ essential }) => essential !== false) ?? containerDefinitions[0]
    return this.#behaviours.image(container?.image ?? "")
  }

  /** Old tasks go as far as enough healthy ones stay. */
  #stop(): void {
    const { primary } = this
    const floor = Math.ceil((this.desiredCount * (this.deploymentConfiguration.minimumHealthyPercent ?? 100)) / 100)
    const serving = () => this.deployments.flatMap(({ alive }) => alive.filter((one) => one.healthy && !one.draining))
    if (primary.rolloutState !== "FAILED") {
      for (const former of this.deployments.slice(1)) {
        const unready = former.alive.filter(({ healthy, draining }) => !healthy && !draining)
        for (const task of unready) this.#scaleIn(primary, task)
        const pending = unready.filter(({ ran }) => !ran).length
        if (pending > 0) this.#say(event.stoppedPending(pending))
        const surplus = former.alive
          .filter(({ healthy, draining }) => healthy && !draining)
          .slice(0, Math.max(0, serving().length - floor))
        this.#drain(primary, surplus)
        former.desiredCount = former.alive.filter(({ draining }) => !draining).length
      }
    }
    const staying = primary.alive.filter(({ draining }) => !draining)
    this.#drain(primary, staying.slice(this.desiredCount))
  }

  #drain(by: Deployment, tasks: readonly Task[]): void {
    if (tasks.length === 0) return
    for (const task of tasks) task.draining = true
    const group = by.revision.configuration.loadBalancers[0]?.targetGroupArn
    if (group === undefined) {
      this.#stopRunning(by, tasks)
      return
    }
    this.#say(event.deregistered(tasks.length, group))
    this.#say(event.draining(tasks.length))
    this.#in.clock.after(this.#in.times.drain, () => this.#stopRunning(by, tasks))
  }

  #stopRunning(by: Deployment, tasks: readonly Task[]): void {
    this.#say(event.stopped(tasks.map(({ id }) => id)))
    for (const task of tasks) this.#scaleIn(by, task)
    this.reconcile()
  }

  #scaleIn({ id }: Deployment, task: Task): void {
    task.stop("ServiceSchedulerInitiated", stopped.scaling(id), 0)
  }

  /** Former deployments without a task are no longer told; one that failed, when its tasks have stopped. */
  #drop(): void {
    const over = ({ rolloutState, alive, tasks }: Deployment) =>
      rolloutState === "FAILED" ? tasks.every(({ lastStatus }) => lastStatus === "STOPPED") : alive.length === 0
    this.deployments = this.deployments.filter((one, at) => at === 0 || !over(one))
  }

  #finish(): void {
    const { primary } = this
    if (primary.rolloutState !== "IN_PROGRESS" || !this.#steady) return
    this.milestones.stable ??= Date.now()
    if (primary.settling) return
    primary.settling = true
    this.#in.clock.after(this.#in.times.settle, () => {
      primary.settling = false
      const same = this.primary === primary && primary.rolloutState === "IN_PROGRESS"
      if (same && this.#steady) this.#complete(primary, true)
      else this.reconcile()
    })
  }

  /** One deployment is left, and all its tasks serve. */
  get #steady(): boolean {
    const { alive } = this.primary
    return this.deployments.length === 1 && alive.length === this.desiredCount && alive.every(({ healthy }) => healthy)
  }

  #complete(deployment: Deployment, told: boolean): void {
    deployment.to("COMPLETED", rollout.completed(deployment.id))
    deployment.record.to(deployment.rollsBack ? "ROLLBACK_SUCCESSFUL" : "SUCCESSFUL")
    this.#lastCompleted = { id: deployment.id, revision: deployment.revision }
    this.milestones.stable ??= Date.now()
    this.milestones.completed = Date.now()
    if (told) this.#say(event.completed(deployment.id))
    if (told) this.#say(event.steady)
    this.#changed()
  }

  #taskChanged(deployment: Deployment, task: Task): void {
    const { loadBalancers } = deployment.revision.configuration
    const balancer = loadBalancers[0]
    if (task.lastStatus === "RUNNING" && task.desiredStatus === "RUNNING") {
      if (balancer?.targetGroupArn !== undefined) this.#say(event.registered(1, balancer.targetGroupArn))
      const checked = balancer !== undefined || task.container.healthCheck !== undefined
      if (checked) this.#in.clock.after(this.#in.times.health, () => this.#checkHealth(deployment, task))
      else this.#serves(deployment, task)
    }
    const failed = task.stopCode === "TaskFailedToStart" || task.stopCode === "EssentialContainerExited"
    if (failed && ["DEACTIVATING", "STOPPING"].includes(task.lastStatus) && !this.#counted.has(task)) {
      this.#taskFailed(deployment, task)
    }
    this.reconcile()
  }

  #checkHealth(deployment: Deployment, task: Task): void {
    if (task.desiredStatus === "STOPPED") return
    const { behaviour } = task.options
    if (behaviour.kind !== "fails its health check") {
      this.#serves(deployment, task)
      return
    }
    const balancer = deployment.revision.configuration.loadBalancers[0]
    if (balancer?.targetGroupArn === undefined) {
      task.healthStatus = "UNHEALTHY"
      this.#say(event.failedContainerHealth(task.id))
      task.stop("ServiceSchedulerInitiated", stopped.container, 0)
    } else {
      const { reason = "Health checks failed" } = behaviour
      this.#say(event.unhealthy(task.id, balancer.containerPort ?? 80, balancer.targetGroupArn, reason))
      this.#say(event.deregistered(1, balancer.targetGroupArn))
      task.stop("ServiceSchedulerInitiated", stopped.elb(balancer.targetGroupArn), 0)
    }
    this.#say(event.stopped([task.id]))
    this.#taskFailed(deployment, task)
    this.reconcile()
  }

  #serves(deployment: Deployment, task: Task): void {
    task.healthy = true
    if (task.container.healthCheck !== undefined) task.healthStatus = "HEALTHY"
    deployment.proven = true
    deployment.failedTasks = 0
    this.reconcile()
  }

  #taskFailed(deployment: Deployment, task: Task): void {
    this.#counted.add(task)
    this.milestones.firstStopped ??= Date.now()
    task.healthy = false
    this.#hold(deployment, this.#in.times.retry)
    if (!deployment.proven) this.#failure(deployment)
  }

  #failure(deployment: Deployment): void {
    deployment.failedTasks += 1
    deployment.updatedAt = new Date()
    deployment.record.breaker = { ...deployment.record.breaker, failureCount: deployment.failedTasks }
    const enabled = this.deploymentConfiguration.deploymentCircuitBreaker?.enable === true
    if (deployment !== this.primary || deployment.rolloutState !== "IN_PROGRESS") return
    if (enabled && deployment.failedTasks >= this.threshold) this.fail()
    else if (!enabled && deployment.failedTasks === 5) this.#say(event.inconsistent)
  }

  #hold(deployment: Deployment, seconds: number): void {
    deployment.holds += 1
    this.#in.clock.after(seconds, () => {
      deployment.holds -= 1
      this.reconcile()
    })
  }

  #say(message: string): void {
    this.events.unshift({ id: randomUUID(), createdAt: new Date(), message: `(service ${this.name}) ${message}` })
    this.events.length = Math.min(this.events.length, EVENTS)
  }
}
