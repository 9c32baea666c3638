/** What ECS' answer says of one deployment: nothing here asks, waits or knows the time. */
import type { Deployment, Service } from "@aws-sdk/client-ecs"
import { revisionOf } from "./task-definitions.ts"

/** The deployment that is watched. */
export interface Aim {
  /** `family:revision`. */
  readonly revision: string
  /** Undefined until ECS told it. */
  readonly deployment: string | undefined
}

export type Standing =
  | { readonly is: "waiting" | "stable" }
  /** ECS gave up on it; it may be going back by itself. */
  | { readonly is: "failed"; readonly reason: string }
  /** The service has gone back to what ran before, and this deployment is not there any more. */
  | { readonly is: "taken back"; readonly reason: string }
  /** Somebody else's: not ours to touch. */
  | { readonly is: "replaced"; readonly reason: string }

export function primaryOf({ deployments = [] }: Service): Deployment | undefined {
  return deployments.find(({ status }) => status === "PRIMARY")
}

/** Whether that deployment runs at all its copies, by ECS' own word and count. */
export function isComplete({ rolloutState, runningCount = 0, desiredCount = 0 }: Deployment): boolean {
  return rolloutState === "COMPLETED" && runningCount >= desiredCount
}

/** `family:revision` that ECS last completed, or that has run the longest: what a rollout starts from. */
export function standingRevision(service: Service): string | undefined {
  const { deployments = [] } = service
  const of = deployments.find(({ rolloutState }) => rolloutState === "COMPLETED") ?? deployments.at(-1)
  const arn = of?.taskDefinition ?? service.taskDefinition
  return arn === undefined ? undefined : revisionOf(arn)
}

/** @param from `family:revision` that ran before */
export function standingOf(service: Service | undefined, aim: Aim, from: string | undefined): Standing {
  if (service === undefined || service.status === "INACTIVE") {
    return { is: "replaced", reason: "the service was deleted by somebody else" }
  }
  const { deployments = [] } = service
  const primary = primaryOf(service)
  const running = primary?.taskDefinition === undefined ? undefined : revisionOf(primary.taskDefinition)
  const ours = deployments.find(({ id }) => id !== undefined && id === aim.deployment)
  if (ours?.rolloutState === "FAILED") {
    return { is: "failed", reason: ours.rolloutStateReason ?? "ECS tells no reason" }
  }
  if (primary !== undefined && running !== aim.revision) {
    return from !== undefined && running === from && ours === undefined
      ? { is: "taken back", reason: `ECS went back to ${from}${said(primary)}` }
      : { is: "replaced", reason: `replaced by somebody else's deployment ${primary.id} of ${running}` }
  }
  if (ours === undefined) {
    if (aim.deployment === undefined) return { is: "waiting" }
    return {
      is: "replaced",
      reason:
        primary === undefined
          ? `deployment ${aim.deployment} is gone`
          : `replaced by somebody else's deployment ${primary.id} of the same ${running}`,
    }
  }
  return { is: ours.rolloutState === "COMPLETED" && ours.status === "PRIMARY" ? "stable" : "waiting" }
}

function said({ rolloutStateReason }: Deployment): string {
  return rolloutStateReason ? `: ${rolloutStateReason}` : ""
}
