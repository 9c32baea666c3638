/** What a target of deployment tells of itself; a rollout's plan, lock and record know no more than this. */
import type { Resolved } from "../../../infra/src/templates/resolve.ts"
import type { Check } from "../check.ts"
import type { PublishedImages } from "../images.ts"
import type { Field } from "../plan/differences.ts"
import type { PlannedImage } from "../plan/images.ts"
import type { Session } from "../session.ts"
import type { Rolling } from "./rolling.ts"

/** A change under way, or the last one. */
export interface Rollout {
  readonly id: string
  /** In the target's own words, such as ECS' `PRIMARY`. */
  readonly status: string
  /** In the target's own words, such as ECS' `COMPLETED`. */
  readonly state: string
  readonly reason?: string
}

/** Something that runs: a service, a function. */
export interface Unit {
  readonly target: string
  readonly name: string
  /** What of it runs: a task definition with its revision, a version. */
  readonly revision: string
  readonly image?: string
  /** Copies that run and that should; none for a function. */
  readonly running?: number
  readonly desired?: number
  readonly rollouts: readonly Rollout[]
  /** The newest first. */
  readonly events: readonly { readonly at: string; readonly message: string }[]
}

/** One field that differs between what runs and what is planned; undefined where it is absent. */
export interface Difference {
  readonly field: string
  readonly running: unknown
  readonly planned: unknown
}

export interface UnitDifference {
  readonly target: string
  readonly name: string
  /** What of it runs, or undefined where nothing does. */
  readonly revision: string | undefined
  readonly differences: readonly Difference[]
}

export interface Planned {
  /** The folder of the synthesized templates. */
  readonly assembly: string
  /** Images to roll out; one that is not named stays as it runs. */
  readonly images: PublishedImages
}

/** What templates change in something that is never changed itself but revised, such as a task definition. */
export interface RevisionChange {
  /** Which all its revisions have in common. */
  readonly family: string
  /** `template/id`. */
  readonly address: string
  readonly action: "add" | "change" | "delete"
  readonly fields: readonly Field[]
}

export interface Target {
  readonly name: string
  /** CloudFormation types whose replacement is a new revision, beside which the old one stays what it is. */
  readonly revised: readonly string[]
  /** @returns those that differ, in the order of their families; what is told apart by images shows them */
  readonly revisions: (
    stage: string,
    before: Resolved | undefined,
    after: Resolved,
    images: readonly PlannedImage[],
  ) => readonly RevisionChange[]
  /** What `verify` asks of it. */
  readonly checks: readonly Check[]
  /** @returns what runs, by name; a unit that is not there yet is left out */
  readonly units: (session: Session, signal: AbortSignal) => Promise<readonly Unit[]>
  readonly differences: (session: Session, planned: Planned, signal: AbortSignal) => Promise<readonly UnitDifference[]>
  readonly rolling: Rolling
}
