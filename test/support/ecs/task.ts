/**
 * One task on Fargate, from PROVISIONING to STOPPED, as DescribeTasks tells it.
 * Source: ECS developer guide, “Amazon ECS task lifecycle”; API reference, Task, Container.
 */
import type { ContainerDefinition, Tag, TaskDefinition, TaskOverride, Task as TaskView } from "@aws-sdk/client-ecs"
import type { AcceleratedClock } from "./accelerated-clock.ts"
import type { Behaviour } from "./behaviour.ts"
import { arnBeside, hex32, nameIn } from "./ids.ts"
import type { Times } from "./times.ts"
import { stopped } from "./wording.ts"

type StopCode = "EssentialContainerExited" | "TaskFailedToStart" | "ServiceSchedulerInitiated" | "UserInitiated"

/** What tasks live in. */
export interface Surroundings {
  readonly clock: AcceleratedClock
  readonly times: Times
  /** Puts lines into the container's awslogs stream. @param at their time, milliseconds since 1970 */
  readonly log: (task: Task, container: ContainerDefinition, lines: readonly string[], at: number) => Promise<void>
}

export interface TaskOptions {
  readonly clusterArn: string
  readonly taskDefinition: TaskDefinition
  readonly behaviour: Behaviour
  readonly group: string
  readonly startedBy?: string | undefined
  readonly overrides?: TaskOverride | undefined
  readonly tags?: readonly Tag[] | undefined
  readonly subnets?: readonly string[] | undefined
  readonly platformVersion?: string | undefined
  /** It has run for long. */
  readonly running?: boolean
  /** Called at each change of its status. */
  readonly changed: (task: Task) => void
}

export class Task {
  readonly id = hex32()
  readonly arn: string
  readonly options: TaskOptions
  lastStatus = "PROVISIONING"
  desiredStatus: "RUNNING" | "STOPPED" = "RUNNING"
  healthStatus: "HEALTHY" | "UNHEALTHY" | "UNKNOWN" = "UNKNOWN"
  /** Whether it serves: it ran, and has passed what checks there are. */
  healthy = false
  draining = false
  stopCode: StopCode | undefined
  stoppedReason: string | undefined
  readonly #in: Surroundings
  readonly #at: Record<string, Date> = { createdAt: new Date() }
  readonly #exits = new Map<string, { exitCode?: number; reason?: string }>()
  #version = 1

  constructor(options: TaskOptions, surroundings: Surroundings) {
    this.options = options
    this.#in = surroundings
    this.arn = arnBeside(options.clusterArn, `task/${nameIn(options.clusterArn)}/${this.id}`)
    if (options.running) {
      this.lastStatus = "RUNNING"
      this.healthy = true
      this.#at["startedAt"] = new Date()
      return
    }
    this.#then(surroundings.times.provision, () => this.#pull())
  }

  /** The container that its behaviour is of. */
  get container(): ContainerDefinition {
    const { containerDefinitions = [] } = this.options.taskDefinition
    return containerDefinitions.find(({ essential }) => essential !== false) ?? (containerDefinitions[0] as never)
  }

  get stoppingAt(): Date | undefined {
    return this.#at["stoppingAt"]
  }

  get stoppedAt(): Date | undefined {
    return this.#at["stoppedAt"]
  }

  get ran(): boolean {
    return this.#at["startedAt"] !== undefined
  }

  stop(stopCode: StopCode, reason: string, exitCode?: number): void {
    if (this.desiredStatus === "STOPPED") return
    this.desiredStatus = "STOPPED"
    this.stopCode = stopCode
    this.stoppedReason = reason
    this.#at["stoppingAt"] = new Date()
    if (this.ran && exitCode !== undefined) {
      for (const { name = "" } of this.options.taskDefinition.containerDefinitions ?? []) {
        if (!this.#exits.has(name)) this.#exits.set(name, { exitCode })
      }
    }
    const { stop } = this.#in.times
    const statuses = [this.ran ? "DEACTIVATING" : "STOPPING", "STOPPING", "DEPROVISIONING", "STOPPED"]
    const next = () => {
      const status = statuses.shift()
      if (status === undefined) return
      if (status === "DEPROVISIONING") this.#at["executionStoppedAt"] = new Date()
      if (status === "STOPPED") this.#at["stoppedAt"] = new Date()
      this.#to(status)
      this.#in.clock.after(stop, next)
    }
    next()
  }

  view(include: readonly string[] = []): TaskView {
    const { taskDefinition, clusterArn, group, startedBy, overrides, tags, subnets, platformVersion } = this.options
    const { containerDefinitions = [], cpu, memory } = taskDefinition
    const containers = containerDefinitions.map(({ name = "", image = "", cpu: own = 0, memory: limit }) => ({
      containerArn: arnBeside(clusterArn, `container/${nameIn(clusterArn)}/${this.id}/${name}`),
      taskArn: this.arn,
      name,
      image,
      ...(image.includes("@") && { imageDigest: image.split("@")[1] }),
      ...(this.ran && { runtimeId: `${this.id}-${name}` }),
      lastStatus: ["PROVISIONING", "ACTIVATING"].includes(this.lastStatus) ? "PENDING" : this.#containerStatus(name),
      networkInterfaces: [],
      healthStatus: this.healthStatus,
      cpu: `${own}`,
      ...(limit !== undefined && { memory: `${limit}` }),
      ...this.#exits.get(name),
    }))
    return {
      taskArn: this.arn,
      clusterArn,
      taskDefinitionArn: taskDefinition.taskDefinitionArn,
      group,
      startedBy,
      lastStatus: this.lastStatus,
      desiredStatus: this.desiredStatus,
      containers,
      attachments: [
        {
          id: this.id,
          type: "ElasticNetworkInterface",
          status: this.lastStatus === "STOPPED" ? "DELETED" : this.ran ? "ATTACHED" : "PRECREATED",
          details: subnets?.[0] === undefined ? [] : [{ name: "subnetId", value: subnets[0] }],
        },
      ],
      attributes: [
        { name: "ecs.cpu-architecture", value: taskDefinition.runtimePlatform?.cpuArchitecture ?? "x86_64" },
      ],
      connectivity: this.ran ? "CONNECTED" : undefined,
      cpu,
      memory,
      enableExecuteCommand: false,
      ephemeralStorage: { sizeInGiB: 20 },
      healthStatus: this.healthStatus,
      launchType: "FARGATE",
      platformVersion: platformVersion ?? "1.4.0",
      platformFamily: "Linux",
      overrides: overrides ?? { containerOverrides: containerDefinitions.map(({ name }) => ({ name })) },
      stopCode: this.stopCode,
      stoppedReason: this.stoppedReason,
      ...(include.includes("TAGS") && { tags: [...(tags ?? [])] }),
      version: this.#version,
      ...this.#at,
    }
  }

  #containerStatus(name: string): string {
    if (this.#exits.has(name) || this.lastStatus === "STOPPED") return "STOPPED"
    return this.ran ? "RUNNING" : "PENDING"
  }

  #then(seconds: number, go: () => void): void {
    this.#in.clock.after(seconds, () => {
      if (this.desiredStatus === "RUNNING") go()
    })
  }

  #to(status: string): void {
    this.lastStatus = status
    this.#version += 1
    this.options.changed(this)
  }

  #pull(): void {
    const { behaviour } = this.options
    this.#to("PENDING")
    if (behaviour.kind !== "not initialized") this.#at["pullStartedAt"] = new Date()
    this.#then(this.#in.times.pull + (behaviour.slow ?? 0), () => {
      if (behaviour.until === undefined) this.#pulled()
      else void behaviour.until.then(() => this.#then(0, () => this.#pulled()))
    })
  }

  #pulled(): void {
    const { behaviour } = this.options
    if (behaviour.kind === "not initialized") {
      this.stop("TaskFailedToStart", behaviour.reason ?? stopped.notInitialized)
      return
    }
    this.#at["pullStoppedAt"] = new Date()
    if (behaviour.kind === "not pullable") {
      this.#notPulled(behaviour.reason ?? stopped.notPullable(this.container.image ?? ""))
    } else if (behaviour.kind === "wrong platform" && behaviour.manifest) {
      this.#notPulled(this.#noPlatform())
    } else {
      void this.#activate()
    }
  }

  /** What it is going to say is written before it does: the log's own time is not accelerated. */
  async #activate(): Promise<void> {
    const { times, clock, log } = this.#in
    const seconds = times.activate + (this.#exitsAfter ?? 0)
    await log(this, this.container, this.#says, Date.now() + seconds * clock.secondMs).catch((error: Error) => {
      if (!clock.closed) throw error
    })
    if (this.desiredStatus === "STOPPED") return
    this.#to("ACTIVATING")
    this.#then(times.activate, () => this.#run())
  }

  get #says(): readonly string[] {
    const { behaviour } = this.options
    if (behaviour.kind === "exits" || behaviour.kind === "fails its health check") return behaviour.log ?? []
    if (behaviour.kind !== "wrong platform") return []
    return behaviour.log ?? [`exec ${this.container.command?.[0] ?? "/nodejs/bin/node"}: exec format error`]
  }

  /** Seconds from RUNNING on; undefined where it stays. */
  get #exitsAfter(): number | undefined {
    const { behaviour } = this.options
    if (behaviour.kind === "exits") return behaviour.after ?? this.#in.times.exit
    return behaviour.kind === "wrong platform" ? this.#in.times.exit : undefined
  }

  #noPlatform(): string {
    const arm = this.options.taskDefinition.runtimePlatform?.cpuArchitecture === "ARM64"
    return stopped.noPlatform(`linux/${arm ? "arm64" : "amd64"}`)
  }

  #notPulled(reason: string): void {
    this.#exits.set(this.container.name ?? "", { reason })
    this.stop("TaskFailedToStart", reason)
  }

  #run(): void {
    this.#at["startedAt"] = new Date()
    this.#at["connectivityAt"] = new Date()
    this.#to("RUNNING")
    const { behaviour } = this.options
    const after = this.#exitsAfter
    if (after === undefined) return
    this.#then(after, () => {
      const [exitCode, reason] = behaviour.kind === "exits" ? [behaviour.code, behaviour.reason] : [255]
      this.#exits.set(this.container.name ?? "", { exitCode, ...(reason !== undefined && { reason }) })
      this.stop("EssentialContainerExited", stopped.essential, exitCode)
    })
  }
}
