/**
 * An object of Amazon S3, put by the AWS SDK. A bundle of its own (app/build.ts), so that the program without S3 neither
 * loads nor carries it in memory.
 */
import { Agent } from "node:https"
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3"
import { fromHttp } from "@aws-sdk/credential-provider-http"
import type { Clock } from "./clock.ts"
import { backoffMs } from "./retry.ts"
import { failure, putFailureOf, type S3Failure } from "./s3-failure.ts"
import type { CredentialSource, S3Place } from "./s3-place.ts"
import { BoundedHandler, type Bounds } from "./s3-request.ts"

/** Milliseconds for the container's credentials endpoint, all attempts together; it is on the same host. */
const CREDENTIALS_MS = 5000
const SILENCE = `stays silent for ${CREDENTIALS_MS / 1000} s`
/** Attempts at it, as many as other AWS SDKs make (“Container credential provider”, AWS SDKs and tools reference). */
const CREDENTIALS_ATTEMPTS = 3

export interface PutOptions extends Bounds {
  /** Further attempts after the first, ≥ 0. */
  readonly retries: number
  /** Carries the requests to an `https:` endpoint, save to the hosts of `noProxy`. */
  readonly httpsProxy: URL | undefined
  readonly noProxy: string
  readonly clock: Clock
}

/** Puts a document, whole or not at all. Resolves with what went wrong; rejects with a defect only. */
export type Put = (document: string, signal: AbortSignal) => Promise<S3Failure | undefined>

type Credentials = Awaited<ReturnType<ReturnType<typeof fromHttp>>>

/** Gets credentials. They are renewed before they expire, should the page take that long. */
export async function openObject(place: S3Place, options: PutOptions): Promise<Put | S3Failure> {
  const { retries, httpsProxy, noProxy, clock } = options
  const secrets = [httpsProxy?.password ?? ""]
  const provider = providerOf(place.credentials, clock)
  if (provider === undefined) {
    const words =
      "no AWS credentials; a task's role gives them in ECS, and elsewhere AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY " +
      "do (profiles are not read)"
    return failure(words, new Error("no credentials in the environment"), secrets)
  }
  const credentials = async (): Promise<Credentials> => {
    const given = await provider()
    secrets.push(given.accessKeyId, given.secretAccessKey, given.sessionToken ?? "")
    return given
  }
  // Given in full, here and in the settings: nothing is taken from the environment or a profile behind our back.
  const httpsAgent = new Agent({
    keepAlive: true,
    ...(httpsProxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: httpsProxy.href, NO_PROXY: noProxy } }),
  })
  const settings = {
    region: place.region,
    credentials,
    ignoreConfiguredEndpointUrls: true,
    // Buckets as a part of the path: an endpoint of one's own seldom has a name for each bucket.
    ...(place.endpoint === undefined ? {} : { endpoint: place.endpoint.href, forcePathStyle: true }),
    useFipsEndpoint: place.fips,
    useDualstackEndpoint: place.dualStack,
    retryMode: "standard",
    maxAttempts: retries + 1,
    requestHandler: new BoundedHandler({ httpsAgent }, options),
    defaultsMode: "standard" as const,
    requestChecksumCalculation: "WHEN_SUPPORTED" as const,
    responseChecksumValidation: "WHEN_SUPPORTED" as const,
    authSchemePreference: async () => [],
    sigv4aSigningRegionSet: async () => undefined,
    disableClockSkewCorrection: false,
    useArnRegion: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    userAgentAppId: async () => undefined,
  }
  const client = new S3Client(settings)
  try {
    await client.config.credentials()
  } catch (error) {
    return failure((error as Error).message, error, secrets)
  }
  return async (document, abortSignal) => {
    const command = new PutObjectCommand({
      Bucket: place.bucket,
      Key: place.key,
      Body: Buffer.from(document),
      ContentType: "application/json",
      // S3 refuses a body that does not match, and keeps the sum beside the object.
      ChecksumAlgorithm: "CRC32",
    })
    try {
      await client.send(command, { abortSignal })
      return undefined
    } catch (error) {
      if (error instanceof NoCredentials) return failure(error.message, error, secrets)
      return putFailureOf(error, place, { ...options, secrets })
    }
  }
}

/** The container's endpoint gives none; the message says why, and holds nothing of what it answered. */
class NoCredentials extends Error {
  override readonly name = "NoCredentials"

  constructor({ message }: Error) {
    super(`no AWS credentials; ${wordsFor(message)}`)
  }
}

function wordsFor(message: string): string {
  if (message.includes("URL not accepted")) {
    return "AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http:// to another host than this and the container's"
  }
  const [, status, code] = /responded with status: (\d{3})|\b(E[A-Z]{4,})\b/.exec(message) ?? []
  if (code === "ENOENT" || code === "EACCES" || code === "EISDIR") {
    return `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE can't be read (${code})`
  }
  const told = status === undefined ? "gives none" : `answers ${status}`
  const how = message === SILENCE ? SILENCE : code === undefined ? told : `can't be reached (${code})`
  return `the container's credentials endpoint ${how}; does the task have a role?`
}

/** Undefined where there is no source. */
function providerOf(source: CredentialSource, clock: Clock): (() => Promise<Credentials>) | undefined {
  if (source.kind === "none") return undefined
  if (source.kind === "keys") {
    const { accessKeyId, secretAccessKey, sessionToken } = source
    return async () => ({ accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) })
  }
  const { relativeUri = "", fullUri = "", token = "", tokenFile = "" } = source
  return async () => {
    try {
      const ask = fromHttp({
        // Empty ones, so that nothing is taken from the environment.
        awsContainerCredentialsRelativeUri: relativeUri,
        awsContainerCredentialsFullUri: fullUri,
        awsContainerAuthorizationToken: token,
        awsContainerAuthorizationTokenFile: tokenFile,
        // Longer than ours: its own time-out only warns, on stderr.
        timeout: CREDENTIALS_MS * 2,
        maxRetries: 0,
      })
      const late = clock.sleep(CREDENTIALS_MS).then(() => {
        throw new Error(SILENCE)
      })
      return await Promise.race([asked(ask, clock), late])
    } catch (cause) {
      throw new NoCredentials(cause as Error)
    }
  }
}

async function asked(ask: () => Promise<Credentials>, clock: Clock): Promise<Credentials> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await ask()
    } catch (error) {
      if (failures + 1 === CREDENTIALS_ATTEMPTS) throw error
      await clock.sleep(backoffMs(failures, clock.random))
    }
  }
}
