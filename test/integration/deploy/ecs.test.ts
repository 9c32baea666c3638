/** The ECS of test/support rolls out as the API reference says, seen by the real client and its waiters. */

import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs"
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DescribeServicesCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type Service,
  UpdateServiceCommand,
  waitUntilServicesStable,
  waitUntilTasksStopped,
} from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { AwsProxy } from "../../support/aws-proxy.ts"
import type { Behaviour } from "../../support/ecs/behaviour.ts"
import { Ecs } from "../../support/ecs/ecs.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const CLUSTER = "platform"
const GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/users/0123456789abcdef"
const REPOSITORY = "000000000000.dkr.ecr.us-east-1.amazonaws.com/users"
const GOOD = `${REPOSITORY}@sha256:${"a".repeat(64)}`
const NEXT = `${REPOSITORY}@sha256:${"b".repeat(64)}`

describeWith([python], "the ECS of test/support", function () {
  this.timeout(60_000)
  let ministack: Ministack
  let proxy: AwsProxy
  let ecs: Ecs
  let client: ECSClient

  before(async () => {
    ministack = await startMinistack()
  })
  after(() => ministack?.close())
  beforeEach(async () => {
    proxy = await AwsProxy.open(ministack.url)
    client = new ECSClient({ ...ministack.client, endpoint: proxy.url, maxAttempts: 1 })
  })
  afterEach(async () => {
    await ecs?.close()
    client?.destroy()
    await proxy?.close()
    await ministack.reset()
  })

  const definition = async (image: string, family = "users") => {
    const { taskDefinition } = await client.send(
      new RegisterTaskDefinitionCommand({
        family,
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
        containerDefinitions: [
          {
            name: "users",
            image,
            portMappings: [{ containerPort: 1010 }],
            logConfiguration: {
              logDriver: "awslogs",
              options: { "awslogs-group": "/users", "awslogs-stream-prefix": "users", "awslogs-region": "us-east-1" },
            },
          },
        ],
      }),
    )
    return taskDefinition?.taskDefinitionArn as string
  }
  /** A service of three tasks, which runs. */
  const standing = async (rollback = true, desiredCount = 3) => {
    await client.send(new CreateClusterCommand({ clusterName: CLUSTER }))
    await client.send(
      new CreateServiceCommand({
        cluster: CLUSTER,
        serviceName: "users",
        taskDefinition: await definition(GOOD),
        desiredCount,
        launchType: "FARGATE",
        loadBalancers: [{ targetGroupArn: GROUP, containerName: "users", containerPort: 1010 }],
        networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"], securityGroups: ["sg-1"] } },
        deploymentConfiguration: {
          maximumPercent: 200,
          minimumHealthyPercent: 100,
          deploymentCircuitBreaker: { enable: true, rollback },
        },
      }),
    )
    ecs = await Ecs.open(proxy, ministack.client)
  }
  const described = async (): Promise<Service> => {
    const { services = [] } = await client.send(new DescribeServicesCommand({ cluster: CLUSTER, services: ["users"] }))
    return services[0] as Service
  }
  const update = async (image: string, behaviour?: Behaviour) => {
    if (behaviour !== undefined) ecs.image(image, behaviour)
    const { service } = await client.send(
      new UpdateServiceCommand({ cluster: CLUSTER, service: "users", taskDefinition: await definition(image) }),
    )
    return service?.deployments?.[0]?.id as string
  }
  const waiter = () => ({ client, maxWaitTime: 30, minDelay: 0.02, maxDelay: 0.05 })

  it("takes a service that is there for running, and rolls another image out until it alone runs", async () => {
    await standing()
    const before = await described()
    expect([before.runningCount, before.deployments?.length]).to.deep.equal([3, 1])
    const id = await update(NEXT)
    const during = await described()
    expect(during.deployments?.map(({ status, rolloutState }) => `${status} ${rolloutState}`)).to.deep.equal([
      "PRIMARY IN_PROGRESS",
      "ACTIVE COMPLETED",
    ])
    await waitUntilServicesStable(waiter(), { cluster: CLUSTER, services: ["users"] })
    await ecs.completed("users")
    const after = await described()
    expect(after.deployments).to.have.length(1)
    expect(after.deployments?.[0]).to.include({
      id,
      status: "PRIMARY",
      rolloutState: "COMPLETED",
      rolloutStateReason: `ECS deployment ${id} completed.`,
      runningCount: 3,
      pendingCount: 0,
    })
    expect(after.events?.[0]?.message).to.equal("(service users) has reached a steady state.")
  })

  it("rolls back by the circuit breaker after three tasks that exit, with their exit code and log lines", async () => {
    await standing()
    const good = (await described()).deployments?.[0]?.id
    const id = await update(NEXT, { kind: "exits", code: 3, log: ["no database"] })
    await ecs.until(() => ecs.milestones("users").failed !== undefined)
    const failed = (await described()).deployments?.find((one) => one.id === id)
    expect(failed).to.include({
      rolloutState: "FAILED",
      rolloutStateReason: "ECS deployment circuit breaker: tasks failed to start.",
      failedTasks: 3,
    })
    await ecs.completed("users")
    const { deployments, events, taskDefinition } = await described()
    expect(deployments?.map(({ rolloutState }) => rolloutState)).to.deep.equal(["COMPLETED"])
    expect(deployments?.[0]?.taskDefinition).to.equal(taskDefinition).and.to.match(/:1$/)
    const messages = events?.map(({ message }) => message) ?? []
    expect(messages).to.include(`(service users) (deployment ${id}) deployment failed: tasks failed to start.`)
    expect(messages).to.include(`(service users) rolling back to deployment ${good}.`)
    const { taskArns: tasks } = await client.send(
      new ListTasksCommand({ cluster: CLUSTER, serviceName: "users", desiredStatus: "STOPPED", startedBy: id }),
    )
    const { tasks: stopped = [] } = await client.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks }))
    expect(stopped[0]).to.include({
      stopCode: "EssentialContainerExited",
      stoppedReason: "Essential container in task exited",
    })
    expect(stopped[0]?.containers?.[0]?.exitCode).to.equal(3)
    const logs = new CloudWatchLogsClient(ministack.client)
    const { events: lines } = await logs.send(
      new GetLogEventsCommand({
        logGroupName: "/users",
        logStreamName: `users/users/${stopped[0]?.taskArn?.split("/").at(-1)}`,
      }),
    )
    expect(lines?.map(({ message }) => message)).to.deep.equal(["no database"])
  })

  it("runs a one-off task to the exit code of its family", async () => {
    await standing()
    ecs.family("users-migrate", { kind: "exits", code: 7 })
    const { tasks } = await client.send(
      new RunTaskCommand({
        cluster: CLUSTER,
        taskDefinition: await definition(GOOD, "users-migrate"),
        networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"] } },
      }),
    )
    const asked = { cluster: CLUSTER, tasks: [tasks?.[0]?.taskArn ?? ""] }
    await waitUntilTasksStopped(waiter(), asked)
    const { tasks: [task] = [] } = await client.send(new DescribeTasksCommand(asked))
    expect(task?.containers?.[0]?.exitCode).to.equal(7)
  })
})
