/**
 * Task definitions to the letter: what ECS tells of one is registered again with every field, those too that the SDK's
 * model does not know yet. The SDK drops them from requests and answers, so both are taken as JSON beside it.
 */
import { DescribeTaskDefinitionCommand, ECSClient, RegisterTaskDefinitionCommand } from "@aws-sdk/client-ecs"
import { EXIT, Refusal } from "../../refusal.ts"
import type { Session } from "../../session.ts"

export type Json = Readonly<Record<string, unknown>>

/** What ECS adds when it registers one. Source: ECS API reference, `TaskDefinition` and RegisterTaskDefinition. */
export const READ_ONLY = [
  "taskDefinitionArn",
  "revision",
  "status",
  "requiresAttributes",
  "compatibilities",
  "registeredAt",
  "registeredBy",
  "deregisteredAt",
] as const

export interface Container {
  readonly name?: string
  readonly image?: string
  readonly logConfiguration?: {
    readonly logDriver?: string
    readonly options?: Readonly<Record<string, string>>
  }
}

export interface Exact {
  readonly arn: string
  readonly family: string
  readonly definition: Json
  readonly tags: readonly { readonly key?: string; readonly value?: string }[]
}

/** @param name ARN, `family:revision`, or a family for its newest revision */
export async function describeExactly({ aws }: Session, name: string, signal: AbortSignal): Promise<Exact> {
  const command = new DescribeTaskDefinitionCommand({ taskDefinition: name, include: ["TAGS"] })
  let text = "{}"
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args)
      const response = result.response as { body?: AsyncIterable<Uint8Array> | Uint8Array }
      const bytes = await bytesOf(response.body)
      text = Buffer.from(bytes).toString()
      response.body = bytes
      return result
    },
    { step: "deserialize", priority: "low", name: "exactAnswer" },
  )
  await aws.client(ECSClient).send(command, { abortSignal: signal })
  const { taskDefinition: definition = {}, tags = [] } = JSON.parse(text) as {
    taskDefinition?: Json
    tags?: Exact["tags"]
  }
  return {
    arn: String(definition["taskDefinitionArn"] ?? ""),
    family: String(definition["family"] ?? ""),
    definition,
    tags,
  }
}

/** @returns the new revision's ARN */
export async function registerExactly({ aws }: Session, request: Json, signal: AbortSignal): Promise<string> {
  const command = new RegisterTaskDefinitionCommand({ family: String(request["family"]), containerDefinitions: [] })
  const body = JSON.stringify(request)
  command.middlewareStack.add(
    (next) => (args) => {
      const sent = args as typeof args & { request: { body?: unknown } }
      sent.request.body = body
      return next(sent)
    },
    { step: "serialize", priority: "low", name: "exactRequest" },
  )
  const { taskDefinition } = await aws.client(ECSClient).send(command, { abortSignal: signal })
  return taskDefinition?.taskDefinitionArn ?? ""
}

/**
 * What registers the same with another image in one container.
 *
 * @throws Refusal there is no such container
 */
export function withImage({ definition, tags, family }: Exact, container: string, image: string): Json {
  const containers = containersOf(definition)
  if (!containers.some(({ name }) => name === container)) {
    const what = `task definition ${family} has no container ${container}`
    throw new Refusal(EXIT.failed, `${what}: it has been changed by hand; deploy its stack again`)
  }
  const kept = Object.entries(definition).filter(([key]) => !(READ_ONLY as readonly string[]).includes(key))
  // AWS sets tags that begin with aws: itself (CloudFormation's), and takes them from nobody.
  const own = tags.filter(({ key = "" }) => !key.toLowerCase().startsWith("aws:"))
  return {
    ...Object.fromEntries(kept),
    containerDefinitions: containers.map((one) => (one.name === container ? { ...one, image } : one)),
    ...(own.length > 0 && { tags: own }),
  }
}

export function containersOf(definition: Json): readonly Container[] {
  const found = definition["containerDefinitions"]
  return Array.isArray(found) ? (found as Container[]) : []
}

async function bytesOf(body: AsyncIterable<Uint8Array> | Uint8Array | undefined): Promise<Uint8Array> {
  if (body === undefined || body instanceof Uint8Array) return body ?? new Uint8Array()
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts)
}
