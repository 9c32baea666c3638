/** What must hold of what runs: over all zones, scaling within limits, taken back when a deployment fails, hardened. */
import type { Resource } from "../../templates/resolve.ts"
import { at, flagOf, isProperties, list, numberOf, textOf, type Value } from "../../templates/value.ts"
import { each, joinedOutcome, type Proof, type Subject } from "../proof.ts"

const services = ({ resolved }: Subject) => resolved.ofType("AWS::ECS::Service")

/** The scalable target of a service, whose id is `service/<cluster>/<name>`. */
function scalingOf(service: Resource, { resolved }: Subject): Resource | undefined {
  return resolved.ofType("AWS::ApplicationAutoScaling::ScalableTarget").find(({ properties }) => {
    const text = textOf(properties["ResourceId"]) ?? ""
    return text.includes(`<${service.address}.Name>`) || text.endsWith(`/${textOf(service.properties["ServiceName"])}`)
  })
}

const zones: Proof = {
  id: "compute.zones",
  claim:
    "Every service stands in two zones at least, in production in three, and tasks are spread over them anew when one was away",
  holds: "On ECS Fargate over all zones",
  prove: (subject) =>
    each(services(subject), (service) => {
      const thing = subject.network.things.find(({ resources: [one] }) => one === service)
      const there = new Set(thing?.interfaces.map(({ subnet }) => subnet.zone)).size
      const wanted = subject.stage?.zones.length ?? 2
      return [
        ...(there >= wanted ? [] : [`its subnets are in ${there} zones, not ${wanted}`]),
        ...(textOf(service.properties["AvailabilityZoneRebalancing"]) === "ENABLED"
          ? []
          : ["its AvailabilityZoneRebalancing is not ENABLED"]),
      ]
    }),
}

const scaling: Proof = {
  id: "compute.scaling",
  claim:
    "Every service scales between the stage's limits, at least two tasks (three in production), on CPU and on requests",
  holds:
    "Scaling on demand: target tracking on CPU and on requests per target, minimum 2 (production 3), maximum configurable",
  prove: (subject) =>
    each(services(subject), (service) => {
      const target = scalingOf(service, subject)
      if (target === undefined) return "nothing scales it: no scalable target is for it"
      const name = textOf(service.properties["ServiceName"]) ?? ""
      const settings = Object.entries(subject.stage?.services ?? {}).find(([one]) => one === name)?.[1]
      const least = numberOf(target.properties["MinCapacity"]) ?? 0
      const most = numberOf(target.properties["MaxCapacity"]) ?? 0
      const floor = subject.stage?.name === "production" ? 3 : 2
      const tracked = subject.resolved
        .ofType("AWS::ApplicationAutoScaling::ScalingPolicy")
        .filter(({ properties }) => subject.resolved.of(properties["ScalingTargetId"]) === target)
        .map(({ properties }) =>
          textOf(
            at(
              properties,
              "TargetTrackingScalingPolicyConfiguration",
              "PredefinedMetricSpecification",
              "PredefinedMetricType",
            ),
          ),
        )
      return [
        ...(least >= floor ? [] : [`${target.address}: its MinCapacity is ${least}, less than ${floor}`]),
        ...(settings === undefined || least === settings.minimum
          ? []
          : [`${target.address}: its MinCapacity is ${least}, not ${settings.minimum}`]),
        ...(settings === undefined || most === settings.maximum
          ? []
          : [`${target.address}: its MaxCapacity is ${most}, not ${settings.maximum}`]),
        ...(most > least ? [] : [`${target.address}: it can't grow beyond ${most}`]),
        ...["ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"].flatMap((metric) =>
          tracked.includes(metric) ? [] : [`${target.address}: no policy tracks ${metric}`],
        ),
      ]
    }),
}

const circuitBreaker: Proof = {
  id: "compute.circuit-breaker",
  claim: "A deployment that fails, or during which the service's alarm goes off, is taken back by itself",
  holds: "Deployment circuit breaker with rollback and alarms",
  prove: (subject) =>
    each(services(subject), ({ properties }) => {
      const deployment = properties["DeploymentConfiguration"]
      const on = (...path: string[]) => flagOf(at(deployment, ...path)) === true
      return [
        ...(on("DeploymentCircuitBreaker", "Enable") && on("DeploymentCircuitBreaker", "Rollback")
          ? []
          : ["its circuit breaker does not roll back"]),
        ...(on("Alarms", "Enable") &&
        on("Alarms", "Rollback") &&
        list(at(deployment, "Alarms", "AlarmNames")).length > 0
          ? []
          : ["no alarm takes its deployments back"]),
      ]
    }),
}

const noShortage: Proof = {
  id: "compute.no-shortage",
  claim: "While a deployment goes on, no fewer tasks are ready than are wanted",
  holds: "Reliable deployments",
  prove: (subject) =>
    each(services(subject), ({ properties }) => {
      const least = numberOf(at(properties, "DeploymentConfiguration", "MinimumHealthyPercent")) ?? 0
      const most = numberOf(at(properties, "DeploymentConfiguration", "MaximumPercent")) ?? 0
      return least >= 100 && most > 100
        ? undefined
        : `its healthy percent goes from ${least} to ${most}, not from 100 up`
    }),
}

const noShell: Proof = {
  id: "compute.no-shell",
  claim: "Nobody gets a shell in a task: ECS Exec is off",
  holds: "Least privilege",
  prove: (subject) =>
    joinedOutcome([
      each(services(subject), ({ properties }) => shellWith(properties["EnableExecuteCommand"])),
      each(subject.resolved.ofType("AWS::Scheduler::Schedule"), ({ properties }) =>
        shellWith(at(properties, "Target", "EcsParameters", "EnableExecuteCommand")),
      ),
    ]),
}

function shellWith(enabled: Value | undefined): string | undefined {
  return enabled === undefined || flagOf(enabled) === false
    ? undefined
    : `its EnableExecuteCommand is ${textOf(enabled)}`
}

const hardened: Proof = {
  id: "compute.hardened",
  claim:
    "Every container runs as a user who is not root, on a root file system that can't be written, with no capability",
  holds: "Non-root, read-only root",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ECS::TaskDefinition"), ({ properties }) =>
      list(properties["ContainerDefinitions"]).flatMap((container) => {
        const name = textOf(at(container, "Name"))
        const user = textOf(at(container, "User"))
        return [
          ...(user !== undefined && !/^(\s*[-+]?0*|root)(:|$)|:(0+|root)$/.test(user)
            ? []
            : [`${name} runs as ${user ?? "whoever the image says"}`]),
          ...(flagOf(at(container, "ReadonlyRootFilesystem")) === true
            ? []
            : [`${name} may write its root file system`]),
          ...(flagOf(at(container, "Privileged")) === true ? [`${name} is privileged`] : []),
          ...(list(at(container, "LinuxParameters", "Capabilities", "Drop"))
            .map(textOf)
            .includes("ALL")
            ? []
            : [`${name} keeps capabilities`]),
          ...(list(at(container, "LinuxParameters", "Capabilities", "Add")).length > 0
            ? [`${name} is given capabilities`]
            : []),
        ]
      }),
    ),
}

const lowPorts: Proof = {
  id: "compute.low-ports",
  claim: "Where a container listens under 1024 its kernel lets a user who is not root do so, and nowhere else",
  holds: "systemControls where port 1010 needs it",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ECS::TaskDefinition"), ({ properties }) =>
      list(properties["ContainerDefinitions"]).flatMap((container) => {
        const ports = list(at(container, "PortMappings")).flatMap((one) => numberOf(at(one, "ContainerPort")) ?? [])
        const lowest = Math.min(1024, ...ports)
        const control = list(at(container, "SystemControls")).find(
          (one) => textOf(at(one, "Namespace")) === "net.ipv4.ip_unprivileged_port_start",
        )
        const start = numberOf(at(control, "Value")) ?? 1024
        if (start > lowest)
          return [
            `${textOf(at(container, "Name"))} listens on ${lowest}, which needs ip_unprivileged_port_start ${lowest}, not ${start}`,
          ]
        return start < lowest
          ? [`${textOf(at(container, "Name"))} may listen from ${start} on, and needs ${lowest}`]
          : []
      }),
    ),
}

const separateRoles: Proof = {
  id: "compute.roles-apart",
  claim:
    "Every task definition has a task role and an execution role, which are not the same and no other definition's",
  holds: "Least privilege: a task and an execution role per service",
  prove: ({ resolved }) => {
    const owner = new Map<Resource, Resource>()
    return each(resolved.ofType("AWS::ECS::TaskDefinition"), (definition) => {
      const task = resolved.of(definition.properties["TaskRoleArn"])
      const execution = resolved.of(definition.properties["ExecutionRoleArn"])
      const found: string[] = []
      if (task === undefined || execution === undefined)
        found.push("it lacks a task role or an execution role of these templates")
      if (task !== undefined && task === execution) found.push(`its task runs with its execution role ${task.address}`)
      for (const role of new Set([task, execution])) {
        if (role === undefined) continue
        const other = owner.get(role)
        if (other !== undefined) found.push(`shares ${role.address} with ${other.address}`)
        owner.set(role, definition)
      }
      return found
    })
  },
}

const taskLogs: Proof = {
  id: "compute.logs",
  claim: "Every container and function writes its log to a log group of these templates",
  holds: "Logs",
  prove: ({ resolved }) => {
    const definitions = each(resolved.ofType("AWS::ECS::TaskDefinition"), ({ properties }) =>
      list(properties["ContainerDefinitions"]).flatMap((container) =>
        resolved.of(at(container, "LogConfiguration", "Options", "awslogs-group"))?.type === "AWS::Logs::LogGroup"
          ? []
          : [`${textOf(at(container, "Name"))} writes its log to no log group of these templates`],
      ),
    )
    const functions = each(resolved.ofType("AWS::Lambda::Function"), ({ properties }) =>
      resolved.of(at(properties, "LoggingConfig", "LogGroup"))?.type === "AWS::Logs::LogGroup"
        ? undefined
        : "it writes its log to no log group of these templates",
    )
    return {
      checked: definitions.checked + functions.checked,
      failures: [...definitions.failures, ...functions.failures],
    }
  },
}

const noSecretsInEnvironment: Proof = {
  id: "compute.no-secret-in-environment",
  claim: "No variable whose name says that it is a secret has its value in a template: such come from Secrets Manager",
  holds: "No leak: no key in a log, file, image layer or template",
  prove: ({ resolved }) => {
    const secret = /(PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|SECRET|TOKEN|KEY|CREDENTIALS?)$/i
    const wrong = (name: string, value: Value | undefined) =>
      secret.test(name) || /\{\{\s*resolve:/.test(textOf(value) ?? "")
    const definitions = each(resolved.ofType("AWS::ECS::TaskDefinition"), ({ properties }) =>
      list(properties["ContainerDefinitions"]).flatMap((container) =>
        list(at(container, "Environment"))
          .filter((one) => wrong(textOf(at(one, "Name")) ?? "", at(one, "Value")))
          .map((one) => textOf(at(one, "Name")))
          .map((name) => `${name} is in its environment; give it by Secrets`),
      ),
    )
    const functions = each(resolved.ofType("AWS::Lambda::Function"), ({ properties }) => {
      const variables = at(properties, "Environment", "Variables")
      if (properties["Environment"] !== undefined && !isProperties(variables)) return "its environment can't be read"
      return Object.entries(isProperties(variables) ? variables : {})
        .filter(([name, value]) => wrong(name, value))
        .map(([name]) => `${name} is in its environment; give it a secret's name, and let it read that`)
    })
    return {
      checked: definitions.checked + functions.checked,
      failures: [...definitions.failures, ...functions.failures],
    }
  },
}

const concurrency: Proof = {
  id: "compute.function-limits",
  claim:
    "Every function has a reserved concurrency within the API's hourly limit, makes no attempts by itself, and is encrypted",
  holds: "A reserved concurrency that respects the hourly limit",
  prove: ({ resolved, stage }) =>
    each(resolved.ofType("AWS::Lambda::Function"), (resource) => {
      const { properties } = resource
      const reserved = numberOf(properties["ReservedConcurrentExecutions"])
      // A request a second each, one after another; one is the least there is.
      const most = Math.max(1, Math.floor((stage?.neows.hourlyLimit ?? 1000) / 3600))
      const invoke = resolved
        .ofType("AWS::Lambda::EventInvokeConfig")
        .find((one) => resolved.of(one.properties["FunctionName"]) === resource)
      return [
        ...(reserved === undefined
          ? ["it has no reserved concurrency: it could use up the account's, and the API's limit"]
          : []),
        ...(reserved !== undefined && (reserved > most || reserved < 1)
          ? [`its reserved concurrency is ${reserved}, not 1 to ${most}`]
          : []),
        ...(numberOf(invoke?.properties["MaximumRetryAttempts"]) === 0
          ? []
          : ["a failed event is tried again by Lambda: MaximumRetryAttempts is not 0"]),
        ...(resolved.of(properties["KmsKeyArn"])?.type === "AWS::KMS::Key"
          ? []
          : ["its environment is not encrypted by a key of these templates"]),
      ]
    }),
}

const insights: Proof = {
  id: "compute.insights",
  claim: "Every cluster measures what runs on it",
  holds: "A dashboard and the few alarms somebody would act on",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ECS::Cluster"), ({ properties }) =>
      list(properties["ClusterSettings"]).some(
        (one) =>
          textOf(at(one, "Name")) === "containerInsights" &&
          /^(enabled|enhanced)$/.test(textOf(at(one, "Value")) ?? ""),
      )
        ? undefined
        : "its containerInsights is off",
    ),
}

const alarms: Proof = {
  id: "compute.alarms-heard",
  claim: "Every alarm tells a topic when it begins and when it is over",
  holds: "The few alarms somebody would act on, to SNS",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::CloudWatch::Alarm"), ({ properties }) => [
      ...(properties["ActionsEnabled"] === undefined || flagOf(properties["ActionsEnabled"]) === true
        ? []
        : ["its ActionsEnabled is not true"]),
      ...(["AlarmActions", "OKActions"] as const).flatMap((key) => {
        const heard = list(properties[key]).map((one) => resolved.of(one)?.type === "AWS::SNS::Topic")
        if (!heard.includes(true)) return [`its ${key} name no topic of these templates`]
        return heard.includes(false) ? [`its ${key} name more than topics of these templates`] : []
      }),
    ]),
}

/** Types that take tags, of which every one should have the stage's. */
const tags: Proof = {
  id: "compute.tags",
  claim: "Everything that has tags has the project's, the stage's and those of its configuration",
  holds: "Tags on everything",
  needsStage: true,
  prove: ({ resolved, stage }) => {
    const wanted = { project: "perigee", stage: stage?.name ?? "", ...stage?.tags }
    const tagged = resolved.resources.filter(({ properties }) => Array.isArray(properties["Tags"]))
    const must =
      /^AWS::(EC2::(VPC|Subnet|SecurityGroup|NatGateway|EIP)|ECS::(Service|Cluster)|RDS::DBInstance|DynamoDB::Table|S3::Bucket|Lambda::Function|KMS::Key|ElasticLoadBalancingV2::LoadBalancer)$/
    const all = new Set([...tagged, ...resolved.resources.filter(({ type }) => must.test(type))])
    return each([...all], ({ properties }) => {
      const own = new Map(list(properties["Tags"]).map((one) => [textOf(at(one, "Key")), textOf(at(one, "Value"))]))
      const missing = Object.entries(wanted).filter(([key, value]) => own.get(key) !== value)
      return missing.length === 0
        ? undefined
        : `it lacks the tag ${missing.map(([key, value]) => `${key}=${value}`).join(", ")}`
    })
  },
}

export const COMPUTE: readonly Proof[] = [
  zones,
  scaling,
  circuitBreaker,
  noShortage,
  noShell,
  hardened,
  lowPorts,
  separateRoles,
  taskLogs,
  noSecretsInEnvironment,
  concurrency,
  insights,
  alarms,
  tags,
]
