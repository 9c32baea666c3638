/** The account was bootstrapped, and the delivery stack stands. */

import { stackName } from "../../../infra/src/names.ts"
import { bootstrapVersion, NEEDED_BOOTSTRAP_VERSION } from "../bootstrap-version.ts"
import { type Check, failed, ok } from "../check.ts"
import { describe, isStanding } from "../stacks.ts"

export const bootstrapped: Check = {
  name: "CDK bootstrap",
  async findings(session, signal) {
    const todo = `npm run deploy -- bootstrap --stage=${session.stage.name}`
    const version = await bootstrapVersion(session, signal)
    if (version === undefined) return [failed("CDK bootstrap: the account and region have none", todo)]
    if (version < NEEDED_BOOTSTRAP_VERSION)
      return [failed(`CDK bootstrap: version ${version}; ${NEEDED_BOOTSTRAP_VERSION} or later is needed`, todo)]
    return [ok(`CDK bootstrap: version ${version}`)]
  },
}

export const deliveryStack: Check = {
  name: "delivery stack",
  async findings(session, signal) {
    const name = stackName(session.stage.name, "delivery")
    const todo = `npm run deploy -- bootstrap --stage=${session.stage.name}`
    const stack = await describe(session, "delivery", signal)
    if (stack === undefined) return [failed(`stack ${name} is not there`, todo)]
    return isStanding(stack)
      ? [ok(`stack ${name} stands`)]
      : [failed(`stack ${name} is ${stack.StackStatus}`, `look at its events, delete or mend it, then ${todo}`)]
  },
}
