/** Every label comes from the templates: change them, and the picture says something else. */
import { expect } from "chai"
import { connectionsOf } from "../../../../infra/src/diagram/connections.ts"
import { architectureOf } from "../../../../infra/src/diagram/derive.ts"
import { layout } from "../../../../infra/src/diagram/layout.ts"
import { svg } from "../../../../infra/src/diagram/svg.ts"
import { Subject } from "../../../../infra/src/proofs/proof.ts"
import type { Template } from "../../../../infra/src/templates/read.ts"
import { drawn } from "./drawn.ts"
import { faults } from "./faults.ts"
import { subjectOfStage } from "./stages.ts"

describe("diagram: what it says", function () {
  this.timeout(60_000)
  let production: Subject

  before(async () => {
    production = await subjectOfStage("production")
  })

  /** Texts of production's picture, once something in its templates was replaced. */
  function texts(replace: (template: string) => string = (template) => template, from = production): string[] {
    const templates = from.templates.map(
      (one): Template => ({ ...one, body: JSON.parse(replace(JSON.stringify(one.body))) }),
    )
    const { resolved, network, reach } = new Subject(templates, from.stage)
    const architecture = architectureOf({ resolved, network, connections: connectionsOf(network, reach) })
    return drawn(svg(layout(architecture))).texts.map(({ text }) => text)
  }

  it("the brief's own: three services with their ports, the one address, TLS, PostgreSQL in two zones, scaling", () => {
    const all = texts()
    const said = all.join("\n")
    expect(all).to.include.members(["user_metadata", "flight_metadata", "flights_availability"])
    expect(all).to.include.members(["1010", "2020", "3030", "5432", "80, 443"])
    expect(all).to.include.members(["55.55.55.55/32", "443 from 55.55.55.55/32", "Zone eu-central-1a"])
    expect(said).to.match(/internet-facing · flights\.example\.com · .*HTTPS 443 \(TLS13-1-2-2021-06\)/)
    expect(said).to.match(/HTTP 80 → 301 HTTPS 443/)
    expect(said).to.match(/postgres 18 · 100–500 GiB gp3 · encrypted by key data · TLS only/)
    expect(all).to.include.members(["primary", "standby", "public-a · 10.20.64.0/24", "service-configs"])
    expect(said).to.match(/\/api\/availability · 3–24 tasks · CPU 60 % · 1500 requests a minute each/)
  })

  const changes: readonly (readonly [what: string, from: string | RegExp, to: string, label: RegExp])[] = [
    ["the address", /55\.55\.55\.55/g, "198.51.100.7", /^443 from 198\.51\.100\.7\/32$/],
    ["a subnet's block", /10\.20\.64\.0\/24/g, "10.20.99.0/24", /^public-a · 10\.20\.99\.0\/24$/],
    ["a service's port", /\b3030\b/g, "4040", /^task · port 4040$/],
    ["a scaling limit", /"MaxCapacity":24/g, '"MaxCapacity":30', /3–30 tasks/],
    ["the engine's version", /"EngineVersion":"18"/g, '"EngineVersion":"17"', /^postgres 17/],
    ["the TLS policy", /TLS13-1-2-2021-06/g, "TLS13-1-3-2021-06", /TLS13-1-3-2021-06/],
    ["encryption", /"StorageEncrypted":true/g, '"StorageEncrypted":false', /not encrypted/],
    ["a public database", /"PubliclyAccessible":false/g, '"PubliclyAccessible":true', /publicly accessible/],
    ["a public task", /"AssignPublicIp":"DISABLED"/g, '"AssignPublicIp":"ENABLED"', /^public address · /],
    ["tags that can be moved", /"ImageTagMutability":"IMMUTABLE"/g, '"ImageTagMutability":"MUTABLE"', /^mutable tags/],
    ["the schedule", /cron\(15 3 /g, "cron(45 4 ", /cron\(45 4 \* \* \? \*\) UTC/],
    ["the bucket's openness", /"BlockPublicAcls":true/g, '"BlockPublicAcls":false', /may be public/],
  ]
  for (const [what, from, to, label] of changes) {
    it(`${what} is read from the templates`, () => {
      expect(
        texts().some((text) => label.test(text)),
        "before",
      ).to.equal(false)
      expect(
        texts((template) => template.replaceAll(from, to)).some((text) => label.test(text)),
        "after",
      ).to.equal(true)
    })
  }

  it("another zone for the egress moves the gateway there, and its old place says when it would come back", async () => {
    const { resolved, network, reach } = production.with({ EgressZone: "c" })
    const { tiers } = architectureOf({ resolved, network, connections: connectionsOf(network, reach) })
    const exits = tiers.flatMap((tier) => tier.exits)
    expect(exits.filter(({ stands }) => stands).map(({ zone }) => zone)).to.deep.equal([2])
    expect(exits.find(({ zone }) => zone === 0)?.gateway.facts).to.deep.equal(["if EgressZone = a"])
  })

  it("a way from the internet to a task shows as a line that nobody planned", () => {
    const templates = production.templates.map((one): Template => {
      const body = JSON.parse(
        JSON.stringify(one.body).replaceAll('"AssignPublicIp":"DISABLED"', '"AssignPublicIp":"ENABLED"'),
      )
      for (const [id, { Type, Properties }] of Object.entries<{ Type: string; Properties: Record<string, unknown> }>(
        body.Resources,
      )) {
        if (id.startsWith("ServiceRoute")) {
          delete Properties["NatGatewayId"]
          Properties["GatewayId"] = { Ref: "InternetGateway" }
        }
        if (Type === "AWS::EC2::SecurityGroupIngress" && Properties["FromPort"] === 3030) {
          delete Properties["SourceSecurityGroupId"]
          Properties["CidrIp"] = "0.0.0.0/0"
        }
      }
      return { ...one, body }
    })
    const { resolved, network, reach } = new Subject(templates, production.stage)
    const architecture = architectureOf({ resolved, network, connections: connectionsOf(network, reach) })
    const [odd, ...more] = architecture.flows.filter(({ from, to }) => from === "internet" && to.includes("Service"))
    expect(more).to.deep.equal([])
    expect(odd).to.include({ kind: "other", label: "3030" })
    const { lines } = drawn(svg(layout(architecture)))
    expect(lines.filter(({ kind, from }) => kind === "other" && from === "internet")).to.have.length(1)
  })

  it("a second gateway that a subnet's route leads to is drawn with its own lines: no address is left out", () => {
    const templates = production.templates.map((one): Template => {
      const body = JSON.parse(JSON.stringify(one.body))
      const { NatGatewayB, EgressElasticIp, ServiceRouteB } = body.Resources
      if (NatGatewayB === undefined) return one
      body.Resources.OtherElasticIp = {
        ...EgressElasticIp,
        Properties: { ...EgressElasticIp.Properties, Address: "198.51.100.9" },
      }
      delete NatGatewayB.Condition
      NatGatewayB.Properties.AllocationId = { "Fn::GetAtt": ["OtherElasticIp", "AllocationId"] }
      ServiceRouteB.Properties.NatGatewayId = { Ref: "NatGatewayB" }
      return { ...one, body }
    })
    const { resolved, network, reach } = new Subject(templates, production.stage)
    const picture = drawn(
      svg(layout(architectureOf({ resolved, network, connections: connectionsOf(network, reach) }))),
    )
    expect(picture.texts.map(({ text }) => text)).to.include("443 from 55.55.55.55/32, 198.51.100.9/32")
    expect(picture.lines.filter(({ to }) => to === "network/NatGatewayB")).to.have.length(6)
    expect(faults(picture)).to.deep.equal([])
  })

  it("development has no pool, and so no address to tell: the Elastic IP is called by its name", async () => {
    const said = texts((template) => template, await subjectOfStage("development"))
    expect(said.join("\n")).not.to.match(/55\.55\.55\.55/)
    expect(said).to.include.members(["Elastic IP", "443 from egress"])
  })
})
