/** NeoWs: the fetcher as a scheduled task that writes to S3, and the same as a Lambda; both leave by the one address. */
import { ArnFormat, Aws, Duration, Stack, type StackProps } from "aws-cdk-lib"
import { MathExpression, Metric } from "aws-cdk-lib/aws-cloudwatch"
import { Cluster, ContainerInsights, Secret as ContainerSecret } from "aws-cdk-lib/aws-ecs"
import { EventField, Rule, RuleTargetInput } from "aws-cdk-lib/aws-events"
import { SnsTopic } from "aws-cdk-lib/aws-events-targets"
import { Effect, PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import { Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime } from "aws-cdk-lib/aws-lambda"
import { type Bucket, BucketEncryption } from "aws-cdk-lib/aws-s3"
import { CfnSchedule } from "aws-cdk-lib/aws-scheduler"
import { type ISecret, Secret } from "aws-cdk-lib/aws-secretsmanager"
import type { Construct } from "constructs"
import { clusterName, functionName, neowsBucketName } from "../names.ts"
import type { Stage } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"
import { alarm, MINUTE } from "./alarms.ts"
import { allow, allowOnAnyResource } from "./allow.ts"
import { customerKey, output } from "./customer-key.ts"
import { logGroup } from "./log-group.ts"
import type { NetworkStack } from "./network.ts"
import { privateBucket } from "./private-bucket.ts"
import { kept } from "./removal-policy.ts"
import { Task } from "./task.ts"

/** The Lambda's own bound on itself: README, “The Lambda”. */
const FUNCTION_TIMEOUT = Duration.seconds(15)
const FUNCTION_MEMORY_MIB = 512
/** In an hour, one after the other, a second each. */
const REQUESTS_OF_ONE_SLOT = 3600

export class NeoStack extends Stack {
  /** @param functionZip the Lambda's package, as `npm run build -w lambda` makes it */
  constructor(
    scope: Construct,
    id: string,
    stage: Stage,
    network: NetworkStack,
    functionZip: string,
    props: StackProps,
  ) {
    super(scope, id, {
      ...props,
      description: `Perigee ${stage.name}: near-Earth objects, fetched on schedule and on call`,
    })
    const key = customerKey(this, "NeoKey", stage.name, {
      alias: "neo",
      description: "Encrypts the API key and the documents fetched",
      keep: stage.protect,
    })
    const secret = this.#apiKey(stage, key)
    const bucket = this.#bucket(stage, key)
    this.#scheduledTask(stage, network, secret, bucket, key)
    this.#function(stage, network, secret, key, functionZip)
  }

  #apiKey(stage: Stage, key: IKey): Secret {
    const secret = new Secret(this, "ApiKey", {
      secretName: `perigee/${stage.name}/nasa-api-key`,
      // A value of Secrets Manager's own, which NASA rejects: whoever has a key puts it in.
      description: "NASA's API key; put yours in. Its first value is random and of no use",
      encryptionKey: key,
      removalPolicy: kept(stage),
    })
    acknowledge(
      secret,
      "AwsSolutions-SMG4",
      "api.nasa.gov gives keys by mail only, with no way to make one by program; a new value is taken up without a deploy",
    )
    output(this, "ApiKeySecret", secret.secretName, "Put NASA's API key here: aws secretsmanager put-secret-value")
    return secret
  }

  #bucket(stage: Stage, encryptionKey: IKey): Bucket {
    const bucket = privateBucket(this, "Documents", stage, {
      bucketName: neowsBucketName(this, stage.name),
      encryption: BucketEncryption.KMS,
      encryptionKey,
      bucketKeyEnabled: true,
      lifecycle: { noncurrentVersionExpiration: Duration.days(365) },
      withoutLog: "One task writes here once a day, and CloudTrail records it; a log bucket would add nothing",
    })
    output(this, "DocumentsBucket", bucket.bucketName, "Where the scheduled fetch writes")
    return bucket
  }

  #scheduledTask(stage: Stage, network: NetworkStack, secret: Secret, bucket: Bucket, key: IKey): void {
    const cluster = new Cluster(this, "Cluster", {
      clusterName: clusterName(stage.name, "neo"),
      vpc: network.vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    })
    const scheduled = (metricName: string) =>
      new Metric({
        namespace: "AWS/Scheduler",
        metricName,
        dimensionsMap: { ScheduleGroup: "default" },
        statistic: "Sum",
        period: Duration.minutes(5),
      })
    const document = `browse/page-${stage.neows.page}.json`
    const task = new Task(this, "Task", stage, {
      name: "get-data",
      image: "get_data",
      size: stage.neows.task,
      environment: {
        AWS_REGION: Aws.REGION,
        NEOWS_PAGE: String(stage.neows.page),
        NEOWS_OUTPUT: `s3://${bucket.bucketName}/${document}`,
      },
      secrets: { NASA_API_KEY: ContainerSecret.fromSecretsManager(secret as ISecret) },
      logs: logGroup(this, "TaskLogs", stage, `/perigee/${stage.name}/get-data`, network.operationsKey),
    })
    allow(task.executionRole, ["kms:Decrypt"], [key.keyArn], {
      conditions: { StringEquals: { "kms:ViaService": `secretsmanager.${this.region}.amazonaws.com` } },
    })
    allow(task.role, ["s3:PutObject"], [bucket.arnForObjects(document)])
    allow(task.role, ["kms:Decrypt", "kms:GenerateDataKey"], [key.keyArn], {
      conditions: { StringEquals: { "kms:ViaService": `s3.${this.region}.amazonaws.com` } },
    })

    const scheduler = new Role(this, "SchedulerRole", {
      roleName: `perigee-${stage.name}-scheduler`,
      description: "Starts the scheduled fetch",
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    })
    const revisions = this.formatArn({
      service: "ecs",
      resource: "task-definition",
      resourceName: `${task.definition.family}:*`,
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    })
    allow(scheduler, ["ecs:RunTask"], [revisions], {
      conditions: { ArnEquals: { "ecs:cluster": cluster.clusterArn } },
      pattern: "ECS numbers a task definition's revisions: any of this one family",
    })
    // The task gets its definition's tags, and whoever starts it must be allowed to tag it.
    const tasks = this.formatArn({
      service: "ecs",
      resource: "task",
      resourceName: `${clusterName(stage.name, "neo")}/*`,
      arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    })
    allow(scheduler, ["ecs:TagResource"], [tasks], {
      conditions: { StringEquals: { "ecs:CreateAction": "RunTask" } },
      pattern: "ECS numbers tasks: any of this one cluster",
    })
    allow(scheduler, ["iam:PassRole"], [task.role.roleArn, task.executionRole.roleArn], {
      conditions: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
    })
    new CfnSchedule(this, "Schedule", {
      name: `perigee-${stage.name}-get-data`,
      description: `Fetches page ${stage.neows.page} of NeoWs Browse`,
      scheduleExpression: stage.neows.schedule,
      scheduleExpressionTimezone: "UTC",
      flexibleTimeWindow: { mode: "OFF" },
      state: "ENABLED",
      target: {
        arn: cluster.clusterArn,
        roleArn: scheduler.roleArn,
        retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: 3600 },
        ecsParameters: {
          taskDefinitionArn: task.definition.taskDefinitionArn,
          taskCount: 1,
          launchType: "FARGATE",
          platformVersion: "1.4.0",
          propagateTags: "TASK_DEFINITION",
          networkConfiguration: {
            awsvpcConfiguration: {
              subnets: network.vpc.privateSubnets.map(({ subnetId }) => subnetId),
              securityGroups: [network.groups.neows_task.securityGroupId],
              assignPublicIp: "DISABLED",
            },
          },
        },
      },
    })
    const notStarted = new MathExpression({
      expression: "errors + dropped",
      usingMetrics: { errors: scheduled("TargetErrorCount"), dropped: scheduled("InvocationDroppedCount") },
      label: "scheduled fetches that did not start",
      period: Duration.minutes(5),
    })
    alarm(this, "FetchNotStartedAlarm", network.alarms, {
      metric: notStarted,
      description: "EventBridge Scheduler could not start the fetch: look at its role and the task definition's image",
      threshold: 1,
      periods: 1,
    })
    const failed = new Rule(this, "FetchFailed", {
      description: "The scheduled fetch ended with an exit code, or its task could not start",
      eventPattern: {
        source: ["aws.ecs"],
        detailType: ["ECS Task State Change"],
        detail: {
          clusterArn: [cluster.clusterArn],
          lastStatus: ["STOPPED"],
          $or: [{ containers: { exitCode: [{ "anything-but": 0 }] } }, { stopCode: ["TaskFailedToStart"] }],
        },
      },
    })
    failed.addTarget(
      new SnsTopic(network.alarms, {
        message: RuleTargetInput.fromText(
          `Perigee ${stage.name}: the scheduled fetch failed. ${EventField.fromPath("$.detail.stoppedReason")} ` +
            `Its log: /perigee/${stage.name}/get-data. Exit codes: README, get-data`,
        ),
      }),
    )
  }

  #function(stage: Stage, network: NetworkStack, secret: Secret, key: IKey, functionZip: string): void {
    const name = functionName(stage.name)
    const logs = logGroup(this, "FunctionLogs", stage, `/aws/lambda/${name}`, network.operationsKey)
    const role = new Role(this, "FunctionRole", {
      roleName: `perigee-${stage.name}-neows-function`,
      description: "What the NeoWs function may do",
      assumedBy: new ServicePrincipal("lambda.amazonaws.com", {
        conditions: { StringEquals: { "aws:SourceAccount": this.account } },
      }),
    })
    allow(role, ["logs:CreateLogStream", "logs:PutLogEvents"], [logs.logGroupArn])
    allow(role, ["secretsmanager:GetSecretValue"], [secret.secretArn])
    allow(role, ["kms:Decrypt"], [key.keyArn])
    // Source: Lambda developer guide, “Giving Lambda functions access to resources in an Amazon VPC”, execution role.
    allowOnAnyResource(role, [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ])
    // Those are for Lambda: the function's own code is kept from them.
    role.addToPolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        actions: [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ],
        resources: ["*"],
        conditions: {
          ArnEquals: {
            "lambda:SourceFunctionArn": [
              `arn:${this.partition}:lambda:${this.region}:${this.account}:function:${name}`,
            ],
          },
        },
      }),
    )
    const lambda = new LambdaFunction(this, "Function", {
      functionName: name,
      description: "One page of NASA's near-Earth-object catalogue",
      code: Code.fromAsset(functionZip),
      handler: "handler.lambdaHandler",
      runtime: Runtime.NODEJS_24_X,
      architecture: stage.architecture === "ARM64" ? Architecture.ARM_64 : Architecture.X86_64,
      memorySize: FUNCTION_MEMORY_MIB,
      timeout: FUNCTION_TIMEOUT,
      reservedConcurrentExecutions: reservedConcurrency(stage),
      role,
      vpc: network.vpc,
      vpcSubnets: { subnets: network.vpc.privateSubnets },
      securityGroups: [network.groups.neows_function],
      environment: { NASA_API_KEY_SECRET_ID: secret.secretArn },
      environmentEncryption: key,
      logGroup: logs,
      loggingFormat: LoggingFormat.TEXT,
      retryAttempts: 0,
    })
    lambda.node.addDependency(logs)
    alarm(this, "FunctionErrorsAlarm", network.alarms, {
      metric: lambda.metricErrors({ statistic: "Sum", period: MINUTE }),
      description: `The NeoWs function fails, 5 times a minute or more: /aws/lambda/${name} says why (key, rate limit, NASA away)`,
      threshold: 5,
    })
  }
}

/**
 * Invocations at once: as many as stay within the key's hourly limit if each makes a request a second, and never less than
 * one, the smallest there is. It bounds how many run side by side, not a rate: quicker answers can pass the limit even so,
 * which NASA then refuses and the function tells as `RateLimited`.
 */
export function reservedConcurrency({ neows: { hourlyLimit } }: Pick<Stage, "neows">): number {
  return Math.max(1, Math.floor(hourlyLimit / REQUESTS_OF_ONE_SLOT))
}
