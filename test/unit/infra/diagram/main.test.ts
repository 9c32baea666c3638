/** The command: what it writes, and how it refuses. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { subjectOfStage } from "./stages.ts"

const MAIN = resolve(import.meta.dirname, "../../../../infra/src/diagram/main.ts")

describe("diagram: the command", function () {
  this.timeout(60_000)
  let folder: string
  let templates: string

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "perigee-diagram-main-"))
    templates = join(folder, "templates")
    mkdirSync(templates)
    for (const { name, body } of (await subjectOfStage("development")).templates) {
      writeFileSync(join(templates, `${name}.json`), JSON.stringify(body))
    }
  })

  after(() => {
    rmSync(folder, { recursive: true })
  })

  const diagram = (...flags: string[]) => execa(process.execPath, [MAIN, ...flags], { reject: false })

  it("writes SVG, page and PNG of a folder of templates; --check finds them fresh, and then what was touched", async () => {
    const out = join(folder, "out")
    const flags = ["--stage=development", `--templates=${templates}`, `--out=${out}`]
    const missing = await diagram(...flags, "--check")
    expect(missing.exitCode).to.equal(65)
    expect(missing.stderr).to.match(
      /architecture\.svg is missing; .*architecture\.html is missing; npm run diagram -- --stage=development/,
    )
    const made = await diagram(...flags)
    expect(made.stderr).to.equal("")
    expect(made.exitCode).to.equal(0)
    const png = readFileSync(join(out, "architecture.png"))
    expect(png.subarray(0, 8)).to.deep.equal(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))
    // Width and height, of the header chunk. Source: PNG, third edition, 11.2.1.
    expect(png.readUInt32BE(16)).to.be.greaterThan(2000)
    expect(png.readUInt32BE(20)).to.be.greaterThan(1000)
    expect((await diagram(...flags, "--check")).exitCode).to.equal(0)
    const svg = join(out, "architecture.svg")
    writeFileSync(svg, readFileSync(svg, "utf8").replace("development", "production"))
    const touched = await diagram(...flags, "--check")
    expect(touched.exitCode).to.equal(65)
    expect(touched.stderr).to.match(/^diagram: \S*architecture\.svg differs from what the templates give; [^\n]*\n?$/)
  })

  const refusals: readonly (readonly [title: string, flags: () => string[], code: number, message: RegExp])[] = [
    ["no stage", () => [], 64, /--stage is missing; there are development, production/],
    ["a stage that there is not", () => ["--stage=x"], 64, /there is no stage "x"; there are development, production/],
    ["a flag that there is not", () => ["--stage=development", "--colour"], 64, /--colour.*see --help/],
    ["a folder that is not there", () => ["--stage=development", `--templates=${folder}/x`], 66, /\/x is not there; /],
    ["an empty folder's name", () => ["--stage=development", "--templates="], 64, /--templates is empty/],
    [
      "templates without what is drawn",
      () => {
        const bare = join(folder, "bare")
        mkdirSync(bare, { recursive: true })
        writeFileSync(join(bare, "a.json"), JSON.stringify({ Resources: { Queue: { Type: "AWS::SQS::Queue" } } }))
        return ["--stage=development", `--templates=${bare}`]
      },
      65,
      /the templates have no VPC and no load balancer/,
    ],
    [
      "a place that is no folder",
      () => ["--stage=development", `--templates=${templates}`, `--out=${templates}/data.json`],
      73,
      /data\.json can't be written \(EEXIST\); give another --out/,
    ],
  ]
  for (const [title, flags, code, message] of refusals) {
    it(`refuses ${title} with ${code}, in one line`, async () => {
      const { exitCode, stderr } = await diagram(...flags())
      expect(stderr).to.match(message)
      expect(stderr.trim().split("\n")).to.have.length(1)
      expect(exitCode).to.equal(code)
    })
  }
})
