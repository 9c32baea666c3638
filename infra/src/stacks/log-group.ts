import type { IKey } from "aws-cdk-lib/aws-kms"
import { LogGroup, type RetentionDays } from "aws-cdk-lib/aws-logs"
import type { Construct } from "constructs"
import type { Stage } from "../stage.ts"
import { kept } from "./removal-policy.ts"

/** @param name as AWS's service or we call it; `/perigee/<stage>/…` for our own */
export function logGroup(scope: Construct, id: string, stage: Stage, name: string, encryptionKey: IKey): LogGroup {
  return new LogGroup(scope, id, {
    logGroupName: name,
    // The stage's check admits CloudWatch's own steps only.
    retention: stage.logDays as RetentionDays,
    encryptionKey,
    removalPolicy: kept(stage),
  })
}
