/** A copy of the checkout to change or to serve. */
import { execa } from "execa"
import { ROOT } from "./get-data.ts"

/** Copies the files of the checkout as they are, tracked or new, without git, and gives the folder. */
export async function copyOfTree(to: string): Promise<string> {
  const copy = 'mkdir -p "$0" && git ls-files -co --exclude-standard -z | xargs -0 cp --parents -t "$0"'
  await execa("sh", ["-c", copy, to], { cwd: ROOT })
  return to
}
