/** Whether a role may read a secret, by IAM's own simulation; the secret's text is never asked for. */
import { type ContextEntry, IAMClient, SimulatePrincipalPolicyCommand } from "@aws-sdk/client-iam"
import {
  DescribeSecretCommand,
  type DescribeSecretResponse,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager"
import { type Finding, failed, ok, unknown } from "./check.ts"
import { refusalOf } from "./refusal.ts"
import type { Session } from "./session.ts"

export interface SecretUse {
  readonly roleArn: string
  /** ARN of the secret, with nothing behind it. */
  readonly secretArn: string
}

/** The secret of a container's `valueFrom`, which may go on with `:key:stage:version`. */
export function secretArnOf(valueFrom: string): string | undefined {
  return /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[^:]+/.exec(valueFrom)?.[0]
}

/** One finding for each use. */
export async function readable(
  session: Session,
  { roleArn, secretArn }: SecretUse,
  signal: AbortSignal,
): Promise<Finding> {
  const role = roleArn.split("/").at(-1)
  const name = secretArn.split(":").at(-1)
  const what = `secret ${name} for ${role}`
  const secret = await describe(session, secretArn, signal)
  if (secret === undefined) return failed(`${what}: it is not there`, "deploy its stack, then put its value in")
  if (secret.DeletedDate !== undefined)
    return failed(`${what}: it is to be deleted`, `aws secretsmanager restore-secret --secret-id ${secret.Name}`)
  const stages = Object.values(secret.VersionIdsToStages ?? {}).flat()
  if (!stages.includes("AWSCURRENT"))
    return failed(`${what}: it has no value`, `aws secretsmanager put-secret-value --secret-id ${secret.Name}`)
  const denied = await firstDenied(session, roleArn, secretArn, secret.KmsKeyId, signal)
  if (typeof denied === "object") return unknown(`${what} could not be checked: ${denied.why}`, denied.todo)
  if (denied !== undefined) return failed(`${what}: ${denied} is not allowed`, "deploy the role's stack again")
  return ok(`${what}: may be read`)
}

async function describe(
  { aws }: Session,
  SecretId: string,
  signal: AbortSignal,
): Promise<DescribeSecretResponse | undefined> {
  try {
    return await aws.client(SecretsManagerClient).send(new DescribeSecretCommand({ SecretId }), { abortSignal: signal })
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined
    throw error
  }
}

interface Unanswered {
  readonly why: string
  readonly todo: string
}

/** @returns the first action that is denied, undefined where none is, or why it can't be told */
async function firstDenied(
  { aws, stage }: Session,
  roleArn: string,
  secretArn: string,
  keyId: string | undefined,
  signal: AbortSignal,
): Promise<string | Unanswered | undefined> {
  const via: ContextEntry = {
    ContextKeyName: "kms:ViaService",
    ContextKeyType: "string",
    ContextKeyValues: [`secretsmanager.${stage.region}.amazonaws.com`],
  }
  // With Secrets Manager's own key nobody needs a permission for it.
  const questions: readonly [string, string][] = [
    ["secretsmanager:GetSecretValue", secretArn],
    ...(keyId?.startsWith("arn:") && !keyId.includes(":alias/aws/")
      ? [["kms:Decrypt", keyId] as [string, string]]
      : []),
  ]
  for (const [action, resource] of questions) {
    try {
      const { EvaluationResults = [] } = await aws.client(IAMClient).send(
        new SimulatePrincipalPolicyCommand({
          PolicySourceArn: roleArn,
          ActionNames: [action],
          ResourceArns: [resource],
          ContextEntries: [via],
        }),
        { abortSignal: signal },
      )
      const result = EvaluationResults[0]
      if (result === undefined) return { why: `IAM gives no answer for ${action}`, todo: "try again" }
      if (result.EvalDecision === "allowed") continue
      const missing = result.MissingContextValues ?? []
      if (result.EvalDecision === "implicitDeny" && missing.length > 0) {
        return {
          why: `IAM needs ${missing.join(", ")} to tell whether ${action} is allowed`,
          todo: "look at the policy's conditions",
        }
      }
      return action
    } catch (error) {
      if (signal.aborted) throw error
      const refusal = refusalOf(error)
      return {
        why: `IAM's simulation of ${action}: ${refusal instanceof Error ? refusal.message : refusal}`,
        todo: "allow iam:SimulatePrincipalPolicy (docs/permissions.md)",
      }
    }
  }
  return undefined
}
