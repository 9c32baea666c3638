/** `npm run synth -- --stage=<name>`: writes the stage's templates and assets, with no account and no network. */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { stageNamed } from "../config/stages.ts"
import { stageApp } from "./app.ts"
import { StageError } from "./stage.ts"

export const ROOT = resolve(import.meta.dirname, "../..")
export const FUNCTION_ZIP = resolve(ROOT, "lambda/dist/lambda.zip")

const HELP = `npm run synth -- --stage=<name> [--out=infra/cdk.out] [--lambda-zip=lambda/dist/lambda.zip]

Writes CloudFormation templates and assets of a stage (infra/config/<name>.ts) to a folder. Needs no account and no network.
Exit codes: 0; 64 flag or stage; 66 the Lambda's package is missing; 65 a rule is broken, told above.
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
    if (!existsSync(functionZip)) {
      return refuse(66, `${functionZip} is not there; npm run build -w lambda makes it`)
    }
    const { app } = stageApp(stage, { outdir: resolve(values.out), functionZip })
    const { stacks } = app.synth()
    process.stdout.write(`${stacks.map(({ stackName }) => stackName).join("\n")}\nin ${resolve(values.out)}\n`)
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

function refuse(code: number, message: string): number {
  process.stderr.write(`synth: ${message}\n`)
  return code
}
