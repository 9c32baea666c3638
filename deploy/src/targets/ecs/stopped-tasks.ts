/** Tasks that stopped, and what a person needs to know of why. */
import { DescribeTasksCommand, ECSClient, ListTasksCommand, type Task } from "@aws-sdk/client-ecs"
import type { Session } from "../../session.ts"

/** Most that DescribeTasks takes. Source: ECS API reference. */
const AT_ONCE = 100

export interface Cause {
  /** Names the image, the health check, the exit code. */
  readonly text: string
  /** Another attempt of the same can't come to another end. */
  readonly certain: boolean
}

/**
 * @param known ARNs of those that were looked at before
 * @returns those of all the service's deployments: `startedBy` tells whose
 */
export async function stoppedTasks(
  { aws }: Session,
  of: { readonly cluster: string; readonly service: string },
  known: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<readonly Task[]> {
  const client = aws.client(ECSClient)
  // By the service: “when you specify startedBy as the filter, it must be the only filter” (ECS API reference, ListTasks).
  const { taskArns = [] } = await client.send(
    new ListTasksCommand({ cluster: of.cluster, serviceName: of.service, desiredStatus: "STOPPED" }),
    { abortSignal: signal },
  )
  const tasks = taskArns.filter((arn) => !known.has(arn)).slice(0, AT_ONCE)
  if (tasks.length === 0) return []
  const { tasks: found = [] } = await client.send(new DescribeTasksCommand({ cluster: of.cluster, tasks }), {
    abortSignal: signal,
  })
  return found.sort((a, b) => (a.stoppingAt?.getTime() ?? 0) - (b.stoppingAt?.getTime() ?? 0))
}

/** Whether ECS stopped it because there were too many: a matter of course. */
export function isScaledIn({ stopCode, stoppedReason = "" }: Task): boolean {
  return stopCode === "ServiceSchedulerInitiated" && /^Scaling activity/i.test(stoppedReason)
}

export function taskId({ taskArn = "" }: Task): string {
  return taskArn.split("/").at(-1) ?? taskArn
}

/** One line for the task, and one for each of its containers that has something to say. */
export function linesOf(task: Task): readonly string[] {
  const code = task.stopCode === undefined ? "" : ` (${task.stopCode})`
  return [
    `task ${taskId(task)} stopped: ${oneLine(task.stoppedReason ?? "ECS tells no reason")}${code}`,
    ...(task.containers ?? []).flatMap(({ name, exitCode, reason }) => {
      const parts = [...(exitCode === undefined ? [] : [`exit code ${exitCode}`]), ...(reason ? [oneLine(reason)] : [])]
      return parts.length === 0 ? [] : [`  container ${name}: ${parts.join(", ")}`]
    }),
  ]
}

/** In the messages of containerd and Docker: the image does not run on this CPU. */
const OTHER_PLATFORM = /exec format error|no match(?:ing)? (?:manifest )?for platform|descriptor matching platform/i
/** An answer of the registry that it will give again; a time-out or a 5xx is none. */
const REFUSED =
  /not found|manifest unknown|does not exist|denied|unauthorized|forbidden|no basic auth|invalid reference/i

/**
 * Why a task stopped, in the reader's words. Source of the names of errors: ECS developer guide, “Stopped tasks error
 * codes” and “CannotPullContainer task errors”.
 *
 * @param container whose image was rolled out
 * @param image where the task does not tell its own
 * @param log its last lines
 */
export function causeOf(task: Task, container: string, image: string, log: readonly string[] = []): Cause {
  const own = task.containers?.find(({ name }) => name === container)
  const reason = oneLine(task.stoppedReason ?? "")
  const said = [reason, oneLine(own?.reason ?? "")].filter((text) => text !== "")
  const it = `image ${own?.image ?? image}`
  const saying = (pattern: RegExp) => said.find((text) => pattern.test(text))
  const platform = [...said, ...log].find((text) => OTHER_PLATFORM.test(text))
  if (platform !== undefined) return { text: `${it} is for another platform: ${oneLine(platform)}`, certain: true }
  const pull = saying(/CannotPull/)
  if (pull !== undefined) return { text: `${it} can't be pulled: ${pull}`, certain: REFUSED.test(pull) }
  const start = saying(/CannotStartContainer|CannotCreateContainer|ContainerRuntimeError/)
  if (start !== undefined) {
    return { text: `${it} can't be started: ${start}`, certain: /executable file not found|no such file/i.test(start) }
  }
  const checked = saying(/health ?checks?/i)
  if (checked !== undefined) return { text: `${it} does not pass its health check: ${checked}`, certain: false }
  const other = task.containers?.find(({ name, exitCode }) => name !== container && (exitCode ?? 0) !== 0)
  if (own?.exitCode !== undefined && (own.exitCode !== 0 || other === undefined)) {
    const why = own.reason ? `: ${oneLine(own.reason)}` : ""
    return { text: `${it}: container ${container} exited with code ${own.exitCode}${why}`, certain: false }
  }
  if (other !== undefined) {
    return { text: `container ${other.name} beside it exited with code ${other.exitCode}`, certain: false }
  }
  return { text: `a task stopped: ${reason || "ECS tells no reason"}`, certain: false }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim()
}
