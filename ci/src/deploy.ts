/** The deploy program in a container of its own: who it is to AWS, and a run of it that is never an earlier one's. */
import type { Container, File, Secret, Service } from "@dagger.io/dagger"

const AWS_HOST = "aws"
const SECRETS = "/run/secrets"
/** Files of the caller's, outside of the repository. */
const GIVEN = "/given"

/**
 * Runs a program with S3 at the address of host $0, port $1. The address, not the name: S3's client puts the bucket's name
 * before a host's, and nobody answers to `<bucket>.aws`.
 */
const S3_AT_ADDRESS =
  'AWS_ENDPOINT_URL_S3="http://$(getent ahostsv4 "$0" | sed "s/ .*//;q"):$1"; export AWS_ENDPOINT_URL_S3; shift; exec "$@"'

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

/** One command of the program. */
export interface Run {
  readonly command: string
  readonly stage: string
  /** What it reads, by the flag that takes it; a flag whose file is not given is left out. */
  readonly files?: Readonly<Record<string, File | undefined>>
  /** The result as JSON. */
  readonly json?: boolean
  /** Its other flags. */
  readonly flags?: readonly string[]
}

/**
 * The container after the command ran in it, now and not before. Secrets are variables and files of this container alone: in
 * no argument, no layer, no cache. A command that fails fails this, with its own words and exit code.
 *
 * @param workspace the repository with its dependencies
 */
export async function deployed(workspace: Container, identity: Identity, run: Run): Promise<Container> {
  const [ready, files] = given(workspace, run.files ?? {})
  const [container, role] = identified(ready, identity)
  const args = [run.command, `--stage=${run.stage}`, ...files, ...(run.json ? ["--json"] : []), ...(run.flags ?? [])]
  const program = ["npm", "run", "--silent", "deploy", "--", ...args, ...role]
  const call = container.withEnvVariable("PERIGEE_CALL", crypto.randomUUID())
  const { aws } = identity
  if (!aws) return await call.withExec(program).sync()
  const [exposed] = await aws.ports()
  if (!exposed) throw new Error("--aws: the service exposes no port")
  const port = `${await exposed.port()}`
  return await call
    .withServiceBinding(AWS_HOST, aws)
    .withEnvVariable("AWS_ENDPOINT_URL", `http://${AWS_HOST}:${port}`)
    .withExec(["sh", "-c", S3_AT_ADDRESS, AWS_HOST, port, ...program])
    .sync()
}

/** What the command says on stdout. */
export async function told(workspace: Container, identity: Identity, run: Run): Promise<string> {
  return await (await deployed(workspace, identity, run)).stdout()
}

/** Flags of the program, but those that are empty. */
export function flagsOf(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === "" ? [] : [`--${name}=${value}`]))
}

function given(workspace: Container, files: NonNullable<Run["files"]>): [Container, string[]] {
  let container = workspace
  const flags: string[] = []
  for (const [flag, file] of Object.entries(files)) {
    if (!file) continue
    container = container.withMountedFile(`${GIVEN}/${flag}.json`, file)
    flags.push(`--${flag}=${GIVEN}/${flag}.json`)
  }
  return [container, flags]
}

function identified(workspace: Container, identity: Identity): [Container, string[]] {
  const { profileFile, oidcToken, roleArn } = identity
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
  return [container, flags]
}
