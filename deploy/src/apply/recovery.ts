/** A release whose process died, or could not go on: it is finished where it is as good as done, and taken back otherwise. */
import { setTimeout as pause } from "node:timers/promises"
import { STACKS } from "../../../infra/src/names.ts"
import { answered, EXIT, Refusal } from "../refusal.ts"
import type { Release } from "../releases.ts"
import type { Session } from "../session.ts"
import { describe, isMoving } from "../stacks.ts"
import type { Unit } from "../targets/target.ts"
import { TARGETS } from "../targets/targets.ts"
import type { Changing } from "./changing.ts"
import { moved } from "./image-parameters.ts"
import { type Run, reportOf, succeed, takeBack, Undo } from "./release.ts"
import type { ReleaseReport } from "./release-report.ts"
import { undoParameters, undoRollout, verify } from "./rollout.ts"
import { requireRolledOut, rollOutUnits, standingOf } from "./units.ts"

/** Records that are looked at, the newest first. */
const LOOKED_AT = 20
/** Reasons of the record, and of the line. */
const DIED = "its process ended before it did"

export interface Recovered {
  readonly report: ReleaseReport
  /** It was not taken back, and a person must look. */
  readonly stuck: boolean
}

/**
 * @returns what was done, by its outcome; undefined where nothing had been left
 * @throws Refusal it can be neither finished nor taken back now
 */
export async function recover(change: Changing): Promise<Recovered | undefined> {
  const { releases, session, display } = change
  const left = (await answered(releases.newest(LOOKED_AT, session.signal), session.signal)).filter(
    ({ outcome }) => outcome === "running",
  )
  const [newest, ...older] = left
  if (newest === undefined) return undefined
  for (const { id } of older) {
    const reason = `${DIED}, and a later release began`
    await answered(releases.end(id, { outcome: "failed", reason }, session.signal), session.signal)
  }
  display.say(`${unfinished(newest)}; it is finished or taken back first`)
  await settled(change)
  const recovered = await finishOrTakeBack(change, newest)
  const ended = await answered(releases.get(newest.id, session.signal), session.signal)
  display.say(`release ${newest.id}: ${ended?.outcome}${ended?.reason === undefined ? "" : `: ${ended.reason}`}`)
  return recovered
}

/** What a person needs to know of a release that nobody goes on with. */
export function unfinished({ id, command, commit, who, step }: Release): string {
  const at = step === undefined ? "before its first step" : `in the step ${step}`
  return `release ${id} (${command} of ${commit.slice(0, 12)} by ${who}) was left unfinished, ${at}`
}

/** @throws Refusal a stack can't be updated any more */
async function settled({ session, display, settings }: Changing): Promise<void> {
  for (const name of STACKS) {
    let told = false
    for (;;) {
      const stack = await answered(describe(session, name, session.signal), session.signal)
      if (stack === undefined || !isMoving(stack)) {
        if (!stack?.StackStatus?.endsWith("_FAILED")) break
        const what = `${stack.StackName} is in ${stack.StackStatus}`
        throw new Refusal(EXIT.stuck, `${what} and can't be updated; look at its events, and mend that first`)
      }
      if (!told) display.say(`${stack.StackName} is in ${stack.StackStatus}: waiting for its end`)
      told = true
      await pause(settings.pollMs, undefined, { signal: session.signal }).catch(() => session.signal.throwIfAborted())
    }
  }
}

async function finishOrTakeBack(change: Changing, record: Release): Promise<Recovered> {
  const { session, display, settings } = change
  const run: Run = { change, record, report: reportOf(change, record), undo: new Undo() }
  const parameters = moved(record.images, record.previousImages)
  if (parameters.length > 0) undoParameters(run, parameters)
  if (record.standing !== undefined) undoRollout(run, standingOf(record.standing))
  let error: unknown = new Refusal(EXIT.failed, DIED)
  const rolledOut = record.step === "rollout" || record.step === "verification"
  if (rolledOut && (await runs(session, record))) {
    try {
      const { images, functionVersion } = record
      const wanted = { images, ...(functionVersion !== undefined && { functionVersion }) }
      const options = { watch: display.watch, timeout: settings.timeout, signal: session.signal }
      requireRolledOut(await rollOutUnits(session, wanted, options))
      await succeed(run, await verify(run))
      return { report: { ...run.report, endedAt: session.now().toISOString() }, stuck: false }
    } catch (second) {
      error = second
    }
  }
  const { cause, outcome } = await takeBack(run, error)
  if (outcome === "running") throw cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  const stuck = cause instanceof Refusal && cause.exitCode === EXIT.stuck
  return { report: { ...run.report, outcome, reason, endedAt: session.now().toISOString() }, stuck }
}

/** Whether every unit runs what the release is of, with nothing under way. */
async function runs(session: Session, { images }: Release): Promise<boolean> {
  const units = (
    await Promise.all(TARGETS.map((target) => answered(target.units(session, session.signal), session.signal)))
  ).flat()
  return units.every((unit) => isStable(unit) && (unit.image === undefined || unit.image === images[unit.name]))
}

function isStable({ running, desired, rollouts }: Unit): boolean {
  return running === desired && rollouts.length === 1 && rollouts.every(({ state }) => !/PROGRESS|FAILED/i.test(state))
}
