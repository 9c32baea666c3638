/** The scheduled fetch takes over its image: its stack is updated as it is, and reads the parameter again. */
import { CloudFormationClient } from "@aws-sdk/client-cloudformation"
import { stackName } from "../../../infra/src/names.ts"
import { StackUpdates } from "../stack-update.ts"
import { failure, type StackOptions, TOKEN_PREFIX, watched } from "./change-sets.ts"

const STACK = "neo"

/** @throws Refusal the stack did not take it */
export async function takeOverImage(options: StackOptions): Promise<void> {
  const { session } = options
  const name = stackName(session.stage.name, STACK)
  const updates = new StackUpdates(session.aws.client(CloudFormationClient), name)
  const stack = await updates.describe(session.signal)
  const started = performance.now()
  const token = await updates.again(stack, TOKEN_PREFIX)
  // It has it already.
  if (token === undefined) return
  const { ending, reason } = await watched(options, { name: STACK, stackName: name, id: stack.id, token, started })
  if (ending !== "UPDATE_COMPLETE") throw failure(name, { ending, reason })
}
