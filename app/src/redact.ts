/**
 * Takes an API key out of text. NeoWs echoes the caller's `api_key` in every link of its answers
 * (`links.self`, `next`, `prev`, and one for each object), which is how most saved answers leak it.
 */

/** The name `api_key` and its end, each character plain or percent-encoded (RFC 3986 § 2.1). */
const PARAMETER = "(?:a|%61)(?:p|%70)(?:i|%69)(?:_|%5[fF])(?:k|%6[bB])(?:e|%65)(?:y|%79)(?=[=&]|$)"
const HAS_PARAMETER = new RegExp(`(?:^|&)${PARAMETER}`)
const IS_PARAMETER = new RegExp(`^${PARAMETER}`)
const PLACEHOLDER = "REDACTED"
/** Characters of a scheme, at most: so the time that a long word takes is bounded. */
const MAX_SCHEME = 31
const SCHEME = /[a-z][a-z0-9+.-]*$/i
/** What follows `://` up to the end of an address in a sentence. */
const REST = /[^\s"<>]+/y
const CLOSING_PUNCTUATION = new Set(").,;:!?']}")
/** Encodings within encodings that are looked through. */
const MAX_ENCODINGS = 8
/** Looks through a text, at most; a key in each of those encodings takes fewer. */
const MAX_LOOKS = 64

/** The text still holds the key after everything that may be removed was removed. */
export class NotCleanable extends Error {
  override readonly name = "NotCleanable"
}

/** Cleans text of one key; see {@link redactorOf}. */
export type Redactor = (text: string) => string

/**
 * A function that removes the query parameter `api_key` from every URL in a text and puts `REDACTED` in place of
 * every other occurrence of `key`, also percent-encoded (several times over); nothing else changes.
 * The function throws {@link NotCleanable} where the result would still hold the key.
 *
 * @param key 8 to 128 of `A-Z a-z 0-9 _ -`
 */
export function redactorOf(key: string): Redactor {
  const spelling = spellingOf(key)
  return (text) => {
    const links = text.includes("?") ? withoutKeyParameter(text) : text
    if (!links.includes("%")) return clearOf(key, links.replaceAll(key, PLACEHOLDER))
    return withoutEncoded(clearOf(key, links.replaceAll(spelling, PLACEHOLDER)), key)
  }
}

/** The key with each of its characters plain or percent-encoded, whatever stands before: `%2` and a key that begins with 0. */
function spellingOf(key: string): RegExp {
  const spellings = Array.from(key, (character) => {
    const hex = character
      .charCodeAt(0)
      .toString(16)
      .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`)
    return `(?:${character}|%(?:25)*${hex})`
  })
  return new RegExp(spellings.join(""), "g")
}

/** The placeholder beside what stays can spell a key anew (a key such as `XREDACTE`). */
function clearOf(key: string, text: string): string {
  if (text.includes(key)) throw new NotCleanable()
  return text
}

/** `text` for a message: without the key, come what may. */
export function withoutKey(text: string, key: string): string {
  try {
    return redactorOf(key)(text)
  } catch {
    return PLACEHOLDER
  }
}

/** Replaces what decodes to the key in several layers, the digits of an encoding encoded too (`%25%34%31`). */
function withoutEncoded(text: string, key: string): string {
  let clean = text
  let layer = 0
  let decoded = clean.includes("%") ? decode(identity(clean)) : undefined
  for (let looks = 1; decoded !== undefined; looks += 1) {
    layer += 1
    if (layer > MAX_ENCODINGS || looks > MAX_LOOKS) throw new NotCleanable()
    if (textOf(decoded).includes(key)) {
      clean = clearOf(key, replaceRanges(clean, decoded, key))
      layer = 0
      decoded = identity(clean)
    }
    decoded = decode(decoded)
  }
  return clean
}

/** A text in UTF-16, and for each of its units (and its end) the place where that began in the text it was decoded from. */
interface Decoded {
  readonly units: Uint16Array
  readonly from: Uint32Array
}

function identity(text: string): Decoded {
  const units = new Uint16Array(text.length)
  Buffer.from(units.buffer).write(text, "utf16le")
  const from = new Uint32Array(text.length + 1)
  for (let at = 0; at < from.length; at += 1) from[at] = at
  return { units, from }
}

function textOf({ units }: Decoded): string {
  return Buffer.from(units.buffer, units.byteOffset, units.byteLength).toString("utf16le")
}

const PERCENT = 0x25

/** One layer less, in the same memory; undefined where there is none. */
function decode({ units, from }: Decoded): Decoded | undefined {
  const { length } = units
  let end = 0
  let at = 0
  const copyTo = (stop: number) => {
    if (end !== at) {
      units.copyWithin(end, at, stop)
      from.copyWithin(end, at, stop)
    }
    end += stop - at
    at = stop
  }
  while (at < length) {
    if (units[at] !== PERCENT) {
      const next = units.indexOf(PERCENT, at)
      copyTo(next === -1 ? length : next)
      continue
    }
    const digits = digitsAt(units, at + 1)
    if (digits === -1) copyTo(at + 1)
    else {
      from[end] = from[at] ?? 0
      units[end] = byteAt(units, digits)
      end += 1
      at = digits + 2
    }
  }
  if (end === length) return undefined
  from[end] = from[length] ?? 0
  return { units: units.subarray(0, end), from: from.subarray(0, end + 1) }
}

/**
 * Where the two digits of an ASCII character are whose percent sign stands before `start`, itself encoded any number of
 * times (`%41`, `%2541`; RFC 3986 § 2.1); -1 where there are none.
 */
function digitsAt(units: Uint16Array, start: number): number {
  let at = start
  while (byteAt(units, at) === PERCENT) at += 2
  if (byteAt(units, at) <= 0x7f) return at
  return at > start ? at - 2 : -1
}

/** The byte that two hexadecimal digits spell; more than any byte where one is none. */
function byteAt(units: Uint16Array, at: number): number {
  return (DIGITS[units[at] ?? 0] ?? NO_DIGIT) * 16 + (DIGITS[units[at + 1] ?? 0] ?? NO_DIGIT)
}

const NO_DIGIT = 0x100
/** Values of hexadecimal digits, by the digit's code. */
const DIGITS = Array.from({ length: 0x67 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? NO_DIGIT : value
})

function replaceRanges(original: string, decoded: Decoded, key: string): string {
  const text = textOf(decoded)
  const { from } = decoded
  let clean = ""
  let done = 0
  for (let at = text.indexOf(key); at !== -1; at = text.indexOf(key, at + key.length)) {
    clean += original.slice(done, from[at]) + PLACEHOLDER
    done = from[at + key.length] ?? original.length
  }
  return clean + original.slice(done)
}

function withoutKeyParameter(text: string): string {
  // A text with no blank that holds a `?` is one reference, absolute or relative (RFC 3986 § 4.1).
  if (!/[\s"<>]/.test(text)) return dropKeyParameter(text)
  let clean = ""
  let done = 0
  for (let colon = text.indexOf("://"); colon !== -1; colon = text.indexOf("://", Math.max(done, colon + 1))) {
    const scheme = SCHEME.exec(text.slice(Math.max(done, colon - MAX_SCHEME), colon))
    REST.lastIndex = colon + 3
    if (scheme === null || !REST.test(text)) continue
    const start = colon - scheme[0].length
    const behind = REST.lastIndex
    let end = behind
    while (CLOSING_PUNCTUATION.has(text.charAt(end - 1))) end -= 1
    clean += text.slice(done, start) + dropKeyParameter(text.slice(start, end)) + text.slice(end, behind)
    done = behind
  }
  return clean + text.slice(done)
}

function dropKeyParameter(url: string): string {
  const fragmentAt = url.indexOf("#")
  const beforeFragment = fragmentAt === -1 ? url : url.slice(0, fragmentAt)
  const queryAt = beforeFragment.indexOf("?")
  if (queryAt === -1) return url
  const asked = beforeFragment.slice(queryAt + 1)
  if (!HAS_PARAMETER.test(asked)) return url
  const kept = asked.split("&").filter((parameter) => !IS_PARAMETER.test(parameter))
  const query = kept.length === 0 ? "" : `?${kept.join("&")}`
  return beforeFragment.slice(0, queryAt) + query + (fragmentAt === -1 ? "" : url.slice(fragmentAt))
}
