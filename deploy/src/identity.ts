/** Who is asking AWS, and whether that is whom the stage is for. */
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts"
import { EXIT, Refusal, refusalOf } from "./refusal.ts"
import type { Session } from "./session.ts"

export interface Identity {
  /** 12 digits. */
  readonly account: string
  readonly arn: string
  /** Such as `aws` or `aws-cn`. */
  readonly partition: string
}

/** @throws Refusal no credentials, or AWS does not know them or can't be reached */
export async function identityOf({ aws }: Session, signal: AbortSignal): Promise<Identity> {
  try {
    const { Account, Arn } = await aws.client(STSClient).send(new GetCallerIdentityCommand({}), { abortSignal: signal })
    if (Account === undefined || Arn === undefined) throw new Refusal(EXIT.unreachable, "STS tells no identity")
    return { account: Account, arn: Arn, partition: Arn.split(":")[1] ?? "aws" }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw refusalOf(error)
  }
}

/** @throws Refusal the credentials are of another account than the stage's */
export function requireAccount({ stage }: Session, { account }: Identity): void {
  if (stage.account !== undefined && stage.account !== account) {
    throw new Refusal(
      EXIT.configuration,
      `the credentials are of account ${account}, and infra/config/${stage.name}.ts names ${stage.account}; take those of ${stage.account}`,
    )
  }
}
