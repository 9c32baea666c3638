/**
 * `publish`: the images and the Lambda's zip of this commit, in the stage's repositories, with what is in them; what is
 * there already is left alone, so that a run that broke off is finished by another.
 */
import { createHash } from "node:crypto"
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { setTimeout } from "node:timers/promises"
import { IMAGES, type ImageName } from "../../infra/src/names.ts"
import type { Command, Values } from "./command.ts"
import { repositoriesOf } from "./ecr.ts"
import { FUNCTION_ZIP } from "./function-zip.ts"
import { type ImageArchive, isIndex, openArchive } from "./image-archive.ts"
import { outputOf, ProgramError } from "./program.ts"
import {
  type Archives,
  archivesByDocker,
  archivesIn,
  type BaseImages,
  BUILDS,
  basesOf,
  platformOf,
} from "./publish-builds.ts"
import { type Revision, revisionOf } from "./publish-revision.ts"
import { lockedIn, nodeVersionIn, sbomOf } from "./publish-sbom.ts"
import { EXIT, Refusal } from "./refusal.ts"
import { connections, Registry } from "./registry.ts"
import type { Session } from "./session.ts"

export const publish: Command = {
  name: "publish",
  summary: "Builds images and the Lambda's zip, pushes what ECR has not, and gives the digests as JSON",
  flags: {
    images: { type: "string", value: "FOLDER", help: "images as <name>.tar, OCI or Docker; without it docker builds" },
    out: { type: "string", value: "FOLDER", help: "for digests.json, SBOMs and lambda.zip; default: output/publish" },
    commit: { type: "string", value: "SHA", help: "all 40 digits, where there is no git to tell" },
    changes: {
      type: "string",
      value: "DIGEST",
      help: "with --commit: of a tree that differs from it, 12 to 64 digits",
    },
    "node-image": { type: "string", value: "IMAGE", help: "base to build in, in place of the Dockerfiles'" },
    "runtime-image": { type: "string", value: "IMAGE", help: "base to run on, in place of the Dockerfiles'" },
    "lambda-image": { type: "string", value: "IMAGE", help: "base of neows_lambda, in place of its Dockerfile's" },
  },
  run: async (session, values) => {
    const published = await publishedBy(session, values)
    session.print(JSON.stringify(published, undefined, 2))
    return 0
  },
}

/** An image where it is now. */
export interface PublishedImage {
  /** `<host>/<name>`. */
  readonly repository: string
  readonly tag: string
  /** `sha256:<64 digits>`: what to deploy is `<repository>@<digest>`. */
  readonly digest: string
  /** Such as `linux/amd64`; the stage's. */
  readonly platform: string
  /** It was there already. */
  readonly skipped: boolean
}

/** What `publish` prints, and writes to `digests.json`. Files are named within the folder of `--out`. */
export interface Published {
  readonly stage: string
  readonly commit: string
  readonly tag: string
  /** The tree had changes that are not committed. */
  readonly dirty: boolean
  readonly images: Readonly<Record<ImageName, PublishedImage>>
  readonly lambdaZip: { readonly path: string; readonly sha256: string }
  /** Files, CycloneDX JSON. */
  readonly sbom: Readonly<Record<ImageName, string>>
}

async function publishedBy(session: Session, values: Values): Promise<Published> {
  const { stage, root, say, signal } = session
  const text = (name: string) => (values[name] === "" ? undefined : (values[name] as string | undefined))
  const revision = await revisionOf(root, { commit: text("commit"), changes: text("changes") }, signal)
  if (revision.changes !== undefined && stage.protect) {
    const what = `the tree has changes that are not in the commit ${revision.commit.slice(0, 12)}`
    throw new Refusal(
      EXIT.usage,
      `${what}, and the stage ${stage.name} takes commits only: commit them, or clean the tree`,
    )
  }
  const out = resolve(root, text("out") ?? "output/publish")
  const bases: BaseImages = Object.fromEntries(
    ["node", "runtime", "lambda"].flatMap((kind) => {
      const given = text(`${kind}-image`)
      return given === undefined ? [] : [[`${kind.toUpperCase()}_IMAGE`, given]]
    }),
  )
  const scratch = await mkdtemp(join(tmpdir(), "perigee-publish-"))
  const dispatcher = connections()
  try {
    await mkdir(out, { recursive: true })
    const { uris, authorization } = await repositoriesOf(session)
    const pause = (ms: number) => setTimeout(ms, undefined, { signal })
    const registries = eachImage(
      (image) => new Registry(uris[image], dispatcher, { authorization, signal, say, pause }),
    )
    const folder = text("images")
    const archives =
      folder === undefined
        ? archivesByDocker({
            root,
            platform: platformOf(stage),
            bases,
            revision: revision.changes === undefined ? revision.commit : `${revision.commit}-dirty`,
            folder: scratch,
            signal,
            say,
          })
        : archivesIn(resolve(root, folder))
    const prepared: Prepared[] = []
    for (const image of IMAGES)
      prepared.push(await prepare(session, image, revision, registries[image], archives, scratch))
    const lambdaZip = await zip(session, out)
    // All are tried: what one could not, the next run need not do for the others.
    const settled = await Promise.allSettled(prepared.map((one) => push(session, one)))
    const failed = settled.find((one) => one.status === "rejected")
    if (failed !== undefined) throw failed.reason
    const sbom = eachImage((image) => `${image}.cdx.json`)
    const locked = await lockedIn(root, signal)
    for (const { image, digest, node, registry } of prepared) {
      const build = BUILDS[image]
      const contents = { image, tag: revision.tag, digest, repository: registry.uri, build, node }
      const used = await basesOf(root, build, bases)
      await writeJson(join(out, sbom[image]), sbomOf(locked, { ...contents, bases: used }))
    }
    const published: Published = {
      stage: stage.name,
      commit: revision.commit,
      tag: revision.tag,
      dirty: revision.changes !== undefined,
      images: Object.fromEntries(prepared.map((one) => [one.image, publishedImage(one)])) as Published["images"],
      lambdaZip,
      sbom,
    }
    await writeJson(join(out, "digests.json"), published)
    return published
  } finally {
    await dispatcher.destroy()
    await rm(scratch, { recursive: true, force: true })
  }
}

interface Prepared {
  readonly image: ImageName
  readonly registry: Registry
  readonly tag: string
  readonly digest: string
  readonly platform: string
  readonly node: string | undefined
  /** What is to push; nothing where it is there. */
  readonly archive: ImageArchive | undefined
}

/** Looks whether the tag is there, else reads the image; nothing is pushed before all are of the right platform. */
async function prepare(
  { stage, say, signal }: Session,
  image: ImageName,
  { tag }: Revision,
  registry: Registry,
  archives: Archives,
  scratch: string,
): Promise<Prepared> {
  const platform = platformOf(stage)
  const held = await registry.digestOf(tag)
  if (held !== undefined) {
    const platforms = await registry.platforms(held)
    if (!platforms.includes(platform)) {
      const what = `${registry.uri}:${tag} is ${platforms.join(", ") || "of no platform"}`
      throw new Refusal(
        EXIT.failed,
        `${what}, the stage ${stage.name} runs ${platform}, and tags are immutable: commit anew`,
      )
    }
    say(`${image}: ${tag} is there, ${held}`)
    return { image, registry, tag, digest: held, platform, node: undefined, archive: undefined }
  }
  const folder = join(scratch, image)
  await mkdir(folder)
  const archive = await openArchive(await archives(image), folder)
  if (!archive.platforms.includes(platform)) {
    const what = `${image} is ${archive.platforms.join(", ")}, and the stage ${stage.name} runs ${platform}`
    throw new Refusal(EXIT.usage, `${what}: build it with --platform=${platform}`)
  }
  if (image === "neows_lambda" && isIndex(archive.root.mediaType)) {
    const what = `${image} is an index of images, which Lambda does not run`
    throw new Refusal(EXIT.usage, `${what}: build it for one platform, with --provenance=false`)
  }
  const node = await nodeVersionIn(archive, signal)
  return { image, registry, tag, digest: archive.root.digest, platform, node, archive }
}

/** Blobs, then what refers to them, the tag last: who sees the tag sees all of the image. */
async function push({ say }: Session, { image, registry, tag, digest, archive }: Prepared): Promise<void> {
  if (archive === undefined) return
  const settled = await Promise.allSettled(archive.blobs.map((blob) => registry.push(blob)))
  const failed = settled.find((one) => one.status === "rejected")
  if (failed !== undefined) throw failed.reason
  for (const document of archive.listed) await registry.put(document)
  await registry.put(archive.root, tag)
  const uploaded = archive.blobs.filter((_, at) => (settled[at] as PromiseFulfilledResult<boolean>).value)
  const megabytes = uploaded.reduce((sum, { size }) => sum + size, 0) / 1e6
  const share = `${uploaded.length} of ${archive.blobs.length} blobs, ${megabytes.toFixed(1)} MB`
  say(`${image}: ${tag} pushed, ${digest} (${share})`)
}

/** By the Lambda's own build, whose bytes are those of the tree on any machine. */
async function zip({ root, signal }: Session, out: string): Promise<Published["lambdaZip"]> {
  const path = "lambda.zip"
  try {
    await outputOf(process.execPath, ["lambda/build.ts"], { cwd: root, signal })
  } catch (cause) {
    if (!(cause instanceof ProgramError)) throw cause
    throw new Refusal(EXIT.configuration, `the Lambda's zip is not built: ${cause.message}; run npm ci`, { cause })
  }
  await copyFile(join(root, FUNCTION_ZIP), join(out, path))
  const hash = createHash("sha256").update(await readFile(join(out, path)))
  return { path, sha256: hash.digest("hex") }
}

function publishedImage({ registry, tag, digest, platform, archive }: Prepared): PublishedImage {
  return { repository: registry.uri, tag, digest, platform, skipped: archive === undefined }
}

function eachImage<Value>(of: (image: ImageName) => Value): Record<ImageName, Value> {
  return Object.fromEntries(IMAGES.map((image) => [image, of(image)])) as Record<ImageName, Value>
}

async function writeJson(path: string, content: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(content, undefined, 2)}\n`)
}
