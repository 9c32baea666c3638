/** The Lambda's entry, `handler.lambdaHandler`: the process' own surroundings, handed in. */
import { systemClock } from "@perigee/app/neows"
import { Agent } from "undici"
import { handlerOf } from "./invocation.ts"
import { readText } from "./secret-text.ts"

/** One page of NASA's near-Earth-object catalogue for `{"page": 1755, "size": 20}`, direct or by HTTP (README, “The Lambda”). */
export const lambdaHandler = handlerOf({
  env: process.env,
  clock: systemClock,
  readText,
  // Kept from one invocation to the next, with its connections. An attempt's own clock bounds headers and body.
  dispatcher: new Agent({ headersTimeout: 0, bodyTimeout: 0, allowH2: false }),
  // Not console.log, which the runtime puts words before that metrics must not have.
  write: (line) => void process.stdout.write(line),
})
