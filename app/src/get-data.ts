/** Entry of the program `get-data`: gives the process' surroundings to it, and its exit code to the process. */
import { systemClock } from "./clock.ts"
import { Interrupted, run } from "./program.ts"

const stop = new AbortController()
const signals = ["SIGINT", "SIGTERM"] as const
for (const signal of signals) process.on(signal, () => stop.abort(new Interrupted(signal)))
// A reader that went away is reported by the write that met it, not by an event nobody waits for.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

run({
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  signal: stop.signal,
  letSignalsEndIt: async () => {
    // One that came meanwhile is heard first: the event loop looks for signals between the one turn and the other.
    for (let turn = 1; turn <= 2; turn += 1) await new Promise((next) => setImmediate(next))
    for (const signal of signals) process.removeAllListeners(signal)
  },
}).then((code) => process.exit(code))
