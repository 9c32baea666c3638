/** `npm run diagram -- --stage=<name>`: draws a stage's templates, with no account, no network and no browser. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { stageNamed } from "../../config/stages.ts"
import { commandLine, Refused } from "../command-line.ts"
import { Subject } from "../proofs/proof.ts"
import { prove } from "../proofs/prove.ts"
import { reportMarkdown } from "../proofs/report.ts"
import type { Stage } from "../stage.ts"
import { templatesOfStage } from "../stage-templates.ts"
import { readTemplates, type Template, TemplateError } from "../templates/read.ts"
import { DocumentError, withTables } from "./document.ts"
import { PNG_FILE, picturesOf } from "./pictures.ts"
import { stale } from "./stale.ts"

const ROOT = resolve(import.meta.dirname, "../../..")
const OUT = resolve(ROOT, "docs/architecture")
/** As seen from there. */
const DOCUMENT = "../architecture.md"

const HELP = `npm run diagram -- --stage=<name> [--templates=<folder>] [--out=docs/architecture] [--check]

Draws a stage: architecture.svg, architecture.png and architecture.html, a page with what each resource is. In
docs/architecture it brings the tables of docs/architecture.md up to date too.
  --templates  a folder of CloudFormation templates, such as npm run synth makes; without it they are synthesized
  --check      write nothing; say which of SVG, page and tables are not what the templates give
Exit codes: 0; 64 flag or stage; 65 a template is wrong, or --check found something stale; 66 the folder is missing;
73 the pictures can't be written.
`

await commandLine({
  name: "diagram",
  help: HELP,
  options: {
    stage: { type: "string" },
    templates: { type: "string" },
    out: { type: "string", default: OUT },
    check: { type: "boolean", default: false },
  },
  exitCodeOf: (error) => (error instanceof TemplateError ? (error.missing ? 66 : 65) : undefined),
  async run({ stage: name, templates: folder, out: given, check: only }) {
    if (folder === "") throw new Refused(64, "--templates is empty; give a folder of CloudFormation templates")
    const stage = stageNamed(name)
    const templates = folder === undefined ? await templatesOfStage(stage) : readTemplates(resolve(folder))
    const subject = new Subject(templates, stage)
    const missing = missingOf(subject)
    if (missing.length > 0) {
      const what = `the templates have no ${missing.join(" and no ")}: a stage can't be drawn without; give all of its`
      throw new Refused(65, what)
    }
    const pictures = picturesOf(subject)
    const out = resolve(given)
    // The document beside the pictures' own folder has the tables of the same templates.
    const texts = out === OUT ? { ...pictures.texts, [DOCUMENT]: documentOf(templates, stage) } : pictures.texts
    if (only) check(out, texts, stage)
    else write(out, { ...texts, [PNG_FILE]: pictures.png() })
    return 0
  },
})

/** What every stage has, and the picture is drawn around. */
function missingOf({ network }: Subject): readonly string[] {
  return [
    ...(network.vpcs.length === 0 ? ["VPC"] : []),
    ...(network.things.some(({ kind }) => kind === "load balancer") ? [] : ["load balancer"]),
  ]
}

function documentOf(templates: readonly Template[], stage: Stage): string {
  try {
    return withTables(readFileSync(resolve(OUT, DOCUMENT), "utf8"), reportMarkdown(prove(templates, stage)))
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    throw new Refused(65, `${shown(resolve(OUT, DOCUMENT))}: ${error.message}`)
  }
}

function check(out: string, texts: Readonly<Record<string, string>>, { name }: Stage): void {
  const found = stale(out, texts)
  if (found.length === 0) {
    process.stdout.write(`${Object.keys(texts).join(", ")} in ${shown(out)} are what the templates give\n`)
    return
  }
  const which = found.map(({ file, why }) => `${shown(join(out, file))} ${why}`).join("; ")
  throw new Refused(65, `${which}; npm run diagram -- --stage=${name} draws anew`)
}

function write(out: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  try {
    mkdirSync(out, { recursive: true })
    for (const [file, content] of Object.entries(files)) writeFileSync(join(out, file), content)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Refused(73, `${shown(out)} can't be written (${code}); give another --out`)
  }
  process.stdout.write(`${Object.keys(files).join(", ")} in ${shown(out)}\n`)
}

function shown(path: string): string {
  const short = relative(process.cwd(), path)
  return short === "" || short.startsWith("..") ? path : short
}
