/** Names as the Minor Planet Center forms them: provisional designations, numbers, and made-up proper names. */
import type { Dice } from "./random.ts"

// https://minorplanetcenter.net/iau/info/OldDesDoc.html: the half-month of discovery (no I, no Z), then the order in it
// (no I), each full turn of the 25 letters counted by a number behind.
const HALF_MONTHS = "ABCDEFGHJKLMNOPQRSTUVWXY"
const ORDER = "ABCDEFGHJKLMNOPQRSTUVWXYZ"

/**
 * A provisional designation such as "2019 QX3".
 * @param year 1925 or later (older ones have another form)
 * @param halfMonth 0 (1–15 January) to 23 (16–31 December)
 * @param order 0 for the first object of that half-month
 */
export function provisionalDesignation(year: number, halfMonth: number, order: number): string {
  const turn = Math.floor(order / ORDER.length)
  return `${year} ${HALF_MONTHS[halfMonth]}${ORDER[order % ORDER.length]}${turn === 0 ? "" : turn}`
}

/** A day of a half-month, as `YYYY-MM-DD`: the day of discovery that goes with a designation. */
export function dayOfHalfMonth(year: number, halfMonth: number, dice: Dice): string {
  const day = halfMonth % 2 === 0 ? dice.whole(1, 15) : dice.whole(16, 28)
  return `${year}-${twoDigits(Math.floor(halfMonth / 2) + 1)}-${twoDigits(day)}`
}

/**
 * A pronounceable name that is nobody's; no two turns below 1 728 get the same.
 * @param turn 0 to 1727
 */
export function properName(turn: number): string {
  const count = SYLLABLES.length
  const shuffled = (turn * 731 + 577) % count ** 3 // 731 shares no factor with 12³, so every turn has its own
  const digits = [shuffled % count, Math.floor(shuffled / count) % count, Math.floor(shuffled / count ** 2)]
  const name = digits.map((digit) => SYLLABLES[digit]).join("")
  return name.charAt(0).toUpperCase() + name.slice(1)
}

const SYLLABLES = ["ve", "lor", "ami", "thes", "ka", "rin", "osu", "del", "phi", "mar", "un", "tey"]

function twoDigits(value: number): string {
  return String(value).padStart(2, "0")
}
