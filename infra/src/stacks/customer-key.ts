/** Customer-managed keys, with a policy that spells out every action: administration by IAM of the account, use by name. */
import { CfnOutput, Stack } from "aws-cdk-lib"
import { AccountRootPrincipal, PolicyDocument, PolicyStatement, ServicePrincipal } from "aws-cdk-lib/aws-iam"
import { type IKey, Key } from "aws-cdk-lib/aws-kms"
import type { Construct } from "constructs"
import { kept } from "./removal-policy.ts"

/** What IAM policies of the account may grant. Source: Service Authorization Reference, AWS KMS. */
const ACCOUNT_ACTIONS = [
  "kms:CancelKeyDeletion",
  "kms:CreateAlias",
  "kms:CreateGrant",
  "kms:Decrypt",
  "kms:DeleteAlias",
  "kms:DescribeKey",
  "kms:DisableKey",
  "kms:DisableKeyRotation",
  "kms:EnableKey",
  "kms:EnableKeyRotation",
  "kms:Encrypt",
  "kms:GenerateDataKey",
  "kms:GenerateDataKeyWithoutPlaintext",
  "kms:GetKeyPolicy",
  "kms:GetKeyRotationStatus",
  "kms:ListGrants",
  "kms:ListKeyPolicies",
  "kms:ListKeyRotations",
  "kms:ListResourceTags",
  "kms:PutKeyPolicy",
  "kms:ReEncryptFrom",
  "kms:ReEncryptTo",
  "kms:RetireGrant",
  "kms:RevokeGrant",
  "kms:RotateKeyOnDemand",
  "kms:ScheduleKeyDeletion",
  "kms:TagResource",
  "kms:UntagResource",
  "kms:UpdateAlias",
  "kms:UpdateKeyDescription",
]

/** One of AWS's services that uses the key itself. */
export interface KeyUser {
  readonly service: string
  readonly actions: readonly string[]
  readonly condition?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface CustomerKeyOptions {
  /** After the prefix `perigee-<stage>-`. */
  readonly alias: string
  readonly description: string
  /** Kept when the stack goes, since what it encrypted is. */
  readonly keep: boolean
  readonly users?: readonly KeyUser[]
}

/**
 * A key that rotates every year. `Resource: *` in a key's policy means that key: KMS knows nothing finer there.
 *
 * @returns a reference to whose policy nothing can be added: CDK's own grants would, with wildcard actions
 */
export function customerKey(scope: Construct, id: string, stage: string, options: CustomerKeyOptions): IKey {
  const policy = new PolicyDocument({
    statements: [
      new PolicyStatement({
        sid: "AccountByIam",
        principals: [new AccountRootPrincipal()],
        actions: ACCOUNT_ACTIONS,
        resources: ["*"],
      }),
      ...(options.users ?? []).map(
        ({ service, actions, condition }) =>
          new PolicyStatement({
            principals: [new ServicePrincipal(service)],
            actions: [...actions],
            resources: ["*"],
            ...(condition && { conditions: condition }),
          }),
      ),
    ],
  })
  const key = new Key(scope, id, {
    alias: `perigee-${stage}-${options.alias}`,
    description: options.description,
    enableKeyRotation: true,
    policy,
    removalPolicy: kept({ protect: options.keep }),
  })
  return Key.fromKeyArn(scope, `${id}Reference`, key.keyArn)
}

/** CloudWatch Logs, for the log groups of this account and region. */
export function logsUser(scope: Construct): KeyUser {
  const { region, account, partition } = Stack.of(scope)
  return {
    service: `logs.${region}.amazonaws.com`,
    actions: [
      "kms:Decrypt",
      "kms:DescribeKey",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:ReEncryptFrom",
      "kms:ReEncryptTo",
    ],
    condition: {
      ArnLike: { "kms:EncryptionContext:aws:logs:arn": `arn:${partition}:logs:${region}:${account}:log-group:*` },
    },
  }
}

/** A value that a person or a program outside of the stacks needs. */
export function output(scope: Construct, id: string, value: string, description: string): void {
  new CfnOutput(scope, id, { value, description })
}
