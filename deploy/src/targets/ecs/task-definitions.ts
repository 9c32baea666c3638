/** The task definitions that the stage's stacks registered, as ECS has them. */
import { DescribeTaskDefinitionCommand, ECSClient, type TaskDefinition } from "@aws-sdk/client-ecs"
import type { StackName } from "../../../../infra/src/names.ts"
import type { Session } from "../../session.ts"
import { resources } from "../../stacks.ts"

/** Stacks that have some. */
export const TASK_STACKS = ["data", "platform", "neo"] as const satisfies readonly StackName[]

export interface Registered {
  readonly stack: StackName
  /** In the stack's template. */
  readonly logicalId: string
  readonly arn: string
}

/** @returns those of the stacks that stand, in the order of the stacks */
export async function registered(session: Session, signal: AbortSignal): Promise<readonly Registered[]> {
  const found = await Promise.all(
    TASK_STACKS.map(async (stack) =>
      (await resources(session, stack, signal)).flatMap(({ ResourceType, LogicalResourceId, PhysicalResourceId }) =>
        ResourceType === "AWS::ECS::TaskDefinition" && PhysicalResourceId !== undefined
          ? [{ stack, logicalId: LogicalResourceId ?? "", arn: PhysicalResourceId }]
          : [],
      ),
    ),
  )
  return found.flat()
}

export async function taskDefinition({ aws }: Session, arn: string, signal: AbortSignal): Promise<TaskDefinition> {
  const { taskDefinition: found } = await aws
    .client(ECSClient)
    .send(new DescribeTaskDefinitionCommand({ taskDefinition: arn }), { abortSignal: signal })
  return found ?? {}
}

/** `family:revision` of an ARN. */
export function revisionOf(arn: string): string {
  return arn.split("/").at(-1) ?? arn
}

/** @param arn an ARN, or `family:revision` */
export function familyOf(arn: string): string {
  return revisionOf(arn).replace(/:\d+$/, "")
}
