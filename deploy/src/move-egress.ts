/** `npm run move-egress -- --stage=<name> --to-zone=<letter>`: the one static address, in another zone, by one command. */
import { CloudFormationClient } from "@aws-sdk/client-cloudformation"
import { stackName } from "../../infra/src/names.ts"
import { moveEgress } from "./egress-move.ts"
import { HELP, settingsOf } from "./move-egress-settings.ts"
import { EXIT, Refusal } from "./refusal.ts"
import { StackUpdates } from "./stack-update.ts"

const say = (line: string) => process.stderr.write(`${line}\n`)

process.exitCode = await main(process.argv.slice(2))

async function main(argv: string[]): Promise<number> {
  const stopped = new AbortController()
  let signalled = 0
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const) {
    process.on(signal, () => {
      signalled ||= code
      stopped.abort()
    })
  }
  try {
    const settings = settingsOf(argv, process.env)
    if (settings === "help") {
      process.stdout.write(HELP)
      return 0
    }
    const { stage, toZone, pollMs, maxAttempts } = settings
    const name = stackName(stage.name, "network")
    const client = new CloudFormationClient({ region: stage.region, maxAttempts })
    const outcome = await moveEgress({
      updates: new StackUpdates(client, name),
      stackName: name,
      account: stage.account,
      toZone,
      pollMs,
      signal: stopped.signal,
      say,
    })
    process.stdout.write(`${outcome}\n`)
    return 0
  } catch (error) {
    if (signalled !== 0) {
      say(
        "move-egress: broken off; CloudFormation goes on with what it has begun. The same command again finishes the move",
      )
      return signalled
    }
    if (error instanceof Refusal) {
      say(`move-egress: ${error.message}`)
      return error.exitCode
    }
    say(`move-egress: ${error instanceof Error ? (error.stack ?? error.message) : error}`)
    return EXIT.defect
  }
}
