/** Every command there is, in the order of a first deployment. */
import type { Command } from "./command.ts"

export const COMMANDS: readonly Command[] = []
