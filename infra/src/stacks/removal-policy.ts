/** What becomes of something that holds data, keys or records when its stack is deleted, or it is replaced. */
import { RemovalPolicy } from "aws-cdk-lib"
import type { Stage } from "../stage.ts"

/** It stays where the stage says `protect`, and goes with its stack elsewhere. */
export function kept({ protect }: Pick<Stage, "protect">): RemovalPolicy {
  return protect ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY
}
