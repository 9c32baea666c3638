/** The stand-in's own catalogue: 40 680 near-Earth objects that do not exist, each made from its index when wanted. */
import { closeApproaches } from "./close-approach.ts"
import { dayOfHalfMonth, properName, provisionalDesignation } from "./designation.ts"
import { javaDouble } from "./java-double.ts"
import { drawOrbit, type Observed, orbitalData } from "./orbit.ts"
import { Dice } from "./random.ts"

/** Objects in the catalogue: 2 034 pages of 20, as the API had in late 2025. */
export const CATALOGUE_SIZE = 40_680

// Index ranges: proper names first, then numbers only, then provisional designations, as the API orders them.
const NAMED = 240
const NUMBERED = 3_840

/** The last day that the catalogue knows of. */
const LAST_DAY = "2025-11-20"
const DAY = 86_400_000

/** Where `links` point today (2023 and later); http and with the caller's key, which is the API's leak. */
export const LINK_BASE = "http://api.nasa.gov/neo/rest/v1/neo"

/**
 * One object in today's field set, the same for the same index and key at all times.
 * @param index 0 to 40 679
 * @param key the caller's key, which the API writes into `links.self`
 */
export function nearEarthObject(index: number, key: string) {
  const dice = new Dice(index)
  const { id, name, nameLimited, designation, discovered } = identity(index, dice)
  const isNumbered = index < NUMBERED
  const magnitude = drawMagnitude(isNumbered, index < NAMED, dice)
  const orbit = drawOrbit(dice)
  // https://cneos.jpl.nasa.gov/about/neo_groups.html
  const isHazardous = orbit.minimumIntersection <= 0.05 && magnitude <= 22
  return {
    links: { self: `${LINK_BASE}/${id}?api_key=${encodeURIComponent(key)}` },
    id,
    neo_reference_id: id,
    name,
    ...(nameLimited === undefined ? {} : { name_limited: nameLimited }),
    designation,
    nasa_jpl_url: `https://ssd.jpl.nasa.gov/tools/sbdb_lookup.html#/?sstr=${id}`,
    absolute_magnitude_h: javaDouble(magnitude),
    estimated_diameter: estimatedDiameter(magnitude),
    is_potentially_hazardous_asteroid: isHazardous,
    close_approach_data: closeApproaches(orbit, dice.whole(1, magnitude < 18 ? 50 : magnitude < 22 ? 20 : 8), dice),
    orbital_data: orbitalData(orbit, observations(discovered, isNumbered, dice), dice),
    is_sentry_object: !isNumbered && magnitude > 20 && orbit.minimumIntersection < 0.003 && dice.next() < 0.4,
  }
}

interface Identity {
  readonly id: string
  readonly name: string
  readonly nameLimited?: string
  readonly designation: string
  /** `YYYY-MM-DD` */
  readonly discovered: string
}

function identity(index: number, dice: Dice): Identity {
  if (index >= NUMBERED) {
    const turn = index - NUMBERED
    const found = discovery(turn, CATALOGUE_SIZE - NUMBERED, 1998, 2025, 6, dice)
    // JPL numbers unnumbered objects from 3000001, and from 54000001 those found since about 2020.
    const id =
      found.year < 2020 ? 3_000_001 + turn * 24 + dice.whole(0, 23) : 54_000_001 + turn * 13 + dice.whole(0, 12)
    return { id: String(id), name: `(${found.designation})`, designation: found.designation, discovered: found.day }
  }
  const number = 433 + index * 200 + dice.whole(0, 199)
  const { designation, day } = discovery(index, NUMBERED, 1950, 1997, 20, dice)
  const nameLimited = index < NAMED ? properName(index) : undefined
  return {
    id: String(2_000_000 + number),
    name: nameLimited === undefined ? `${number} (${designation})` : `${number} ${nameLimited} (${designation})`,
    ...(nameLimited === undefined ? {} : { nameLimited }),
    designation: String(number),
    discovered: day,
  }
}

/** The `turn`-th of `total` discoveries spread evenly over the years; no two get the same designation. */
function discovery(turn: number, total: number, from: number, until: number, spacing: number, dice: Dice) {
  const halfMonths = (until - from + 1) * 24 - (until === 2025 ? 4 : 0) // the catalogue ends in November 2025
  const slot = Math.floor((turn * halfMonths) / total)
  const place = turn - Math.ceil((slot * total) / halfMonths)
  const year = from + Math.floor(slot / 24)
  const designation = provisionalDesignation(year, slot % 24, place * spacing + dice.whole(0, spacing - 1))
  return { year, designation, day: dayOfHalfMonth(year, slot % 24, dice) }
}

/** Absolute magnitude H with two decimals: bright (12–19) where named, faint (to 31) where last found. */
function drawMagnitude(isNumbered: boolean, isNamed: boolean, dice: Dice): number {
  const middle = (dice.next() + dice.next()) / 2
  const magnitude = isNamed ? 12 + 7 * middle : isNumbered ? 14 + 9 * middle : 17 + 14 * middle
  return Math.round(magnitude * 100) / 100
}

/** D = 1329 km / √albedo × 10^(−H/5) (https://cneos.jpl.nasa.gov/tools/ast_size_est.html), albedo 0.25 and 0.05. */
function estimatedDiameter(magnitude: number) {
  const scale = 1329 * 10 ** (-magnitude / 5)
  const [least, most] = [scale / Math.sqrt(0.25), scale / Math.sqrt(0.05)]
  const inUnits = (perKilometer: number) => ({
    estimated_diameter_min: tenDecimals(least * perKilometer),
    estimated_diameter_max: tenDecimals(most * perKilometer),
  })
  return { kilometers: inUnits(1), meters: inUnits(1000), miles: inUnits(0.621371), feet: inUnits(3280.84) }
}

function tenDecimals(value: number) {
  return javaDouble(Number(value.toFixed(10)))
}

function observations(first: string, isNumbered: boolean, dice: Dice): Observed {
  const longest = Math.floor((Date.parse(LAST_DAY) - Date.parse(first)) / DAY)
  const wished = isNumbered
    ? longest - dice.whole(0, 3000)
    : dice.next() < 0.3
      ? dice.whole(0, longest)
      : dice.whole(1, 60)
  const arcInDays = Math.min(longest, wished)
  const last = new Date(Date.parse(first) + arcInDays * DAY).toISOString().slice(0, 10)
  // None of the recorded determinations is older than 2021, so none is here, whatever the observations.
  const recomputed = `2021-04-${dice.whole(10, 20)}`
  return {
    first,
    last,
    determined: last > recomputed ? last : recomputed,
    arcInDays,
    count: 8 + dice.whole(0, 60) + (isNumbered ? dice.whole(100, 3000) : 0),
    uncertainty: arcInDays > 3650 ? dice.whole(0, 1) : arcInDays > 365 ? dice.whole(1, 4) : dice.whole(5, 9),
  }
}
