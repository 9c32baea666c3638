/** `diff`: what runs against what is planned: images, and every field of the task definitions. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { ROLLED_OUT } from "../../infra/src/names.ts"
import type { Command } from "./command.ts"
import { FUNCTION_ZIP, requireFunctionZip } from "./function-zip.ts"
import { publishedImages, runningImages } from "./images.ts"
import type { Difference, UnitDifference } from "./targets/target.ts"
import { TARGETS } from "./targets/targets.ts"

export const diff: Command = {
  name: "diff",
  summary: "What a deployment would change of what runs: images, each field of the task definitions, the Lambda's code",
  flags: {
    images: { type: "string", value: "FILE", help: "digests.json of publish; without it the images that run" },
    "lambda-zip": { type: "string", value: "FILE", help: `the Lambda's package; ${FUNCTION_ZIP} without it` },
  },
  async run(session, values) {
    const { stage, signal, root } = session
    const functionZip = requireFunctionZip(resolve(root, (values["lambda-zip"] as string | undefined) ?? FUNCTION_ZIP))
    const path = values["images"] as string | undefined
    const images = path === undefined ? {} : await publishedImages(path, stage.name)
    const assembly = await mkdtemp(join(tmpdir(), "perigee-diff-"))
    try {
      // CDK takes seconds to load, which no other command should wait for.
      const { stageApp } = await import("../../infra/src/app.ts")
      stageApp(stage, { outdir: assembly, functionZip, validate: false }).app.synth()
      const [running, units] = await Promise.all([
        runningImages(session, signal),
        Promise.all(TARGETS.map((target) => target.differences(session, { assembly, images }, signal))),
      ])
      const parameters = ROLLED_OUT.flatMap((name): Difference[] => {
        const planned = images[name] ?? running[name]
        return planned === running[name] ? [] : [{ field: name, running: running[name], planned }]
      })
      const changed = units.flat().filter(({ differences }) => differences.length > 0)
      if (values["json"])
        session.print(JSON.stringify({ stage: stage.name, images: parameters, units: changed }, null, 2))
      else session.print(text(parameters, changed))
      return 0
    } finally {
      await rm(assembly, { recursive: true, force: true })
    }
  },
}

function text(images: readonly Difference[], units: readonly UnitDifference[]): string {
  const parts = [
    ...(images.length === 0 ? [] : [["image parameters", ...images.flatMap(lines)].join("\n")]),
    ...units.map(({ target, name, revision, differences }) =>
      [`${target} ${name}: runs ${revision ?? "nothing"}`, ...differences.flatMap(lines)].join("\n"),
    ),
  ]
  return parts.length === 0 ? "no difference" : parts.join("\n")
}

function lines({ field, running, planned }: Difference): string[] {
  return [
    `  ${field}`,
    ...(running === undefined ? [] : [`    - ${running}`]),
    ...(planned === undefined ? [] : [`    + ${planned}`]),
  ]
}
