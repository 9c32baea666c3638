/** Images of a plan: those that the file of digests names, and else those that run. */
import { NOTHING_ROLLED_OUT, ROLLED_OUT, type RolledOutName } from "../../../infra/src/names.ts"
import { type ImageUri, type PublishedImages, placeOf } from "../images.ts"

/** `sha256:…`, or {@link NOTHING_ROLLED_OUT}. */
export type Digests = Readonly<Record<RolledOutName, string>>

export interface PlannedImage {
  readonly name: RolledOutName
  readonly before: string
  readonly after: string
}

/** The digest in what an image parameter holds, `<repository>@sha256:…`. */
export function runningDigest(value: string | undefined): string {
  return digestOf(value ?? "") ?? NOTHING_ROLLED_OUT
}

export function plannedImages(running: Digests, asked: PublishedImages): PlannedImage[] {
  return ROLLED_OUT.map((name) => ({
    name,
    before: running[name],
    after: digestOf(asked[name] ?? "") ?? running[name],
  }))
}

function digestOf(uri: ImageUri): string | undefined {
  return placeOf(uri)?.digest
}

/** As a person reads it: 12 digits tell two images apart. */
export function shortDigest(digest: string): string {
  return digest === NOTHING_ROLLED_OUT ? NOTHING_ROLLED_OUT : digest.slice(0, "sha256:".length + 12)
}
