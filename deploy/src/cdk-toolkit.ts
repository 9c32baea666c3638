/** The CDK toolkit with a session's credentials; its messages come out by the session, and only those that matter. */
import {
  BaseCredentials,
  type IIoHost,
  type IoMessage,
  type IoRequest,
  Toolkit,
  type ToolkitOptions,
} from "@aws-cdk/toolkit-lib"
import type { Session } from "./session.ts"

export interface Tool {
  readonly toolkit: Toolkit
  /** What it complained of, the last at the end. */
  readonly errors: readonly string[]
}

export function toolkitOf(
  session: Session,
  options: Pick<ToolkitOptions, "assemblyFailureAt" | "unstableFeatures"> = {},
): Tool {
  const { credentials, region } = session.aws.settings
  const ioHost = new QuietHost(session)
  const toolkit = new Toolkit({
    ioHost,
    color: false,
    emojis: false,
    ...options,
    sdkConfig: { baseCredentials: BaseCredentials.custom({ provider: credentials, region }) },
  })
  return { toolkit, errors: ioHost.errors }
}

/** Says warnings, keeps errors for the one line that the command ends with; progress and notices are dropped. */
class QuietHost implements IIoHost {
  readonly errors: string[] = []
  /** What is wrong with each stack's role is told once. */
  readonly #warned = new Set<string>()
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  async notify({ level, message }: IoMessage<unknown>): Promise<void> {
    const text = message.replaceAll(/\s+/g, " ").trim()
    if (level === "error") this.errors.push(text)
    if (level !== "warn" || this.#warned.has(text)) return
    this.#warned.add(text)
    this.#session.say(`cdk: ${text}`)
  }

  /** Nobody is there to answer: the toolkit's own suggestion holds. */
  async requestResponse<T>(request: IoRequest<unknown, T>): Promise<T> {
    await this.notify(request)
    return request.defaultResponse
  }
}
