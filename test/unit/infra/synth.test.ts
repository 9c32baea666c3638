/** `npm run synth` as a program: what it refuses before it writes anything, and with which code. */
import { existsSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { expect } from "chai"
import { execaNode } from "execa"
import { ROOT } from "../../support/get-data.ts"
import { someZip } from "../../support/infra/assembly.ts"

const PROGRAM = resolve(ROOT, "infra/src/synth.ts")

describe("npm run synth", function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), "perigee-synth-"))
  const file = join(folder, "file")
  writeFileSync(file, "no zip")
  const zip = `--lambda-zip=${someZip()}`
  const run = (...args: string[]) => execaNode(PROGRAM, args, { reject: false })

  for (const [what, args, code, line] of [
    ["no stage", [zip], 64, /^synth: --stage is missing; there are development, production$/],
    ["an unknown stage", ["--stage=prod", zip], 64, /^synth: there is no stage "prod"; there are /],
    ["an unknown flag", ["--stage=production", "--fast"], 64, /^synth: Unknown option '--fast'/],
    [
      "no package",
      ["--stage=production", "--lambda-zip=/nowhere.zip"],
      66,
      /\/nowhere\.zip is not there or is no zip; npm run build/,
    ],
    ["a package that is no zip", ["--stage=production", `--lambda-zip=${file}`], 66, /is no zip/],
    ["a package that is a folder", ["--stage=production", `--lambda-zip=${folder}`], 66, /is no zip/],
    ["an empty folder's name", ["--stage=production", zip, "--out="], 64, /^synth: --out is empty/],
    [
      "a folder that can't be",
      ["--stage=production", zip, `--out=${file}/out`],
      73,
      /can't be written \(ENOTDIR\); give another/,
    ],
  ] as const) {
    it(`refuses ${what} in one line, with ${code}`, async () => {
      const { exitCode, stderr, stdout } = await run(...args)
      expect(exitCode).to.equal(code)
      expect(stderr).to.match(line)
      expect(stderr).not.to.contain("\n    at ")
      expect(stdout).to.equal("")
    })
  }

  it("writes the stage's templates and its asset, and names the stacks", async () => {
    const out = join(folder, "deep/out")
    const { exitCode, stdout } = await run("--stage=development", zip, `--out=${out}`)
    expect(exitCode).to.equal(0)
    expect(stdout).to.contain("perigee-development-network\n").and.to.contain(`in ${out}`)
    expect(readdirSync(out).filter((name) => name.endsWith(".template.json"))).to.have.length(5)
    expect(existsSync(join(out, "manifest.json"))).to.equal(true)
  })
})
