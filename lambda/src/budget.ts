/** The time an invocation has: it ends by itself before Lambda would kill it, and says so. */
import { type Clock, type Deadline, OutOfTime } from "@perigee/app/neows"

/** Milliseconds that are left when the invocation ends at the latest. */
const MARGIN_MS = 500
/** Memory with which a function has one processor, MiB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). */
const MIB_OF_ONE_PROCESSOR = 1769
/** Milliseconds of one processor to make the answer's envelope, log and throw; generous. */
const ENDING_MS = 40
/** Milliseconds of one processor for a MiB of answer: parse, clean, parse, measure; twice what the benchmark measures. */
const CLEANING_MS_PER_MIB = 200

/** What of Lambda's context is used. */
export interface Context {
  readonly awsRequestId: string
  /** Milliseconds until Lambda kills the invocation. */
  getRemainingTimeInMillis(): number
}

export interface Budget {
  readonly deadline: Deadline
  /**
   * The outcome of `work`, if it comes before the deadline.
   *
   * @param work not begun without time; its signal aborts when the time is over
   * @param what is going on, for the error
   * @throws OutOfTime
   */
  within<T>(work: (signal: AbortSignal) => Promise<T>, what: string): Promise<T>
}

/** @param memoryMiB of the function, by which its share of a processor goes */
export function budgetOf(context: Context, clock: Clock, memoryMiB: number): Budget {
  const slowness = Math.max(1, MIB_OF_ONE_PROCESSOR / memoryMiB)
  const at = clock.now() + context.getRemainingTimeInMillis() - MARGIN_MS - ENDING_MS * slowness
  return {
    deadline: { at, msPerMiB: CLEANING_MS_PER_MIB * slowness },
    within: async (work, what) => {
      const outOfTime = () => new OutOfTime(`the time is used up while ${what}`)
      const leftMs = at - clock.now()
      if (leftMs <= 0) throw outOfTime()
      let timer: NodeJS.Timeout | undefined
      const stop = new AbortController()
      const end = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          const reason = outOfTime()
          reject(reason)
          stop.abort(reason)
        }, leftMs)
      })
      const working = work(stop.signal)
      // Whoever is out of time does not hear how it went on.
      working.catch(() => {})
      return await Promise.race([working, end]).finally(() => clearTimeout(timer))
    },
  }
}
