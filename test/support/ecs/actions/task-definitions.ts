/**
 * Task definitions stay with the emulator behind, so that there is one register with one count of revisions; what it
 * leaves out of its answers is put in. Source: ECS API reference, TaskDefinition, ContainerDefinition.
 */
import type { TaskDefinition } from "@aws-sdk/client-ecs"
import { EcsError } from "../ecs-error.ts"
import type { Action } from "./action.ts"

interface Answer {
  readonly taskDefinition?: TaskDefinition
  readonly tags?: unknown
}

export const registerTaskDefinition: Action<object> = async (_input, { passed }) => told(passed.body as Answer)
export const deregisterTaskDefinition: Action<object> = async (_input, { passed }) => {
  const { tags: _, ...answer } = told(passed.body as Answer)
  return answer
}

export const describeTaskDefinition: Action<{ include?: string[] }> = async ({ include = [] }, { passed }) => {
  const { taskDefinition, tags } = told(passed.body as Answer)
  return { taskDefinition, ...(include.includes("TAGS") && { tags: tags ?? [] }) }
}

function told({ taskDefinition, tags }: Answer): Answer {
  if (taskDefinition === undefined) throw new EcsError("ClientException", "Unable to describe task definition.")
  const fields = Object.entries(taskDefinition).filter(([, value]) => value !== null && value !== "")
  const containerDefinitions = (taskDefinition.containerDefinitions ?? []).map((container) => ({
    cpu: 0,
    environment: [],
    mountPoints: [],
    volumesFrom: [],
    systemControls: [],
    ...container,
    portMappings: (container.portMappings ?? []).map((port) => ({
      hostPort: port.containerPort,
      protocol: "tcp" as const,
      ...port,
    })),
  }))
  return {
    taskDefinition: {
      ...(Object.fromEntries(fields) as TaskDefinition),
      containerDefinitions,
      requiresAttributes: [
        { name: "com.amazonaws.ecs.capability.logging-driver.awslogs" },
        { name: "ecs.capability.task-eni" },
      ],
    },
    tags,
  }
}
