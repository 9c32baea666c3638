/** What README and docs name is there: files, headings, scripts, commands, flags, exit codes. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { expect } from "chai"
import { COMMON_FLAGS } from "../../deploy/src/command.ts"
import { COMMANDS } from "../../deploy/src/commands.ts"
import { EXIT } from "../../deploy/src/refusal.ts"

const ROOT = resolve(import.meta.dirname, "../..")
const text = (path: string) => readFileSync(join(ROOT, path), "utf8")
const DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...globSync("docs/**/*.md", { cwd: ROOT })]

/** As GitHub makes the anchor of a heading. */
function anchors(markdown: string): string[] {
  const headings = markdown.replaceAll(/^```[\s\S]*?^```/gm, "").match(/^#+ .*$/gm) ?? []
  return headings.map((line) =>
    line
      .replace(/^#+ /, "")
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  )
}

describe("the documents", () => {
  it("link to files and headings that are there", () => {
    for (const path of DOCUMENTS) {
      for (const [, link = ""] of text(path).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(link)) continue
        const [file = "", anchor] = link.split("#")
        const target = file === "" ? path : join(dirname(path), file)
        expect(existsSync(join(ROOT, target)), `${path}: ${link}`).to.equal(true)
        if (anchor !== undefined && target.endsWith(".md"))
          expect(anchors(text(target)), `${path}: ${link}`).to.include(anchor)
      }
    }
  })

  it("name scripts that package.json has", () => {
    const { scripts } = JSON.parse(text("package.json"))
    for (const path of DOCUMENTS) {
      for (const [, script, workspace] of text(path).matchAll(
        /npm run (?:--silent )?([a-z][\w-]*(?::[a-z]+)*)( -w )?/g,
      )) {
        if (workspace === undefined) expect(scripts, path).to.have.property(script ?? "")
      }
    }
  })

  it("give the deploy program commands and flags that it has", () => {
    let seen = 0
    for (const path of DOCUMENTS) {
      for (const [line, names = "", rest = ""] of text(path).matchAll(/npm run deploy -- ([a-z|-]+)([^\n`|#]*)/g)) {
        for (const name of names.split("|")) {
          const command = COMMANDS.find((one) => one.name === name)
          expect(command, `${path}: ${line}`).not.to.equal(undefined)
          for (const [, flag = ""] of rest.matchAll(/--([a-z-]+)/g)) {
            expect({ ...command?.flags, ...COMMON_FLAGS }, `${path}: ${line}`).to.have.property(flag)
          }
          seen++
        }
      }
    }
    expect(seen).to.be.above(20)
  })

  it("tell every exit code of the deploy program", () => {
    const [, table = ""] = text("docs/runbook.md").split("## Exit codes")
    const told = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, codes = ""]) => codes.split(", ").map(Number))
    expect(told).to.deep.equal([0, ...Object.values(EXIT), 129, 130, 143])
  })
})
