/** What is proved of the planned templates, and how who reaches whom changes. */
import { type Matrix, matrixOf, NOTHING } from "../../../infra/src/proofs/matrix.ts"
import type { Failure, Subject } from "../../../infra/src/proofs/proof.ts"
import { PROOFS } from "../../../infra/src/proofs/prove.ts"

export interface FailedProof {
  readonly id: string
  readonly claim: string
  readonly failures: readonly Failure[]
}

export interface Proofs {
  readonly proved: number
  readonly failed: readonly FailedProof[]
}

export interface MatrixChange {
  readonly from: string
  readonly to: string
  /** As `tcp 443`; `–` for nothing. */
  readonly before: string
  readonly after: string
}

export interface MatrixChanges {
  /** Pairs that are open, before and after. */
  readonly open: readonly [before: number, after: number]
  readonly changes: readonly MatrixChange[]
}

export function proofsOf(subject: Subject): Proofs {
  const asked = PROOFS.filter(({ needsStage }) => subject.stage !== undefined || !needsStage)
  const failed = asked.flatMap((proof): FailedProof[] => {
    const { failures } = proof.prove(subject)
    return failures.length === 0 ? [] : [{ id: proof.id, claim: proof.claim, failures }]
  })
  return { proved: asked.length - failed.length, failed }
}

/** @param before undefined where nothing is deployed: nobody reaches anybody */
export function matrixChanges(before: Subject | undefined, after: Subject): MatrixChanges {
  const empty: Matrix = { names: [], cells: [] }
  const [was, is] = [before === undefined ? empty : matrixOf(before.reach), matrixOf(after.reach)]
  const key = ({ from, to }: { from: string; to: string }) => `${from}\n${to}`
  const texts = (matrix: Matrix) => new Map(matrix.cells.map((cell) => [key(cell), cell.open]))
  const [old, now] = [texts(was), texts(is)]
  const changes = [...new Set([...old.keys(), ...now.keys()])].flatMap((pair): MatrixChange[] => {
    const [from = "", to = ""] = pair.split("\n")
    const [one, other] = [old.get(pair) ?? NOTHING, now.get(pair) ?? NOTHING]
    return one === other ? [] : [{ from, to, before: one, after: other }]
  })
  const open = (matrix: Matrix) => matrix.cells.filter((cell) => cell.open !== NOTHING).length
  return { open: [open(was), open(is)], changes }
}
