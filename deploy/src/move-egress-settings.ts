/** What `npm run move-egress` is told, read once from flags and environment. */
import { parseArgs } from "node:util"
import { stageNamed } from "../../infra/config/stages.ts"
import { type Stage, StageError } from "../../infra/src/stage.ts"
import { EXIT, Refusal } from "./refusal.ts"

export type Environment = Readonly<Record<string, string | undefined>>

export const HELP = `npm run move-egress -- --stage=<name> --to-zone=<letter> [--poll=3]

Moves the one static address from the zone that it is in to another, by two updates of the stage's network stack: an Elastic
IP is on one NAT gateway at a time, so nothing gets out in between, for some minutes. Every other parameter, the template and
the address stay. Broken off, the same command again finishes it. Later deploys keep the zone.

  --stage     a stage of infra/config
  --to-zone   letter of one of its zones
  --poll      seconds between two looks at CloudFormation's events, 0.05–60

Credentials as AWS' own programs take them; the region is the stage's. Progress on stderr, the outcome on stdout.

Exit codes
  0    moved; or it was there already, and nothing was done
  64   a flag, the stage or the zone
  66   the stack is not deployed in this account and region, or is older than this program
  69   AWS can't be reached, or answers with an error
  70   a defect of this program
  73   not moved: the egress is in the zone where it was
  74   not moved, and there is no egress, or CloudFormation is stuck: the message says what to do
  75   another update of the stack is under way
  77   no AWS credentials, or they may not
  78   AWS_REGION or the account is not the stage's
  130, 143  interrupted, terminated: CloudFormation goes on with what it has begun; run the command again
`

export interface Settings {
  readonly stage: Stage
  readonly toZone: string
  readonly pollMs: number
  /** The SDK's attempts at one request. */
  readonly maxAttempts: number
}

/** @throws Refusal a flag, or an environment of another region: one line */
export function settingsOf(args: string[], environment: Environment): Settings | "help" {
  try {
    const { values } = parseArgs({
      args,
      options: {
        stage: { type: "string" },
        "to-zone": { type: "string" },
        poll: { type: "string", default: "3" },
        help: { type: "boolean" },
      },
    })
    if (values.help) return "help"
    const stage = stageNamed(values.stage)
    const toZone = values["to-zone"] ?? ""
    if (!stage.zones.includes(toZone)) {
      const what = toZone === "" ? "--to-zone is missing" : `${stage.name} has no zone ${JSON.stringify(toZone)}`
      throw new Refusal(EXIT.usage, `${what}; it has ${stage.zones.join(", ")}`)
    }
    const poll = Number(values.poll)
    if (!(poll >= 0.05 && poll <= 60)) {
      throw new Refusal(EXIT.usage, `--poll is ${JSON.stringify(values.poll)}; it takes 0.05 to 60 seconds`)
    }
    checkRegion(stage, environment)
    return {
      stage,
      toZone,
      pollMs: poll * 1000,
      // In the middle of a move a connection that breaks is worth waiting for: 10 attempts are about half a minute.
      maxAttempts: Number(environment["AWS_MAX_ATTEMPTS"]) || 10,
    }
  } catch (error) {
    if (error instanceof StageError) throw new Refusal(EXIT.usage, error.message)
    if (error instanceof TypeError && "code" in error) throw new Refusal(EXIT.usage, `${error.message}; see --help`)
    throw error
  }
}

/** Somebody who named a region has an account's other half in mind. */
function checkRegion({ name, region }: Stage, environment: Environment): void {
  for (const variable of ["AWS_REGION", "AWS_DEFAULT_REGION"]) {
    const told = environment[variable]
    if (told !== undefined && told !== "" && told !== region) {
      const what = `${variable} is ${told}, and the stage ${name} is in ${region}`
      throw new Refusal(EXIT.configuration, `${what}; set it to that, or unset it`)
    }
  }
}
