/** `npm run synth -- --stage=<name>`: writes the stage's templates and assets, with no account and no network. */
import { accessSync, closeSync, constants, mkdirSync, openSync, readSync } from "node:fs"
import { resolve } from "node:path"
import type { App } from "aws-cdk-lib"
import { stageNamed } from "../config/stages.ts"
import { stageApp } from "./app.ts"
import { commandLine, Refused } from "./command-line.ts"

export const ROOT = resolve(import.meta.dirname, "../..")
const FUNCTION_ZIP = resolve(ROOT, "lambda/dist/lambda.zip")

const HELP = `npm run synth -- --stage=<name> [--out=infra/cdk.out] [--lambda-zip=lambda/dist/lambda.zip]

Writes CloudFormation templates and assets of a stage (infra/config/<name>.ts) to a folder. Needs no account and no network.
Exit codes: 0; 64 flag or stage; 65 a rule is broken, told above; 66 the Lambda's package is missing;
73 the folder can't be written.
`

await commandLine({
  name: "synth",
  help: HELP,
  options: {
    stage: { type: "string" },
    out: { type: "string", default: resolve(ROOT, "infra/cdk.out") },
    "lambda-zip": { type: "string", default: FUNCTION_ZIP },
  },
  run({ stage: name, out, "lambda-zip": zip }) {
    const stage = stageNamed(name)
    const functionZip = resolve(zip)
    if (!isZip(functionZip)) {
      const what = `${functionZip} is not there or is no zip`
      throw new Refused(66, `${what}; npm run build -w lambda makes lambda/dist/lambda.zip`)
    }
    if (out === "") throw new Refused(64, "--out is empty; give a folder, such as infra/cdk.out")
    const outdir = resolve(out)
    try {
      mkdirSync(outdir, { recursive: true })
      accessSync(outdir, constants.W_OK)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw new Refused(73, `${outdir} can't be written (${code}); give another --out`)
    }
    const { stacks } = synthesized(stageApp(stage, { outdir, functionZip }).app)
    process.stdout.write(`${stacks.map(({ stackName }) => stackName).join("\n")}\nin ${outdir}\n`)
    return 0
  },
})

function synthesized(app: App) {
  try {
    return app.synth()
  } catch (error) {
    // What is wrong is on stderr already, construct by construct.
    if (error instanceof Error && /^Validation failed/.test(error.message)) {
      throw new Refused(65, "the stage breaks the rules above; nothing of it is fit to deploy")
    }
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
