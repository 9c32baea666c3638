/** Which proof speaks of which resource: a proof is watched while it looks at the templates. */
import { type Proof, Subject } from "../proofs/proof.ts"
import { Resolved, type Resource } from "../templates/resolve.ts"
import type { Said } from "./details.ts"

export function saidOf(_subject: Subject, _proofs: readonly Proof[] = []): Said[] {
  return []
}
void [Subject, Resolved, undefined as unknown as Resource]
