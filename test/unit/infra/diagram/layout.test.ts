/** The picture's geometry, read from the SVG that is written. */
import { expect } from "chai"
import type { Architecture } from "../../../../infra/src/diagram/architecture.ts"
import { layout } from "../../../../infra/src/diagram/layout.ts"
import { svg } from "../../../../infra/src/diagram/svg.ts"
import { drawn } from "./drawn.ts"
import { faults } from "./faults.ts"
import { architectureOfStage } from "./stages.ts"
import { varied } from "./varied.ts"

/** A sheet of A3 less its margins, in mm. Source: ISO 216. */
const SHEET = { width: 400, height: 277 }
/** A point is a 72nd of an inch. */
const POINT = 25.4 / 72

describe("diagram: layout", function () {
  this.timeout(60_000)
  let production: Architecture

  before(async () => {
    production = await architectureOfStage("production")
  })

  for (const stage of ["production", "development"]) {
    it(`${stage}: no texts overlap, no line runs through anything, nothing leaves its container`, async () => {
      expect(faults(drawn(svg(layout(await architectureOfStage(stage)))))).to.deep.equal([])
    })
  }

  for (const zones of [2, 3, 4]) {
    for (const services of [1, 2, 3, 4, 5, 6, 7, 8]) {
      it(`the same holds for ${services} services in ${zones} zones, wherever the way out is`, () => {
        for (let exitZone = 0; exitZone < zones; exitZone += 1) {
          const picture = drawn(svg(layout(varied(production, { services, zones, exitZone }))))
          expect(faults(picture), `way out in zone ${exitZone}`).to.deep.equal([])
          expect(picture.lines.length).to.be.greaterThan(6 * services)
          const texts = picture.texts.map(({ text }) => text)
          for (let at = 0; at < services; at += 1) {
            expect(texts, "whole names and ports").to.include.members([
              `a_service_with_a_long_name_${at + 1}`,
              `${10_010 + at}`,
            ])
          }
        }
      })
    }
  }

  it("the same holds with no way out, no internet gateway and flows that nobody planned", () => {
    const { flows, ...rest } = varied(production, { services: 3, zones: 3 })
    const shut = {
      ...rest,
      flows,
      tiers: rest.tiers.map((tier) => ({ ...tier, exits: [] })),
      internetGateway: undefined,
    }
    expect(faults(drawn(svg(layout(shut))))).to.deep.equal([])
    const odd = [
      { from: "internet", to: "platform/Service1", kind: "other", label: "22" },
      { from: "platform/Service2", to: "platform/Service3", kind: "other", label: "10012" },
    ] as const
    const picture = drawn(svg(layout({ ...rest, flows: [...flows, ...odd] })))
    expect(faults(picture)).to.deep.equal([])
    expect(picture.lines.filter(({ kind }) => kind === "other")).to.have.length(2)
    expect(picture.texts.map(({ text }) => text)).to.include("22")
  })

  it("every flow is drawn, from what it starts at to what it ends at", () => {
    const { lines, boxes } = drawn(svg(layout(production)))
    const place = (key: string | undefined) => boxes.find((one) => one.key === key)
    for (const { from, to, segments } of lines.filter(({ kind }) => kind !== undefined)) {
      for (const [key, segment] of [[from, segments[0]] as const, [to, segments.at(-1)] as const]) {
        const box = place(key)
        expect(box, `${from} → ${to}`).not.to.equal(undefined)
        if (box === undefined || segment === undefined) continue
        const near = { x: box.x - 5, y: box.y - 5, width: box.width + 10, height: box.height + 10 }
        const touches =
          segment.x <= near.x + near.width &&
          segment.x + segment.width >= near.x &&
          segment.y <= near.y + near.height &&
          segment.y + segment.height >= near.y
        expect(touches, `${from} → ${to} touches ${key}`).to.equal(true)
      }
    }
    for (const { from, to, kind } of production.flows.filter((flow) => !["ingress", "egress"].includes(flow.kind))) {
      expect(
        lines.some((line) => line.from === from && line.to === to && line.kind === kind),
        `${from} → ${to}`,
      ).to.equal(true)
    }
    expect(lines.some(({ from }) => from === "internet")).to.equal(true)
    expect(lines.some(({ to }) => to === "internet")).to.equal(true)
  })

  it("production is readable on A3 across: its smallest letters have 5.5 points", () => {
    const { canvas, texts } = drawn(svg(layout(production)))
    const scale = Math.min(SHEET.width / canvas.width, SHEET.height / canvas.height)
    const smallest = Math.min(...texts.map(({ size }) => size)) * scale
    expect(smallest / POINT).to.be.at.least(5.5)
  })
})
