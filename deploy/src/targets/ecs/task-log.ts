/** Log lines of tasks, from CloudWatch Logs by the `awslogs` driver's own names. */
import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs"
import type { Session } from "../../session.ts"
import { type Container, containersOf, type Json } from "./exact-task-definition.ts"

/** Lines of a task that failed that are told. */
const LAST = 10

export interface TaskLog {
  readonly group: string
  /** `<prefix>/<container>/`; a task's id follows. Source: ECS developer guide, “Using the awslogs driver”. */
  readonly streams: string
}

/** @returns undefined where the container writes to no such log */
export function taskLogOf(definition: Json, container: string): TaskLog | undefined {
  const own: Container | undefined = containersOf(definition).find(({ name }) => name === container)
  const { logDriver, options = {} } = own?.logConfiguration ?? {}
  const { "awslogs-group": group, "awslogs-stream-prefix": prefix } = options
  if (logDriver !== "awslogs" || group === undefined || prefix === undefined) return undefined
  return { group, streams: `${prefix}/${container}/` }
}

/** @returns the task's last lines, oldest first; none where it wrote none, or they can't be read: that is told, not thrown */
export async function lastLines(
  { aws }: Session,
  log: TaskLog | undefined,
  task: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (log === undefined) return []
  const request = { logGroupName: log.group, logStreamName: `${log.streams}${task}`, limit: LAST, startFromHead: false }
  try {
    const { events = [] } = await aws
      .client(CloudWatchLogsClient)
      .send(new GetLogEventsCommand(request), { abortSignal: signal })
    return events.map(({ message = "" }) => message.trimEnd())
  } catch (error) {
    signal.throwIfAborted()
    // A task that never started has no stream.
    if (error instanceof Error && error.name === "ResourceNotFoundException") return []
    return [`(its log can't be read: ${error instanceof Error ? error.name : error})`]
  }
}
