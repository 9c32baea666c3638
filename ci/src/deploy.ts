/** The deploy program in a container of its own: who it is to AWS, and a run of it that is never an earlier one's. */
import type { Container, Secret, Service } from "@dagger.io/dagger"

const AWS_HOST = "aws"
const SECRETS = "/run/secrets"

/** Who runs it: a role by an OIDC token, keys, or a profile file; whatever is not given is not set. */
export interface Identity {
  readonly accessKeyId: Secret | undefined
  readonly secretAccessKey: Secret | undefined
  readonly sessionToken: Secret | undefined
  readonly profileFile: Secret | undefined
  readonly oidcToken: Secret | undefined
  readonly roleArn: string
  /** In AWS' place. */
  readonly aws: Service | undefined
}

/**
 * The container after one command of the program ran in it, now and not before. Secrets are variables and files of this
 * container alone: in no argument, no layer, no cache.
 *
 * @param workspace the repository with its dependencies
 * @param args the command and its flags
 */
export async function deployed(workspace: Container, identity: Identity, args: readonly string[]): Promise<Container> {
  const { profileFile, oidcToken, roleArn, aws } = identity
  let container = workspace
  for (const [name, secret] of [
    ["AWS_ACCESS_KEY_ID", identity.accessKeyId],
    ["AWS_SECRET_ACCESS_KEY", identity.secretAccessKey],
    ["AWS_SESSION_TOKEN", identity.sessionToken],
  ] as const) {
    if (secret) container = container.withSecretVariable(name, secret)
  }
  if (profileFile) {
    container = container
      .withMountedSecret(`${SECRETS}/aws_profile`, profileFile)
      .withEnvVariable("AWS_SHARED_CREDENTIALS_FILE", `${SECRETS}/aws_profile`)
  }
  const flags = roleArn === "" ? [] : [`--role-arn=${roleArn}`]
  if (oidcToken) {
    container = container.withMountedSecret(`${SECRETS}/oidc_token`, oidcToken)
    flags.push(`--oidc-token=file://${SECRETS}/oidc_token`)
  }
  if (aws) {
    const [port] = await aws.ports()
    if (!port) throw new Error("--aws: the service exposes no port")
    container = container
      .withServiceBinding(AWS_HOST, aws)
      .withEnvVariable("AWS_ENDPOINT_URL", `http://${AWS_HOST}:${await port.port()}`)
  }
  return await container
    .withEnvVariable("PERIGEE_CALL", crypto.randomUUID())
    .withExec(["npm", "run", "--silent", "deploy", "--", ...args, ...flags])
    .sync()
}
