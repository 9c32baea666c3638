/** `status`: what runs at this moment, and whether somebody changes it. */
import type { Command } from "./command.ts"
import { runningImages } from "./images.ts"
import { lockOf } from "./lock.ts"
import type { Unit } from "./targets/target.ts"
import { TARGETS } from "./targets/targets.ts"

export const status: Command = {
  name: "status",
  summary: "What runs: services, deployments, events, the Lambda's alias, image parameters, who holds the lock.",
  flags: {},
  async run(session, values) {
    const { stage, signal } = session
    const [units, images, lock] = await Promise.all([
      Promise.all(TARGETS.map((target) => target.units(session, signal))).then((all) => all.flat()),
      runningImages(session, signal),
      lockOf(session, signal),
    ])
    if (values["json"]) {
      session.print(JSON.stringify({ stage: stage.name, units, images, lock: lock ?? null }, null, 2))
      return 0
    }
    const expired = lock !== undefined && lock.leaseUntil <= session.now().toISOString()
    session.print(
      [
        ...(units.length === 0 ? ["nothing of it is deployed yet"] : units.map(unitText)),
        "image parameters",
        ...Object.entries(images).map(([name, image]) => `  ${name}  ${image ?? "is not there"}`),
        lock === undefined
          ? "lock: free"
          : `lock: ${lock.who}, ${lock.command}, since ${lock.since}, ${expired ? "lease ran out" : "lease until"} ${lock.leaseUntil}`,
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
