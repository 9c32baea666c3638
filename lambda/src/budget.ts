/** The time an invocation has: it ends by itself before Lambda would kill it, and says so. */
import { type BrowsePage, type Clock, type Deadline, OutOfTime } from "@perigee/app/neows"

/** Milliseconds that are left when the invocation ends at the latest. */
const MARGIN_MS = 500
/** Memory with which a function has one processor, MiB (https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html). */
const MIB_OF_ONE_PROCESSOR = 1769
/** Milliseconds of one processor to make the answer's envelope, log and throw; generous. */
const ENDING_MS = 40
/**
 * Milliseconds of one processor for an answer: parse, clean, parse, measure, and all of it again for its digits. Twice
 * what the worst documents were measured to take in a fresh process: 130 ms for a MiB with the key in five layers of
 * percent-encoding, 1.2 s for 2.2 MiB of 99 000 members with escapes in their names and numbers such as 1.0.
 */
const MS_PER_MIB = 250
const MS_PER_THOUSAND_VALUES = 20

/** What of Lambda's context is used. */
export interface Context {
  readonly awsRequestId: string
  /** Milliseconds until Lambda kills the invocation. */
  getRemainingTimeInMillis(): number
}

export interface Budget {
  readonly deadline: Deadline
  /**
   * Looks at the time between cleaning a page and making the answer of it, which no timer could end.
   *
   * @throws OutOfTime where less is left than half of what cleaning and answering were reckoned at
   */
  assertTimeToAnswer(page: Pick<BrowsePage, "bytes" | "values">): void
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
  const reckonMs = (bytes: number, values: number) =>
    slowness * ((MS_PER_MIB * bytes) / (1024 * 1024) + (MS_PER_THOUSAND_VALUES * values) / 1000)
  return {
    deadline: { at, reckonMs },
    assertTimeToAnswer: ({ bytes, values }) => {
      if (at - clock.now() >= reckonMs(bytes, values) / 2) return
      throw new OutOfTime(`what is left of the time is too short for an answer of ${bytes} bytes`)
    },
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
