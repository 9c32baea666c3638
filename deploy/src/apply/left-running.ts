/** An end in which AWS goes on with what was begun: its record stays `running`, and the next run finishes it or takes it back. */
import { Refusal, refusalOf } from "../refusal.ts"

export class LeftRunning extends Refusal {
  /** @param what goes on, such as a stack's name */
  static of(error: unknown, what: string): unknown {
    const cause = refusalOf(error)
    if (!(cause instanceof Refusal)) return cause
    return new LeftRunning(cause.exitCode, `${cause.message}; CloudFormation goes on with ${what}`, { cause: error })
  }
}
