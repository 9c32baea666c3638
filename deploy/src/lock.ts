/**
 * The one lock of a stage: an item of the releases table that whoever changes the stage holds by a lease. The holder
 * renews it; a dead one does not, and the lease runs out. Every change of the item is a conditional write on the term that
 * was read, so of two that take over at once one gets it, and a holder that was overtaken learns it at its next renewal.
 */
import { randomUUID } from "node:crypto"
import { setTimeout as wait } from "node:timers/promises"
import { DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb"
import { releasesTable } from "../../infra/src/names.ts"
import { absentTable, type Item, itemOf, number, text } from "./item.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"

const KEY = { kind: "lock", id: "deployment" } as const

export interface LockRecord {
  /** Made anew for each holding. */
  readonly holder: string
  /** Counts holdings: whatever is written under an older term is not the holder's. */
  readonly term: number
  /** ARN of the caller. */
  readonly who: string
  /** Such as `deploy 1a2b3c4`. */
  readonly command: string
  /** ISO 8601, UTC, as all times here. */
  readonly since: string
  readonly leaseUntil: string
}

export interface LeaseSettings {
  /** Milliseconds that a lease lasts without being renewed. */
  readonly lease: number
  /** Milliseconds from one renewal to the next; a third of the lease leaves time for two that fail. */
  readonly renewal: number
  /** Milliseconds by which the clocks of two holders may differ: a lease that ran out is left alone for as long. */
  readonly skew: number
}

export const LEASE: LeaseSettings = { lease: 120_000, renewal: 30_000, skew: 30_000 }

export interface Claim {
  readonly who: string
  readonly command: string
}

/** @returns who holds the lock, or held it and died; undefined where nobody does */
export async function lockOf(
  { aws, stage }: Pick<Session, "aws" | "stage">,
  abortSignal: AbortSignal,
): Promise<LockRecord | undefined> {
  const item = await read({ aws, stage }, abortSignal)
  return item === undefined || isFree(item) ? undefined : recordOf(item)
}

async function read(
  { aws, stage }: Pick<Session, "aws" | "stage">,
  abortSignal: AbortSignal,
): Promise<Item | undefined> {
  const { Item } = await aws
    .client(DynamoDBClient)
    .send(new GetItemCommand({ TableName: releasesTable(stage.name), Key: itemOf(KEY), ConsistentRead: true }), {
      abortSignal,
    })
    .catch((error) => {
      throw absentTable(error, stage)
    })
  return Item
}

/** A lock that was given back keeps its item, so that terms go on counting. */
function isFree(item: Item): boolean {
  return item["holder"] === undefined
}

/**
 * Takes the lock. One whose lease ran out is taken over.
 *
 * @param patience milliseconds to wait for another holder; 0 refuses at once
 * @throws Refusal (75) another holds it: who, since when, doing what
 */
export async function acquire(
  session: Pick<Session, "aws" | "stage" | "now" | "signal">,
  claim: Claim,
  patience = 0,
  settings: LeaseSettings = LEASE,
): Promise<Lock> {
  const until = performance.now() + patience
  for (;;) {
    const lock = await attempt(session, claim, settings)
    if (lock instanceof Lock) return lock
    const left = until - performance.now()
    if (left <= 0) {
      throw new Refusal(
        EXIT.busy,
        `${lock.who} is changing ${session.stage.name} since ${lock.since} (${lock.command}); wait until that is over, or give --wait=<seconds>`,
      )
    }
    await wait(Math.min(left, settings.renewal / 2), undefined, { signal: session.signal }).catch(() => {
      throw session.signal.reason
    })
  }
}

async function attempt(
  session: Pick<Session, "aws" | "stage" | "now" | "signal">,
  claim: Claim,
  settings: LeaseSettings,
): Promise<Lock | LockRecord> {
  const item = await read(session, session.signal)
  const held = item === undefined || isFree(item) ? undefined : recordOf(item)
  const now = session.now().getTime()
  if (held !== undefined && now <= Date.parse(held.leaseUntil) + settings.skew) return held
  const started = performance.now()
  const record: LockRecord = {
    ...claim,
    holder: randomUUID(),
    term: (number(item ?? {}, "term") ?? 0) + 1,
    since: new Date(now).toISOString(),
    leaseUntil: new Date(now + settings.lease).toISOString(),
  }
  try {
    await session.aws.client(DynamoDBClient).send(
      new PutItemCommand({
        TableName: releasesTable(session.stage.name),
        Item: itemOf({ ...KEY, ...record }),
        ...asRead(item, held),
      }),
      { abortSignal: session.signal },
    )
  } catch (error) {
    if (!isRefusedCondition(error)) throw error
    const winner = await lockOf(session, session.signal)
    // A write whose answer was lost, and which the SDK tried again, meets itself.
    if (winner?.holder !== record.holder) return winner ?? held ?? record
  }
  return new Lock(session, record, held, settings, started)
}

/** The very state that was read: a lease that was renewed meanwhile lives, and of two that take it one comes too late. */
function asRead(item: Item | undefined, held: LockRecord | undefined) {
  if (item === undefined) return { ConditionExpression: "attribute_not_exists(id)" }
  if (held === undefined) {
    return {
      ConditionExpression: "attribute_not_exists(holder) AND term = :term",
      ExpressionAttributeValues: itemOf({ ":term": number(item, "term") ?? 0 }),
    }
  }
  return {
    ConditionExpression: "holder = :holder AND leaseUntil = :leaseUntil",
    ExpressionAttributeValues: itemOf({ ":holder": held.holder, ":leaseUntil": held.leaseUntil }),
  }
}

export class Lock {
  readonly record: LockRecord
  /** Who held it before and died: what that one began is to be finished or taken back. */
  readonly overtaken: LockRecord | undefined
  readonly #session: Pick<Session, "aws" | "stage" | "now">
  readonly #settings: LeaseSettings
  readonly #lost = new AbortController()
  readonly #released = new AbortController()
  readonly #renewing: Promise<void>
  /** Of this process' own clock, until when the lease is surely held. */
  #until: number

  constructor(
    session: Pick<Session, "aws" | "stage" | "now">,
    record: LockRecord,
    overtaken: LockRecord | undefined,
    settings: LeaseSettings,
    started: number,
  ) {
    this.record = record
    this.overtaken = overtaken
    this.#session = session
    this.#settings = settings
    this.#until = started + settings.lease
    this.#renewing = this.#keep()
  }

  /** Aborted when the lock is another's, or may be: whatever changes the stage takes this signal and stops. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Renews it no more, and leaves it to its lease: for an end in which a successor must find what was begun. */
  abandon(): void {
    this.#released.abort()
  }

  /** Gives it back; a lock that was lost is left alone. */
  async release(): Promise<void> {
    this.#released.abort()
    await this.#renewing
    try {
      await this.#session.aws.client(DynamoDBClient).send(
        new UpdateItemCommand({
          TableName: releasesTable(this.#session.stage.name),
          Key: itemOf(KEY),
          UpdateExpression: "REMOVE holder",
          ConditionExpression: "holder = :holder",
          ExpressionAttributeValues: itemOf({ ":holder": this.record.holder }),
        }),
      )
    } catch (error) {
      if (!isRefusedCondition(error)) throw error
    }
  }

  async #keep(): Promise<void> {
    const over = this.#released.signal
    while (!over.aborted && !this.#lost.signal.aborted) {
      await wait(this.#settings.renewal, undefined, { signal: over, ref: false }).catch(() => {})
      if (over.aborted) return
      await this.#renew()
    }
  }

  async #renew(): Promise<void> {
    const started = performance.now()
    const leaseUntil = new Date(this.#session.now().getTime() + this.#settings.lease).toISOString()
    try {
      await this.#session.aws.client(DynamoDBClient).send(
        new UpdateItemCommand({
          TableName: releasesTable(this.#session.stage.name),
          Key: itemOf(KEY),
          UpdateExpression: "SET leaseUntil = :leaseUntil",
          ConditionExpression: "holder = :holder",
          ExpressionAttributeValues: itemOf({ ":leaseUntil": leaseUntil, ":holder": this.record.holder }),
        }),
        // An answer after the lease's end is worth nothing.
        { abortSignal: AbortSignal.timeout(Math.max(1, Math.round(this.#until - started))) },
      )
      this.#until = started + this.#settings.lease
    } catch (error) {
      const why = isRefusedCondition(error) ? "another took it over" : "it could not be renewed in time"
      if (isRefusedCondition(error) || performance.now() >= this.#until) {
        this.#lost.abort(
          new Refusal(EXIT.busy, `the lock of ${this.#session.stage.name} is lost: ${why}; nothing more is changed`, {
            cause: error,
          }),
        )
      }
    }
  }
}

/** @throws Refusal the item is no lock */
function recordOf(item: Item): LockRecord {
  const required = (name: string): string => {
    const value = text(item, name)
    if (value === undefined)
      throw new Refusal(EXIT.failed, `the lock's item has no ${name}: delete it when nobody deploys`)
    return value
  }
  return {
    holder: required("holder"),
    term: number(item, "term") ?? 0,
    who: required("who"),
    command: required("command"),
    since: required("since"),
    leaseUntil: required("leaseUntil"),
  }
}

function isRefusedCondition(error: unknown): boolean {
  return error instanceof Error && error.name === "ConditionalCheckFailedException"
}
