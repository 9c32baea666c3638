/** Whether a version's code loads and answers: an event that the handler refuses before it asks anybody for anything. */
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda"
import type { Session } from "../../session.ts"

const EVENT = { page: "x" }
/** The name of the handler's own error for it (lambda/src/errors.ts). */
const REFUSAL = "InvalidPage"

export interface Probed {
  /** Undefined where it answered as it should. */
  readonly reason: string | undefined
  /** Last lines of its log. */
  readonly details: readonly string[]
}

export async function probe(
  { aws }: Session,
  FunctionName: string,
  version: string,
  signal: AbortSignal,
): Promise<Probed> {
  const { ExecutedVersion, FunctionError, Payload, LogResult } = await aws.client(LambdaClient).send(
    new InvokeCommand({
      FunctionName,
      Qualifier: version,
      Payload: Buffer.from(JSON.stringify(EVENT)),
      LogType: "Tail",
    }),
    { abortSignal: signal },
  )
  const text = Buffer.from(Payload ?? []).toString()
  const { errorType, errorMessage } = answerOf(text)
  const log = Buffer.from(LogResult ?? "", "base64")
    .toString()
    .trimEnd()
  const details = log === "" ? [] : log.split("\n").map((line) => `log: ${line}`)
  const failed = (reason: string): Probed => ({ reason, details })
  if (ExecutedVersion !== undefined && ExecutedVersion !== version) {
    return failed(`version ${ExecutedVersion} answered in the place of ${version}`)
  }
  if (FunctionError === undefined) return failed(`it took ${JSON.stringify(EVENT)}, which is no page, for one`)
  if (errorType !== REFUSAL)
    return failed([errorType, errorMessage].filter(Boolean).join(": ") || "it fails with no reason")
  return { reason: undefined, details: [] }
}

function answerOf(text: string): { readonly errorType?: string; readonly errorMessage?: string } {
  try {
    const { errorType, errorMessage } = (JSON.parse(text) ?? {}) as { errorType?: unknown; errorMessage?: unknown }
    return {
      ...(typeof errorType === "string" && { errorType }),
      ...(typeof errorMessage === "string" && { errorMessage: errorMessage.replaceAll(/\s+/g, " ") }),
    }
  } catch {
    return {}
  }
}
