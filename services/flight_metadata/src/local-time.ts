/** Times as an airport's clocks show them: RFC 3339 with the offset kept, so that `10:20+09:00` stays that. */

/** An instant and where its clock stood. */
export interface LocalTime {
  readonly at: Date
  /** Minutes east of UTC, -720 to 840: the offsets in use on Earth. */
  readonly offset: number
}

const MIN_OFFSET = -720
const MAX_OFFSET = 840

/**
 * Fractions of a second, leap seconds and `-00:00` (“offset unknown”, RFC 3339 § 4.3) are not taken: no timetable has them.
 */
export const LOCAL_TIME_PATTERN =
  "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]):[0-5][0-9])$"

/** @returns undefined where there is no such day or offset, such as 30 February */
export function parseLocalTime(text: string): LocalTime | undefined {
  const parts = /^(\d{4}-\d\d-(\d\d)T\d\d:\d\d:\d\d)(?:Z|([+-])(\d\d):(\d\d))$/.exec(text)
  if (parts === null || text.endsWith("-00:00")) return undefined
  const [, wall = "", day = "", sign = "+", hours = "0", minutes = "0"] = parts
  const offset = (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
  const asUtc = new Date(`${wall}Z`)
  // JavaScript reads 30 February as 1 or 2 March.
  if (Number.isNaN(asUtc.getTime()) || asUtc.getUTCDate() !== Number(day)) return undefined
  if (offset < MIN_OFFSET || offset > MAX_OFFSET) return undefined
  return { at: new Date(asUtc.getTime() - offset * 60_000), offset }
}

export function formatLocalTime({ at, offset }: LocalTime): string {
  const wall = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, 19)
  if (offset === 0) return `${wall}Z`
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0")
  const size = Math.abs(offset)
  return `${wall}${offset < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`
}
