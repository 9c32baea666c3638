/** Claims about `--summary`: a page's objects as a table for a person. */
import { expect } from "chai"
import fc from "fast-check"
import type { NearEarthObject } from "../../../app/src/answer.ts"
import { summaryTable } from "../../../app/src/summary.ts"
import { paint } from "../../../app/src/terminal.ts"

const PLAIN = paint(false)

function object(changes: Readonly<Record<string, unknown>> = {}): NearEarthObject {
  return { neo_reference_id: "2000433", name: "433 Eros", ...changes } as unknown as NearEarthObject
}

function approach(date: unknown, lunar: unknown, speed: unknown = "5.5", body = "Earth") {
  return {
    close_approach_date: date,
    relative_velocity: { kilometers_per_second: speed },
    miss_distance: { lunar, kilometers: "1" },
    orbiting_body: body,
  }
}

/** Lines of the plain table. */
function linesOf(objects: readonly NearEarthObject[]): string[] {
  return summaryTable(objects, PLAIN).split("\n")
}

/** The six cells of one object's line. */
function cellsOf(changes: Readonly<Record<string, unknown>>): string[] {
  return linesOf([object(changes)])[2]?.split(/ {2,}/) ?? []
}

describe("app/summary", () => {
  it("has a title for each column, a rule, a line for each object and a newline at the end", () => {
    const lines = linesOf([object(), object({ name: "(2010 PK9)" })])
    expect(lines).to.have.length(5)
    expect(lines[0]).to.equal("name        diameter m  hazardous  closest to Earth  lunar dist.  km/s")
    expect(lines[1]).to.match(/^─+( {2}─+){5}$/)
    expect(lines[3]).to.match(/^\(2010 PK9\) /)
    expect(lines[4]).to.equal("")
  })

  it("tells name, diameter in metres, hazard, date, lunar distances and km/s", () => {
    const cells = cellsOf({
      estimated_diameter: { meters: { estimated_diameter_min: 22_006.7, estimated_diameter_max: 49_208.4 } },
      is_potentially_hazardous_asteroid: true,
      close_approach_data: [approach("2012-01-31", "69.4876949", "5.9154")],
    })
    expect(cells).to.deep.equal(["433 Eros", "22007–49208", "yes", "2012-01-31", "69.5", "5.9"])
  })

  it("tells a small diameter to the decimetre", () => {
    const cells = cellsOf({
      estimated_diameter: { meters: { estimated_diameter_min: 4.449, estimated_diameter_max: 9.949 } },
    })
    expect(cells[1]).to.equal("4.4–9.9")
  })

  it("has a dash where the answer says nothing", () => {
    expect(cellsOf({})).to.deep.equal(["433 Eros", "–", "–", "–", "–", "–"])
    expect(cellsOf({ estimated_diameter: {}, close_approach_data: [] })).to.deep.equal([
      "433 Eros",
      "–",
      "–",
      "–",
      "–",
      "–",
    ])
  })

  it("picks the pass nearest to the Earth, whatever the order, and no pass by another planet", () => {
    const passes = fc.uniqueArray(
      fc.tuple(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom("Earth", "Venus", "Juptr")),
      {
        selector: ([tenths]) => tenths,
        maxLength: 12,
      },
    )
    fc.assert(
      fc.property(passes, (all) => {
        const dates = all.map(([tenths, body]) => ({ tenths, body, date: `date-${tenths}` }))
        const nearest = dates.filter(({ body }) => body === "Earth").sort((a, b) => a.tenths - b.tenths)[0]
        const cells = cellsOf({
          close_approach_data: dates.map(({ tenths, body, date }) =>
            approach(date, (tenths / 10).toFixed(4), "1.25", body),
          ),
        })
        const expected = nearest === undefined ? ["–", "–"] : [nearest.date, (nearest.tenths / 10).toFixed(1)]
        expect(cells.slice(3, 5)).to.deep.equal(expected)
      }),
    )
  })

  it("compares distances as numbers, not as text", () => {
    expect(cellsOf({ close_approach_data: [approach("far", "10.5"), approach("near", "9.5")] })[3]).to.equal("near")
  })

  it("picks the nearest of the passes that tell their distance", () => {
    for (const untold of [undefined, null, "", "unknown"]) {
      const cells = cellsOf({ close_approach_data: [approach("untold", untold), approach("told", "9.5")] })
      expect(cells[3], JSON.stringify(untold)).to.equal("told")
    }
  })

  it("has a dash, never a figure or an error, for null where the answer should have an object, a number or a string", () => {
    const nothing: readonly Readonly<Record<string, unknown>>[] = [
      { estimated_diameter: null },
      { estimated_diameter: { meters: null } },
      { is_potentially_hazardous_asteroid: null },
      { close_approach_data: null },
      { close_approach_data: [null] },
      { close_approach_data: [approach(null, null, null)] },
      { close_approach_data: [approach(undefined, "", "")] },
    ]
    for (const changes of nothing) {
      expect(cellsOf(changes), JSON.stringify(changes)).to.deep.equal(["433 Eros", "–", "–", "–", "–", "–"])
    }
  })

  it("aligns every line: the columns begin where the rule does", () => {
    const name = fc
      .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 50 })
      .filter((text) => text.trim() === text)
    fc.assert(
      fc.property(fc.array(name, { maxLength: 20 }), (names) => {
        const [, rule = "", ...rows] = linesOf(
          names.map((text) => object({ name: text, is_potentially_hazardous_asteroid: false })),
        )
        const hazardousAt = rule.split("  ", 2).join("  ").length + 2
        for (const row of rows.slice(0, -1)) expect(row.slice(hazardousAt, hazardousAt + 2)).to.equal("no")
      }),
    )
  })

  it("marks hazardous objects, and those only, where colours are wanted", () => {
    const table = summaryTable(
      [object({ is_potentially_hazardous_asteroid: true }), object({ is_potentially_hazardous_asteroid: false })],
      paint(true),
    ).split("\n")
    expect(table[0]).to.match(/^\u001b\[1m.*\u001b\[22m$/)
    expect(table[2]).to.match(/^\u001b\[33m433 Eros.*\u001b\[39m$/)
    expect(table[3]).not.to.include("\u001b")
  })

  it("lets no name steer the terminal, make a second line or push the table out of its width", () => {
    const lines = linesOf([object({ name: "\u001b[2Ja\nb\u202ec" }), object({ name: "x".repeat(5000) })])
    expect(lines).to.have.length(5)
    expect(lines[2]).to.match(/^�\[2Ja b�c /)
    expect(Math.max(...lines.map((line) => line.length))).to.be.below(160)
  })

  it("cuts no character of a long name in half", () => {
    expect(summaryTable([object({ name: `a${"🛰".repeat(60)}` })], PLAIN).isWellFormed()).to.equal(true)
  })

  it("tables as many objects as an answer of 64 MiB may hold", () => {
    expect(linesOf(Array.from({ length: 200_000 }, () => object()))).to.have.length(200_003)
  })
})
