/** Which images run, as the stage's parameters say, and which ones `publish` made, as its digests file says. */
import { readFile } from "node:fs/promises"
import { GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm"
import {
  IMAGES,
  type ImageName,
  imageParameter,
  type NOTHING_ROLLED_OUT,
  ROLLED_OUT,
  type RolledOutName,
  repositoryName,
} from "../../infra/src/names.ts"
import type { Identity } from "./identity.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"

/** `<registry>/<repository>@sha256:<64 hex digits>`. */
export type ImageUri = string

const URI = /^(?<registry>[^/@\s]+)\/(?<repository>[^@\s]+)@(?<digest>sha256:[0-9a-f]{64})$/

export interface ImagePlace {
  readonly registry: string
  readonly repository: string
  /** `sha256:` and 64 hex digits. */
  readonly digest: string
}

/** @returns undefined where it is no address of an image by digest */
export function placeOf(uri: ImageUri): ImagePlace | undefined {
  return URI.exec(uri)?.groups as ImagePlace | undefined
}

/** An image of the account's own registry: a digest alone is approved, and no file says where it is from. */
export function imageUri(
  { account, partition }: Pick<Identity, "account" | "partition">,
  { name, region }: Pick<Session["stage"], "name" | "region">,
  image: ImageName,
  digest: string,
): ImageUri {
  const suffix = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  return `${account}.dkr.ecr.${region}.${suffix}/${repositoryName(name, image)}@${digest}`
}

/** What the parameters hold: an image, `none` before the first rollout, or undefined where a parameter is not there. */
export type RunningImages = Readonly<Record<RolledOutName, ImageUri | typeof NOTHING_ROLLED_OUT | undefined>>

export async function runningImages({ aws, stage }: Session, signal: AbortSignal): Promise<RunningImages> {
  const Names = ROLLED_OUT.map((name) => imageParameter(stage.name, name))
  const { Parameters = [] } = await aws
    .client(SSMClient)
    .send(new GetParametersCommand({ Names }), { abortSignal: signal })
  const values = new Map(Parameters.map(({ Name, Value }) => [Name, Value]))
  return Object.fromEntries(
    ROLLED_OUT.map((name) => [name, values.get(imageParameter(stage.name, name))]),
  ) as unknown as RunningImages
}

export type PublishedImages = Readonly<Partial<Record<ImageName, ImageUri>>>

/**
 * @param path of the JSON that `publish` writes: `{"images": {"<name>": {"repository": "…", "digest": "sha256:…"}}}`
 * @throws Refusal it can't be read, or is no such document
 */
export async function publishedImages(path: string): Promise<PublishedImages> {
  const refuse = (why: string, cause?: unknown): never => {
    throw new Refusal(EXIT.usage, `--images=${path} ${why}; give the digests.json that publish wrote`, { cause })
  }
  const text = await readFile(path, "utf8").catch((error) => refuse("can't be read", error))
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    refuse("is no JSON", error)
  }
  const images = (document as { images?: unknown } | null)?.images
  if (typeof images !== "object" || images === null) return refuse('has no "images"')
  const found: Partial<Record<ImageName, ImageUri>> = {}
  for (const [name, value] of Object.entries(images)) {
    if (!IMAGES.includes(name as ImageName)) refuse(`names ${JSON.stringify(name)}; there are ${IMAGES.join(", ")}`)
    const { repository, digest } = (value ?? {}) as { repository?: unknown; digest?: unknown }
    const uri = `${repository}@${digest}`
    if (placeOf(uri) === undefined) refuse(`has no repository and digest for ${name}`)
    found[name as ImageName] = uri
  }
  return found
}
