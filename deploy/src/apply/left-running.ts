/** An end in which AWS goes on with what was begun: its record stays `running`, and the next run finishes it or takes it back. */
import { Refusal, refusalOf } from "../refusal.ts"

export class LeftRunning extends Refusal {
  /**
   * @param error why nobody looks on
   * @param what goes on, such as a stack's name; nothing where it is empty
   */
  static because(error: unknown, what: string): unknown {
    const cause = refusalOf(error)
    if (!(cause instanceof Refusal)) return cause
    const goesOn = what === "" ? "" : `; CloudFormation goes on with ${what}`
    return new LeftRunning(cause.exitCode, `${cause.message}${goesOn}`, { cause: error })
  }
}
