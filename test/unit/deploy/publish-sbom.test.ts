/** What is said to be in the images: of this repository's own lock file, and of layers made here. */
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { openArchive } from "../../../deploy/src/image-archive.ts"
import { BUILDS, basesOf } from "../../../deploy/src/publish-builds.ts"
import { type Bom, type Locked, lockedIn, nodeVersionIn, sbomOf } from "../../../deploy/src/publish-sbom.ts"
import { IMAGES, type ImageName } from "../../../infra/src/names.ts"
import { ROOT } from "../../support/get-data.ts"
import { ociTarball } from "../../support/registry/image-tarball.ts"

const { signal } = new AbortController()

describe("an image's SBOM", function () {
  this.timeout(60_000)
  let locked: Locked
  before(async () => {
    locked = await lockedIn(ROOT, signal)
  })

  const sbom = async (image: ImageName, node?: string): Promise<Bom> => {
    const bases = await basesOf(ROOT, BUILDS[image], { NODE_IMAGE: "registry.example/node:24" })
    const repository = `registry.example/perigee-development/${image}`
    const digest = `sha256:${"a".repeat(64)}`
    return sbomOf(locked, { image, tag: "0123456789ab", digest, repository, build: BUILDS[image], bases, node })
  }
  const names = ({ components }: Bom) => components.map(({ name }) => name)

  it("names what is bundled, also where the root has it as a devDependency, and no tool", async () => {
    const fetcher = names(await sbom("get_data"))
    expect(fetcher).to.include.members(["undici", "@aws-sdk/client-s3", "@aws-sdk/credential-provider-http"])
    const lambda = names(await sbom("neows_lambda"))
    expect(lambda).to.include.members(["undici", "@aws-sdk/client-secrets-manager", "@aws-sdk/client-ssm"])
    const service = names(await sbom("flight_metadata"))
    // Of the workspace itself, of the one it shares, and of theirs.
    expect(service).to.include.members(["fastify", "pg", "@aws-sdk/client-dynamodb", "pino"])
    for (const all of [fetcher, lambda, service]) expect(all).not.to.include.members(["esbuild"])
    expect(fetcher).not.to.include("pg")
    expect(service).not.to.include("@aws-sdk/client-s3")
  })

  it("names the image by its digest, its base images as they were given or as the Dockerfile has them, and Node", async () => {
    const { metadata, components } = await sbom("get_data", "24.1.2")
    expect(metadata.component.purl).to.match(/^pkg:oci\/get_data@sha256%3Aa{64}\?repository_url=registry\.example%2F/)
    const [build, runtime, node] = components
    expect(build).to.include({ "bom-ref": "NODE_IMAGE", type: "container", name: "registry.example/node:24" })
    expect(runtime).to.include({ name: "gcr.io/distroless/cc-debian13:nonroot" })
    expect(node).to.include({ type: "platform", version: "24.1.2", purl: "pkg:generic/node@24.1.2" })
    expect(names(await sbom("neows_lambda"))).to.include("public.ecr.aws/lambda/nodejs:24")
  })

  it("has every reference that it uses, for every image", async () => {
    for (const image of IMAGES) {
      const { metadata, components, dependencies } = await sbom(image)
      const known = [metadata.component, ...components].map((component) => component["bom-ref"])
      expect(new Set(known).size, image).to.equal(known.length)
      for (const { ref, dependsOn } of dependencies) expect(known, image).to.include.members([ref, ...dependsOn])
      expect(dependencies[0]?.ref).to.equal(image)
    }
  })

  describe("its Node", () => {
    let folder: string
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "perigee-sbom-"))
    })
    after(() => rm(folder, { recursive: true }))

    for (const compression of ["gzip", "zstd", ""] as const) {
      it(`is read from the program in a layer (${compression || "not compressed"}), wherever it lies`, async () => {
        const url = "https://nodejs.org/download/release/v24.99.1/node-v24.99.1.tar.gz"
        // Across the border of two chunks of a stream, which are of 64 KiB or 16.
        const content = Buffer.concat([randomBytes(65_536 - 60), Buffer.from(url), randomBytes(200_000)])
        const { file } = await ociTarball(join(folder, `${compression}.tar`), { layers: [compression], content })
        const archive = await openArchive(file, await mkdtemp(join(folder, "unpacked-")))
        expect(await nodeVersionIn(archive, signal)).to.equal("24.99.1")
      })
    }

    it("is not told where no layer has one", async () => {
      const { file } = await ociTarball(join(folder, "none.tar"), { layers: ["gzip", "zstd"] })
      const archive = await openArchive(file, await mkdtemp(join(folder, "unpacked-")))
      expect(await nodeVersionIn(archive, signal)).to.equal(undefined)
    })
  })
})
