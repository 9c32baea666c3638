/** The scheduled fetch takes over its image: its stack is updated as it is, and reads the parameter again. */

import { CloudFormationClient } from "@aws-sdk/client-cloudformation"
import { imageParameter, type RolledOutName, stackName } from "../../../infra/src/names.ts"
import { systemClock } from "../clock.ts"
import { refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"
import { StackUpdates } from "../stack-update.ts"
import { describe } from "../stacks.ts"
import { failure, type StackOptions, TOKEN_PREFIX, watched } from "./change-sets.ts"

const STACK = "neo"
/** The image that tasks on schedule run. */
export const SCHEDULED: RolledOutName = "get_data"

/** @returns whether the stack's last update took in another image, or none; false where there is no such stack */
export async function isBehind(session: Session, image: string): Promise<boolean> {
  const stack = await describe(session, STACK, session.signal).catch((error: unknown) => {
    throw session.signal.aborted ? session.signal.reason : refusalOf(error)
  })
  if (stack === undefined) return false
  const name = imageParameter(session.stage.name, SCHEDULED)
  return stack.Parameters?.find(({ ParameterValue }) => ParameterValue === name)?.ResolvedValue !== image
}

/** @throws Refusal the stack did not take it */
export async function takeOverImage(options: StackOptions): Promise<void> {
  const { session } = options
  const name = stackName(session.stage.name, STACK)
  const updates = new StackUpdates(session.aws.client(CloudFormationClient), name)
  const stack = await updates.describe(session.signal)
  const started = systemClock.now()
  const token = await updates.again(stack, TOKEN_PREFIX)
  // It has it already.
  if (token === undefined) return
  const { ending, reason } = await watched(options, { name: STACK, stackName: name, id: stack.id, token, started })
  if (ending !== "UPDATE_COMPLETE") throw failure(name, { ending, reason })
}
