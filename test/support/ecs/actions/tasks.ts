/** Tasks: those of services, and one-off tasks. Source: ECS API reference, the pages of the four actions. */
import type {
  DescribeTasksRequest,
  ListTasksRequest,
  RunTaskRequest,
  StopTaskRequest,
  TaskDefinition,
} from "@aws-sdk/client-ecs"
import { EcsError } from "../ecs-error.ts"
import type { Fleet } from "../fleet.ts"
import { arnBeside, nameIn } from "../ids.ts"
import { page } from "../page.ts"
import { Task } from "../task.ts"
import { NO_CAPACITY } from "../wording.ts"
import type { Action } from "./action.ts"

const invalid = (message: string) => new EcsError("InvalidParameterException", message)

export const listTasks: Action<ListTasksRequest> = async (input, { fleet }) => {
  const { cluster, serviceName, family, startedBy, desiredStatus = "RUNNING" } = input
  const clusterArn = await fleet.account.clusterArn(cluster)
  let group: string | undefined
  if (serviceName !== undefined) {
    await fleet.inTurn(() => fleet.look(clusterArn, [serviceName]))
    group = `service:${fleet.service(serviceName, clusterArn).name}`
  }
  const found = fleet.allTasks.filter(
    (task) =>
      task.options.clusterArn === clusterArn &&
      task.desiredStatus === desiredStatus &&
      (group === undefined || task.options.group === group) &&
      (family === undefined || task.options.taskDefinition.family === family) &&
      (startedBy === undefined || task.options.startedBy === startedBy),
  )
  const { items, nextToken } = page(found, input)
  return { taskArns: items.map(({ arn }) => arn), nextToken }
}

export const describeTasks: Action<DescribeTasksRequest> = async ({ cluster, tasks = [], include = [] }, { fleet }) => {
  const clusterArn = await fleet.account.clusterArn(cluster)
  if (tasks.length === 0) throw invalid("Tasks cannot be empty.")
  if (tasks.length > 100) throw invalid("Tasks cannot be more than 100.")
  const found = tasks.map((reference) => [reference, taskOf(fleet, clusterArn, reference)] as const)
  const missing = (reference: string) =>
    reference.startsWith("arn:") ? reference : arnBeside(clusterArn, `task/${nameIn(clusterArn)}/${reference}`)
  return {
    tasks: found.flatMap(([, task]) => (task === undefined ? [] : [task.view(include)])),
    failures: found.flatMap(([one, task]) => (task === undefined ? [{ arn: missing(one), reason: "MISSING" }] : [])),
  }
}

export const stopTask: Action<StopTaskRequest> = async ({ cluster, task: reference = "", reason }, { fleet }) => {
  const task = taskOf(fleet, await fleet.account.clusterArn(cluster), reference)
  if (task === undefined) throw invalid("The referenced task was not found.")
  task.stop("UserInitiated", reason ?? "Task stopped by user", 143)
  return { task: task.view() }
}

/** By client token: what was asked with it, and the tasks that came of it. */
const tokens = new WeakMap<Fleet, Map<string, { readonly asked: string; readonly tasks: readonly Task[] }>>()

export const runTask: Action<RunTaskRequest> = async (input, { fleet }) => {
  const { cluster, taskDefinition: reference = "", count = 1, clientToken, networkConfiguration, overrides } = input
  const clusterArn = await fleet.account.clusterArn(cluster)
  const of = tokens.get(fleet) ?? new Map()
  tokens.set(fleet, of)
  const asked = JSON.stringify({ ...input, clientToken: "" })
  const before = clientToken === undefined ? undefined : of.get(clientToken)
  if (before !== undefined) {
    if (before.asked === asked) return { tasks: before.tasks.map((task: Task) => task.view(["TAGS"])), failures: [] }
    const resourceIds = before.tasks.map(({ arn }: Task) => arn)
    const message = "The RunTask request could not be processed due to conflicts."
    throw new EcsError("ConflictException", `${message} The clientToken is already in use.`, { resourceIds })
  }
  const { taskDefinition, tags } = await fleet.account.taskDefinition(reference, "TaskDefinition not found.")
  check(input, taskDefinition)
  const [container] = taskDefinition.containerDefinitions ?? []
  const behaviour = fleet.behaviours.oneOff(taskDefinition.family ?? "", container?.image ?? "")
  if (behaviour.kind === "no capacity") return { tasks: [], failures: [{ reason: NO_CAPACITY }] }
  const begun = Array.from(
    { length: count },
    () =>
      new Task(
        {
          clusterArn,
          taskDefinition,
          behaviour,
          group: input.group ?? `family:${taskDefinition.family}`,
          startedBy: input.startedBy,
          tags: [...(input.propagateTags === "TASK_DEFINITION" ? tags : []), ...(input.tags ?? [])],
          overrides: {
            ...overrides,
            containerOverrides:
              overrides?.containerOverrides ?? taskDefinition.containerDefinitions?.map(({ name }) => ({ name })),
          },
          subnets: networkConfiguration?.awsvpcConfiguration?.subnets,
          platformVersion: input.platformVersion,
          changed: () => fleet.changed(),
        },
        fleet.in,
      ),
  )
  fleet.tasks.push(...begun)
  if (clientToken !== undefined) of.set(clientToken, { asked, tasks: begun })
  return { tasks: begun.map((task) => task.view(["TAGS"])), failures: [] }
}

/** @throws EcsError what RunTask refuses */
function check(input: RunTaskRequest, taskDefinition: TaskDefinition): void {
  if (taskDefinition.status === "INACTIVE") throw new EcsError("ClientException", "TaskDefinition is inactive")
  const { count = 1, startedBy = "", networkConfiguration } = input
  if (count < 1 || count > 10) throw invalid("Count must be between 1 and 10.")
  if (startedBy.length > 128) throw invalid("startedBy cannot be longer than 128 characters.")
  if (
    taskDefinition.networkMode === "awsvpc" &&
    networkConfiguration?.awsvpcConfiguration?.subnets?.[0] === undefined
  ) {
    throw invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
  }
  const names = (taskDefinition.containerDefinitions ?? []).map(({ name }) => name)
  for (const { name } of input.overrides?.containerOverrides ?? []) {
    if (names.includes(name)) continue
    throw invalid(`Override for container named ${name} is not a container in the TaskDefinition.`)
  }
}

function taskOf(fleet: Fleet, clusterArn: string, reference: string): Task | undefined {
  return fleet.allTasks.find(({ arn, id, options }) =>
    reference.startsWith("arn:") ? arn === reference : id === reference && options.clusterArn === clusterArn,
  )
}
