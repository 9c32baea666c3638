/** What a stage costs a month, against sums worked out by hand. */
import { expect } from "chai"
import { stageNamed } from "../../../../infra/config/stages.ts"
import { choicesOf } from "../../../../infra/src/cost/choices.ts"
import { difference, type MonthlyCost, monthlyCost } from "../../../../infra/src/cost/monthly-cost.ts"
import { entriesOf, keyOf } from "../../../../infra/src/cost/price-list.ts"
import { type Price, Prices, PricesError, readPrices } from "../../../../infra/src/cost/prices.ts"
import { capacityUnits, type Templates } from "../../../../infra/src/cost/quantities.ts"
import { tableOf } from "../../../../infra/src/cost/table.ts"
import { USUAL_TRAFFIC } from "../../../../infra/src/cost/traffic.ts"
import { check } from "../../../../infra/src/stage.ts"
import { synthesize, synthesized, templatesOf } from "../../../support/infra/assembly.ts"

const HERE = "eu-central-1"
const price = (key: string, usd: number, region = HERE): Price => ({
  region,
  key,
  usd,
  source: "https://prices.example",
  date: "2026-01-02",
})
const production = stageNamed("production")
const development = stageNamed("development")
const none: Templates = {
  network: { Resources: {} },
  delivery: { Resources: {} },
  data: { Resources: {} },
  platform: { Resources: {} },
  neo: { Resources: {} },
}
const still = { ...USUAL_TRAFFIC, crossZoneGb: 0, kmsRequests: 0 }

/** What is counted of one thing in the whole stage. */
function amount({ lines }: MonthlyCost, key: string): number {
  return lines.filter((line) => line.key === key).reduce((total, line) => total + line.amount, 0)
}

describe("monthly cost", () => {
  let templates: Templates
  let small: Templates
  before(synthesized("production"))
  before(synthesized("development"))
  before(() => {
    templates = templatesOf("production")
    small = templatesOf("development")
  })

  it("is amount by price of the region, and the total is of what has a price", () => {
    const one: Templates = {
      ...none,
      data: {
        Resources: {
          Database: {
            Type: "AWS::RDS::DBInstance",
            Properties: {
              DBInstanceClass: "db.t4g.micro",
              MultiAZ: false,
              StorageType: "gp3",
              AllocatedStorage: "20",
              ManageMasterUserPassword: true,
            },
          },
          Key: { Type: "AWS::KMS::Key" },
        },
      },
    }
    const prices = new Prices([
      price("AmazonRDS InstanceUsage:db.t4g.micro", 0.02),
      price("AmazonRDS RDS:GP3-Storage", 0.1),
      price("AWSSecretsManager AWSSecretsManager-Secrets", 0.5, "us-east-1"),
    ])
    const cost = monthlyCost(one, production, prices, { traffic: still })
    // 730 h at 0.02, 20 GB at 0.10; the secret has a price elsewhere only, the key none.
    expect(cost.lines.map(({ monthly }) => monthly)).to.deep.equal([14.6, 2, undefined, undefined])
    expect(cost.total).to.deep.equal({ monthly: 16.6, missing: 2, elsewhere: 0.5, unknown: 1 })
    expect(cost.lines[2]?.elsewhere?.price.region).to.equal("us-east-1")
  })

  it("of production counts what the templates have", () => {
    const cost = monthlyCost(templates, production, new Prices([]))
    const counted = (key: string) => amount(cost, key)
    expect(counted("AmazonEC2 NatGateway-Hours")).to.equal(730)
    // The Elastic IP, and the load balancer's address in each of three zones.
    expect(counted("AmazonVPC PublicIPv4:InUseAddress")).to.equal(4 * 730)
    // Four endpoints in three zones.
    expect(counted("AmazonVPC VpcEndpoint-Hours")).to.equal(12 * 730)
    expect(counted("AWSELB LoadBalancerUsage")).to.equal(730)
    // Three services of three tasks of half a vCPU and a GB; the fetch: a quarter and a half, a minute a day.
    expect(counted("AmazonECS Fargate-vCPU-Hours:perCPU")).to.be.closeTo(9 * 0.5 * 730 + (30.4375 / 60) * 0.25, 1e-9)
    expect(counted("AmazonECS Fargate-GB-Hours")).to.be.closeTo(9 * 730 + (30.4375 / 60) * 0.5, 1e-9)
    expect(counted("AmazonRDS Multi-AZUsage:db.m7g.large")).to.equal(730)
    expect(counted("AmazonRDS RDS:Multi-AZ-GP3-Storage")).to.equal(100)
    expect(counted("awskms KMS-Keys")).to.equal(4)
    // The API key, and the one that RDS makes.
    expect(counted("AWSSecretsManager AWSSecretsManager-Secrets")).to.equal(2)
    expect(counted("awswaf WebACLV2")).to.equal(1)
    expect(counted("awswaf RuleV2")).to.equal(5)
    // Twelve alarms, one of them on two metrics.
    expect(counted("AmazonCloudWatch CW:AlarmMonitorUsage")).to.equal(13)
    expect(counted("AmazonCloudWatch DashboardsUsageHour")).to.equal(1)
    // Five repositories of ten images of 80 MB.
    expect(counted("AmazonECR TimedStorage-ByteHrs")).to.equal(4)
  })

  it("of development has no endpoints, whose traffic goes by the NAT gateway, and a database in one zone", () => {
    const cost = monthlyCost(small, development, new Prices([]))
    expect(amount(cost, "AmazonVPC VpcEndpoint-Hours")).to.equal(0)
    expect(amount(cost, "AmazonVPC VpcEndpoint-Bytes")).to.equal(0)
    expect(amount(cost, "AmazonEC2 NatGateway-Bytes")).to.equal(USUAL_TRAFFIC.egressGb + USUAL_TRAFFIC.endpointGb)
    expect(amount(cost, "AmazonRDS InstanceUsage:db.t4g.micro")).to.equal(730)
    expect(amount(cost, "AmazonRDS RDS:GP3-Storage")).to.equal(20)
    expect(amount(cost, "AmazonECS Fargate-vCPU-Hours:perCPU")).to.be.closeTo(6 * 0.25 * 730, 0.1)
  })

  it("follows the traffic assumed", () => {
    const traffic = { ...USUAL_TRAFFIC, requests: 10_000_000, responseKb: 10, blockedPercent: 2, logBytes: 1000 }
    const cost = monthlyCost(templates, production, new Prices([]), { traffic })
    expect(amount(cost, "awswaf RequestV2-Tier1")).to.equal(10_000_000)
    // 10 million answers of 10 kB, and a tenth of the NAT gateway's 20 GB.
    expect(amount(cost, "AWSDataTransfer DataTransfer-Out-Bytes")).to.be.closeTo(100 + 2, 1e-9)
    // 10 million lines of 1 000 bytes.
    expect(amount(cost, "AmazonCloudWatch DataProcessing-Bytes")).to.be.closeTo(10, 1e-9)
    // 5 GB of flow logs; 200 000 refused requests of 2 kB.
    expect(amount(cost, "AmazonCloudWatch VendedLog-Bytes")).to.be.closeTo(5.4, 1e-9)
    // All of it kept for twelve months at 15 percent.
    expect(amount(cost, "AmazonCloudWatch TimedStorage-ByteHrs")).to.be.closeTo(15.4 * 0.15 * (365 / 30.4375), 1e-9)
  })

  it("takes the largest of the load balancer's measures as its capacity", () => {
    const perSecond = 730 * 3600
    // 50 new connections a second: two units by connections, one by those that stay open for a minute.
    expect(capacityUnits({ requests: 50 * perSecond, responseKb: 0 })).to.be.closeTo(2, 1e-9)
    // One answer a second of 2 777 kB and a request of 1: 10 GB an hour.
    expect(capacityUnits({ requests: perSecond, responseKb: 2777 })).to.be.closeTo(10.0008, 1e-9)
  })

  it("names only what npm run prices fetches, in every choice of every stage", () => {
    const known = entriesOf([production, development])
    for (const stage of [production, development]) {
      for (const choice of [{ what: "as it is", stage }, ...choicesOf(stage)]) {
        // A parameter makes nothing that is priced otherwise.
        if (choice.stage === undefined) continue
        const { lines } = monthlyCost(synthesize(check(choice.stage)), stage, new Prices([]))
        expect(
          lines.filter(({ key }) => !known.has(key)).map(({ key }) => key),
          choice.what,
        ).to.deep.equal([])
      }
    }
  }).timeout(120_000)

  it("lets another region's price into no total", () => {
    const elsewhere = [...entriesOf([production]).values()].map((entry) => price(keyOf(entry), 1, "us-east-1"))
    const { total, lines } = monthlyCost(templates, production, new Prices(elsewhere))
    expect(total).to.deep.include({ monthly: 0, missing: lines.length, unknown: 0 })
    expect(total.elsewhere).to.be.above(0)
  })

  describe("of a choice", () => {
    const cost = (parameters: Record<string, string>, prices: Prices) =>
      monthlyCost(templates, production, prices, { parameters })
    const egress = [
      price("AmazonEC2 NatGateway-Hours", 0.05),
      price("AmazonEC2 NatGateway-Bytes", 0.04),
      price("AWSDataTransfer DataTransfer-Out-Bytes", 0.1),
    ]

    it("is the difference: without a way out the gateway's hours and bytes, and what went out by it", () => {
      const prices = new Prices(egress)
      const change = difference(cost({}, prices), cost({ EgressZone: "none" }, prices), prices)
      // 730 h at 0.05, 20 GB at 0.04, 2 GB at 0.10
      expect(change.monthly).to.be.closeTo(-(36.5 + 0.8 + 0.2), 1e-9)
      expect(change.missing).to.deep.equal([])
    })

    it("is another zone's gateway for nothing: the address is on one at a time", () => {
      const prices = new Prices(egress)
      expect(difference(cost({}, prices), cost({ EgressZone: "c" }, prices), prices).monthly).to.equal(0)
    })

    it("is the address, where it is from a pool of one's own", () => {
      const prices = new Prices([price("AmazonVPC PublicIPv4:InUseAddress", 0.005)])
      const own = cost({ EgressAddressPool: "ipv4pool-ec2-0" }, prices)
      expect(difference(cost({}, prices), own, prices).monthly).to.be.closeTo(-3.65, 1e-9)
    })

    it("is empty where one price is missing, and then of one region that has them all, never mixed", () => {
      const here = egress.slice(0, 2)
      const none = cost({ EgressZone: "none" }, new Prices(here))
      const mixed = new Prices([...here, price("AWSDataTransfer DataTransfer-Out-Bytes", 0.1, "us-east-1")])
      expect(difference(cost({}, mixed), none, mixed)).to.deep.equal({
        missing: ["AWSDataTransfer DataTransfer-Out-Bytes"],
      })
      const whole = new Prices([...here, ...egress.map((one) => ({ ...one, usd: 1, region: "us-east-1" }))])
      const { monthly, elsewhere } = difference(cost({}, whole), none, whole)
      expect(monthly).to.equal(undefined)
      expect(elsewhere?.region).to.equal("us-east-1")
      expect(elsewhere?.monthly).to.be.closeTo(-(730 + 20 + 2), 1e-9)
    })

    it("that is Multi-AZ or ARM64 changes the price that is asked for", () => {
      const [single, arm] = choicesOf(production)
      const oneZone = monthlyCost(synthesize(check(single?.stage ?? production)), production, new Prices([]))
      expect(amount(oneZone, "AmazonRDS InstanceUsage:db.m7g.large")).to.equal(730)
      expect(amount(oneZone, "AmazonRDS Multi-AZUsage:db.m7g.large")).to.equal(0)
      const graviton = monthlyCost(synthesize(check(arm?.stage ?? production)), production, new Prices([]))
      expect(amount(graviton, "AmazonECS Fargate-ARM-vCPU-Hours:perCPU")).to.be.closeTo(3285, 0.2)
      expect(amount(graviton, "AmazonECS Fargate-vCPU-Hours:perCPU")).to.equal(0)
      expect(amount(graviton, "AWSLambda Lambda-GB-Second-ARM")).to.equal(1000)
    })
  })

  describe("as a table", () => {
    it("leaves the cell empty where there is no price, says how many lines miss one, and names each source", () => {
      const prices = new Prices([
        price("AmazonEC2 NatGateway-Hours", 0.052),
        { ...price("awskms KMS-Keys", 1, "us-east-1"), source: "https://elsewhere.example" },
      ])
      const text = tableOf(monthlyCost(templates, production, prices), undefined)
      expect(text).to.match(/\| network +\| 1 NAT gateway +\| +730 \| h +\| +0\.052 \| +37\.96 \| +\| \[1\] +\|/)
      expect(text).to.match(/\| network +\| 1 key +\| +1 \| key +\| +\| +\| +1\.00 us-east-1 \| \[2\] +\|/)
      expect(text).to.match(/\| platform +\| 1 load balancer +\| +730 \| h +\| +\| +\| +\| +\|/)
      expect(text).to.match(/^49 of 50 lines have no price of eu-central-1: the totals are without them\./m)
      expect(text).to.include("[1] 2026-01-02, https://prices.example\n")
      expect(text).to.include("[2] 2026-01-02, https://elsewhere.example\n")
      expect(text).to.match(/\| +\| in all, 49 of 50 lines missing +\| +\| +\| +\| +37\.96 \|/)
    })
  })
})

describe("prices that come with the repository", () => {
  it("each have a region, a source and a date, and are of something that is counted", () => {
    const prices = readPrices(HERE)
    const known = entriesOf([production, development])
    expect(prices.regions).to.include(HERE)
    let count = 0
    for (const key of known.keys()) {
      for (const one of [prices.of(key, HERE), prices.elsewhere(key, HERE)]) {
        if (one === undefined) continue
        count += 1
        expect(one.source, key).to.match(/^https:\/\//)
        expect(one.date, key).to.match(/^20\d\d-\d\d-\d\d/)
      }
    }
    expect(count).to.be.above(30)
  })

  it("without a source are refused: a price without one is none", async () => {
    const { mkdtemp, rm, writeFile } = await import("node:fs/promises")
    const { tmpdir } = await import("node:os")
    const { join } = await import("node:path")
    const folder = await mkdtemp(join(tmpdir(), "perigee-"))
    const { source: _, ...sourceless } = price("awskms KMS-Keys", 1)
    for (const [content, message] of [
      [JSON.stringify([sourceless]), /must have region, key, usd, source and date$/],
      [JSON.stringify([{ ...price("awskms KMS-Keys", 1), usd: "1" }]), /must have region/],
      ["{}", /has no list of prices/],
      ["[", /can't be read/],
    ] as const) {
      await writeFile(join(folder, "quoted.json"), content)
      expect(() => readPrices(HERE, folder))
        .to.throw(PricesError)
        .with.property("message")
        .that.matches(message)
    }
    await rm(folder, { recursive: true })
    expect(readPrices(HERE, folder).regions).to.deep.equal([])
  })
})
