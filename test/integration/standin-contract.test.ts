/** Holds the stand-in against the recorded answers of NeoWs, so that what is proved on it is proved about the API. */
import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import { expect } from "chai"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"

const RECORDED = resolve(import.meta.dirname, "../../../shared/neows")
const BROWSE = "/neo/rest/v1/neo/browse"

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
interface Approach {
  close_approach_date: string
  close_approach_date_full: string
  epoch_date_close_approach: number
  relative_velocity: { kilometers_per_second: string; kilometers_per_hour: string; miles_per_hour: string }
  miss_distance: { astronomical: string; lunar: string; kilometers: string; miles: string }
}
interface Sizes {
  estimated_diameter_min: number
  estimated_diameter_max: number
}
interface Page {
  links: Record<string, string>
  page: { size: number; total_elements: number; total_pages: number; number: number }
  near_earth_objects: {
    id: string
    links: { self: string }
    name: string
    absolute_magnitude_h: number
    estimated_diameter: { kilometers: Sizes; meters: Sizes; miles: Sizes; feet: Sizes }
    close_approach_data: Approach[]
    orbital_data: Record<string, string>
  }[]
}

/** The pages that the shape is looked for on: named, numbered, provisional, last. */
const SAMPLE = [0, 1, 100, 1000, 1755, 2033]

describe("stand-in: pages", () => {
  let standin: Standin
  const key = freshKey()
  const text = async (path: string, from = standin) =>
    (await fetch(`${from.url}${path}`, { headers: { "X-Api-Key": key } })).text()
  const page = async (query: string) => JSON.parse(await text(`${BROWSE}${query}`)) as Page

  before(async () => {
    standin = await startStandin()
  })
  after(() => standin.close())

  it("has 40 680 objects on 2 034 pages of 20, zero-based", async () => {
    const first = await page("?page=0&size=20")
    expect(first.page).to.deep.equal({ size: 20, total_elements: 40_680, total_pages: 2034, number: 0 })
    expect(first.near_earth_objects).to.have.length(20)
    expect(first.links).to.have.all.keys("next", "self")
  })

  it("ends with page 2033, which has no next", async () => {
    const last = await page("?page=2033&size=20")
    expect(last.page.number).to.equal(2033)
    expect(last.near_earth_objects).to.have.length(20)
    expect(last.links).to.have.all.keys("prev", "self")
  })

  it("has a short last page where the size does not divide the catalogue", async () => {
    const last = await page("?page=5811&size=7")
    expect(last.page).to.deep.equal({ size: 7, total_elements: 40_680, total_pages: 5812, number: 5811 })
    expect(last.near_earth_objects).to.have.length(3)
    expect(last.links).to.have.all.keys("prev", "self")
  })

  it("answers a page past the end with no objects and the number echoed", async () => {
    const past = await page("?page=2034&size=20")
    expect(past.page).to.deep.equal({ size: 20, total_elements: 40_680, total_pages: 2034, number: 2034 })
    expect(past.near_earth_objects).to.deep.equal([])
    expect(past.links).to.have.all.keys("prev", "self")
  })

  it("takes page 0 and size 20 where nothing usable is asked for, and clamps a size above 20", async () => {
    const sizes = ["", "?page=-1&size=x", "?page=1.5&size=0", "?size=500", "?page=2147483648"]
    for (const query of sizes) expect((await page(query)).page, query).to.include({ number: 0, size: 20 })
    expect((await page("?page=3&size=500")).page).to.include({ number: 3, size: 20, total_pages: 2034 })
  })

  it("cuts the same objects in the same order whatever the size", async () => {
    const names = ({ near_earth_objects }: Page) => near_earth_objects.map((object) => object.name)
    const fives = await Promise.all([0, 1, 2, 3].map((part) => page(`?page=${4 * 700 + part}&size=5`)))
    expect(fives.flatMap(names)).to.deep.equal(names(await page("?page=700&size=20")))
  })

  it("sends the same bytes for the same page from another server", async () => {
    const other = await startStandin({ now: () => 0 })
    try {
      for (const number of SAMPLE) {
        const path = `${BROWSE}?page=${number}&size=20`
        expect(await text(path, other), path).to.equal(await text(path))
      }
    } finally {
      await other.close()
    }
  })

  it("prints compact JSON in UTF-8", async () => {
    const answer = await fetch(`${standin.url}${BROWSE}?page=1`, { headers: { "X-Api-Key": key } })
    expect(answer.headers.get("content-type")).to.equal("application/json")
    const body = await answer.text()
    expect(body).to.match(/^\{"links":\{"next":"/)
    expect(body).to.not.match(/": |, "|\n/)
    expect(body).to.include("Earth’s orbit")
  })

  it("writes the caller's key, though it came in the header, into every link of page and objects", async () => {
    const { links, near_earth_objects } = await page("?page=5&size=20")
    const urls = [...Object.values(links), ...near_earth_objects.map((object) => object.links.self)]
    expect(urls).to.have.length(23)
    for (const url of urls) expect(new URL(url).searchParams.getAll("api_key"), url).to.deep.equal([key])
  })

  it("links to the pages beside it, over http at api.nasa.gov as today", async () => {
    const base = "http://api.nasa.gov/neo/rest/v1/neo"
    const { links, near_earth_objects } = await page("?page=5&size=7")
    expect(links).to.deep.equal({
      next: `${base}/browse?page=6&size=7&api_key=${key}`,
      prev: `${base}/browse?page=4&size=7&api_key=${key}`,
      self: `${base}/browse?page=5&size=7&api_key=${key}`,
    })
    for (const { id, links } of near_earth_objects) expect(links.self).to.equal(`${base}/${id}?api_key=${key}`)
  })
})

describe("stand-in: the shape of the recorded answers", () => {
  if (!existsSync(RECORDED)) {
    it("needs the recorded answers at ../shared/neows, which are not here")
    return
  }
  const recorded = (name: string) => JSON.parse(readFileSync(resolve(RECORDED, name), "utf8"))
  const recording: Page = recorded("browse-page0-2022.json")
  const older: Page = recorded("browse-page1-size5-2016.json")
  let standin: Standin
  let pages: Page[]

  before(async () => {
    standin = await startStandin()
    const urls = SAMPLE.map((page) => `${standin.url}${BROWSE}?page=${page}&size=20&api_key=DEMO_KEY`)
    pages = await Promise.all(urls.map(async (url) => (await fetch(url)).json() as Promise<Page>))
  })
  after(() => standin.close())

  it("has every field of the 2022 recording with the same JSON type, and no other", () => {
    const expected = fieldTypes([recording])
    // The first page has a next and no prev; the middle ones have both, as recorded in 2016.
    expected.set("$.links.prev", "string")
    expect(mapped(fieldTypes(pages))).to.deep.equal(mapped(expected))
  })

  it("has the members of each object in the recorded order, name_limited only where there is a name", () => {
    const expected = memberOrders([recording])
    expected.set("$.links", new Set(["next,self", Object.keys(older.links).join(), "prev,self"]))
    const objects = "$.near_earth_objects[]"
    const [full = ""] = expected.get(objects) ?? []
    expected.set(objects, new Set([full, full.replace("name_limited,", "")]))
    expect(mapped(memberOrders(pages))).to.deep.equal(mapped(expected))
    for (const { name, ...object } of pages.flatMap((page) => page.near_earth_objects)) {
      expect("name_limited" in object, name).to.equal(/^\d+ [A-Z][a-z]/.test(name))
    }
  })

  it("writes every string in the form of the recorded ones", () => {
    const inRecording = strings([recording])
    expect([...inRecording.keys()].sort()).to.deep.equal(Object.keys(FORMS).sort())
    for (const [source, values] of [
      ["recording", inRecording],
      ["stand-in", strings(pages)],
    ] as const) {
      for (const [path, texts] of values) {
        const form = FORMS[path] ?? FORMS[path.replace(".prev", ".next")]
        for (const value of texts) expect(value, `${source}: ${path}`).to.match(form ?? /^no form$/)
      }
    }
  })

  it("writes numbers with at most ten decimals and magnitudes with two, as recorded", () => {
    for (const { near_earth_objects } of [recording, ...pages]) {
      for (const { absolute_magnitude_h, estimated_diameter, name } of near_earth_objects) {
        expect(decimals(absolute_magnitude_h), name).to.be.at.most(2)
        for (const sizes of Object.values(estimated_diameter)) {
          expect(decimals(sizes.estimated_diameter_min), name).to.be.at.most(10)
          expect(decimals(sizes.estimated_diameter_max), name).to.be.at.most(10)
        }
      }
    }
  })

  it("derives diameters from the magnitude as the recording does", () => {
    for (const { near_earth_objects } of [recording, ...pages]) {
      for (const { absolute_magnitude_h: h, estimated_diameter: sizes, name } of near_earth_objects) {
        for (const [albedo, end] of [
          [0.25, "estimated_diameter_min"],
          [0.05, "estimated_diameter_max"],
        ] as const) {
          const kilometers = (1329 / Math.sqrt(albedo)) * 10 ** (-h / 5)
          expect(sizes.kilometers[end], name).to.be.closeTo(kilometers, 1e-9)
          expect(sizes.meters[end], name).to.be.closeTo(kilometers * 1000, 1e-9)
          expect(sizes.miles[end], name).to.be.closeTo(kilometers * 0.621371, 1e-9)
          expect(sizes.feet[end], name).to.be.closeTo(kilometers * 3280.84, 1e-9)
        }
      }
    }
  })

  it("gives close approaches in date order, their three dates and their units agreeing as recorded", () => {
    for (const { near_earth_objects } of [recording, ...pages]) {
      for (const { close_approach_data, name } of near_earth_objects) {
        const times = close_approach_data.map((approach) => approach.epoch_date_close_approach)
        expect(times, name).to.deep.equal([...new Set(times)].sort((one, other) => one - other))
        for (const approach of close_approach_data) expectAgreement(approach, name)
      }
    }
  })

  it("gives orbital elements that agree with each other as recorded", () => {
    for (const { near_earth_objects } of [recording, ...pages]) {
      for (const { orbital_data: orbit, name } of near_earth_objects) {
        const value = (field: string) => Number(orbit[field])
        const [a, e] = [value("semi_major_axis"), value("eccentricity")]
        expect(value("perihelion_distance"), name).to.be.closeTo(a * (1 - e), 1e-9)
        expect(value("aphelion_distance"), name).to.be.closeTo(a * (1 + e), 1e-9)
        expect(value("orbital_period") / a ** 1.5, name).to.be.closeTo(365.2568983, 1e-5)
        expect(value("orbital_period") * value("mean_motion"), name).to.be.closeTo(360, 1e-9)
        const turned = (value("epoch_osculation") - value("perihelion_time")) * value("mean_motion")
        expect((turned - value("mean_anomaly") + 540) % 360, name).to.be.closeTo(180, 1e-6)
        const jupiter =
          5.2044 / a + 2 * Math.cos((value("inclination") * Math.PI) / 180) * Math.sqrt((a / 5.2044) * (1 - e * e))
        expect(value("jupiter_tisserand_invariant"), name).to.be.closeTo(jupiter, 0.006)
        const arc = (date(orbit, "last_observation_date") - date(orbit, "first_observation_date")) / 86_400_000
        expect(value("data_arc_in_days"), name).to.equal(arc)
      }
    }
  })

  for (const [name, query, status] of [
    ["error-403-API_KEY_MISSING.json", "", 403],
    ["error-403-API_KEY_INVALID.json", "?api_key=nobody", 403],
    ["error-429-OVER_RATE_LIMIT.json", "?api_key=DEMO_KEY", 429],
  ] as const) {
    it(`answers ${status} with the very document of ${name}`, async () => {
      const strict = await startStandin({ demoHourlyLimit: 0 })
      const answer = await fetch(`${strict.url}${BROWSE}${query}`)
      await strict.close()
      expect(answer.status).to.equal(status)
      expect(await answer.json()).to.deep.equal(recorded(name))
    })
  }

  it("answers an unknown path of the application with the very document of error-404-upstream.json", async () => {
    const answer = await fetch(`${standin.url}/neo/rest/v1/wrong-resource?api_key=DEMO_KEY`)
    expect(answer.status).to.equal(404)
    expect(await answer.json()).to.deep.equal(recorded("error-404-upstream.json"))
  })
})

// Where the 2022 recording has an older form than today's (host, path and scheme of the links; JPL's page), both are
// allowed: `http://api.nasa.gov/neo/rest/v1` and `https://ssd.jpl.nasa.gov/tools/…` are what the API writes since 2023.
const LINK = "^https?://(www\\.neowsapp\\.com|api\\.nasa\\.gov/neo)/rest/v1/neo"
const PAGE_LINK = new RegExp(`${LINK}/browse\\?page=\\d+&size=\\d+&api_key=DEMO_KEY$`)
const DAY = /^(1[89]|2[012])\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/
const MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
/** Never a zero before the point, nor one at the end. */
const BARE = /^[1-9]?\d*\.\d*[1-9]$/
const BELOW_ONE = /^\.\d*[1-9]$/
const TEN_DECIMALS = /^(0|[1-9]\d*)\.\d{0,9}[1-9]$/
const OBJECT = "$.near_earth_objects[]"
const APPROACH = `${OBJECT}.close_approach_data[]`
const ORBIT = `${OBJECT}.orbital_data`

const FORMS: Readonly<Record<string, RegExp>> = {
  "$.links.next": PAGE_LINK,
  "$.links.self": PAGE_LINK,
  [`${OBJECT}.links.self`]: new RegExp(`${LINK}/\\d{7,8}\\?api_key=DEMO_KEY$`),
  [`${OBJECT}.id`]: /^[235]\d{6,7}$/,
  [`${OBJECT}.neo_reference_id`]: /^[235]\d{6,7}$/,
  [`${OBJECT}.name`]: /^(\d+ ([A-Z][a-z]+ )?)?\((A[89]|18|19|20)\d\d [A-HJ-Y][A-HJ-Z]?[1-9]?\d*\)$/,
  [`${OBJECT}.name_limited`]: /^[A-Z][a-z]+$/,
  [`${OBJECT}.designation`]: /^(\d+|\d{4} [A-HJ-Y][A-HJ-Z]([1-9]\d*)?)$/,
  [`${OBJECT}.nasa_jpl_url`]: /^https?:\/\/ssd\.jpl\.nasa\.gov\/(sbdb\.cgi|tools\/sbdb_lookup\.html#\/)\?sstr=\d{7,8}$/,
  [`${APPROACH}.close_approach_date`]: DAY,
  [`${APPROACH}.close_approach_date_full`]: new RegExp(`^\\d{4}-(${MONTH})-\\d\\d \\d\\d:\\d\\d$`),
  [`${APPROACH}.relative_velocity.kilometers_per_second`]: TEN_DECIMALS,
  [`${APPROACH}.relative_velocity.kilometers_per_hour`]: TEN_DECIMALS,
  [`${APPROACH}.relative_velocity.miles_per_hour`]: TEN_DECIMALS,
  [`${APPROACH}.miss_distance.astronomical`]: TEN_DECIMALS,
  [`${APPROACH}.miss_distance.lunar`]: TEN_DECIMALS,
  [`${APPROACH}.miss_distance.kilometers`]: TEN_DECIMALS,
  [`${APPROACH}.miss_distance.miles`]: TEN_DECIMALS,
  [`${APPROACH}.orbiting_body`]: /^(Earth|Juptr|Mars|Merc|Venus)$/,
  [`${ORBIT}.orbit_id`]: /^[1-9]\d*$/,
  [`${ORBIT}.orbit_determination_date`]: /^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/,
  [`${ORBIT}.first_observation_date`]: DAY,
  [`${ORBIT}.last_observation_date`]: DAY,
  [`${ORBIT}.orbit_uncertainty`]: /^\d$/,
  [`${ORBIT}.minimum_orbit_intersection`]: /^\.0*[1-9]\d{0,5}$/,
  [`${ORBIT}.jupiter_tisserand_invariant`]: /^\d+\.\d{3}$/,
  [`${ORBIT}.epoch_osculation`]: /^24\d{5}\.5$/,
  [`${ORBIT}.eccentricity`]: BELOW_ONE,
  [`${ORBIT}.semi_major_axis`]: BARE,
  [`${ORBIT}.inclination`]: BARE,
  [`${ORBIT}.ascending_node_longitude`]: BARE,
  [`${ORBIT}.orbital_period`]: BARE,
  [`${ORBIT}.perihelion_distance`]: BARE,
  [`${ORBIT}.perihelion_argument`]: BARE,
  [`${ORBIT}.aphelion_distance`]: BARE,
  [`${ORBIT}.perihelion_time`]: /^24\d{5}\.\d{9,12}$/,
  [`${ORBIT}.mean_anomaly`]: BARE,
  [`${ORBIT}.mean_motion`]: BARE,
  [`${ORBIT}.equinox`]: /^J2000$/,
  [`${ORBIT}.orbit_class.orbit_class_type`]: /^[A-Z]{3}$/,
  [`${ORBIT}.orbit_class.orbit_class_description`]: /^(Near-Earth asteroid orbits|An asteroid orbit) [\w’ ]+$/,
  [`${ORBIT}.orbit_class.orbit_class_range`]:
    /^([\d.]+ AU < )?[aqQ] \([a-z-]+( axis)?\) [<>] [\d.]+ AU(; [qQ] \([a-z]+\) [<>] [\d.]+ AU)?$/,
}

function expectAgreement(approach: Approach, name: string): void {
  const { close_approach_date: day, close_approach_date_full: full, epoch_date_close_approach: epoch } = approach
  expect(Date.parse(`${full.replace(/-(\w{3})-(\d\d)/, " $1 $2")} UTC`), `${name} ${full}`).to.equal(epoch)
  expect(new Date(epoch).toISOString().slice(0, 10), name).to.equal(day)
  const { astronomical, lunar, kilometers, miles } = approach.miss_distance
  expect(Number(lunar) / Number(astronomical), name).to.be.closeTo(389, 1e-3)
  expect(Number(kilometers) / Number(astronomical), name).to.be.closeTo(149_597_870, 1)
  expect(Number(miles) / Number(kilometers), name).to.be.closeTo(0.621371, 1e-6)
  const { kilometers_per_second, kilometers_per_hour, miles_per_hour } = approach.relative_velocity
  expect(Number(kilometers_per_hour), name).to.be.closeTo(Number(kilometers_per_second) * 3600, 1e-6)
  expect(Number(miles_per_hour), name).to.be.closeTo(Number(kilometers_per_second) * 2236.9, 1e-6)
}

function date(orbit: Record<string, string>, field: string): number {
  return Date.parse(orbit[field] ?? "")
}

function decimals(value: number): number {
  return (String(value).split(".")[1] ?? "").length
}

/** Every place of the documents with the JSON type found there (two types joined, where they differ). */
function fieldTypes(documents: unknown[]): Map<string, string> {
  const types = new Map<string, string>()
  walk(documents, (path, value) => {
    const type = Array.isArray(value) ? "array" : value === null ? "null" : typeof value
    const known = types.get(path)
    types.set(path, known === undefined || known === type ? type : `${known} or ${type}`)
  })
  return types
}

function memberOrders(documents: unknown[]): Map<string, Set<string>> {
  const orders = new Map<string, Set<string>>()
  walk(documents, (path, value) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return
    orders.set(path, (orders.get(path) ?? new Set()).add(Object.keys(value).join()))
  })
  return orders
}

function strings(documents: unknown[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  walk(documents, (path, value) => {
    if (typeof value === "string") found.set(path, (found.get(path) ?? new Set()).add(value))
  })
  return found
}

function walk(documents: unknown[], visit: (path: string, value: Json) => void): void {
  const into = (path: string, value: Json): void => {
    visit(path, value)
    if (Array.isArray(value)) for (const item of value) into(`${path}[]`, item)
    else if (value !== null && typeof value === "object") {
      for (const [name, member] of Object.entries(value)) into(`${path}.${name}`, member)
    }
  }
  for (const document of documents) into("$", document as Json)
}

/** A map in an order of its own keys, so that two compare by content, with readable differences. */
function mapped(map: ReadonlyMap<string, string | ReadonlySet<string>>): Record<string, string | string[]> {
  const entries = [...map].map(
    ([path, value]) => [path, typeof value === "string" ? value : [...value].sort()] as const,
  )
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)))
}
