/** A secret's text. A file of its own, so that the bundle loads the client when it is first wanted, and no more of it. */
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager"
import type { Send } from "./secret-text.ts"

const client = new SecretsManagerClient({})

/** The current version's text, which may have been stored as bytes. */
export const send: Send = async (SecretId, abortSignal) => {
  const { SecretString, SecretBinary } = await client.send(new GetSecretValueCommand({ SecretId }), { abortSignal })
  return SecretString ?? (SecretBinary && Buffer.from(SecretBinary).toString())
}
