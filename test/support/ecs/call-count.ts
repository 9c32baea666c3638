/** Which actions of ECS were asked for, and when: for tests of how often a program asks. */

export interface CountedCall {
  /** Such as `DescribeServices`. */
  readonly action: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** The error that it was answered with, such as `ThrottlingException`. */
  error?: string
}

export class CallCount {
  readonly calls: CountedCall[] = []

  add(action: string): CountedCall {
    const call: CountedCall = { action, at: Date.now() }
    this.calls.push(call)
    return call
  }

  forget(): void {
    this.calls.length = 0
  }

  of(action: string): number {
    return this.calls.filter((call) => call.action === action).length
  }

  /** Each action with its number, in order of names. */
  byAction(): Record<string, number> {
    const names = [...new Set(this.calls.map(({ action }) => action))].sort()
    return Object.fromEntries(names.map((name) => [name, this.of(name)]))
  }

  /** Calls in each minute of the wall clock since the first, the last of which may be short. */
  byMinute(action?: string): number[] {
    const first = this.calls[0]?.at ?? 0
    const counts: number[] = []
    for (const call of this.calls) {
      const minute = Math.floor((call.at - first) / 60_000)
      while (counts.length <= minute) counts.push(0)
      if (action === undefined || call.action === action) counts[minute] = (counts[minute] ?? 0) + 1
    }
    return counts
  }

  /** Calls a minute of the wall clock between two moments. @param from milliseconds since 1970 */
  perMinute(from: number, to: number, action?: string): number {
    const within = this.calls.filter((call) => call.at >= from && call.at < to)
    const counted = within.filter((call) => action === undefined || call.action === action).length
    return counted / ((to - from) / 60_000)
  }
}
