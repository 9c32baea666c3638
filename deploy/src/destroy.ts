/** `destroy`: the stage's stacks go, the last made first, but the delivery stack; and never one of a protected stage. */

import { randomUUID } from "node:crypto"
import { CloudFormationClient, DeleteStackCommand } from "@aws-sdk/client-cloudformation"
import { monthlyCost } from "../../infra/src/cost/monthly-cost.ts"
import { readPrices } from "../../infra/src/cost/prices.ts"
import type { Templates } from "../../infra/src/cost/quantities.ts"
import { ROLLED_OUT, STACKS, type StackName, stackName } from "../../infra/src/names.ts"
import { deleteStack, type StackOptions, TOKEN_PREFIX, watched } from "./apply/change-sets.ts"
import { type Changing, changing } from "./apply/changing.ts"
import { writeImageParameters } from "./apply/image-parameters.ts"
import { LOCK_FLAGS, settingsOf } from "./apply/settings.ts"
import { systemClock } from "./clock.ts"
import type { Command } from "./command.ts"
import { runningImages } from "./images.ts"
import { answered, EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"
import { describe, isMoving, resources, template } from "./stacks.ts"

/** It holds the lock and the record, and `bootstrap` made it. */
const STAYS: StackName = "delivery"
/** What CloudFormation does not delete while something is in it: it is left, with what it holds. */
const HOLDS_DATA: ReadonlySet<string> = new Set(["AWS::S3::Bucket"])

export interface Remains {
  /** Type and name. */
  readonly what: string
  readonly why: string
  /** The command that takes it away. */
  readonly todo: string
}

export const destroy: Command = {
  name: "destroy",
  summary:
    "Deletes the stage with its data, all stacks but delivery; refuses a protected one. Tells what remains and what it costs",
  flags: {
    confirm: { type: "string", value: "STAGE", help: "the stage's name again; always needed" },
    ...LOCK_FLAGS,
  },
  async run(session, values) {
    const settings = settingsOf(values)
    const { stage } = session
    if (values["confirm"] !== stage.name) {
      throw new Refusal(EXIT.usage, `this deletes ${stage.name} with its data: give --confirm=${stage.name} to mean it`)
    }
    if (stage.protect) {
      const what = `${stage.name} is protected (protect in infra/config/${stage.name}.ts), and nothing of it is deleted`
      const how = "take the protection away there, deploy that by an approved plan, and come again"
      throw new Refusal(EXIT.unfit, `${what}; it goes on costing what npm run cost tells. To be rid of it: ${how}`)
    }
    const { deleted, remains, monthly } = await changing(session, settings, "destroy", destroyed)
    session.print(
      values["json"]
        ? JSON.stringify({ stage: stage.name, deleted, remains, monthly: monthly ?? null }, undefined, 2)
        : text(deleted, remains, monthly),
    )
    return 0
  },
}

async function destroyed(change: Changing) {
  const { session, display, settings, releases } = change
  const options = { session, display, pollMs: settings.pollMs }
  const deleted: string[] = []
  const remains: Remains[] = []
  const order = STACKS.filter((name) => name !== STAYS).reverse()
  for (const name of order) {
    const stack = await answered(describe(session, name, session.signal), session.signal)
    if (stack !== undefined && isMoving(stack)) {
      throw new Refusal(EXIT.busy, `${stack.StackName} is in ${stack.StackStatus}; try again after that`)
    }
  }
  for (const { id } of (await answered(releases.newest(20, session.signal), session.signal)).filter(
    ({ outcome }) => outcome === "running",
  )) {
    await answered(
      releases.end(id, { outcome: "failed", reason: "the stage was destroyed" }, session.signal),
      session.signal,
    )
  }
  for (const name of order) {
    const stack = await answered(describe(session, name, session.signal), session.signal)
    if (stack !== undefined) {
      const one = { name, stackName: stackName(session.stage.name, name), id: stack.StackId ?? "" }
      remains.push(...(await deleteButData(options, one)))
      deleted.push(one.stackName)
    }
    // Its database is gone, by this run or one that was broken off: the next deploy makes roles and schemas anew, as a
    // first one does.
    if (name === "data") await writeImageParameters(session, {}, await held(session), session.signal)
  }
  const { protectedBy, monthly } = await delivery(session)
  remains.push(...protectedBy)
  return { deleted, remains, monthly }
}

/** @returns what CloudFormation could not delete for what is in it, and is left without a stack */
async function deleteButData(
  options: StackOptions,
  one: { readonly name: StackName; readonly stackName: string; readonly id: string },
): Promise<Remains[]> {
  const { session, display } = options
  try {
    await deleteStack(options, one)
    return []
  } catch (error) {
    if (!(error instanceof Refusal) || error.exitCode !== EXIT.stuck) throw error
    const failed = (await answered(resources(session, one.name, session.signal), session.signal)).filter(
      ({ ResourceStatus }) => ResourceStatus === "DELETE_FAILED",
    )
    if (failed.length === 0 || !failed.every(({ ResourceType = "" }) => HOLDS_DATA.has(ResourceType))) throw error
    display.say(`${one.stackName}: ${failed.map(({ PhysicalResourceId }) => PhysicalResourceId).join(", ")} is left`)
    const token = `${TOKEN_PREFIX}-${randomUUID()}`
    const started = systemClock.now()
    await answered(
      session.aws.client(CloudFormationClient).send(
        new DeleteStackCommand({
          StackName: one.id,
          ClientRequestToken: token,
          RetainResources: failed.map(({ LogicalResourceId = "" }) => LogicalResourceId),
        }),
      ),
      session.signal,
    )
    const { ending, reason } = await watched(options, { ...one, token, started })
    if (ending !== "DELETE_COMPLETE") throw new Refusal(EXIT.stuck, `${one.stackName} (${ending}): ${reason}`)
    return failed.map(({ PhysicalResourceId: bucket = "" }) => ({
      what: `bucket ${bucket}`,
      why: "it is not empty; what is in it is paid for by S3's price of storage",
      todo: `empty it, all versions, and: aws s3api delete-bucket --bucket ${bucket}`,
    }))
  }
}

async function held(session: Session) {
  const running = await answered(runningImages(session, session.signal), session.signal)
  return ROLLED_OUT.filter((name) => running[name] !== undefined)
}

/** What stays by design, and what it costs. */
async function delivery(
  session: Session,
): Promise<{ readonly protectedBy: Remains[]; readonly monthly: number | undefined }> {
  const { stage } = session
  const body = await answered(template(session, STAYS, session.signal), session.signal)
  if (body === undefined) return { protectedBy: [], monthly: undefined }
  const none = { Resources: {} }
  const templates = Object.fromEntries(STACKS.map((name) => [name, name === STAYS ? body : none]))
  let monthly: number | undefined
  try {
    monthly = monthlyCost(templates as unknown as Templates, stage, readPrices(stage.region)).total.monthly
  } catch {
    // A template that nobody knows to count has no price.
  }
  const name = stackName(stage.name, STAYS)
  return {
    protectedBy: [
      {
        what: `stack ${name}`,
        why: "images, pipeline roles, the lock and the record of releases, which bootstrap made",
        todo: `aws cloudformation delete-stack --stack-name ${name}`,
      },
    ],
    monthly,
  }
}

function text(deleted: readonly string[], remains: readonly Remains[], monthly: number | undefined): string {
  const cost = monthly === undefined ? "" : `, about ${monthly.toFixed(2)} US dollars a month for the stack`
  return [
    deleted.length === 0 ? "nothing was there to delete" : `deleted: ${deleted.join(", ")}`,
    ...(remains.length === 0 ? ["nothing remains"] : [`remains${cost}:`]),
    ...remains.map(({ what, why, todo }) => `  ${what}: ${why}\n    → ${todo}`),
  ].join("\n")
}
