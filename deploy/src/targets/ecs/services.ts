/** The platform's services as ECS has them. */
import { DescribeServicesCommand, ECSClient, type Service } from "@aws-sdk/client-ecs"
import { clusterName } from "../../../../infra/src/names.ts"
import { SERVICES } from "../../../../infra/src/stage.ts"
import type { Session } from "../../session.ts"
import type { Unit } from "../target.ts"
import { revisionOf, taskDefinition } from "./task-definitions.ts"

/** Events of a service that are told. */
const EVENTS = 5

/** @returns those that are there and active; none before the platform's first deployment */
export async function services({ aws, stage }: Session, signal: AbortSignal): Promise<readonly Service[]> {
  try {
    const { services: found = [] } = await aws
      .client(ECSClient)
      .send(new DescribeServicesCommand({ cluster: clusterName(stage.name, "platform"), services: [...SERVICES] }), {
        abortSignal: signal,
      })
    return found.filter(({ status }) => status !== "INACTIVE")
  } catch (error) {
    if (error instanceof Error && error.name === "ClusterNotFoundException") return []
    throw error
  }
}

export async function unitOf(session: Session, service: Service, signal: AbortSignal): Promise<Unit> {
  const arn = service.taskDefinition ?? ""
  const definition = await taskDefinition(session, arn, signal)
  const image = definition.containerDefinitions?.find(({ name }) => name === service.serviceName)?.image
  return {
    target: "ecs",
    name: service.serviceName ?? "",
    revision: revisionOf(arn),
    ...(image !== undefined && { image }),
    running: service.runningCount ?? 0,
    desired: service.desiredCount ?? 0,
    rollouts: (service.deployments ?? []).map((deployment) => ({
      id: deployment.id ?? "",
      status: deployment.status ?? "",
      state: deployment.rolloutState ?? "",
      ...(deployment.rolloutStateReason && { reason: deployment.rolloutStateReason }),
    })),
    events: (service.events ?? [])
      .slice(0, EVENTS)
      .map(({ createdAt, message = "" }) => ({ at: createdAt?.toISOString() ?? "", message })),
  }
}
