/** Who runs as what, and what may start it: roles, images and secrets of workloads, and targets of rules and schedules. */
import type { AllowedRun } from "../../allowed.ts"
import type { Resource } from "../../templates/resolve.ts"
import { at, list, numberOf, textOf, type Value } from "../../templates/value.ts"
import { roleName, shortArn } from "../policy.ts"
import { each, type Failure, joinedOutcome, type Proof, type Subject } from "../proof.ts"

/** A role as the tables name it; what else stands there, as it is written. */
function roleOf(value: Value | undefined, { resolved }: Subject): string {
  const role = resolved.of(value)
  return role?.type === "AWS::IAM::Role" ? roleName(role, resolved) : `${textOf(value) ?? "none"}, of no template`
}

function differences(wanted: Readonly<Record<string, string>>, found: Readonly<Record<string, string>>): string[] {
  return Object.keys(wanted)
    .filter((key) => found[key] !== wanted[key])
    .map((key) => `its ${key} is ${found[key]}, not ${wanted[key]}`)
}

/** Compares everything of a type with the table, by name; a name that comes twice, or not at all, is told. */
function compareRuns(
  subject: Subject,
  kind: AllowedRun["kind"],
  resources: readonly Resource[],
  nameProperty: string,
  found: (resource: Resource) => Readonly<Record<string, string>>,
): { checked: number; failures: Failure[] } {
  const allowed = subject.allowed.runs.filter((one) => one.kind === kind)
  const seen = new Set<string>()
  const failures = resources.flatMap((resource): Failure[] => {
    const name = textOf(resource.properties[nameProperty]) ?? resource.address
    const told = (what: string) => ({ resource: resource.address, what })
    const twice = seen.has(name) ? [told(`another ${kind} is called ${name} too`)] : []
    seen.add(name)
    const run = allowed.find((one) => one.name === name)
    if (run === undefined) return [...twice, told(`the stage allows no ${kind} ${name}`)]
    return [...twice, ...differences(run.as, found(resource)).map(told)]
  })
  const missing = allowed.filter(({ name }) => !seen.has(name))
  return {
    checked: resources.length,
    failures: [
      ...failures,
      ...missing.map(({ name }) => ({
        resource: `allowed.runs ${name}`,
        what: `the templates make no ${kind} ${name}`,
      })),
    ],
  }
}

const runsAs: Proof = {
  id: "runs.as",
  claim:
    "Every task, service, function, schedule and flow log runs as the roles, the image and with the secrets that the stage says",
  holds: "Least privilege: a task and an execution role per service",
  needsStage: true,
  prove(subject) {
    const { resolved } = subject
    const short = (value: Value | undefined) => (value === undefined ? "none" : shortArn(value, resolved))
    const family = (value: Value | undefined) =>
      textOf(resolved.of(value)?.properties["Family"]) ?? `${textOf(value)}, of no template`
    const cluster = (value: Value | undefined) =>
      textOf(resolved.of(value)?.properties["ClusterName"]) ?? `${textOf(value)}, of no template`
    return joinedOutcome([
      compareRuns(subject, "task", resolved.ofType("AWS::ECS::TaskDefinition"), "Family", ({ properties }) => {
        const containers = list(properties["ContainerDefinitions"])
        const secrets = containers.flatMap((one) =>
          list(at(one, "Secrets")).map((each) => `${textOf(at(each, "Name"))}=${short(at(each, "ValueFrom"))}`),
        )
        return {
          "task role": roleOf(properties["TaskRoleArn"], subject),
          "execution role": roleOf(properties["ExecutionRoleArn"], subject),
          image: containers.map((one) => textOf(at(one, "Image"))).join(" and "),
          secrets: secrets.sort().join(" ") || "none",
          command: containers.flatMap((one) => list(at(one, "Command")).map(textOf)).join(" ") || "none",
        }
      }),
      compareRuns(subject, "service", resolved.ofType("AWS::ECS::Service"), "ServiceName", ({ properties }) => ({
        task: family(properties["TaskDefinition"]),
        cluster: cluster(properties["Cluster"]),
      })),
      compareRuns(subject, "function", resolved.ofType("AWS::Lambda::Function"), "FunctionName", ({ properties }) => ({
        role: roleOf(properties["Role"], subject),
      })),
      compareRuns(subject, "schedule", resolved.ofType("AWS::Scheduler::Schedule"), "Name", ({ properties }) => ({
        role: roleOf(at(properties, "Target", "RoleArn"), subject),
        task: family(at(properties, "Target", "EcsParameters", "TaskDefinitionArn")),
        cluster: cluster(at(properties, "Target", "Arn")),
      })),
      each(resolved.ofType("AWS::EC2::FlowLog"), ({ properties }) => [
        ...(roleOf(properties["DeliverLogsPermissionArn"], subject) === "network/FlowLogsRole"
          ? []
          : [`its role is ${roleOf(properties["DeliverLogsPermissionArn"], subject)}, not network/FlowLogsRole`]),
      ]),
    ])
  },
}

const targets: Proof = {
  id: "runs.targets",
  claim: "A rule tells topics of these templates alone, and a schedule starts tasks in a cluster of them alone",
  holds: "Least privilege: nothing starts or hears what it should not",
  prove: ({ resolved }) =>
    joinedOutcome([
      each(resolved.ofType("AWS::Events::Rule"), ({ properties }) =>
        list(properties["Targets"])
          .filter((one) => resolved.of(at(one, "Arn"))?.type !== "AWS::SNS::Topic")
          .map((one) => `its target ${textOf(at(one, "Arn")) ?? textOf(one)} is no topic of these templates`),
      ),
      each(resolved.ofType("AWS::Scheduler::Schedule"), ({ properties }) => {
        const target = properties["Target"]
        return [
          ...(resolved.of(at(target, "Arn"))?.type === "AWS::ECS::Cluster"
            ? []
            : [`its target ${textOf(at(target, "Arn"))} is no cluster of these templates`]),
          ...(resolved.of(at(target, "EcsParameters", "TaskDefinitionArn"))?.type === "AWS::ECS::TaskDefinition"
            ? []
            : ["it starts no task definition of these templates"]),
          ...(at(target, "Input") === undefined ? [] : ["its Input says what runs: only the definition may"]),
        ]
      }),
      each(resolved.ofType("AWS::EC2::FlowLog"), ({ properties }) =>
        textOf(properties["LogDestinationType"]) === "cloud-watch-logs" &&
        properties["LogDestination"] === undefined &&
        resolved.of(properties["LogGroupName"])?.type === "AWS::Logs::LogGroup"
          ? undefined
          : "it writes to no log group of these templates",
      ),
    ]),
}

const permissions: Proof = {
  id: "runs.invoked",
  claim: "No function may be invoked by way of a policy of its own: none has a permission or an address",
  holds: "The Lambda is invoked by the account's own roles alone",
  prove: ({ resolved }) => ({
    checked: resolved.ofType("AWS::Lambda::Function").length,
    failures: [
      ...["AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::Lambda::LayerVersionPermission"].flatMap((type) =>
        resolved.ofType(type).map(({ address, properties }) => ({
          resource: address,
          what: `lets ${textOf(properties["Principal"]) ?? "whoever knows its address"} invoke a function: none is allowed to`,
        })),
      ),
      ...resolved
        .ofType("AWS::Lambda::Function")
        .filter(({ properties }) => list(properties["Layers"]).length > 0)
        .map(({ address }) => ({ resource: address, what: "its Layers bring code that the pipeline did not build" })),
    ],
  }),
}

const host: Proof = {
  id: "runs.apart",
  claim: "Every task has a network and processes of its own, on Fargate",
  holds: "On ECS Fargate",
  prove: ({ resolved }) =>
    joinedOutcome([
      each(resolved.ofType("AWS::ECS::TaskDefinition"), ({ properties }) => [
        ...(textOf(properties["NetworkMode"]) === "awsvpc"
          ? []
          : [`its NetworkMode is ${textOf(properties["NetworkMode"]) ?? "not set"}, not awsvpc`]),
        ...(list(properties["RequiresCompatibilities"]).map(textOf).join() === "FARGATE"
          ? []
          : ["its RequiresCompatibilities are not FARGATE alone"]),
        ...(["PidMode", "IpcMode"] as const)
          .filter((key) => properties[key] !== undefined)
          .map((key) => `its ${key} is ${textOf(properties[key])}: it shares what is another's`),
      ]),
      each(resolved.ofType("AWS::ECS::Service"), ({ properties }) =>
        textOf(properties["LaunchType"]) === "FARGATE" ? undefined : "its LaunchType is not FARGATE",
      ),
    ]),
}

const scalingFree: Proof = {
  id: "runs.scaling-free",
  claim: "Nothing holds scaling up, or takes it below its limits by the clock, and targets can be reached",
  holds: "Scaling on demand",
  prove: ({ resolved }) =>
    joinedOutcome([
      each(resolved.ofType("AWS::ApplicationAutoScaling::ScalableTarget"), ({ properties }) => [
        ...(properties["SuspendedState"] === undefined ? [] : ["its SuspendedState holds scaling up"]),
        ...(list(properties["ScheduledActions"]).length === 0 ? [] : ["its ScheduledActions move its limits"]),
      ]),
      each(resolved.ofType("AWS::ApplicationAutoScaling::ScalingPolicy"), ({ properties }) => {
        const tracking = properties["TargetTrackingScalingPolicyConfiguration"]
        const metric = textOf(at(tracking, "PredefinedMetricSpecification", "PredefinedMetricType")) ?? ""
        const value = numberOf(at(tracking, "TargetValue"))
        return metric.endsWith("CPUUtilization") && !(value !== undefined && value > 0 && value < 100)
          ? `its target of ${value ?? "no known"} % CPU is never reached`
          : undefined
      }),
    ]),
}

export const RUNS: readonly Proof[] = [runsAs, targets, permissions, host, scalingFree]
