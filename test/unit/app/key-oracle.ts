/**
 * What the redaction tests share: keys to try, and an account of where a text holds a key that owes nothing to the code
 * under test: it reads character by character and knows no regular expression.
 */
import fc from "fast-check"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

/** A key that looks like those of today: nothing else in a document is likely to spell it. */
export const ordinaryKeys = fc.string({
  unit: fc.constantFrom(...ALPHABET),
  minLength: 24,
  maxLength: 48,
})

/** Keys that are allowed and get in the way: digits, the placeholder, a member's name, the longest, the separators. */
export const hostileKeys = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: 8, maxLength: 16 }),
  fc.constantFrom(
    "REDACTED",
    "XREDACTE",
    "EDACTEDR",
    "near_earth_objects",
    "api_key_",
    "DEMO_KEY",
    "--------",
    "________",
  ),
  fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 128, maxLength: 128 }),
  fc.string({ unit: fc.constantFrom("-", "_", "a", "2", "5"), minLength: 8, maxLength: 12 }),
  fc.string({ unit: fc.constantFrom(..."0123456789ABCDEFabcdef"), minLength: 8, maxLength: 10 }),
)

/** The value of a hexadecimal digit, or -1. */
function hexValue(digit: string | undefined): number {
  return digit === undefined || digit === "" ? -1 : "0123456789abcdef".indexOf(digit.toLowerCase())
}

/** `text` with each `%XX` as the character it stands for, once; what is no such triple stays. */
export function percentDecodedOnce(text: string): string {
  let out = ""
  for (let at = 0; at < text.length; at += 1) {
    const high = hexValue(text[at + 1])
    const low = hexValue(text[at + 2])
    if (text[at] === "%" && high >= 0 && low >= 0) {
      out += String.fromCharCode(high * 16 + low)
      at += 2
    } else out += text[at]
  }
  return out
}

/** Whether `key` can be read in `text`, as it stands or after decoding percent signs any number of times. */
export function tellsKey(text: string, key: string): boolean {
  for (let now = text; ; ) {
    if (now.includes(key)) return true
    const next = percentDecodedOnce(now)
    if (next === now) return false
    now = next
  }
}

/** Length of one spelling of `character` in `text` at `from`: itself, `%XX`, `%25XX`, `%2525XX`, …; 0 where there is none. */
function spelled(text: string, from: number, character: string): number {
  if (text[from] === character) return 1
  if (text[from] !== "%") return 0
  let at = from + 1
  while (text.startsWith("25", at)) at += 2
  const code = hexValue(text[at]) * 16 + hexValue(text[at + 1])
  return code === character.charCodeAt(0) ? at + 2 - from : 0
}

function keyEnd(text: string, from: number, key: string): number | undefined {
  let at = from
  for (const character of key) {
    const length = spelled(text, at, character)
    if (length === 0) return undefined
    at += length
  }
  return at
}

/** `text` with `REDACTED` for each occurrence of `key`, plain or percent-encoded, from the left. */
export function withPlaceholder(text: string, key: string): string {
  let out = ""
  for (let at = 0; at < text.length; ) {
    const end = keyEnd(text, at, key)
    out += end === undefined ? text[at] : "REDACTED"
    at = end ?? at + 1
  }
  return out
}

/** `text` with each character as itself or percent-encoded once, twice or three times. */
export function percentEncoded(text: string): fc.Arbitrary<string> {
  const forms = fc.array(fc.nat({ max: 5 }), { minLength: text.length, maxLength: text.length })
  return forms.map((chosen) =>
    Array.from(text, (character, at) => {
      const form = chosen[at] ?? 0
      if (form < 2) return character
      const hex = character.charCodeAt(0).toString(16).padStart(2, "0")
      return `%${"25".repeat(Math.max(0, form - 3))}${form % 2 === 0 ? hex : hex.toUpperCase()}`
    }).join(""),
  )
}

/** Names and values of query parameters as they are met, each character percent-encoded once at most (RFC 3986 § 2.1). */
export function percentEncodedOnce(text: string): fc.Arbitrary<string> {
  const forms = fc.array(fc.nat({ max: 2 }), { minLength: text.length, maxLength: text.length })
  return forms.map((chosen) =>
    Array.from(text, (character, at) => {
      const hex = character.charCodeAt(0).toString(16).padStart(2, "0")
      return [character, `%${hex}`, `%${hex.toUpperCase()}`][chosen[at] ?? 0]
    }).join(""),
  )
}

/** A text before and after it is cleaned. */
export interface Cleaning {
  readonly sent: string
  readonly cleaned: string
}

const PATH_CHARACTERS = "abcXYZ019-._~!$'()*+,;:@/é"

const urlText = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...PATH_CHARACTERS) },
      { weight: 1, arbitrary: fc.constantFrom("%", "%2", "%25", "%20", "%2541", "%3F", "%26", "%23") },
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""))

/** The key as a piece of a URL or text. */
function keyPiece(key: string): fc.Arbitrary<string> {
  return fc.oneof(fc.constant(key), percentEncoded(key))
}

function keyParameter(key: string): fc.Arbitrary<string> {
  const value = fc.oneof(
    { weight: 4, arbitrary: keyPiece(key).map((text) => `=${text}`) },
    { weight: 1, arbitrary: urlText.map((text) => `=${text}`) },
    { weight: 1, arbitrary: fc.constantFrom("", "=", "=a=b", "==") },
  )
  const name = fc.oneof(
    { weight: 3, arbitrary: fc.constant("api_key") },
    { weight: 1, arbitrary: percentEncodedOnce("api_key") },
  )
  return fc.tuple(name, value).map((parts) => parts.join(""))
}

function otherParameter(key: string): fc.Arbitrary<string> {
  const names = fc.constantFrom(
    "page",
    "size",
    "",
    "my_api_key",
    "api_key_id",
    "API_KEY",
    "api%255Fkey",
    "api-key",
    "x?y",
  )
  const value = fc.oneof(
    { weight: 4, arbitrary: urlText.map((text) => `=${text}`) },
    { weight: 1, arbitrary: keyPiece(key).map((text) => `=${text}`) },
    { weight: 1, arbitrary: fc.constantFrom("", "=", "=api_key", "=?") },
  )
  return fc.tuple(names, value).map((parts) => parts.join(""))
}

/** URLs with any number of parameters, `api_key` among them in any place, before and after cleaning. */
export function urls(key: string, absoluteOnly = false): fc.Arbitrary<Cleaning> {
  const absolute = fc
    .tuple(
      fc.constantFrom("http", "https", "HTTPS", "x-a+b.c"),
      fc.constantFrom("api.nasa.gov", "localhost:8080", "[::1]:1", "u@h"),
    )
    .map(([scheme, host]) => `${scheme}://${host}/`)
  const start = absoluteOnly ? absolute : fc.oneof(absolute, fc.constantFrom("", "/", "../", "//api.nasa.gov/", "neo/"))
  const path = fc.oneof({ weight: 6, arbitrary: urlText }, { weight: 1, arbitrary: keyPiece(key) })
  const parameters = fc.array(
    fc.oneof(
      keyParameter(key).map((text) => ({ text, isKey: true })),
      otherParameter(key).map((text) => ({ text, isKey: false })),
    ),
    { minLength: 1, maxLength: 5 },
  )
  const fragment = fc.oneof(
    { weight: 3, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: urlText.map((text) => `#${text}`) },
    { weight: 1, arbitrary: keyPiece(key).map((text) => `#/?api_key=${text}`) },
  )
  return fc.tuple(start, path, parameters, fragment).map(([begin, middle, all, end]) => {
    const kept = all.filter(({ isKey }) => !isKey)
    const query = kept.length === 0 ? "" : `?${kept.map(({ text }) => text).join("&")}`
    return {
      sent: `${begin}${middle}?${all.map(({ text }) => text).join("&")}${end}`,
      cleaned: withPlaceholder(begin + middle + query + end, key),
    }
  })
}

const PIECES = [
  "%",
  "%2",
  "%25",
  "?",
  "&",
  "#",
  "=",
  "/",
  "\\",
  '"',
  "'",
  "<",
  ">",
  " ",
  "\n",
  "\u0000",
  "\ud800",
  "🛰",
  "é",
]
const WORDS = ["api", "api_key", "?x=1", "my_api_key=1", "https://ssd.jpl.nasa.gov/?sstr=1", "(2010 PK9)", "REDACTED"]

/** Texts that must come through as they are. */
export function untouchedTexts(key: string): fc.Arbitrary<string> {
  return fc
    .array(
      fc.oneof(fc.string({ unit: "binary", maxLength: 6 }), fc.constantFrom(...PIECES), fc.constantFrom(...WORDS)),
      {
        maxLength: 6,
      },
    )
    .map((parts) => parts.join(""))
    .filter((text) => !tellsKey(text, key) && !namesKeyParameter(text))
}

/** Texts that hold the key, perhaps percent-encoded, in other places than a parameter `api_key`. */
export function textsWithKey(key: string): fc.Arbitrary<Cleaning> {
  const around = fc.array(fc.oneof(untouchedTexts(key), keyPiece(key)), { maxLength: 4 })
  return fc
    .tuple(around, keyPiece(key), around)
    .map(([before, piece, after]) => [...before, piece, ...after].join(""))
    .filter((text) => !namesKeyParameter(text))
    .map((sent) => ({ sent, cleaned: withPlaceholder(sent, key) }))
}

/** Whether some reading of `text` finds a parameter `api_key` in it; errs on the side of yes. */
function namesKeyParameter(text: string): boolean {
  let segment = ""
  const isParameter = () => {
    const name = percentDecodedOnce(segment.split("=", 1)[0] ?? "")
    return name.startsWith("api_key") && !/[a-z0-9_]/i.test(name.charAt("api_key".length))
  }
  for (const character of text) {
    if (!"?&".includes(character)) segment += character
    else {
      if (isParameter()) return true
      segment = ""
    }
  }
  return isParameter() && text.includes("?")
}
