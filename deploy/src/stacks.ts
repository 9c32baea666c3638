/** The stage's stacks as CloudFormation has them. */
import {
  CloudFormationClient,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStackResources,
  type Stack,
  type StackResourceSummary,
} from "@aws-sdk/client-cloudformation"
import { type StackName, stackName } from "../../infra/src/names.ts"
import type { Session } from "./session.ts"

/** @returns the stack, or undefined where there is none of that name */
export async function describe(
  { aws, stage }: Session,
  stack: StackName,
  signal: AbortSignal,
): Promise<Stack | undefined> {
  return await described(aws.client(CloudFormationClient), stackName(stage.name, stack), signal)
}

/** The same of any name. */
export async function described(
  client: CloudFormationClient,
  StackName: string,
  signal: AbortSignal,
): Promise<Stack | undefined> {
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }), { abortSignal: signal })
    return Stacks?.[0]
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** @returns the stack's resources; none where it does not exist */
export async function resources(
  { aws, stage }: Session,
  stack: StackName,
  signal: AbortSignal,
): Promise<readonly StackResourceSummary[]> {
  const found: StackResourceSummary[] = []
  const client = aws.client(CloudFormationClient)
  try {
    const pages = paginateListStackResources(
      { client },
      { StackName: stackName(stage.name, stack) },
      { abortSignal: signal },
    )
    for await (const { StackResourceSummaries } of pages) found.push(...(StackResourceSummaries ?? []))
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
  return found.filter(({ ResourceStatus }) => ResourceStatus !== "DELETE_COMPLETE")
}

/** @returns the template that the stack was last deployed with, or undefined where there is no stack */
export async function template({ aws, stage }: Session, stack: StackName, signal: AbortSignal): Promise<unknown> {
  try {
    const { TemplateBody } = await aws
      .client(CloudFormationClient)
      .send(new GetTemplateCommand({ StackName: stackName(stage.name, stack), TemplateStage: "Original" }), {
        abortSignal: signal,
      })
    return TemplateBody === undefined ? undefined : JSON.parse(TemplateBody)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Whether something changes the stack at this moment. */
export function isMoving({ StackStatus }: Stack): boolean {
  return StackStatus !== "REVIEW_IN_PROGRESS" && String(StackStatus).endsWith("_IN_PROGRESS")
}

/** Whether the stack stands, and can be updated. Source: CloudFormation user guide, “Understand stack creation events”. */
export function isStanding({ StackStatus }: Stack): boolean {
  return /^(CREATE|UPDATE|IMPORT|UPDATE_ROLLBACK|IMPORT_ROLLBACK)_COMPLETE$/.test(String(StackStatus))
}

/** CloudFormation tells it by the words of a ValidationError only. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && error.name === "ValidationError" && /does not exist/.test(error.message)
}
