/** The pipeline end to end: the real CLI on a real engine, the fetcher's image run in it. */
import { createHash } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { ROOT } from "../support/get-data.ts"
import { describeWith, recordedAnswer, recordedAnswers } from "../support/needs.ts"
import { copyOfTree } from "../support/tree.ts"

/** Owner and mode of the program's folder, the program, and its output's folder. */
const OWNERS =
  "'/app /app/get-data.cjs /app/output'.split(' ').map(p=>fs.statSync(p).uid+' '+(fs.statSync(p).mode&0o7777).toString(8)).join(' ')"

describeWith([daggerEngine], "the pipeline on a real engine", function () {
  this.timeout(600_000)
  let standin: Standin
  let folder: string
  const key = freshKey()

  before(async () => {
    standin = await startStandin()
    folder = await mkdtemp(join(tmpdir(), "perigee-e2e-"))
  })
  after(async () => {
    await standin.close()
    await rm(folder, { recursive: true, force: true })
  })

  const hostNeows = (s: Standin) => `--neows=tcp://127.0.0.1:${s.port}`
  const withKey = (secret: string) => ({
    args: ["--api-key=env://PERIGEE_TEST_KEY"],
    env: { PERIGEE_TEST_KEY: secret },
  })

  it("builds the image: non-root, its labels, nothing but node and the bundles of ours in it", async () => {
    const image = join(folder, "image.tar")
    const { exitCode, stderr } = await daggerCall(["build", "as-tarball", "export", `--path=${image}`])
    expect(exitCode, stderr).to.equal(0)
    await execa("tar", ["xf", image, "-C", folder])
    const blob = async (digest: string) =>
      JSON.parse(await readFile(join(folder, "blobs", digest.replace(":", "/")), "utf8"))
    const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8"))
    const manifest = await blob(index.manifests[0].digest)
    const { config } = await blob((manifest.layers ? manifest : await blob(manifest.manifests[0].digest)).config.digest)
    expect(config).to.include({ User: "65532:65532", WorkingDir: "/app" })
    expect(config.Entrypoint).to.deep.equal(["/usr/local/bin/node", "/app/get-data.cjs"])
    expect(config.Volumes).to.have.property("/app/output")
    expect(config.Labels["org.opencontainers.image.revision"]).to.match(/^[0-9a-f]{40}(?:-dirty)?$|^unknown$/)
    const stat = ["with-exec", "--args=/usr/local/bin/node", "--args=-p", `--args=${OWNERS}`, "stdout"]
    expect((await daggerCall(["build", ...stat])).stdout.trim()).to.equal("0 755 0 644 65532 1777")
    const ours = (await daggerCall(["build", "directory", "--path=/app", "glob", "--pattern=**"])).stdout
      .trim()
      .split("\n")
    expect(ours.sort()).to.deep.equal(["get-data.cjs", "output/", "s3-object.cjs"])
    const shells = await daggerCall([
      "build",
      "rootfs",
      "glob",
      "--pattern=**/{sh,bash,dash,busybox,npm,apt,dpkg,*.map}",
    ])
    expect(shells.stdout.trim()).to.equal("")
  })

  it("demo fetches the stand-in's page with no key", async () => {
    const { exitCode, stdout, stderr } = await daggerCall(["demo"])
    expect(exitCode, stderr).to.equal(0)
    const page = JSON.parse(stdout)
    expect([page.page.number, page.near_earth_objects.length]).to.deep.equal([1755, 20])
  })

  it("echo fetches once for its run, extract and echo, and anew at each call", async () => {
    const { args, env } = withKey(key)
    const requests = async () => {
      const before = standin.requests.length
      const { exitCode, stdout, stderr } = await daggerCall(["echo", ...args, hostNeows(standin), "--page=7"], { env })
      expect(exitCode, stderr).to.equal(0)
      expect(JSON.parse(stdout).page.number).to.equal(7)
      return standin.requests.slice(before)
    }
    const [first, second] = [await requests(), await requests()]
    expect([first.length, second.length]).to.deep.equal([1, 1])
    expect(first[0]?.headers["x-api-key"]).to.equal(key)
  })

  it("extract-output exports the file, and echo keeps a copy with --output", async () => {
    const { args, env } = withKey(key)
    const file = join(folder, "response.json")
    const extract = await daggerCall(["extract-output", ...args, hostNeows(standin), "export", `--path=${file}`], {
      env,
    })
    expect(extract.exitCode, extract.stderr).to.equal(0)
    const text = await readFile(file, "utf8")
    expect(text).to.equal(`${JSON.stringify(JSON.parse(text), null, 2)}\n`)
    const copy = join(folder, "copy.json")
    const echo = await daggerCall([`--output=${copy}`, "echo", ...args, hostNeows(standin)], { env })
    expect(echo.stdout.trim())
      .to.equal((await readFile(copy, "utf8")).trim())
      .and.to.equal(text.trim())
  })

  it("the key is in no output, log or file of a run, in the clear or hashed", async () => {
    const { args, env } = withKey(key)
    const run = await daggerCall(
      [
        "run",
        ...args,
        hostNeows(standin),
        "as-tarball",
        "--forced-compression=Gzip",
        "export",
        `--path=${folder}/ran.tar`,
      ],
      { env },
    )
    expect(run.exitCode, run.stderr).to.equal(0)
    await execa(
      "sh",
      [
        "-c",
        "mkdir ran && tar xf ran.tar -C ran && for f in ran/blobs/sha256/*; do gzip -dc $f 2>/dev/null > $f.raw || true; done",
      ],
      { cwd: folder },
    )
    // The search itself works: it finds what the run did leave.
    const left = await execa("grep", ["-rqaF", "near_earth_objects", join(folder, "ran")], { reject: false })
    expect(left.exitCode, "grep finds the page in the image").to.equal(0)
    const forms = [key, ...["sha256", "sha1", "md5"].map((hash) => createHash(hash).update(key).digest("hex"))]
    for (const form of [...forms, Buffer.from(key).toString("base64")]) {
      expect(run.stdout + run.stderr).not.to.contain(form)
      const { exitCode } = await execa("grep", ["-rqaF", form, join(folder, "ran")], { reject: false })
      expect(exitCode, "grep finds the key in the image").to.equal(1)
    }
  })

  for (const [what, args, exit, says] of [
    ["a key that the gateway rejects", ["--page=1"], 77, /API_KEY_INVALID/],
    ["a page past the end", ["--page=99999"], 66, /page 99999 is past the last page 2033/],
    ["a bad size", ["--size=21"], 64, /--size: "21" is not a whole number from 1 to 20/],
    ["an API that is down", ["--base-url=http://neows:1"], 69, /refuses the connection|5 attempts/],
  ] as const) {
    it(`echo exits with ${exit} and the program's words on ${what}`, async () => {
      const { args: keyArgs, env } = withKey(exit === 77 ? freshKey(39) : key)
      const { exitCode, stdout, stderr } = await daggerCall(["echo", ...keyArgs, hostNeows(standin), ...args], { env })
      expect([exitCode, stdout], stderr).to.deep.equal([exit, ""])
      expect(stderr).to.match(says)
    })
  }

  for (const [way, line] of [
    ["file://", (file: string) => `file://${file}`],
    ["cmd://", (file: string) => `cmd://cat ${file}`],
  ] as const) {
    it(`takes the key by ${way}, with the line's end that such a file has`, async () => {
      const file = join(folder, "key")
      await writeFile(file, `${key}\n`)
      const { exitCode, stderr } = await daggerCall(["echo", `--api-key=${line(file)}`, hostNeows(standin)])
      expect(exitCode, stderr).to.equal(0)
      expect(standin.requests.at(-1)?.headers["x-api-key"]).to.equal(key)
    })
  }

  it("a key that is not set fails the call, before any fetch", async () => {
    const before = standin.requests.length
    const { exitCode, stderr } = await daggerCall(["echo", "--api-key=env://PERIGEE_NOT_SET", hostNeows(standin)])
    expect(exitCode).not.to.equal(0)
    expect(stderr).to.contain("PERIGEE_NOT_SET")
    expect(standin.requests).to.have.length(before)
  })

  it("a rebuild of the same tree is served from the cache", async () => {
    await daggerCall(["build", "sync"])
    const { stderr } = await daggerCall(["build", "sync"])
    expect(stderr).to.match(/Perigee\.build\S* CACHED/)
    expect(stderr).not.to.match(/withExec .*app\/build\.ts/)
  })

  it("two builds of one tree in two folders give the same application files", async () => {
    const files = async (cwd: string) => {
      const digest = await daggerCall(["build", "directory", "--path=/app", "digest"], { cwd })
      expect(digest.exitCode, digest.stderr).to.equal(0)
      return digest.stdout
    }
    const copy = await copyOfTree(join(folder, "copy"))
    await writeFile(join(copy, "app/src/zz.ts"), "// Another file in the context: the build is made again.\n")
    expect(await files(copy)).to.equal(await files(ROOT))
  })

  it("works in a folder without git, where the image has no revision", async () => {
    const copy = await copyOfTree(join(folder, "no-git"))
    const label = ["build", "label", "--name=org.opencontainers.image.revision"]
    expect((await daggerCall(label, { cwd: copy })).stdout.trim()).to.equal("unknown")
  })

  it("builds in a git worktree, whose git folder is elsewhere", async () => {
    const copy = await copyOfTree(join(folder, "worktree"))
    await writeFile(join(copy, ".git"), `gitdir: ${join(ROOT, ".git/worktrees/none")}\n`)
    const label = await daggerCall(["build", "label", "--name=org.opencontainers.image.revision"], { cwd: copy })
    expect([label.exitCode, label.stdout.trim()], label.stderr).to.deep.equal([0, "unknown"])
  })

  it("works by the address of a git repository", async function () {
    const served = await serveGit(await copyOfTree(join(folder, "served")))
    if (!served) this.skip()
    try {
      const { exitCode, stdout, stderr } = await daggerCall(["demo"], { cwd: folder, module: served.url })
      expect(exitCode, stderr).to.equal(0)
      expect(JSON.parse(stdout).page.number).to.equal(1755)
    } finally {
      await served.close()
    }
  })

  it("dagger check lists the five checks", async () => {
    const { stdout } = await execa("dagger", ["check", "-l"], { cwd: ROOT })
    for (const name of ["lint", "type-check", "unit-tests", "integration-tests", "prove"])
      expect(stdout).to.contain(name)
  })

  it("no function or argument is without a description", async () => {
    const { stdout } = await execa("dagger", ["-m", ".", "functions"], { cwd: ROOT, env: { NO_COLOR: "1" } })
    const rows = stdout.split("\n").filter((line) => /^[a-z]/.test(line))
    expect(rows.length).to.be.greaterThan(11)
    for (const row of rows) expect(row).to.match(/^[a-z-]+ +\w+/)
  })

  describeWith([recordedAnswers], "on recorded answers served from the host", () => {
    it("echo gives NASA's page with nothing changed but the key", async () => {
      const body = recordedAnswer("browse-page0-2017.json")
      const recorded = await startStandin({ answer: { body } })
      try {
        const { args, env } = withKey(key)
        const { exitCode, stdout, stderr } = await daggerCall(["echo", ...args, hostNeows(recorded), "--page=0"], {
          env,
        })
        expect(exitCode, stderr).to.equal(0)
        const expected = JSON.stringify(JSON.parse(body.toString()), null, 2)
        expect(stdout.trim()).to.equal(expected.replaceAll(/\?api_key=DEMO_KEY(?=")|&api_key=DEMO_KEY/g, ""))
      } finally {
        await recorded.close()
      }
    })
  })
})

/**
 * A git repository of that folder over HTTP, by git's own CGI program (git-http-backend(1)). On port 80: Dagger 0.21.8
 * drops another port from a module's address.
 *
 * @returns undefined where this user may not listen there
 */
async function serveGit(folder: string): Promise<{ url: string; close: () => Promise<void> } | undefined> {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
  const git = (...args: string[]) => execa("git", [...identity, ...args], { cwd: folder })
  await git("init", "--quiet")
  await git("add", "--all")
  await git("commit", "--quiet", "--message=The tree under test")
  await git("clone", "--quiet", "--bare", ".", "perigee.git")
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost")
    const env = {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    }
    const cgi = execa("git", ["http-backend"], {
      env,
      input: request,
      encoding: "buffer",
      reject: false,
      stripFinalNewline: false,
    })
    cgi.then(({ stdout }) => {
      const answer = Buffer.from(stdout)
      const end = answer.indexOf("\r\n\r\n")
      for (const line of answer.toString("latin1", 0, end).split("\r\n")) {
        const [name = "", value = ""] = line.split(": ")
        if (name === "Status") response.statusCode = Number(value.slice(0, 3))
        else response.setHeader(name, value)
      }
      response.end(answer.subarray(end + 4))
    })
  })
  const listening = await new Promise<boolean>((done) => {
    server.once("error", () => done(false))
    server.listen(80, "127.0.0.1", () => done(true))
  })
  if (!listening) return undefined
  return {
    url: "http://127.0.0.1/perigee.git",
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}
