/** DescribeClusters: the emulator's own, with the tasks and services of here. Source: ECS API reference, Cluster. */
import type { Cluster } from "@aws-sdk/client-ecs"
import type { Action } from "./action.ts"

export const describeClusters: Action<object> = async (_input, { fleet, passed }) => {
  const { clusters = [] } = passed.body as { clusters?: Cluster[] }
  const counted = clusters.map((cluster) => {
    const tasks = fleet.allTasks.filter(({ options }) => options.clusterArn === cluster.clusterArn)
    const running = tasks.filter(({ lastStatus }) => lastStatus === "RUNNING").length
    const pending = tasks.filter(({ lastStatus }) => ["PROVISIONING", "PENDING", "ACTIVATING"].includes(lastStatus))
    const services = [...fleet.services.values()].filter(({ of }) => of.clusterArn === cluster.clusterArn)
    return {
      ...cluster,
      runningTasksCount: running,
      pendingTasksCount: pending.length,
      activeServicesCount: services.length,
    }
  })
  return { ...passed.body, clusters: counted }
}
