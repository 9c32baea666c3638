/** The Lambda through the real CLI on a real engine: its zip, and its image on a base with a Runtime API of ours. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { pack } from "../../lambda/build.ts"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { lambdaBase, lambdaBaseImage } from "../support/lambda-base.ts"
import { describeWith } from "../support/needs.ts"

describeWith([daggerEngine], "the Lambda on a real engine", function () {
  this.timeout(600_000)
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-e2e-"))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it("package gives the very bytes that the checkout's own build gives", async () => {
    const exported = join(folder, "exported.zip")
    const { exitCode, stderr } = await daggerCall(["lambda", "package", "export", `--path=${exported}`])
    expect(exitCode, stderr).to.equal(0)
    const own = await readFile(await pack(join(folder, "own")))
    expect((await readFile(exported)).equals(own)).to.equal(true)
    expect(own.length).to.be.below(1_000_000)
  })

  describeWith([lambdaBase], "as an image", () => {
    let standin: Standin
    let base: string
    const key = freshKey()
    before(async () => {
      standin = await startStandin()
      base = await lambdaBaseImage()
    })
    after(() => standin?.close())

    const lambda = (args: readonly string[]) =>
      daggerCall(["lambda", ...args, `--lambda-image=${base}`], { env: { PERIGEE_TEST_KEY: key } })
    const ofStandin = () => ["--api-key=env://PERIGEE_TEST_KEY", `--neows=tcp://127.0.0.1:${standin.port}`]

    it("image holds the bundles where the base's runtime looks for them, and names the handler", async () => {
      const files = await daggerCall([
        "lambda",
        "image",
        `--lambda-image=${base}`,
        "directory",
        "--path=/var/task",
        "entries",
      ])
      expect(files.stdout.trim().split("\n")).to.deep.equal(["handler.js", "parameter-store.js", "secrets-manager.js"])
      const command = await daggerCall(["lambda", "image", `--lambda-image=${base}`, "default-args"])
      expect(command.stdout.trim()).to.equal("handler.lambdaHandler")
    })

    it("invoke gives the page, asked for anew at every call, and the key is in no output", async () => {
      for (const call of [1, 2]) {
        const { exitCode, stdout, stderr } = await lambda(["invoke", "--page=7", "--size=2", ...ofStandin()])
        expect(exitCode, stderr).to.equal(0)
        expect(JSON.parse(stdout).page).to.include({ number: 7, size: 2 })
        expect(standin.requests).to.have.length(call)
        expect(stdout + stderr).not.to.include(key)
      }
      expect(standin.requests[0]?.headers["x-api-key"]).to.equal(key)
    })

    it("invoke takes the key of a file, which ends with a line end", async () => {
      const file = join(folder, "key")
      await writeFile(file, `${key}\n`)
      const ofFile = [`--api-key=file://${file}`, `--neows=tcp://127.0.0.1:${standin.port}`]
      const { exitCode, stderr } = await lambda(["invoke", "--page=8", ...ofFile])
      expect(exitCode, stderr).to.equal(0)
      expect(standin.requests.at(-1)?.headers["x-api-key"]).to.equal(key)
      expect(standin.requests.at(-1)?.path).to.include("page=8")
    })

    it("invoke fails with the error's name and message", async () => {
      const { exitCode, stdout, stderr } = await lambda(["invoke", "--page=99999", ...ofStandin()])
      expect([exitCode, stdout], stderr).to.deep.equal([1, ""])
      expect(stderr).to.include("PageOutOfRange: page 99999 is past the last page 2033")
    })

    it("service listens where AWS' base images do", async () => {
      const { stdout, stderr } = await daggerCall(["lambda", "service", `--lambda-image=${base}`, "endpoint"])
      expect(stdout.trim(), stderr).to.match(/:8080$/)
    })
  })
})
