/** The infrastructure's part of the pipeline: its programs, each in the repository's own workspace. */
import type { Container, Directory } from "@dagger.io/dagger"

const ASSEMBLY = "infra/cdk.out"

/** What the stage's synthesis writes; a stage that there is not, or that breaks a rule, fails with the program's own words. */
export function assembly(workspace: Container, stage: string): Directory {
  return synthesized(workspace, stage).directory(ASSEMBLY)
}

function synthesized(workspace: Container, stage: string): Container {
  return workspace.withExec(["npm", "run", "--silent", "synth", "--", `--stage=${stage}`, `--out=${ASSEMBLY}`])
}
