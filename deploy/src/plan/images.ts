/** Images of a plan: those that the file of digests names, and else those that run. */
import { readFile } from "node:fs/promises"
import { IMAGES, type ImageName, NOTHING_ROLLED_OUT, ROLLED_OUT, type RolledOutName } from "../../../infra/src/names.ts"
import { EXIT, Refusal } from "../refusal.ts"

/** `sha256:…`, or {@link NOTHING_ROLLED_OUT}. */
export type Digests = Readonly<Record<RolledOutName, string>>

export interface PlannedImage {
  readonly name: RolledOutName
  readonly before: string
  readonly after: string
}

const DIGEST = /(?:^|@)(sha256:[0-9a-f]{64})$/

/**
 * @param path of a JSON file as `publish` writes it: `{"images": {"user_metadata": "sha256:…"}}`, each value a digest, a
 *   repository with a digest, or an object with a member `digest`
 * @throws Refusal the file is missing, is not that, or names an image that there is none of
 */
export async function digestsIn(path: string, stage: string): Promise<Partial<Record<ImageName, string>>> {
  let text: string
  try {
    text = await readFile(path, "utf8")
  } catch (cause) {
    throw new Refusal(EXIT.noStack, `--images: ${path} can't be read; npm run deploy -- publish writes it`, { cause })
  }
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw new Refusal(EXIT.unfit, `--images: ${path} is not JSON; npm run deploy -- publish writes it`, { cause })
  }
  return digestsOf(read, path, stage)
}

/**
 * @param where the value is from, for messages
 * @param stage whose images they must be, where the value says so
 */
export function digestsOf(read: unknown, where: string, stage: string): Partial<Record<ImageName, string>> {
  const refuse = (what: string): never => {
    throw new Refusal(EXIT.unfit, `--images: ${where}: ${what}; npm run deploy -- publish writes it`)
  }
  const images = isObject(read) ? read["images"] : undefined
  const own = isObject(read) ? (read["stage"] ?? stage) : stage
  if (own !== stage) refuse(`it is of the stage ${JSON.stringify(own)}, and this is ${stage}`)
  if (!isObject(images) || Object.keys(images).length === 0) {
    return refuse('there are no images in it; one looks like {"images": {"user_metadata": "sha256:…"}}')
  }
  return Object.fromEntries(
    Object.entries(images).map(([name, value]) => {
      if (!(IMAGES as readonly string[]).includes(name)) {
        refuse(`there is no image ${JSON.stringify(name)}; there are ${IMAGES.join(", ")}`)
      }
      const text = isObject(value) ? value["digest"] : value
      const [, digest] = DIGEST.exec(typeof text === "string" ? text : "") ?? []
      if (digest === undefined) refuse(`${name} has no digest: sha256: and 64 hexadecimal digits`)
      return [name, digest]
    }),
  )
}

/** The digest in what an image parameter holds, `<repository>@sha256:…`. */
export function runningDigest(value: string | undefined): string {
  return DIGEST.exec(value ?? "")?.[1] ?? NOTHING_ROLLED_OUT
}

export function plannedImages(running: Digests, asked: Partial<Record<ImageName, string>>): PlannedImage[] {
  return ROLLED_OUT.map((name) => ({ name, before: running[name], after: asked[name] ?? running[name] }))
}

/** As a person reads it: 12 digits tell two images apart. */
export function shortDigest(digest: string): string {
  return digest === NOTHING_ROLLED_OUT ? NOTHING_ROLLED_OUT : digest.slice(0, "sha256:".length + 12)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
