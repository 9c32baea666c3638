/** What app/Dockerfile promises to mirrored and air-gapped users, and what may never be in it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "chai"
import { ROOT } from "../../support/get-data.ts"

describe("app/Dockerfile", () => {
  const lines = readFileSync(join(ROOT, "app/Dockerfile"), "utf8").split("\n")
  const text = lines.filter((line) => !line.startsWith("#")).join("\n")

  it("takes both base images as arguments, by tag, and no other image", () => {
    expect(text).to.match(/^ARG NODE_IMAGE=node:24-\S+$/m)
    expect(text).to.match(/^ARG RUNTIME_IMAGE=gcr\.io\/distroless\/cc-debian13:nonroot$/m)
    const bases = [...text.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, base]) => base)
    expect(bases.map((base) => base?.replace(/\W/g, ""))).to.deep.equal(["NODE_IMAGE", "NODE_IMAGE", "RUNTIME_IMAGE"])
    expect(text).not.to.contain("@sha256:")
  })

  it("has no syntax line, which would fetch a builder from outside", () => {
    expect(lines.filter((line) => /^#\s*syntax=/.test(line))).to.deep.equal([])
  })

  it("ends non-root, in /app, with the output as a volume and the fetcher as its entrypoint", () => {
    const last = text.slice(text.lastIndexOf("FROM "))
    for (const line of ["WORKDIR /app", "VOLUME /app/output", "USER 65532:65532"])
      expect(last.split("\n")).to.include(line)
    expect(last).to.contain('ENTRYPOINT ["/usr/local/bin/node", "/app/get-data.cjs"]')
    expect(last).not.to.match(/^RUN/m)
  })

  it("the context starts from nothing", () => {
    const rules = readFileSync(join(ROOT, ".dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line && !line.startsWith("#"))
    expect(rules[0]).to.equal("*")
  })
})
