/** One service on its way to a task definition, or back to the one before: what was seen decides what comes next. */
import { type Deployment, ECSClient, type Service, UpdateServiceCommand } from "@aws-sdk/client-ecs"
import { type Clock, secondsSince } from "../../clock.ts"
import { refusalOf } from "../../refusal.ts"
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
  #cause: Cause | undefined
  #reason = ""
  readonly #tasks: string[][] = []
  readonly #events: string[] = []
  readonly #knownTasks = new Set<string>()
  readonly #knownEvents: Set<string>
  /** As ECS told it last. */
  #deployment: Deployment | undefined
  #counts = ""
  #lastTold: number
  #failedTasks = 0
  #unreadable = false
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

  /** Ends it without AWS: what ECS was asked to do it refused. */
  refused(error: unknown): void {
    this.#end("failed", `ECS refuses the update: ${textOf(error)}`)
  }

  /**
   * @param service as ECS tells it now, or undefined where there is none
   * @param look whether it is its turn to be asked for stopped tasks, even where nothing points to any
   */
  async observe(service: Service | undefined, look: boolean): Promise<void> {
    const news = service === undefined ? [] : this.#newEvents(service)
    if (this.#way === "back") await this.#observeBack(service)
    else await this.#observeForward(service, look || news.length > 0)
    if (this.#ended === undefined && this.#secondsOfWay() >= this.#with.timeout) await this.#timeOut(service)
  }

  async #observeForward(service: Service | undefined, look: boolean): Promise<void> {
    if (this.#aim.deployment === undefined && service !== undefined) this.adopt(service)
    const ours = service?.deployments?.find(({ id }) => id === this.#aim.deployment)
    this.#deployment = ours ?? this.#deployment
    const standing = standingOf(service, this.#aim, this.plan.from)
    if (standing.is === "stable") return this.#end("stable")
    this.#tellCounts("waiting")
    const failures = ours?.failedTasks ?? 0
    const more = failures > this.#failedTasks
    this.#failedTasks = failures
    if (look || more || standing.is !== "waiting") await this.#lookAtStopped(this.#aim.deployment)
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
    this.#deployment = primary
    if (running === from && isComplete(primary)) return this.#end("back", this.#reason)
    this.#tellCounts("rolling back")
    if (running === from) {
      if (primary.rolloutState !== "FAILED") return
      await this.#lookAtStopped(primary.id)
      const why = primary.rolloutStateReason ?? "ECS tells no reason"
      return this.#end("failed", this.#andThen(`${from} does not come back either: ${why}`))
    }
    if (running !== to) {
      const other = `replaced by somebody else's deployment ${primary.id} of ${running}`
      return this.#end("failed", this.#andThen(`on the way back ${other}`))
    }
    const waited = this.#with.clock.now() - (this.#toldBack ?? this.#since)
    if (waited >= GRACE * 1000) await this.#update(from)
  }

  /**
   * Takes the deployment of our own revision for ours. An update whose answer was lost may have been taken: then it is seen
   * later.
   */
  adopt({ deployments = [] }: Service): void {
    const ours = deployments.find(({ taskDefinition = "" }) => revisionOf(taskDefinition) === this.plan.to)
    if (ours?.id !== undefined) this.#aim = { ...this.#aim, deployment: ours.id }
  }

  async #update(taskDefinition: string): Promise<void> {
    const { session, signal, clock } = this.#with
    const { cluster, service } = this.plan
    this.#toldBack = clock.now()
    try {
      await session.aws
        .client(ECSClient)
        .send(new UpdateServiceCommand({ cluster, service, taskDefinition }), { abortSignal: signal })
    } catch (error) {
      signal.throwIfAborted()
      // Asked for again after the grace.
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

  /** Seen ones are told as soon as they are known, the broken image by its name. */
  async #lookAtStopped(startedBy: string | undefined): Promise<void> {
    if (startedBy === undefined) return
    const { session, signal } = this.#with
    const { cluster, service, image, log } = this.plan
    try {
      const found = await stoppedTasks(session, { cluster, service, startedBy }, this.#knownTasks, signal)
      for (const task of found) {
        this.#knownTasks.add(task.taskArn ?? "")
        if (isScaledIn(task)) continue
        const lines = await lastLines(session, log, taskId(task), signal)
        const cause = causeOf(task, service, image, lines)
        // The last to come; but what is certain stays.
        if (this.#cause?.certain !== true) this.#cause = cause
        this.#tasks.push([...linesOf(task), ...lines.map((line) => `  log: ${line}`)])
        this.#tell(this.#underWay, cause.text)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!this.#unreadable && !isTransient(error)) {
        this.#unreadable = true
        this.#tasks.push([`stopped tasks can't be read: ${textOf(error)}`])
      }
    }
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
      ...this.#tasks.slice(0, TOLD_TASKS).flat(),
      ...this.#events.slice(-TOLD_EVENTS).map((event) => `event: ${event}`),
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
