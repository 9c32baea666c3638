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

/** What to do about a file that is none. */
const PUBLISH = "npm run deploy -- publish writes it"

export type PublishedImages = Readonly<Partial<Record<ImageName, ImageUri>>>

/**
 * @param path of the JSON that `publish` writes
 * @throws Refusal it can't be read (66), or is no such document (65)
 */
export async function publishedImages(path: string, stage: string): Promise<PublishedImages> {
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (cause) {
    throw new Refusal(EXIT.noStack, `--images: ${path} can't be read; ${PUBLISH}`, { cause })
  }
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw new Refusal(EXIT.unfit, `--images: ${path} is not JSON; ${PUBLISH}`, { cause })
  }
  return publishedImagesOf(read, path, stage)
}

/**
 * @param read `{"stage": "…", "images": {"<name>": {"repository": "…", "digest": "sha256:…"}}}`
 * @param where it is from, for messages
 * @param stage whose images they must be, where it says so
 * @throws Refusal it is not that, or names an image that there is none of (65)
 */
export function publishedImagesOf(read: unknown, where: string, stage: string): PublishedImages {
  const refuse = (what: string): never => {
    throw new Refusal(EXIT.unfit, `--images: ${where}: ${what}; ${PUBLISH}`)
  }
  const { images, stage: own = stage } = isObject(read) ? read : {}
  if (own !== stage) refuse(`it is of the stage ${JSON.stringify(own)}, and this is ${stage}`)
  if (!isObject(images) || Object.keys(images).length === 0) {
    return refuse('there are no images in it, as in {"images": {"user_metadata": {"repository": …, "digest": …}}}')
  }
  return Object.fromEntries(
    Object.entries(images).map(([name, value]) => {
      if (!(IMAGES as readonly string[]).includes(name)) {
        refuse(`there is no image ${JSON.stringify(name)}; there are ${IMAGES.join(", ")}`)
      }
      const { repository, digest } = isObject(value) ? value : {}
      const uri = `${repository}@${digest}`
      if (repository === undefined || placeOf(uri) === undefined) {
        refuse(`${name} has no repository with a digest: sha256: and 64 hexadecimal digits`)
      }
      return [name, uri]
    }),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
