/** What a service is made of, and what its routes are handed. */

import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox"
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify"
import { AUTHENTICATION, type Caller } from "./caller.ts"
import type { Database } from "./database.ts"
import type { Metrics } from "./metrics.ts"
import type { Schema } from "./migrations.ts"
import type { PageCursors } from "./page-cursor.ts"
import { LIMITS } from "./rate-limit.ts"
import type { RecordKinds, ServiceConfigs } from "./service-configs.ts"

declare module "fastify" {
  interface FastifyRequest {
    /** Who calls; set before any route under `/api` runs. */
    caller: Caller
  }
}

/** A Fastify server whose schemas are types too. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** The settings records that every service has. */
export const SHARED_RECORDS = { authentication: AUTHENTICATION, limits: LIMITS } as const

/** What a service's routes and tasks work with. */
export interface Context<Kinds extends RecordKinds> {
  readonly database: Database
  readonly configs: ServiceConfigs<typeof SHARED_RECORDS & Kinds>
  readonly metrics: Metrics
  /** @throws Problem unavailable, before the service was ready for the first time */
  cursors(): PageCursors
}

/** Work beside the requests, done again and again by each instance. */
export interface Task {
  readonly name: string
  /** Milliseconds between two runs. */
  every(): number
  run(): Promise<void>
}

export interface ServiceDefinition<Kinds extends RecordKinds = RecordKinds> extends Schema {
  /** In `service-configs`, in the logs and metrics, and as database role. */
  readonly name: string
  readonly title: string
  readonly description: string
  /** Where it listens unless PORT says otherwise. */
  readonly port: number
  /** Settings records of its own, beside {@link SHARED_RECORDS}. */
  readonly records: Kinds
  routes(app: App, context: Context<Kinds>): void
  tasks(context: Context<Kinds>): readonly Task[]
}
