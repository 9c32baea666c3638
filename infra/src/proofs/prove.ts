/** All proofs, in the order in which they are told, and how they are run. */
import type { Stage } from "../stage.ts"
import type { Template } from "../templates/read.ts"
import { COMPUTE } from "./claims/compute.ts"
import { DATA } from "./claims/data.ts"
import { EGRESS } from "./claims/egress.ts"
import { ENTRANCE } from "./claims/entrance.ts"
import { FACTS } from "./claims/facts.ts"
import { CLOSED_WORLD } from "./claims/known.ts"
import { PARAMETERS } from "./claims/parameters.ts"
import { PERMISSIONS } from "./claims/permissions.ts"
import { REACHABILITY } from "./claims/reachability.ts"
import { RUNS } from "./claims/runs.ts"
import { type Failure, type Proof, Subject } from "./proof.ts"

export const PROOFS: readonly Proof[] = [
  ...PARAMETERS,
  ...REACHABILITY,
  ...EGRESS,
  ...ENTRANCE,
  ...FACTS,
  ...CLOSED_WORLD,
  ...PERMISSIONS,
  ...DATA,
  ...COMPUTE,
  ...RUNS,
]

export interface Proved {
  readonly proof: Proof
  readonly checked: number
  readonly failures: readonly Failure[]
  readonly milliseconds: number
}

export interface Report {
  readonly subject: Subject
  readonly proved: readonly Proved[]
  /** Those that compare with a stage's promises, where there is none. */
  readonly skipped: readonly Proof[]
  readonly milliseconds: number
}

/**
 * @param stage whose promises are compared with; without one only what holds of any templates is proved
 * @throws TemplateError templates that can't be resolved
 */
export function prove(templates: readonly Template[], stage?: Stage): Report {
  const start = performance.now()
  const subject = new Subject(templates, stage)
  const asked = PROOFS.filter(({ needsStage }) => stage !== undefined || !needsStage)
  const proved = asked.map((proof): Proved => {
    const from = performance.now()
    const { checked, failures } = proof.prove(subject)
    return { proof, checked, failures, milliseconds: performance.now() - from }
  })
  return {
    subject,
    proved,
    skipped: PROOFS.filter((proof) => !asked.includes(proof)),
    milliseconds: performance.now() - start,
  }
}
