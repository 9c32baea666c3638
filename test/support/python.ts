/** Python tools for tests, from PyPI, each in a virtual environment of its own below node_modules/.cache. */
import { existsSync } from "node:fs"
import { rename, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { execa, execaSync } from "execa"
import { ROOT } from "./get-data.ts"
import { type Need, program } from "./needs.ts"

/** Python 3 that can make virtual environments: Debian's does so with its package python3-venv only. */
export const python: Need = virtualEnvironments()

function virtualEnvironments(): Need {
  const found = program("python3")
  if (found.missing !== undefined) return found
  const { failed } = execaSync("python3", ["-c", "import ensurepip, venv"], { reject: false })
  return { name: found.name, missing: failed ? "no venv in python3 (Debian: python3-venv)" : undefined }
}

/**
 * Installs `requirement` (`name==version`) once a checkout.
 *
 * @returns the path of the interpreter that has it: `-m <module>` runs it
 */
export async function interpreterWith(requirement: string): Promise<string> {
  const folder = resolve(ROOT, "node_modules/.cache/perigee/python", requirement.replaceAll(/[^\w.]+/g, "-"))
  if (!existsSync(folder)) {
    // Made beside and renamed: two suites at once, or one that was interrupted, leave a whole one or none.
    const made = `${folder}.${process.pid}`
    await execa("python3", ["-m", "venv", made])
    await execa(join(made, "bin/python"), [
      "-m",
      "pip",
      "install",
      "--quiet",
      "--disable-pip-version-check",
      requirement,
    ])
    await rename(made, folder).catch(() => rm(made, { recursive: true, force: true }))
  }
  return join(folder, "bin/python")
}
