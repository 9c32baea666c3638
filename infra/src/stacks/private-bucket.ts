/** A bucket that nobody reads but by its account's own policies: TLS only, one owner, versioned. */
import { Duration } from "aws-cdk-lib"
import {
  BlockPublicAccess,
  Bucket,
  type BucketEncryption,
  type BucketProps,
  type LifecycleRule,
  ObjectOwnership,
} from "aws-cdk-lib/aws-s3"
import type { Construct } from "constructs"
import type { Stage } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"
import { kept } from "./removal-policy.ts"

export interface PrivateBucketProps extends Pick<BucketProps, "bucketName" | "encryptionKey" | "bucketKeyEnabled"> {
  readonly encryption: BucketEncryption
  readonly lifecycle: LifecycleRule
  /** Why reads of it are not logged. */
  readonly withoutLog: string
}

export function privateBucket(
  scope: Construct,
  id: string,
  stage: Stage,
  { lifecycle, withoutLog, ...props }: PrivateBucketProps,
): Bucket {
  const bucket = new Bucket(scope, id, {
    ...props,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    lifecycleRules: [{ ...lifecycle, abortIncompleteMultipartUploadAfter: Duration.days(1) }],
    removalPolicy: kept(stage),
  })
  acknowledge(bucket, "AwsSolutions-S1", withoutLog)
  return bucket
}
