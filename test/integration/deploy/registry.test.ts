/** Pushing to registries: a strict one in this process with faults on order, and the reference one where the machine has it. */
import { randomBytes } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import type { Agent } from "undici"
import { type ImageArchive, openArchive } from "../../../deploy/src/image-archive.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { connections, Registry, registryOf } from "../../../deploy/src/registry.ts"
import { describeWith } from "../../support/needs.ts"
import { type Distribution, distribution, startDistribution } from "../../support/registry/distribution.ts"
import { dockerTarball, OCI_INDEX, ociTarball, type TinyImage } from "../../support/registry/image-tarball.ts"
import { StrictRegistry } from "../../support/registry/strict-registry.ts"

const NAME = "perigee-development/get_data"
const TAG = "0123456789ab"
const TOKEN = Buffer.from(`AWS:${"push-token-".repeat(3)}`).toString("base64")
const AUTHORIZATION = `Basic ${TOKEN}`

describe("pushing an image", function () {
  this.timeout(20_000)
  let folder: string
  let dispatcher: Agent
  let said: string[]
  let waits: number[]
  let stopped: AbortController
  let count = 0

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-push-"))
  })
  after(() => rm(folder, { recursive: true }))
  beforeEach(() => {
    dispatcher = connections()
    stopped = new AbortController()
    said = []
    waits = []
  })
  afterEach(() => dispatcher.destroy())

  const client = (host: string) =>
    new Registry(`${host}/${NAME}`, dispatcher, {
      authorization: AUTHORIZATION,
      signal: stopped.signal,
      say: (line) => said.push(line),
      pause: async (ms) => waits.push(ms),
      random: () => 0.5,
    })
  const opened = async (file: string) => await openArchive(file, await mkdtemp(join(folder, "unpacked-")))
  const tiny = async (image: TinyImage = {}) =>
    await opened((await ociTarball(join(folder, `${count++}.tar`), image)).file)
  /** As the command does: blobs, listed manifests, the root with its tag. */
  const push = async (registry: Registry, { blobs, listed, root }: ImageArchive, tag = TAG) => {
    const uploaded = await Promise.all(blobs.map((blob) => registry.push(blob)))
    for (const document of listed) await registry.put(document)
    await registry.put(root, tag)
    return uploaded.filter(Boolean).length
  }
  const refusalOf = async (work: Promise<unknown>): Promise<Refusal> => {
    const failed = await work.then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failed).to.be.instanceOf(Refusal)
    expect((failed as Refusal).message)
      .not.to.contain("\n")
      .and.not.to.contain(TOKEN)
    return failed as Refusal
  }

  /** What must hold at any registry. */
  const anywhere = (hostOf: () => string) => {
    for (const [what, image] of [
      ["layers of gzip, zstd and no compression", { layers: ["gzip", "zstd", ""] }],
      ["an index of two platforms", { platforms: ["linux/amd64", "linux/arm64"] }],
      ["an index with an attestation", { attested: true }],
      ["twenty layers", { layers: Array.from({ length: 20 }, () => "gzip" as const) }],
    ] as const) {
      it(`pushes ${what}, and the tag's digest is the one that was computed here`, async () => {
        const registry = client(hostOf())
        const archive = await tiny(image)
        const tag = `t${count}`
        expect(await registry.digestOf(tag)).to.equal(undefined)
        expect(await push(registry, archive, tag)).to.equal(archive.blobs.length)
        expect(await registry.digestOf(tag)).to.equal(archive.root.digest)
        expect(await registry.platforms(archive.root.digest)).to.deep.equal(archive.platforms)
      })
    }

    it("pushes what docker save wrote, with a manifest of its own", async () => {
      const registry = client(hostOf())
      const archive = await opened((await dockerTarball(join(folder, "docker.tar"))).file)
      expect(await push(registry, archive, "docker")).to.equal(3)
      expect(await registry.digestOf("docker")).to.equal(archive.root.digest)
    })

    it("uploads nothing that is there", async () => {
      const registry = client(hostOf())
      const archive = await tiny({ layers: ["gzip", "gzip"] })
      expect(await push(registry, archive, "once")).to.equal(3)
      expect(await push(registry, archive, "once")).to.equal(0)
    })

    it("says in one line that there is no such image", async () => {
      const { message } = await refusalOf(client(hostOf()).platforms(`sha256:${"1".repeat(64)}`))
      expect(message).to.match(/the registry answers 404: MANIFEST_UNKNOWN/)
    })
  }

  describeWith([distribution], "to the reference registry", () => {
    let server: Distribution
    before(async () => {
      server = await startDistribution()
    })
    after(() => server?.close())
    anywhere(() => server.host)
  })

  describe("to a strict registry", () => {
    let server: StrictRegistry
    beforeEach(async () => {
      server = await StrictRegistry.start(AUTHORIZATION)
      server.repository(NAME)
    })
    afterEach(() => server.close())
    anywhere(() => server.host)

    const uploads = () => server.requests.filter(({ method }) => method === "POST").length

    it("writes the tag last, when all that it refers to is there", async () => {
      await push(client(server.host), await tiny({ platforms: ["linux/amd64", "linux/arm64"] }))
      const puts = server.requests.filter(({ method }) => method === "PUT").map(({ path }) => path.split("/").at(-2))
      expect(puts.slice(0, -3)).to.deep.equal(puts.slice(0, -3).map(() => "uploads"))
      expect(server.requests.at(-1)?.path).to.equal(`/v2/${NAME}/manifests/${TAG}`)
      const { manifests, tags } = server.repository(NAME)
      expect(manifests.get(tags.get(TAG) ?? "")?.type).to.equal(OCI_INDEX)
    })

    it("uploads several layers at once, and four at most", async () => {
      server.hold(4)
      await push(client(server.host), await tiny({ layers: Array.from({ length: 30 }, () => "gzip" as const) }))
      expect(server.mostUploads).to.equal(4)
      // Used again, after a HEAD too: 95 requests. An idle one may have been closed meanwhile.
      expect(server.connections).to.be.within(4, 8)
    })

    const upload = /^PUT .*\/blobs\/uploads\//
    for (const [what, matches, fault] of [
      ["429 to an upload's beginning", /^POST /, { status: 429 }],
      ["500 to an upload", upload, { status: 500 }],
      ["503 to the manifest", /^PUT .*\/manifests\//, { status: 503 }],
      ["502 to the look whether a layer is there", /^HEAD /, { status: 502 }],
      ["a connection cut in the middle of a layer", upload, { cutAfter: 200_000 }],
      ["an upload that the registry forgot", upload, { status: 404, code: "BLOB_UPLOAD_UNKNOWN" }],
      ["a layer that arrived spoilt", upload, { status: 400, code: "DIGEST_INVALID" }],
      ["a manifest's answer that is lost", /^PUT .*\/manifests\//, "lost-answer"],
    ] as const) {
      it(`goes on after ${what}, and says so once`, async () => {
        const archive = await tiny({ layers: ["gzip"], content: randomBytes(1_000_000) })
        server.fault(matches, fault)
        await push(client(server.host), archive)
        expect(server.faultsLeft).to.equal(0)
        expect(server.repository(NAME).tags.get(TAG)).to.equal(archive.root.digest)
        expect(server.repository(NAME).blobs.size).to.equal(2)
        expect(said, said.join()).to.have.length(1)
        expect(said[0]).to.match(/; again$/)
        expect(waits).to.have.length(1)
        // Full jitter: half of 1 s.
        expect(waits[0]).to.equal(500)
      })
    }

    it("does not upload anew a layer whose answer was lost", async () => {
      server.fault(upload, "lost-answer")
      await push(client(server.host), await tiny())
      expect(server.faultsLeft).to.equal(0)
      expect(uploads()).to.equal(2)
    })

    it("waits as long as the registry asks, and 20 s at most", async () => {
      server.fault(/^POST /, { status: 429, headers: { "retry-after": "7" } })
      server.fault(/^POST /, { status: 429, headers: { "retry-after": "3600" } })
      const [layer] = (await tiny()).blobs
      if (layer) await client(server.host).push(layer)
      expect(waits).to.deep.equal([7000, 20_000])
    })

    it("gives up after six attempts with one line, and another run uploads only what is missing", async () => {
      const archive = await tiny({ layers: ["gzip", "gzip", "gzip"] })
      const [missing] = archive.blobs.slice(-1)
      for (let nth = 0; nth < 6; nth += 1) server.fault(new RegExp(`^HEAD .*${missing?.digest}$`), { status: 500 })
      const { message, exitCode } = await refusalOf(push(client(server.host), archive))
      expect(exitCode).to.equal(69)
      expect(message).to.match(/uploading sha256:\w+: 500, 6 times; run again: what was uploaded stays$/)
      expect(server.repository(NAME).tags.size).to.equal(0)
      // The others go on by themselves; the next run begins when they are there.
      await Promise.all(archive.blobs.slice(0, -1).map((blob) => client(server.host).push(blob)))
      const before = uploads()
      expect(await push(client(server.host), archive)).to.equal(1)
      expect(uploads()).to.equal(before + 1)
      expect(server.repository(NAME).tags.get(TAG)).to.equal(archive.root.digest)
    })

    it("refuses in one line where the registry stored another layer than was sent", async () => {
      server.fault(upload, "other-digest")
      const { message, exitCode } = await refusalOf(push(client(server.host), await tiny()))
      expect(exitCode).to.equal(73)
      expect(message).to.match(/stored sha256:0{64} where sha256:\w{64} was uploaded$/)
    })

    it("refuses in one line where the registry holds another manifest than was sent", async () => {
      server.fault(/^PUT .*\/manifests\//, "other-digest")
      const { message, exitCode } = await refusalOf(push(client(server.host), await tiny()))
      expect(exitCode).to.equal(73)
      expect(message).to.match(/holds sha256:0{64} where sha256:\w{64} was pushed; trust nothing under 0123456789ab$/)
    })

    it("tells an immutable tag that is another image's, with both what it is and what to do", async () => {
      const first = await tiny()
      await push(client(server.host), first)
      const { message, exitCode } = await refusalOf(push(client(server.host), await tiny()))
      expect(exitCode).to.equal(73)
      expect(message).to.contain(
        `the tag ${TAG} is another image's already, ${first.root.digest}, and tags are immutable`,
      )
      expect(server.repository(NAME).tags.get(TAG)).to.equal(first.root.digest)
    })

    it("takes an immutable tag that is this very image's for pushed", async () => {
      const archive = await tiny()
      await push(client(server.host), archive)
      server.fault(/^PUT .*\/manifests\//, { status: 400, code: "TAG_INVALID" })
      await push(client(server.host), archive)
      expect(server.faultsLeft).to.equal(0)
    })

    for (const status of [401, 403]) {
      it(`says in one line that the registry refuses (${status}), and tries no second time`, async () => {
        server.fault(/^POST /, { status, code: "DENIED" })
        const { message, exitCode } = await refusalOf(push(client(server.host), await tiny()))
        expect(exitCode).to.equal(77)
        expect(message).to.contain(`the registry answers ${status}: DENIED a fault of the test`)
        expect(waits).to.deep.equal([])
      })
    }

    it("says in one line that there is no such repository", async () => {
      const registry = new Registry(`${server.host}/perigee-development/other`, dispatcher, {
        authorization: AUTHORIZATION,
        signal: stopped.signal,
        say: () => {},
        pause: async () => {},
      })
      const [layer] = (await tiny()).blobs
      const { message, exitCode } = await refusalOf(layer ? registry.push(layer) : Promise.resolve())
      expect(exitCode).to.equal(66)
      expect(message).to.match(/NAME_UNKNOWN .*does not exist in the registry; deploy the delivery stack$/)
    })

    it("stops at once when it is told to", async () => {
      const reason = new Refusal(130, "stopped by SIGINT")
      server.fault(upload, { cutAfter: 1 })
      const archive = await tiny()
      const registry = new Registry(`${server.host}/${NAME}`, dispatcher, {
        authorization: AUTHORIZATION,
        signal: stopped.signal,
        say: () => stopped.abort(reason),
        pause: async () => {},
      })
      expect(await refusalOf(push(registry, archive))).to.equal(reason)
      expect(server.repository(NAME).tags.size).to.equal(0)
    })

    it("gives the token to the registry alone, not to where it keeps its blobs", async () => {
      const registry = client(server.host)
      const archive = await tiny()
      await push(registry, archive)
      // The strict registry's store refuses a request that has one.
      expect(await registry.platforms(archive.root.digest)).to.deep.equal(["linux/amd64"])
      expect(new Set(server.requests.map(({ authorization }) => authorization))).to.deep.equal(new Set([AUTHORIZATION]))
    })
  })

  it("says in one line that nothing listens, after it tried again", async () => {
    const { message, exitCode } = await refusalOf(client("127.0.0.1:1").digestOf(TAG))
    expect(exitCode).to.equal(69)
    expect(message).to.match(/127\.0\.0\.1:1 can't be reached \(ECONNREFUSED\), 6 times/)
  })

  it("speaks plain HTTP to loopback and to a name without dots, and to nothing else", () => {
    const origin = (uri: string) => registryOf(uri).origin.origin
    for (const near of ["127.0.0.1:5000", "localhost:5000", "[::1]:5000", "aws:4566"]) {
      expect(origin(`${near}/a/b`)).to.equal(`http://${near}`)
    }
    for (const far of ["123456789012.dkr.ecr.eu-central-1.amazonaws.com", "10.0.0.1:5000", "127.0.0.1.example.org"]) {
      expect(origin(`${far}/a/b`)).to.equal(`https://${far}`)
    }
    for (const none of ["", "host", "http://host/a", "host/A", "a b/c"]) {
      expect(() => registryOf(none)).to.throw(Refusal, "is no repository's URI")
    }
  })
})
