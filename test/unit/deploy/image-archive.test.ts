/** Archives of images: what is taken out of them, and each way that one can be wrong. */
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { create } from "tar"
import { openArchive, platformOf, sha256 } from "../../../deploy/src/image-archive.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { dockerTarball, OCI_INDEX, OCI_MANIFEST, ociTarball } from "../../support/registry/image-tarball.ts"

describe("an image's archive", () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-archive-"))
    file = join(folder, "get_data.tar")
  })
  afterEach(() => rm(folder, { recursive: true }))

  const open = async () => await openArchive(file, await mkdtemp(join(folder, "unpacked-")))
  const refused = async (pattern: RegExp) => {
    const failed = await open().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failed).to.be.instanceOf(Refusal)
    expect(failed).to.include({ exitCode: 64 })
    expect((failed as Refusal).message)
      .to.match(/^get_data\.tar .*; build it anew$/)
      .and.to.match(pattern)
  }

  it("keeps a layout's manifest, media types and bytes as they are", async () => {
    const { digest, layers } = await ociTarball(file, { layers: ["gzip", "zstd", ""] })
    const { root, listed, blobs, platforms } = await open()
    expect(root).to.include({ digest, mediaType: OCI_MANIFEST })
    expect(sha256(root.bytes)).to.equal(digest)
    expect([listed, platforms]).to.deep.equal([[], ["linux/amd64"]])
    expect(blobs.slice(1).map((blob) => blob.digest)).to.deep.equal(layers)
    expect(blobs.map(({ mediaType }) => mediaType.replace(/.*image\./, ""))).to.deep.equal([
      "config.v1+json",
      "layer.v1.tar+gzip",
      "layer.v1.tar+zstd",
      "layer.v1.tar",
    ])
    for (const { path, digest: told, size } of blobs) {
      const bytes = await readFile(path)
      expect([sha256(bytes), bytes.length]).to.deep.equal([told, size])
    }
  })

  it("gives an index with what it lists before it; an attestation has no platform", async () => {
    const { digest } = await ociTarball(file, { platforms: ["linux/amd64", "linux/arm64"], attested: true })
    const { root, listed, platforms } = await open()
    expect(root).to.include({ digest, mediaType: OCI_INDEX })
    expect(listed.map(({ mediaType }) => mediaType)).to.deep.equal([OCI_MANIFEST, OCI_MANIFEST, OCI_MANIFEST])
    expect(platforms).to.deep.equal(["linux/amd64", "linux/arm64"])
  })

  it("makes a manifest for what docker save wrote, the same every time", async () => {
    const { layers } = await dockerTarball(file)
    const { root, blobs, platforms } = await open()
    expect(platforms).to.deep.equal(["linux/amd64"])
    const manifest = JSON.parse(Buffer.from(root.bytes).toString())
    expect(manifest.mediaType).to.equal("application/vnd.docker.distribution.manifest.v2+json")
    expect(manifest.layers.map((layer: { digest: string }) => layer.digest)).to.deep.equal(layers)
    expect(manifest.layers[0].mediaType).to.equal("application/vnd.docker.image.rootfs.diff.tar")
    expect(blobs).to.have.length(3)
    expect((await open()).root.digest).to.equal(root.digest)
  })

  it("is refused where a layer's bytes are not what its digest says", async () => {
    await ociTarball(file, {}, (files) => {
      const [name = "", bytes = Buffer.alloc(0)] = [...files].find(([, { length }]) => length > 1000) ?? []
      files.set(name, Buffer.from(bytes).fill(0, 500, 510))
    })
    await refused(/holds other bytes than sha256:\w{64} says/)
  })

  it("is refused where a layer is missing", async () => {
    await ociTarball(file, {}, (files) => {
      for (const [name, { length }] of [...files]) if (length > 1000) files.delete(name)
    })
    await refused(/is cut: blobs\/sha256\/\w{64} is not in it/)
  })

  it("is refused where a layer is shorter than told", async () => {
    await ociTarball(file, {}, (files) => {
      for (const [name, bytes] of [...files]) if (bytes.length > 1000) files.set(name, bytes.subarray(0, 900))
    })
    await refused(/holds 900 bytes of sha256:\w{64}, which has \d+/)
  })

  it("is refused where the file itself is cut", async () => {
    await ociTarball(file, { content: Buffer.alloc(300_000, "x"), layers: [""] })
    await writeFile(file, (await readFile(file)).subarray(0, 100_000))
    await refused(/can't be read as a tarball/)
  })

  for (const [what, content, pattern] of [
    ["no archive at all", Buffer.from("no tarball, but text".repeat(100)), /can't be read as a tarball/],
    ["an empty file", Buffer.alloc(0), /can't be read as a tarball|holds no image/],
  ] as const) {
    it(`is refused where it is ${what}`, async () => {
      await writeFile(file, content)
      await refused(pattern)
    })
  }

  it("is refused where it holds no image", async () => {
    await writeFile(join(folder, "readme"), "nothing")
    await create({ file, cwd: folder }, ["readme"])
    await refused(/holds no image: neither index\.json \(OCI\) nor manifest\.json \(Docker\) is in it/)
  })

  for (const [what, index] of [
    ["two images", { manifests: [{}, {}] }],
    ["none", { manifests: [] }],
    ["no list", {}],
  ] as const) {
    it(`is refused where its index names ${what}`, async () => {
      await ociTarball(file, {}, (files) => files.set("index.json", Buffer.from(JSON.stringify(index))))
      await refused(/images where one is expected/)
    })
  }

  for (const digest of ["sha256:../../etc/passwd", "md5:0", `sha256:${"A".repeat(64)}`]) {
    it(`is refused where a digest is no SHA-256 (${digest.slice(0, 16)})`, async () => {
      const manifests = [{ mediaType: OCI_MANIFEST, size: 2, digest }]
      await ociTarball(file, {}, (files) => files.set("index.json", Buffer.from(JSON.stringify({ manifests }))))
      await refused(/descriptors are not of the OCI image specification/)
    })
  }

  it("is refused where a layer is a link, which is never followed", async () => {
    await writeFile(join(folder, "manifest.json"), JSON.stringify([{ Config: "config.json", Layers: ["layer.tar"] }]))
    await writeFile(join(folder, "config.json"), JSON.stringify({ os: "linux", architecture: "amd64" }))
    await symlink("/etc/passwd", join(folder, "layer.tar"))
    await create({ file, cwd: folder }, ["manifest.json", "config.json", "layer.tar"])
    await refused(/is cut: layer\.tar is not in it/)
  })

  it("tells arm64 with and without its only variant as one platform", () => {
    expect(platformOf({ os: "linux", architecture: "arm64", variant: "v8" })).to.equal("linux/arm64")
    expect(platformOf({ os: "linux", architecture: "arm", variant: "v7" })).to.equal("linux/arm/v7")
    expect(platformOf({ os: "unknown", architecture: "unknown" })).to.equal(undefined)
  })
})
