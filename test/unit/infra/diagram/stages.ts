/** The stages' templates, synthesized once for all tests of the picture. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stageNamed } from "../../../../infra/config/stages.ts"
import { stageApp } from "../../../../infra/src/app.ts"
import type { Architecture } from "../../../../infra/src/diagram/architecture.ts"
import { connectionsOf } from "../../../../infra/src/diagram/connections.ts"
import { architectureOf } from "../../../../infra/src/diagram/derive.ts"
import { Subject } from "../../../../infra/src/proofs/proof.ts"
import { readTemplates } from "../../../../infra/src/templates/read.ts"

const made = new Map<string, Promise<Subject>>()

/** @param name of a stage */
export function subjectOfStage(name: string): Promise<Subject> {
  const known = made.get(name) ?? synthesized(name)
  made.set(name, known)
  return known
}

async function synthesized(name: string): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), "perigee-diagram-"))
  try {
    // The picture shows nothing of what is in the Lambda's package.
    const functionZip = join(folder, "lambda.zip")
    writeFileSync(functionZip, "")
    const stage = stageNamed(name)
    const outdir = join(folder, "out")
    stageApp(stage, { outdir, functionZip, validate: false }).app.synth()
    return new Subject(readTemplates(outdir), stage)
  } finally {
    await rm(folder, { recursive: true })
  }
}

export async function architectureOfStage(name: string): Promise<Architecture> {
  const { resolved, network, reach } = await subjectOfStage(name)
  return architectureOf({ resolved, network, connections: connectionsOf(network, reach) })
}
