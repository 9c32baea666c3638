/**
 * How long the steps of a rollout take, in seconds of AWS: in the range of what a small image on Fargate takes behind a load
 * balancer. They are no promise of AWS; tests change them.
 */

export interface Times {
  /** PROVISIONING: the network interface. */
  readonly provision: number
  /** PENDING: the image is pulled. */
  readonly pull: number
  /** ACTIVATING: registered with the target group. */
  readonly activate: number
  /** From RUNNING until health checks have passed or failed. */
  readonly health: number
  /** Deregistration delay of the target group. */
  readonly drain: number
  /** DEACTIVATING, STOPPING and DEPROVISIONING, each. */
  readonly stop: number
  /** Before a task that failed is replaced. */
  readonly retry: number
  /** Before a task that could not be placed is tried again. */
  readonly placement: number
  /** From one deployment left and all its tasks running until its rollout is COMPLETED. */
  readonly settle: number
  /** From RUNNING until a container exits that does, where its behaviour doesn't say. */
  readonly exit: number
}

export const TIMES: Times = {
  provision: 8,
  pull: 15,
  activate: 3,
  health: 20,
  drain: 20,
  stop: 3,
  retry: 5,
  placement: 30,
  settle: 2,
  exit: 3,
}
