/** Logs: one JSON line each, for machines; who called and what they sent stays out of them. */

import pg from "pg"
import type { DestinationStream, LoggerOptions } from "pino"
import type { Settings } from "./settings.ts"

/**
 * @param service in each line
 * @param level least level that is written
 */
export function loggerOptions(service: string, level: Settings["logLevel"]): LoggerOptions {
  return {
    level,
    base: { service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: loggableError },
  }
}

export type LogDestination = DestinationStream

/**
 * An error without what it quotes: PostgreSQL's message, detail and context repeat the row's values, and a row is somebody's.
 */
export function loggableError(error: unknown): object {
  if (error instanceof pg.DatabaseError) {
    const { name, code, severity, schema, table, constraint, routine } = error
    return { type: name, code, severity, schema, table, constraint, routine }
  }
  if (error instanceof Error) {
    const { name, stack, cause } = error
    const { code } = error as NodeJS.ErrnoException
    return {
      type: name,
      message: error.message,
      ...(code === undefined ? {} : { code }),
      stack,
      ...(cause === undefined ? {} : { cause: loggableError(cause) }),
    }
  }
  return { type: typeof error }
}
