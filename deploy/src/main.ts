/** `npm run deploy -- <command> --stage=<name>`: reads flags and environment once, here, and runs one command. */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { stageNamed } from "../../infra/config/stages.ts"
import { StageError } from "../../infra/src/stage.ts"
import { COMMON_FLAGS, type Command, type Flag, type Values } from "./command.ts"
import { COMMANDS } from "./commands.ts"
import { credentialsOf, maskEnvironment } from "./credentials.ts"
import { Masking } from "./masking.ts"
import { EXIT, Refusal, refusalOf } from "./refusal.ts"
import { Aws, REQUEST_HANDLER, type Terminal } from "./session.ts"

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
const MAX_ATTEMPTS = 6

const masking = new Masking()
/** What a terminal obeys, but line feeds: an error's stack has some. */
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]+/g
const say = (line: string) => process.stderr.write(`${masking.mask(line).replaceAll(CONTROLS, " ")}\n`)

const TERMINAL: Terminal = {
  size: () => ({ columns: process.stderr.columns ?? 0, rows: process.stderr.rows ?? 0 }),
  write: (text) => process.stderr.write(text),
}

// Who read it may be gone, a terminal or a pipe: what was begun is brought to its end all the same.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

process.exitCode = await main(process.argv.slice(2))
// An answer that a library still waits for keeps nobody.
setTimeout(() => process.exit(), 1_000).unref()

async function main(argv: readonly string[]): Promise<number> {
  const stopped = new AbortController()
  let signalled: number | undefined
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (signalled !== undefined) {
        say(`deploy: stopped by ${signal} again, at once; what was begun is left as it is`)
        process.exit(code)
      }
      signalled = code
      stopped.abort(new Refusal(code, `stopped by ${signal}`))
    })
  }
  const verbose = argv.includes("--verbose")
  maskEnvironment(process.env, masking)
  let aws: Aws | undefined
  try {
    const [name, ...rest] = argv
    if (name === undefined || name === "--help" || name === "help") {
      process.stdout.write(overview())
      return name === undefined ? EXIT.usage : 0
    }
    const command = COMMANDS.find((one) => one.name === name)
    if (command === undefined)
      throw new Refusal(EXIT.usage, `there is no command ${JSON.stringify(name)}; there are ${names()}`)
    const values = parsed(command, rest)
    if (values["help"]) {
      process.stdout.write(help(command))
      return 0
    }
    const stage = stageNamed(values["stage"] as string | undefined)
    const credentials = await credentialsOf(
      { oidcToken: values["oidc-token"] as string | undefined, roleArn: values["role-arn"] as string | undefined },
      process.env,
      stage.region,
      masking,
    )
    aws = new Aws({ region: stage.region, credentials, maxAttempts: MAX_ATTEMPTS, requestHandler: REQUEST_HANDLER })
    const print = (text: string) => process.stdout.write(`${masking.mask(text)}\n`)
    const root = resolve(import.meta.dirname, "../..")
    // Source: no-color.org.
    const colours = process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === ""
    const terminal = process.stderr.isTTY && process.env["TERM"] !== "dumb" ? TERMINAL : undefined
    const mask = (text: string) => masking.mask(text)
    const signal = stopped.signal
    const session = { stage, aws, say, print, colours, signal, now: () => new Date(), root, mask }
    return await command.run({ ...session, ...(terminal && { terminal }) }, values)
  } catch (error) {
    // A command that was stopped may say what it left; else whatever broke off is the stop itself.
    const own = error instanceof Refusal && error.exitCode === signalled
    return told(signalled === undefined || own ? refusalOf(error) : stopped.signal.reason, error, verbose)
  } finally {
    aws?.destroy()
  }
}

function told(refusal: unknown, error: unknown, verbose: boolean): number {
  if (verbose) say(causesOf(error))
  if (refusal instanceof StageError) {
    say(`deploy: ${refusal.message}`)
    return EXIT.usage
  }
  if (refusal instanceof Refusal) {
    say(`deploy: ${refusal.message}`)
    return refusal.exitCode
  }
  say(
    `deploy: a defect of this program: ${refusal instanceof Error ? refusal.message : refusal}; --verbose tells where`,
  )
  return EXIT.defect
}

/** Stacks alone: what else an error of AWS carries has the request's headers in it. */
function causesOf(error: unknown): string {
  const stacks: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) stacks.push(cause.stack ?? String(cause))
  return stacks.join("\ncaused by: ")
}

function parsed(command: Command, args: readonly string[]): Values {
  const options = Object.fromEntries(
    Object.entries({ ...COMMON_FLAGS, ...command.flags }).map(([name, { type }]) => [name, { type }]),
  )
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values as Values
  } catch (error) {
    throw new Refusal(EXIT.usage, `${command.name}: ${(error as Error).message.split(". ")[0]}; see --help`)
  }
}

function names(): string {
  return COMMANDS.map(({ name }) => name).join(", ")
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length))
  const lines = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)
  return `npm run deploy -- <command> --stage=<name>

${lines.join("\n")}

<command> --help tells its flags. A first deployment goes in this order. docs/runbook.md tells it step by step, what to do
when one fails, and what each exit code means.
`
}

function help({ name, summary, flags }: Command): string {
  const all: [string, Flag][] = Object.entries({ ...flags, ...COMMON_FLAGS })
  const heads = all.map(([flag, { type, value = "VALUE" }]) =>
    type === "boolean" ? `--${flag}` : `--${flag}=${value}`,
  )
  const width = Math.max(...heads.map((head) => head.length))
  const lines = all.map(([, { help: text }], at) => `  ${heads[at]?.padEnd(width)}  ${text}`)
  return `npm run deploy -- ${name}\n\n${summary}\n\n${lines.join("\n")}\n`
}
