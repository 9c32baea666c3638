/**
 * The record of releases: who deployed what, when, and what came of it. One item for each in the stage's table
 * (infra/src/names.ts, `releasesTable`), written when a deployment begins and again when it ends, so that one that was
 * killed stays `running` and is found.
 */
import { randomBytes } from "node:crypto"
import {
  type AttributeValue,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb"
import { releasesTable } from "../../infra/src/names.ts"
import { absentTable, type Item, itemOf, number, text, texts } from "./item.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"

const KIND = "release"

/** `running` is under way, or was killed: the lock tells which. */
export const OUTCOMES = ["running", "succeeded", "failed", "rolled-back"] as const
export type Outcome = (typeof OUTCOMES)[number]

/** Where a change is on its way: what a successor has to finish, or to take back. */
export const STEPS = ["stacks", "database", "rollout", "verification"] as const
export type Step = (typeof STEPS)[number]

export interface Release {
  /** Sorts by the time of its beginning. */
  readonly id: string
  /** Full hash of the commit. */
  readonly commit: string
  /** ARN of the caller. */
  readonly who: string
  /** Of the command line: `deploy` or `rollback`. */
  readonly command: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  /** Not while it runs. */
  readonly endedAt?: string
  readonly outcome: Outcome
  /** In the reader's words, where it did not succeed. */
  readonly reason?: string
  /** What runs after it, by name; a rollout that failed leaves what ran before. */
  readonly images: Readonly<Record<string, string>>
  /** What ran before it. */
  readonly previousImages: Readonly<Record<string, string>>
  /** Version of the Lambda. */
  readonly functionVersion?: string
  readonly previousFunctionVersion?: string
  /** Of the plan that was approved. */
  readonly planDigest?: string
  /** The lock's term under which it was written. */
  readonly term?: number
  /** The last that was begun. */
  readonly step?: Step
  /** What of each unit stood before the rollout, by `<target>/<unit>`; empty where nothing did. */
  readonly standing?: Readonly<Record<string, string>>
}

export type Beginning = Pick<
  Release,
  | "commit"
  | "who"
  | "command"
  | "images"
  | "previousImages"
  | "previousFunctionVersion"
  | "functionVersion"
  | "planDigest"
  | "term"
>
export type Ending = Pick<Release, "reason" | "functionVersion"> & { readonly outcome: Exclude<Outcome, "running"> }

export class Releases {
  readonly #client: DynamoDBClient
  readonly #stage: Session["stage"]
  readonly #table: string
  readonly #now: () => Date

  constructor({ aws, stage, now }: Pick<Session, "aws" | "stage" | "now">) {
    this.#client = aws.client(DynamoDBClient)
    this.#stage = stage
    this.#table = releasesTable(stage.name)
    this.#now = now
  }

  async begin(beginning: Beginning, abortSignal?: AbortSignal): Promise<Release> {
    const startedAt = this.#now().toISOString()
    const id = `${startedAt}-${randomBytes(4).toString("hex")}`
    const release: Release = { ...beginning, id, startedAt, outcome: "running" }
    try {
      await this.#client.send(
        new PutItemCommand({
          TableName: this.#table,
          Item: itemOf({ kind: KIND, ...release }),
          ConditionExpression: "attribute_not_exists(id)",
        }),
        { ...(abortSignal && { abortSignal }) },
      )
    } catch (error) {
      // Its name is this run's own: a write whose answer was lost, and which the SDK tried again, meets itself.
      if (!isRefusedCondition(error)) throw error
    }
    return release
  }

  /**
   * Before the step is begun.
   *
   * @param standing for the rollout: what to go back to
   * @throws Refusal it is not running
   */
  async step(id: string, step: Step, standing?: Release["standing"], abortSignal?: AbortSignal): Promise<void> {
    try {
      await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: itemOf({ kind: KIND, id }),
          UpdateExpression: `SET #step = :step${standing === undefined ? "" : ", standing = :standing"}`,
          ConditionExpression: "outcome = :running",
          ExpressionAttributeNames: { "#step": "step" },
          ExpressionAttributeValues: itemOf({ ":running": "running", ":step": step, ":standing": standing }),
        }),
        { ...(abortSignal && { abortSignal }) },
      )
    } catch (error) {
      if (!isRefusedCondition(error)) throw error
      throw new Refusal(EXIT.busy, `release ${id} was ended by another meanwhile; nothing more is changed`, {
        cause: error,
      })
    }
  }

  /**
   * @returns the record as it now is
   * @throws Refusal it was ended before, as the record of another outcome says
   */
  async end(id: string, { outcome, reason, functionVersion }: Ending, abortSignal?: AbortSignal): Promise<Release> {
    const endedAt = this.#now().toISOString()
    const values = itemOf({ ":running": "running", ":outcome": outcome, ":endedAt": endedAt })
    const more = Object.entries({ reason, functionVersion }).filter(([, value]) => value !== undefined)
    const set = ["outcome = :outcome", "endedAt = :endedAt", ...more.map(([name]) => `${name} = :${name}`)]
    try {
      const { Attributes } = await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#table,
          Key: itemOf({ kind: KIND, id }),
          UpdateExpression: `SET ${set.join(", ")}`,
          ConditionExpression: "outcome = :running",
          ExpressionAttributeValues: { ...values, ...itemOf(Object.fromEntries(more.map(([k, v]) => [`:${k}`, v]))) },
          ReturnValues: "ALL_NEW",
        }),
        { ...(abortSignal && { abortSignal }) },
      )
      return releaseOf(Attributes ?? {})
    } catch (error) {
      if (!isRefusedCondition(error)) throw error
      // A write whose answer was lost, and which the SDK tried again, meets itself.
      const there = await this.get(id, abortSignal)
      if (there?.outcome === outcome && there.endedAt === endedAt) return there
      throw new Refusal(EXIT.failed, `release ${id} is not running: it was ended before, or never begun`, {
        cause: error,
      })
    }
  }

  async get(id: string, abortSignal?: AbortSignal): Promise<Release | undefined> {
    const { Item } = await this.#client.send(
      new GetItemCommand({ TableName: this.#table, Key: itemOf({ kind: KIND, id }), ConsistentRead: true }),
      { ...(abortSignal && { abortSignal }) },
    )
    return Item === undefined ? undefined : releaseOf(Item)
  }

  /** @param limit 1 or more; the newest first */
  async newest(limit: number, abortSignal?: AbortSignal): Promise<readonly Release[]> {
    const found: Release[] = []
    for await (const release of this.#all(Math.min(limit, 100), abortSignal)) {
      if (found.push(release) === limit) break
    }
    return found
  }

  /** @returns the last that succeeded, that {@link suits} */
  async lastGood(
    suits: (release: Release) => boolean = () => true,
    abortSignal?: AbortSignal,
  ): Promise<Release | undefined> {
    for await (const release of this.#all(100, abortSignal)) {
      if (release.outcome === "succeeded" && suits(release)) return release
    }
    return undefined
  }

  async *#all(page: number, abortSignal?: AbortSignal): AsyncGenerator<Release> {
    let from: Record<string, AttributeValue> | undefined
    do {
      const { Items = [], LastEvaluatedKey } = await this.#client
        .send(
          new QueryCommand({
            TableName: this.#table,
            KeyConditionExpression: "kind = :kind",
            ExpressionAttributeValues: itemOf({ ":kind": KIND }),
            ScanIndexForward: false,
            ConsistentRead: true,
            Limit: page,
            ...(from && { ExclusiveStartKey: from }),
          }),
          { ...(abortSignal && { abortSignal }) },
        )
        .catch((error) => {
          throw absentTable(error, this.#stage)
        })
      yield* Items.map(releaseOf)
      from = LastEvaluatedKey
    } while (from !== undefined)
  }
}

/** @throws Refusal the item is no record of a release */
export function releaseOf(item: Item): Release {
  const id = text(item, "id") ?? ""
  const required = (name: string): string => {
    const value = text(item, name)
    if (value === undefined)
      throw new Refusal(EXIT.failed, `release ${JSON.stringify(id)} of the record has no ${name}`)
    return value
  }
  const outcome = required("outcome") as Outcome
  if (!OUTCOMES.includes(outcome))
    throw new Refusal(
      EXIT.failed,
      `release ${JSON.stringify(id)} of the record ended ${JSON.stringify(outcome)}; known are ${OUTCOMES.join(", ")}`,
    )
  const optional = Object.fromEntries(
    ["endedAt", "reason", "functionVersion", "previousFunctionVersion", "planDigest"].flatMap((name) => {
      const value = text(item, name)
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const term = number(item, "term")
  const step = STEPS.find((one) => one === text(item, "step"))
  const standing = texts(item, "standing")
  return {
    id: required("id"),
    commit: required("commit"),
    who: required("who"),
    command: required("command"),
    startedAt: required("startedAt"),
    outcome,
    images: texts(item, "images") ?? {},
    previousImages: texts(item, "previousImages") ?? {},
    ...optional,
    ...(term !== undefined && { term }),
    ...(step !== undefined && { step }),
    ...(standing !== undefined && { standing }),
  }
}

function isRefusedCondition(error: unknown): boolean {
  return error instanceof Error && error.name === "ConditionalCheckFailedException"
}
