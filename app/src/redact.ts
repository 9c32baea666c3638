/**
 * Takes an API key out of text. NeoWs echoes the caller's `api_key` in every link of its answers
 * (`links.self`, `next`, `prev`, and one for each object), which is how most saved answers leak it.
 */

const PARAMETER = "api_key"
const PLACEHOLDER = "REDACTED"
/** The length of a scheme is bounded, and so is the time that a long word takes. */
const ABSOLUTE_URL = /[a-z][a-z0-9+.-]{0,30}:\/\/[^\s"<>]+/gi
const CLOSING_PUNCTUATION = new Set(").,;:!?']}")
/** A percent-encoded ASCII character, its own percent sign encoded any number of times (`%41`, `%2541`; RFC 3986 § 2.1). */
const ENCODED = /%(?:25)*([0-7][0-9a-f])/gi
/** Encodings within encodings that are looked through. */
const MAX_ENCODINGS = 8

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
  while (decoded !== undefined) {
    layer += 1
    if (layer > MAX_ENCODINGS) throw new NotCleanable()
    if (decoded.text.includes(key)) {
      clean = clearOf(key, replaceRanges(clean, decoded, key))
      layer = 0
      decoded = identity(clean)
    }
    decoded = decode(decoded)
  }
  return clean
}

/** A text, and for each of its characters (and its end) the place where that began in the text it was decoded from. */
interface Decoded {
  readonly text: string
  readonly from: readonly number[]
}

function identity(text: string): Decoded {
  return { text, from: Array.from({ length: text.length + 1 }, (_, at) => at) }
}

/** One layer less; undefined where there is none. */
function decode({ text, from }: Decoded): Decoded | undefined {
  let decoded = ""
  const places: number[] = []
  let at = 0
  const copyTo = (end: number) => {
    decoded += text.slice(at, end)
    for (; at < end; at += 1) places.push(from[at] ?? 0)
  }
  for (const match of text.matchAll(ENCODED)) {
    copyTo(match.index)
    decoded += String.fromCharCode(Number.parseInt(match[1] ?? "", 16))
    places.push(from[at] ?? 0)
    at += match[0].length
  }
  if (at === 0) return undefined
  copyTo(text.length)
  places.push(from[text.length] ?? 0)
  return { text: decoded, from: places }
}

function replaceRanges(original: string, { text, from }: Decoded, key: string): string {
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
  return text.replace(ABSOLUTE_URL, (found) => {
    let end = found.length
    while (CLOSING_PUNCTUATION.has(found.charAt(end - 1))) end -= 1
    return dropKeyParameter(found.slice(0, end)) + found.slice(end)
  })
}

function dropKeyParameter(url: string): string {
  const fragmentAt = url.indexOf("#")
  const beforeFragment = fragmentAt === -1 ? url : url.slice(0, fragmentAt)
  const queryAt = beforeFragment.indexOf("?")
  if (queryAt === -1) return url
  const parameters = beforeFragment.slice(queryAt + 1).split("&")
  const kept = parameters.filter((parameter) => nameOf(parameter) !== PARAMETER)
  if (kept.length === parameters.length) return url
  const query = kept.length === 0 ? "" : `?${kept.join("&")}`
  return beforeFragment.slice(0, queryAt) + query + (fragmentAt === -1 ? "" : url.slice(fragmentAt))
}

function nameOf(parameter: string): string {
  const equalsAt = parameter.indexOf("=")
  const name = equalsAt === -1 ? parameter : parameter.slice(0, equalsAt)
  if (!name.includes("%")) return name
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
