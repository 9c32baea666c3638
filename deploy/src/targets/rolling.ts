/** How a target of deployment is brought to what is wanted, watched, and taken back; plan, lock and record know no more. */
import type { PublishedImages } from "../images.ts"
import type { Session } from "../session.ts"

/** What should run. */
export interface Wanted {
  /** An image that is not named stays as it runs. */
  readonly images: PublishedImages
  /** Version of the function; without it the code that is deployed is published as one. */
  readonly functionVersion?: string
}

/** Where a unit is on its way; `back` is what ran before, running again. */
export type Phase = "started" | "waiting" | "stable" | "failed" | "rolling back" | "back"

/** One thing that was seen of one unit. */
export interface Progress {
  readonly target: string
  readonly unit: string
  readonly phase: Phase
  /** Since its start. */
  readonly seconds: number
  /** Copies; none of a function. */
  readonly running?: number
  readonly pending?: number
  readonly failed?: number
  readonly desired?: number
  /** An event or a reason, as the target words it. */
  readonly message?: string
}

export type Watch = (progress: Progress) => void

/** How a unit ended. */
export interface RolledOut {
  readonly target: string
  readonly unit: string
  /** What of it ran, such as a task definition with its revision or a version; undefined where nothing did. */
  readonly from: string | undefined
  readonly to: string
  /** `failed` has been left by the target itself as it is; `back` runs `from` again. */
  readonly outcome: "unchanged" | "stable" | "failed" | "back"
  readonly seconds: number
  /** In the reader's words, where it is not stable. */
  readonly reason?: string
  /** Stopped reasons, exit codes, last log lines, events: a line each. */
  readonly details?: readonly string[]
}

export interface RollingOptions {
  readonly watch: Watch
  /** Seconds that the units may take, all at once. */
  readonly timeout: number
  /** Aborted by a signal of the process or with the lock. */
  readonly signal: AbortSignal
}

export interface Rolling {
  /**
   * @returns what of each unit stands, as {@link rollBack} takes it: remembered before a rollout, so that one that is broken
   * off, and tells nothing, can be taken back; a unit that is not there yet is left out
   */
  readonly standing: (
    session: Session,
    signal: AbortSignal,
  ) => Promise<readonly Pick<RolledOut, "target" | "unit" | "from">[]>
  /**
   * Brings all units to what is wanted, at once, each watched by its own deployment. A failure of one is told, not thrown,
   * and the others are watched to their end. One that fails for itself goes back to what ran before (`back`), which may take
   * up to the time-out once more; one that is late, or that somebody else changed meanwhile, is left as it is (`failed`).
   *
   * @throws Refusal AWS can't be asked, or `signal` was aborted
   */
  readonly rollOut: (session: Session, wanted: Wanted, options: RollingOptions) => Promise<readonly RolledOut[]>
  /**
   * Brings units back to what they were `from`, those too that are under way, and watches; units of other targets are passed
   * over. One that runs `from` already is `back` at once; one that does not come back is `failed`.
   *
   * @throws Refusal AWS can't be asked, or `signal` was aborted
   */
  readonly rollBack: (
    session: Session,
    units: readonly Pick<RolledOut, "target" | "unit" | "from">[],
    options: RollingOptions,
  ) => Promise<readonly RolledOut[]>
  /**
   * @param lines 1 to 10 000
   * @returns the last lines, each with its time before it, oldest first; undefined where the target has no such unit
   */
  readonly logs: (
    session: Session,
    unit: string,
    lines: number,
    signal: AbortSignal,
  ) => Promise<readonly string[] | undefined>
  /** Takes away revisions that nothing uses, but the newest `keep` of each unit. @returns what went */
  readonly prune: (session: Session, keep: number, signal: AbortSignal) => Promise<readonly string[]>
}
