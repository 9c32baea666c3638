/** One service on its way to a task definition, or back to the one before: what was seen decides what comes next. */
import { type Deployment, ECSClient, type Service, UpdateServiceCommand } from "@aws-sdk/client-ecs"
import { type Clock, secondsSince } from "../../clock.ts"
import { EXIT, Refusal, refusalOf } from "../../refusal.ts"
import type { Session } from "../../session.ts"
import { isTransient } from "../../transient.ts"
import type { Phase, RolledOut, Watch } from "../rolling.ts"
import { type Aim, isComplete, primaryOf, standingOf } from "./deployment-state.ts"
import { stopUnderWay } from "./service-deployment.ts"
import { type Cause, causeOf, isScaledIn, linesOf, stoppedTasks, taskId } from "./stopped-tasks.ts"
import { revisionOf } from "./task-definitions.ts"
import { lastLines, type TaskLog } from "./task-log.ts"

export const TARGET = "ecs"

/** Seconds until ECS must have begun to go back, by itself or as it was told; then it is told once more. */
const GRACE = 15
/** Seconds without anything new after which a unit is told of all the same. */
const STILL = 15
/** Tasks, and events, that the end tells of. */
const TOLD_TASKS = 3
const TOLD_EVENTS = 5

export interface ServicePlan {
  readonly cluster: string
  readonly service: string
  /** `family:revision` that ran before; undefined where nothing did. */
  readonly from: string | undefined
  /** `family:revision`. */
  readonly to: string
  /** What is rolled out, for the reader's words. */
  readonly image: string
  /** Id of the deployment, where ECS told it. */
  readonly deployment?: string | undefined
  readonly log: TaskLog | undefined
}

export interface Surroundings {
  readonly session: Session
  readonly clock: Clock
  readonly watch: Watch
  readonly signal: AbortSignal
  /** Seconds for each way: there, and back. */
  readonly timeout: number
}

interface Stopped {
  readonly lines: readonly string[]
  readonly cause: Cause
  /** Whether it has come to its end: exit codes may come after the reason. */
  readonly final: boolean
}

export class ServiceRollout {
  readonly plan: ServicePlan
  readonly #with: Surroundings
  readonly #started: number
  /** When the present way was taken. */
  #since: number
  #way: "there" | "back" = "there"
  #aim: Aim
  /** When ECS was last told to go back. */
  #toldBack: number | undefined
  /** Id of the deployment that brings back what ran. */
  #back: string | undefined
  #reason = ""
  /** Stopped tasks by their ARNs, in the order in which they were seen. */
  readonly #tasks = new Map<string, Stopped>()
  /** What there was to say of them before the way back was taken. */
  #earlier: readonly string[] = []
  /** ARNs of tasks that have stopped for good, whosever. */
  readonly #knownTasks = new Set<string>()
  readonly #events: string[] = []
  /** How many of them there were when the way back was taken. */
  #eventsThere: number | undefined
  readonly #knownEvents: Set<string>
  /** As ECS told it last. */
  #deployment: Deployment | undefined
  #counts = ""
  #lastTold: number
  /** Those that failed before the last look at stopped tasks. */
  #failedTasks = 0
  /** Whether something happened since then. */
  #pending = false
  /** Why stopped tasks can't be read. */
  #unreadable: string | undefined
  #ended: RolledOut | undefined

  /** @param service as it was when the deployment began: its older events are no news */
  constructor(plan: ServicePlan, service: Service, surroundings: Surroundings) {
    this.plan = plan
    this.#with = surroundings
    this.#started = surroundings.clock.now()
    this.#since = this.#started
    this.#lastTold = this.#started
    this.#aim = { revision: plan.to, deployment: plan.deployment }
    this.#knownEvents = new Set((service.events ?? []).map(({ id = "" }) => id))
  }

  get ended(): RolledOut | undefined {
    return this.#ended
  }

  /** Tells that it began. */
  begin(): void {
    this.#tell("started", `${this.plan.from ?? "nothing"} → ${this.plan.to}`)
  }

  /**
   * Takes the way back to what ran.
   *
   * @param reason why, in the reader's words; empty where it is what was asked for
   * @param tell whether ECS has to be told; else it is on its way already
   */
  async goBack(reason: string, tell: boolean): Promise<void> {
    const { from, cluster, service, to } = this.plan
    this.#reason = reason
    if (from === undefined) return this.#end("failed", reason)
    this.#way = "back"
    this.#earlier = this.#linesOfTasks()
    this.#eventsThere = this.#events.length
    this.#tasks.clear()
    this.#since = this.#with.clock.now()
    this.#tell("rolling back", reason === "" ? `back to ${from}` : `${reason}; back to ${from}`)
    if (!tell) return
    const { session, signal } = this.#with
    const stopped = await stopUnderWay(session, { cluster, service, from, to }, signal).catch(() => {
      signal.throwIfAborted()
      return false
    })
    if (stopped) this.#toldBack = this.#with.clock.now()
    else await this.#update(from)
  }

  /** Ends it before it was begun. */
  refused(error: unknown): void {
    this.#end("failed", `ECS does not take the update: ${textOf(error)}`)
  }

  /**
   * Takes in what ECS tells, and asks nothing.
   *
   * @param service as ECS tells it now, or undefined where there is none
   * @returns how much it needs a look at stopped tasks: 2 where there are failures that nothing is known of, 1 where something
   * happened, 0 where nothing points to any
   */
  see(service: Service | undefined): 0 | 1 | 2 {
    if (service === undefined) return 0
    this.#deployment = this.#followed(service) ?? this.#deployment
    const news = this.#newEvents(service)
    if (this.#way === "back") return 0
    const failures = this.#deployment?.failedTasks ?? 0
    const more = failures > this.#failedTasks || standingOf(service, this.#aim, this.plan.from).is === "failed"
    if (more && this.#cause === undefined) return 2
    const unsettled = [...this.#tasks.values()].some(({ final }) => !final)
    this.#pending ||= more || unsettled || news.length > 0
    return this.#pending ? 1 : 0
  }

  /** @param service as {@link see} took it in @param look whether stopped tasks are asked for */
  async observe(service: Service | undefined, look: boolean): Promise<void> {
    if (this.#way === "back") await this.#observeBack(service)
    else await this.#observeForward(service, look)
    if (this.#ended === undefined && this.#secondsOfWay() >= this.#with.timeout) await this.#timeOut(service)
  }

  /** The deployment whose counts are of interest: ours, or what comes back. */
  #followed(service: Service): Deployment | undefined {
    if (this.#way === "back") return primaryOf(service)
    if (this.#aim.deployment === undefined) this.adopt(service)
    return service.deployments?.find(({ id }) => id !== undefined && id === this.#aim.deployment)
  }

  async #observeForward(service: Service | undefined, look: boolean): Promise<void> {
    const standing = standingOf(service, this.#aim, this.plan.from)
    if (standing.is === "stable") return this.#end("stable")
    this.#tellCounts("waiting")
    if (look || standing.is !== "waiting") {
      this.#failedTasks = this.#deployment?.failedTasks ?? 0
      this.#pending = false
      await this.#lookAtStopped(this.#aim.deployment)
    }
    switch (standing.is) {
      case "waiting":
        if (this.#cause?.certain) await this.goBack(this.#cause.text, true)
        return
      case "failed":
        return await this.goBack(this.#because(standing.reason), !isGoingBackByItself(service))
      case "taken back":
        return await this.goBack(this.#because(standing.reason), false)
      case "replaced":
        return this.#end("failed", standing.reason)
    }
  }

  async #observeBack(service: Service | undefined): Promise<void> {
    const { from = "", to } = this.plan
    const primary = service === undefined ? undefined : primaryOf(service)
    if (primary === undefined) return this.#end("failed", this.#andThen("the service was deleted by somebody else"))
    const running = revisionOf(primary.taskDefinition ?? "")
    if (running === from) {
      this.#back ??= primary.id
      if (isComplete(primary)) return this.#end("back", this.#reason)
    }
    this.#tellCounts("rolling back")
    const back = service?.deployments?.find(({ id }) => id !== undefined && id === this.#back)
    if (back?.rolloutState === "FAILED" || (back === undefined && this.#back !== undefined && running !== from)) {
      await this.#lookAtStopped(this.#back)
      const why = this.#because(back?.rolloutStateReason ?? "ECS took it back")
      return this.#end("failed", this.#andThen(`${from} does not come back either: ${why}`))
    }
    if (running === from) return
    if (running !== to) {
      const other = `replaced by somebody else's deployment ${primary.id} of ${running}`
      return this.#end("failed", this.#andThen(`on the way back ${other}`))
    }
    const waited = this.#with.clock.now() - (this.#toldBack ?? this.#since)
    if (waited >= GRACE * 1000) await this.#update(from)
  }

  /** Takes the deployment of our own revision for ours. */
  adopt({ deployments = [] }: Service): void {
    const ours = deployments.find(({ taskDefinition = "" }) => revisionOf(taskDefinition) === this.plan.to)
    if (ours?.id !== undefined) this.#aim = { ...this.#aim, deployment: ours.id }
  }

  async #update(taskDefinition: string): Promise<void> {
    const { session, signal, clock } = this.#with
    const { cluster, service } = this.plan
    this.#toldBack = clock.now()
    try {
      const { service: updated } = await session.aws
        .client(ECSClient)
        .send(new UpdateServiceCommand({ cluster, service, taskDefinition }), { abortSignal: signal })
      this.#back = updated === undefined ? undefined : primaryOf(updated)?.id
    } catch (error) {
      signal.throwIfAborted()
      // Asked for again after the grace.
      const refusal = refusalOf(error)
      // Whoever has new credentials can take it back yet.
      if (refusal instanceof Refusal && refusal.exitCode === EXIT.credentials) throw refusal
      if (isTransient(error)) this.#tell("rolling back", `ECS does not take the way back yet: ${textOf(error)}`)
      else this.#end("failed", this.#andThen(`ECS refuses the way back to ${taskDefinition}: ${textOf(error)}`))
    }
  }

  async #timeOut(service: Service | undefined): Promise<void> {
    const primary = service === undefined ? undefined : primaryOf(service)
    const counts =
      primary === undefined
        ? ""
        : `: ${primary.runningCount ?? 0} of ${primary.desiredCount ?? 0} copies run, ${primary.pendingCount ?? 0} pending, ${primary.failedTasks ?? 0} failed`
    if (this.#way === "back") {
      return this.#end("failed", this.#andThen(`${this.plan.from} is not back after ${this.#with.timeout} s${counts}`))
    }
    await this.#lookAtStopped(this.#aim.deployment)
    const last = this.#events.at(-1)
    const why = this.#cause?.text ?? (last === undefined ? undefined : `last event: ${last}`)
    this.#end("failed", `not stable after ${this.#with.timeout} s${counts}${why === undefined ? "" : `; ${why}`}`)
  }

  /** They are told as soon as they are seen, a broken image by its name; and again where more is known of them. */
  async #lookAtStopped(startedBy: string | undefined): Promise<void> {
    if (startedBy === undefined) return
    const { session, signal } = this.#with
    const { cluster, service, image, log } = this.plan
    try {
      for (const task of await stoppedTasks(session, { cluster, service }, this.#knownTasks, signal)) {
        const final = task.lastStatus === "STOPPED"
        if (final) this.#knownTasks.add(task.taskArn ?? "")
        if (task.startedBy !== startedBy || isScaledIn(task)) continue
        const written = await lastLines(session, log, taskId(task), signal)
        const cause = causeOf(task, service, image, written)
        const lines = [...linesOf(task), ...written.map((line) => `  log: ${line}`)]
        const before = this.#tasks.get(task.taskArn ?? "")
        this.#tasks.set(task.taskArn ?? "", { lines, cause, final })
        if (before?.cause.text !== cause.text) this.#tell(this.#underWay, cause.text)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!isTransient(error)) this.#unreadable = `stopped tasks can't be read: ${textOf(error)}`
    }
  }

  /** Those before the way back tell why; of those after it the last one tells how it is now. */
  #lastEvents(): readonly string[] {
    const there = this.#eventsThere ?? this.#events.length
    const told = this.#events.slice(Math.max(0, there - TOLD_EVENTS), there)
    return there < this.#events.length ? [...told, ...this.#events.slice(-1)] : told
  }

  #linesOfTasks(): readonly string[] {
    return [...this.#tasks.values()].slice(0, TOLD_TASKS).flatMap(({ lines }) => lines)
  }

  /** What is certain, else what came last. */
  get #cause(): Cause | undefined {
    const causes = [...this.#tasks.values()].map(({ cause }) => cause)
    return causes.find(({ certain }) => certain) ?? causes.at(-1)
  }

  #newEvents({ events = [] }: Service): readonly string[] {
    const news = events.filter(({ id = "" }) => !this.#knownEvents.has(id)).reverse()
    for (const { id = "", message = "" } of news) {
      this.#knownEvents.add(id)
      this.#events.push(message)
      this.#tell(this.#underWay, message)
    }
    return news.map(({ message = "" }) => message)
  }

  get #underWay(): Phase {
    return this.#way === "there" ? "waiting" : "rolling back"
  }

  #andThen(reason: string): string {
    return this.#reason === "" ? reason : `${this.#reason}; and ${reason}`
  }

  #because(reason: string): string {
    return this.#cause === undefined ? reason : `${this.#cause.text}; ${reason}`
  }

  #secondsOfWay(): number {
    return (this.#with.clock.now() - this.#since) / 1000
  }

  #tellCounts(phase: Phase): void {
    const { runningCount, pendingCount, failedTasks, desiredCount } = this.#deployment ?? {}
    const counts = `${phase} ${runningCount} ${pendingCount} ${failedTasks} ${desiredCount}`
    if (counts === this.#counts && this.#with.clock.now() - this.#lastTold < STILL * 1000) return
    this.#counts = counts
    this.#tell(phase)
  }

  #tell(phase: Phase, message?: string): void {
    this.#lastTold = this.#with.clock.now()
    const { runningCount, pendingCount, failedTasks, desiredCount } = this.#deployment ?? {}
    this.#with.watch({
      target: TARGET,
      unit: this.plan.service,
      phase,
      seconds: secondsSince(this.#with.clock, this.#started),
      ...(runningCount !== undefined && { running: runningCount }),
      ...(pendingCount !== undefined && { pending: pendingCount }),
      ...(failedTasks !== undefined && { failed: failedTasks }),
      ...(desiredCount !== undefined && { desired: desiredCount }),
      ...(message !== undefined && { message }),
    })
  }

  #end(outcome: "stable" | "failed" | "back", reason?: string): void {
    const details = [
      ...this.#earlier,
      ...this.#linesOfTasks(),
      ...(this.#unreadable === undefined ? [] : [this.#unreadable]),
      ...this.#lastEvents().map((event) => `event: ${event}`),
    ]
    this.#ended = {
      target: TARGET,
      unit: this.plan.service,
      from: this.plan.from,
      to: this.plan.to,
      outcome,
      seconds: secondsSince(this.#with.clock, this.#started),
      ...(reason !== undefined && reason !== "" && { reason }),
      ...(outcome !== "stable" && details.length > 0 && { details }),
    }
    this.#tell(outcome, reason)
  }
}

/** Whether ECS was set to go back when a deployment fails; it takes it a moment. */
function isGoingBackByItself(service: Service | undefined): boolean {
  const { deploymentCircuitBreaker: breaker, alarms } = service?.deploymentConfiguration ?? {}
  return Boolean((breaker?.enable && breaker.rollback) || (alarms?.enable && alarms.rollback))
}

function textOf(error: unknown): string {
  const refusal = refusalOf(error)
  return refusal instanceof Error ? refusal.message : String(refusal)
}
