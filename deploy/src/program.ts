/** Another program of the machine, run to its end: what it wrote, or one line on why it failed. */
import { type ExecFileOptions, execFile } from "node:child_process"
import { promisify } from "node:util"

const run = promisify(execFile)

/** Bytes: `npm sbom` of a large workspace writes a few millions. */
const MAX_OUTPUT = 256 * 1024 * 1024

/** The program is not there, or ended with another code than 0. */
export class ProgramError extends Error {
  override readonly name = "ProgramError"
  /** Whether there is such a program at all. */
  readonly there: boolean

  constructor(program: string, cause: Error & { code?: unknown; stderr?: unknown }) {
    const said = String(cause.stderr ?? "")
      .trim()
      .split("\n")
    const there = cause.code !== "ENOENT"
    // What tells most is called an error; else it is what comes last.
    const line = said.findLast((one) => /error|fatal/i.test(one)) ?? said.at(-1) ?? ""
    super(there ? `${program}: ${line || `ends with ${cause.code}`}` : `there is no ${program} on the PATH`, { cause })
    this.there = there
  }
}

/**
 * @param env more variables than the program's own
 * @returns stdout, without the last line's end
 * @throws ProgramError
 */
export async function outputOf(
  program: string,
  args: readonly string[],
  { cwd, signal, env = {} }: Pick<ExecFileOptions, "cwd" | "signal"> & { readonly env?: Record<string, string> },
): Promise<string> {
  try {
    const { stdout } = await run(program, [...args], {
      cwd,
      signal,
      env: { ...process.env, ...env },
      maxBuffer: MAX_OUTPUT,
    })
    return stdout.replace(/\r?\n$/, "")
  } catch (error) {
    signal?.throwIfAborted()
    throw new ProgramError(program, error as Error)
  }
}
