/** What a command works with: the stage, AWS, where to talk to, and when to stop. Nothing below reads the environment. */
import type { AwsCredentialIdentityProvider, InitializeMiddleware, MiddlewareStack } from "@aws-sdk/types"
import type { Stage } from "../../infra/src/stage.ts"

export interface Session {
  readonly stage: Stage
  readonly aws: Aws
  /** One line of progress, to a person: stderr. Masked. */
  readonly say: (line: string) => void
  /** The result: stdout. Masked. */
  readonly print: (text: string) => void
  /** Aborted by a signal; every request of a command takes it. */
  readonly signal: AbortSignal
  readonly now: () => Date
  /** Whether stdout is a person's terminal that wants colours. */
  readonly colours?: boolean
  /** The repository's root. */
  readonly root: string
  /** Where a table may be redrawn in place; not where stderr is no terminal. */
  readonly terminal?: Terminal
  /** For texts that go elsewhere than to {@link say} and {@link print}. */
  readonly mask?: (text: string) => string
}

export interface Terminal {
  /** In characters, at this moment. */
  readonly size: () => { readonly columns: number; readonly rows: number }
  /** As it is: with what moves the cursor. */
  readonly write: (text: string) => void
}

/** What every client of the AWS SDK is made with; endpoints are the SDK's own matter (`AWS_ENDPOINT_URL`). */
export interface AwsSettings {
  readonly region: string
  readonly credentials: AwsCredentialIdentityProvider
  /** Attempts at a request, throttling included. */
  readonly maxAttempts: number
  /** Milliseconds for a connection, and for one attempt: an answer that does not come is an attempt that failed. */
  readonly requestHandler: {
    readonly connectionTimeout: number
    readonly requestTimeout: number
    readonly throwOnRequestTimeout: true
  }
}

/** An answer within 20 s, or the attempt has failed: nothing that is asked of AWS here takes as long. */
export const REQUEST_HANDLER: AwsSettings["requestHandler"] = {
  connectionTimeout: 5_000,
  requestTimeout: 20_000,
  throwOnRequestTimeout: true,
}

/** An error of AWS does not say what was asked: it is written beside it, for a refusal's line. */
const tellingWhat: InitializeMiddleware<object, object> =
  (next, { clientName = "", commandName = "" }) =>
  async (args) => {
    try {
      return await next(args)
    } catch (error) {
      const service = clientName.replace(/Client$/, "").toLowerCase()
      if (error instanceof Error) Object.assign(error, { asked: `${service}:${commandName.replace(/Command$/, "")}` })
      throw error
    }
  }

/** The clients of one run: each is made when it is first asked for. */
export class Aws {
  readonly settings: AwsSettings
  readonly #clients = new Map<unknown, { destroy(): void }>()

  constructor(settings: AwsSettings) {
    this.settings = settings
  }

  client<Client extends { readonly middlewareStack: object; destroy(): void }>(
    kind: new (settings: AwsSettings) => Client,
  ): Client {
    const known = this.#clients.get(kind)
    if (known !== undefined) return known as Client
    const made = new kind(this.settings)
    // Its type is each client's own; this middleware looks at nothing of it.
    const stack = made.middlewareStack as MiddlewareStack<object, object>
    stack.add(tellingWhat, { step: "initialize", name: "tellingWhat" })
    this.#clients.set(kind, made)
    return made
  }

  /** Closes connections, so that the process can end. */
  destroy(): void {
    for (const client of this.#clients.values()) client.destroy()
    this.#clients.clear()
  }
}
