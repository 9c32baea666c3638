/** The deploy program through the real CLI on a real engine, with an emulated AWS and a real registry. */
import { randomBytes } from "node:crypto"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CreateRepositoryCommand, ECRClient } from "@aws-sdk/client-ecr"
import { expect } from "chai"
import type { Published } from "../../deploy/src/publish.ts"
import { IMAGES, repositoryName } from "../../infra/src/names.ts"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { type Ministack, startMinistack } from "../support/ministack.ts"
import { describeWith } from "../support/needs.ts"
import { python } from "../support/python.ts"
import { type Distribution, distribution, startDistribution } from "../support/registry/distribution.ts"
import { type EcrFront, startEcrFront } from "../support/registry/ecr-front.ts"

/** A base that is at hand serves: the Lambda's image is not run here. */
const LAMBDA_IMAGE = process.env["PERIGEE_RUNTIME_IMAGE"]

describeWith([daggerEngine, python, distribution], "publish on a real engine", function () {
  this.timeout(1_200_000)
  let ministack: Ministack
  let registry: Distribution
  let front: EcrFront
  let folder: string
  const secret = randomBytes(20).toString("hex")

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-e2e-"))
    ministack = await startMinistack()
    registry = await startDistribution()
    front = await startEcrFront({ aws: ministack.url, registry: registry.host })
    const ecr = new ECRClient({ ...ministack.client, region: "eu-central-1" })
    for (const image of IMAGES) {
      await ecr.send(new CreateRepositoryCommand({ repositoryName: repositoryName("development", image) }))
    }
  })
  after(async () => {
    await front?.close()
    await registry?.close()
    await ministack?.close()
    await rm(folder, { recursive: true, force: true })
  })

  const publish = (to: string) =>
    daggerCall(
      [
        "publish",
        "--stage=development",
        "--access-key-id=env://PERIGEE_TEST_ID",
        "--secret-access-key=env://PERIGEE_TEST_SECRET",
        `--aws=tcp://127.0.0.1:${front.port}`,
        ...(LAMBDA_IMAGE ? [`--lambda-image=${LAMBDA_IMAGE}`] : []),
        "export",
        `--path=${to}`,
      ],
      { env: { PERIGEE_TEST_ID: "test-access-key", PERIGEE_TEST_SECRET: secret } },
    )
  const digestAt = async (image: string, tag: string) => {
    const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    const manifest = `http://${registry.host}/v2/perigee-development/${image}/manifests/${tag}`
    return (await fetch(manifest, { method: "HEAD", headers: { accept } })).headers.get("docker-content-digest")
  }

  it("pushes every image, asks anew at a second call, and then skips them all; no secret is in any output", async () => {
    const first = await publish(join(folder, "first"))
    expect(first.exitCode, first.stderr).to.equal(0)
    const published = JSON.parse(await readFile(join(folder, "first/digests.json"), "utf8")) as Published
    for (const image of IMAGES) {
      const { digest, tag, skipped } = published.images[image]
      expect(skipped, image).to.equal(false)
      expect(await digestAt(image, tag), image).to.equal(digest)
    }
    expect(await readdir(join(folder, "first"))).to.include.members(["digests.json", "lambda.zip", "get_data.cdx.json"])
    const sbom = JSON.parse(await readFile(join(folder, "first/get_data.cdx.json"), "utf8"))
    const node = sbom.components.find((component: { name: string }) => component.name === "node")
    expect(node.version, "of the image's own Node").to.match(/^24\./)
    front.pushed.length = 0
    const second = await publish(join(folder, "second"))
    expect(second.exitCode, second.stderr).to.equal(0)
    expect(front.pushed.filter((line) => line.startsWith("HEAD"))).to.have.length(IMAGES.length)
    expect(front.pushed.filter((line) => !/^(HEAD|GET) /.test(line))).to.deep.equal([])
    const again = JSON.parse(await readFile(join(folder, "second/digests.json"), "utf8")) as Published
    for (const image of IMAGES) expect(again.images[image]).to.deep.equal({ ...published.images[image], skipped: true })
    for (const { stdout, stderr } of [first, second]) expect(stdout + stderr).not.to.contain(secret)
  })

  it("ends with the program's own line and exit code", async () => {
    await ministack.reset()
    const { exitCode, stderr } = await publish(join(folder, "third"))
    expect(exitCode, stderr).to.equal(66)
    expect(stderr).to.contain("deploy: stage development has no repository to push to")
  })
})
