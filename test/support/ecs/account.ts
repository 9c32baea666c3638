/** What the emulator behind knows of ECS: clusters, services as CloudFormation made them, and all task definitions. */
import {
  DescribeClustersCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  type ECSClientConfig,
  ListClustersCommand,
  paginateListServices,
  type Service as ServiceView,
  type Tag,
  type TaskDefinition,
} from "@aws-sdk/client-ecs"
import { EcsError } from "./ecs-error.ts"

export class Account {
  readonly client: ECSClient
  /** By what they were asked for with. */
  readonly #clusters = new Map<string, string>()

  constructor(settings: ECSClientConfig) {
    this.client = new ECSClient(settings)
  }

  async clusterArns(): Promise<string[]> {
    const { clusterArns = [] } = await this.client.send(new ListClustersCommand({}))
    return clusterArns
  }

  /** @throws EcsError ClusterNotFoundException */
  async clusterArn(cluster = "default"): Promise<string> {
    const known = this.#clusters.get(cluster)
    if (known !== undefined) return known
    const { clusters = [] } = await this.client.send(new DescribeClustersCommand({ clusters: [cluster] }))
    const arn = clusters.find(({ status }) => status === "ACTIVE")?.clusterArn
    if (arn === undefined) throw new EcsError("ClusterNotFoundException", "Cluster not found.")
    this.#clusters.set(cluster, arn)
    return arn
  }

  /** @param names all of the cluster's, where it is left out */
  async services(cluster: string, names?: readonly string[]): Promise<ServiceView[]> {
    const found: ServiceView[] = []
    let asked = names ?? []
    if (names === undefined) {
      const arns: string[] = []
      for await (const { serviceArns = [] } of paginateListServices({ client: this.client }, { cluster })) {
        arns.push(...serviceArns)
      }
      asked = arns
    }
    for (let at = 0; at < asked.length; at += 10) {
      const services = asked.slice(at, at + 10)
      const { services: some = [] } = await this.client.send(
        new DescribeServicesCommand({ cluster, services, include: ["TAGS"] }),
      )
      found.push(...some)
    }
    return found
  }

  /** @throws EcsError ClientException, with the message of the action that needs it */
  async taskDefinition(
    reference: string,
    message = "TaskDefinition not found.",
  ): Promise<{ taskDefinition: TaskDefinition; tags: Tag[] }> {
    const answer = await this.client
      .send(new DescribeTaskDefinitionCommand({ taskDefinition: reference, include: ["TAGS"] }))
      .catch((error: Error) => {
        if (error.name === "ClientException") throw new EcsError("ClientException", message)
        throw error
      })
    return { taskDefinition: answer.taskDefinition as TaskDefinition, tags: answer.tags ?? [] }
  }

  destroy(): void {
    this.client.destroy()
  }
}
