/**
 * How ECS words events of a service, and reasons of deployments and of stopped tasks.
 * Source: ECS developer guide, “Amazon ECS service event messages”, “Stopped tasks error messages”, “deployment circuit
 * breaker”; and what services have been seen to say where the guide has no example.
 */

const TROUBLESHOOTING = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
export const NO_CAPACITY =
  "Capacity is unavailable at this time. Please try again later or in a different availability zone."

const tasks = (ids: readonly string[]) => ids.map((id) => `(task ${id})`).join(" ")

export const event = {
  started: (ids: readonly string[]) => `has started ${ids.length} tasks: ${tasks(ids)}.`,
  stopped: (ids: readonly string[]) => `has stopped ${ids.length} running tasks: ${tasks(ids)}.`,
  stoppedPending: (count: number) => `stopped ${count} pending tasks.`,
  draining: (count: number) => `has begun draining connections on ${count} tasks.`,
  registered: (count: number, group: string) => `registered ${count} targets in (target-group ${group})`,
  deregistered: (count: number, group: string) => `deregistered ${count} targets in (target-group ${group})`,
  unhealthy: (id: string, port: number, group: string, reason: string) =>
    `(task ${id}) (port ${port}) is unhealthy in (target-group ${group}) due to (reason ${reason}).`,
  failedContainerHealth: (id: string) => `(task ${id}) failed container health checks.`,
  unplaced: `was unable to place a task. Reason: ${NO_CAPACITY} ${TROUBLESHOOTING}`,
  inconsistent: `is unable to consistently start tasks successfully. ${TROUBLESHOOTING}`,
  failed: (deployment: string, why: string) => `(deployment ${deployment}) deployment failed: ${why}.`,
  rollingBack: (deployment: string) => `rolling back to deployment ${deployment}.`,
  completed: (deployment: string) => `(deployment ${deployment}) deployment completed.`,
  steady: "has reached a steady state.",
}

export const rollout = {
  inProgress: (deployment: string) => `ECS deployment ${deployment} in progress.`,
  completed: (deployment: string) => `ECS deployment ${deployment} completed.`,
  failed: "ECS deployment circuit breaker: tasks failed to start.",
  rollingBack: (deployment: string) => `ECS deployment circuit breaker: rolling back to deploymentId ${deployment}.`,
}

/** Of tasks and of containers. */
export const stopped = {
  essential: "Essential container in task exited",
  scaling: (deployment: string) => `Scaling activity initiated by (deployment ${deployment})`,
  elb: (group: string) => `Task failed ELB health checks in (target-group ${group})`,
  container: "Task failed container health checks",
  notPullable: (image: string) =>
    `CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref ${image}: ${image}: not found`,
  noPlatform: (platform: string) =>
    `CannotPullContainerError: image Manifest does not contain descriptor matching platform '${platform}'`,
  notInitialized:
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s)",
}
