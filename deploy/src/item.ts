/** Plain values as items of DynamoDB: text, numbers, and one map of texts. */
import type { AttributeValue } from "@aws-sdk/client-dynamodb"
import { releasesTable } from "../../infra/src/names.ts"
import type { Stage } from "../../infra/src/stage.ts"
import { EXIT, Refusal } from "./refusal.ts"

export type Item = Record<string, AttributeValue>
type Value = string | number | Readonly<Record<string, string>> | undefined

/** Undefined values are left out. */
export function itemOf(values: Readonly<Record<string, Value>>): Item {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, attribute(value)]])),
  )
}

function attribute(value: Exclude<Value, undefined>): AttributeValue {
  if (typeof value === "string") return { S: value }
  if (typeof value === "number") return { N: String(value) }
  return { M: itemOf(value) }
}

export function text(item: Item, name: string): string | undefined {
  return item[name]?.S
}

export function number(item: Item, name: string): number | undefined {
  const digits = item[name]?.N
  return digits === undefined ? undefined : Number(digits)
}

export function texts(item: Item, name: string): Readonly<Record<string, string>> | undefined {
  const map = item[name]?.M
  if (map === undefined) return undefined
  return Object.fromEntries(
    Object.entries(map).flatMap(([key, value]) => (value.S === undefined ? [] : [[key, value.S]])),
  )
}

/** DynamoDB's error where the releases table is not there, as what to do about it; another comes back as it is. */
export function absentTable(error: unknown, { name }: Stage): unknown {
  if (!(error instanceof Error) || error.name !== "ResourceNotFoundException") return error
  return new Refusal(
    EXIT.noStack,
    `table ${releasesTable(name)} is not there; npm run deploy -- bootstrap --stage=${name} makes it`,
    { cause: error },
  )
}
