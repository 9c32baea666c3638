/** The part of a release that a deploy, a rollback and a recovery have in common: units, smoke tests, image parameters. */
import { NOTHING_ROLLED_OUT, type RolledOutName } from "../../../infra/src/names.ts"
import { runningImages } from "../images.ts"
import { refusalOf } from "../refusal.ts"
import type { Ending } from "../releases.ts"
import type { Session } from "../session.ts"
import { describe } from "../stacks.ts"
import type { Wanted } from "../targets/rolling.ts"
import { type Images, moved, writeImageParameters } from "./image-parameters.ts"
import type { Run } from "./release.ts"
import { isBehind, SCHEDULED, takeOverImage } from "./scheduled-fetch.ts"
import { smoke } from "./smoke.ts"
import {
  functionVersionOf,
  requireRolledOut,
  rollBackUnits,
  rollOutUnits,
  type Standing,
  standingTexts,
  standingUnits,
} from "./units.ts"

/** @throws Refusal a unit failed, and why; all of them can be taken back */
export async function rollOut(run: Run, wanted: Wanted): Promise<void> {
  const { change, record, report } = run
  const { session, releases, display, settings } = change
  const standing = await standingUnits(session, session.signal)
  await releases.step(record.id, "rollout", standingTexts(standing), session.signal)
  undoRollout(run, standing)
  const options = { watch: display.watch, timeout: settings.timeout, signal: session.signal }
  const units = await rollOutUnits(session, wanted, options)
  report.units.push(...units)
  requireRolledOut(units)
}

export function undoRollout({ change: { display, settings }, report, undo }: Run, standing: Standing): void {
  undo.add(async (session) => {
    const unchanged = new Set(report.units.filter(({ outcome }) => outcome === "unchanged").map(({ unit }) => unit))
    const back = standing.filter(({ unit }) => !unchanged.has(unit))
    const options = { watch: display.watch, timeout: settings.wayBack, signal: session.signal }
    report.takenBack.push(...(await rollBackUnits(session, back, options)))
  })
}

/**
 * The services answer; then the parameters say what runs, and the scheduled fetch takes over its image.
 *
 * @returns what the record ends with
 * @throws Refusal a service does not answer, or what runs can't be told
 */
export async function verify(run: Run): Promise<Pick<Ending, "functionVersion">> {
  const { change, record, report } = run
  const { session, releases, settings } = change
  await releases.step(record.id, "verification", undefined, session.signal)
  const url = settings.smokeUrl
  report.smoke.push(...(await smoke(session, { url, seconds: settings.smokeSeconds })))
  const names = moved(record.images, await runningImages(session, session.signal))
  if (names.length > 0) {
    undoParameters(run, names)
    await writeImageParameters(session, record.images, names, session.signal)
  }
  // Its parameter may hold the image since before this run, which was broken off or failed.
  const scheduled = record.images[SCHEDULED]
  if (scheduled !== undefined && (await isBehind(session, scheduled))) await takeOverImage(stackOptions(run, session))
  const functionVersion = functionVersionOf(await standingUnits(session, session.signal))
  return { ...(functionVersion !== undefined && { functionVersion }) }
}

/** @param names what they held before comes back */
export function undoParameters(run: Run, names: readonly RolledOutName[]): void {
  const previous: Images = run.record.previousImages
  run.undo.add(async (session) => {
    const held = await runningImages(session, session.signal).catch((error: unknown) => {
      throw session.signal.aborted ? session.signal.reason : refusalOf(error)
    })
    const other = names.filter((name) => held[name] !== (previous[name] ?? NOTHING_ROLLED_OUT))
    await writeImageParameters(session, previous, other, session.signal)
    if (!names.includes(SCHEDULED) || previous[SCHEDULED] === undefined) return
    if ((await describe(session, "neo", session.signal)) !== undefined) await takeOverImage(stackOptions(run, session))
  })
}

function stackOptions({ change: { display, settings } }: Run, session: Session) {
  return { session, display, pollMs: settings.pollMs }
}
