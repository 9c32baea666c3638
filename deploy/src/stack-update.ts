/** One operation on a stack, from the request to the last event of that very operation. */
import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import {
  type Capability,
  type CloudFormationClient,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  type Stack,
  type StackEvent,
  UpdateStackCommand,
} from "@aws-sdk/client-cloudformation"
import { EXIT, Refusal, refusalOf } from "./refusal.ts"

/** How an operation ended. Source: CloudFormation user guide, "Stack status codes". */
const ENDING = [
  "CREATE_COMPLETE",
  "CREATE_FAILED",
  "ROLLBACK_COMPLETE",
  "ROLLBACK_FAILED",
  "UPDATE_COMPLETE",
  "UPDATE_FAILED",
  "UPDATE_ROLLBACK_COMPLETE",
  "UPDATE_ROLLBACK_FAILED",
  "DELETE_COMPLETE",
  "DELETE_FAILED",
] as const
export type Ending = (typeof ENDING)[number]
const ENDINGS: ReadonlySet<string> = new Set(ENDING)
/** Templates of ours hold roles with names. Source: API reference, UpdateStack, "Capabilities". */
const CAPABILITIES: Capability[] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]
/** What else failed once something did. Source: CloudFormation's own words for it. */
const DRAWN_ALONG = /^Resource (creation|update|deletion) cancelled/i

export interface Updated {
  readonly ending: Ending
  /** Why, as the first resource that failed tells it; empty when none did. */
  readonly reason: string
  /** When, by CloudFormation's clock. */
  readonly at: Date | undefined
}

export interface DeployedStack {
  readonly id: string
  readonly status: string
  readonly parameters: ReadonlyMap<string, string>
  readonly outputs: ReadonlyMap<string, string>
}

export interface Watching {
  /** Milliseconds between two looks. */
  readonly pollMs: number
  readonly signal: AbortSignal
  readonly onEvent: (event: StackEvent) => void
}

export class StackUpdates {
  readonly #client: CloudFormationClient
  readonly #stackName: string

  constructor(client: CloudFormationClient, stackName: string) {
    this.#client = client
    this.#stackName = stackName
  }

  /** @throws Refusal there is no such stack, or AWS can't or won't tell */
  async describe(signal: AbortSignal): Promise<DeployedStack> {
    const { Stacks } = await this.#asked(() =>
      this.#client.send(new DescribeStacksCommand({ StackName: this.#stackName }), { abortSignal: signal }),
    )
    const stack: Stack | undefined = Stacks?.[0]
    if (stack === undefined) throw new Refusal(EXIT.noStack, `there is no stack ${this.#stackName}`)
    return {
      id: stack.StackId ?? "",
      status: stack.StackStatus ?? "",
      parameters: new Map((stack.Parameters ?? []).map((one) => [one.ParameterKey ?? "", one.ParameterValue ?? ""])),
      outputs: new Map((stack.Outputs ?? []).map((one) => [one.OutputKey ?? "", one.OutputValue ?? ""])),
    }
  }

  /**
   * Changes one parameter and nothing else: template, role and every other value stay as they are.
   *
   * @param tokenPrefix by which a later call knows the update as its own: letters, digits and hyphens, 91 at most
   * @returns the update's token, for {@link watch}; undefined where CloudFormation finds nothing to do
   */
  async setParameter(
    stack: DeployedStack,
    key: string,
    value: string,
    tokenPrefix: string,
  ): Promise<string | undefined> {
    return await this.#update(stack, tokenPrefix, { [key]: value })
  }

  /**
   * With template and parameters as they are: what changes is what an SSM parameter holds.
   *
   * @param tokenPrefix as of {@link setParameter}
   * @returns as of {@link setParameter}
   */
  async again(stack: DeployedStack, tokenPrefix: string): Promise<string | undefined> {
    return await this.#update(stack, tokenPrefix, {})
  }

  async #update(
    stack: DeployedStack,
    tokenPrefix: string,
    values: Readonly<Record<string, string>>,
  ): Promise<string | undefined> {
    const token = `${tokenPrefix}-${randomUUID()}`
    try {
      await this.#asked(() =>
        this.#client.send(
          new UpdateStackCommand({
            StackName: stack.id,
            UsePreviousTemplate: true,
            Parameters: [...stack.parameters.keys()].map((name) =>
              values[name] === undefined
                ? { ParameterKey: name, UsePreviousValue: true }
                : { ParameterKey: name, ParameterValue: values[name] },
            ),
            Capabilities: CAPABILITIES,
            // A time-out and a second attempt of the SDK are one update.
            ClientRequestToken: token,
          }),
        ),
      )
      return token
    } catch (error) {
      if (error instanceof Error && /No updates are to be performed/.test(error.message)) return undefined
      throw error
    }
  }

  /** The token of what the stack's newest event belongs to. */
  async newestToken(signal: AbortSignal): Promise<string | undefined> {
    for await (const { ClientRequestToken } of this.events(signal)) return ClientRequestToken
    return undefined
  }

  /**
   * Tells the events of one operation as they come, until its last. A status that is not of that operation is never taken
   * for its end, and the clean-up after it (when what it replaced is deleted) belongs to it.
   */
  async watch(
    stack: Pick<DeployedStack, "id">,
    token: string,
    { pollMs, signal, onEvent }: Watching,
  ): Promise<Updated> {
    const told = new Set<string>()
    let reason = ""
    for (;;) {
      const fresh: StackEvent[] = []
      for await (const event of this.events(signal)) {
        if (told.has(event.EventId ?? "")) break
        if (event.ClientRequestToken === token) fresh.push(event)
        // Newer than ours may stand another operation's; what is older is history.
        else if (fresh.length > 0) break
      }
      for (const event of fresh.reverse()) {
        told.add(event.EventId ?? "")
        onEvent(event)
        const status = event.ResourceStatus ?? ""
        if (reason === "" && status.endsWith("_FAILED") && !DRAWN_ALONG.test(event.ResourceStatusReason ?? "")) {
          reason = `${event.LogicalResourceId}: ${(event.ResourceStatusReason ?? status).replaceAll(/\s+/g, " ").trim()}`
        }
        if (isOver(event, stack.id)) return { ending: status as Ending, reason, at: event.Timestamp }
      }
      await pause(pollMs, undefined, { signal }).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error
      })
    }
  }

  /** Every event, the newest first. */
  async *events(signal: AbortSignal): AsyncGenerator<StackEvent> {
    let page: string | undefined
    do {
      const { StackEvents, NextToken } = await this.#asked(() =>
        this.#client.send(
          new DescribeStackEventsCommand({
            StackName: this.#stackName,
            ...(page !== undefined && { NextToken: page }),
          }),
          { abortSignal: signal },
        ),
      )
      yield* StackEvents ?? []
      page = NextToken
    } while (page !== undefined)
  }

  async #asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof Error && error.name === "ValidationError") {
        if (/does not exist/.test(error.message)) {
          const what = `there is no stack ${this.#stackName} in this account and region`
          throw new Refusal(EXIT.noStack, `${what}; deploy the stage first`, { cause: error })
        }
        if (/_IN_PROGRESS state/.test(error.message)) {
          throw new Refusal(EXIT.busy, `${this.#stackName}: another update is under way; try again after it`, {
            cause: error,
          })
        }
        if (/No updates are to be performed/.test(error.message)) throw error
      }
      throw refusalOf(error)
    }
  }
}

function isOver(event: StackEvent, stackId: string): boolean {
  return event.PhysicalResourceId === stackId && ENDINGS.has(event.ResourceStatus ?? "")
}
