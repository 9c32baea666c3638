/** How often an EventBridge schedule fires in a month. */

const DAYS = 365.25 / 12
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]

/**
 * @param expression `rate(…)` or `cron(minutes hours day-of-month month day-of-week year)`
 * @returns runs in a month of 30.4 days; undefined for forms that are not counted (`L`, `W`, `#`, a year)
 */
export function runsPerMonth(expression: string): number | undefined {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? []
  if (count !== undefined) {
    const perDay = unit === "minute" ? 1440 : unit === "hour" ? 24 : 1
    return (perDay * DAYS) / Number(count)
  }
  const fields = /^cron\((.*)\)$/.exec(expression)?.[1]?.split(/\s+/) ?? []
  const [minutes, hours, monthdays, months, weekdays, year] = fields
  if (fields.length !== 6 || year !== "*") return undefined
  const named = weekdays?.replace(/[A-Z]{3}/g, (name) => String(WEEKDAYS.indexOf(name) + 1))
  const counts = [
    size(minutes, 0, 59),
    size(hours, 0, 23),
    size(monthdays, 1, 31),
    size(months, 1, 12),
    size(named, 1, 7),
  ]
  const [m, h, d, n, w] = counts
  if (m === undefined || h === undefined || d === undefined || n === undefined || w === undefined) return undefined
  const days = d < 31 ? d : (DAYS * w) / 7
  return m * h * days * (n / 12)
}

/** How many values a field names of those from low to high. */
function size(field: string | undefined, low: number, high: number): number | undefined {
  if (field === undefined) return undefined
  const found = new Set<number>()
  for (const part of field.split(",")) {
    const [, range = "", step = "1"] = /^([*?]|\d+(?:-\d+)?)(?:\/(\d+))?$/.exec(part) ?? []
    if (range === "") return undefined
    const any = range === "*" || range === "?"
    const [from = low, to = part.includes("/") ? high : from] = any ? [low, high] : range.split("-").map(Number)
    for (let value = from; value <= to && value <= high; value += Math.max(1, Number(step))) found.add(value)
  }
  return found.size
}
