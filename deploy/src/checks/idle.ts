/** Nothing else changes the stage at this moment, and nothing of it is stuck. */
import { STACKS } from "../../../infra/src/names.ts"
import { type Check, failed, ok } from "../check.ts"
import { lockOf } from "../lock.ts"
import { describe, isMoving } from "../stacks.ts"

export const idleStacks: Check = {
  name: "stacks",
  async findings(session, signal) {
    const found = await Promise.all(STACKS.map((stack) => describe(session, stack, signal)))
    const moving = found.flatMap((stack) => (stack !== undefined && isMoving(stack) ? [stack] : []))
    const stuck = found.flatMap((stack) => (stack?.StackStatus?.endsWith("_FAILED") ? [stack] : []))
    if (moving.length + stuck.length === 0) return [ok("stacks: none is being changed")]
    return [
      ...moving.map(({ StackName, StackStatus }) =>
        failed(`stack ${StackName} is being changed: ${StackStatus}`, "wait until CloudFormation is done"),
      ),
      ...stuck.map(({ StackName, StackStatus }) =>
        failed(`stack ${StackName} can't be updated: ${StackStatus}`, "look at its events, delete or mend it"),
      ),
    ]
  },
}

export const unlocked: Check = {
  name: "lock",
  async findings(session, signal) {
    const held = await lockOf(session, signal)
    if (held === undefined) return [ok(`lock: nobody deploys ${session.stage.name}`)]
    const holder = `${held.who} since ${held.since} (${held.command})`
    return [
      held.leaseUntil > session.now().toISOString()
        ? failed(`lock: held by ${holder}`, "wait until that deployment is over")
        : failed(
            `lock: ${holder} ended without giving it back`,
            `npm run deploy -- deploy or rollback --stage=${session.stage.name} finishes what was begun`,
          ),
    ]
  },
}
