/** The program of a service: a command, settings, and what the shell sees of how it ended. */
import pino from "pino"
import { EXIT_CODES, ProgramError } from "./exit-code.ts"
import { MIGRATOR, makeRoles, migrate } from "./migrations.ts"
import { serve } from "./serve.ts"
import type { ServiceDefinition } from "./service.ts"
import type { RecordKinds } from "./service-configs.ts"
import { commandOf, databaseSettingsOf, type Environment, roleLoginOf, settingsOf } from "./settings.ts"

/** Log lines wait here for company, at most a second: a write a line costs more than the request. */
const LOG_BUFFER_BYTES = 8192
const LOG_FLUSH_MS = 1000

interface Surroundings {
  readonly argv: readonly string[]
  readonly env: Environment
  readonly stdout: (line: string) => void
  readonly stderr: (line: string) => void
  /** Resolves when the process is told to stop. */
  readonly stopped: Promise<void>
}

/** @returns the exit code */
export async function run<Kinds extends RecordKinds>(
  definition: ServiceDefinition<Kinds>,
  { argv, env, stdout, stderr, stopped }: Surroundings,
): Promise<number> {
  try {
    switch (commandOf(argv)) {
      case "roles": {
        const login = roleLoginOf(env)
        await makeRoles(definition, databaseSettingsOf(env, "postgres"), login)
        stdout(`${definition.name}: roles ${MIGRATOR} and ${definition.role} are there`)
        return EXIT_CODES.ok
      }
      case "migrate": {
        const applied = await migrate(definition, databaseSettingsOf(env, MIGRATOR))
        stdout(`${definition.name}: ${applied.length === 0 ? "nothing to migrate" : `migrated ${applied.join(", ")}`}`)
        return EXIT_CODES.ok
      }
      case "serve": {
        const settings = settingsOf(env, definition.port, definition.role)
        const log = pino.destination({ dest: 1, sync: false, minLength: LOG_BUFFER_BYTES, periodicFlush: LOG_FLUSH_MS })
        try {
          const service = await serve(definition, settings, log)
          try {
            // A start that fails is a bug, stores that are away are waited for: better to end than never to be ready.
            await Promise.race([stopped, service.ready.then(() => stopped)])
          } catch (error) {
            await service.stop()
            throw error
          }
          return (await service.stop()) ? EXIT_CODES.ok : EXIT_CODES.unanswered
        } finally {
          log.flushSync()
        }
      }
    }
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error
    stderr(`${definition.name}: ${error.message}`)
    return error.exitCode
  }
}

/** Entry of a service: gives the process to {@link run}, and ends it with the code that comes back. */
export function main<Kinds extends RecordKinds>(definition: ServiceDefinition<Kinds>): void {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve())
  })
  run(definition, {
    argv: process.argv.slice(2),
    env: process.env,
    stdout: (line) => process.stdout.write(`${line}\n`),
    stderr: (line) => process.stderr.write(`${line}\n`),
    stopped,
  }).then(
    // Not exitCode alone: connections that the drain gave up on would keep the process.
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`${definition.name}: ${error instanceof Error ? error.stack : String(error)}\n`)
      process.exit(EXIT_CODES.internal)
    },
  )
}
