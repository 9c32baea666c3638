/** Reads the text of a secret or a parameter from AWS; each client is loaded when it is first wanted, not at the start. */
import { type ReadText, VARIABLES } from "./api-key.ts"
import { KeyUnavailable } from "./errors.ts"

/** @param id name or ARN */
export type Send = (id: string, abortSignal: AbortSignal) => Promise<string | undefined>

/** @throws KeyUnavailable with the name of what AWS answers */
export const readText: ReadText = async ({ kind, id }, signal) => {
  let text: string | undefined
  try {
    const { send } = await (kind === "secret" ? import("./secrets-manager.ts") : import("./parameter-store.ts"))
    text = await send(id, signal)
  } catch (error) {
    // The name alone: messages quote ARNs and whatever was put in the variable.
    const name = error instanceof Error ? error.name : "an unknown error"
    throw new KeyUnavailable(`${VARIABLES[kind]}: it can't be read (${signal.aborted ? "no answer in time" : name})`)
  }
  if (text === undefined) throw new KeyUnavailable(`${VARIABLES[kind]}: what it names is empty`)
  return text
}
