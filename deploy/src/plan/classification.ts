/** Whether a plan needs somebody's approval, and why. */
import { TARGETS } from "../targets/targets.ts"
import type { Change } from "./changes.ts"
import type { Widening } from "./widenings.ts"

export interface Classification {
  /** Something is replaced or deleted, or may be. */
  readonly destructive: boolean
  /** Something is allowed that is not now. */
  readonly widening: boolean
  /** A line for each thing that makes it so; the same things have the same lines. */
  readonly reasons: readonly string[]
}

const REVISED: ReadonlySet<string> = new Set(TARGETS.flatMap(({ revised }) => revised))

const DESTROYED: Readonly<Partial<Record<Change["action"], string>>> = {
  replace: "is replaced",
  "may-replace": "may be replaced",
  delete: "is deleted",
}

export interface Classified {
  readonly name: string
  readonly state: "new" | "changed" | "unchanged" | "deleted"
  readonly changes: readonly Change[]
}

export function classificationOf(stacks: readonly Classified[], widenings: readonly Widening[]): Classification {
  const destroyed = stacks.flatMap(({ name, state, changes }) =>
    state === "deleted"
      ? [`the stack ${name} is deleted`]
      : changes.flatMap((change) => {
          const what = destroys(change) ? DESTROYED[change.action] : undefined
          return what === undefined ? [] : [`${change.stack}/${change.path} ${what}`]
        }),
  )
  const widened = widenings.map(({ kind, subject, what }) => `wider ${kind}: ${subject}: ${what}`)
  return {
    destructive: destroyed.length > 0,
    widening: widened.length > 0,
    reasons: [...destroyed, ...widened],
  }
}

export function destroys({ action, type }: Change): boolean {
  return DESTROYED[action] !== undefined && !(REVISED.has(type) && action !== "delete")
}
