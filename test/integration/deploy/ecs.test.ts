/** The ECS of test/support rolls out as the API reference says, seen by the real client and its waiters. */

import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs"
import {
  CreateClusterCommand,
  CreateServiceCommand,
  DeregisterTaskDefinitionCommand,
  DescribeServiceDeploymentsCommand,
  DescribeServiceRevisionsCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  type Service,
  StopServiceDeploymentCommand,
  StopTaskCommand,
  UpdateServiceCommand,
  waitUntilServicesStable,
  waitUntilTasksStopped,
} from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { AwsProxy } from "../../support/aws-proxy.ts"
import type { Behaviour } from "../../support/ecs/behaviour.ts"
import { Ecs } from "../../support/ecs/ecs.ts"
import type { Times } from "../../support/ecs/times.ts"
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
  const standing = async (rollback = true, desiredCount = 3, times: Partial<Times> = {}) => {
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
    ecs = await Ecs.open(proxy, ministack.client, { times })
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
    // It is told of as long as its tasks are on their way.
    await standing(true, 3, { stop: 100 })
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
    expect(await logged(stopped[0]?.taskArn)).to.deep.equal(["no database"])
  })

  describe("a deployment that can't", () => {
    const stoppedTasks = async (startedBy: string) => {
      const { taskArns: tasks } = await client.send(
        new ListTasksCommand({ cluster: CLUSTER, serviceName: "users", desiredStatus: "STOPPED", startedBy }),
      )
      return (await client.send(new DescribeTasksCommand({ cluster: CLUSTER, tasks }))).tasks ?? []
    }
    const cases: [string, Behaviour, string, RegExp, number?, RegExp?][] = [
      [
        "find its image",
        { kind: "not pullable" },
        "TaskFailedToStart",
        /^CannotPullContainerError: .*bbbb: not found$/,
      ],
      [
        "find its platform in the image index",
        { kind: "wrong platform", manifest: true },
        "TaskFailedToStart",
        /^CannotPullContainerError: .* matching platform 'linux\/amd64'$/,
      ],
      [
        "execute what is in its image",
        { kind: "wrong platform" },
        "EssentialContainerExited",
        /^Essential container in task exited$/,
        255,
        /exec format error$/,
      ],
      [
        "read its secrets",
        { kind: "not initialized" },
        "TaskFailedToStart",
        /^ResourceInitializationError: unable to pull secrets/,
      ],
      [
        "pass the load balancer's health checks",
        {
          kind: "fails its health check",
          reason: "Health checks failed with these codes: [503]",
          log: ["GET /health 503"],
        },
        "ServiceSchedulerInitiated",
        /^Task failed ELB health checks in \(target-group arn:aws:elasticloadbalancing:.*\)$/,
        0,
        /^GET \/health 503$/,
      ],
      [
        "keep its memory",
        { kind: "exits", code: 137, after: 0, reason: "OutOfMemoryError: Container killed due to memory usage" },
        "EssentialContainerExited",
        /^Essential container/,
        137,
      ],
    ]
    for (const [what, behaviour, stopCode, reason, exitCode, line] of cases) {
      it(`${what} fails, and its tasks tell why: ${stopCode}`, async () => {
        await standing()
        const id = await update(NEXT, behaviour)
        await ecs.until(() => ecs.milestones("users").failed !== undefined)
        await ecs.completed("users")
        const all = await stoppedTasks(id)
        const tasks = all.filter(({ stoppedReason = "" }) => reason.test(stoppedReason))
        expect(tasks).to.have.length.of.at.least(3)
        for (const task of tasks) {
          expect(task.stopCode).to.equal(stopCode)
          expect(task.containers?.[0]?.exitCode).to.equal(exitCode)
        }
        // What the breaker leaves of it is scaled in.
        for (const task of all.filter((one) => !tasks.includes(one))) {
          expect(task.stoppedReason).to.match(/^Scaling activity initiated by \(deployment ecs-svc\/\d+\)$/)
        }
        if (behaviour.kind === "exits") expect(tasks[0]?.containers?.[0]?.reason).to.equal(behaviour.reason)
        if (line !== undefined) expect((await logged(tasks[0]?.taskArn))[0]).to.match(line)
        expect((await described()).taskDefinition).to.match(/:1$/)
      })
    }

    it("be placed stays in progress with nothing pending, and says so as an event; the breaker does not see it", async () => {
      await standing()
      await update(NEXT, { kind: "no capacity" })
      const unplaced = () =>
        ecs
          .service("users")
          .events.filter(({ message }) => message?.includes("was unable to place a task. Reason: Capac"))
      await ecs.until(() => unplaced().length === 5)
      const { deployments, runningCount } = await described()
      expect(deployments?.[0]).to.include({
        rolloutState: "IN_PROGRESS",
        pendingCount: 0,
        runningCount: 0,
        failedTasks: 0,
      })
      expect(runningCount).to.equal(3)
    })

    it("be taken back, because that is not wanted, stays FAILED beside what ran before", async () => {
      await standing(false)
      const id = await update(NEXT, { kind: "not pullable" })
      await ecs.until(() => ecs.milestones("users").failed !== undefined)
      const { deployments, taskDefinition, runningCount } = await described()
      expect(deployments?.map(({ status, rolloutState }) => `${status} ${rolloutState}`)).to.deep.equal([
        "PRIMARY FAILED",
        "ACTIVE COMPLETED",
      ])
      expect([deployments?.[0]?.id, taskDefinition?.at(-1), runningCount]).to.deep.equal([id, "2", 3])
    })

    it("be watched by a waiter of stable services alone: that is content with what was rolled back", async () => {
      await standing()
      const id = await update(NEXT, { kind: "exits", code: 1 })
      await waitUntilServicesStable(waiter(), { cluster: CLUSTER, services: ["users"] })
      const { deployments } = await described()
      expect(deployments?.[0]?.id).not.to.equal(id)
    })
  })

  it("needs as many failed tasks as half of those wanted, and three at least", async () => {
    for (const [desiredCount, failures] of [
      [1, 3],
      [10, 5],
    ] as const) {
      await standing(true, desiredCount)
      await update(NEXT, { kind: "not pullable" })
      await ecs.until(() => ecs.milestones("users").failed !== undefined)
      const { currentServiceDeployment: arn = "" } = await described()
      const { serviceDeployments: [told] = [] } = await client.send(
        new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [arn] }),
      )
      expect(told?.deploymentCircuitBreaker).to.deep.equal({
        status: "TRIGGERED",
        failureCount: failures,
        threshold: failures,
      })
      expect(told?.rollback?.reason).to.match(/circuit breaker/)
      await ecs.close()
      await ministack.reset()
      await proxy.close()
      proxy = await AwsProxy.open(ministack.url)
      client = new ECSClient({ ...ministack.client, endpoint: proxy.url, maxAttempts: 1 })
    }
  })

  it("keeps all the tasks that are healthy while it rolls out, and never more than twice as many", async () => {
    await standing()
    const seen: [number, number][] = []
    await update(NEXT)
    await ecs.until(() => {
      const { tasks } = ecs.service("users")
      const alive = tasks.filter(({ desiredStatus }) => desiredStatus === "RUNNING")
      seen.push([alive.filter(({ healthy }) => healthy).length, alive.length])
      return ecs.milestones("users").completed !== undefined
    })
    expect(Math.min(...seen.map(([healthy]) => healthy))).to.equal(3)
    expect(Math.max(...seen.map(([, alive]) => alive))).to.equal(6)
  })

  it("stops one first where no more than all may run", async () => {
    await standing()
    const deploymentConfiguration = { minimumHealthyPercent: 60, maximumPercent: 100 }
    await client.send(new UpdateServiceCommand({ cluster: CLUSTER, service: "users", deploymentConfiguration }))
    expect((await described()).deploymentConfiguration?.deploymentCircuitBreaker).to.deep.equal({
      enable: true,
      rollback: true,
    })
    await update(NEXT)
    let most = 0
    await ecs.until(() => {
      most = Math.max(most, ecs.service("users").tasks.filter((one) => one.desiredStatus === "RUNNING").length)
      return ecs.milestones("users").completed !== undefined
    })
    expect(most).to.equal(3)
  })

  it("leaves one deployment for somebody else's, whose own is then the newest", async () => {
    await standing()
    const id = await update(NEXT, { kind: "healthy", slow: Number.POSITIVE_INFINITY })
    const theirs = await ecs.takeOver("users", GOOD)
    const { deployments, taskDefinition } = await described()
    expect(deployments?.map((one) => one.id))
      .to.include(theirs)
      .and.not.include(id)
    expect(taskDefinition).to.match(/:3$/)
    const { serviceDeployments = [] } = await client.send(
      new ListServiceDeploymentsCommand({ cluster: CLUSTER, service: "users" }),
    )
    expect(serviceDeployments.map(({ status }) => status)).to.deep.equal(["IN_PROGRESS", "STOPPED", "SUCCESSFUL"])
    await ecs.completed("users")
  })

  it("starts a deployment for what a stack update changes, and none for its own update", async () => {
    await standing()
    await update(NEXT)
    await ecs.completed("users")
    await described()
    expect(ecs.service("users").records).to.have.length(2)
    const behind = new ECSClient(ministack.client)
    const third = await definition(GOOD)
    await behind.send(new UpdateServiceCommand({ cluster: CLUSTER, service: "users", taskDefinition: third }))
    const { deployments } = await described()
    expect(deployments?.[0]).to.include({ status: "PRIMARY", rolloutState: "IN_PROGRESS", taskDefinition: third })
    behind.destroy()
    await ecs.completed("users")
  })

  it("rolls a service out that was made since, and changes its count", async () => {
    await client.send(new CreateClusterCommand({ clusterName: "empty" }))
    ecs = await Ecs.open(proxy, ministack.client)
    await client.send(
      new CreateServiceCommand({
        cluster: "empty",
        serviceName: "late",
        taskDefinition: await definition(GOOD),
        desiredCount: 1,
        launchType: "FARGATE",
      }),
    )
    const asked = { cluster: "empty", services: ["late"] }
    const { services: [late] = [] } = await client.send(new DescribeServicesCommand(asked))
    expect([late?.runningCount, late?.deployments?.[0]?.rolloutState]).to.deep.equal([0, "IN_PROGRESS"])
    await waitUntilServicesStable(waiter(), asked)
    await client.send(new UpdateServiceCommand({ cluster: "empty", service: "late", desiredCount: 4 }))
    await waitUntilServicesStable(waiter(), asked)
    const { services: [grown] = [] } = await client.send(new DescribeServicesCommand(asked))
    expect([grown?.runningCount, grown?.deployments?.length]).to.deep.equal([4, 1])
    expect(grown?.deployments?.[0]?.id).to.equal(late?.deployments?.[0]?.id)
  })

  it("tells a rollout that was stopped as rolled back, by its service deployment", async () => {
    await standing()
    await update(NEXT, { kind: "healthy", slow: Number.POSITIVE_INFINITY })
    const { currentServiceDeployment: serviceDeploymentArn = "" } = await described()
    await client.send(new StopServiceDeploymentCommand({ serviceDeploymentArn, stopType: "ROLLBACK" }))
    const describe = async () =>
      (await client.send(new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [serviceDeploymentArn] })))
        .serviceDeployments?.[0]
    expect((await describe())?.status).to.equal("ROLLBACK_IN_PROGRESS")
    await ecs.completed("users")
    const after = await describe()
    expect(after?.status).to.equal("ROLLBACK_SUCCESSFUL")
    const { serviceRevisions } = await client.send(
      new DescribeServiceRevisionsCommand({ serviceRevisionArns: [after?.rollback?.serviceRevisionArn ?? ""] }),
    )
    expect(serviceRevisions?.[0]?.taskDefinition).to.match(/:1$/)
    const again = new StopServiceDeploymentCommand({ serviceDeploymentArn })
    expect(await refused(again)).to.equal("ConflictException")
  })

  it("runs one-off tasks to the exit code of their family, once a client token", async () => {
    await standing()
    ecs.family("users-migrate", { kind: "exits", code: 7, log: ["relation users exists"] })
    const asked = {
      cluster: CLUSTER,
      taskDefinition: await definition(NEXT, "users-migrate"),
      networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"] } },
      clientToken: "release-1",
      startedBy: "perigee",
      tags: [{ key: "release", value: "1" }],
    }
    const { tasks } = await client.send(new RunTaskCommand(asked))
    const { tasks: again } = await client.send(new RunTaskCommand(asked))
    const taskArn = tasks?.[0]?.taskArn ?? ""
    expect(again?.map((one) => one.taskArn)).to.deep.equal([taskArn])
    expect(await refused(new RunTaskCommand({ ...asked, startedBy: "else" }))).to.equal("ConflictException")
    const one = { cluster: CLUSTER, tasks: [taskArn], include: ["TAGS" as const] }
    await waitUntilTasksStopped(waiter(), one)
    const { tasks: [task] = [] } = await client.send(new DescribeTasksCommand(one))
    expect(task?.containers?.[0]?.exitCode).to.equal(7)
    expect(task).to.include({ group: "family:users-migrate", startedBy: "perigee", lastStatus: "STOPPED" })
    expect(task?.tags).to.deep.equal(asked.tags)
    expect(await logged(taskArn)).to.deep.equal(["relation users exists"])
    const listed = await client.send(
      new ListTasksCommand({ cluster: CLUSTER, family: "users-migrate", desiredStatus: "STOPPED" }),
    )
    expect(listed.taskArns).to.deep.equal([taskArn])
  })

  it("stops a task by hand, and refuses what RunTask can't have", async () => {
    await standing()
    ecs.family("users-migrate", { kind: "exits", code: 0, after: Number.POSITIVE_INFINITY })
    const networkConfiguration = { awsvpcConfiguration: { subnets: ["subnet-1"] } }
    const asked = { cluster: CLUSTER, taskDefinition: await definition(NEXT, "users-migrate"), networkConfiguration }
    const { tasks } = await client.send(new RunTaskCommand(asked))
    const one = { cluster: CLUSTER, tasks: [tasks?.[0]?.taskArn ?? ""] }
    await ecs.until(() => ecs.tasks.some(({ lastStatus }) => lastStatus === "RUNNING"))
    await client.send(new StopTaskCommand({ cluster: CLUSTER, task: one.tasks[0], reason: "told to stop" }))
    await waitUntilTasksStopped(waiter(), one)
    const { tasks: [task] = [] } = await client.send(new DescribeTasksCommand(one))
    expect(task).to.include({ stopCode: "UserInitiated", stoppedReason: "told to stop" })
    const { networkConfiguration: _, ...without } = asked
    expect(await refused(new RunTaskCommand(without))).to.equal("InvalidParameterException")
    const overrides = { containerOverrides: [{ name: "nobody" }] }
    expect(await refused(new RunTaskCommand({ ...asked, overrides }))).to.equal("InvalidParameterException")
    expect(await refused(new RunTaskCommand({ ...asked, taskDefinition: "users-migrate:9" }))).to.equal(
      "ClientException",
    )
    ecs.family("users-migrate", { kind: "no capacity" })
    const { failures } = await client.send(new RunTaskCommand(asked))
    expect(failures?.[0]?.reason).to.match(/^Capacity is unavailable/)
  })

  it("refuses an unknown cluster, service and task definition, an inactive one, and what is denied", async () => {
    await standing()
    const of = { cluster: CLUSTER, service: "users" }
    const second = await definition(NEXT)
    await client.send(new DeregisterTaskDefinitionCommand({ taskDefinition: second }))
    expect([
      await refused(new UpdateServiceCommand({ ...of, cluster: "none" })),
      await refused(new UpdateServiceCommand({ ...of, service: "none" })),
      await refused(new UpdateServiceCommand({ ...of, taskDefinition: "users:9" })),
      await refused(new UpdateServiceCommand({ ...of, taskDefinition: second })),
      await refused(new DescribeTaskDefinitionCommand({ taskDefinition: "nothing" })),
      await refused(new ListTasksCommand({ cluster: CLUSTER, serviceName: "none" })),
    ]).to.deep.equal([
      "ClusterNotFoundException",
      "ServiceNotFoundException",
      "ClientException",
      "ClientException",
      "ClientException",
      "ServiceNotFoundException",
    ])
    const { failures } = await client.send(new DescribeServicesCommand({ cluster: CLUSTER, services: ["none"] }))
    expect(failures?.[0]).to.include({ reason: "MISSING" })
    ecs.denied.add("UpdateService")
    expect(await refused(new UpdateServiceCommand(of))).to.equal("AccessDeniedException")
    expect(ecs.service("users").records).to.have.length(1)
  })

  it("throttles beyond the published burst, and counts calls", async () => {
    await standing()
    ecs.calls.forget()
    ecs.throttle(0.1)
    const asked = Array.from({ length: 15 }, () =>
      refused(new DescribeServicesCommand({ cluster: CLUSTER, services: ["users"] })),
    )
    const answers = await Promise.all(asked)
    expect(answers.filter((name) => name === "ThrottlingException")).to.have.length.within(4, 5)
    expect(ecs.calls.of("DescribeServices")).to.equal(15)
    expect(ecs.calls.calls.filter(({ error }) => error === "ThrottlingException")).to.have.length.within(4, 5)
  })

  const refused = async (command: unknown): Promise<string> =>
    await client.send(command as never).then(
      () => "answered",
      (error: Error) => error.name,
    )
  const logged = async (taskArn = ""): Promise<string[]> => {
    const logs = new CloudWatchLogsClient(ministack.client)
    const logStreamName = `users/users/${taskArn.split("/").at(-1)}`
    const { events = [] } = await logs.send(new GetLogEventsCommand({ logGroupName: "/users", logStreamName }))
    logs.destroy()
    return events.map(({ message = "" }) => message)
  }
})
