/** `status`: what runs at this moment, and whether somebody changes it. */
import { unfinished } from "./apply/recovery.ts"
import type { Command } from "./command.ts"
import { runningImages } from "./images.ts"
import { lockOf } from "./lock.ts"
import { Releases } from "./releases.ts"
import type { Unit } from "./targets/target.ts"
import { TARGETS } from "./targets/targets.ts"

/** Records that are looked at, the newest first. */
const LOOKED_AT = 20

export const status: Command = {
  name: "status",
  summary:
    "What runs: services, deployments, events, the Lambda's alias, image parameters, who holds the lock, a release that was left unfinished",
  flags: {},
  async run(session, values) {
    const { stage, signal } = session
    const [units, images, lock, newest] = await Promise.all([
      Promise.all(TARGETS.map((target) => target.units(session, signal))).then((all) => all.flat()),
      runningImages(session, signal),
      lockOf(session, signal),
      new Releases(session).newest(LOOKED_AT, signal),
    ])
    const expired = lock !== undefined && lock.leaseUntil <= session.now().toISOString()
    // Whoever holds the lock goes on with its own.
    const left = newest.find(({ outcome, term }) => outcome === "running" && (lock?.term !== term || expired))
    if (values["json"]) {
      session.print(
        JSON.stringify({ stage: stage.name, units, images, lock: lock ?? null, unfinished: left ?? null }, null, 2),
      )
      return 0
    }
    session.print(
      [
        ...(units.length === 0 ? ["nothing of it is deployed yet"] : units.map(unitText)),
        "image parameters",
        ...Object.entries(images).map(([name, image]) => `  ${name}  ${image ?? "is not there"}`),
        lock === undefined
          ? "lock: free"
          : `lock: ${lock.who}, ${lock.command}, since ${lock.since}, ${expired ? "lease ran out" : "lease until"} ${lock.leaseUntil}`,
        ...(left === undefined
          ? []
          : [
              unfinished(left),
              `  the next deploy finishes it or takes it back: npm run deploy -- deploy --stage=${stage.name} …, or rollback`,
            ]),
      ].join("\n"),
    )
    return 0
  },
}

function unitText({ target, name, revision, image, running, desired, rollouts, events }: Unit): string {
  return [
    `${target} ${name}  ${revision}${desired === undefined ? "" : `  ${running}/${desired} running`}`,
    ...(image === undefined ? [] : [`  image ${image}`]),
    ...rollouts.map(
      ({ id, status: is, state, reason }) =>
        `  deployment ${id}  ${is} ${state}${reason === undefined ? "" : `: ${reason}`}`,
    ),
    ...events.map(({ at, message }) => `  ${at}  ${message}`),
  ].join("\n")
}
