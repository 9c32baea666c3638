/** `npm run deploy -- publish`, the program as it is, against an emulated ECR and the registries behind it. */
import { createHash, randomBytes } from "node:crypto"
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CreateRepositoryCommand, DescribeImagesCommand, ECRClient } from "@aws-sdk/client-ecr"
import { expect } from "chai"
import { execa } from "execa"
import { openArchive } from "../../../deploy/src/image-archive.ts"
import { plannedStacks } from "../../../deploy/src/plan/stacks.ts"
import type { Published } from "../../../deploy/src/publish.ts"
import { connections, Registry } from "../../../deploy/src/registry.ts"
import { stageNamed } from "../../../infra/config/stages.ts"
import { stageApp } from "../../../infra/src/app.ts"
import { IMAGES, repositoryName } from "../../../infra/src/names.ts"
import { ROOT } from "../../support/get-data.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"
import { distribution, startDistribution } from "../../support/registry/distribution.ts"
import { type EcrFront, startEcrFront } from "../../support/registry/ecr-front.ts"
import { ociTarball } from "../../support/registry/image-tarball.ts"

const COMMIT = "0123456789abcdef0123456789abcdef01234567"
const CHANGES = "fedcba9876543210"

describeWith([python], "deploy publish", function () {
  this.timeout(120_000)
  let ministack: Ministack
  let front: EcrFront
  let folder: string
  let images: string
  let out: string
  const secret = randomBytes(20).toString("hex")

  before(async () => {
    ministack = await startMinistack()
    front = await startEcrFront({ aws: ministack.url, registry: new URL(ministack.url).host })
  })
  after(async () => {
    await front?.close()
    await ministack?.close()
  })
  beforeEach(async () => {
    await ministack.reset()
    front.pushed.length = 0
    folder = await mkdtemp(join(tmpdir(), "perigee-publish-"))
    images = join(folder, "images")
    out = join(folder, "out")
    await mkdir(images)
    for (const image of IMAGES) await ociTarball(join(images, `${image}.tar`))
  })
  afterEach(() => rm(folder, { recursive: true }))

  const ecr = () => new ECRClient({ ...ministack.client, region: "eu-central-1" })
  const repositories = async (stage = "development") => {
    for (const image of IMAGES) {
      const repository = { repositoryName: repositoryName(stage, image), imageTagMutability: "IMMUTABLE" } as const
      await ecr().send(new CreateRepositoryCommand(repository))
    }
  }
  const deploy = (args: readonly string[], { aws = front.url, stage = "development", env = {} } = {}) =>
    execa(process.execPath, ["deploy/src/main.ts", "publish", `--stage=${stage}`, `--out=${out}`, ...args], {
      cwd: ROOT,
      reject: false,
      env: {
        AWS_ENDPOINT_URL: aws,
        AWS_ACCESS_KEY_ID: "test",
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_CONFIG_FILE: "/nonexistent",
        // No git: the tests' tree changes while they are written.
        GIT_DIR: "/nonexistent",
        ...env,
      },
    })
  const told = [`--commit=${COMMIT}`]
  const given = () => [...told, `--images=${images}`]

  it("pushes all images, and gives digests, zip and SBOMs as JSON, on stdout and in digests.json", async () => {
    await repositories()
    const { exitCode, stdout, stderr } = await deploy(given())
    expect(exitCode, stderr).to.equal(0)
    const published = JSON.parse(stdout) as Published
    expect(published).to.include({ stage: "development", commit: COMMIT, tag: "0123456789ab", dirty: false })
    expect(Object.keys(published.images)).to.deep.equal([...IMAGES])
    for (const image of IMAGES) {
      const { repository, tag, digest, platform, skipped } = published.images[image]
      expect(repository).to.equal(`127.0.0.1:${front.port}/perigee-development/${image}`)
      expect({ tag, platform, skipped }).to.deep.equal({ tag: "0123456789ab", platform: "linux/amd64", skipped: false })
      const find = { repositoryName: repositoryName("development", image), imageIds: [{ imageTag: tag }] }
      const { imageDetails = [] } = await ecr().send(new DescribeImagesCommand(find))
      expect(imageDetails.map(({ imageDigest }) => imageDigest)).to.deep.equal([digest])
    }
    expect(JSON.parse(await readFile(join(out, "digests.json"), "utf8"))).to.deep.equal(published)
    const zip = await readFile(join(out, published.lambdaZip.path))
    expect(createHash("sha256").update(zip).digest("hex")).to.equal(published.lambdaZip.sha256)
    expect((await readdir(out)).sort()).to.deep.equal(
      ["digests.json", "lambda.zip", ...Object.values(published.sbom)].sort(),
    )
    expect(stdout + stderr)
      .not.to.contain(secret)
      .and.not.to.contain("ministack-auth-token")
    const token = Buffer.from("AWS:ministack-auth-token").toString("base64")
    expect(stdout + stderr).not.to.contain(token)
  })

  it("a second run skips what is there, uploads nothing, and gives the same digests", async () => {
    await repositories()
    const first = JSON.parse((await deploy(given())).stdout) as Published
    front.pushed.length = 0
    // Another build of the same commit is not the same bytes; what the tag holds counts.
    for (const image of IMAGES) await ociTarball(join(images, `${image}.tar`))
    const { exitCode, stdout, stderr } = await deploy(given())
    expect(exitCode, stderr).to.equal(0)
    const second = JSON.parse(stdout) as Published
    for (const image of IMAGES) {
      expect(second.images[image]).to.deep.equal({ ...first.images[image], skipped: true })
    }
    expect(front.pushed.filter((line) => !/^(HEAD|GET) /.test(line))).to.deep.equal([])
  })

  it("the zip is the one that a plan takes for the function, by the hash of its bytes", async () => {
    await repositories()
    const { lambdaZip } = JSON.parse((await deploy(given())).stdout) as Published
    const { exitCode, stderr } = await execa("npm", ["run", "--silent", "build", "-w", "lambda"], {
      cwd: ROOT,
      reject: false,
    })
    expect(exitCode, stderr).to.equal(0)
    const outdir = join(folder, "assembly")
    const functionZip = join(ROOT, "lambda/dist/lambda.zip")
    stageApp(stageNamed("development"), { outdir, functionZip, validate: false }).app.synth()
    const neo = plannedStacks(outdir).find(({ name }) => name === "neo")
    const functions = Object.values(neo?.template.Resources ?? {}).filter(
      ({ Type }) => Type === "AWS::Lambda::Function",
    )
    const keys = functions.map(({ Properties = {} }) => (Properties["Code"] as { S3Key: string }).S3Key)
    const hashes = keys.map((key) => neo?.assets[key.replace(/\.zip$/, "")])
    expect(hashes).to.deep.equal([lambdaZip.sha256])
  })

  it("tags a tree with changes by them, and refuses it for a protected stage before AWS is asked", async () => {
    await repositories()
    const changed = [...given(), `--changes=${CHANGES}`]
    const published = JSON.parse((await deploy(changed)).stdout) as Published
    expect(published).to.include({ tag: "0123456789ab-dirty-fedcba987654", dirty: true })
    const { exitCode, stdout, stderr } = await deploy(changed, { stage: "production", aws: "http://127.0.0.1:1" })
    expect([exitCode, stdout]).to.deep.equal([64, ""])
    expect(stderr).to.match(/^deploy: the tree has changes .*the stage production takes commits only: commit them/)
  })

  it("refuses an image of another platform before anything is pushed, and says what to do", async () => {
    await repositories()
    await ociTarball(join(images, "flights_availability.tar"), { platforms: ["linux/arm64"] })
    const { exitCode, stderr } = await deploy(given())
    expect(exitCode).to.equal(64)
    expect(stderr).to.match(
      /^deploy: flights_availability is linux\/arm64, and the stage development runs linux\/amd64: build it with --platform=linux\/amd64$/m,
    )
    expect(front.pushed.filter((line) => line.startsWith("POST"))).to.deep.equal([])
  })

  it("refuses an index of images for the Lambda, which runs none", async () => {
    await repositories()
    await ociTarball(join(images, "neows_lambda.tar"), { attested: true })
    const { exitCode, stderr } = await deploy(given())
    expect(exitCode).to.equal(64)
    expect(stderr).to.match(/neows_lambda is an index of images, which Lambda does not run: .*--provenance=false$/m)
  })

  it("refuses a tag that holds an image of another platform", async () => {
    await repositories()
    const { file, digest } = await ociTarball(join(folder, "arm.tar"), { platforms: ["linux/arm64"] })
    const dispatcher = connections()
    const uri = `127.0.0.1:${front.port}/perigee-development/get_data`
    const { signal } = new AbortController()
    const registry = new Registry(uri, dispatcher, {
      authorization: "Basic x",
      signal,
      say() {},
      pause: async () => {},
    })
    await mkdir(join(folder, "arm"))
    const arm = await openArchive(file, join(folder, "arm"))
    for (const blob of arm.blobs) await registry.push(blob)
    await registry.put(arm.root, "0123456789ab")
    expect(await registry.digestOf("0123456789ab")).to.equal(digest)
    await dispatcher.close()
    const { exitCode, stderr } = await deploy(given())
    expect(exitCode).to.equal(73)
    expect(stderr).to.contain("get_data:0123456789ab is linux/arm64, the stage development runs linux/amd64")
  })

  it("says which repositories are missing, and what to do", async () => {
    const { exitCode, stderr } = await deploy(given())
    expect(exitCode).to.equal(66)
    expect(stderr).to.match(
      /^deploy: stage development has no repository to push to .* bootstrap --stage=development$/m,
    )
  })

  it("asks for the commit where there is no git", async () => {
    const { exitCode, stderr } = await deploy([`--images=${images}`])
    expect(exitCode).to.equal(64)
    expect(stderr).to.match(/^deploy: git can't tell the commit \(.*\): give it, --commit=\$\(git rev-parse HEAD\)$/m)
  })

  it("names the archive that --images has not", async () => {
    await repositories()
    await rm(join(images, "user_metadata.tar"))
    const { exitCode, stderr } = await deploy(given())
    expect(exitCode).to.equal(64)
    expect(stderr).to.contain("has no user_metadata.tar; it takes get_data.tar, neows_lambda.tar, user_metadata.tar")
  })

  describe("without --images", () => {
    /** A program in Docker's place, which copies an archive where BuildKit would write one: how it is called is what counts. */
    const withDocker = async (script: string) => {
      const bin = join(folder, "bin")
      await mkdir(bin)
      await writeFile(join(bin, "docker"), `#!/bin/sh\n${script}\n`)
      await chmod(join(bin, "docker"), 0o755)
      return { PATH: `${bin}:${process.env["PATH"]}` }
    }

    it("builds each image that is not there by docker buildx, for the stage's platform and with the given bases", async () => {
      await repositories()
      const log = join(folder, "docker.log")
      const env = await withDocker(
        `echo "$@" >>${log}; for arg; do case $arg in --output=*) cp ${images}/get_data.tar "\${arg##*dest=}";; esac; done`,
      )
      const { exitCode, stderr } = await deploy([...told, "--node-image=registry.example/node:24"], { env })
      expect(exitCode, stderr).to.equal(0)
      const calls = (await readFile(log, "utf8")).trim().split("\n")
      expect(calls).to.have.length(IMAGES.length)
      for (const call of calls) {
        expect(call).to.match(/^buildx build --file=\S+\/Dockerfile --platform=linux\/amd64 /)
        expect(call).to.contain("--build-arg=NODE_IMAGE=registry.example/node:24").and.to.contain("--provenance=false")
      }
      expect(calls[0]).to.contain(`--build-arg=REVISION=${COMMIT}`).and.not.to.contain("SERVICE=")
      expect(calls.at(-1)).to.contain("--build-arg=SERVICE=flights_availability").and.not.to.contain("REVISION=")
      const again = await deploy(told, { env: { PATH: env.PATH } })
      expect(again.exitCode, again.stderr).to.equal(0)
      expect((await readFile(log, "utf8")).trim().split("\n")).to.have.length(IMAGES.length)
    })

    it("says in one line what failed and what there is to do", async () => {
      await repositories()
      const env = await withDocker("echo 'ERROR: OCI exporter is not supported for the docker driver' >&2; exit 1")
      const { exitCode, stderr } = await deploy(told, { env })
      expect(exitCode).to.equal(78)
      expect(stderr).to.match(
        /^deploy: get_data is not built: docker: ERROR: OCI exporter .*; mend Docker .*--images=<folder>, or call dagger -m \. call publish$/m,
      )
    })
  })

  describeWith([distribution], "with the reference registry behind ECR", () => {
    it("finishes what a run that broke off began, uploading only what is missing", async () => {
      const registry = await startDistribution()
      const whole = await startEcrFront({ aws: ministack.url, registry: registry.host })
      // As the first run left it: one layer there, and no tag.
      try {
        await repositories()
        const first = await ociTarball(join(images, "get_data.tar"), { layers: ["gzip", "zstd", "gzip"] })
        const put = await fetch(`http://${registry.host}/v2/perigee-development/get_data/blobs/uploads/`, {
          method: "POST",
        })
        const blob = first.files.get(`blobs/sha256/${first.layers[0]?.slice(7)}`) ?? Buffer.alloc(0)
        const location = new URL(put.headers.get("location") ?? "")
        location.searchParams.set("digest", first.layers[0] ?? "")
        const body = new Uint8Array(blob)
        const headers = { "content-type": "application/octet-stream" }
        expect((await fetch(location, { method: "PUT", body, headers })).status).to.equal(201)
        const { exitCode, stdout, stderr } = await deploy(given(), { aws: whole.url })
        expect(exitCode, stderr).to.equal(0)
        expect(JSON.parse(stdout).images.get_data.digest).to.equal(first.digest)
        expect(stderr).to.match(/get_data: 0123456789ab pushed, sha256:\w{64} \(3 of 4 blobs/)
      } finally {
        await whole.close()
        await registry.close()
      }
    })
  })
})
