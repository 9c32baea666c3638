/** The ground that everything stands on: pinned Node, guarded scripts, a lock file that any registry serves. */
import { globSync, readFileSync } from "node:fs"
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { expect } from "chai"
import { execa } from "execa"

const ROOT = resolve(import.meta.dirname, "../..")
const json = (path: string) => JSON.parse(readFileSync(join(ROOT, path), "utf8"))
const root = json("package.json")
const lock = json("package-lock.json")
/** The root's and every workspace's, wildcards resolved. */
const manifests = [
  "package.json",
  ...root.workspaces.flatMap((workspace: string) => globSync(`${workspace}/package.json`, { cwd: ROOT })),
]

describe("foundation", () => {
  it("every script of every workspace begins with the check for Node 24", () => {
    for (const path of manifests) {
      const scripts: Record<string, string> = json(path).scripts ?? {}
      for (const [name, command] of Object.entries(scripts)) {
        expect(command, `${path}: ${name}`).to.match(/^node (?:\.\.\/)*scripts\/require-node24\.mjs && /)
      }
    }
  })

  it("these tests run on the Node that package.json pins", () => {
    expect(root.devDependencies.node).to.match(/^24\.\d+\.\d+$/)
    expect(process.versions.node).to.equal(root.devDependencies.node)
  })

  it("on another Node a script stops with what to do", async () => {
    const older = 'Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})'
    const guard = join(ROOT, "scripts/require-node24.mjs")
    const { exitCode, stderr } = await execa(process.execPath, ["--import", `data:text/javascript,${older}`, guard], {
      reject: false,
    })
    expect(exitCode).to.equal(1)
    expect(stderr).to.match(/^perigee runs on its own Node 24, and this is v.*: start it with `npm run` or `npx`$/)
  })

  it("where node_modules/.bin/node is missing a script says so and what to do, whatever the machine's Node is", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "perigee-"))
    await mkdir(join(elsewhere, "scripts"))
    await copyFile(join(ROOT, "scripts/require-node24.mjs"), join(elsewhere, "scripts/guard.mjs"))
    const { exitCode, stderr } = await execa(process.execPath, [join(elsewhere, "scripts/guard.mjs")], {
      reject: false,
    })
    await rm(elsewhere, { recursive: true })
    expect(exitCode).to.equal(1)
    expect(stderr).to.match(/^node_modules\/\.bin\/node is missing: run `npm ci`/)
  })

  it("every package with an install script is in allowScripts, by name alone", () => {
    const packages: Record<string, { hasInstallScript?: boolean; optional?: boolean }> = lock.packages
    const names = Object.entries(packages)
      .filter(([, { hasInstallScript, optional }]) => hasInstallScript && !optional)
      .map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length))
    expect(names).to.include("node")
    expect(Object.keys(root.allowScripts)).to.include.members(names)
    expect(Object.keys(root.allowScripts).filter((name) => /.@/.test(name))).to.deep.equal([])
  })

  it("the lock file names no registry", () => {
    expect(JSON.stringify(lock)).not.to.match(/"resolved":"https?:/)
  })

  it("dependencies are pinned exactly", () => {
    for (const path of manifests) {
      const { dependencies = {}, devDependencies = {} } = json(path)
      for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
        if (name.startsWith("@perigee/")) continue
        expect(version, `${path}: ${name}`).to.match(/^\d+\.\d+\.\d+(?:-[\w.]+)?$/)
      }
    }
  })
})
