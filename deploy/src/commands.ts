/** Every command there is, in the order of a first deployment. */
import type { Command } from "./command.ts"
import { publish } from "./publish.ts"

export const COMMANDS: readonly Command[] = [publish]
