/**
 * An image as one tarball: an OCI image layout (BuildKit's `type=oci`, Dagger's `asTarball`), or what `docker save` wrote
 * before it had one. Whatever is referred to is there, and is what its digest says, before anything is pushed.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { open, readFile, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { pipeline } from "node:stream/promises"
import { extract } from "tar"
import { EXIT, Refusal } from "./refusal.ts"

/** Bytes of a manifest, an index or a configuration at most. Source: OCI distribution specification, “Pushing Manifests”. */
export const MAX_DOCUMENT = 4 * 1024 * 1024
/** An index of indexes of images is more than any builder writes. */
const MAX_DEPTH = 3

const INDEXES = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
])
const MANIFESTS = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
])
/** What a registry is asked for. */
export const DOCUMENT_TYPES: readonly string[] = [...INDEXES, ...MANIFESTS]

const DIGEST = /^sha256:[0-9a-f]{64}$/

/** What a manifest says of a blob. Source: OCI image specification, “Descriptor”. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** Bytes. */
  readonly size: number
}

/** A layer or a configuration, as a file. */
export interface Blob extends Descriptor {
  readonly path: string
}

/** A manifest or an index, in the bytes that its digest is of. */
export interface Document {
  readonly mediaType: string
  readonly digest: string
  readonly bytes: Uint8Array
}

export interface ImageArchive {
  /** What a tag is to name. */
  readonly root: Document
  /** Where the root is an index: what it lists, each before what lists it. */
  readonly listed: readonly Document[]
  /** Each once. */
  readonly blobs: readonly Blob[]
  /** Of each image in it, such as `linux/amd64`; attestations have none. */
  readonly platforms: readonly string[]
}

export function isIndex(mediaType: string): boolean {
  return INDEXES.has(mediaType)
}

/**
 * @param file the tarball
 * @param folder an empty one, where it is unpacked and stays: the archive's blobs are files there
 * @throws Refusal it can't be read, is no image, is cut, or a blob is not what its digest says
 */
export async function openArchive(file: string, folder: string): Promise<ImageArchive> {
  const refuse: Refuse = (what, cause) => {
    throw new Refusal(EXIT.usage, `${basename(file)} ${what}; build it anew`, { cause })
  }
  const names = new Set<string>()
  try {
    // Files alone: no link leads out of the folder, no device is made.
    const files = (path: string, entry: object) => {
      const taken = "type" in entry && (entry.type === "File" || entry.type === "OldFile")
      if (taken) names.add(path.replace(/^\.\//, ""))
      return taken
    }
    await extract({ file, cwd: folder, strict: true, preservePaths: false, noChmod: true, filter: files })
  } catch (error) {
    refuse(`can't be read as a tarball (${(error as Error).message.split("\n")[0]})`, error)
  }
  const layout = new Layout(folder, names, refuse)
  if (names.has("index.json")) return await layout.oci()
  if (names.has("manifest.json")) return await layout.docker()
  return refuse("holds no image: neither index.json (OCI) nor manifest.json (Docker) is in it")
}

type Refuse = (what: string, cause?: unknown) => never

class Layout {
  readonly #folder: string
  readonly #names: ReadonlySet<string>
  readonly #refuse: Refuse
  readonly #blobs = new Map<string, Blob>()
  readonly #listed: Document[] = []
  readonly #platforms = new Set<string>()

  constructor(folder: string, names: ReadonlySet<string>, refuse: Refuse) {
    this.#folder = folder
    this.#names = names
    this.#refuse = refuse
  }

  async oci(): Promise<ImageArchive> {
    const { manifests } = await this.#json<{ manifests?: unknown[] }>("index.json")
    if (!Array.isArray(manifests) || manifests.length !== 1) {
      this.#refuse(`holds ${Array.isArray(manifests) ? manifests.length : "no list of"} images where one is expected`)
    }
    return await this.#image(await this.#document(this.#descriptor(manifests?.[0]), 1))
  }

  /** Source: moby, “Docker Image Specification v1.2”, “Combined Image JSON + Filesystem Changeset Format”. */
  async docker(): Promise<ImageArchive> {
    const list = await this.#json<{ Config?: string; Layers?: string[] }[]>("manifest.json")
    const [{ Config, Layers } = {}] = Array.isArray(list) ? list : []
    if (list.length !== 1 || typeof Config !== "string" || !Array.isArray(Layers)) {
      this.#refuse("has a manifest.json that is not of one image")
    }
    const config = await this.#found(Config as string, "application/vnd.docker.container.image.v1+json")
    await this.#platform(config)
    const layers: Descriptor[] = []
    for (const name of Layers as string[]) layers.push(await this.#found(name))
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
      config: described(config),
      layers: layers.map(described),
    }
    const bytes = Buffer.from(JSON.stringify(manifest))
    return await this.#image({ mediaType: manifest.mediaType, digest: sha256(bytes), bytes })
  }

  async #image(root: Document): Promise<ImageArchive> {
    const blobs = [...this.#blobs.values()]
    for (const { digest, path } of blobs) {
      if ((await sha256Of(path)) !== digest) this.#refuse(`holds other bytes than ${digest} says`)
    }
    if (this.#platforms.size === 0) this.#refuse("holds no image: nothing in it has a platform")
    return { root, listed: this.#listed, blobs, platforms: [...this.#platforms] }
  }

  /** A manifest or an index, with all below it. */
  async #document({ mediaType, digest, size }: Descriptor, depth: number): Promise<Document> {
    if (!INDEXES.has(mediaType) && !MANIFESTS.has(mediaType)) {
      this.#refuse(`holds a ${JSON.stringify(mediaType)}, which is no image`)
    }
    if (size > MAX_DOCUMENT || depth > MAX_DEPTH) this.#refuse("holds a manifest that is too large or too deep")
    const bytes = await readFile(await this.#blobPath({ mediaType, digest, size }))
    if (sha256(bytes) !== digest) this.#refuse(`holds other bytes than ${digest} says`)
    const content = this.#parsed<{ manifests?: unknown[]; config?: unknown; layers?: unknown[] }>(bytes, digest)
    if (INDEXES.has(mediaType)) {
      for (const entry of content.manifests ?? []) {
        this.#listed.push(await this.#document(this.#descriptor(entry), depth + 1))
      }
    } else {
      const config = await this.#blob(this.#descriptor(content.config))
      await this.#platform(config)
      for (const layer of content.layers ?? []) await this.#blob(this.#descriptor(layer))
    }
    return { mediaType, digest, bytes }
  }

  async #blob(descriptor: Descriptor): Promise<Blob> {
    const blob = { ...descriptor, path: await this.#blobPath(descriptor) }
    this.#blobs.set(blob.digest, blob)
    return blob
  }

  async #blobPath({ digest, size }: Descriptor): Promise<string> {
    const path = this.#path(`blobs/${digest.replace(":", "/")}`)
    const actual = (await stat(path)).size
    if (actual !== size) this.#refuse(`holds ${actual} bytes of ${digest}, which has ${size}`)
    return path
  }

  /** A file of a Docker archive, whose digest and size nothing tells; a layer's compression is told by its first bytes. */
  async #found(name: string, type?: string): Promise<Blob> {
    const path = this.#path(name)
    const mediaType = type ?? `application/vnd.docker.image.rootfs.diff.tar${await compressionOf(path)}`
    const blob = { mediaType, digest: await sha256Of(path), size: (await stat(path)).size, path }
    this.#blobs.set(blob.digest, blob)
    return blob
  }

  async #platform({ path, size }: Blob): Promise<void> {
    if (size > MAX_DOCUMENT) this.#refuse("holds a configuration that is too large")
    const platform = platformOf(this.#parsed(await readFile(path), basename(path)))
    if (platform !== undefined) this.#platforms.add(platform)
  }

  #path(name: string): string {
    if (!this.#names.has(name)) this.#refuse(`is cut: ${name} is not in it`)
    return join(this.#folder, name)
  }

  #descriptor(entry: unknown): Descriptor {
    const { mediaType, digest, size } = Object(entry) as Partial<Descriptor>
    if (typeof mediaType !== "string" || typeof size !== "number" || !DIGEST.test(String(digest))) {
      this.#refuse("has a manifest whose descriptors are not of the OCI image specification")
    }
    return { mediaType, digest, size } as Descriptor
  }

  async #json<Content>(name: string): Promise<Content> {
    return this.#parsed(await readFile(this.#path(name)), name)
  }

  #parsed<Content>(bytes: Uint8Array, name: string): Content {
    try {
      return Object(JSON.parse(Buffer.from(bytes).toString())) as Content
    } catch (error) {
      return this.#refuse(`has no JSON in ${name}`, error)
    }
  }
}

/** Of an image's configuration; nothing for an attestation's, which names none. */
export function platformOf({ os, architecture, variant }: Readonly<Record<string, unknown>>): string | undefined {
  if (!os || !architecture || os === "unknown") return undefined
  // arm64 is v8 unless it says otherwise, and is the same thing with and without it.
  return variant && variant !== "v8" ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`
}

export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256")
  await pipeline(createReadStream(path), hash)
  return `sha256:${hash.digest("hex")}`
}

/** @returns the media type's ending: RFC 1952 and RFC 8878 name the magic numbers */
async function compressionOf(path: string): Promise<"" | ".gzip" | ".zstd"> {
  const file = await open(path)
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0)
    if (buffer.readUInt16BE(0) === 0x1f8b) return ".gzip"
    return buffer.readUInt32LE(0) === 0xfd2fb528 ? ".zstd" : ""
  } finally {
    await file.close()
  }
}

function described({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, size, digest }
}
