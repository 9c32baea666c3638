/** How much of what a stage uses in a month: counted in its templates, and by the assumptions on its traffic. */
import type { StackName } from "../names.ts"
import { decided, type ParameterValues, type Resource, standing, type Template } from "./conditions.ts"
import { databaseKey, type PriceKey } from "./price-list.ts"
import { runsPerMonth } from "./schedule.ts"
import type { Traffic } from "./traffic.ts"

/** Hours of a month, as AWS's own estimates count them: 8 760 a year by 12. */
export const HOURS = 730
const SECONDS = HOURS * 3600

export type Templates = Readonly<Record<StackName, Template>>

export interface Quantity {
  readonly stack: StackName
  readonly what: string
  readonly key: PriceKey
  /** In the unit of the key, a month. */
  readonly amount: number
}

/** An LCU's four measures. Source: Elastic Load Balancing's price page: the largest of them counts. */
const LCU = { newConnectionsPerSecond: 25, activeConnectionsPerMinute: 3000, gbPerHour: 1 }
const IDLE_TIMEOUT_SECONDS = 60
const REQUEST_KB = 1
const WAF_RECORD_KB = 2
/** CloudWatch stores logs compressed; its price page reckons with this ratio. */
const STORED_SHARE = 0.15
const MONTH_DAYS = 365.25 / 12
const INVOCATION_SECONDS = 2
const KB_PER_GB = 1_000_000
const PER_GB = 1_000_000_000

interface TaskSize {
  readonly vcpu: number
  readonly gb: number
  readonly arm: boolean
}

/**
 * @param templates the stage's, as synthesized
 * @param values the stacks' parameters, where they are not at their defaults
 * @throws Error a template has something whose cost is not known how to count
 */
export function quantities(templates: Templates, traffic: Traffic, values: ParameterValues = {}): Quantity[] {
  const found: Quantity[] = []
  const add = (stack: StackName, what: string, key: PriceKey, amount: number) => {
    if (amount > 0) found.push({ stack, what, key, amount })
  }
  const of = (stack: StackName, type: string) => standing(templates[stack], `AWS::${type}`, values)
  const properties = ([, resource]: [string, Resource]) => resource.Properties ?? {}

  const network = () => {
    const endpoints = of("network", "EC2::VPCEndpoint").filter(
      (one) => properties(one)["VpcEndpointType"] === "Interface",
    )
    const interfaces = sum(endpoints.map((one) => properties(one)["SubnetIds"].length))
    const gateways = of("network", "EC2::NatGateway").length
    add("network", plural(gateways, "NAT gateway"), "AmazonEC2 NatGateway-Hours", gateways * HOURS)
    if (gateways > 0) {
      const gb = traffic.egressGb + (interfaces === 0 ? traffic.endpointGb : 0)
      add("network", "through the NAT gateway", "AmazonEC2 NatGateway-Bytes", gb)
      add("network", "of that, out to the internet", "AWSDataTransfer DataTransfer-Out-Bytes", traffic.egressGb / 10)
    }
    const addresses = of("network", "EC2::EIP").filter(
      (one) => decided(templates.network, properties(one)["PublicIpv4Pool"], values) === undefined,
    ).length
    add("network", plural(addresses, "Elastic IP"), "AmazonVPC PublicIPv4:InUseAddress", addresses * HOURS)
    const where = `${plural(endpoints.length, "interface endpoint")}, ${interfaces} interfaces`
    add("network", where, "AmazonVPC VpcEndpoint-Hours", interfaces * HOURS)
    if (interfaces > 0) add("network", "through the endpoints", "AmazonVPC VpcEndpoint-Bytes", traffic.endpointGb)
    add("network", "from zone to zone", "AWSDataTransfer DataTransfer-Regional-Bytes", 2 * traffic.crossZoneGb)
    if (of("network", "EC2::FlowLog").length > 0)
      logs("network", "flow logs", traffic.flowLogGb, "VendedLog-Bytes", /flow-logs/)
  }

  /** Ingested, and kept for as long as the log group does, once that time has passed. */
  const logs = (stack: StackName, what: string, gb: number, usageType: string, name: RegExp) => {
    const groups = of(stack, "Logs::LogGroup").map(properties)
    const days = Math.max(
      0,
      ...groups.filter((one) => name.test(one["LogGroupName"])).map((one) => one["RetentionInDays"]),
    )
    add(stack, `${what}, taken in`, `AmazonCloudWatch ${usageType}`, gb)
    add(
      stack,
      `${what}, kept ${days} days`,
      "AmazonCloudWatch TimedStorage-ByteHrs",
      (gb * STORED_SHARE * days) / MONTH_DAYS,
    )
  }

  const entrance = () => {
    const balancers = of("platform", "ElasticLoadBalancingV2::LoadBalancer").map(properties)
    if (balancers.length === 0) return
    add("platform", plural(balancers.length, "load balancer"), "AWSELB LoadBalancerUsage", balancers.length * HOURS)
    add("platform", "its capacity units, on average", "AWSELB LCUUsage", capacityUnits(traffic) * HOURS)
    const open = balancers.filter((one) => one["Scheme"] === "internet-facing")
    const addresses = sum(open.map((one) => one["Subnets"].length))
    add("platform", `its ${plural(addresses, "address", "es")}`, "AmazonVPC PublicIPv4:InUseAddress", addresses * HOURS)
    const answersGb = (traffic.requests * traffic.responseKb) / KB_PER_GB
    add("platform", "answers to the internet", "AWSDataTransfer DataTransfer-Out-Bytes", answersGb)
    const accessLogsGb = (traffic.requests * traffic.logBytes) / PER_GB
    const kept = of("platform", "S3::Bucket").map(
      (one) => properties(one)["LifecycleConfiguration"]?.Rules?.[0]?.ExpirationInDays ?? 0,
    )
    add(
      "platform",
      "access logs in S3",
      "AmazonS3 TimedStorage-ByteHrs",
      (accessLogsGb * Math.max(0, ...kept)) / MONTH_DAYS,
    )

    const acls = of("platform", "WAFv2::WebACL").map(properties)
    if (acls.length === 0) return
    add("platform", "web ACL", "awswaf WebACLV2", acls.length)
    add("platform", "its rules and rule groups", "awswaf RuleV2", sum(acls.map((one) => one["Rules"].length)))
    add("platform", "requests that it looks at", "awswaf RequestV2-Tier1", traffic.requests)
    const refusedGb = (traffic.requests * traffic.blockedPercent * WAF_RECORD_KB) / 100 / KB_PER_GB
    logs("platform", "WAF's log", refusedGb, "VendedLog-Bytes", /^aws-waf-logs/)
  }

  const services = () => {
    const template = templates.platform
    const sizes: TaskSize[] = []
    for (const [id, service] of of("platform", "ECS::Service")) {
      const target = of("platform", "ApplicationAutoScaling::ScalableTarget").find(([, { Properties }]) =>
        JSON.stringify(Properties?.["ResourceId"]).includes(`["${id}","Name"]`),
      )
      const tasks: number = target?.[1].Properties?.["MinCapacity"] ?? service.Properties?.["DesiredCount"] ?? 1
      const size = taskSize(template, service.Properties?.["TaskDefinition"])
      for (let task = 0; task < tasks; task += 1) sizes.push(size)
    }
    for (const arm of [false, true]) {
      const tasks = sizes.filter((size) => size.arm === arm)
      const what = `${plural(tasks.length, "task")} (minimum), ${arm ? "ARM64" : "X86_64"}`
      add("platform", what, fargateKey(arm, "vCPU-Hours:perCPU"), sum(tasks.map(({ vcpu }) => vcpu)) * HOURS)
      add("platform", "their memory", fargateKey(arm, "GB-Hours"), sum(tasks.map(({ gb }) => gb)) * HOURS)
    }
    if (sizes.length === 0) return
    const logsGb = (traffic.requests * traffic.logBytes) / PER_GB
    logs("platform", "services' logs", logsGb, "DataProcessing-Bytes", /./)
  }

  const data = () => {
    for (const one of of("data", "RDS::DBInstance").map(properties)) {
      const multiAz = one["MultiAZ"] === true
      const name = `PostgreSQL ${one["DBInstanceClass"]}${multiAz ? ", Multi-AZ" : ""}`
      add("data", name, databaseKey(one["DBInstanceClass"], multiAz), HOURS)
      if (one["StorageType"] !== "gp3") throw new Error(`storage of the type ${one["StorageType"]} has no price here`)
      const storage = multiAz ? "RDS:Multi-AZ-GP3-Storage" : "RDS:GP3-Storage"
      add("data", "its storage, gp3", `AmazonRDS ${storage}`, Number(one["AllocatedStorage"]))
      // RDS keeps the administrator's password in a secret of its own making.
      if (one["ManageMasterUserPassword"]) add("data", "its secret", "AWSSecretsManager AWSSecretsManager-Secrets", 1)
    }
    for (const one of of("data", "DynamoDB::Table").map(properties)) {
      const gb = traffic.documentsGb / 100
      add("data", "configurations read", "AmazonDynamoDB ReadRequestUnits", traffic.configurationReads)
      add("data", "configurations", "AmazonDynamoDB TimedStorage-ByteHrs", gb)
      const recovery = one["PointInTimeRecoverySpecification"]?.PointInTimeRecoveryEnabled
      if (recovery) add("data", "their recovery", "AmazonDynamoDB TimedPITRStorage-ByteHrs", gb)
    }
  }

  const delivery = () => {
    const repositories = of("delivery", "ECR::Repository").length
    const gb = (repositories * traffic.images * traffic.imageMb) / 1000
    add("delivery", `images in ${repositories} repositories`, "AmazonECR TimedStorage-ByteHrs", gb)
  }

  const neo = () => {
    for (const one of of("neo", "Scheduler::Schedule").map(properties)) {
      const runs = runsPerMonth(one["ScheduleExpression"])
      if (runs === undefined) throw new Error(`runs of the schedule ${one["ScheduleExpression"]} can't be counted`)
      const { vcpu, gb, arm } = taskSize(templates.neo, one["Target"].EcsParameters.TaskDefinitionArn)
      const hours = (runs * traffic.fetchMinutes) / 60
      add("neo", `scheduled fetch, ${runs.toFixed(0)} runs`, fargateKey(arm, "vCPU-Hours:perCPU"), vcpu * hours)
      add("neo", "its memory", fargateKey(arm, "GB-Hours"), gb * hours)
      add("neo", "documents written", "AmazonS3 Requests-Tier1", runs)
    }
    for (const one of of("neo", "Lambda::Function").map(properties)) {
      const arm = one["Architectures"]?.[0] === "arm64" ? "-ARM" : ""
      add("neo", "invocations of the Lambda", `AWSLambda Request${arm}`, traffic.invocations)
      const gbSeconds = traffic.invocations * INVOCATION_SECONDS * (one["MemorySize"] / 1024)
      add("neo", "their time", `AWSLambda Lambda-GB-Second${arm}`, gbSeconds)
    }
    if (of("neo", "S3::Bucket").length > 0)
      add("neo", "documents", "AmazonS3 TimedStorage-ByteHrs", traffic.documentsGb)
  }

  /** What any stack may have. */
  const everywhere = () => {
    for (const stack of Object.keys(templates) as StackName[]) {
      const keys = of(stack, "KMS::Key").length
      add(stack, plural(keys, "key"), "awskms KMS-Keys", keys)
      const secrets = of(stack, "SecretsManager::Secret").length
      add(stack, plural(secrets, "secret"), "AWSSecretsManager AWSSecretsManager-Secrets", secrets)
      const alarms = of(stack, "CloudWatch::Alarm").map(properties)
      // An alarm on an expression is charged for each metric in it.
      const metrics = sum(
        alarms.map((one) => one["Metrics"]?.filter((part: object) => "MetricStat" in part).length ?? 1),
      )
      add(stack, plural(alarms.length, "alarm"), "AmazonCloudWatch CW:AlarmMonitorUsage", metrics)
      const dashboards = of(stack, "CloudWatch::Dashboard").length
      add(stack, plural(dashboards, "dashboard"), "AmazonCloudWatch DashboardsUsageHour", dashboards)
      const watched = of(stack, "ECS::Cluster").filter((one) =>
        properties(one)["ClusterSettings"]?.some((setting: { Value?: string }) => setting.Value?.startsWith("en")),
      ).length
      const parts = watched === 0 ? 0 : watched + 3 * of(stack, "ECS::Service").length
      const insights = parts * traffic.insightsMetrics
      add(stack, "Container Insights", "AmazonCloudWatch CW:MetricMonitorUsage", insights)
    }
    add("network", "requests to all keys", "awskms KMS-Requests", traffic.kmsRequests)
  }

  network()
  delivery()
  data()
  entrance()
  services()
  neo()
  everywhere()
  const order = Object.keys(templates)
  return found.toSorted((a, b) => order.indexOf(a.stack) - order.indexOf(b.stack))
}

/** Capacity units of the load balancer, averaged over the month. */
export function capacityUnits({ requests, responseKb }: Pick<Traffic, "requests" | "responseKb">): number {
  const perSecond = requests / SECONDS
  return Math.max(
    perSecond / LCU.newConnectionsPerSecond,
    (perSecond * IDLE_TIMEOUT_SECONDS) / LCU.activeConnectionsPerMinute,
    (requests * (responseKb + REQUEST_KB)) / KB_PER_GB / HOURS / LCU.gbPerHour,
  )
}

/** A task definition's size, by a reference to it within the template. */
function taskSize(template: Template, reference: { Ref?: string } | undefined): TaskSize {
  const definition = template.Resources[reference?.Ref ?? ""]?.Properties
  if (definition === undefined) throw new Error(`no task definition ${JSON.stringify(reference)} in the template`)
  return {
    vcpu: Number(definition["Cpu"]) / 1024,
    gb: Number(definition["Memory"]) / 1024,
    arm: definition["RuntimePlatform"]?.CpuArchitecture === "ARM64",
  }
}

function fargateKey(arm: boolean, usageType: string): PriceKey {
  return `AmazonECS Fargate-${arm ? "ARM-" : ""}${usageType}`
}

function plural(count: number, what: string, ending = "s"): string {
  return `${count} ${what}${count === 1 ? "" : ending}`
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
