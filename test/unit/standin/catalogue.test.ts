/** The catalogue's own promises: objects that differ, repeat, and make sense beside themselves. */
import { expect } from "chai"
import { CATALOGUE_SIZE, nearEarthObject } from "../../standin/catalogue.ts"
import { properName, provisionalDesignation } from "../../standin/designation.ts"
import { javaDouble } from "../../standin/java-double.ts"

const EVERY_37TH = Array.from({ length: Math.floor(CATALOGUE_SIZE / 37) }, (_, place) =>
  nearEarthObject(place * 37, "DEMO_KEY"),
)

describe("stand-in catalogue", () => {
  it("gives no id, name or designation twice in 40 680 objects, and ascending ids", () => {
    const ids = new Set<string>()
    const names = new Set<string>()
    const designations = new Set<string>()
    const limited = new Set<string>()
    let before = 0
    for (let index = 0; index < CATALOGUE_SIZE; index += 1) {
      const { id, name, designation, name_limited } = nearEarthObject(index, "DEMO_KEY")
      expect(Number(id), `id of ${index}`).to.be.above(before)
      before = Number(id)
      ids.add(id)
      names.add(/\(.*\)/.exec(name)?.[0] ?? name)
      designations.add(designation)
      limited.add(name_limited ?? name)
    }
    expect([ids.size, names.size, designations.size, limited.size]).to.deep.equal(Array(4).fill(CATALOGUE_SIZE))
  }).timeout(60_000)

  it("makes an object of its index and the caller's key alone", () => {
    const once = JSON.stringify(nearEarthObject(31_415, "DEMO_KEY"))
    nearEarthObject(7, "DEMO_KEY")
    expect(JSON.stringify(nearEarthObject(31_415, "DEMO_KEY"))).to.equal(once)
    expect(JSON.stringify(nearEarthObject(31_416, "DEMO_KEY"))).to.not.equal(once)
  })

  it("holds named, numbered and provisional objects, of every orbit class, hazardous and watched ones", () => {
    expect(nearEarthObject(0, "DEMO_KEY").name).to.match(/^\d+ [A-Z][a-z]+ \(\d{4} [A-Z]{2}\d*\)$/)
    expect(nearEarthObject(1000, "DEMO_KEY").name).to.match(/^\d+ \(\d{4} [A-Z]{2}\d*\)$/)
    expect(nearEarthObject(40_000, "DEMO_KEY").name).to.match(/^\(\d{4} [A-Z]{2}\d*\)$/)
    const classes = new Set(EVERY_37TH.map((object) => object.orbital_data.orbit_class.orbit_class_type))
    expect([...classes].sort()).to.deep.equal(["AMO", "APO", "ATE", "IEO"])
    expect(EVERY_37TH.some((object) => object.is_potentially_hazardous_asteroid)).to.equal(true)
    expect(EVERY_37TH.some((object) => object.is_sentry_object)).to.equal(true)
  })

  it("puts every orbit inside the range that its class states", () => {
    for (const { name, orbital_data } of EVERY_37TH) {
      const [a, q, far] = [
        orbital_data.semi_major_axis,
        orbital_data.perihelion_distance,
        orbital_data.aphelion_distance,
      ]
      const type = orbital_data.orbit_class.orbit_class_type
      if (type === "AMO") expect(Number(q), name).to.be.within(1.017, 1.3)
      if (type === "APO") expect(Number(a) > 1 && Number(q) < 1.017, name).to.equal(true)
      if (type === "ATE") expect(Number(a) < 1 && Number(far) > 0.983, name).to.equal(true)
      if (type === "IEO") expect(Number(far), name).to.be.below(0.983)
    }
  })

  it("calls an object hazardous exactly at 0.05 au and magnitude 22 or brighter", () => {
    for (const object of EVERY_37TH) {
      const near = Number(object.orbital_data.minimum_orbit_intersection) <= 0.05
      const bright = Number(object.absolute_magnitude_h.rawJSON) <= 22
      expect(object.is_potentially_hazardous_asteroid, object.name).to.equal(near && bright)
    }
  })

  it("first sees an object in the half-month of its designation, and last not after the catalogue's last day", () => {
    for (const { name, orbital_data } of EVERY_37TH) {
      const [, year, letter = ""] = /\((\d{4}) ([A-Y])/.exec(name) ?? []
      const [firstYear, month, day] = orbital_data.first_observation_date.split("-")
      const halfMonth = (Number(month) - 1) * 2 + (Number(day) > 15 ? 1 : 0)
      expect(`${firstYear} ${halfMonth}`, name).to.equal(`${year} ${"ABCDEFGHJKLMNOPQRSTUVWXY".indexOf(letter)}`)
      expect(orbital_data.last_observation_date <= "2025-11-20", name).to.equal(true)
    }
  })

  it("counts designations as the Minor Planet Center does: 25 letters, then a number", () => {
    expect(provisionalDesignation(2019, 0, 0)).to.equal("2019 AA")
    expect(provisionalDesignation(2019, 15, 97)).to.equal("2019 QX3")
    expect(provisionalDesignation(2019, 23, 24)).to.equal("2019 YZ")
    expect(provisionalDesignation(2019, 8, 25)).to.equal("2019 JA1")
  })

  it("has 1 728 proper names", () => {
    expect(new Set(Array.from({ length: 1728 }, (_, turn) => properName(turn))).size).to.equal(1728)
  })

  it("prints doubles as Java does", () => {
    const printed = [16, 16.5, 0, 0.001, 0.000659321, 9_999_999.5, 12_345_678].map((value) => javaDouble(value).rawJSON)
    expect(printed).to.deep.equal(["16.0", "16.5", "0.0", "0.001", "6.59321E-4", "9999999.5", "1.2345678E7"])
  })
})
