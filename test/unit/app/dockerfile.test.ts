/** What app/Dockerfile promises to mirrored and air-gapped users, and what may never be in it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "chai"
import { ROOT } from "../../support/get-data.ts"

describe("app/Dockerfile", () => {
  const lines = readFileSync(join(ROOT, "app/Dockerfile"), "utf8").split("\n")
  const text = lines.filter((line) => !line.startsWith("#")).join("\n")

  it("takes both base images as arguments, by tag, and no other image", () => {
    // Renovate adds digests in a user's copy.
    expect(text).to.match(/^ARG NODE_IMAGE=node:24-[\w-]+(?:@sha256:[0-9a-f]{64})?$/m)
    expect(text).to.match(/^ARG RUNTIME_IMAGE=gcr\.io\/distroless\/cc-debian13:nonroot(?:@sha256:[0-9a-f]{64})?$/m)
    const bases = [...text.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map(([, base]) => base)
    expect(bases.map((base) => base?.replace(/\W/g, ""))).to.deep.equal(["NODE_IMAGE", "NODE_IMAGE", "RUNTIME_IMAGE"])
  })

  it("names the same images as the pipeline's defaults, and as the services' Dockerfile", () => {
    const named = (path: string) =>
      readFileSync(join(ROOT, path), "utf8")
        .match(/(?:node:24-|gcr\.io\/distroless\/)[\w./:@-]+/g)
        ?.slice(0, 2)
    expect(named("ci/src/index.ts")).to.deep.equal(named("app/Dockerfile"))
    expect(named("services/Dockerfile")).to.deep.equal(named("app/Dockerfile"))
  })

  it("has no syntax line, which would fetch a builder from outside", () => {
    expect(lines.filter((line) => /^#\s*syntax=/.test(line))).to.deep.equal([])
  })

  it("ends non-root, in /app, with the output as a volume and the fetcher as its entrypoint", () => {
    const last = text.slice(text.lastIndexOf("FROM "))
    expect(last.indexOf("WORKDIR /app")).to.be.below(last.indexOf("COPY "))
    for (const line of ["WORKDIR /app", "VOLUME /app/output", "USER 65532:65532"])
      expect(last.split("\n")).to.include(line)
    expect(last).to.contain('ENTRYPOINT ["/usr/local/bin/node", "/app/get-data.cjs"]')
    expect(last).not.to.match(/^RUN/m)
  })

  it("carries the program and what it loads for an output in S3, and no source map", () => {
    expect(text).to.match(/^COPY --from=build --chmod=644 \/src\/app\/dist\/\*\.cjs \/app\/$/m)
  })

  it("the context starts from nothing, and holds no file of secrets", () => {
    const rules = readFileSync(join(ROOT, ".dockerignore"), "utf8")
      .split("\n")
      .filter((line) => line && !line.startsWith("#"))
    expect(rules[0]).to.equal("*")
    expect(rules.slice(rules.findLastIndex((rule) => rule.startsWith("!")))).to.include("**/.env*")
  })
})
