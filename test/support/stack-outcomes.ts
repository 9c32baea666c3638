/**
 * How updates of stacks end, said by a test, in front of an emulator of AWS whose own always go well and are over at once.
 * A stack that fails here is not touched behind; one that is slow is updated behind at once, and tells of it later.
 *
 *     const stacks = new StackOutcomes(proxy, settings(account))
 *     stacks.fail("perigee-development-platform", { resource: "Listener", type: "AWS::…", reason: "no room" })
 *     stacks.slow("perigee-development-data", 5)
 *
 * Each is for the next ExecuteChangeSet, UpdateStack or CreateStack of that stack. Time goes on by looks: DescribeStacks of
 * the stack, or the first page of its events.
 * Source: CloudFormation API reference, DescribeStacks, DescribeStackEvents, ExecuteChangeSet, ContinueUpdateRollback;
 * user guide, “Stack status codes”.
 */
import { randomUUID } from "node:crypto"
import {
  CloudFormationClient,
  type CloudFormationClientConfig,
  DescribeStacksCommand,
} from "@aws-sdk/client-cloudformation"
import type { AwsProxy, Call, Ending, Reply } from "./aws-proxy.ts"

type Next = () => Promise<Ending>

export interface Failure {
  /** Logical id. */
  readonly resource: string
  readonly type?: string
  /** As the service words it. */
  readonly reason: string
  /** `stays` is an update whose rollback fails too: UPDATE_ROLLBACK_FAILED, or ROLLBACK_FAILED of a new stack. */
  readonly rollback?: "complete" | "stays"
  /** Looks until the next thing happens; 1 unless told, Infinity for an update that never ends. */
  readonly looks?: number
}

interface Event {
  readonly at: Date
  readonly id: string
  readonly token: string
  readonly resource: string
  readonly type: string
  readonly status: string
  readonly reason: string
}

type Step = Pick<Event, "resource" | "type" | "status"> & { readonly reason?: string }

interface Overlay {
  readonly name: string
  readonly id: string
  readonly token: string
  readonly steps: Step[]
  readonly looks: number
  readonly events: Event[]
  /** Of the stack; undefined once what is behind is told as it is. */
  status: string | undefined
  reason: string
  left: number
  /** What is behind and newer is not told yet. */
  readonly hidesFrom?: Date
  readonly over?: () => boolean
}

type Wish = { readonly failure: Failure } | { readonly slow: number | (() => boolean) }

const STACK = "AWS::CloudFormation::Stack"

export class StackOutcomes {
  readonly #client: CloudFormationClient
  readonly #wishes = new Map<string, Wish>()
  readonly #overlays = new Map<string, Overlay>()
  /** Of failures that are over: told for ever. */
  readonly #past = new Map<string, Event[]>()

  /** @param settings of a client of the emulator behind, who may do everything */
  constructor(proxy: AwsProxy, settings: CloudFormationClientConfig) {
    this.#client = new CloudFormationClient(settings)
    proxy.on(undefined, (call, _nth, next) => this.#answer(call, next))
  }

  /** The next update of the stack, or its creation, fails at that resource and is taken back. */
  fail(stack: string, failure: Failure): void {
    this.#wishes.set(stack, { failure })
  }

  /** The next update of the stack is under way for so many looks, or until that holds. */
  slow(stack: string, until: number | (() => boolean)): void {
    this.#wishes.set(stack, { slow: until })
  }

  /** What is told of the stack's status here; undefined where it is what is behind. */
  status(stack: string): string | undefined {
    return this.#overlays.get(stack)?.status
  }

  async #answer(call: Call, next: Next): Promise<Ending | undefined> {
    if (!call.action.startsWith("cloudformation:")) return undefined
    const form = new URLSearchParams(call.body)
    switch (call.action.slice("cloudformation:".length)) {
      case "ExecuteChangeSet":
      case "UpdateStack":
      case "CreateStack":
        return await this.#begin(call, form, next)
      case "CreateChangeSet":
        return this.#refusal(this.#overlays.get(nameOf(form.get("StackName"))))
      case "DescribeStacks":
        return await this.#describe(form, next)
      case "DescribeStackEvents":
        return await this.#events(form, next)
      case "ContinueUpdateRollback":
        return this.#continue(form)
      case "DeleteStack":
        this.#overlays.delete(nameOf(form.get("StackName")))
        this.#past.delete(nameOf(form.get("StackName")))
        return undefined
      default:
        return undefined
    }
  }

  async #begin(call: Call, form: URLSearchParams, next: Next): Promise<Ending | undefined> {
    const name = stackOf(form)
    const wish = this.#wishes.get(name)
    const before = this.#overlays.get(name)
    const refused = this.#refusal(before)
    if (refused !== undefined) return refused
    if (before !== undefined) this.#past.set(name, [...before.events, ...(this.#past.get(name) ?? [])])
    this.#overlays.delete(name)
    if (wish === undefined) return undefined
    this.#wishes.delete(name)
    const token = form.get("ClientRequestToken") ?? ""
    const behind = await this.#stackBehind(name)
    const creates = behind.status === "REVIEW_IN_PROGRESS" || behind.status === undefined
    if ("slow" in wish) return await this.#slow(next, name, token, creates, wish.slow)
    const { failure } = wish
    const id = behind.id ?? `arn:aws:cloudformation:us-east-1:111111111111:stack/${name}/${randomUUID()}`
    const steps = failing(name, failure, creates)
    this.#overlay({ name, id, token, steps, looks: failure.looks ?? 1, events: [], status: "", reason: "", left: 0 })
    const action = call.action.slice("cloudformation:".length)
    const result = action === "ExecuteChangeSet" ? "" : `<StackId>${id}</StackId>`
    return xml(200, `<${action}Response ${XMLNS}><${action}Result>${result}</${action}Result></${action}Response>`)
  }

  async #slow(
    next: Next,
    name: string,
    token: string,
    creates: boolean,
    until: number | (() => boolean),
  ): Promise<Ending> {
    const hidesFrom = new Date()
    const behind = await next()
    if (typeof behind === "string") return behind
    if (behind.status < 400) {
      const { id = "" } = await this.#stackBehind(name)
      const looks = typeof until === "number" ? until : 1
      const over = typeof until === "function" ? { over: until } : {}
      const steps = [{ resource: name, type: STACK, status: creates ? "CREATE_IN_PROGRESS" : "UPDATE_IN_PROGRESS" }]
      const none = { events: [], status: "", reason: "", left: 0 }
      this.#overlay({ name, id, token, steps, looks, ...none, hidesFrom, ...over })
    }
    return behind
  }

  #overlay(overlay: Overlay): void {
    this.#overlays.set(overlay.name, overlay)
    goOn(overlay)
  }

  /** An update that is under way, or that could not be taken back, is to be ended first. */
  #refusal(overlay: Overlay | undefined): Reply | undefined {
    const { id, status = "" } = overlay ?? {}
    const stuck = /_IN_PROGRESS$|ROLLBACK_FAILED$|^ROLLBACK_COMPLETE$/.test(status)
    return stuck ? refusal(`Stack:${id} is in ${status} state and can not be updated.`) : undefined
  }

  #look(name: string): Overlay | undefined {
    const overlay = this.#overlays.get(name)
    if (overlay === undefined) return undefined
    if (overlay.over !== undefined ? !overlay.over() : --overlay.left > 0) return overlay
    if (overlay.steps.length > 0) goOn(overlay)
    else if (overlay.hidesFrom !== undefined) this.#overlays.delete(name)
    return this.#overlays.get(name)
  }

  async #describe(form: URLSearchParams, next: Next): Promise<Ending> {
    const asked = form.get("StackName")
    if (asked !== null) this.#look(nameOf(asked))
    const behind = await next()
    if (typeof behind === "string") return behind
    const text = behind.body.toString().replace(NAME_AND_STATUS, (told: string, name: string) => {
      const overlay = this.#overlays.get(name)
      if (overlay?.status === undefined) return told
      const reason = overlay.reason === "" ? "" : `<StackStatusReason>${escaped(overlay.reason)}</StackStatusReason>`
      return told.replace(STATUS, `<StackStatus>${overlay.status}</StackStatus>${reason}`)
    })
    return xml(behind.status, text)
  }

  async #events(form: URLSearchParams, next: Next): Promise<Ending | undefined> {
    const name = nameOf(form.get("StackName"))
    if (form.has("NextToken")) return undefined
    const overlay = this.#look(name)
    const ours = [...(overlay?.events ?? []), ...(this.#past.get(name) ?? [])]
    if (overlay === undefined && ours.length === 0) return undefined
    const answer = await next()
    if (typeof answer === "string" || answer.status >= 400) return answer
    const text = answer.body.toString()
    const [list = ""] = /<StackEvents>[\s\S]*<\/StackEvents>/.exec(text) ?? []
    const behind = (list.match(/<member>[\s\S]*?<\/member>/g) ?? []).map((member) => ({
      member,
      at: new Date(/<Timestamp>([^<]+)</.exec(member)?.[1] ?? 0),
    }))
    const { hidesFrom } = overlay ?? {}
    const told = [
      ...ours.map((event) => ({ member: memberOf(event, name, overlay?.id ?? ""), at: event.at })),
      ...behind.filter(({ at }) => hidesFrom === undefined || at < hidesFrom),
    ].sort((one, other) => other.at.getTime() - one.at.getTime())
    return xml(
      answer.status,
      text.replace(list, `<StackEvents>${told.map(({ member }) => member).join("")}</StackEvents>`),
    )
  }

  #continue(form: URLSearchParams): Reply | undefined {
    const overlay = this.#overlays.get(nameOf(form.get("StackName")))
    if (overlay?.status !== "UPDATE_ROLLBACK_FAILED") return undefined
    const of = (status: string): Step => ({ resource: overlay.name, type: STACK, status })
    overlay.steps.push(of("UPDATE_ROLLBACK_IN_PROGRESS"), of("UPDATE_ROLLBACK_COMPLETE"))
    goOn(overlay)
    const result = "<ContinueUpdateRollbackResult></ContinueUpdateRollbackResult>"
    return xml(200, `<ContinueUpdateRollbackResponse ${XMLNS}>${result}</ContinueUpdateRollbackResponse>`)
  }

  /** Nothing of a stack that is not there. */
  async #stackBehind(name: string): Promise<{ id?: string | undefined; status?: string | undefined }> {
    const { Stacks = [] } = await this.#client
      .send(new DescribeStacksCommand({ StackName: name }))
      .catch((error: Error) => {
        if (error.name === "ValidationError") return { Stacks: [] }
        throw error
      })
    return { id: Stacks[0]?.StackId, status: Stacks[0]?.StackStatus }
  }

  close(): void {
    this.#client.destroy()
  }
}

function failing(name: string, failure: Failure, creates: boolean): Step[] {
  const { resource, type = "AWS::CloudFormation::CustomResource", reason, rollback = "complete" } = failure
  const of = (status: string, why?: string): Step => ({
    resource: name,
    type: STACK,
    status,
    ...(why && { reason: why }),
  })
  const at = (status: string, why?: string): Step => ({ resource, type, status, ...(why && { reason: why }) })
  const failed = `The following resource(s) failed to ${creates ? "create" : "update"}: [${resource}]. `
  const back = creates ? "ROLLBACK" : "UPDATE_ROLLBACK"
  const ended =
    rollback === "complete"
      ? [...(creates ? [] : [of("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")]), of(`${back}_COMPLETE`)]
      : [of(`${back}_FAILED`, failed)]
  const verb = creates ? "CREATE" : "UPDATE"
  return [
    of(`${verb}_IN_PROGRESS`, "User Initiated"),
    at(`${verb}_IN_PROGRESS`),
    at(`${verb}_FAILED`, reason),
    of(`${back}_IN_PROGRESS`, `${failed}${creates ? "Rollback requested by user." : ""}`),
    at(creates ? "DELETE_COMPLETE" : rollback === "complete" ? "UPDATE_COMPLETE" : "UPDATE_FAILED"),
    ...ended,
  ]
}

function goOn(overlay: Overlay): void {
  const step = overlay.steps.shift()
  if (step === undefined) return
  const { reason = "" } = step
  overlay.events.unshift({ ...step, reason, at: new Date(), id: randomUUID(), token: overlay.token })
  if (step.type === STACK) Object.assign(overlay, { status: step.status, reason })
  overlay.left = overlay.looks
}

function memberOf({ id, at, token, resource, type, status, reason }: Event, name: string, stackId: string): string {
  const physical = type === STACK ? stackId : `${name}-${resource}`
  const carried = token === "" ? "" : `<ClientRequestToken>${escaped(token)}</ClientRequestToken>`
  return `<member><StackId>${stackId}</StackId><StackName>${name}</StackName><EventId>${id}</EventId>
<LogicalResourceId>${resource}</LogicalResourceId><PhysicalResourceId>${physical}</PhysicalResourceId>
<ResourceType>${type}</ResourceType><ResourceStatus>${status}</ResourceStatus>
<ResourceStatusReason>${escaped(reason)}</ResourceStatusReason><Timestamp>${at.toISOString()}</Timestamp>${carried}</member>`
}

/** Of a name, or of an ARN of a stack. */
function nameOf(reference: string | null): string {
  return /:stack\/([^/]+)\//.exec(reference ?? "")?.[1] ?? reference ?? ""
}

/** A change set's ARN does not name its stack: then the stack must be named. */
function stackOf(form: URLSearchParams): string {
  return nameOf(form.get("StackName"))
}

const STATUS = /<StackStatus>[^<]*<\/StackStatus>(?:\s*<StackStatusReason>[^<]*<\/StackStatusReason>)?/
const NAME_AND_STATUS = new RegExp(
  `<StackName>([^<]+)</StackName>(?:(?!</StackStatus>)[\\s\\S])*?${STATUS.source}`,
  "g",
)
const XMLNS = 'xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"'

function xml(status: number, body: string): Reply {
  return { status, type: "text/xml", body }
}

function refusal(message: string): Reply {
  const error = `<Error><Type>Sender</Type><Code>ValidationError</Code><Message>${escaped(message)}</Message></Error>`
  return xml(400, `<ErrorResponse ${XMLNS}>${error}<RequestId>${randomUUID()}</RequestId></ErrorResponse>`)
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
}
