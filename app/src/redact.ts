/**
 * Takes an API key out of text. NeoWs echoes the caller's `api_key` in every link of its answers
 * (`links.self`, `next`, `prev`, and one for each object), which is how most saved answers leak it.
 */

const PARAMETER = "api_key"
const PLACEHOLDER = "REDACTED"
const ABSOLUTE_URL = /[a-z][a-z0-9+.-]*:\/\/[^\s"<>]+/gi
const CLOSING_PUNCTUATION = /[).,;:!?'\]}]+$/

/** The text still holds the key after everything that may be removed was removed. */
export class NotCleanable extends Error {
  override readonly name = "NotCleanable"
}

/** Cleans text of one key; see {@link redactorOf}. */
export type Redactor = (text: string) => string

/**
 * A function that removes the query parameter `api_key` from every URL in a text and puts `REDACTED` in place of
 * every other occurrence of `key`, also percent-encoded (any number of times); nothing else changes.
 * The function throws {@link NotCleanable} where the result would still hold the key.
 *
 * @param key 8 to 128 of `A-Z a-z 0-9 _ -`
 */
export function redactorOf(key: string): Redactor {
  const spelling = spellingsOf(key)
  const everySpelling = new RegExp(spelling, "g")
  const anySpelling = new RegExp(spelling)
  return (text) => {
    let clean = text.includes("?") ? withoutKeyParameter(text) : text
    if (!clean.includes("%") && !clean.includes(key)) return clean
    clean = clean.replace(everySpelling, PLACEHOLDER)
    // The placeholder beside what stays can spell a key anew (a key such as `XREDACTE`).
    if (anySpelling.test(clean)) throw new NotCleanable()
    return clean
  }
}

/** `text` for a message: without the key, come what may. */
export function withoutKey(text: string, key: string): string {
  try {
    return redactorOf(key)(text)
  } catch {
    return PLACEHOLDER
  }
}

/** Each character as itself or percent-encoded once or more (`%41`, `%2541`), RFC 3986 § 2.1. */
function spellingsOf(key: string): string {
  return Array.from(key, (character) => {
    const [high = "", low = ""] = character.charCodeAt(0).toString(16)
    return `(?:${character}|%(?:25)*${eitherCase(high)}${eitherCase(low)})`
  }).join("")
}

function eitherCase(hexDigit: string): string {
  return /[a-f]/.test(hexDigit) ? `[${hexDigit}${hexDigit.toUpperCase()}]` : hexDigit
}

function withoutKeyParameter(text: string): string {
  // A text with no blank that holds a `?` is one reference, absolute or relative (RFC 3986 § 4.1).
  if (!/[\s"<>]/.test(text)) return dropKeyParameter(text)
  return text.replace(ABSOLUTE_URL, (found) => {
    const after = CLOSING_PUNCTUATION.exec(found)?.[0] ?? ""
    return dropKeyParameter(found.slice(0, found.length - after.length)) + after
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
