/** Close approaches of an object, in date order, with the units of each in the recorded answers' proportions. */
import { encounterSpeed, type Orbit } from "./orbit.ts"
import type { Dice } from "./random.ts"

// The factors that the recorded answers were made with, digit for digit (2022 page 0, all 904 approaches).
const KILOMETERS_PER_AU = 149_597_870n
const LUNAR_PER_AU = 389n
const MILES_PER_KILOMETER_E6 = 621_371n
const MILES_PER_HOUR_PER_KM_S_E1 = 22_369n

const MINUTE = 60_000
const FROM = Date.UTC(1900, 0, 1)
const UNTIL = Date.UTC(2200, 0, 1)
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/**
 * `close_approach_data` between 1900 and 2200.
 * @param count how many, 0 or more; no two share a minute
 */
export function closeApproaches(orbit: Orbit, count: number, dice: Dice) {
  const bodies = bodiesMet(orbit)
  const speed = encounterSpeed(orbit)
  const step = (UNTIL - FROM) / count
  return Array.from({ length: count }, (_, turn) => {
    const time = FROM + Math.floor((step * (turn + dice.next())) / MINUTE) * MINUTE
    const body = dice.pick(bodies)
    return {
      ...dates(time),
      relative_velocity: velocity(speed * dice.between(0.85, 1.15), dice),
      miss_distance: missDistance(missAu(body, orbit, dice)),
      orbiting_body: body,
    }
  })
}

function dates(time: number) {
  const iso = new Date(time).toISOString()
  const [year, month, day] = [iso.slice(0, 4), Number(iso.slice(5, 7)), iso.slice(8, 10)]
  return {
    close_approach_date: iso.slice(0, 10),
    close_approach_date_full: `${year}-${MONTHS[month - 1]}-${day} ${iso.slice(11, 16)}`,
    epoch_date_close_approach: time,
  }
}

/** The planets an orbit comes near, the Earth six times so that most approaches are hers. Names as the API has them. */
function bodiesMet({ semiMajorAxis, eccentricity }: Orbit): readonly [string, ...string[]] {
  const perihelion = semiMajorAxis * (1 - eccentricity)
  const aphelion = semiMajorAxis * (1 + eccentricity)
  return [
    "Earth",
    ...Array<string>(5).fill("Earth"),
    ...(perihelion < 0.45 ? ["Merc"] : []),
    ...(perihelion < 0.8 ? ["Venus"] : []),
    ...(aphelion > 1.5 ? ["Mars"] : []),
    ...(aphelion > 3.9 ? ["Juptr"] : []),
  ]
}

function missAu(body: string, orbit: Orbit, dice: Dice): number {
  if (body === "Juptr") return dice.between(0.3, 2)
  if (body !== "Earth") return dice.between(0.002, 0.1)
  return orbit.minimumIntersection + 0.45 * dice.next() ** 2
}

function missDistance(au: number) {
  const au10 = BigInt(Math.round(au * 1e10))
  const kilometers10 = au10 * KILOMETERS_PER_AU
  return {
    astronomical: decimal(au10, 10),
    lunar: decimal(au10 * LUNAR_PER_AU, 10),
    kilometers: decimal(kilometers10, 10),
    miles: decimal(kilometers10 * MILES_PER_KILOMETER_E6, 16),
  }
}

function velocity(kilometersPerSecond: number, dice: Dice) {
  // Four digits below what is printed: the recorded speeds an hour show that theirs had more than the ten shown.
  const kps14 = BigInt(Math.round(kilometersPerSecond * 1e10)) * 10_000n + BigInt(dice.whole(0, 9999))
  return {
    kilometers_per_second: decimal(kps14, 14),
    kilometers_per_hour: decimal(kps14 * 3600n, 14),
    miles_per_hour: decimal(kps14 * MILES_PER_HOUR_PER_KM_S_E1, 15),
  }
}

/** A scaled whole number as text with up to ten decimals, rounded half up, without zeros at the end. */
function decimal(scaled: bigint, scale: number): string {
  const unit = 10n ** BigInt(scale - 10)
  const rounded = String((scaled + unit / 2n) / unit).padStart(11, "0")
  return `${rounded.slice(0, -10)}.${rounded.slice(-10)}`.replace(/\.?0+$/, "")
}
