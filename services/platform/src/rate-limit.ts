/** How many requests a caller may send: the settings record `limits`, counted by each instance for itself. */
import fastifyRateLimit from "@fastify/rate-limit"
import type { FastifyRequest } from "fastify"
import { type Static, Type } from "typebox"
import { Problem } from "./problem.ts"
import type { App } from "./service.ts"
import type { RecordKind } from "./service-configs.ts"

const LimitsSchema = Type.Object(
  {
    requestsPerWindow: Type.Integer({ minimum: 1, maximum: 1_000_000, description: "Of one subject" }),
    refusedPerWindow: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: "Without a valid token, of one address",
    }),
    windowSeconds: Type.Integer({ minimum: 1, maximum: 3600 }),
  },
  { additionalProperties: false },
)

export type Limits = Static<typeof LimitsSchema>

/** The settings record `limits`. */
export const LIMITS: RecordKind<typeof LimitsSchema> = {
  schema: LimitsSchema,
  fallback: { requestsPerWindow: 600, refusedPerWindow: 60, windowSeconds: 60 },
}

interface RateLimits {
  /** @throws Problem rate-limited, where the caller's share of the window is used up */
  spend(request: FastifyRequest): Promise<void>
  /**
   * Counts one refusal of this address. Who has a good token is not stopped by others behind the same address.
   *
   * @throws Problem rate-limited, where there were too many
   */
  countRefusal(request: FastifyRequest): Promise<void>
}

/** @param limits the record's current value, read at each request */
export async function rateLimits(app: App, limits: () => Limits): Promise<RateLimits> {
  await app.register(fastifyRateLimit, { global: false })
  const timeWindow = () => limits().windowSeconds * 1000
  const callers = app.createRateLimit({
    max: () => limits().requestsPerWindow,
    timeWindow,
    keyGenerator: (request) => request.caller.subject,
  })
  const refused = app.createRateLimit({ max: () => limits().refusedPerWindow, timeWindow })
  return {
    spend: async (request) => refuse(await callers(request)),
    countRefusal: async (request) => refuse(await refused(request)),
  }
}

function refuse(state: { isAllowed: boolean; isExceeded?: boolean; ttlInSeconds?: number }): void {
  if (state.isAllowed || !state.isExceeded) return
  const headers = { "retry-after": String(Math.max(1, state.ttlInSeconds ?? 1)) }
  throw new Problem("rate-limited", "Wait as long as Retry-After says", { headers })
}
