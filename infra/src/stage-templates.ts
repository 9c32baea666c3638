/** A stage's templates for programs that only read them: synthesized to a folder that is gone afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Stage } from "./stage.ts"
import { readTemplates, type Template } from "./templates/read.ts"

/** What the Lambda's package holds is of no matter to the templates: an empty one stands for it. */
export async function templatesOfStage(stage: Stage): Promise<Template[]> {
  // The CDK takes half a second to load, which a folder of templates need not wait for.
  const { stageApp } = await import("./app.ts")
  const folder = mkdtempSync(join(tmpdir(), "perigee-templates-"))
  try {
    const functionZip = join(folder, "lambda.zip")
    writeFileSync(functionZip, "")
    const outdir = join(folder, "templates")
    stageApp(stage, { outdir, functionZip, validate: false }).app.synth()
    return readTemplates(outdir)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
