/** Every stage there is: a new one is a file beside this and a line here. */
import { type Stage, StageError } from "../src/stage.ts"
import { check } from "../src/stage-check.ts"
import { development } from "./development.ts"
import { production } from "./production.ts"

export const STAGES: readonly Stage[] = [development, production]

/**
 * @param name as on the command line
 * @returns the stage, checked
 * @throws StageError there is none of that name, or its configuration is wrong
 */
export function stageNamed(name: string | undefined): Stage {
  const names = STAGES.map((stage) => stage.name).join(", ")
  if (name === undefined || name === "") throw new StageError(`--stage is missing; there are ${names}`)
  const stage = STAGES.find((one) => one.name === name)
  if (stage === undefined) throw new StageError(`there is no stage ${JSON.stringify(name)}; there are ${names}`)
  return check(stage, STAGES)
}
