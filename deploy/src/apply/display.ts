/** What a person sees of a change under way: a table redrawn in place on a terminal, and lines elsewhere. */
import type { Session, Terminal } from "../session.ts"
import type { Progress, Watch } from "../targets/rolling.ts"

export interface Display {
  readonly watch: Watch
  /** A line above the table. */
  readonly say: (line: string) => void
  /** Draws no more; what was drawn last stays. */
  readonly end: () => void
}

/** Seconds between two lines on a stack of which nothing but events is new: CI ends a job that says nothing for long. */
const QUIET_SECONDS = 30
/** Milliseconds between two drawings, so that seconds go on where nothing happens. */
const REDRAW_MS = 1000
/** Narrower terminals wrap. */
const NARROWEST = 20
/** Of a terminal that does not tell its size. */
const [COLUMNS, ROWS] = [80, 24]

export function displayOf({
  say,
  terminal,
  mask = (text) => text,
}: Pick<Session, "say" | "terminal" | "mask">): Display {
  return terminal === undefined ? new Lines(say) : new Table(terminal, say, mask)
}

/** A line for each thing that is new. */
export class Lines implements Display {
  readonly say: (line: string) => void
  readonly #told = new Map<string, { readonly line: string; readonly phase: string; readonly seconds: number }>()

  constructor(say: (line: string) => void) {
    this.say = say
  }

  readonly watch = (progress: Progress): void => {
    const { target, unit, phase, seconds } = progress
    const key = `${target} ${unit}`
    const line = [key, phase, countsOf(progress), plain(progress.message)].filter((part) => part !== "").join("  ")
    const before = this.#told.get(key)
    if (before?.line === line) return
    // A stack tells hundreds of events.
    const again = before?.phase === phase && target === "stack" && phase !== "failed"
    if (again && seconds - before.seconds < QUIET_SECONDS) return
    this.#told.set(key, { line, phase, seconds })
    this.say(`${line}  ${Math.round(seconds)} s`)
  }

  end(): void {}
}

interface Row {
  readonly progress: Progress
  /** By this process' clock. */
  readonly at: number
}

/** A row for each unit: what it is, its phase, its copies, its seconds, and the last that was heard of it. */
export class Table implements Display {
  readonly #terminal: Terminal
  readonly #say: (line: string) => void
  readonly #mask: (text: string) => string
  readonly #rows = new Map<string, Row>()
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  /** Lines of the table that stand on the terminal. */
  #drawn = 0

  constructor(
    terminal: Terminal,
    say: (line: string) => void,
    mask: (text: string) => string,
    now: () => number = () => performance.now(),
  ) {
    this.#terminal = terminal
    this.#say = say
    this.#mask = mask
    this.#now = now
  }

  readonly watch = (progress: Progress): void => {
    const key = `${progress.target} ${progress.unit}`
    const message = progress.message ?? this.#rows.get(key)?.progress.message
    this.#rows.set(key, { progress: { ...progress, ...(message !== undefined && { message }) }, at: this.#now() })
    this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS).unref()
    this.#draw()
  }

  readonly say = (line: string): void => {
    this.#clear()
    this.#say(line)
    this.#draw()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#draw()
    this.#rows.clear()
    this.#drawn = 0
  }

  #clear(): void {
    // Source: ECMA-48, CPL and ED: to the first line of the table, and nothing from there on.
    if (this.#drawn > 0) this.#terminal.write(`\u001b[${this.#drawn}F\u001b[J`)
    this.#drawn = 0
  }

  #draw(): void {
    const { columns, rows } = this.#terminal.size()
    // A pseudo-terminal that nobody gave a size says 0.
    const [width, height] = [Math.max(NARROWEST, (columns || COLUMNS) - 1), rows || ROWS]
    const all = [...this.#rows.values()]
    const names = Math.max(0, ...all.map(({ progress: { target, unit } }) => target.length + 1 + unit.length))
    const lines = all
      .slice(-Math.max(1, height - 2))
      .map((row) => cut(this.#mask(lineOf(row, names, this.#now())), width))
    this.#clear()
    if (lines.length === 0) return
    this.#terminal.write(`${lines.join("\n")}\n`)
    this.#drawn = lines.length
  }
}

const OVER: ReadonlySet<string> = new Set(["stable", "failed", "back"])

function lineOf({ progress, at }: Row, names: number, now: number): string {
  const { target, unit, phase } = progress
  const seconds = progress.seconds + (OVER.has(phase) ? 0 : (now - at) / 1000)
  const head = `${`${target} ${unit}`.padEnd(names)}  ${phase.padEnd("rolling back".length)}`
  const time = `${Math.floor(seconds)} s`.padStart(6)
  return `${head}  ${time}  ${[countsOf(progress), plain(progress.message)].filter((part) => part !== "").join("  ")}`
}

function countsOf({ running, desired, pending = 0, failed = 0 }: Progress): string {
  if (running === undefined) return ""
  const more = [pending > 0 ? `${pending} pending` : "", failed > 0 ? `${failed} failed` : ""]
  return [`${running}/${desired ?? "?"} running`, ...more.filter((part) => part !== "")].join(", ")
}

/** One line, with nothing in it that a terminal obeys. */
export function plain(text = ""): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim()
}

function cut(text: string, width: number): string {
  const characters = [...text.trimEnd()]
  return characters.length > width ? `${characters.slice(0, width - 1).join("")}…` : characters.join("")
}
