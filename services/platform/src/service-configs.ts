/** Settings that change while a service runs: JSON records in a DynamoDB table, checked, cached, the last good one kept. */
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb"
import type { Static, TSchema } from "typebox"
import { compileStrict } from "./json-schema.ts"
import { Problem } from "./problem.ts"
import type { ConfigTableSettings } from "./settings.ts"

export interface RecordKind<S extends TSchema = TSchema> {
  readonly schema: S
  /** Used until the table holds a good record; without one the service is not ready before that. */
  readonly fallback?: Static<S>
  /** What no schema says, such as that one number is below another; a sentence where it does not fit. */
  readonly misfit?: (value: Static<S>) => string | undefined
}

export type RecordKinds = Readonly<Record<string, RecordKind>>

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
}

interface Held {
  readonly version: number
  readonly value: unknown
  /** As it stood in the table. */
  readonly body: string | undefined
}

const CONNECT_MS = 1000
const ANSWER_MS = 2000
/** Records of one service are few; a partition past this is not one of settings. */
const MAX_PAGES = 10

/** Makes the client of the table; the SDK is loaded here, so that the port is open before it is. */
export async function configTableClient({ region, endpoint }: ConfigTableSettings): Promise<DynamoDBClient> {
  const { DynamoDBClient } = await import("@aws-sdk/client-dynamodb")
  return new DynamoDBClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 2,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  })
}

export class ServiceConfigs<Kinds extends RecordKinds> {
  readonly #kinds: Kinds
  readonly #service: string
  readonly #table: string
  readonly #log: Log
  readonly #held = new Map<string, Held>()
  readonly #checks = new Map<string, (value: unknown) => string | undefined>()
  readonly #complaints = new Map<string, string>()
  #away = false

  constructor(service: string, table: string, kinds: Kinds, log: Log) {
    this.#service = service
    this.#table = table
    this.#kinds = kinds
    this.#log = log
    for (const [name, { schema }] of Object.entries(kinds)) this.#checks.set(name, compileStrict(schema))
  }

  /**
   * The record's last good value; the same object until the record changes.
   *
   * @throws Problem unavailable, where there was none yet
   */
  get<Name extends keyof Kinds & string>(name: Name): Static<Kinds[Name]["schema"]> {
    const held = this.#held.get(name)
    if (held !== undefined) return held.value as Static<Kinds[Name]["schema"]>
    const { fallback } = this.#kinds[name] as RecordKind
    if (fallback === undefined)
      throw new Problem("unavailable", "The service has no settings yet", { headers: { "retry-after": "1" } })
    return fallback as Static<Kinds[Name]["schema"]>
  }

  /** Names of records that there is no good version of, and no fallback. */
  missing(): readonly string[] {
    return Object.entries(this.#kinds)
      .filter(([name, { fallback }]) => fallback === undefined && !this.#held.has(name))
      .map(([name]) => name)
  }

  /** One line each on what is wrong: the table away, a newer record that does not fit. */
  complaints(): readonly string[] {
    const away = this.#away ? [`table ${this.#table} can't be read; the last good settings stay`] : []
    return [...away, ...this.#complaints.values()]
  }

  /** Version in use of each record, 0 for the fallback. */
  versions(): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.keys(this.#kinds).map((name) => [name, this.#held.get(name)?.version ?? 0]))
  }

  /** Reads the service's records once; what is invalid or away leaves what is held as it was, and never throws. */
  async refresh(client: DynamoDBClient, signal?: AbortSignal): Promise<void> {
    let items: Map<string, { version: string | undefined; body: string | undefined }>
    try {
      items = await this.#query(client, signal)
    } catch (error) {
      if (!this.#away && !signal?.aborted) this.#log.warn({ err: error }, "the table of settings can't be read")
      this.#away = true
      return
    }
    if (this.#away) this.#log.info({}, "the table of settings can be read again")
    this.#away = false
    for (const [name, kind] of Object.entries(this.#kinds)) this.#take(name, kind, items.get(name))
  }

  #take(
    name: string,
    kind: RecordKind,
    item: { version: string | undefined; body: string | undefined } | undefined,
  ): void {
    const held = this.#held.get(name)
    if (item === undefined) {
      if (held !== undefined)
        this.#complain(name, `record ${name} is gone from the table; version ${held.version} stays`)
      else if (kind.fallback === undefined) this.#complain(name, `record ${name} is not in the table`)
      return
    }
    const version = /^[1-9]\d{0,14}$/.test(item.version ?? "") ? Number(item.version) : undefined
    if (version === undefined) {
      this.#complain(name, `record ${name}: version is not a whole number from 1`)
      return
    }
    if (held !== undefined && version < held.version) {
      this.#complain(name, `record ${name}: version ${version} is older than ${held.version}, which stays`)
      return
    }
    if (version !== held?.version) {
      const { value, misfit } = this.#parsed(name, kind, item.body)
      if (misfit !== undefined) {
        const stays = held === undefined ? "" : `; version ${held.version} stays`
        this.#complain(name, `record ${name} version ${version}: ${misfit}${stays}`)
        return
      }
      this.#held.set(name, { version, value, body: item.body })
      this.#log.info({ record: name, version }, "settings changed")
    } else if (item.body !== held.body) {
      // Not taken: instances that started before and after would each hold another version of the same number.
      this.#complain(name, `record ${name}: version ${version} was changed in place; raise its version`)
      return
    }
    this.#complaints.delete(name)
  }

  #parsed(name: string, kind: RecordKind, body: string | undefined): { value?: unknown; misfit?: string | undefined } {
    let value: unknown
    try {
      value = JSON.parse(body ?? "")
    } catch {
      return { misfit: "body is not a string of JSON" }
    }
    try {
      return { value, misfit: this.#checks.get(name)?.(value) ?? kind.misfit?.(value) }
    } catch (error) {
      // A check with a bug must cost this record alone: not the ones after it, nor the service's start.
      return { misfit: `it can't be checked (${error instanceof Error ? error.message : String(error)})` }
    }
  }

  /** Logged when it is new, so that a table which stays wrong does not fill the log. */
  #complain(name: string, complaint: string): void {
    if (this.#complaints.get(name) === complaint) return
    this.#complaints.set(name, complaint)
    this.#log.warn({ record: name }, complaint)
  }

  async #query(client: DynamoDBClient, signal?: AbortSignal) {
    const { QueryCommand } = await import("@aws-sdk/client-dynamodb")
    const items = new Map<string, { version: string | undefined; body: string | undefined }>()
    let start: Record<string, never> | undefined
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { Items = [], LastEvaluatedKey } = await client.send(
        new QueryCommand({
          TableName: this.#table,
          ConsistentRead: true,
          KeyConditionExpression: "#service = :service",
          // Reserved words of DynamoDB can't stand in an expression themselves.
          ExpressionAttributeNames: { "#service": "service" },
          ExpressionAttributeValues: { ":service": { S: this.#service } },
          ...(start === undefined ? {} : { ExclusiveStartKey: start }),
        }),
        signal === undefined ? {} : { abortSignal: signal },
      )
      for (const { name, version, body } of Items) {
        if (name?.S !== undefined) items.set(name.S, { version: version?.N, body: body?.S })
      }
      if (LastEvaluatedKey === undefined) return items
      start = LastEvaluatedKey as Record<string, never>
    }
    throw new Error(`more than ${MAX_PAGES} pages of settings`)
  }
}
