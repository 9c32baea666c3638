/** One release, from its record's beginning to its end: what is done is undone where it does not last. */
import { answered, EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Beginning, Ending, Release } from "../releases.ts"
import type { Session } from "../session.ts"
import type { Changing } from "./changing.ts"
import { LeftRunning } from "./left-running.ts"
import { prune } from "./prune.ts"
import type { ReleaseReport } from "./release-report.ts"

export interface Run {
  readonly change: Changing
  readonly record: Release
  readonly report: ReleaseReport
  readonly undo: Undo
}

/** What is to be done, the last first, where a release is taken back. */
export class Undo {
  readonly #acts: ((session: Session) => Promise<void>)[] = []

  /** @param act with a session of its own: the one before may have been stopped */
  add(act: (session: Session) => Promise<void>): void {
    this.#acts.push(act)
  }

  /**
   * One that can't be done keeps none of the others from it.
   *
   * @throws what the first of those threw
   */
  async all(session: Session): Promise<void> {
    const failed: unknown[] = []
    for (let act = this.#acts.pop(); act !== undefined; act = this.#acts.pop()) {
      await act(session).catch((error: unknown) => failed.push(error))
    }
    if (failed.length > 0) throw failed[0]
  }
}

/** @returns a report with nothing in it yet */
export function reportOf({ session, identity }: Changing, record: Release): ReleaseReport {
  const { stage } = session
  return {
    stage: stage.name,
    account: identity.account,
    region: stage.region,
    command: record.command,
    commit: record.commit,
    who: record.who,
    release: record.id,
    ...(record.planDigest !== undefined && { planDigest: record.planDigest }),
    startedAt: record.startedAt,
    endedAt: record.startedAt,
    outcome: "running",
    changed: true,
    stacks: [],
    tasks: [],
    units: [],
    takenBack: [],
    smoke: [],
    images: record.images,
    previousImages: record.previousImages,
    pruned: [],
  }
}

/**
 * Begins the record, works, and ends it.
 *
 * @param told the report, whatever came of it, before this returns or throws
 * @throws Refusal why it failed, and what runs now
 */
export async function release(
  change: Changing,
  beginning: Omit<Beginning, "who" | "term">,
  work: (run: Run) => Promise<Pick<Ending, "functionVersion">>,
  told: (report: ReleaseReport) => Promise<void>,
): Promise<void> {
  const { session, identity, lock, releases } = change
  const record = await answered(
    releases.begin({ ...beginning, who: identity.arn, term: lock.record.term }, session.signal),
    session.signal,
  )
  const run: Run = { change, record, report: reportOf(change, record), undo: new Undo() }
  const over = async () => {
    run.report.endedAt = session.now().toISOString()
    await told(run.report)
  }
  try {
    await succeed(run, await work(run))
  } catch (error) {
    const { cause, outcome } = await takeBack(run, error)
    run.report.outcome = outcome
    if (cause instanceof Error) run.report.reason = cause.message
    // Why it failed is what it ends with.
    await over().catch((second: unknown) =>
      change.display.say(second instanceof Error ? second.message : String(second)),
    )
    throw cause
  }
  run.report.pruned.push(...(await prune(change)))
  await over()
}

/** @throws Refusal the record could not be ended: all is done, and the next run ends it */
export async function succeed(
  { change: { releases, session, display }, record, report }: Run,
  { functionVersion }: Pick<Ending, "functionVersion">,
): Promise<void> {
  const ending: Ending = { outcome: "succeeded", ...(functionVersion !== undefined && { functionVersion }) }
  try {
    await releases.end(record.id, ending, AbortSignal.timeout(END_MS))
  } catch (error) {
    display.say("all is done, and its record could not be ended: the next run does that")
    throw LeftRunning.because(session.signal.aborted ? session.signal.reason : error, "")
  }
  report.outcome = "succeeded"
}

/** Milliseconds for the end of a record, throttling included. */
const END_MS = 60_000

export interface TakenBack {
  /** What to end with: why, and what runs now. */
  readonly cause: unknown
  /** `running` where the next run has to go on. */
  readonly outcome: "running" | "failed" | "rolled-back"
}

/** Undoes what was done, within the rollout's time, and ends the record; what can't be undone now is left to the next run. */
export async function takeBack({ change, record, report, undo }: Run, error: unknown): Promise<TakenBack> {
  const { session, lock, display, settings, releases } = change
  const cause = session.signal.aborted && !(error instanceof LeftRunning) ? session.signal.reason : refusalOf(error)
  const code = cause instanceof Refusal ? cause.exitCode : EXIT.defect
  if (lock.lost.aborted) return { cause: lock.lost.reason, outcome: "running" }
  if (cause instanceof LeftRunning) return { cause: left(cause, record, code), outcome: "running" }
  const reason = cause instanceof Error ? cause.message : String(cause)
  display.say(`${reason}: taking back what was changed`)
  const signal = AbortSignal.any([lock.lost, AbortSignal.timeout(settings.wayBack * 1000)])
  const { mask = (text: string) => text } = session
  const end = async (outcome: "failed" | "rolled-back", why: string) => {
    await releases.end(
      record.id,
      { outcome, reason: mask(why) },
      AbortSignal.any([lock.lost, AbortSignal.timeout(END_MS)]),
    )
  }
  let now = (await releases.get(record.id, signal).catch(() => undefined))?.step
  now ??= record.step
  const rolled = now === "rollout" || now === "verification"
  try {
    await undo.all({ ...session, signal })
  } catch (second) {
    const why = signal.aborted && !lock.lost.aborted ? late(settings.wayBack) : refusalOf(second)
    const text = why instanceof Error ? why.message : String(why)
    if (why instanceof Refusal && why.exitCode === EXIT.credentials) {
      return {
        cause: left(code === EXIT.credentials ? (cause as Refusal) : why, record, EXIT.credentials),
        outcome: "running",
      }
    }
    if (why instanceof Refusal && why.exitCode === EXIT.stuck) {
      const what = `${reason}; and it could not be taken back: ${text}`
      const ended = await end("failed", what).then(
        () => true,
        () => false,
      )
      return { cause: new Refusal(EXIT.stuck, what, { cause }), outcome: ended ? "failed" : "running" }
    }
    const what = `${reason}; and it could not be taken back: ${text}; the same command again does that first`
    return { cause: new Refusal(EXIT.stuck, what, { cause }), outcome: "running" }
  }
  const outcome = rolled ? "rolled-back" : "failed"
  try {
    await end(outcome, reason)
  } catch (second) {
    const why = refusalOf(second)
    if (why instanceof Refusal && why.exitCode === EXIT.credentials) {
      return {
        cause: left(code === EXIT.credentials ? (cause as Refusal) : why, record, EXIT.credentials),
        outcome: "running",
      }
    }
    const what = `${reason}; that is taken back, but not told in the record (${why instanceof Error ? why.message : why})`
    return { cause: new Refusal(code, `${what}; the next run ends it`, { cause }), outcome: "running" }
  }
  if (!(cause instanceof Refusal)) return { cause, outcome }
  const stays = report.stacks.filter(({ did }) => did !== "unchanged").map(({ name }) => name)
  const kept = stays.length === 0 ? "" : `; the stacks ${stays.join(", ")} were changed before, and stay so`
  const runs = rolled ? "what ran before runs" : "the services were left as they run"
  return { cause: new Refusal(code, `${reason}; ${runs}${kept}`, { cause }), outcome }
}

function left(cause: Refusal, { id }: Release, code: number): Refusal {
  const lease = code === EXIT.credentials ? " with new credentials, once the lock's lease has run out," : ""
  const what = `the release ${id} is left unfinished, and the same command again${lease} finishes it or takes it back`
  return new LeftRunning(code, `${cause.message}; ${what}`, { cause })
}

function late(seconds: number): Refusal {
  return new Refusal(EXIT.stuck, `it was not over after ${seconds} s`)
}
