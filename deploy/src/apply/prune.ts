/** Old revisions go once a release is good; what can't be cleared away now is left to the next one. */
import { refusalOf } from "../refusal.ts"
import { TARGETS } from "../targets/targets.ts"
import type { Changing } from "./changing.ts"

/** @returns what went */
export async function prune({ session, display, settings }: Changing): Promise<readonly string[]> {
  const went: string[] = []
  for (const { rolling } of TARGETS) {
    try {
      went.push(...(await rolling.prune(session, settings.keep, session.signal)))
    } catch (error) {
      const why = refusalOf(error)
      display.say(`old revisions stay until the next deploy: ${why instanceof Error ? why.message : why}`)
    }
  }
  return went
}
