/** How the end of a stack's update is shown to whoever watches. */
import { expect } from "chai"
import { failure, type StackOptions, watched } from "../../../../deploy/src/apply/change-sets.ts"
import { EXIT } from "../../../../deploy/src/refusal.ts"
import type { Progress } from "../../../../deploy/src/targets/rolling.ts"
import { type Outcome, ScriptedCloudFormation } from "../../../support/scripted-cloudformation.ts"

const stackName = "perigee-production-network"
const id = `arn:aws:cloudformation:eu-central-1:111122223333:stack/${stackName}/5f1c`

describe("the update of a stack", () => {
  let aws: ScriptedCloudFormation
  afterEach(() => aws.close())

  const CASES: readonly [Outcome, Progress["phase"], number][] = [
    ["complete", "stable", 0],
    ["rolls back", "back", EXIT.failed],
    ["rollback fails", "failed", EXIT.stuck],
  ]
  for (const [outcome, phase, exitCode] of CASES) {
    it(`that ends so: ${outcome}, is shown as ${phase}`, async () => {
      aws = await ScriptedCloudFormation.open("a")
      aws.outcomes = { b: outcome }
      const seen: Progress[] = []
      const options = {
        session: { aws: { client: () => aws.client }, signal: new AbortController().signal },
        display: { watch: (progress: Progress) => void seen.push(progress) },
        pollMs: 1,
      } as unknown as StackOptions
      aws.begin("b", "ours")
      const one = { name: "network", stackName, id, token: "ours", started: performance.now() }
      const ended = await watched(options, one)
      expect(seen.at(-1)?.phase).to.equal(phase)
      if (exitCode !== 0) expect(failure(stackName, ended).exitCode).to.equal(exitCode)
    })
  }
})
