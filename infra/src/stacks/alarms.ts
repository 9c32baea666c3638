/** Where alarms go: one encrypted topic, and the few that somebody would act on. */
import { Duration, Stack } from "aws-cdk-lib"
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from "aws-cdk-lib/aws-cloudwatch"
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions"
import { PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import { type ITopic, Topic } from "aws-cdk-lib/aws-sns"
import { EmailSubscription } from "aws-cdk-lib/aws-sns-subscriptions"
import type { Construct } from "constructs"

/**
 * The topic, to which alarms and events of this account alone may publish.
 *
 * @returns a reference to whose policy nothing can be added: CDK's own grant to events would leave the account out
 */
export function alarmTopic(scope: Construct, stage: string, key: IKey, email: string | undefined): ITopic {
  const topic = new Topic(scope, "Alarms", {
    topicName: topicName(stage),
    displayName: `Perigee ${stage}`,
    masterKey: key,
    enforceSSL: true,
  })
  topic.addToResourcePolicy(
    new PolicyStatement({
      sid: "AlarmsAndEvents",
      principals: [new ServicePrincipal("cloudwatch.amazonaws.com"), new ServicePrincipal("events.amazonaws.com")],
      actions: ["sns:Publish"],
      resources: [topic.topicArn],
      conditions: { StringEquals: { "aws:SourceAccount": Stack.of(scope).account } },
    }),
  )
  if (email !== undefined) topic.addSubscription(new EmailSubscription(email))
  return Topic.fromTopicArn(scope, "AlarmsReference", topic.topicArn)
}

/** The topic's ARN, which its key's policy names before there is a topic. */
export function alarmTopicArn(scope: Construct, stage: string): string {
  const { partition, region, account } = Stack.of(scope)
  return `arn:${partition}:sns:${region}:${account}:${topicName(stage)}`
}

function topicName(stage: string): string {
  return `perigee-${stage}-alarms`
}

export interface AlarmOptions {
  readonly metric: IMetric
  /** What happened and what to do about it: the alarm's description is what the mail says. */
  readonly description: string
  readonly threshold: number
  readonly comparison?: ComparisonOperator
  /** Periods in a row; 3 unless told otherwise. */
  readonly periods?: number
  /** What silence means; nothing wrong unless told otherwise. */
  readonly missing?: TreatMissingData
}

/** An alarm that tells the topic when it begins and when it is over. */
export function alarm(scope: Construct, id: string, topic: ITopic, options: AlarmOptions): Alarm {
  const made = new Alarm(scope, id, {
    metric: options.metric,
    alarmDescription: options.description,
    threshold: options.threshold,
    comparisonOperator: options.comparison ?? ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    evaluationPeriods: options.periods ?? 3,
    treatMissingData: options.missing ?? TreatMissingData.NOT_BREACHING,
  })
  made.addAlarmAction(new SnsAction(topic))
  made.addOkAction(new SnsAction(topic))
  return made
}

/** The metrics' grain: a minute, so that three periods are three minutes. */
export const MINUTE = Duration.minutes(1)
