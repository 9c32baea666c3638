/**
 * Rewrites a JSON text for the disk: two-space layout, the API key gone, and every other string, number and the order
 * of members exactly as the API sent them. JSON.parse and JSON.stringify would change numbers (12345678901234567890, 1e400).
 */
import { NotCleanable, type Redactor } from "./redact.ts"

/** `indented` is for people, `compact` for whoever pays by the byte. */
export type Layout = "indented" | "compact"

/** Deepest nesting that is laid out; NeoWs' own is 5. Deeper ones would grow with the square of their depth. */
const MAX_DEPTH = 64
/** Largest layout in UTF-16 units: four times the largest answer. */
const MAX_LENGTH = 256 * 1024 * 1024

/**
 * Lays out `json` with two spaces a level and a newline at the end, each string passed through `redact`.
 *
 * @param json valid JSON: the caller has parsed it
 * @param key must not occur in the result
 * @param layout `compact`: without blanks and line ends
 * @throws NotCleanable where the key is in a place that can't be changed (the digits of a number, say)
 * @throws RangeError past 64 levels or 256 Mi characters
 */
export function layOut(json: string, redact: Redactor, key: string, layout: Layout = "indented"): string {
  const [lineBreak, colon] = layout === "compact" ? [() => "", ":"] : [indentedLine, ": "]
  let out = ""
  let depth = 0
  let at = 0
  while (at < json.length) {
    const character = json.charCodeAt(at)
    switch (character) {
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        at += 1
        break
      case 0x7b: // {
      case 0x5b: {
        // [
        const next = skipBlanks(json, at + 1)
        const closing = character === 0x7b ? 0x7d : 0x5d
        if (json.charCodeAt(next) === closing) {
          out += character === 0x7b ? "{}" : "[]"
          at = next + 1
          break
        }
        depth += 1
        if (depth > MAX_DEPTH) throw new RangeError(`it nests deeper than ${MAX_DEPTH} levels`)
        out += json[at] + lineBreak(depth)
        at += 1
        break
      }
      case 0x7d: // }
      case 0x5d: // ]
        depth -= 1
        out += lineBreak(depth) + json[at]
        at += 1
        break
      case 0x2c: // ,
        out += `,${lineBreak(depth)}`
        at += 1
        break
      case 0x3a: // :
        out += colon
        at += 1
        break
      case 0x22: {
        // "
        const end = endOfString(json, at)
        out += cleanString(json.slice(at, end), redact)
        at = end
        break
      }
      default: {
        const end = endOfScalar(json, at)
        out += json.slice(at, end)
        at = end
      }
    }
    if (out.length > MAX_LENGTH) throw new RangeError(`laid out it is larger than ${MAX_LENGTH} characters`)
  }
  if (layout === "indented") out += "\n"
  if (out.includes(key)) throw new NotCleanable()
  return out
}

const indents: string[] = []

function indentedLine(depth: number): string {
  indents[depth] ??= `\n${"  ".repeat(depth)}`
  return indents[depth]
}

function skipBlanks(json: string, from: number): number {
  let at = from
  while (json.charCodeAt(at) <= 0x20) at += 1
  return at
}

/** The place after the closing quote: the next quote with an even number of backslashes before it. */
function endOfString(json: string, start: number): number {
  let quote = json.indexOf('"', start + 1)
  for (;;) {
    let backslashes = 0
    while (json.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes += 1
    if (backslashes % 2 === 0) return quote + 1
    quote = json.indexOf('"', quote + 1)
  }
}

/** The end of a number, true, false or null. */
function endOfScalar(json: string, start: number): number {
  scalar.lastIndex = start
  scalar.test(json)
  return scalar.lastIndex
}

const scalar = /[-+.0-9a-zA-Z]+/y

/** A string's literal, untouched unless cleaning changes what it says. */
function cleanString(literal: string, redact: Redactor): string {
  const text = literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1)
  const clean = redact(text)
  return clean === text ? literal : JSON.stringify(clean)
}
