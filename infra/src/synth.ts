/** `npm run synth -- --stage=<name>`: writes the stage's templates and assets, with no account and no network. */
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { stageNamed } from "../config/stages.ts"
import { stageApp } from "./app.ts"
import { StageError } from "./stage.ts"

export const ROOT = resolve(import.meta.dirname, "../..")
export const FUNCTION_ZIP = resolve(ROOT, "lambda/dist/lambda.zip")

const HELP = `npm run synth -- --stage=<name> [--out=infra/cdk.out] [--lambda-zip=lambda/dist/lambda.zip]

Writes CloudFormation templates and assets of a stage (infra/config/<name>.ts) to a folder. Needs no account and no network.
Exit codes: 0; 64 flag or stage; 65 a rule is broken, told above; 66 the Lambda's package is missing;
73 the folder can't be written.
`

process.exitCode = main(process.argv.slice(2))

function main(argv: string[]): number {
  try {
    const { values } = parseArgs({
      args: argv,
      options: {
        stage: { type: "string" },
        out: { type: "string", default: resolve(ROOT, "infra/cdk.out") },
        "lambda-zip": { type: "string", default: FUNCTION_ZIP },
        help: { type: "boolean" },
      },
    })
    if (values.help) {
      process.stdout.write(HELP)
      return 0
    }
    const stage = stageNamed(values.stage)
    const functionZip = resolve(values["lambda-zip"])
    if (!isZip(functionZip)) {
      return refuse(
        66,
        `${functionZip} is not there or is no zip; npm run build -w lambda makes lambda/dist/lambda.zip`,
      )
    }
    if (values.out === "") return refuse(64, "--out is empty; give a folder, such as infra/cdk.out")
    const outdir = resolve(values.out)
    try {
      mkdirSync(outdir, { recursive: true })
      accessSync(outdir, constants.W_OK)
    } catch (error) {
      return refuse(73, `${outdir} can't be written (${(error as NodeJS.ErrnoException).code}); give another --out`)
    }
    const { app } = stageApp(stage, { outdir, functionZip })
    const { stacks } = app.synth()
    process.stdout.write(`${stacks.map(({ stackName }) => stackName).join("\n")}\nin ${outdir}\n`)
    return 0
  } catch (error) {
    if (error instanceof StageError) return refuse(64, error.message)
    // What is wrong is on stderr already, construct by construct.
    if (error instanceof Error && /^Validation failed/.test(error.message)) {
      return refuse(65, "the stage breaks the rules above; nothing of it is fit to deploy")
    }
    if (error instanceof TypeError && "code" in error) return refuse(64, `${error.message}; see --help`)
    throw error
  }
}

/** Whether there is a file that begins as a zip does. Source: APPNOTE.TXT, 4.3.6. */
function isZip(path: string): boolean {
  try {
    const file = openSync(path, "r")
    try {
      const head = Buffer.alloc(2)
      return readSync(file, head) === 2 && head.toString("latin1") === "PK"
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}

function refuse(code: number, message: string): number {
  process.stderr.write(`synth: ${message}\n`)
  return code
}
