/** A running service: listens at once, waits for its stores, refreshes its settings, and drains when told to stop. */

import { setTimeout as delay } from "node:timers/promises"
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb"
import { Database } from "./database.ts"
import { EXIT_CODES, PortUnusable } from "./exit-code.ts"
import type { LogDestination } from "./logging.ts"
import { Metrics } from "./metrics.ts"
import { PageCursors } from "./page-cursor.ts"
import { Problem } from "./problem.ts"
import { Readiness, untilDone } from "./readiness.ts"
import { buildServer } from "./server.ts"
import { type App, type Context, type ServiceDefinition, SHARED_RECORDS } from "./service.ts"
import { configTableClient, type RecordKinds, ServiceConfigs } from "./service-configs.ts"
import type { Settings } from "./settings.ts"

export interface RunningService {
  /** Such as `http://127.0.0.1:1010`. */
  readonly address: string
  readonly app: App
  /** Resolves when the service was ready for the first time, or was stopped before; rejects where it never will be. */
  readonly ready: Promise<void>
  /**
   * Takes no more, answers what is under way, gives back what it holds; ends within {@link Settings.drainMs}.
   *
   * @returns whether all requests were answered and all connections given back
   */
  stop(): Promise<boolean>
}

/** @throws PortUnusable the port is taken or not allowed */
export async function serve<Kinds extends RecordKinds>(
  definition: ServiceDefinition<Kinds>,
  settings: Settings,
  logDestination: LogDestination,
): Promise<RunningService> {
  let log: App["log"] | undefined
  const relay = {
    info: (fields: object, message: string) => log?.info(fields, message),
    warn: (fields: object, message: string) => log?.warn(fields, message),
  }
  const records = { ...SHARED_RECORDS, ...definition.records }
  const database = new Database(settings.database, definition.name, relay)
  const configs = new ServiceConfigs(definition.name, settings.configs.table, records, relay)
  const metrics = new Metrics(
    definition.name,
    () => database.connections,
    () => configs.versions(),
  )
  const readiness = new Readiness(database, configs as unknown as ServiceConfigs<RecordKinds>, definition)
  let cursors: PageCursors | undefined
  const context: Context<Kinds> = {
    database,
    configs: configs as unknown as Context<Kinds>["configs"],
    metrics,
    cursors: () => {
      if (cursors === undefined) throw new Problem("unavailable", "The service is starting")
      return cursors
    },
  }
  const app = await buildServer({
    definition,
    context,
    readiness,
    settings,
    logDestination,
    now: Date.now,
    started: () => cursors !== undefined,
  })
  log = app.log
  const address = await listen(app, settings)
  log.info({ port: settings.port }, "listening; waiting for the stores")

  const stopping = new AbortController()
  const { signal } = stopping
  const wait = (ms: number) => delay(ms, undefined, { signal, ref: true }).then(() => {})
  const until = (attempt: () => Promise<boolean>) => untilDone(attempt, wait, Math.random, signal)
  let table: DynamoDBClient | undefined

  async function becomeReady(): Promise<void> {
    table = await configTableClient(settings.configs)
    const client = table
    const settled = until(async () => {
      await configs.refresh(client, signal)
      return configs.missing().length === 0
    })
    let key: Buffer | undefined
    const keyed = until(async () => {
      key = await cursorKey(database, definition.schema).catch(() => undefined)
      return key !== undefined
    })
    await Promise.all([settled, keyed])
    const migrated = await until(async () => (await readiness.report(performance.now())).missing.length === 0)
    if (!migrated || key === undefined) return
    cursors = new PageCursors(key)
    app.log.info({ versions: configs.versions() }, "ready")
    void repeat(
      "settings",
      () => settings.configs.refreshMs,
      () => configs.refresh(client, signal),
    )
    for (const task of definition.tasks(context))
      void repeat(
        task.name,
        () => task.every(),
        () => task.run(),
      )
  }

  async function repeat(name: string, every: () => number, run: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      // A tenth of spread, so that instances started together do not stay together.
      await wait(every() * (0.95 + Math.random() * 0.1)).catch(() => {})
      if (signal.aborted) return
      await run().catch((error: unknown) =>
        app.log.warn({ err: error, task: name }, "a task failed; it will run again"),
      )
    }
  }

  const ready = becomeReady()
  ready.catch((error: unknown) => app.log.error({ err: error }, "could not start"))
  return { address, app, ready, stop: onlyOnce(stop) }

  async function stop(): Promise<boolean> {
    app.log.info({}, "stopping: takes no more requests")
    readiness.drain()
    stopping.abort()
    let answered = false
    const finished = app.close().then(async () => {
      answered = true
      table?.destroy()
      // Within the deadline too: a database gone silent does not even take leave.
      await database.close()
      return true
    })
    const late = new AbortController()
    const deadline = delay(settings.drainMs, false, { signal: late.signal }).catch(() => false)
    const drained = await Promise.race([finished, deadline])
    late.abort()
    if (!drained) {
      const what = answered ? "connections to the database open" : "requests unanswered"
      app.log.warn({}, `stopped with ${what}: the time to drain is over`)
      app.server.closeAllConnections()
      // Not waited for: a connection in the middle of a statement is given back when that ends.
      finished.catch(() => {})
      if (!answered) void database.close().catch(() => {})
      return false
    }
    app.log.info({}, "stopped")
    return true
  }
}

function onlyOnce<T>(work: () => Promise<T>): () => Promise<T> {
  let under: Promise<T> | undefined
  return () => {
    under ??= work()
    return under
  }
}

/** The key was made by the first migration, at random; it never leaves the database and the instances. */
async function cursorKey(database: Database, schema: string): Promise<Buffer | undefined> {
  const [row] = await database.read<{ key: Buffer }>(
    { name: "cursor-key", text: `SELECT key FROM ${schema}.page_cursor_key` },
    [],
  )
  return row?.key
}

async function listen(app: App, { host, port }: Settings): Promise<string> {
  try {
    return await app.listen({ host, port })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === "EADDRINUSE") {
      throw new PortUnusable(
        `port ${port} is in use; set PORT to another one, or stop what listens there`,
        EXIT_CODES.unavailable,
        { cause },
      )
    }
    if (code === "EACCES") {
      const way = "set PORT to 1024 or more, or the sysctl net.ipv4.ip_unprivileged_port_start to this port or less"
      throw new PortUnusable(`port ${port} may not be bound by this user; ${way}`, EXIT_CODES.noPermission, { cause })
    }
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
      throw new PortUnusable(`HOST: ${host} is no address of this machine`, EXIT_CODES.configuration, { cause })
    }
    throw cause
  }
}
