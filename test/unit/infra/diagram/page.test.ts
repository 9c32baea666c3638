/** The page and the files: one file that asks nobody, the same bytes each time, found out when stale. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { PAGE_FILE, type Pictures, picturesOf, SVG_FILE } from "../../../../infra/src/diagram/pictures.ts"
import { stale } from "../../../../infra/src/diagram/stale.ts"
import { Subject } from "../../../../infra/src/proofs/proof.ts"
import { subjectOfStage } from "./stages.ts"

describe("diagram: files", function () {
  this.timeout(60_000)
  let subject: Subject
  let pictures: Pictures

  before(async () => {
    subject = await subjectOfStage("production")
    pictures = picturesOf(subject)
  })

  it("the same templates give the same bytes", () => {
    const again = picturesOf(new Subject(subject.templates, subject.stage))
    expect(again.texts[SVG_FILE] === pictures.texts[SVG_FILE]).to.equal(true)
    expect(again.texts[PAGE_FILE] === pictures.texts[PAGE_FILE]).to.equal(true)
  })

  it("neither file names an address that a browser would ask: all is inlined", () => {
    for (const [file, text] of Object.entries(pictures.texts)) {
      const markup = text.replace(/<script type="application\/json"[^>]*>.*?<\/script>/s, "")
      const asked = [...markup.matchAll(/(?:src|href)="([^"]*)"|url\(([^)]*)\)|@import/g)].map(
        ([, one, other]) => one ?? other,
      )
      expect(
        asked.filter((one) => !one?.startsWith("#")),
        file,
      ).to.deep.equal([])
      expect(markup.replaceAll("http://www.w3.org/2000/svg", ""), file).not.to.match(/https?:/)
    }
    expect(pictures.texts[PAGE_FILE]).to.match(/default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-/)
  })

  it("the SVG has an icon once, and only those that are drawn", () => {
    const svg = pictures.texts[SVG_FILE]
    const defined = [...svg.matchAll(/<symbol id="([^"]+)"/g)].map(([, id]) => id)
    const used = new Set([...svg.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id))
    expect(defined).to.deep.equal([...used].sort())
    expect(new Set(defined).size).to.equal(defined.length)
  })

  it("every resource in the picture can be opened, and tells its properties", () => {
    const html = pictures.texts[PAGE_FILE]
    const data = /id="details">(.*?)<\/script>/s.exec(html)?.[1] ?? "{}"
    const details: Record<string, { sections: { heading: string; lines?: string[]; code?: string }[] }> =
      JSON.parse(data)
    const drawn = new Set([...html.matchAll(/data-resource="([^"]+)"/g)].map(([, id = ""]) => id))
    expect(drawn.size).to.be.greaterThan(50)
    for (const id of drawn) expect(details, id).to.have.property(id)
    const database = Object.entries(details).find(([id]) => id.startsWith("data/Database"))?.[1]
    const told = JSON.stringify(database)
    expect(told).to.match(/service user_metadata on 5432/)
    expect(told).to.match(/inbound: 5432 from user_metadata/)
    expect(told).to.match(/✓ The database takes connections by TLS only/)
    expect(told).to.match(/\\"StorageEncrypted\\": true/)
    expect(told).not.to.match(/✗/)
    // A build of the Lambda gives its asset another name.
    expect(html).not.to.match(/[0-9a-f]{64}\.zip/)
  })

  it("a proof that fails is told where its resource is opened", () => {
    const templates = subject.templates.map((one) => ({
      ...one,
      body: JSON.parse(JSON.stringify(one.body).replaceAll('"rds.force_ssl":"1"', '"rds.force_ssl":"0"')),
    }))
    const html = picturesOf(new Subject(templates, subject.stage)).texts[PAGE_FILE]
    expect(html).to.match(/✗ The database takes connections by TLS only/)
    expect(html).to.match(/rds\.force_ssl is 0, not 1/)
  })

  it("what is committed is stale when it is missing or differs, and not when it is the same", () => {
    const folder = mkdtempSync(join(tmpdir(), "perigee-stale-"))
    try {
      const texts = { "a.svg": "one", "b.html": "two" }
      expect(stale(folder, texts).map(({ file, why }) => `${file} ${why}`)).to.deep.equal([
        "a.svg is missing",
        "b.html is missing",
      ])
      writeFileSync(join(folder, "a.svg"), "one")
      writeFileSync(join(folder, "b.html"), "two ")
      expect(stale(folder, texts)).to.deep.equal([{ file: "b.html", why: "differs from what the templates give" }])
      writeFileSync(join(folder, "b.html"), "two")
      expect(stale(folder, texts)).to.deep.equal([])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
