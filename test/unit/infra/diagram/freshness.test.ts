/** What is committed of the architecture is what the templates give. */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { expect } from "chai"
import { execaNode } from "execa"
import { PROOFS } from "../../../../infra/src/proofs/prove.ts"
import { ROOT } from "../../../support/get-data.ts"

describe("docs/architecture", () => {
  it("has the picture, the page and the tables of production as it is now", async function () {
    this.timeout(120_000)
    const main = resolve(ROOT, "infra/src/diagram/main.ts")
    const { all } = await execaNode(main, ["--stage=production", "--check"], { all: true, reject: false })
    expect(all).to.match(/are what the templates give$/)
  })

  it("names proofs that there are, and in its tables every one", () => {
    const document = readFileSync(resolve(ROOT, "docs/architecture.md"), "utf8")
    const ids = PROOFS.map(({ id }) => id)
    const groups = [...new Set(ids.map((id) => id.split(".")[0]))].join("|")
    const named = [...document.matchAll(new RegExp(`\`((?:${groups})\\.[a-z-]+)\``, "g"))].map(([, id = ""]) => id)
    expect(ids).to.include.members(named)
    expect(named).to.include.members(ids)
  })
})
