/** Programs of the platform as processes: what they print and how they end. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Environment } from "@perigee/platform/settings"
import { until } from "./until.ts"

const ROOT = fileURLToPath(new URL("../../..", import.meta.url))

export interface Program {
  readonly pid: number
  readonly stdout: () => string
  readonly stderr: () => string
  kill(signal: NodeJS.Signals): void
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Waits for a line that matches. */
  says(what: RegExp, ms?: number): Promise<RegExpExecArray>
}

export interface RunOptions {
  readonly env?: Environment
  readonly uid?: number
  readonly gid?: number
}

const started = new Set<Program>()
// A test that failed halfway must not leave a platform behind.
afterEach(() => {
  for (const program of started) program.kill("SIGKILL")
  started.clear()
})

/** @param program relative to the repository's root, or a file and the folder to run it in */
export function runProgram(
  program: string | { readonly entry: string; readonly cwd: string },
  args: readonly string[] = [],
  { env = {}, ...identity }: RunOptions = {},
): Program {
  const { entry, cwd } = typeof program === "string" ? { entry: `${ROOT}${program}`, cwd: ROOT } : program
  const child = spawn(process.execPath, [entry, ...args], {
    cwd,
    env: { PATH: process.env["PATH"], ...env } as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
    ...identity,
  })
  const said = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      said[name] += chunk
    })
  }
  const ended = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const running: Program = {
    pid: child.pid ?? 0,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    kill: (signal) => child.kill(signal),
    ended,
    says: (what, ms = 20_000) =>
      until(
        String(what),
        () => {
          if (child.exitCode !== null && !what.test(said.stdout))
            throw new Error(`it ended: ${said.stdout}${said.stderr}`)
          return what.exec(said.stdout) ?? undefined
        },
        ms,
      ),
  }
  started.add(running)
  ended.then(() => started.delete(running))
  return running
}
