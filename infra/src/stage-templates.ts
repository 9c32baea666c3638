/** A stage synthesized for programs that only read it: to a folder that is gone afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Stage } from "./stage.ts"
import { readTemplates, type Template } from "./templates/read.ts"

/** End of central directory of a zip with nothing in it. Source: PKWARE's APPNOTE, 4.3.16. */
const EMPTY_ZIP = Buffer.from([0x50, 0x4b, 0x05, 0x06, ...Array<number>(18).fill(0)])

/**
 * Without validation, which is for what is deployed whole, and with an empty package of the Lambda: what it holds is of no
 * matter to the templates, and it may not be built.
 *
 * @param use gets the folder of the cloud assembly
 */
export async function withAssembly<T>(stage: Stage, use: (folder: string) => T | Promise<T>): Promise<T> {
  // The CDK takes half a second to load, which a folder of templates need not wait for.
  const { stageApp } = await import("./app.ts")
  const folder = mkdtempSync(join(tmpdir(), "perigee-templates-"))
  try {
    const functionZip = join(folder, "lambda.zip")
    writeFileSync(functionZip, EMPTY_ZIP)
    const outdir = join(folder, "templates")
    stageApp(stage, { outdir, functionZip, validate: false }).app.synth()
    return await use(outdir)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export async function templatesOfStage(stage: Stage): Promise<Template[]> {
  return await withAssembly(stage, readTemplates)
}
