/** `history`: the releases of a stage, the newest first. */
import type { Command } from "./command.ts"
import { EXIT, Refusal } from "./refusal.ts"
import { type Release, Releases } from "./releases.ts"

const LIMIT = 20

export const history: Command = {
  name: "history",
  summary: "Releases: commit, who, when, what came of it; the newest first",
  flags: { limit: { type: "string", value: "N", help: `how many, 1 to 100; ${LIMIT} without it` } },
  async run(session, values) {
    const limit = Number(values["limit"] ?? LIMIT)
    if (!Number.isInteger(limit) || limit < 1 || limit > 100)
      throw new Refusal(EXIT.usage, `--limit=${values["limit"]} must be a whole number from 1 to 100`)
    const releases = await new Releases(session).newest(limit, session.signal)
    if (values["json"]) session.print(JSON.stringify({ stage: session.stage.name, releases }, null, 2))
    else
      session.print(releases.length === 0 ? `no release of ${session.stage.name} yet` : releases.map(line).join("\n"))
    return 0
  },
}

function line({ commit, who, command, startedAt, endedAt, outcome, reason, step }: Release): string {
  const seconds =
    endedAt === undefined ? "" : ` in ${Math.round((Date.parse(endedAt) - Date.parse(startedAt)) / 1000)} s`
  const at = outcome === "running" && step !== undefined ? `, in the step ${step}` : ""
  const why = reason === undefined ? at : `: ${reason}`
  return `${startedAt}  ${commit.slice(0, 12)}  ${command}  ${outcome}${seconds}  ${who}${why}`
}
