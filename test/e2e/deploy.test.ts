/** The deploy program through the real CLI on a real engine, with an emulated AWS and a real registry. */
import { createHash, randomBytes } from "node:crypto"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import type { Plan } from "../../deploy/src/plan/plan.ts"
import type { Published } from "../../deploy/src/publish.ts"
import { stageApp } from "../../infra/src/app.ts"
import { IMAGES, ROLLED_OUT, STACKS } from "../../infra/src/names.ts"
import { AwsProxy } from "../support/aws-proxy.ts"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { deploy, environment } from "../support/deploy/program.ts"
import { WebIdentity } from "../support/deploy/web-identity.ts"
import { stage } from "../support/infra/assembly.ts"
import { type Ministack, startMinistack } from "../support/ministack.ts"
import { describeWith } from "../support/needs.ts"
import { python } from "../support/python.ts"
import { type Distribution, distribution, startDistribution } from "../support/registry/distribution.ts"
import { type EcrFront, startEcrFront } from "../support/registry/ecr-front.ts"

/** A base that is at hand serves: the Lambda's image is not run here. */
const LAMBDA_IMAGE = process.env["PERIGEE_RUNTIME_IMAGE"]
/** The emulator takes an access key id of 12 digits for an account. */
const ACCOUNT = "444444444444"
const ROLE = `arn:aws:iam::${ACCOUNT}:role/perigee-development-pipeline-plan`
const development = stage("development")

describeWith([daggerEngine, python, distribution], "the deploy program's functions on a real engine", function () {
  this.timeout(1_200_000)
  let ministack: Ministack
  let proxy: AwsProxy
  let registry: Distribution
  let front: EcrFront
  let folder: string
  let outputs: string
  const secret = randomBytes(20).toString("hex")
  const sessionToken = randomBytes(20).toString("hex")

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-e2e-"))
    ministack = await startMinistack()
    proxy = await AwsProxy.open(ministack.url)
    registry = await startDistribution()
    front = await startEcrFront({ aws: proxy.url, registry: registry.host })
  })
  after(async () => {
    await front?.close()
    await registry?.close()
    await proxy?.close()
    await ministack?.close()
    await rm(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    outputs = ""
    proxy.forget()
  })
  afterEach(() => {
    for (const kept of [secret, sessionToken]) expect(outputs).not.to.contain(kept)
  })

  const call = async (name: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
    const ran = await daggerCall([name, `--aws=tcp://127.0.0.1:${front.port}`, ...args], { env })
    outputs += ran.stdout + ran.stderr
    return ran
  }
  const keys = ["--access-key-id=env://PERIGEE_TEST_ID", "--secret-access-key=env://PERIGEE_TEST_SECRET"]
  const called = (name: string, ...args: string[]) =>
    call(name, ["--stage=development", ...keys, ...args], {
      PERIGEE_TEST_ID: ACCOUNT,
      PERIGEE_TEST_SECRET: secret,
    })
  const publish = (to: string) =>
    called("publish", ...(LAMBDA_IMAGE ? [`--lambda-image=${LAMBDA_IMAGE}`] : []), "export", `--path=${to}`)
  const digests = () => join(folder, "first/digests.json")
  const published = async () => JSON.parse(await readFile(digests(), "utf8")) as Published
  /** Of the failed call: what the CLI ends with, apart from the log of its steps. */
  const endOf = (stderr: string) => stderr.slice(stderr.lastIndexOf("\nError: exit code: "))
  const digestAt = async (image: string, tag: string) => {
    const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
    const manifest = `http://${registry.host}/v2/perigee-development/${image}/manifests/${tag}`
    return (await fetch(manifest, { method: "HEAD", headers: { accept } })).headers.get("docker-content-digest")
  }

  it("bootstrap makes CDK's stack and the delivery stack, and tells the role that CircleCI is to take", async () => {
    const { exitCode, stdout, stderr } = await called("bootstrap", "--as-json")
    expect(exitCode, stderr).to.equal(0)
    // The account is the access key id here, which is a secret to the engine.
    const { steps, roles } = JSON.parse(stdout) as { steps: { did: string }[]; roles: string[] }
    expect(steps.map(({ did }) => did)).to.deep.equal(["made", "made"])
    expect(roles).to.include(ROLE.replace(ACCOUNT, "***"))
  })

  it("publish pushes every image, asks anew at a second call, and then skips them all", async () => {
    const first = await publish(join(folder, "first"))
    expect(first.exitCode, first.stderr).to.equal(0)
    const { images, lambdaZip } = await published()
    for (const image of IMAGES) {
      const { digest, tag, skipped } = images[image]
      expect(skipped, image).to.equal(false)
      expect(await digestAt(image, tag), image).to.equal(digest)
    }
    expect(await readdir(join(folder, "first"))).to.include.members(["digests.json", "lambda.zip", "get_data.cdx.json"])
    const zip = createHash("sha256").update(await readFile(join(folder, "first/lambda.zip")))
    expect(zip.digest("hex")).to.equal(lambdaZip.sha256)
    const sbom = JSON.parse(await readFile(join(folder, "first/get_data.cdx.json"), "utf8"))
    const node = sbom.components.find((component: { name: string }) => component.name === "node")
    expect(node.version, "of the image's own Node").to.match(/^24\./)
    front.pushed.length = 0
    const second = await publish(join(folder, "second"))
    expect(second.exitCode, second.stderr).to.equal(0)
    expect(front.pushed.filter((line) => line.startsWith("HEAD"))).to.have.length(IMAGES.length)
    expect(front.pushed.filter((line) => !/^(HEAD|GET) /.test(line))).to.deep.equal([])
    const again = JSON.parse(await readFile(join(folder, "second/digests.json"), "utf8")) as Published
    for (const image of IMAGES) expect(again.images[image]).to.deep.equal({ ...images[image], skipped: true })
  })

  it("plan tells a deploy of publish's images and of publish's very zip, by the same digest every time", async () => {
    const plans: Plan[] = []
    for (const name of ["plan.json", "again.json"]) {
      proxy.forget()
      const path = join(folder, name)
      const { exitCode, stderr } = await called("plan", `--images=${digests()}`, "export", `--path=${path}`)
      expect(exitCode, stderr).to.equal(0)
      expect(proxy.actions(ACCOUNT), "asked in this call").to.include("cloudformation:DescribeStacks")
      plans.push(JSON.parse(await readFile(path, "utf8")) as Plan)
      expect(stderr, "a person reads it in the log").to.contain(`digest ${plans.at(-1)?.digest}`)
    }
    const [first, second] = plans
    expect(second).to.deep.equal(first)
    expect(first?.digest).to.match(/^[0-9a-f]{64}$/)
    expect(first).to.include({ version: 1, stage: "development", region: development.region, account: ACCOUNT })
    expect(first?.stacks.map(({ name, state }) => [name, state])).to.deep.equal(
      STACKS.map((name) => [name, name === "delivery" ? "unchanged" : "new"]),
    )
    const { images } = await published()
    expect(first?.images).to.deep.equal(
      ROLLED_OUT.map((name) => ({ name, before: "none", after: images[name].digest })),
    )
    // Outside of any container, with the zip that publish gave: its bytes are in the digest.
    const assembly = join(folder, "assembly")
    stageApp(development, {
      outdir: assembly,
      functionZip: join(folder, "first/lambda.zip"),
      validate: false,
    }).app.synth()
    const here = await deploy(
      environment(front.url, { accessKeyId: ACCOUNT, secretAccessKey: secret }),
      ...["plan", "--stage=development", `--assembly=${assembly}`, `--images=${digests()}`, "--json"],
    )
    expect(here.code, here.stderr).to.equal(0)
    expect((JSON.parse(here.stdout) as Plan).digest).to.equal(first?.digest)
  })

  it("verify fails with its exit code where a line is not ✓, and the call ends with all of its lines", async () => {
    const { exitCode, stderr } = await called("verify", `--images=${digests()}`)
    expect(exitCode, stderr).to.equal(65)
    const end = endOf(stderr)
    expect(end).to.contain("\n✓ stack perigee-development-delivery stands\n")
    expect(end).to.match(/\n✗ [^\n]+\n {4}→ [^\n]+\n/)
    expect(end).to.contain("\n– certificate could not be checked: it is not deployed yet\n")
  })

  it("diff tells publish's images beside what runs", async () => {
    const { exitCode, stdout, stderr } = await called("diff", `--images=${digests()}`, "--as-json")
    expect(exitCode, stderr).to.equal(0)
    const { images } = await published()
    const told = (JSON.parse(stdout) as { images: { field: string; planned: string }[] }).images
    expect(told.map(({ field, planned }) => [field, planned.split("@")[1]])).to.deep.equal(
      ROLLED_OUT.map((name) => [name, images[name].digest]),
    )
  })

  it("status asks again at a second call", async () => {
    for (const _ of [1, 2]) {
      proxy.forget()
      const { exitCode, stdout, stderr } = await called("status")
      expect(exitCode, stderr).to.equal(0)
      expect(stdout).to.contain("nothing of it is deployed yet").and.to.contain("\nlock: free")
      expect(proxy.actions(ACCOUNT)).to.include("dynamodb:GetItem")
    }
  })

  it("history takes a role by an OIDC token, which is in no output, and is refused with another's", async () => {
    const trust = { roleArn: ROLE, iss: "https://oidc.circleci.com/org/o", aud: "o", sub: /refs\/heads\/main$/ }
    const sts = new WebIdentity(proxy, trust, { accessKeyId: ACCOUNT, secretAccessKey: secret, sessionToken })
    const run = async (ref: string) => {
      const exp = Math.floor(Date.now() / 1000) + 3600
      const token = sts.token({ ...trust, sub: `org/o/project/p/user/u/vcs-origin/x/vcs-ref/refs/heads/${ref}`, exp })
      const args = ["--stage=development", "--oidc-token=env://PERIGEE_TEST_TOKEN", `--role-arn=${ROLE}`]
      const ran = await call("history", args, { PERIGEE_TEST_TOKEN: token })
      expect(ran.stdout + ran.stderr).not.to.contain(token)
      return ran
    }
    const main = await run("main")
    expect([main.exitCode, main.stdout.trim()], main.stderr).to.deep.equal([0, "no release of development yet"])
    const other = await run("other")
    proxy.off()
    expect(other.exitCode, other.stderr).to.equal(77)
    expect(endOf(other.stderr)).to.contain("\ndeploy: AWS refuses: Not authorized to perform")
  })

  it("a stage that there is not ends the call with the program's own line and exit code", async () => {
    const { exitCode, stderr } = await call("status", ["--stage=nowhere"], {})
    expect(exitCode, stderr).to.equal(64)
    expect(endOf(stderr).trim().split("\n").at(-1)).to.equal(
      'deploy: there is no stage "nowhere"; there are development, production',
    )
  })

  it("publish to an account without repositories ends with the program's own line and exit code", async () => {
    await ministack.reset()
    const { exitCode, stderr } = await publish(join(folder, "third"))
    expect(exitCode, stderr).to.equal(66)
    expect(endOf(stderr)).to.contain("\ndeploy: stage development has no repository to push to")
  })
})
