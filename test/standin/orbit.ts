/** An orbit near the Earth's, in NeoWs' `orbital_data` fields; the elements agree with each other by Kepler's laws. */
import type { Dice } from "./random.ts"

/** What the rest of an object is derived from; distances in au, angles in degrees. */
export interface Orbit {
  readonly class: OrbitClass
  readonly semiMajorAxis: number
  readonly eccentricity: number
  readonly inclination: number
  /** The least distance to the Earth's orbit, 0.00001 au or more. */
  readonly minimumIntersection: number
}

/** When and how well an object was observed. */
export interface Observed {
  /** Days, as `YYYY-MM-DD`. */
  readonly first: string
  readonly last: string
  /** The day of the orbit's computation, not before the last observation. */
  readonly determined: string
  readonly arcInDays: number
  readonly count: number
  /** JPL's condition code: 0 (well known) to 9. */
  readonly uncertainty: number
}

interface OrbitClass {
  readonly type: string
  readonly description: string
  readonly range: string
}

// Amor and Apollo as recorded; Aten and Atira by https://cneos.jpl.nasa.gov/about/neo_groups.html in the same wording.
const AMOR: OrbitClass = {
  type: "AMO",
  description: "Near-Earth asteroid orbits similar to that of 1221 Amor",
  range: "1.017 AU < q (perihelion) < 1.3 AU",
}
const APOLLO: OrbitClass = {
  type: "APO",
  description: "Near-Earth asteroid orbits which cross the Earth’s orbit similar to that of 1862 Apollo",
  range: "a (semi-major axis) > 1.0 AU; q (perihelion) < 1.017 AU",
}
const ATEN: OrbitClass = {
  type: "ATE",
  description: "Near-Earth asteroid orbits similar to that of 2062 Aten",
  range: "a (semi-major axis) < 1.0 AU; Q (aphelion) > 0.983 AU",
}
const ATIRA: OrbitClass = {
  type: "IEO",
  description: "An asteroid orbit contained entirely within the orbit of the Earth",
  range: "Q (aphelion) < 0.983 AU",
}

/** The Julian date that all elements are given for: 2025-11-21, midnight. */
const EPOCH = 2461000.5
/** Days of a year by Gauss's constant: the period of a massless body at 1 au. */
const GAUSSIAN_YEAR = 365.2568983
/** Jupiter's semi-major axis in au, for the Tisserand invariant. */
const JUPITER_AXIS = 5.2044
const EARTH_SPEED = 29.78

/** Draws an orbit: about 37 % Amors, 54 % Apollos, 8 % Atens, some Atiras. */
export function drawOrbit(dice: Dice): Orbit {
  const kind = dice.next()
  const inclination = 0.2 + 45 * dice.next() ** 2
  if (kind < 0.37) return fromPerihelion(AMOR, dice.between(1.018, 1.299), dice.between(1.35, 3.2), inclination, dice)
  if (kind < 0.91) return fromPerihelion(APOLLO, dice.between(0.25, 1.016), dice.between(1.05, 2.9), inclination, dice)
  const isAtira = kind > 0.995
  const semiMajorAxis = isAtira ? dice.between(0.56, 0.72) : dice.between(0.7, 0.99)
  const aphelion = isAtira
    ? dice.between(semiMajorAxis * 1.02, 0.982)
    : dice.between(Math.max(0.99, semiMajorAxis), 1.3)
  return {
    class: isAtira ? ATIRA : ATEN,
    semiMajorAxis,
    eccentricity: aphelion / semiMajorAxis - 1,
    inclination,
    minimumIntersection: isAtira ? 1 - aphelion + 0.02 * dice.next() : 0.00001 + 0.2 * dice.next() ** 3,
  }
}

function fromPerihelion(kind: OrbitClass, perihelion: number, axis: number, inclination: number, dice: Dice): Orbit {
  const semiMajorAxis = Math.max(axis, perihelion * 1.05)
  return {
    class: kind,
    semiMajorAxis,
    eccentricity: 1 - perihelion / semiMajorAxis,
    inclination,
    minimumIntersection: Math.max(0.00001, perihelion - 1.0167) + 0.25 * dice.next() ** 3,
  }
}

/** The speed of the orbit relative to the Earth where they meet, in km/s (Öpik: U² = 3 − T), at least 2. */
export function encounterSpeed({ semiMajorAxis: a, eccentricity: e, inclination }: Orbit): number {
  const tisserand = 1 / a + 2 * Math.sqrt(a * (1 - e * e)) * Math.cos(radians(inclination))
  return Math.max(2, EARTH_SPEED * Math.sqrt(Math.max(0, 3 - tisserand)))
}

/** `orbital_data` as the API prints it: numbers are strings with no zero before the point. */
export function orbitalData(orbit: Orbit, observed: Observed, dice: Dice) {
  const { semiMajorAxis: a, eccentricity: e } = orbit
  const period = GAUSSIAN_YEAR * a * Math.sqrt(a)
  const meanMotion = 360 / period
  const meanAnomaly = dice.between(0.01, 359.99)
  const toPerihelion = meanAnomaly > 180 ? (360 - meanAnomaly) / meanMotion : -meanAnomaly / meanMotion
  const tisserand =
    JUPITER_AXIS / a + 2 * Math.sqrt((a / JUPITER_AXIS) * (1 - e * e)) * Math.cos(radians(orbit.inclination))
  return {
    orbit_id: String(dice.whole(1, 9) + Math.floor(observed.count / 12)),
    orbit_determination_date: `${observed.determined} ${clock(dice)}`,
    first_observation_date: observed.first,
    last_observation_date: observed.last,
    data_arc_in_days: observed.arcInDays,
    observations_used: observed.count,
    orbit_uncertainty: String(observed.uncertainty),
    minimum_orbit_intersection: bare(orbit.minimumIntersection, 6),
    jupiter_tisserand_invariant: tisserand.toFixed(3),
    epoch_osculation: String(EPOCH),
    eccentricity: bare(e),
    semi_major_axis: bare(a),
    inclination: bare(orbit.inclination),
    ascending_node_longitude: bare(dice.between(0.01, 359.99)),
    orbital_period: bare(period),
    perihelion_distance: bare(a * (1 - e)),
    perihelion_argument: bare(dice.between(0.01, 359.99)),
    aphelion_distance: bare(a * (1 + e)),
    perihelion_time: julianDate(toPerihelion),
    mean_anomaly: bare(meanAnomaly),
    mean_motion: bare(meanMotion),
    equinox: "J2000",
    orbit_class: {
      orbit_class_type: orbit.class.type,
      orbit_class_description: orbit.class.description,
      orbit_class_range: orbit.class.range,
    },
  }
}

/** A positive number in significant digits, with neither a zero before the point nor zeros at the end: ".2227". */
function bare(value: number, digits = 16): string {
  return value
    .toPrecision(digits)
    .replace(/^0\./, ".")
    .replace(/(\.\d*?)0+$/, "$1")
}

/** Days from the epoch as a Julian date with 12 decimals, more than one double holds. */
function julianDate(daysFromEpoch: number): string {
  const fromMidnight = daysFromEpoch + 0.5
  const whole = Math.floor(fromMidnight)
  const part = Math.min(fromMidnight - whole, 0.999999999999)
  return `${Math.floor(EPOCH) + whole}${part.toFixed(12).slice(1)}`
}

function clock(dice: Dice): string {
  return [dice.whole(4, 17), dice.whole(0, 59), dice.whole(0, 59)]
    .map((part) => String(part).padStart(2, "0"))
    .join(":")
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180
}
