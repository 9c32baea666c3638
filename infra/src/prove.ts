/** `npm run prove -- --stage=<name>`: computes from the templates what must be true of a stage, with no account and no network. */
import { resolve } from "node:path"
import { stageNamed } from "../config/stages.ts"
import { commandLine, Refused } from "./command-line.ts"
import { prove } from "./proofs/prove.ts"
import { reportJson, reportMarkdown, reportText } from "./proofs/report.ts"
import type { Stage } from "./stage.ts"
import { templatesOfStage } from "./stage-templates.ts"
import { readTemplates, TemplateError } from "./templates/read.ts"

const HELP = `npm run prove -- --stage=<name> [--templates=<folder>] [--json | --markdown]

Proves of CloudFormation templates who reaches whom, who may do what, how messages leave, and that data is kept: every port
and every address, from the templates alone. What fails is told with its path, hop by hop, and the resource to change.

  --stage=<name>        the stage (infra/config/<name>.ts) whose promises are compared with; its templates are synthesized
  --templates=<folder>  of these templates instead: a cloud assembly, or any CloudFormation in JSON or YAML; without --stage
                        only what holds of any templates is proved
  --json, --markdown    for a program; for the docs

Exit codes: 0 all is proved; 65 a claim fails, or a template is broken; 64 flag or stage; 66 folder or templates are missing.
`

await commandLine({
  name: "prove",
  help: HELP,
  options: {
    stage: { type: "string" },
    templates: { type: "string" },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
  },
  exitCodeOf: (error) => (error instanceof TemplateError ? (error.missing ? 66 : 65) : undefined),
  async run({ stage: name, templates: folder, json, markdown }) {
    if (json && markdown) throw new Refused(64, "--json and --markdown are two answers; ask for one")
    if (folder === "") throw new Refused(64, "--templates is empty; give a folder of CloudFormation templates")
    const stage = name === undefined && folder !== undefined ? undefined : stageNamed(name)
    const templates = folder === undefined ? await templatesOfStage(stage as Stage) : readTemplates(resolve(folder))
    const report = prove(templates, stage)
    process.stdout.write((json ? reportJson : markdown ? reportMarkdown : reportText)(report))
    return report.proved.every(({ failures }) => failures.length === 0) ? 0 : 65
  },
})
