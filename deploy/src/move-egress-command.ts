/** `move-egress` under the stage's lock: no deploy changes the network meanwhile. Without a lock: `npm run move-egress`. */
import { CloudFormationClient } from "@aws-sdk/client-cloudformation"
import { stackName } from "../../infra/src/names.ts"
import { changing } from "./apply/changing.ts"
import { LOCK_FLAGS, settingsOf } from "./apply/settings.ts"
import type { Command } from "./command.ts"
import { moveEgress as move } from "./egress-move.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"
import { StackUpdates } from "./stack-update.ts"

export const moveEgress: Command = {
  name: "move-egress",
  summary: "The one static address to another zone; nothing gets out in between, and it tells for how long",
  flags: { "to-zone": { type: "string", value: "LETTER", help: "one of the stage's zones, such as b" }, ...LOCK_FLAGS },
  async run(session, values) {
    const settings = settingsOf(values)
    const { stage } = session
    const toZone = (values["to-zone"] as string | undefined) ?? ""
    if (!stage.zones.includes(toZone)) {
      const what = toZone === "" ? "--to-zone is missing" : `${stage.name} has no zone ${JSON.stringify(toZone)}`
      throw new Refusal(EXIT.usage, `${what}; it has ${stage.zones.join(", ")}`)
    }
    const outcome = await changing(session, settings, `move-egress to ${toZone}`, (change) =>
      moved(change.session, toZone, settings.pollMs),
    )
    session.print(values["json"] ? JSON.stringify({ stage: stage.name, toZone, outcome }, undefined, 2) : outcome)
    return 0
  },
}

async function moved(session: Session, toZone: string, pollMs: number): Promise<string> {
  const { stage, aws, signal, say } = session
  const name = stackName(stage.name, "network")
  try {
    return await move({
      updates: new StackUpdates(aws.client(CloudFormationClient), name),
      stackName: name,
      ...(stage.account !== undefined && { account: stage.account }),
      toZone,
      pollMs,
      signal,
      say,
    })
  } catch (error) {
    if (!signal.aborted) throw error
    const { exitCode, message } = signal.reason as Refusal
    const what = "CloudFormation goes on with what it has begun, and the same command again finishes the move"
    throw new Refusal(exitCode, `${message}; ${what}`, { cause: error })
  }
}
