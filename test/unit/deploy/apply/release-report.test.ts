/** The report of a release, as others may read it. */
import { expect } from "chai"
import { markdownOf, type ReleaseReport } from "../../../../deploy/src/apply/release-report.ts"

const HOSTILE = "![x](https://host/x) <img src=x> | **bold** `code` \\| \u001b[2J"
const LITERAL = "!\\[x\\](https://host/x) \\<img src=x> \\| \\*\\*bold\\*\\* \\`code\\` \\\\\\|  \\[2J"

const report: ReleaseReport = {
  stage: "development",
  account: "111111111111",
  region: "eu-central-1",
  command: "deploy",
  commit: "1".repeat(40),
  who: "somebody",
  release: "one",
  startedAt: "2026-01-01T00:00:00.000Z",
  endedAt: "2026-01-01T00:01:00.000Z",
  outcome: "failed",
  changed: true,
  reason: HOSTILE,
  stacks: [],
  tasks: [{ family: "any", exitCode: 1, reason: HOSTILE, details: [HOSTILE], seconds: 1 }],
  units: [],
  takenBack: [],
  smoke: [],
  images: {},
  previousImages: {},
  pruned: [],
}

describe("the report of a release", () => {
  it("shows what logs and AWS say to the letter: no link, image, HTML or cell is made of it", () => {
    const lines = markdownOf(report).split("\n")
    expect(lines[2]).to.equal(`**${LITERAL}**`)
    expect(lines.find((line) => line.startsWith("| any"))).to.equal(`| any | 1 | 1 | ${LITERAL} |`)
    expect(lines.at(-1), "code, in which nothing has a meaning").to.match(/^ {4}!\[x\]/)
  })
})
