/**
 * An ECS that really rolls out, in accelerated time, in front of an emulator of AWS whose own deployments are over at once.
 *
 * A test starts it over the proxy that it points the program at (`AWS_ENDPOINT_URL` = `proxy.url`):
 *
 *     const ministack = await startMinistack()
 *     const proxy = await AwsProxy.open(ministack.url)
 *     await stand(stage, account)                        // services that are there already are taken for running
 *     const ecs = await Ecs.open(proxy, settings(account), { secondMs: 5 })
 *     ecs.image(digest, { kind: "exits", code: 3, log: ["no database"] })
 *     ecs.family("perigee-development-user_metadata-migrate", { kind: "exits", code: 1 })
 *     …                                                  // the program
 *     await ecs.stable("user_metadata")                  // milestones: when it was stable, completed, failed
 *     await ecs.close()                                  // then the proxy and ministack
 *
 * Services that CloudFormation makes later roll out when they are first looked at, and so does what a stack update changes of
 * a service. Task definitions stay in the emulator behind, and so does who may do what: each call is passed on first, and
 * a refusal there (signature, IAM) is the answer. What a test says on the proxy afterwards (`proxy.on("ecs:…", …)`) comes
 * before what is answered here: faults go there.
 */
import type { ECSClientConfig } from "@aws-sdk/client-ecs"
import { RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs"
import type { AwsProxy, Call, Reply } from "../aws-proxy.ts"
import { AcceleratedClock } from "./accelerated-clock.ts"
import { Account } from "./account.ts"
import type { Action } from "./actions/action.ts"
import {
  describeServiceDeployments,
  describeServiceRevisions,
  listServiceDeployments,
  stopServiceDeployment,
} from "./actions/service-deployments.ts"
import { describeServices, updateService } from "./actions/services.ts"
import { deregisterTaskDefinition, describeTaskDefinition, registerTaskDefinition } from "./actions/task-definitions.ts"
import { describeTasks, listTasks, runTask, stopTask } from "./actions/tasks.ts"
import { type Behaviour, Behaviours } from "./behaviour.ts"
import { CallCount } from "./call-count.ts"
import { EcsError } from "./ecs-error.ts"
import { Fleet } from "./fleet.ts"
import { LogStreams } from "./log-streams.ts"
import type { Milestones, Service } from "./service.ts"
import type { Task } from "./task.ts"
import { Throttling } from "./throttling.ts"
import { TIMES, type Times } from "./times.ts"

export interface EcsOptions {
  /** Milliseconds that a second of AWS takes; 5 unless told. */
  readonly secondMs?: number
  readonly times?: Partial<Times>
  /** Share (0, 1] of ECS' published rates beyond which calls are throttled; none are, without it. */
  readonly throttle?: number
}

// biome-ignore lint/suspicious/noExplicitAny: each action has its own input.
const ACTIONS: Readonly<Record<string, Action<any>>> = {
  DescribeServices: describeServices,
  UpdateService: updateService,
  ListServiceDeployments: listServiceDeployments,
  DescribeServiceDeployments: describeServiceDeployments,
  StopServiceDeployment: stopServiceDeployment,
  DescribeServiceRevisions: describeServiceRevisions,
  RegisterTaskDefinition: registerTaskDefinition,
  DeregisterTaskDefinition: deregisterTaskDefinition,
  DescribeTaskDefinition: describeTaskDefinition,
  ListTasks: listTasks,
  DescribeTasks: describeTasks,
  RunTask: runTask,
  StopTask: stopTask,
}

/** Change what is behind, so that nothing may look meanwhile. */
const CHANGING = new Set(["UpdateService"])

/** What the emulator behind refuses a caller with, or has not; every other error of it is not looked at. */
const REFUSALS =
  /ClusterNotFound|AccessDenied|UnrecognizedClient|InvalidSignature|SignatureDoesNotMatch|ExpiredToken|InvalidClientTokenId|MissingAuthenticationToken|IncompleteSignature|NotAuthorized/

export class Ecs {
  readonly calls = new CallCount()
  /** Actions, such as `UpdateService`, that are refused as IAM refuses them. */
  readonly denied = new Set<string>()
  readonly #proxy: AwsProxy
  readonly #fleet: Fleet
  readonly #behaviours = new Behaviours()
  readonly #clock: AcceleratedClock
  readonly #logs: LogStreams
  readonly #waiting = new Set<() => void>()
  #throttling: Throttling | undefined

  private constructor(proxy: AwsProxy, settings: ECSClientConfig, { secondMs = 5, times, throttle }: EcsOptions) {
    this.#proxy = proxy
    this.#clock = new AcceleratedClock(secondMs)
    this.#logs = new LogStreams(settings as object)
    this.#throttling = throttle === undefined ? undefined : new Throttling(throttle)
    const surroundings = {
      clock: this.#clock,
      times: { ...TIMES, ...times },
      log: (task: { id: string }, container: object, lines: readonly string[], at: number) =>
        this.#logs.write(task.id, container, lines, at),
    }
    this.#fleet = new Fleet(new Account(settings), this.#behaviours, surroundings, () => this.#tell())
    proxy.on(undefined, (call) => this.#answer(call))
  }

  /** @param settings of a client of the emulator behind, who may do everything */
  static async open(proxy: AwsProxy, settings: ECSClientConfig, options: EcsOptions = {}): Promise<Ecs> {
    const ecs = new Ecs(proxy, settings, options)
    await ecs.adopt()
    return ecs
  }

  /** What becomes of a service's tasks of an image. @param image a digest or a whole reference */
  image(image: string, behaviour: Behaviour): void {
    this.#behaviours.ofImage(image, behaviour)
  }

  /** What becomes of one-off tasks of a family. */
  family(family: string, behaviour: Behaviour): void {
    this.#behaviours.ofFamily(family, behaviour)
  }

  /** Forgets what was said of images and families, and the calls. */
  forget(): void {
    this.#behaviours.forget()
    this.denied.clear()
    this.calls.forget()
  }

  /** @param share (0, 1] of the published rates; undefined for no limit */
  throttle(share: number | undefined): void {
    this.#throttling = share === undefined ? undefined : new Throttling(share)
  }

  /** Takes services that are there and not known yet for running. */
  async adopt(): Promise<void> {
    await this.#fleet.inTurn(() => this.#fleet.adopt())
  }

  /** @param reference name or ARN @throws EcsError no such service is known */
  service(reference: string): Service {
    return this.#fleet.service(reference)
  }

  /** One-off tasks, in the order of their starts. */
  get tasks(): readonly Task[] {
    return this.#fleet.tasks
  }

  milestones(service: string): Milestones {
    return this.service(service).milestones
  }

  /** Waits for a change after which it holds, and no longer than it must. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((go) => this.#waiting.add(go))
  }

  /** Until one deployment alone runs with all its tasks. @returns when that was, milliseconds since 1970 */
  async stable(service: string): Promise<number> {
    await this.until(() => this.milestones(service).stable !== undefined)
    return this.milestones(service).stable as number
  }

  /** Until its newest rollout is COMPLETED. @returns when that was, milliseconds since 1970 */
  async completed(service: string): Promise<number> {
    await this.until(() => this.milestones(service).completed !== undefined)
    return this.milestones(service).completed as number
  }

  /** Somebody else rolls something else out, now. @param image what runs last, unless told @returns its deployment's id */
  async takeOver(service: string, image?: string): Promise<string> {
    const there = this.service(service)
    const { configuration } = there.primary.revision
    const { taskDefinition } = configuration
    const containers = (taskDefinition.containerDefinitions ?? []).map((one, at) =>
      at === 0 && image !== undefined ? { ...one, image } : one,
    )
    const registered = await this.#fleet.account.client.send(
      new RegisterTaskDefinitionCommand({
        ...taskDefinition,
        family: taskDefinition.family ?? "",
        containerDefinitions: containers,
      }),
    )
    const other = registered.taskDefinition ?? taskDefinition
    return there.deploy({ ...configuration, taskDefinition: other }).id
  }

  /** A CloudWatch alarm of the service's goes off while it rolls out. */
  alarm(service: string): void {
    this.service(service).fail("alarm detected", "ECS deployment failed: alarm detected.")
  }

  /** Nothing goes on from here; the proxy stays open. */
  async close(): Promise<void> {
    this.#clock.close()
    await this.#fleet.inTurn(async () => undefined)
    this.#fleet.account.destroy()
    this.#logs.destroy()
    this.#tell()
  }

  #tell(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const go of waiting) go()
  }

  async #answer(call: Call): Promise<Reply | undefined> {
    if (!call.action.startsWith("ecs:") || this.#clock.closed) return undefined
    const name = call.action.slice("ecs:".length)
    const counted = this.calls.add(name)
    try {
      this.#throttling?.take(name)
      if (this.denied.has(name)) throw denial(call)
      const action = ACTIONS[name]
      if (action === undefined) return undefined
      const work = () => this.#run(action, call)
      return await (CHANGING.has(name) ? this.#fleet.inTurn(work) : work())
    } catch (error) {
      const { type, body } = error instanceof EcsError ? error : new EcsError("ServerException", String(error))
      counted.error = type
      return { status: type === "ServerException" ? 500 : 400, body }
    }
  }

  async #run(action: Action<unknown>, call: Call): Promise<Reply> {
    const { status, body } = await this.#proxy.pass(call)
    const passed = parsed(body.toString())
    if (status >= 400 && REFUSALS.test(String(passed["__type"]))) return { status, body }
    if (status >= 400 && TASK_DEFINITIONS.test(call.action)) return { status, body }
    const input = JSON.parse(Buffer.from(call.body, "latin1").toString())
    const answer = await action(input, { fleet: this.#fleet, passed: { status, body: passed } })
    return { status: 200, body: JSON.stringify(inSeconds(answer)) }
  }
}

/** Of these, errors too are the emulator's. */
const TASK_DEFINITIONS = /TaskDefinitions?$/

function parsed(body: string): Record<string, unknown> {
  try {
    return JSON.parse(body) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** Times as the JSON 1.1 protocol has them: seconds since 1970. */
function inSeconds(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000
  if (Array.isArray(value)) return value.map(inSeconds)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inSeconds(one)]))
}

/** As AWS words it. Source: IAM user guide, “Troubleshoot access denied error messages”. */
function denial({ action }: Call): EcsError {
  const who = "User: arn:aws:iam::111111111111:user/caller"
  const message = `${who} is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`
  return new EcsError("AccessDeniedException", message)
}
