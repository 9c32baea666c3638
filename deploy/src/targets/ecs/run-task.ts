/** A task that is run once to its end, such as a database migration: its exit code counts. */
import { randomUUID } from "node:crypto"
import {
  DeregisterTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  StopTaskCommand,
  type Task,
} from "@aws-sdk/client-ecs"
import { clusterName } from "../../../../infra/src/names.ts"
import type { ServiceName, Stage } from "../../../../infra/src/stage.ts"
import { type Clock, secondsSince, systemClock } from "../../clock.ts"
import { PATIENCE, patiently } from "../../patiently.ts"
import { EXIT, Refusal, refusalOf, troubleOf } from "../../refusal.ts"
import type { Session } from "../../session.ts"
import { resources } from "../../stacks.ts"
import { isTransient } from "../../transient.ts"
import type { Phase, Watch } from "../rolling.ts"
import { containersOf, describeExactly, registerExactly, withImage } from "./exact-task-definition.ts"
import { TARGET } from "./service-rollout.ts"
import { causeOf, linesOf, taskId } from "./stopped-tasks.ts"
import { familyOf, registered, revisionOf } from "./task-definitions.ts"
import { lastLines, taskLogOf } from "./task-log.ts"

/** The services' own (FlightsService). */
const PLATFORM_VERSION = "1.4.0"
/** Who started it, in ECS' records; a number of the run's own follows. */
const STARTED_BY = "perigee-deploy-"
/** Milliseconds between two looks: the first soon, then slower, as a migration takes seconds or many minutes. */
const FIRST_LOOK = 1_000
const LAST_LOOK = 5_000
const SLOWER = 1.3
/** Milliseconds for what has to be cleared away when all else has been told to stop. */
const CLEAR_AWAY = 10_000
const SECURITY_GROUP = "migration"

/** @returns the family of a service's one-off task */
export function oneOffFamily(stage: Stage, service: ServiceName, task: "roles" | "migrate"): string {
  return `perigee-${stage.name}-${service}-${task}`
}

export interface OneOff {
  /** Of a task definition of the data stack, see {@link oneOffFamily}. */
  readonly family: string
  /** Runs instead of the one that is registered, in a revision of its own that is deregistered afterwards. */
  readonly image?: string
}

export interface RunOptions {
  readonly watch?: Watch
  /** Seconds until it must have ended. */
  readonly timeout: number
  readonly signal: AbortSignal
  readonly clock?: Clock
}

export interface RanOnce {
  /** Undefined where its program never started, or did not end in time. */
  readonly exitCode: number | undefined
  /** In the reader's words, where the exit code is not 0. */
  readonly reason: string | undefined
  /** Stopped reason, exit codes, last log lines: a line each. */
  readonly details: readonly string[]
  readonly seconds: number
}

/**
 * @throws Refusal there is no such task, or AWS can't be asked; what `signal` was aborted with, after the task was stopped
 */
export async function runOnce(
  session: Session,
  { family, image }: OneOff,
  { watch = () => {}, timeout, signal, clock = systemClock }: RunOptions,
): Promise<RanOnce> {
  const started = clock.now()
  const tell = (phase: Phase, message: string) =>
    watch({ target: TARGET, unit: family, phase, seconds: secondsSince(clock, started), message })
  try {
    const known = await registered(session, signal)
    const arn = known.find((one) => familyOf(one.arn) === family)?.arn
    if (arn === undefined) {
      throw new Refusal(EXIT.noStack, `there is no task definition ${family}; deploy the stack data first`)
    }
    const described = await describeExactly(session, arn, signal)
    const [own, ...others] = containersOf(described.definition)
    if (own?.name === undefined || others.length > 0) {
      throw new Refusal(
        EXIT.failed,
        `${family} has been changed by hand: it must have one container; deploy data again`,
      )
    }
    const network = await networkOf(session, signal)
    const isNew = image !== undefined && image !== own.image
    const wanted = isNew ? withImage(described, own.name, image) : undefined
    const revision =
      wanted === undefined ? arn : await patiently(() => registerExactly(session, wanted, signal), clock, signal)
    try {
      tell("started", `${revisionOf(revision)} runs once`)
      const ran = await run(session, revision, network, { tell, timeout, signal, clock })
      const seconds = secondsSince(clock, started)
      if (typeof ran === "string") {
        tell("failed", ran)
        return { exitCode: undefined, reason: ran, details: [], seconds }
      }
      const { task, late } = ran
      const lines = await lastLines(session, taskLogOf(described.definition, own.name), taskId(task), signal)
      const details = [...linesOf(task), ...lines.map((line) => `  log: ${line}`)]
      const exitCode = late ? undefined : task.containers?.find(({ name }) => name === own.name)?.exitCode
      if (exitCode === 0) {
        tell("stable", "exit code 0")
        return { exitCode, reason: undefined, details, seconds }
      }
      const cause = causeOf(task, own.name, image ?? own.image ?? "", lines).text
      const reason = late ? `it was stopped: not over after ${timeout} s` : cause
      tell("failed", reason)
      return { exitCode, reason, details, seconds }
    } finally {
      if (isNew) await deregister(session, revision)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw refusalOf(error)
  }
}

interface Running {
  readonly tell: (phase: Phase, message: string) => void
  readonly timeout: number
  readonly signal: AbortSignal
  readonly clock: Clock
}

type Network = { readonly subnets: string[]; readonly securityGroups: string[] }

/** @returns the stopped task; or why none was started, in the reader's words */
async function run(
  session: Session,
  taskDefinition: string,
  network: Network,
  { tell, timeout, signal, clock }: Running,
): Promise<string | { readonly task: Task; readonly late: boolean }> {
  const { aws, stage } = session
  const client = aws.client(ECSClient)
  const cluster = clusterName(stage.name, "data")
  const started = clock.now()
  const token = randomUUID()
  const startedBy = `${STARTED_BY}${token}`
  const answer = client.send(
    new RunTaskCommand({
      cluster,
      taskDefinition,
      count: 1,
      launchType: "FARGATE",
      platformVersion: PLATFORM_VERSION,
      networkConfiguration: { awsvpcConfiguration: { ...network, assignPublicIp: "DISABLED" } },
      propagateTags: "TASK_DEFINITION",
      startedBy,
      // An attempt whose answer was lost does not start a second task.
      clientToken: token,
    }),
    { abortSignal: signal },
  )
  const { tasks = [], failures = [] } = await answer.catch(async (error) => {
    // Nobody would wait for one that was started all the same.
    await stopStarted(session, cluster, startedBy)
    throw error
  })
  const arn = tasks[0]?.taskArn
  if (arn === undefined) {
    const said = failures.map(({ reason = "", detail }) => (detail ? `${reason} (${detail})` : reason)).join("; ")
    return `ECS does not start it: ${said || "it tells no reason"}`
  }
  let late = false
  try {
    let status = ""
    let away: number | undefined
    for (let pause = FIRST_LOOK; ; pause = Math.min(pause * SLOWER, LAST_LOOK)) {
      await clock.sleep(pause * (0.9 + 0.2 * clock.random()), signal)
      const task = await look(session, cluster, arn, signal).catch((error) => {
        signal.throwIfAborted()
        away ??= clock.now()
        if (!isTransient(error) || clock.now() - away >= PATIENCE * 1000) throw error
        tell("waiting", `${troubleOf(error)}; asking again`)
        return "away" as const
      })
      if (task === "away") continue
      away = undefined
      // A task is not to be seen at once.
      if (task !== undefined && task.lastStatus !== status) {
        status = task.lastStatus ?? ""
        if (status !== "STOPPED") tell("waiting", `task ${taskId(task)} is ${status}`)
      }
      if (task?.lastStatus === "STOPPED") return { task, late }
      if (!late && clock.now() - started >= timeout * 1000) {
        late = true
        await stop(session, cluster, arn, `not over after ${timeout} s`)
      }
    }
  } catch (error) {
    if (!late) await stop(session, cluster, arn, "the deployment was stopped").catch(() => {})
    throw error
  }
}

async function look({ aws }: Session, cluster: string, arn: string, signal: AbortSignal): Promise<Task | undefined> {
  const { tasks = [] } = await aws
    .client(ECSClient)
    .send(new DescribeTasksCommand({ cluster, tasks: [arn] }), { abortSignal: signal })
  return tasks[0]
}

async function stop({ aws }: Session, cluster: string, task: string, reason: string): Promise<void> {
  await aws
    .client(ECSClient)
    .send(new StopTaskCommand({ cluster, task, reason }), { abortSignal: AbortSignal.timeout(CLEAR_AWAY) })
}

/** Those of a run whose answer was lost. */
async function stopStarted(session: Session, cluster: string, startedBy: string): Promise<void> {
  const abortSignal = AbortSignal.timeout(CLEAR_AWAY)
  try {
    const { taskArns = [] } = await session.aws
      .client(ECSClient)
      .send(new ListTasksCommand({ cluster, startedBy }), { abortSignal })
    await Promise.all(taskArns.map((arn) => stop(session, cluster, arn, "the deployment was stopped")))
  } catch {
    // AWS is away, or refuses: what is told is why it was not started.
  }
}

/** One that stays is pruned by a later deploy. */
async function deregister({ aws }: Session, taskDefinition: string): Promise<void> {
  await aws
    .client(ECSClient)
    .send(new DeregisterTaskDefinitionCommand({ taskDefinition }), { abortSignal: AbortSignal.timeout(CLEAR_AWAY) })
    .catch(() => {})
}

/** Where the database lets one-off tasks in from, as the network stack made it. */
async function networkOf(session: Session, signal: AbortSignal): Promise<Network> {
  const made = await resources(session, "network", signal)
  const ids = (type: string, logicalId: RegExp) =>
    made.flatMap(({ ResourceType, LogicalResourceId = "", PhysicalResourceId }) =>
      ResourceType === type && logicalId.test(LogicalResourceId) && PhysicalResourceId ? [PhysicalResourceId] : [],
    )
  const subnets = ids("AWS::EC2::Subnet", /^Service[A-Z]Subnet$/)
  const securityGroups = ids("AWS::EC2::SecurityGroup", new RegExp(`^Groups${SECURITY_GROUP}[0-9A-F]{8}$`))
  if (subnets.length === 0 || securityGroups.length !== 1) {
    const what = `the network stack has no service subnets or no security group ${SECURITY_GROUP}`
    throw new Refusal(EXIT.noStack, `${what}; deploy the stack network first`)
  }
  return { subnets, securityGroups }
}
