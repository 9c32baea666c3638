/** Which commit a tree is, and whether it has changes that are not committed. */
import type { BuildArg, Directory } from "@dagger.io/dagger"

/**
 * The commit, with `-dirty` where the tree differs from it; nothing where that can't be told from the folder alone (no git,
 * no commit yet, a worktree or submodule whose git folder is elsewhere): no build depends on it.
 *
 * @param source the tree
 * @param git a folder that may hold `.git`
 */
export async function revisionOf(source: Directory, git: Directory): Promise<string> {
  try {
    if (!(await git.exists(".git/HEAD"))) return ""
    const repository = source.withDirectory(".git", git.directory(".git")).asGit()
    const [commit, clean] = await Promise.all([repository.head().commit(), repository.uncommitted().isEmpty()])
    return clean ? commit : `${commit}-dirty`
  } catch {
    return ""
  }
}

const COMMIT = /^[0-9a-f]{40,64}/

/**
 * The commit alone, of a tree with changes too.
 *
 * @param revision as {@link revisionOf} tells it, or as a caller gives it
 */
export function commitOf(revision: string, command: string): string {
  const [commit] = COMMIT.exec(revision) ?? []
  if (commit !== undefined) return commit
  throw new Error(`${command}: git can't tell the commit from this folder: give it, --commit=$(git rev-parse HEAD)`)
}

/** The end of the year 9999, the last that an RFC 3339 date can name. */
const LAST_SECOND = 253_402_300_799

/** The Dockerfile's label arguments; what is empty or 0 keeps the Dockerfile's default. */
export function labels(revision: string, repository: string, sourceDateEpoch: number): BuildArg[] {
  if (sourceDateEpoch < 0 || sourceDateEpoch > LAST_SECOND) {
    throw new RangeError(`--source-date-epoch: ${sourceDateEpoch} is not from 0 to ${LAST_SECOND} (seconds since 1970)`)
  }
  const created = sourceDateEpoch === 0 ? "" : new Date(sourceDateEpoch * 1000).toISOString().replace(".000", "")
  return [
    { name: "REVISION", value: revision },
    { name: "SOURCE", value: repository },
    { name: "CREATED", value: created },
  ]
}
