/** A DynamoDB of one's own (`dynalite`, in memory) with the table of settings. */
/// <reference path="./dynalite.d.ts" />
import { once } from "node:events"
import type { Server } from "node:http"
import { CreateTableCommand, DeleteItemCommand, DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb"
// dynalite has no types of its own.
import dynalite from "dynalite"

/** Any will do: dynalite checks that there is a signature, not whose. */
const CREDENTIALS = { accessKeyId: "local", secretAccessKey: "local" }
const LOCAL_REGION = "eu-central-1"

/** What a process needs in its environment to speak to it. */
export const LOCAL_CREDENTIALS = {
  AWS_ACCESS_KEY_ID: "local",
  AWS_SECRET_ACCESS_KEY: "local",
  AWS_REGION: LOCAL_REGION,
}

export interface Dynamo {
  readonly endpoint: string
  readonly port: number
  /** Writes one settings record; `body` as it stands when it is a string, else as JSON. */
  put(service: string, name: string, version: number, body: unknown): Promise<void>
  remove(service: string, name: string): Promise<void>
  stop(): Promise<void>
}

/**
 * @param port 0 for any free one
 * @param host address to listen on
 */
export async function startDynamo(table: string, port = 0, host = "127.0.0.1"): Promise<Dynamo> {
  const server = dynalite({ createTableMs: 0 }) as Server
  server.listen(port, host)
  await once(server, "listening")
  const bound = (server.address() as { port: number }).port
  const endpoint = `http://127.0.0.1:${bound}`
  const client = new DynamoDBClient({ endpoint, region: LOCAL_REGION, credentials: CREDENTIALS })
  await createConfigTable(client, table)
  return {
    endpoint,
    port: bound,
    put: async (service, name, version, body) => {
      await putRecord(client, table, { service, name, version, body })
    },
    remove: async (service, name) => {
      await client.send(
        new DeleteItemCommand({ TableName: table, Key: { service: { S: service }, name: { S: name } } }),
      )
    },
    stop: async () => {
      client.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The table as `infra` makes it: partition key `service`, sort key `name`. */
async function createConfigTable(client: DynamoDBClient, table: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [
        { AttributeName: "service", KeyType: "HASH" },
        { AttributeName: "name", KeyType: "RANGE" },
      ],
      AttributeDefinitions: [
        { AttributeName: "service", AttributeType: "S" },
        { AttributeName: "name", AttributeType: "S" },
      ],
    }),
  )
}

export interface ConfigRecord {
  readonly service: string
  readonly name: string
  readonly version: number
  readonly body: unknown
}

async function putRecord(client: DynamoDBClient, table: string, { service, name, version, body }: ConfigRecord) {
  const text = typeof body === "string" ? body : JSON.stringify(body)
  const Item = { service: { S: service }, name: { S: name }, version: { N: String(version) }, body: { S: text } }
  await client.send(new PutItemCommand({ TableName: table, Item }))
}
