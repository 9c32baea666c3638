/** A parameter's value. A file of its own, so that the bundle loads the client when it is first wanted, and no more of it. */
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import type { Send } from "./secret-text.ts"

const client = new SSMClient({})

/** The value, decrypted where it is a SecureString. */
export const send: Send = async (Name, abortSignal) => {
  const command = new GetParameterCommand({ Name, WithDecryption: true })
  return (await client.send(command, { abortSignal })).Parameter?.Value
}
