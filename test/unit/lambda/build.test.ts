/** Claims about the package: the same bytes for the same tree, small, and with nothing in it that a function needs not. */
import { readFileSync } from "node:fs"
import { mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { unzipSync } from "fflate"
import { pack, zip } from "../../../lambda/build.ts"
import { ROOT } from "../../support/get-data.ts"

describe("lambda/build", () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "perigee-"))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it("packs the same bytes at another place, in another time zone and with another umask", async function () {
    this.timeout(60_000)
    const here = await pack(join(folder, "a"))
    const script = `import { pack } from ${JSON.stringify(join(ROOT, "lambda/build.ts"))}; await pack("elsewhere/b")`
    const other = ["-c", `umask 077 && exec "$0" --input-type=module -e "$1"`, process.execPath, script]
    await execa("sh", other, { cwd: folder, env: { TZ: "Asia/Kathmandu" } })
    const there = join(folder, "elsewhere/b/lambda.zip")
    expect(readFileSync(there).equals(readFileSync(here))).to.equal(true)
  })

  it("packs the three bundles alone: at most 1 MB, no source map in it, and none named", async () => {
    const bytes = readFileSync(join(folder, "a/lambda.zip"))
    expect(bytes.length).to.be.below(1_000_000)
    const files = unzipSync(bytes)
    expect(Object.keys(files)).to.deep.equal(["handler.js", "parameter-store.js", "secrets-manager.js"])
    for (const file of Object.values(files)) {
      expect(Buffer.from(file).includes("sourceMappingURL")).to.equal(false)
      expect(Buffer.from(file).includes(ROOT)).to.equal(false)
    }
    expect(await readdir(join(folder, "a"))).to.include("handler.js.map")
  })

  it("packs of undici only what a GET by HTTP/1.1 takes", () => {
    const { sources } = JSON.parse(readFileSync(join(folder, "a/handler.js.map"), "utf8")) as { sources: string[] }
    const undici = sources.filter((source) => source.includes("node_modules/undici/"))
    expect(undici.length).to.be.above(10)
    expect(undici.filter((source) => /\/web\/|h2|proxy|socks|cache|mock|tree/.test(source))).to.deep.equal([])
  })

  it("gives files the mode that Lambda reads them by, and the earliest time that a zip can tell", () => {
    const bytes = Buffer.from(zip({ "b.js": Buffer.from("b"), "a.js": Buffer.from("a") }))
    const central = bytes.indexOf("PK\u0001\u0002", 0, "latin1")
    // APPNOTE.TXT 4.3.12: made by (4), time (12), date (14), external attributes (38), name (46).
    expect(bytes.readUInt8(central + 5)).to.equal(3)
    expect(bytes.readUInt32LE(central + 12)).to.equal(0x00210000)
    expect(bytes.readUInt32LE(central + 38) >>> 16).to.equal(0o100644)
    expect(bytes.toString("latin1", central + 46, central + 50)).to.equal("a.js")
  })
})
