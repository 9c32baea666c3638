/** Which commit is published, what the tree has beyond it, and the tag that tells both. */
import { copyFile, mkdir, mkdtemp, realpath, rm, stat, utimes } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { outputOf, ProgramError } from "./program.ts"
import { EXIT, Refusal } from "./refusal.ts"

export interface Revision {
  /** In full. */
  readonly commit: string
  /** The work tree's own git id (or what `--changes` told) where it is not the commit's. */
  readonly changes: string | undefined
  /** `<12 digits>`, or `<12 digits>-dirty-<12 digits>`: tags are immutable, so other changes need another tag. */
  readonly tag: string
}

export interface ToldRevision {
  /** `--commit`: where there is no git to ask; with git it must be what git says. */
  readonly commit?: string | undefined
  /** `--changes`: with `--commit`, a digest of a tree that differs from it. */
  readonly changes?: string | undefined
}

const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/
/** Of a digest in a tag. Fixed: git's own short form grows with the repository, and differs from clone to clone. */
const DIGITS = 12

/**
 * @param root of the repository
 * @throws Refusal neither git nor `--commit` tells the commit, or they tell two
 */
export async function revisionOf(root: string, told: ToldRevision, signal: AbortSignal): Promise<Revision> {
  if (told.commit !== undefined && !COMMIT.test(told.commit)) {
    throw new Refusal(EXIT.usage, `--commit=${told.commit} is no commit: give all 40 digits, 0-9 and a-f`)
  }
  const changes = told.changes?.replace(/^\w+:/, "")
  if (changes !== undefined && !/^[0-9a-f]{12,64}$/.test(changes)) {
    throw new Refusal(EXIT.usage, `--changes=${told.changes} is no digest: give 12 to 64 digits, 0-9 and a-f`)
  }
  const found = await ofGit(root, signal)
  if (typeof found === "object") {
    if (told.commit !== undefined && told.commit !== found.commit) {
      throw new Refusal(EXIT.usage, `--commit=${told.commit} is not what is here: ${found.commit}; leave it out`)
    }
    if (changes !== undefined)
      throw new Refusal(EXIT.usage, "--changes is for a tree without git, which tells them itself")
    return tagged(found.commit, found.changes)
  }
  if (told.commit === undefined) {
    throw new Refusal(EXIT.usage, `git can't tell the commit (${found}): give it, --commit=$(git rev-parse HEAD)`)
  }
  return tagged(told.commit, changes)
}

function tagged(commit: string, changes: string | undefined): Revision {
  const short = commit.slice(0, DIGITS)
  return { commit, changes, tag: changes === undefined ? short : `${short}-dirty-${changes.slice(0, DIGITS)}` }
}

/** @returns why git can't tell, where it can't */
async function ofGit(root: string, signal: AbortSignal): Promise<{ commit: string; changes?: string } | string> {
  const git = (args: readonly string[], env: Record<string, string> = {}) =>
    outputOf("git", args, { cwd: root, signal, env: { GIT_OPTIONAL_LOCKS: "0", ...env } })
  try {
    // A folder within somebody else's repository is not that one's commit.
    if ((await realpath(await git(["rev-parse", "--show-toplevel"]))) !== (await realpath(root))) {
      return "the folder is within another repository"
    }
    const commit = await git(["rev-parse", "--verify", "HEAD^{commit}"])
    const [tree, worktree] = [await git(["rev-parse", "HEAD^{tree}"]), await worktreeId(root, git)]
    return tree === worktree ? { commit } : { commit, changes: worktree }
  } catch (error) {
    if (error instanceof ProgramError) return error.message
    throw error
  }
}

/**
 * The git id of the tree as it lies there, new files with it and ignored ones without: the same changes have the same id on
 * every machine. The repository is not written to: index and objects are elsewhere.
 */
async function worktreeId(
  root: string,
  git: (args: readonly string[], env?: Record<string, string>) => Promise<string>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "perigee-tree-"))
  try {
    const [index, objects] = (await git(["rev-parse", "--git-path", "index", "--git-path", "objects"])).split("\n")
    const env = {
      GIT_INDEX_FILE: join(folder, "index"),
      GIT_OBJECT_DIRECTORY: join(folder, "objects"),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: resolve(root, objects ?? ""),
    }
    // Git takes a folder without one for no repository.
    await mkdir(env.GIT_OBJECT_DIRECTORY)
    await copiedIndex(resolve(root, index ?? ""), env.GIT_INDEX_FILE)
    await unhidden(git, env)
    await git(["add", "--all"], env)
    return await git(["write-tree"], env)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What somebody told git not to look at (`assume-unchanged`, `skip-worktree`) is built into the images all the same. */
async function unhidden(
  git: (args: readonly string[], env?: Record<string, string>) => Promise<string>,
  env: Record<string, string>,
): Promise<void> {
  // Source: git-ls-files(1), -v: a small letter where the entry is assumed unchanged, S where the work tree is skipped.
  const files = (await git(["ls-files", "-v", "-z"], env)).split("\0")
  for (const [flag, mark] of [
    ["--no-assume-unchanged", /^[a-z] /],
    ["--no-skip-worktree", /^s /i],
  ] as const) {
    const hidden = files.filter((one) => mark.test(one)).map((one) => one.slice(2))
    if (hidden.length > 0) await git(["update-index", flag, "--", ...hidden], env)
  }
}

/**
 * With git's own index only what changed is read. Its time goes with it: git reads anew what changed no earlier than that.
 * Source: git's technical documentation, “Use of index and Racy Git problem”.
 */
async function copiedIndex(from: string, to: string): Promise<void> {
  await copyFile(from, to)
  const { atime, mtime } = await stat(from)
  await utimes(to, atime, mtime)
}
