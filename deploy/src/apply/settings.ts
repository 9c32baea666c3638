/** What a command that changes a stage is told about how: read once from its flags. */
import type { Flag, Values } from "../command.ts"
import { LEASE, type LeaseSettings } from "../lock.ts"
import { EXIT, Refusal } from "../refusal.ts"

export interface Settings {
  /** Milliseconds to wait for another holder of the lock. */
  readonly patience: number
  readonly lease: LeaseSettings
  /** Milliseconds between two looks at what CloudFormation or a one-off task does. */
  readonly pollMs: number
  /** Seconds that a rollout may take. */
  readonly timeout: number
  /** Seconds that the way back may take: as long, but never too short to be made. */
  readonly wayBack: number
  /** In the place of the load balancer's address. */
  readonly smokeUrl?: URL
  /** Seconds until the services must answer. */
  readonly smokeSeconds: number
  /** Revisions of a task definition that stay. */
  readonly keep: number
  /** Folder of the report's files. */
  readonly report?: string
}

export const LOCK_FLAGS = {
  wait: {
    type: "string",
    value: "SECONDS",
    help: "to wait for another who changes the stage, 0 to 7200; without it, refuse at once",
  },
  lease: {
    type: "string",
    value: "SECONDS",
    help: "how long the lock outlives a process that dies, 2 to 3600; 120 without it",
  },
  poll: { type: "string", value: "SECONDS", help: "between two looks at CloudFormation, 0.05 to 60; 2 without it" },
} as const satisfies Readonly<Record<string, Flag>>

export const RELEASE_FLAGS = {
  ...LOCK_FLAGS,
  timeout: {
    type: "string",
    value: "SECONDS",
    help: "for the rollout, 1 to 7200; 900 without it",
  },
  "smoke-url": {
    type: "string",
    value: "URL",
    help: "where the services answer; the load balancer's address without it",
  },
  "smoke-seconds": { type: "string", value: "N", help: "until every service must answer, 1 to 600; 60 without it" },
  keep: { type: "string", value: "N", help: "revisions of a task definition that stay, 1 to 100; 5 without it" },
  report: { type: "string", value: "FOLDER", help: "for report.md and report.json; made if it is not there" },
} as const satisfies Readonly<Record<string, Flag>>

/** Seconds in which a service with its drains comes back. */
const SHORTEST_WAY_BACK = 180

/** @throws Refusal a flag: what it takes */
export function settingsOf(values: Values): Settings {
  const lease = values["lease"] === undefined ? LEASE : leaseOf(number(values, "lease", 2, 3600, 120) * 1000)
  const url = values["smoke-url"] as string | undefined
  const report = values["report"] as string | undefined
  const timeout = number(values, "timeout", 1, 7200, 900)
  return {
    patience: number(values, "wait", 0, 7200, 0) * 1000,
    lease,
    pollMs: number(values, "poll", 0.05, 60, 2) * 1000,
    timeout,
    wayBack: Math.max(timeout, SHORTEST_WAY_BACK),
    ...(url !== undefined && { smokeUrl: urlOf(url) }),
    smokeSeconds: number(values, "smoke-seconds", 1, 600, 60),
    keep: whole(values, "keep", 1, 100, 5),
    ...(report !== undefined && { report }),
  }
}

/** Renewal and skew in the proportions of {@link LEASE}. */
function leaseOf(lease: number): LeaseSettings {
  const part = Math.round(lease / 4)
  return { lease, renewal: part, skew: part }
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url
  throw new Refusal(EXIT.usage, `--smoke-url=${text} is no URL: one looks like https://host or http://127.0.0.1:8080`)
}

/** @throws Refusal it is no whole number of the range */
export function whole(values: Values, flag: string, from: number, to: number, without: number): number {
  const value = number(values, flag, from, to, without)
  if (Number.isInteger(value)) return value
  throw new Refusal(EXIT.usage, `--${flag}=${values[flag]} must be a whole number from ${from} to ${to}`)
}

function number(values: Values, flag: string, from: number, to: number, without: number): number {
  const given = values[flag]
  if (given === undefined) return without
  const value = given === "" ? Number.NaN : Number(given)
  if (value >= from && value <= to) return value
  throw new Refusal(EXIT.usage, `--${flag}=${given} must be a number from ${from} to ${to}`)
}
