/** Executes change sets of an approved plan, stack by stack, each watched to its end by its own operation's events. */
import { randomBytes, randomUUID } from "node:crypto"
import {
  CloudFormationClient,
  DeleteStackCommand,
  ExecuteChangeSetCommand,
  type StackEvent,
  UpdateTerminationProtectionCommand,
} from "@aws-sdk/client-cloudformation"
import { secondsSince, systemClock } from "../clock.ts"
import { publishAssets } from "../plan/assets.ts"
import { type ChangeSet, changeSet, deleteChangeSet } from "../plan/cloudformation.ts"
import type { Prepared } from "../plan/command.ts"
import { differs } from "../plan/plan.ts"
import type { PlannedStack } from "../plan/stacks.ts"
import { EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"
import { StackUpdates, type Updated } from "../stack-update.ts"
import { described } from "../stacks.ts"
import { isUnanswered } from "../transient.ts"
import type { Display } from "./display.ts"
import { LeftRunning } from "./left-running.ts"

/** What our operations' tokens begin with. */
export const TOKEN_PREFIX = "perigee-deploy"

export interface StackOutcome {
  /** Short: `network`. */
  readonly name: string
  readonly stackName: string
  readonly did: "made" | "changed" | "unchanged"
  readonly seconds: number
}

export interface StackOptions {
  /** Its signal stops what is not begun yet. */
  readonly session: Session
  readonly display: Display
  /** Milliseconds between two looks at a stack's events. */
  readonly pollMs: number
}

export interface Executing {
  /** What the image parameters hold is another than when the plan was made: a kept change set has taken in the former. */
  readonly imagesMoved: boolean
  /** Before each, in the order of the stacks. */
  readonly before: (stack: PlannedStack) => Promise<void>
  /** Gets the stacks whose kept change set is executed, before it is. */
  readonly begun: Set<string>
  /** Each stack as soon as it is done. */
  readonly told: (outcome: StackOutcome) => void
}

/**
 * @throws Refusal a stack did not become what was planned, and why; those before it have
 */
export async function executeStacks(
  prepared: Prepared,
  options: StackOptions,
  { imagesMoved, before, begun, told }: Executing,
): Promise<void> {
  const { plan, planned, deployed, assembly } = prepared
  const fresh = planned.filter(({ name }) => !deployed.some((one) => one.name === name)).map(({ name }) => name)
  if (fresh.length > 0) await publishAssets(options.session, assembly, prepared.identity.account, fresh)
  for (const stack of planned) {
    options.session.signal.throwIfAborted()
    await before(stack)
    const started = systemClock.now()
    const there = deployed.find(({ name }) => name === stack.name)
    const kept = plan.stacks.find(({ name }) => name === stack.name)?.changeSet
    let did: StackOutcome["did"] = "unchanged"
    if (there === undefined) {
      await create(prepared, stack, options)
      did = "made"
    } else if (kept !== undefined && !imagesMoved) {
      begun.add(stack.stackName)
      await execute(options, { stack: stack.name, stackName: stack.stackName, changeSetName: kept }, "UPDATE_COMPLETE")
      did = "changed"
    } else if (differs(stack, there, prepared.parameters.get(stack.name) ?? [])) {
      if (await update(prepared, stack, options)) did = "changed"
    }
    const protection = there?.terminationProtection ?? false
    if (stack.terminationProtection !== protection) {
      await protect(options.session, stack.stackName, stack.terminationProtection)
      if (did === "unchanged") did = "changed"
    }
    told({ name: stack.name, stackName: stack.stackName, did, seconds: secondsSince(systemClock, started) })
  }
}

/** Change sets of the plan that nobody executed go. */
export async function forgetChangeSets(
  { plan }: Prepared,
  begun: ReadonlySet<string>,
  { aws, say }: Pick<Session, "aws" | "say">,
): Promise<void> {
  for (const { stackName, changeSet: changeSetName } of plan.stacks) {
    if (changeSetName === undefined || begun.has(stackName)) continue
    await deleteChangeSet({ aws, say }, { stackName, changeSetName })
  }
}

async function create(prepared: Prepared, stack: PlannedStack, options: StackOptions): Promise<void> {
  const { session, display } = options
  const { stackName, name } = stack
  const husk = await asked(() => described(session.aws.client(CloudFormationClient), stackName, session.signal))
  if (husk?.StackStatus === "ROLLBACK_COMPLETE") {
    display.say(`${stackName}: what its failed creation left is deleted first`)
    await deleteStack(options, { name, stackName, id: husk.StackId ?? stackName })
  }
  await execute(options, await changeSetOf(prepared, stack, session, true), "CREATE_COMPLETE")
}

/** @returns whether CloudFormation found anything to do */
async function update(prepared: Prepared, stack: PlannedStack, options: StackOptions): Promise<boolean> {
  const made = await changeSetOf(prepared, stack, options.session, false)
  if (!made.executable) return false
  await execute(options, made, "UPDATE_COMPLETE")
  return true
}

async function changeSetOf(
  { plan, identity, parameters }: Prepared,
  stack: PlannedStack,
  session: Session,
  create: boolean,
): Promise<ChangeSet> {
  return await changeSet(session, stack, {
    account: identity.account,
    changeSetName: `perigee-deploy-${plan.digest.slice(0, 12)}-${randomBytes(4).toString("hex")}`,
    parameters: parameters.get(stack.name) ?? [],
    create,
  })
}

/** @throws Refusal it ended otherwise; {@link LeftRunning} where nobody can tell how it ends */
async function execute(
  options: StackOptions,
  { stack: name, stackName, changeSetName }: Pick<ChangeSet, "stack" | "stackName" | "changeSetName">,
  wanted: "CREATE_COMPLETE" | "UPDATE_COMPLETE",
): Promise<void> {
  const { session, display } = options
  const client = session.aws.client(CloudFormationClient)
  const stack = await asked(() => described(client, stackName, session.signal))
  const id = stack?.StackId ?? stackName
  const token = `${TOKEN_PREFIX}-${randomUUID()}`
  const started = systemClock.now()
  try {
    await asked(() =>
      client.send(
        new ExecuteChangeSetCommand({
          StackName: stackName,
          ChangeSetName: changeSetName,
          ClientRequestToken: token,
          DisableRollback: false,
        }),
        // Not taken back by a stop: it may have been heard.
      ),
    )
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    // It may have been heard: nobody can tell before the stack does.
    if (isUnanswered(cause)) throw LeftRunning.because(error, stackName)
    // The SDK's second attempt, where the answer to the first was lost.
    if (!isBegun(cause)) throw error
  }
  const { ending, reason } = await watched(options, { name, stackName, id, token, started })
  if (ending === wanted) {
    if (reason !== "") display.say(`${stackName}: it was left with something behind: ${reason}`)
    return
  }
  throw failure(stackName, { ending, reason })
}

function isBegun(error: unknown): boolean {
  return error instanceof Error && /^InvalidChangeSetStatus/.test(error.name) && /EXECUTE_/.test(error.message)
}

interface Operation {
  readonly name: string
  readonly stackName: string
  readonly id: string
  readonly token: string
  /** By this process' clock. */
  readonly started: number
}

/** @throws LeftRunning it was not watched to its end */
export async function watched(
  { session, display, pollMs }: StackOptions,
  { name, stackName, id, token, started }: Operation,
): Promise<Pick<Updated, "ending" | "reason">> {
  const unit = { target: "stack", unit: name }
  display.watch({ ...unit, phase: "started", seconds: 0 })
  const onEvent = (event: StackEvent) => {
    const { LogicalResourceId = "", ResourceStatus = "", ResourceStatusReason: why } = event
    const back = /ROLLBACK/.test(ResourceStatus) && event.PhysicalResourceId === id
    const told = why !== undefined && ResourceStatus.endsWith("_FAILED") ? `: ${why}` : ""
    display.watch({
      ...unit,
      phase: back ? "rolling back" : "waiting",
      seconds: secondsSince(systemClock, started),
      message: `${LogicalResourceId} ${ResourceStatus}${told}`,
    })
  }
  try {
    const updates = new StackUpdates(session.aws.client(CloudFormationClient), id)
    const { ending, reason } = await updates.watch({ id }, token, { pollMs, signal: session.signal, onEvent })
    const phase = !ending.endsWith("_COMPLETE") ? "failed" : /ROLLBACK/.test(ending) ? "back" : "stable"
    display.watch({
      ...unit,
      phase,
      seconds: secondsSince(systemClock, started),
      message: reason === "" ? ending : reason,
    })
    return { ending, reason }
  } catch (error) {
    throw LeftRunning.because(session.signal.aborted ? session.signal.reason : error, stackName)
  }
}

/** @throws Refusal it could not be deleted */
export async function deleteStack(
  options: StackOptions,
  { name, stackName, id }: Pick<Operation, "name" | "stackName" | "id">,
): Promise<void> {
  const token = `${TOKEN_PREFIX}-${randomUUID()}`
  const started = systemClock.now()
  const client = options.session.aws.client(CloudFormationClient)
  await asked(() => client.send(new DeleteStackCommand({ StackName: id, ClientRequestToken: token })))
  const { ending, reason } = await watched(options, { name, stackName, id, token, started })
  if (ending === "DELETE_COMPLETE") return
  throw new Refusal(
    EXIT.stuck,
    `${stackName} could not be deleted (${ending}): ${reason || "CloudFormation tells no reason"}`,
  )
}

/** CloudFormation refuses to delete the stack, or does no longer. */
export async function protect({ aws }: Pick<Session, "aws">, StackName: string, on: boolean): Promise<void> {
  await asked(() =>
    aws
      .client(CloudFormationClient)
      .send(new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: on })),
  )
}

export function failure(stackName: string, { ending, reason }: Pick<Updated, "ending" | "reason">): Refusal {
  const why = reason === "" ? "CloudFormation tells no reason" : reason
  if (ending === "UPDATE_ROLLBACK_COMPLETE")
    return new Refusal(EXIT.failed, `${stackName}: CloudFormation took the update back: ${why}`)
  if (ending === "ROLLBACK_COMPLETE")
    return new Refusal(EXIT.failed, `${stackName} could not be made, and CloudFormation took it back: ${why}`)
  const mend =
    ending === "UPDATE_ROLLBACK_FAILED"
      ? `aws cloudformation continue-update-rollback --stack-name ${stackName}`
      : `look at its events, and delete or mend it`
  return new Refusal(EXIT.stuck, `${stackName}: CloudFormation could not take it back (${ending}): ${why}; ${mend}`)
}

async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask()
  } catch (error) {
    throw refusalOf(error)
  }
}
