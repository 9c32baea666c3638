/** A command run in the test's own process, with clients that talk to a proxy, as a caller of one's choice. */
import type { Command, Values } from "../../../deploy/src/command.ts"
import { refusalOf } from "../../../deploy/src/refusal.ts"
import { Aws, type AwsSettings, REQUEST_HANDLER, type Session } from "../../../deploy/src/session.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import { ROOT } from "../get-data.ts"
import type { Keys } from "./standing.ts"

export interface Recorded extends Session {
  readonly said: string[]
  readonly printed: string[]
}

export interface SessionOptions {
  readonly endpoint: string
  readonly keys: Keys
  readonly signal?: AbortSignal
  readonly now?: () => Date
  readonly maxAttempts?: number
  /** Milliseconds for an answer. */
  readonly requestTimeout?: number
}

export function sessionOf(
  stage: Stage,
  { endpoint, keys, signal, now, maxAttempts = 2, requestTimeout }: SessionOptions,
): Recorded {
  const settings: AwsSettings & { endpoint: string } = {
    endpoint,
    region: stage.region,
    credentials: async () => keys,
    maxAttempts,
    requestHandler: { ...REQUEST_HANDLER, ...(requestTimeout !== undefined && { requestTimeout }) },
  }
  const said: string[] = []
  const printed: string[] = []
  return {
    stage,
    aws: new Aws(settings),
    said,
    printed,
    say: (line) => void said.push(line),
    print: (text) => void printed.push(text),
    signal: signal ?? new AbortController().signal,
    now: now ?? (() => new Date()),
    root: ROOT,
  }
}

export interface Outcome {
  readonly code: number
  /** What it printed, or the line that it ended with. */
  readonly text: string
}

/** As main.ts does it. */
export async function run(command: Command, session: Recorded, values: Values = {}): Promise<Outcome> {
  try {
    const code = await command.run(session, values)
    return { code, text: session.printed.join("\n") }
  } catch (error) {
    const refusal = refusalOf(error)
    if (!(refusal instanceof Error) || !("exitCode" in refusal)) throw error
    return { code: refusal.exitCode as number, text: refusal.message }
  } finally {
    session.aws.destroy()
  }
}
