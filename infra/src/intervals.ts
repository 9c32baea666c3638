/** Sets of whole numbers as intervals: addresses and ports, without a number left out or tried at random. */

/** Numbers `first` to `last`, both included. */
export interface Interval {
  readonly first: number
  readonly last: number
}

/** In order, apart from each other by a number or more. */
export type Intervals = readonly Interval[]

export const NONE: Intervals = []

/** Any intervals as a set. */
export function intervals(parts: readonly Interval[]): Intervals {
  if (parts.length < 2) return parts
  const made: { first: number; last: number }[] = []
  for (const { first, last } of parts.toSorted((one, other) => one.first - other.first)) {
    const end = made.at(-1)
    if (end !== undefined && first <= end.last + 1) end.last = Math.max(end.last, last)
    else made.push({ first, last })
  }
  return made
}

export function union(one: Intervals, other: Intervals): Intervals {
  if (one.length === 0) return other
  if (other.length === 0 || one === other) return one
  return intervals([...one, ...other])
}

export function intersection(one: Intervals, other: Intervals): Intervals {
  if (one === other) return one
  if (one.length === 0 || other.length === 0) return NONE
  const made: Interval[] = []
  for (let i = 0, j = 0; i < one.length && j < other.length; ) {
    const a = one[i] as Interval
    const b = other[j] as Interval
    const first = Math.max(a.first, b.first)
    const last = Math.min(a.last, b.last)
    if (first <= last) made.push({ first, last })
    if (a.last < b.last) i++
    else j++
  }
  return made
}

/** @returns what is in `one` and not in `other` */
export function difference(one: Intervals, other: Intervals): Intervals {
  if (one.length === 0 || other.length === 0) return one
  const made: Interval[] = []
  for (const { first, last } of one) {
    let from = first
    for (const cut of other) {
      if (cut.last < from) continue
      if (cut.first > last) break
      if (cut.first > from) made.push({ first: from, last: cut.first - 1 })
      from = cut.last + 1
    }
    if (from <= last) made.push({ first: from, last })
  }
  return made
}

/** Whether all of `inner` is in `outer`. */
export function covers(outer: Intervals, inner: Intervals): boolean {
  return difference(inner, outer).length === 0
}

export function has(set: Intervals, number: number): boolean {
  return set.some(({ first, last }) => first <= number && number <= last)
}

/**
 * The parts that a set falls into when it is cut before each of these numbers: where every rule begins or ends at a cut,
 * all numbers of a part fare alike.
 */
export function cutAt(set: Intervals, cuts: readonly number[]): Intervals {
  const sorted = [...new Set(cuts)].sort((one, other) => one - other)
  return set.flatMap(({ first, last }) => {
    const starts = [first, ...sorted.filter((cut) => cut > first && cut <= last)]
    return starts.map((start, at) => ({ first: start, last: (starts[at + 1] ?? last + 1) - 1 }))
  })
}

/** As `80, 443, 1024–65535`; `nothing` for none. */
export function textOfIntervals(set: Intervals): string {
  if (set.length === 0) return "nothing"
  return set.map(({ first, last }) => (first === last ? `${first}` : `${first}–${last}`)).join(", ")
}
