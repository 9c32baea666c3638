/** A command of the program: its name, its flags with what `--help` says of them, and what it does. */
import type { Session } from "./session.ts"

export interface Flag {
  readonly type: "string" | "boolean"
  /** One line for `--help`: what it is, its unit and range. */
  readonly help: string
  /** What stands for the value in `--help`. */
  readonly value?: string
}

export type Values = Readonly<Record<string, string | boolean | undefined>>

export interface Command {
  readonly name: string
  /** One line for `--help`. */
  readonly summary: string
  readonly flags: Readonly<Record<string, Flag>>
  /**
   * @returns the exit code; 0 when all is well
   * @throws Refusal with its own
   */
  readonly run: (session: Session, values: Values) => Promise<number>
}

/** Flags that every command has. */
export const COMMON_FLAGS = {
  stage: {
    type: "string",
    value: "NAME",
    help: "which: development, production, or another of infra/config; always needed",
  },
  "oidc-token": {
    type: "string",
    value: "PLACE",
    help: "OIDC token, as env://NAME or file://PATH; needs --role-arn. Without it AWS' own variables, or AWS_PROFILE",
  },
  "role-arn": { type: "string", value: "ARN", help: "role to take with the token" },
  json: { type: "boolean", help: "the result as JSON, on stdout" },
  verbose: { type: "boolean", help: "with an error, its causes and stacks" },
  help: { type: "boolean", help: "this text" },
} as const satisfies Readonly<Record<string, Flag>>
