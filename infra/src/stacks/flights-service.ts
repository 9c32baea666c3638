/** One of the platform's services on Fargate: its task, its place behind the load balancer, its scaling, its alarms. */
import { Aws, Duration } from "aws-cdk-lib"
import type { Alarm } from "aws-cdk-lib/aws-cloudwatch"
import {
  AlarmBehavior,
  AvailabilityZoneRebalancing,
  FargatePlatformVersion,
  FargateService,
  type ICluster,
  PropagatedTagSource,
} from "aws-cdk-lib/aws-ecs"
import {
  type ApplicationListener,
  ApplicationProtocol,
  ApplicationTargetGroup,
  HttpCodeTarget,
  ListenerAction,
  ListenerCondition,
  TargetType,
} from "aws-cdk-lib/aws-elasticloadbalancingv2"
import { Construct } from "constructs"
import { databaseUser } from "../names.ts"
import type { Service, ServiceName, Stage } from "../stage.ts"
import { alarm, MINUTE } from "./alarms.ts"
import { allow } from "./allow.ts"
import type { DataStack } from "./data.ts"
import { databaseEnvironment, mayConnectAs } from "./database-access.ts"
import { logGroup } from "./log-group.ts"
import type { NetworkStack } from "./network.ts"
import { Task } from "./task.ts"

/** A user other than root may listen below this port only where the kernel is told so. */
const FIRST_UNPRIVILEGED_PORT = 1024
/** A started service is ready in about a second; the image's pull comes before. */
const GRACE = Duration.seconds(30)

export interface FlightsServiceProps {
  readonly name: ServiceName
  /** Leads requests below the service's path here. */
  readonly listener: ApplicationListener
  /** Of the listener's rule: 1–50 000, its own. */
  readonly priority: number
  readonly cluster: ICluster
  readonly network: NetworkStack
  readonly data: DataStack
}

export class FlightsService extends Construct {
  readonly name: ServiceName
  readonly service: FargateService
  readonly targets: ApplicationTargetGroup

  constructor(
    scope: Construct,
    id: string,
    stage: Stage,
    { name, listener, priority, cluster, network, data }: FlightsServiceProps,
  ) {
    super(scope, id)
    this.name = name
    const settings = stage.services[name]
    const task = this.#task(stage, name, settings, network, data)
    this.targets = new ApplicationTargetGroup(this, "Targets", {
      vpc: network.vpc,
      targetType: TargetType.IP,
      protocol: ApplicationProtocol.HTTP,
      port: settings.port,
      deregistrationDelay: Duration.seconds(20),
      healthCheck: {
        path: "/health/ready",
        healthyHttpCodes: "200",
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        unhealthyThresholdCount: 3,
      },
    })
    listener.addAction(name, {
      priority,
      conditions: [ListenerCondition.pathPatterns([settings.path, `${settings.path}/*`])],
      action: ListenerAction.forward([this.targets]),
    })
    const failing = this.#alarms(stage, network)
    this.service = new FargateService(this, "Service", {
      serviceName: name,
      cluster,
      taskDefinition: task.definition,
      platformVersion: FargatePlatformVersion.VERSION1_4,
      vpcSubnets: { subnets: network.vpc.privateSubnets },
      securityGroups: [network.groups[name]],
      assignPublicIp: false,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      healthCheckGracePeriod: GRACE,
      circuitBreaker: { enable: true, rollback: true },
      deploymentAlarms: { alarmNames: [failing.alarmName], behavior: AlarmBehavior.ROLLBACK_ON_ALARM },
      enableECSManagedTags: true,
      propagateTags: PropagatedTagSource.SERVICE,
      enableExecuteCommand: false,
    })
    this.service.attachToApplicationTargetGroup(this.targets)
    // ECS registers tasks with a target group only once a listener leads to it.
    this.service.node.addDependency(listener)
    const scaling = this.service.autoScaleTaskCount({ minCapacity: settings.minimum, maxCapacity: settings.maximum })
    scaling.scaleOnCpuUtilization("Cpu", {
      targetUtilizationPercent: settings.targetCpu,
      scaleOutCooldown: Duration.seconds(30),
      scaleInCooldown: Duration.minutes(5),
    })
    scaling.scaleOnRequestCount("Requests", {
      requestsPerTarget: settings.targetRequests,
      targetGroup: this.targets,
      scaleOutCooldown: Duration.seconds(30),
      scaleInCooldown: Duration.minutes(5),
    })
  }

  #task(stage: Stage, name: ServiceName, { port, ...size }: Service, network: NetworkStack, data: DataStack): Task {
    const task = new Task(this, "Task", stage, {
      name,
      image: name,
      size,
      environment: {
        ...databaseEnvironment(data.database),
        AWS_REGION: Aws.REGION,
        DB_IAM: "true",
        DB_USER: databaseUser(name),
        PORT: String(port),
        SERVICE_CONFIGS_TABLE: data.configs.tableName,
        // The load balancer is the one proxy whose X-Forwarded-For is believed.
        TRUSTED_PROXY_HOPS: "1",
      },
      logs: logGroup(this, "Logs", stage, `/perigee/${stage.name}/${name}`, network.operationsKey),
      ports: [{ containerPort: port }],
      // Source: ECS developer guide, task definition parameters for Fargate, `systemControls` (platform 1.4.0 or later).
      ...(port < FIRST_UNPRIVILEGED_PORT && {
        systemControls: [{ namespace: "net.ipv4.ip_unprivileged_port_start", value: String(port) }],
      }),
    })
    mayConnectAs(task.role, data.database, databaseUser(name))
    // A service reads its own records: the partition is its name.
    allow(task.role, ["dynamodb:Query"], [data.configs.tableArn], {
      conditions: { "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [name] } },
    })
    allow(task.role, ["kms:Decrypt"], [data.key.keyArn], {
      conditions: { StringEquals: { "kms:ViaService": `dynamodb.${stage.region}.amazonaws.com` } },
    })
    return task
  }

  /** @returns the one that takes a deployment back */
  #alarms(stage: Stage, network: NetworkStack): Alarm {
    alarm(this, "UnhealthyAlarm", network.alarms, {
      metric: this.targets.metrics.unhealthyHostCount({ statistic: "Maximum", period: MINUTE }),
      description: `Tasks of ${this.name} are not ready for 5 minutes: npm run deploy -- logs --stage=${stage.name} --service=${this.name}`,
      threshold: 1,
      periods: 5,
    })
    return alarm(this, "FailingAlarm", network.alarms, {
      metric: this.targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, {
        statistic: "Sum",
        period: MINUTE,
      }),
      description: `${this.name} answers 5xx, 10 a minute or more: a deployment under way is taken back; else look at its log`,
      threshold: 10,
      periods: 2,
    })
  }
}
