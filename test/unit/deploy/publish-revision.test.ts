/** The commit that is published, told by real git in folders of the test's own, or by the caller. */
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { revisionOf, type ToldRevision } from "../../../deploy/src/publish-revision.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"

const COMMIT = "0123456789abcdef0123456789abcdef01234567"

describe("the revision that is published", () => {
  let folder: string
  const git = async (...args: string[]) => (await execa("git", args, { cwd: folder })).stdout
  const revision = (told: ToldRevision = {}, root = folder) => revisionOf(root, told, new AbortController().signal)
  const refused = async (work: Promise<unknown>, pattern: RegExp) => {
    const failed = await work.then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failed).to.be.instanceOf(Refusal)
    expect(failed).to.include({ exitCode: 64 })
    expect((failed as Refusal).message)
      .to.match(pattern)
      .and.not.to.contain("\n")
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-revision-"))
    await git("init", "--quiet")
    for (const [name, value] of [
      ["user.name", "test"],
      ["user.email", "test@example.org"],
      ["commit.gpgsign", "false"],
    ]) {
      await git("config", name ?? "", value ?? "")
    }
    await writeFile(join(folder, ".gitignore"), "ignored\n")
    await writeFile(join(folder, "file"), "one\n")
    await git("add", ".")
    await git("commit", "--quiet", "--message=first")
  })
  afterEach(() => rm(folder, { recursive: true }))

  for (const flag of ["--assume-unchanged", "--skip-worktree"]) {
    it(`sees a change that git was told not to look at, by ${flag}`, async () => {
      await git("update-index", flag, "file")
      expect((await revision()).changes, "without a change").to.equal(undefined)
      await writeFile(join(folder, "file"), "two\n")
      expect(await git("status", "--porcelain")).to.equal("")
      expect((await revision()).changes).to.match(/^[0-9a-f]{40}$/)
      expect((await git("ls-files", "-v")).split("\n"), "the repository's own index stays").to.not.include("H file")
    })
  }

  it("of a clean tree is its commit, and 12 digits of it the tag", async () => {
    const commit = await git("rev-parse", "HEAD")
    expect(await revision()).to.deep.equal({ commit, changes: undefined, tag: commit.slice(0, 12) })
    await writeFile(join(folder, "ignored"), "not of the tree")
    expect((await revision()).changes).to.equal(undefined)
  })

  for (const [what, change] of [
    ["a changed file", () => writeFile(join(folder, "file"), "two\n")],
    ["a new file", () => writeFile(join(folder, "new"), "two\n")],
    ["a deleted file", () => rm(join(folder, "file"))],
    ["a staged file", () => writeFile(join(folder, "file"), "two\n").then(() => git("add", "."))],
  ] as const) {
    it(`of a tree with ${what} has a tag of its own, and the repository stays as it is`, async () => {
      await change()
      const before = [await git("status", "--porcelain"), await readdir(join(folder, ".git/objects"))]
      const { commit, changes, tag } = await revision()
      expect(changes).to.match(/^[0-9a-f]{40}$/)
      expect(tag).to.equal(`${commit.slice(0, 12)}-dirty-${changes?.slice(0, 12)}`)
      expect([await git("status", "--porcelain"), await readdir(join(folder, ".git/objects"))]).to.deep.equal(before)
    })
  }

  it("has the same tag for the same changes, and another for others", async () => {
    await writeFile(join(folder, "file"), "two\n")
    const two = (await revision()).tag
    await writeFile(join(folder, "file"), "three\n")
    const three = (await revision()).tag
    await writeFile(join(folder, "file"), "two\n")
    expect((await revision()).tag)
      .to.equal(two)
      .and.not.to.equal(three)
  })

  it("sees a change of the same size in the very second of the index", async () => {
    const second = new Date(2026, 0, 1)
    await git("config", "core.trustctime", "false")
    await utimes(join(folder, "file"), second, second)
    await git("update-index", "--refresh")
    await writeFile(join(folder, "file"), "two\n")
    for (const path of ["file", ".git/index"]) await utimes(join(folder, path), second, second)
    expect((await revision()).changes).to.match(/^[0-9a-f]{40}$/)
  })

  it("may be told where git tells the same, and nothing else", async () => {
    const commit = await git("rev-parse", "HEAD")
    expect((await revision({ commit })).commit).to.equal(commit)
    await refused(revision({ commit: COMMIT }), new RegExp(`^--commit=${COMMIT} is not what is here: ${commit}`))
    await refused(revision({ changes: COMMIT }), /^--changes is for a tree without git/)
  })

  it("must be told where there is no git, also within another repository", async () => {
    const below = join(folder, "below")
    await mkdir(below)
    await refused(
      revision({}, below),
      /^git can't tell the commit \(the folder is within another repository\): give it/,
    )
    await rm(join(folder, ".git"), { recursive: true })
    await refused(revision(), /^git can't tell the commit \(git: fatal: not a git repository.*\): give it, --commit=/)
    const told = await revision({ commit: COMMIT, changes: "sha256:fedcba9876543210" })
    expect(told).to.include({ commit: COMMIT, tag: "0123456789ab-dirty-fedcba987654" })
    expect(await revision({ commit: COMMIT })).to.include({ changes: undefined, tag: "0123456789ab" })
  })

  it("is told in full, and changes as a digest", async () => {
    for (const commit of ["", "main", "0123456", COMMIT.toUpperCase(), `${COMMIT}0`]) {
      await refused(revision({ commit }), /^--commit=.* is no commit: give all 40 digits/)
    }
    for (const changes of ["", "yes", "0123", "sha256:"]) {
      await refused(revision({ commit: COMMIT, changes }), /^--changes=.* is no digest: give 12 to 64 digits/)
    }
  })
})
