/** The exit codes, after BSD's sysexits.h and the shell's 128 + signal; part of the interface (README, `--help`). */
import { KeyRejected, PageOutOfRange, RateLimited, UnexpectedAnswer, UpstreamUnavailable } from "./errors.ts"
import { OutputUnwritable } from "./output.ts"
import { KeyUnusable, UsageError } from "./settings.ts"

export const EXIT_CODES = {
  ok: 0,
  usage: 64,
  unexpectedAnswer: 65,
  pageOutOfRange: 66,
  unavailable: 69,
  internal: 70,
  outputUnwritable: 73,
  rateLimited: 75,
  keyRejected: 77,
  keyUnusable: 78,
  interrupted: 130,
  terminated: 143,
} as const

/** The program was told to stop. */
export class Interrupted extends Error {
  override readonly name = "Interrupted"
  readonly exitCode: number

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(signal === "SIGINT" ? "interrupted" : "terminated")
    this.exitCode = signal === "SIGINT" ? EXIT_CODES.interrupted : EXIT_CODES.terminated
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return error.exitCode
  if (error instanceof UsageError) return EXIT_CODES.usage
  if (error instanceof KeyUnusable) return EXIT_CODES.keyUnusable
  if (error instanceof OutputUnwritable) return EXIT_CODES.outputUnwritable
  if (error instanceof UnexpectedAnswer) return EXIT_CODES.unexpectedAnswer
  if (error instanceof PageOutOfRange) return EXIT_CODES.pageOutOfRange
  if (error instanceof UpstreamUnavailable) return EXIT_CODES.unavailable
  if (error instanceof RateLimited) return EXIT_CODES.rateLimited
  if (error instanceof KeyRejected) return EXIT_CODES.keyRejected
  return EXIT_CODES.internal
}
