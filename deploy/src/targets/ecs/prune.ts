/** Deregisters task definitions' old revisions: never one that a service, a task or a stack refers to. */
import {
  DeregisterTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  paginateListTaskDefinitions,
  paginateListTasks,
} from "@aws-sdk/client-ecs"
import { clusterName } from "../../../../infra/src/names.ts"
import type { Clock } from "../../clock.ts"
import type { Session } from "../../session.ts"
import { familyOf, registered, revisionOf } from "./task-definitions.ts"
import { describeServices } from "./watch-services.ts"

/** Milliseconds between two, well below the rate that ECS allows for changes of task definitions. */
const PAUSE = 1_000
/** Most that DescribeTasks takes. Source: ECS API reference. */
const AT_ONCE = 100
const CLUSTERS = ["data", "platform", "neo"] as const

/**
 * @param keep newest of each family that stay, 0 or more
 * @returns what went, as `family:revision`
 */
export async function prune(
  session: Session,
  services: readonly string[],
  keep: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const client = session.aws.client(ECSClient)
  const ofStacks = (await registered(session, signal)).map(({ arn }) => revisionOf(arn))
  const used = new Set([...ofStacks, ...(await inUse(session, services, signal))])
  const went: string[] = []
  for (const family of new Set(ofStacks.map(familyOf))) {
    const revisions: string[] = []
    const pages = paginateListTaskDefinitions(
      { client },
      { familyPrefix: family, status: "ACTIVE", sort: "DESC" },
      { abortSignal: signal },
    )
    for await (const { taskDefinitionArns = [] } of pages) {
      revisions.push(...taskDefinitionArns.map(revisionOf).filter((revision) => familyOf(revision) === family))
    }
    revisions.sort((a, b) => numberOf(b) - numberOf(a))
    for (const taskDefinition of revisions.slice(keep).filter((revision) => !used.has(revision))) {
      if (went.length > 0) await clock.sleep(PAUSE, signal)
      await client.send(new DeregisterTaskDefinitionCommand({ taskDefinition }), { abortSignal: signal })
      went.push(taskDefinition)
    }
  }
  return went
}

/** What services' deployments and tasks run. */
async function inUse(session: Session, services: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  const { aws, stage } = session
  const client = aws.client(ECSClient)
  const found = await describeServices(session, clusterName(stage.name, "platform"), services, signal)
  const arns = [...found.values()].flatMap(({ taskDefinition, deployments = [] }) => [
    taskDefinition,
    ...deployments.map((deployment) => deployment.taskDefinition),
  ])
  for (const cluster of CLUSTERS.map((of) => clusterName(stage.name, of))) {
    try {
      for await (const { taskArns = [] } of paginateListTasks({ client }, { cluster }, { abortSignal: signal })) {
        for (let at = 0; at < taskArns.length; at += AT_ONCE) {
          const { tasks = [] } = await client.send(
            new DescribeTasksCommand({ cluster, tasks: taskArns.slice(at, at + AT_ONCE) }),
            { abortSignal: signal },
          )
          arns.push(...tasks.map(({ taskDefinitionArn }) => taskDefinitionArn))
        }
      }
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "ClusterNotFoundException") throw error
    }
  }
  return arns.flatMap((arn) => (arn === undefined ? [] : [revisionOf(arn)]))
}

function numberOf(revision: string): number {
  return Number(revision.split(":").at(-1))
}
