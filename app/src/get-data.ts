/** Entry of the program `get-data`: gives the process' surroundings to it, and its exit code to the process. */
import { systemClock } from "./clock.ts"
import { Interrupted, run } from "./program.ts"

const stop = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => stop.abort(new Interrupted(signal)))
}
// A reader that went away is reported by the write that met it, not by an event nobody waits for.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

run({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  signal: stop.signal,
}).then((code) => {
  process.exitCode = code
})
