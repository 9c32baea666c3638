/** Tiny images for tests, as the tarballs that builders write: made here, of a few bytes a layer. */
import { createHash, randomBytes, randomUUID } from "node:crypto"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { gzipSync, zstdCompressSync } from "node:zlib"
import { create } from "tar"

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json"
const OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"

export type Compression = "gzip" | "zstd" | ""

export interface TinyImage {
  /** Default: `linux/amd64`. */
  readonly platforms?: readonly string[]
  /** A layer each; default: one, gzip. */
  readonly layers?: readonly Compression[]
  /** What a layer holds; default: random bytes. */
  readonly content?: Buffer
  /** An index with an attestation beside the images, as BuildKit writes it. */
  readonly attested?: boolean
}

export interface Made {
  readonly file: string
  readonly files: Map<string, Buffer>
  /** Of what a tag is to name. */
  readonly digest: string
  readonly layers: readonly string[]
}

const sha256 = (bytes: Buffer) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`
const json = (content: unknown) => Buffer.from(JSON.stringify(content))

/** An OCI layout at `file`. `change` may spoil it first. */
export async function ociTarball(
  file: string,
  { platforms = ["linux/amd64"], layers = ["gzip"], content, attested = false }: TinyImage = {},
  change: (files: Map<string, Buffer>) => void = () => {},
): Promise<Made> {
  const files = new Map<string, Buffer>([["oci-layout", json({ imageLayoutVersion: "1.0.0" })]])
  const blob = (mediaType: string, bytes: Buffer, more = {}) => {
    const digest = sha256(bytes)
    files.set(`blobs/sha256/${digest.slice(7)}`, bytes)
    return { mediaType, digest, size: bytes.length, ...more }
  }
  const layerDigests: string[] = []
  const image = (platform: string) => {
    const [os, architecture] = platform.split("/")
    const made = layers.map((compression) => {
      const layer = content ?? randomBytes(2000)
      const packed = { gzip: gzipSync, zstd: zstdCompressSync, "": (bytes: Buffer) => bytes }[compression](layer)
      return blob(compression ? `${OCI_LAYER}+${compression}` : OCI_LAYER, packed)
    })
    layerDigests.push(...made.map(({ digest }) => digest))
    const config = blob(
      OCI_CONFIG,
      json({ os, architecture, created_by: randomUUID(), rootfs: { type: "layers", diff_ids: [] } }),
    )
    const manifest = json({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: made })
    return blob(OCI_MANIFEST, manifest, { platform: { os, architecture } })
  }
  const images = platforms.map(image)
  if (attested) images.push(image("unknown/unknown"))
  const root =
    images.length === 1
      ? images[0]
      : blob(OCI_INDEX, json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: images }))
  files.set("index.json", json({ schemaVersion: 2, manifests: [root] }))
  change(files)
  await write(file, files)
  return { file, files, digest: root?.digest ?? "", layers: layerDigests }
}

/** What `docker save` wrote before it wrote an OCI layout: layers that are not compressed, no digests. */
export async function dockerTarball(file: string, layers = 2): Promise<Made> {
  const names = Array.from({ length: layers }, (_, at) => `layer${at}/layer.tar`)
  const files = new Map<string, Buffer>(names.map((name) => [name, randomBytes(1500)]))
  files.set("config.json", json({ os: "linux", architecture: "amd64", created_by: randomUUID(), rootfs: {} }))
  files.set("manifest.json", json([{ Config: "config.json", RepoTags: null, Layers: names }]))
  await write(file, files)
  return { file, files, digest: "", layers: names.map((name) => sha256(files.get(name) as Buffer)) }
}

async function write(file: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "perigee-image-"))
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), bytes)
  }
  await create({ file, cwd: folder, portable: true }, [...files.keys()])
  await rm(folder, { recursive: true })
}
