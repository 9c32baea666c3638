/** Writes what a container says into its awslogs stream, as its log configuration names it. */
import {
  CloudWatchLogsClient,
  type CloudWatchLogsClientConfig,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs"
import type { ContainerDefinition } from "@aws-sdk/client-ecs"

export class LogStreams {
  readonly #client: CloudWatchLogsClient

  constructor(settings: CloudWatchLogsClientConfig) {
    this.#client = new CloudWatchLogsClient(settings)
  }

  /** Stream `<prefix>/<container>/<task>`. Source: ECS developer guide, “Send Amazon ECS logs to CloudWatch”. */
  async write(
    taskId: string,
    { name, logConfiguration }: ContainerDefinition,
    lines: readonly string[],
    at: number,
  ): Promise<void> {
    const options = logConfiguration?.options ?? {}
    const logGroupName = options["awslogs-group"]
    if (logConfiguration?.logDriver !== "awslogs" || logGroupName === undefined || lines.length === 0) return
    const logStreamName = `${options["awslogs-stream-prefix"] ?? "ecs"}/${name}/${taskId}`
    const there = (error: Error) => {
      if (error.name !== "ResourceAlreadyExistsException") throw error
    }
    await this.#client.send(new CreateLogGroupCommand({ logGroupName })).catch(there)
    await this.#client.send(new CreateLogStreamCommand({ logGroupName, logStreamName })).catch(there)
    const logEvents = lines.map((message) => ({ timestamp: Math.round(at), message }))
    await this.#client.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }))
  }

  destroy(): void {
    this.#client.destroy()
  }
}
