/** What the programs of this workspace have in common: flags, `--help`, and for each error one line and an exit code. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util"
import { StageError } from "./stage.ts"

/** One line for a person, and the exit code, after sysexits(3), that goes with it. */
export class Refused extends Error {
  override readonly name = "Refused"
  readonly exitCode: number

  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

type Flags<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: Options & { help: { type: "boolean" } }; allowNegative: true }>
>["values"]

export interface CommandLine<Options extends ParseArgsOptionsConfig> {
  /** What its lines on stderr begin with. */
  readonly name: string
  /** What `--help` writes. */
  readonly help: string
  readonly options: Options
  /** Its own errors: the exit code, or undefined for what is none of them. */
  readonly exitCodeOf?: (error: Error) => number | undefined
  /** @returns the exit code */
  readonly run: (flags: Flags<Options>) => number | Promise<number>
}

/**
 * Runs a program with the arguments of this process and sets its exit code: 64 for a flag or a stage that there is none of.
 * What is neither {@link Refused} nor one of its own errors is a defect, and thrown.
 */
export async function commandLine<const Options extends ParseArgsOptionsConfig>(
  { name, help, options, exitCodeOf = () => undefined, run }: CommandLine<Options>,
  args: readonly string[] = process.argv.slice(2),
): Promise<void> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: "boolean" } },
      allowNegative: true,
    })
    if ((values as { help?: boolean }).help) process.stdout.write(help)
    else process.exitCode = await run(values as Flags<Options>)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const told = error instanceof Refused ? error.exitCode : error instanceof StageError ? 64 : exitCodeOf(error)
    const flag = told === undefined && error instanceof TypeError && "code" in error
    if (told === undefined && !flag) throw error
    process.stderr.write(`${name}: ${flag ? `${error.message}; see --help` : error.message}\n`)
    process.exitCode = told ?? 64
  }
}
