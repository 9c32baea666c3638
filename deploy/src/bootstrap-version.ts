/** The version of CDK's bootstrap stack in the account and region. */
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { DefaultStackSynthesizer } from "aws-cdk-lib"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"

/**
 * The oldest that will do: the first whose deploy role may take a failed deployment back.
 * Source: @aws-cdk/toolkit-lib, BOOTSTRAP_STACK_VERSION_FOR_ROLLBACK. Templates alone would do with version 6 (the rule
 * CheckBootstrapVersion in each); a plan asks for this one too, so that nobody approves what verify then refuses.
 */
export const NEEDED_BOOTSTRAP_VERSION = 23

export const BOOTSTRAP_STACK = "CDKToolkit"
export const QUALIFIER = DefaultStackSynthesizer.DEFAULT_QUALIFIER

/** @returns undefined where nothing was bootstrapped */
export async function bootstrapVersion({ aws }: Session, signal: AbortSignal): Promise<number | undefined> {
  const Name = `/cdk-bootstrap/${QUALIFIER}/version`
  try {
    const { Parameter } = await aws.client(SSMClient).send(new GetParameterCommand({ Name }), { abortSignal: signal })
    const version = Number(Parameter?.Value)
    if (!Number.isInteger(version))
      throw new Refusal(EXIT.configuration, `the parameter ${Name} is no number: ${JSON.stringify(Parameter?.Value)}`)
    return version
  } catch (error) {
    if (error instanceof Error && error.name === "ParameterNotFound") return undefined
    throw error
  }
}
