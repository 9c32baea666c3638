/** The last lines of a log group, however old. */
import { CloudWatchLogsClient, type FilteredLogEvent, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs"
import type { Session } from "../session.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** How far back, step by step: most who ask want the last minutes. */
const STEPS = [10 * MINUTE, 2 * HOUR, DAY, 7 * DAY, 30 * DAY, 400 * DAY] as const
/** Clocks of those who write may be ahead. */
const AHEAD = 5 * MINUTE
/** Most events of an answer. Source: CloudWatch Logs API reference, FilterLogEvents. */
const PAGE = 10_000

export interface LogPlace {
  readonly group: string
  /** What the streams' names begin with; all of the group without it. */
  readonly streams?: string
}

/**
 * @param lines 1 to 10 000
 * @returns `<time> <line>`, oldest first; undefined where there is no such group
 */
export async function lastOf(
  { aws, now, stage }: Session,
  { group, streams }: LogPlace,
  lines: number,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const client = aws.client(CloudWatchLogsClient)
  const moment = now().getTime()
  let found: FilteredLogEvent[] = []
  let endTime = moment + AHEAD
  for (const step of STEPS) {
    const startTime = Math.max(0, moment - step)
    let newest: FilteredLogEvent[] = []
    let nextToken: string | undefined
    try {
      do {
        const answer = await client.send(
          new FilterLogEventsCommand({
            logGroupName: group,
            ...(streams !== undefined && { logStreamNamePrefix: streams }),
            startTime,
            endTime,
            limit: PAGE,
            nextToken,
          }),
          { abortSignal: signal },
        )
        // Oldest first: what comes later pushes out what came before.
        newest = [...newest, ...(answer.events ?? [])].slice(-lines)
        nextToken = answer.nextToken
      } while (nextToken !== undefined)
    } catch (error) {
      if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined
      throw error
    }
    found = [...newest, ...found].slice(-lines)
    if (found.length >= lines || step >= stage.logDays * DAY) break
    endTime = startTime - 1
  }
  return found
    .sort((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0))
    .map(({ timestamp = 0, message = "" }) => `${new Date(timestamp).toISOString()} ${message.trimEnd()}`)
}
