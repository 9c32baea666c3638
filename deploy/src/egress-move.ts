/**
 * Moves the one static address to another zone's NAT gateway: the network stack's parameter EgressZone goes to `none` and
 * then to the zone, since an Elastic IP is on one gateway at a time. Broken off at any moment, a second call finishes it.
 */
import type { StackEvent } from "@aws-sdk/client-cloudformation"
import { EGRESS_IP, EGRESS_ZONE, NO_EGRESS } from "../../infra/src/names.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { DeployedStack, StackUpdates, Updated } from "./stack-update.ts"

/** What our updates' tokens begin with, by which a later call knows the one that it waits for. */
export const TOKEN_PREFIX = "perigee-move-egress"

/** From which a stack can be updated. Source: CloudFormation user guide, "Stack status codes". */
const AT_REST: ReadonlySet<string> = new Set([
  "CREATE_COMPLETE",
  "UPDATE_COMPLETE",
  "UPDATE_ROLLBACK_COMPLETE",
  "IMPORT_COMPLETE",
  "IMPORT_ROLLBACK_COMPLETE",
])

export interface EgressMove {
  readonly updates: StackUpdates
  readonly stackName: string
  /** 12 digits that the stack's account must be, where the stage names one. */
  readonly account?: string
  readonly toZone: string
  /** Milliseconds between two looks at the events. */
  readonly pollMs: number
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

/**
 * @returns what there is to say in the end, in one line
 * @throws Refusal nothing was begun; or the move failed, and the message says where the address is now
 */
export async function moveEgress(move: EgressMove): Promise<string> {
  const { updates, stackName, toZone, signal, say } = move
  let stack = await updates.describe(signal)
  checkAccount(move, stack)
  stack = await afterOwnUpdate(move, stack)
  const from = stack.parameters.get(EGRESS_ZONE)
  if (from === undefined) {
    throw new Refusal(EXIT.noStack, `${stackName} has no parameter ${EGRESS_ZONE}; deploy the stage as it is now first`)
  }
  if (!AT_REST.has(stack.status)) {
    throw new Refusal(EXIT.failed, `${stackName} is in ${stack.status} and can't be updated; mend that first`)
  }
  const address = addressOf(stack)
  if (from === toZone) return `${stackName}: the egress is in zone ${toZone} already${address}; nothing was done`

  if (from === NO_EGRESS) {
    say(`${stackName}: there is no egress${address}: a move was broken off; finishing it in zone ${toZone}`)
  } else {
    say(`${stackName}: the egress is in zone ${from}${address}; moving it to zone ${toZone}`)
  }
  try {
    return await begun(move, stack, from)
  } catch (error) {
    if (!(error instanceof Refusal) || error.exitCode === EXIT.failed || error.exitCode === EXIT.stuck) throw error
    const what = `${error.message}. The move may be half done: the same command again finishes it`
    throw new Refusal(error.exitCode, what, { cause: error })
  }
}

async function begun(move: EgressMove, stack: DeployedStack, from: string): Promise<string> {
  const { updates, stackName, toZone, signal, say } = move
  let away: Updated | undefined
  if (from !== NO_EGRESS) {
    say(`1/2 away from zone ${from}`)
    away = await set(move, stack, NO_EGRESS)
    if (away.ending === "UPDATE_ROLLBACK_COMPLETE") {
      throw new Refusal(EXIT.failed, `the egress stays in zone ${from}: ${away.reason}`)
    }
    if (away.ending !== "UPDATE_COMPLETE") throw stuck(stackName, away)
  }
  say(`2/2 to zone ${toZone}`)
  const there = await set(move, stack, toZone)
  if (there.ending !== "UPDATE_COMPLETE") await goBack(move, stack, from, there)

  const after = await updates.describe(signal)
  const seconds = secondsWithoutEgress(await history(move)) ?? secondsBetween(away?.at, there.at)
  const gap = seconds === undefined ? "" : `; nothing got out for ${seconds} s`
  return `${stackName}: the egress is in zone ${toZone}${addressOf(after)}${gap}`
}

/** CloudFormation has undone the second half, so there is no egress: the former zone had one. */
async function goBack(move: EgressMove, stack: DeployedStack, from: string, there: Updated): Promise<never> {
  const { stackName, toZone, say } = move
  if (there.ending !== "UPDATE_ROLLBACK_COMPLETE") throw stuck(stackName, there)
  if (from === NO_EGRESS) {
    const what = `zone ${toZone} did not take the egress and there is none: ${there.reason}`
    throw new Refusal(EXIT.stuck, `${what}; try another zone`)
  }
  say(`zone ${toZone} did not take it (${there.reason}); back to zone ${from}`)
  const back = await set(move, stack, from)
  if (back.ending !== "UPDATE_COMPLETE") {
    const what = `neither zone ${toZone} nor ${from} took the egress and there is none: ${back.reason}`
    throw new Refusal(EXIT.stuck, `${what}; try another zone`)
  }
  throw new Refusal(EXIT.failed, `the egress is back in zone ${from}; zone ${toZone} did not take it: ${there.reason}`)
}

/** A move that was broken off while CloudFormation went on is waited for; anybody else's update is not ours to touch. */
async function afterOwnUpdate(move: EgressMove, stack: DeployedStack): Promise<DeployedStack> {
  const { updates, stackName, signal, say } = move
  if (!stack.status.endsWith("_IN_PROGRESS")) return stack
  const token = await updates.newestToken(signal)
  if (token === undefined || !token.startsWith(TOKEN_PREFIX)) {
    throw new Refusal(EXIT.busy, `${stackName} is in ${stack.status}: another update is under way; try again after it`)
  }
  say(`${stackName}: a move that was broken off is under way; waiting for it`)
  await updates.watch(stack, token, watching(move))
  return await updates.describe(signal)
}

async function set(move: EgressMove, stack: DeployedStack, zone: string): Promise<Updated> {
  const token = await move.updates.setParameter(stack, EGRESS_ZONE, zone, TOKEN_PREFIX)
  if (token === undefined) return { ending: "UPDATE_COMPLETE", reason: "", at: undefined }
  return await move.updates.watch(stack, token, watching(move))
}

/** What the egress is made of; the alarms that go with it are of no interest to who waits. */
const TOLD: ReadonlySet<string> = new Set(["AWS::CloudFormation::Stack", "AWS::EC2::NatGateway", "AWS::EC2::Route"])

function watching({ pollMs, signal, say }: EgressMove) {
  const onEvent = (event: StackEvent) => {
    const { Timestamp, LogicalResourceId, ResourceType = "", ResourceStatus = "", ResourceStatusReason } = event
    const failed = ResourceStatus.endsWith("_FAILED")
    if (!failed && !TOLD.has(ResourceType)) return
    const reason = failed ? `: ${ResourceStatusReason ?? ""}` : ""
    say(`  ${Timestamp?.toISOString().slice(11, 19) ?? ""} ${LogicalResourceId} ${ResourceStatus}${reason}`)
  }
  return { pollMs, signal, onEvent }
}

function checkAccount({ account, stackName }: EgressMove, { id }: DeployedStack): void {
  const here = id.split(":")[4]
  if (account !== undefined && here !== account) {
    const what = `${stackName}: these credentials are of account ${here}, and the stage's is ${account}`
    throw new Refusal(EXIT.configuration, what)
  }
}

function addressOf({ outputs }: DeployedStack): string {
  const address = outputs.get(EGRESS_IP)
  return address === undefined ? "" : `, with the address ${address}`
}

function stuck(stackName: string, { ending, reason }: Updated): Refusal {
  const what = `CloudFormation could not undo the update either (${ending}): ${reason}`
  return new Refusal(EXIT.stuck, `${what}; aws cloudformation continue-update-rollback --stack-name ${stackName}`)
}

/** The stack's events back to where an egress last came to stand before this move, the oldest first. */
async function history({ updates, signal }: EgressMove): Promise<StackEvent[]> {
  const events: StackEvent[] = []
  let gone = false
  for await (const event of updates.events(signal)) {
    events.push(event)
    if (isGoing(event)) gone = true
    else if (gone && hasCome(event)) break
  }
  return events.reverse()
}

/**
 * @param events oldest first
 * @returns from the first route or gateway that went to the last route that came; undefined where none went and came
 */
export function secondsWithoutEgress(events: readonly StackEvent[]): number | undefined {
  let left: number | undefined
  let back: number | undefined
  for (const event of events) {
    const at = event.Timestamp?.getTime()
    if (isGoing(event)) left ??= at
    else if (hasCome(event) && left !== undefined) back = at
  }
  return left === undefined || back === undefined ? undefined : Math.ceil((back - left) / 1000)
}

function secondsBetween(from: Date | undefined, to: Date | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.ceil((to.getTime() - from.getTime()) / 1000)
}

function isGoing({ ResourceType, ResourceStatus }: StackEvent): boolean {
  return (
    (ResourceType === "AWS::EC2::Route" || ResourceType === "AWS::EC2::NatGateway") &&
    ResourceStatus === "DELETE_IN_PROGRESS"
  )
}

function hasCome({ ResourceType, ResourceStatus }: StackEvent): boolean {
  return (
    ResourceType === "AWS::EC2::Route" && (ResourceStatus === "CREATE_COMPLETE" || ResourceStatus === "UPDATE_COMPLETE")
  )
}
