/** The exit codes of the services' programs, after BSD's sysexits.h; part of the interface (docs/services.md). */

export const EXIT_CODES = {
  ok: 0,
  usage: 64,
  unavailable: 69,
  internal: 70,
  /** The drain's time was over with requests unanswered, or connections to the database open. */
  unanswered: 75,
  noPermission: 77,
  configuration: 78,
} as const

/** Base of the errors that end a program: `message` is one line for a person, `exitCode` what the shell sees. */
export abstract class ProgramError extends Error {
  abstract override readonly name: string
  abstract readonly exitCode: number
}

/** An argument that can't be used. */
export class UsageError extends ProgramError {
  override readonly name = "UsageError"
  readonly exitCode = EXIT_CODES.usage
}

/** A setting in the environment, or a file that one names, that can't be used. */
export class ConfigurationUnusable extends ProgramError {
  override readonly name = "ConfigurationUnusable"
  readonly exitCode = EXIT_CODES.configuration
}

/** The port to listen on is taken, or this process may not bind it. */
export class PortUnusable extends ProgramError {
  override readonly name = "PortUnusable"
  readonly exitCode: number

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** A store that a one-off command (`migrate`, `roles`) needs refuses it or can't be reached. */
export class StoreUnusable extends ProgramError {
  override readonly name = "StoreUnusable"
  readonly exitCode = EXIT_CODES.unavailable
}
