/**
 * Token buckets, an account's and a region's, at the rates that ECS publishes: burst is a bucket's size, sustained its
 * refill a second. Source: ECS API reference, “Request throttling for the Amazon ECS API”.
 */
import { EcsError } from "./ecs-error.ts"

interface Group {
  readonly actions: readonly string[]
  /** Requests. */
  readonly burst: number
  /** Requests a second of the wall clock. */
  readonly sustained: number
}

export const RATES: readonly Group[] = [
  { actions: ["CreateCluster", "DeleteCluster", "UpdateCluster", "UpdateClusterSettings"], burst: 20, sustained: 1 },
  { actions: ["DescribeClusters", "ListClusters"], burst: 50, sustained: 20 },
  { actions: ["RegisterTaskDefinition", "DeregisterTaskDefinition"], burst: 20, sustained: 1 },
  {
    actions: ["DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"],
    burst: 50,
    sustained: 20,
  },
  { actions: ["DeleteTaskDefinitions"], burst: 5, sustained: 1 },
  { actions: ["TagResource", "UntagResource"], burst: 20, sustained: 10 },
  { actions: ["ListTagsForResource"], burst: 50, sustained: 20 },
  { actions: ["RunTask", "StartTask", "StopTask", "ExecuteCommand"], burst: 100, sustained: 40 },
  {
    actions: ["DescribeTasks", "ListTasks", "DescribeContainerInstances", "ListContainerInstances"],
    burst: 100,
    sustained: 20,
  },
  { actions: ["CreateService", "DeleteService", "UpdateService"], burst: 50, sustained: 5 },
  { actions: ["DescribeServices", "ListServices"], burst: 100, sustained: 20 },
  { actions: ["DescribeServiceDeployments", "ListServiceDeployments"], burst: 50, sustained: 20 },
  { actions: ["DescribeServiceRevisions"], burst: 50, sustained: 20 },
]

export class Throttling {
  readonly #buckets = new Map<Group, { tokens: number; at: number }>()
  readonly #share: number

  /** @param share of the published rates that is left to this caller, (0, 1] */
  constructor(share = 1) {
    if (!(share > 0 && share <= 1)) throw new RangeError(`a share of ${share}: above 0, at most 1`)
    this.#share = share
  }

  /** @throws EcsError ThrottlingException, where the bucket is empty */
  take(action: string, now = performance.now()): void {
    const group = RATES.find(({ actions }) => actions.includes(action))
    if (group === undefined) return
    const burst = Math.max(1, group.burst * this.#share)
    const bucket = this.#buckets.get(group) ?? { tokens: burst, at: now }
    const refilled = bucket.tokens + ((now - bucket.at) / 1000) * group.sustained * this.#share
    const tokens = Math.min(burst, refilled)
    this.#buckets.set(group, { tokens: tokens < 1 ? tokens : tokens - 1, at: now })
    if (tokens < 1) throw new EcsError("ThrottlingException", "Rate exceeded")
  }
}
