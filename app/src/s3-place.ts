/** Where in Amazon S3 the document goes and who puts it: `s3://bucket/key`, and the variables that AWS' own programs read. */
import { baseUrlOf, type Environment, set, UsageError } from "./setting-value.ts"

/** Who puts the object. */
export type CredentialSource =
  | {
      readonly kind: "keys"
      readonly accessKeyId: string
      readonly secretAccessKey: string
      readonly sessionToken: string | undefined
    }
  /** An endpoint beside the container: ECS' task role, EKS' pod identity. */
  | {
      readonly kind: "container"
      /** A path at 169.254.170.2, or else the whole address in `fullUri`. */
      readonly relativeUri: string | undefined
      readonly fullUri: string | undefined
      readonly token: string | undefined
      readonly tokenFile: string | undefined
    }
  | { readonly kind: "none" }

export interface S3Place {
  readonly bucket: string
  readonly key: string
  readonly region: string
  /** In the place of the region's own address; buckets are then part of its path. */
  readonly endpoint: URL | undefined
  /** Whether the region's own address is the one for FIPS 140, or the one for IPv6 too. */
  readonly fips: boolean
  readonly dualStack: boolean
  readonly credentials: CredentialSource
}

/** Longest key, in bytes of UTF-8 (S3 user guide, “Naming Amazon S3 objects”). */
export const MAX_KEY_BYTES = 1024

/** “General purpose bucket naming rules” of the S3 user guide; access points' aliases keep them too. */
const BUCKET = /^(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
/** Names that S3 keeps for itself, and other kinds of buckets, which take no plain PutObject. */
const RESERVED = /^(?:xn--|sthree-|amzn-s3-demo-)|(?:--ol-s3|\.mrap|--x-s3|--table-s3)$/
/** eu-central-1, us-gov-west-1, eusc-de-east-1. */
const REGION = /^[a-z]{2,8}(?:-[a-z]+)+-\d{1,2}$/

/** Whether `output` names a place in S3 and not a file. */
export function isS3Uri(output: string): boolean {
  return /^s3:\/\//i.test(output)
}

/**
 * Reads the URI as AWS' command line does: nothing in it is decoded, `?` and `#` are characters of the key.
 *
 * @param source flag or variable that the URI comes from
 * @param uri begins with `s3://`
 * @throws UsageError naming the flag or variable, and the rule; never its value, which may be a secret in the wrong place
 */
export function s3PlaceOf(source: string, uri: string, env: Environment): S3Place {
  const [, bucket = "", key] = /^s3:\/\/([^/]*)(?:\/(.*))?$/is.exec(uri) ?? []
  if (!BUCKET.test(bucket)) {
    throw new UsageError(
      `${source}: s3:// takes a bucket's name of 3 to 63 of a-z 0-9 . -, as in s3://bucket/neows/response.json`,
    )
  }
  if (RESERVED.test(bucket)) throw new UsageError(`${source}: S3 keeps this bucket's name for uses of its own`)
  if (key === undefined || key === "")
    throw new UsageError(`${source}: names a bucket; name an object in it, s3://bucket/key`)
  const bytes = Buffer.byteLength(key)
  if (bytes > MAX_KEY_BYTES) {
    throw new UsageError(`${source}: the key has ${bytes} bytes; S3 takes 1 to ${MAX_KEY_BYTES}`)
  }
  if (key.endsWith("/")) throw new UsageError(`${source}: names a folder; name an object in it`)
  // What is between here and S3 may take them for steps in a path, and the object would be another one.
  if (key.split("/").some((part) => part === "." || part === "..")) {
    throw new UsageError(`${source}: a part of the key is . or ..; leave it out`)
  }
  return { bucket, key, region: regionOf(env), ...endpointOf(env), credentials: credentialSourceOf(env) }
}

function regionOf(env: Environment): string {
  const region = set(env, "AWS_REGION") ?? set(env, "AWS_DEFAULT_REGION")
  if (region === undefined)
    throw new UsageError("AWS_REGION is not set, and s3:// needs it: the bucket's, such as eu-central-1")
  if (!REGION.test(region)) throw new UsageError("AWS_REGION: not a region, such as eu-central-1")
  return region
}

/** The SDKs' own names for it (AWS SDKs and tools reference, “Service-specific endpoints”, “Dual-stack and FIPS endpoints”). */
function endpointOf(env: Environment): Pick<S3Place, "endpoint" | "fips" | "dualStack"> {
  const variable = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].find((name) => set(env, name) !== undefined)
  const isOn = (name: string): boolean => {
    const text = set(env, name)?.toLowerCase() ?? "false"
    if (text !== "true" && text !== "false") throw new UsageError(`${name}: neither true nor false`)
    if (text === "true" && variable !== undefined) {
      throw new UsageError(
        `${name} chooses among AWS' own addresses, and ${variable} names another; keep one of the two`,
      )
    }
    return text === "true"
  }
  const [fips, dualStack] = [isOn("AWS_USE_FIPS_ENDPOINT"), isOn("AWS_USE_DUALSTACK_ENDPOINT")]
  if (variable === undefined) return { endpoint: undefined, fips, dualStack }
  const endpoint = baseUrlOf(variable, set(env, variable) ?? "", "https://s3.eu-central-1.amazonaws.com")
  return { endpoint, fips, dualStack }
}

/** @throws UsageError where the variable's text is none that can be sent; never with the text */
function sendable(env: Environment, variable: string): string | undefined {
  const text = set(env, variable)
  if (text === undefined || /^[\x20-\x7e]*$/.test(text)) return text
  throw new UsageError(`${variable}: holds a line end, or another character that is not ASCII and printable`)
}

/** In the SDK's order: keys of the environment, then the container's endpoint. Profiles and SSO are not read. */
function credentialSourceOf(env: Environment): CredentialSource {
  const accessKeyId = sendable(env, "AWS_ACCESS_KEY_ID")
  const secretAccessKey = sendable(env, "AWS_SECRET_ACCESS_KEY")
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { kind: "keys", accessKeyId, secretAccessKey, sessionToken: sendable(env, "AWS_SESSION_TOKEN") }
  }
  if (accessKeyId !== undefined || secretAccessKey !== undefined) {
    throw new UsageError(
      "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY one is set; set both, or none in a container with a role",
    )
  }
  const relativeUri = set(env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
  const fullUri = relativeUri === undefined ? set(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI") : undefined
  if (relativeUri === undefined && fullUri === undefined) return { kind: "none" }
  if (fullUri !== undefined && !(URL.canParse(fullUri) && /^https?:$/.test(new URL(fullUri).protocol))) {
    throw new UsageError("AWS_CONTAINER_CREDENTIALS_FULL_URI: not an http:// or https:// URL")
  }
  if (relativeUri !== undefined && !relativeUri.startsWith("/")) {
    throw new UsageError("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: not a path; it begins with /")
  }
  const tokenFile = set(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
  const token = tokenFile === undefined ? sendable(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN") : undefined
  return { kind: "container", relativeUri, fullUri, token, tokenFile }
}
