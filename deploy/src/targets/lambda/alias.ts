/** The function as Lambda has it, and the alias that callers use, which a rollout moves from version to version. */
import {
  type FunctionConfiguration,
  GetAliasCommand,
  type GetAliasCommandOutput,
  GetFunctionConfigurationCommand,
  LambdaClient,
} from "@aws-sdk/client-lambda"
import { functionName } from "../../../../infra/src/names.ts"
import type { Session } from "../../session.ts"

export const ALIAS = "live"

/** @returns undefined where the function, or the version, is not there */
export async function configurationOf(
  { aws, stage }: Session,
  signal: AbortSignal,
  version?: string,
): Promise<FunctionConfiguration | undefined> {
  return await aws
    .client(LambdaClient)
    .send(
      new GetFunctionConfigurationCommand({
        FunctionName: functionName(stage.name),
        ...(version !== undefined && { Qualifier: version }),
      }),
      { abortSignal: signal },
    )
    .catch(orAbsent)
}

/** @returns undefined where it, or the function, is not there */
export async function aliasOf(
  { aws, stage }: Session,
  signal: AbortSignal,
): Promise<GetAliasCommandOutput | undefined> {
  return await aws
    .client(LambdaClient)
    .send(new GetAliasCommand({ FunctionName: functionName(stage.name), Name: ALIAS }), { abortSignal: signal })
    .catch(orAbsent)
}

/** @throws the error, where it says anything else than that something is not there */
export function orAbsent(error: unknown): undefined {
  if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined
  throw error
}
