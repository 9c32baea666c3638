/** Who the run is to AWS: a role by an OIDC token, else what the AWS SDK finds (environment, profile, container). */
import { readFile } from "node:fs/promises"
import { fromNodeProviderChain, fromWebToken } from "@aws-sdk/credential-providers"
import type { AwsCredentialIdentityProvider } from "@aws-sdk/types"
import type { Masking } from "./masking.ts"
import { EXIT, Refusal } from "./refusal.ts"
import { REQUEST_HANDLER } from "./session.ts"

export type Environment = Readonly<Record<string, string | undefined>>

export interface CredentialSettings {
  /** Where the OIDC token is: `env://NAME` or `file://PATH`, as Dagger writes secrets; never the token itself. */
  readonly oidcToken?: string | undefined
  readonly roleArn?: string | undefined
}

/** Before anything else is said: what a wrong flag repeats may be one of them. */
export function maskEnvironment(env: Environment, masking: Masking): void {
  for (const name of ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"]) {
    masking.add(env[name])
  }
}

/** Longest name of a session. Source: STS API reference, AssumeRoleWithWebIdentity. */
const SESSION_NAME = /[^\w+=,.@-]/g

/**
 * @param region of the STS that is asked
 * @throws Refusal the token or the role is missing or no such thing
 */
export async function credentialsOf(
  { oidcToken, roleArn }: CredentialSettings,
  env: Environment,
  region: string,
  masking: Masking,
): Promise<AwsCredentialIdentityProvider> {
  if (oidcToken === undefined && roleArn === undefined) return masked(fromNodeProviderChain(), masking)
  if (oidcToken === undefined)
    throw new Refusal(EXIT.usage, "--role-arn needs --oidc-token, such as env://CIRCLE_OIDC_TOKEN_V2")
  if (roleArn === undefined)
    throw new Refusal(EXIT.usage, "--oidc-token needs --role-arn, such as the output of the delivery stack")
  if (!/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/.test(roleArn)) {
    throw new Refusal(EXIT.usage, "--role-arn is no ARN of a role; one looks like arn:aws:iam::<account>:role/<name>")
  }
  const webIdentityToken = await secretAt(oidcToken, env)
  masking.add(webIdentityToken)
  const roleSessionName = `perigee-${env["CIRCLE_BUILD_NUM"] ?? "run"}`.replace(SESSION_NAME, "-").slice(0, 64)
  return masked(
    fromWebToken({
      roleArn,
      webIdentityToken,
      roleSessionName,
      durationSeconds: 3600,
      clientConfig: { region, requestHandler: REQUEST_HANDLER },
    }),
    masking,
  )
}

/** The text of a secret by its place; the place may be told, the text never. */
async function secretAt(place: string, env: Environment): Promise<string> {
  const [, scheme, rest = ""] = /^(env|file):\/\/(.+)$/.exec(place) ?? []
  if (scheme === undefined) {
    throw new Refusal(EXIT.usage, "--oidc-token takes a place, env://NAME or file://PATH, and never the token itself")
  }
  const text =
    scheme === "env"
      ? env[rest]
      : await readFile(rest, "utf8").catch((cause: unknown) => {
          throw new Refusal(EXIT.credentials, `--oidc-token: ${rest} can't be read`, { cause })
        })
  if (text === undefined || text.trim() === "")
    throw new Refusal(EXIT.credentials, `--oidc-token: ${place} is empty or not set`)
  return text.trim()
}

/** What the provider gives is masked before anybody can print it. */
function masked(provider: AwsCredentialIdentityProvider, masking: Masking): AwsCredentialIdentityProvider {
  return async (...given) => {
    const identity = await provider(...given)
    masking.add(identity.secretAccessKey)
    masking.add(identity.sessionToken)
    return identity
  }
}
