/** `logs`: the last lines of a service, a task or the function, for a person who asks why. */
import { functionName } from "../../infra/src/names.ts"
import { SERVICES } from "../../infra/src/stage.ts"
import { whole } from "./apply/settings.ts"
import type { Command } from "./command.ts"
import { EXIT, Refusal } from "./refusal.ts"
import { TARGETS } from "./targets/targets.ts"

const LINES = 100
const MOST = 10_000

/** What a person calls what the targets name otherwise. */
const FUNCTION = "function"
const ONE_OFF = SERVICES.flatMap((service) => [`${service}-migrate`, `${service}-roles`])
const NAMES = [...SERVICES, "get_data", FUNCTION, ...ONE_OFF]

export const logs: Command = {
  name: "logs",
  summary: "The last lines of a service, of get_data, of the function or of a one-off task",
  flags: {
    service: { type: "string", value: "NAME", help: `one of ${NAMES.join(", ")}` },
    lines: { type: "string", value: "N", help: `how many, 1 to ${MOST}; ${LINES} without it` },
  },
  async run(session, values) {
    const lines = whole(values, "lines", 1, MOST, LINES)
    const service = values["service"] as string | undefined
    if (service === undefined || !NAMES.includes(service)) {
      const what = service === undefined ? "--service is missing" : `there is no service ${JSON.stringify(service)}`
      throw new Refusal(EXIT.usage, `${what}; there are ${NAMES.join(", ")}`)
    }
    const unit = service === FUNCTION ? functionName(session.stage.name) : service === "get_data" ? "get-data" : service
    for (const { rolling } of TARGETS) {
      const found = await rolling.logs(session, unit, lines, session.signal)
      if (found === undefined) continue
      session.print(
        values["json"]
          ? JSON.stringify({ stage: session.stage.name, service, lines: found }, undefined, 2)
          : found.length === 0
            ? `${service} has written nothing that is kept`
            : found.join("\n"),
      )
      return 0
    }
    throw new Refusal(EXIT.noStack, `${service} has no log yet; npm run deploy -- status tells what is deployed`)
  },
}
