/** The part of the document that is made, between its two marks. */
import { expect } from "chai"
import { DocumentError, withTables } from "../../../../infra/src/diagram/document.ts"

const begin = "<!-- made by npm run diagram: begin -->"
const end = "<!-- made by npm run diagram: end -->"

describe("the tables in the document", () => {
  it("take the place of those that were between the marks, and nothing else changes", () => {
    const document = `# By hand\n\n${begin}\nold\n${end}\n\nBy hand too\n`
    const once = withTables(document, "| new |\n")
    expect(once).to.equal(`# By hand\n\n${begin}\n\n| new |\n\n${end}\n\nBy hand too\n`)
    expect(withTables(once, "| new |")).to.equal(once)
  })

  for (const [what, document] of [
    ["no marks", "# By hand"],
    ["the end before the begin", `${end}\n${begin}`],
    ["a mark twice", `${begin}\n${end}\n${end}`],
  ] as const) {
    it(`are refused where there is ${what}`, () => {
      expect(() => withTables(document, "")).to.throw(DocumentError, /once each, in that order/)
    })
  }
})
