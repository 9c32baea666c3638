/** Every target there is: another is a folder beside these and a line here. */
import { ecs } from "./ecs/ecs.ts"
import { lambda } from "./lambda/lambda.ts"
import type { Target } from "./target.ts"

export const TARGETS: readonly Target[] = [ecs, lambda]
