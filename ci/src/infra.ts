/** The infrastructure's part of the pipeline: its programs, each in the repository's own workspace. */
import type { Container, Directory } from "@dagger.io/dagger"

const ASSEMBLY = "infra/cdk.out"

/** What the stage's synthesis writes; a stage that there is not, or that breaks a rule, fails with the program's own words. */
export function assembly(workspace: Container, stage: string): Directory {
  return synthesized(workspace, stage).directory(ASSEMBLY)
}

/** The proofs of a stage as text: who reaches whom, who may do what; one that fails fails this, with its words. */
export async function proofs(workspace: Container, stage: string): Promise<string> {
  return await workspace.withExec(["npm", "run", "--silent", "prove", "--", `--stage=${stage}`]).stdout()
}

/** SVG, PNG and HTML of a stage's architecture. */
export function drawing(workspace: Container, stage: string): Directory {
  const out = "/perigee/output/architecture"
  return workspace
    .withExec(["npm", "run", "--silent", "diagram", "--", `--stage=${stage}`, `--out=${out}`])
    .directory(out)
}

function synthesized(workspace: Container, stage: string): Container {
  return workspace.withExec(["npm", "run", "--silent", "synth", "--", `--stage=${stage}`, `--out=${ASSEMBLY}`])
}
