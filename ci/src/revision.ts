/** Which commit a tree is, and whether it has changes that are not committed. */
import type { BuildArg, Directory } from "@dagger.io/dagger"

/**
 * The commit, with `-dirty` where the tree differs from it; nothing where the folder is no git checkout, or one whose git
 * folder is elsewhere (a worktree, a submodule): no build depends on it.
 *
 * @param source the tree
 * @param git a folder that may hold `.git`
 */
export async function revisionOf(source: Directory, git: Directory): Promise<string> {
  if (!(await git.exists(".git/HEAD"))) return ""
  const repository = source.withDirectory(".git", git.directory(".git")).asGit()
  const [commit, clean] = await Promise.all([repository.head().commit(), repository.uncommitted().isEmpty()])
  return clean ? commit : `${commit}-dirty`
}

/** The Dockerfile's label arguments; what is empty or 0 keeps the Dockerfile's default. */
export function labels(revision: string, repository: string, sourceDateEpoch: number): BuildArg[] {
  const created = sourceDateEpoch === 0 ? "" : new Date(sourceDateEpoch * 1000).toISOString().replace(".000", "")
  return [
    { name: "REVISION", value: revision },
    { name: "SOURCE", value: repository },
    { name: "CREATED", value: created },
  ]
}
