/**
 * Each stack as a whole, what changes with every build masked: a difference here is a change of what is deployed. After a
 * look, `PERIGEE_UPDATE_SNAPSHOTS=1 npx mocha test/unit/infra/stacks/snapshot.test.ts` takes it over.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "chai"
import { STACKS } from "../../../../infra/src/names.ts"
import { synthesized, templatesOf } from "../../../support/infra/assembly.ts"

const FOLDER = join(import.meta.dirname, "snapshots")

describe("the templates of production", () => {
  before(synthesized("production"))

  for (const stack of STACKS) {
    it(`of the stack ${stack} are as they were when somebody last looked`, () => {
      const file = join(FOLDER, `${stack}.json`)
      const template = masked(JSON.stringify(templatesOf("production")[stack], null, 2))
      if (process.env["PERIGEE_UPDATE_SNAPSHOTS"] === "1") {
        mkdirSync(FOLDER, { recursive: true })
        writeFileSync(file, `${template}\n`)
      }
      expect(existsSync(file), `${file} is missing`).to.equal(true)
      expect(`${template}\n`).to.equal(readFileSync(file, "utf8"))
    })
  }
})

/** Digests of assets: of the Lambda's package here. */
function masked(template: string): string {
  return template.replaceAll(/[0-9a-f]{64}/g, "<digest>")
}
