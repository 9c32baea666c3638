/** AWS's price list, read as it comes in. Rows are of our making, in the published format. */
import { expect } from "chai"
import { OfferFileError, readOfferFile } from "../../../../infra/src/cost/offer-file.ts"
import type { PriceListEntry } from "../../../../infra/src/cost/price-list.ts"
import { offerFile, row } from "../../../support/offer-file.ts"

const hours: PriceListEntry = {
  service: "AmazonEC2",
  usageType: "NatGateway-Hours",
  unit: "h",
  where: { operation: "NatGateway" },
}
const usageType = "EUC1-NatGateway-Hours"
const ours = { usageType, operation: "NatGateway", PricePerUnit: "0.0520000000" }

async function read(text: string, entries = [hours], piece = 7) {
  async function* pieces() {
    for (let at = 0; at < text.length; at += piece) yield text.slice(at, at + piece)
  }
  return readOfferFile(pieces(), entries, "eu-central-1")
}

describe("price list of AWS's", () => {
  it("gives the price, AWS's words for it and the day of publication, in whatever pieces it comes", async () => {
    const text = offerFile([row({ ...ours, PriceDescription: 'the "one" hour, or part of it' })])
    for (const piece of [1, 7, 100_000]) {
      const { offers, published, ambiguous } = await read(text, [hours], piece)
      expect(offers).to.deep.equal([{ entry: hours, usd: 0.052, description: 'the "one" hour, or part of it' }])
      expect(published).to.equal("2026-11-01T00:00:00Z")
      expect(ambiguous).to.deep.equal([])
    }
  })

  it("passes over reserved terms, other currencies, regions, Local Zones, operations and usage types", async () => {
    const { offers } = await read(
      offerFile([
        row({ ...ours, TermType: "Reserved", PricePerUnit: "1" }),
        row({ ...ours, Currency: "CNY", PricePerUnit: "2" }),
        row({ ...ours, "Region Code": "eu-west-1", PricePerUnit: "3" }),
        row({ ...ours, "Location Type": "AWS Local Zone", PricePerUnit: "4" }),
        row({ ...ours, operation: "RegionalNatGateway", PricePerUnit: "5" }),
        row({ ...ours, usageType: "EUC1-Provisioned-NatGateway-Hours", PricePerUnit: "6" }),
        row({ ...ours, usageType: "Global-NatGateway-Hours", PricePerUnit: "7" }),
        row(ours),
      ]),
    )
    expect(offers.map(({ usd }) => usd)).to.deep.equal([0.052])
  })

  it("knows a usage type by its region's prefix, in either form, and without one", async () => {
    for (const name of [usageType, "EU-NatGateway-Hours", "eu-central-1-NatGateway-Hours", "NatGateway-Hours"]) {
      const { offers } = await read(offerFile([row({ ...ours, usageType: name })]))
      expect(offers.length, name).to.equal(1)
    }
  })

  it("takes the first tier that is not free", async () => {
    const { offers } = await read(
      offerFile([
        row({ ...ours, StartingRange: "10240", PricePerUnit: "0.03" }),
        row({ ...ours, StartingRange: "0", PricePerUnit: "0.0000000000" }),
        row({ ...ours, StartingRange: "100", PricePerUnit: "0.05" }),
      ]),
    )
    expect(offers.map(({ usd }) => usd)).to.deep.equal([0.05])
  })

  it("chooses none of two prices for the same, and has none where there is no row", async () => {
    const other = { ...hours, usageType: "NatGateway-Bytes" }
    const { offers, ambiguous } = await read(offerFile([row(ours), row({ ...ours, PricePerUnit: "0.06" })]), [
      hours,
      other,
    ])
    expect(offers).to.deep.equal([])
    expect(ambiguous).to.deep.equal([hours])
  })

  for (const [name, text, message] of [
    ["a page of HTML", "<!doctype html>\n<p>sign in", /it begins with "<!doctype html>"$/],
    ["JSON", '{"formatVersion":"v1.0"}', /it begins with/],
    ["nothing", "", /has no columns or no date of publication$/],
    ["a file with other columns", offerFile([], "Price"), /it has no column PricePerUnit$/],
    ["a file without its columns", `"FormatVersion","v1.0"\n${'"x","y"\n'.repeat(30)}`, /it has no line of columns$/],
    ["a price that is no number", offerFile([row({ ...ours, PricePerUnit: "dear" })]), /has the price "dear"/],
  ] as const) {
    it(`is not ${name}`, async () => {
      const error = await read(text).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).to.be.instanceOf(OfferFileError)
      expect((error as Error).message).to.match(message)
    })
  }
})
