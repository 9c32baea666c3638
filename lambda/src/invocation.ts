/** An invocation from event to answer: asked → key → page → answer → log. Its surroundings are handed in. */
import {
  type BrowsePage,
  browse,
  type Clock,
  DEMO_KEY,
  KeyRejected,
  type RateLimit,
  type Retry,
} from "@perigee/app/neows"
import type { Environment } from "@perigee/app/setting-value"
import type { Dispatcher } from "undici"
import manifest from "../package.json" with { type: "json" }
import { answerOf } from "./answer.ts"
import { ApiKey, type ReadText } from "./api-key.ts"
import { type Budget, budgetOf, type Context } from "./budget.ts"
import { type Asked, askedOf, callerOf } from "./event.ts"
import { clean, directFailure, httpFailure, knownFailure } from "./failure.ts"
import { type LogOptions, logInvocation, logLine } from "./log.ts"
import { type Settings, settingsOf } from "./settings.ts"

/** Largest answer that is read, bytes: over any caller's limit, and little enough for 128 MiB of memory. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024
/** Most values of an answer; the largest page seen has some 14 000. What is computed takes time by their number. */
const MAX_VALUES = 100_000

export interface Surroundings {
  readonly env: Environment
  readonly clock: Clock
  readonly dispatcher: Dispatcher
  readonly readText: ReadText
  /** Takes a line of the log, with its end. */
  readonly write: (line: string) => void
}

export type Handler = (event: unknown, context: Context) => Promise<unknown>

/** What an execution environment keeps from one invocation to the next. */
interface Warm {
  readonly settings: Settings
  readonly apiKey: ApiKey
}

/** A handler with a state of its own, as one execution environment has it. */
export function handlerOf(surroundings: Surroundings): Handler {
  const { env, clock, write } = surroundings
  const log: LogOptions = { functionName: env["AWS_LAMBDA_FUNCTION_NAME"] || "unknown", write, now: () => clock.now() }
  let warm: Warm | undefined
  let coldStart = true
  return async (event, context) => {
    const started = clock.now()
    const caller = callerOf(event)
    const known = { requestId: context.awsRequestId, caller: caller.kind, coldStart }
    const course = new Course((message, more) => logLine(log, "WARN", { ...known, message, ...more }))
    const told = () => ({ ...known, ...course.told(), milliseconds: clock.now() - started })
    coldStart = false
    try {
      course.asked = askedOf(event, caller)
      // Bad settings fail an invocation, with name and words; at the start they would be a crash of the runtime.
      warm ??= warmUp(surroundings)
      const budget = budgetOf(context, clock, warm.settings.memoryMiB)
      const page = await pageOf(course.asked, course, { ...surroundings, ...warm }, budget)
      const answer = answerOf(page.document, caller, () => budget.assertTimeToAnswer(page))
      const message = course.keys.includes(DEMO_KEY) ? "page fetched with DEMO_KEY, as no key is set" : "page fetched"
      logInvocation(log, "INFO", { ...told(), outcome: "ok", message })
      return answer
    } catch (error) {
      const failure = knownFailure(error)
      const message = clean(failure.message, course.keys)
      if (failure !== error) logLine(log, "ERROR", { ...known, message: clean(stackOf(error), course.keys) })
      logInvocation(log, "ERROR", { ...told(), outcome: failure.name, message })
      if (caller.kind === "direct") throw directFailure(failure, course.keys)
      return httpFailure(failure, context.awsRequestId, caller, course.keys)
    }
  }
}

function warmUp({ env, clock, readText }: Surroundings): Warm {
  const settings = settingsOf(env)
  return { settings, apiKey: new ApiKey(settings, clock, readText) }
}

type Warn = (message: string, more?: Readonly<Record<string, unknown>>) => void

/** How far an invocation has come. */
class Course {
  asked: Asked | undefined
  page: BrowsePage | undefined
  attempts = 0
  /** Keys that were used: what is told of the invocation is cleaned of them. */
  readonly keys: string[] = []
  /** Of the key in use. */
  #rateLimit: RateLimit = {}
  readonly warn: Warn

  constructor(warn: Warn) {
    this.warn = warn
  }

  /** The first attempt with a key. */
  begin(key: string): void {
    this.keys.push(key)
    this.attempts += 1
    this.#rateLimit = {}
  }

  /** One answer may tell what another does not. */
  readonly onRateLimit = (rateLimit: RateLimit): void => {
    this.#rateLimit = { ...this.#rateLimit, ...rateLimit }
  }

  readonly onRetry = ({ attempt, attempts, what, waitMs }: Retry): void => {
    this.attempts += 1
    const message = `attempt ${attempt} of ${attempts}: ${clean(what, this.keys)}`
    this.warn(message, { waitMilliseconds: Math.round(waitMs) })
  }

  told() {
    const { limit, remaining } = this.#rateLimit
    const { attempts, asked, page } = this
    return { ...asked, attempts, bytes: page?.bytes, rateLimit: limit, rateLimitLeft: remaining }
  }
}

/** The page, within the invocation's time; with a key read anew, once, where the first is rejected. */
async function pageOf(
  asked: Asked,
  course: Course,
  { settings, apiKey, clock, dispatcher }: Surroundings & Warm,
  { deadline, within }: Budget,
): Promise<BrowsePage> {
  const fetchWith = async (key: string): Promise<BrowsePage> => {
    course.begin(key)
    const { baseUrl, timeoutMs, retries, maxWaitMs } = settings
    course.page = await browse(
      { ...asked, baseUrl, apiKey: key },
      {
        timeoutMs,
        retries,
        maxWaitMs,
        deadline,
        dispatcher,
        clock,
        userAgent: `perigee-lambda/${manifest.version}`,
        maxBytes: MAX_ANSWER_BYTES,
        maxValues: MAX_VALUES,
        layout: "compact",
        onRateLimit: course.onRateLimit,
        onRetry: course.onRetry,
      },
    )
    return course.page
  }
  const leftMs = deadline.at - clock.now()
  const key = await within((signal) => apiKey.current({ signal, leftMs, warn: course.warn }), "the API key is read")
  try {
    return await fetchWith(key)
  } catch (error) {
    if (!(error instanceof KeyRejected)) throw error
    const other = await within((signal) => apiKey.after(key, { signal }), "the API key is read anew")
    if (other === undefined) throw error
    return await fetchWith(other)
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}
