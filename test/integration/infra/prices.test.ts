/**
 * `npm run prices` and `npm run cost` as programs. The prices come from a server of ours on loopback, which speaks the
 * public price list's format; AWS's own is not asked.
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import type { ServerResponse } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { expect } from "chai"
import { execa } from "execa"
import { STAGES } from "../../../infra/config/stages.ts"
import { entriesOf, keyOf } from "../../../infra/src/cost/price-list.ts"
import { ROOT } from "../../support/get-data.ts"
import { Loopback } from "../../support/loopback.ts"
import { offerFile, row } from "../../support/offer-file.ts"

const ENTRIES = [...entriesOf(STAGES).values()]
const PUBLISHED = "2026-11-01T00:00:00Z"

describe("npm run prices", function () {
  this.timeout(120_000)

  let server: Loopback
  let out: string
  before(async () => {
    server = await Loopback.open()
  })
  after(() => server.close())
  beforeEach(async () => {
    out = await mkdtemp(join(tmpdir(), "perigee-prices-"))
  })
  afterEach(() => rm(out, { recursive: true }))

  /** Every entry of a service, each at the price of its place in our list, in cents. */
  const listOf = (service: string) =>
    offerFile(
      ENTRIES.flatMap(({ usageType, where, ...entry }, at) =>
        entry.service === service
          ? [row({ usageType: `EUC1-${usageType}`, ...where, PricePerUnit: String((at + 1) / 100) })]
          : [],
      ),
    )
  const serviceOf = (target: string | undefined) =>
    /^\/offers\/v1\.0\/aws\/(\w+)\/current\/eu-central-1\/index\.csv$/.exec(target ?? "")?.[1] ?? ""
  const whole = (response: ServerResponse, target: string | undefined) => {
    response.setHeader("content-type", "text/csv").end(listOf(serviceOf(target)))
  }
  const prices = (...flags: string[]) =>
    execa(process.execPath, ["infra/src/cost/fetch-prices.ts", `--out=${out}`, ...flags], {
      cwd: ROOT,
      reject: false,
      env: { HTTP_PROXY: "", http_proxy: "", HTTPS_PROXY: "", https_proxy: "" },
    })
  const fetchHere = () => prices(`--base-url=${server.url.origin}`)

  it("writes every price that the stages need, with its address and day, and npm run cost then misses none", async () => {
    server.answer((response, _, { url }) => whole(response, url))
    const { exitCode, stdout } = await fetchHere()
    expect(exitCode).to.equal(0)
    expect(stdout).to.equal(`${ENTRIES.length} prices of eu-central-1 in ${join(out, "eu-central-1.json")}`)
    const file = JSON.parse(await readFile(join(out, "eu-central-1.json"), "utf8"))
    expect(file.prices.map(({ key }: { key: string }) => key).toSorted()).to.deep.equal(ENTRIES.map(keyOf).toSorted())
    expect(file.prices[0]).to.deep.equal({
      region: "eu-central-1",
      key: "AmazonEC2 NatGateway-Hours",
      usd: 0.01,
      source: `${server.url.origin}/offers/v1.0/aws/AmazonEC2/current/eu-central-1/index.csv`,
      date: PUBLISHED,
      note: "published then: of our making",
    })
    expect(new Date(file.fetched).getTime()).to.be.closeTo(Date.now(), 60_000)
    // Each file is asked for once.
    expect(server.received.length).to.equal(new Set(ENTRIES.map(({ service }) => service)).size)

    const cost = await execa(
      process.execPath,
      ["infra/src/cost/cost.ts", "--stage=development", "--json", "--no-choices", `--prices=${out}`],
      { cwd: ROOT },
    )
    const [development] = JSON.parse(cost.stdout)
    expect(development.total).to.deep.include({ missing: 0, unknown: 0, elsewhere: 0 })
    expect(development.lines[0]).to.deep.include({ key: "AmazonEC2 NatGateway-Hours", amount: 730, monthly: 7.3 })
    expect(development.lines[0].price.date).to.equal(PUBLISHED)
  }).timeout(60_000)

  it("takes a compressed answer", async () => {
    server.answer((response, _, { url }) => {
      response.setHeader("content-encoding", "gzip").end(gzipSync(listOf(serviceOf(url))))
    })
    expect((await fetchHere()).exitCode).to.equal(0)
  })

  it("tells of each entry that the list has not, and leaves it out", async () => {
    server.answer((response, _, { url }) => {
      response.end(listOf(serviceOf(url)).replace(/^.*EUC1-VpcEndpoint-Hours.*\r\n/m, ""))
    })
    const { exitCode, stderr } = await fetchHere()
    expect(exitCode).to.equal(0)
    expect(stderr).to.match(/^prices: no price for AmazonVPC VpcEndpoint-Hours in http:.*: its cell stays empty$/m)
    expect(await readFile(join(out, "eu-central-1.json"), "utf8")).not.to.include("VpcEndpoint-Hours")
  })

  const rds = (bad: (response: ServerResponse) => void) =>
    server.answer((response, _, { url }) => {
      if (url?.includes("/AmazonRDS/")) bad(response)
      else whole(response, url)
    })
  for (const [what, bad, code, message] of [
    [
      "a connection cut in the middle",
      (response: ServerResponse) => {
        const list = listOf("AmazonRDS")
        response.setHeader("content-length", list.length)
        response.write(list.slice(0, list.length - 40), () => response.destroy())
      },
      69,
      /^prices: http:.*\/AmazonRDS\/.*index\.csv can't be read to its end: .+; try again, or see --base-url$/m,
    ],
    [
      "404",
      (response: ServerResponse) => response.writeHead(404).end("not here"),
      69,
      /^prices: http:.*\/AmazonRDS\/.* answers 404; is eu-central-1 a region that has it\?$/m,
    ],
    ["503", (response: ServerResponse) => response.writeHead(503).end(), 69, /^prices: http:.* answers 503$/m],
    [
      "another shape",
      (response: ServerResponse) => response.end("<html>sign in</html>"),
      65,
      /^prices: http:.*: the answer is no price list of AWS's: it begins with "<html>sign in<\/html>"$/m,
    ],
  ] as const) {
    it(`at ${what} ends with one clear line, and leaves the former prices as they were`, async () => {
      await writeFile(join(out, "eu-central-1.json"), "former")
      rds(bad)
      const { exitCode, stderr } = await fetchHere()
      expect(exitCode).to.equal(code)
      expect(stderr).to.match(message)
      expect(stderr).not.to.include("    at ")
      expect(await readdir(out)).to.deep.equal(["eu-central-1.json"])
      expect(await readFile(join(out, "eu-central-1.json"), "utf8")).to.equal("former")
    })
  }

  it("goes through the proxy that the environment names", async () => {
    server.answer((response, _, { url }) => whole(response, url?.replace("http://aws.invalid", "")))
    const { exitCode, stderr } = await execa(
      process.execPath,
      ["infra/src/cost/fetch-prices.ts", `--out=${out}`, "--base-url=http://aws.invalid"],
      { cwd: ROOT, reject: false, env: { HTTP_PROXY: server.url.href, http_proxy: server.url.href, NO_PROXY: "" } },
    )
    expect(stderr).not.to.include("prices:")
    expect(exitCode).to.equal(0)
    const asked = new Set(server.received.map(({ target }) => new URL(target).origin))
    expect([...asked]).to.deep.equal(["http://aws.invalid"])
  })

  it("refuses a bad flag before it asks anybody", async () => {
    server.answer((response) => response.destroy())
    for (const [flag, message] of [
      ["--region=Frankfurt", /^prices: --region "Frankfurt" is no region; one is called like eu-central-1$/],
      ["--base-url=ftp://x", /^prices: --base-url "ftp:\/\/x" is no address; give one like https:\/\//],
      ["--bogus", /^prices: Unknown option '--bogus'.*; see --help$/],
    ] as const) {
      const { exitCode, stderr } = await prices(`--base-url=${server.url.origin}`, flag)
      expect(exitCode, flag).to.equal(64)
      expect(stderr).to.match(message)
    }
    expect(server.received).to.deep.equal([])
  })

  it("says so where the file can't be written", async () => {
    server.answer((response, _, { url }) => whole(response, url))
    await writeFile(join(out, "file"), "")
    const { exitCode, stderr } = await prices(`--base-url=${server.url.origin}`, `--out=${join(out, "file")}`)
    expect(exitCode).to.equal(73)
    expect(stderr).to.match(/^prices: .*eu-central-1\.json can't be written: /m)
  })
})

describe("npm run cost", function () {
  this.timeout(120_000)

  const cost = (...flags: string[]) =>
    execa(process.execPath, ["infra/src/cost/cost.ts", ...flags], { cwd: ROOT, reject: false })

  it("prints a stage and its choices with the prices that come with the repository", async () => {
    const { stdout, exitCode } = await cost("--stage=development", "--requests=0")
    expect(exitCode).to.equal(0)
    expect(stdout).to.match(/^development in eu-central-1, US dollars a month of 730 hours/)
    expect(stdout).to.match(/^\| the database in two zones \(Multi-AZ\)/m)
    expect(stdout).to.match(/^\| all 4 interface endpoints in every zone +\| +\+\d+\.\d\d \|/m)
    expect(stdout).to.include("--requests=0 ")
  }).timeout(60_000)

  it("refuses a bad flag with one line", async () => {
    for (const [flag, message] of [
      ["--stage=none", /^cost: there is no stage "none"; there are development, production$/],
      ["--requests=-1", /^cost: .*'--requests'.*see --help$|^cost: --requests is "-1"; give .* from 0 to 1000000000$/],
      ["--egress-gb=10001", /^cost: --egress-gb is "10001"; give GB a month .* as a number from 0 to 10000$/],
      ["--bogus", /^cost: Unknown option '--bogus'.*; see --help$/],
    ] as const) {
      const { exitCode, stderr } = await cost(flag)
      expect(exitCode, flag).to.equal(64)
      expect(stderr).to.match(message)
    }
  })
})
