/** The key echo at its worst: a page whose document carries the caller's key wherever a string can hold it. */
import type { Asked } from "./browse.ts"
import { CATALOGUE_SIZE, LINK_BASE } from "./catalogue.ts"

/**
 * Members (JSON text) that the document holds beside the key, and that a cleaned copy must still hold, digit for digit
 * and escape for escape.
 */
export const SURVIVORS: readonly string[] = [
  '"large_number":12345678901234567890',
  '"huge_number":1e400',
  '"whole_double":16.0',
  '"trailing_zero":0.10',
  '"java_exponent":6.593E-4',
  '"minus_zero":-0',
  '"escaped_solidus":"a\\/b"',
  '"escaped_letter":"caf\\u00e9"',
  '"raw_letter":"café"',
  '"escaped_pair":"\\ud83d\\udef0"',
  '"lone_surrogate":"\\ud800"',
  '"control":"a\\u0000\\tb\\"\\\\"',
  '"__proto__":{"polluted":false}',
  '"empty_name":{"":""}',
  '"lookalike_parameters":"https://example.com/?my_api_key=1&api_key_id=2&API-KEY=3"',
]

/**
 * Members (JSON text) with the key in hostile places, by what is hostile about them. Written by hand because a JSON
 * printer would neither escape nor repeat as needed.
 * @param key letters, digits, `_` and `-`
 */
export function hostileMembers(key: string): Readonly<Record<string, string>> {
  const percent = Array.from(key, (letter) => `%${hexadecimal(letter, 2)}`).join("")
  const escaped = Array.from(key, (letter) => `\\u${hexadecimal(letter, 4)}`).join("")
  const halfEscaped = `\\u${hexadecimal(key.charAt(0), 4)}${key.slice(1)}`
  const url = `${LINK_BASE}/browse`
  const nested = encodeURIComponent(`${url}?page=1&api_key=${key}&size=20`)
  return {
    "only parameter": `"only":"${url}?api_key=${key}"`,
    "first parameter": `"first":"${url}?api_key=${key}&page=1&size=20"`,
    "middle parameter": `"middle":"${url}?page=1&api_key=${key}&size=20"`,
    "last parameter": `"last":"${url}?page=1&size=20&api_key=${key}"`,
    "repeated parameter": `"repeated":"${url}?api_key=${key}&page=1&api_key=${key}&api_key=${key}"`,
    "before a fragment": `"before_fragment":"${url}?api_key=${key}#top"`,
    "in a fragment": `"in_fragment":"${url}?page=1#api_key=${key}"`,
    "in a fragment's query": `"fragment_query":"https://ssd.jpl.nasa.gov/tools/#/?sstr=1&api_key=${key}"`,
    "percent-encoded name": `"encoded_name":"${url}?api%5Fkey=${key}&page=1"`,
    "percent-encoded name and value": `"encoded_both":"${url}?page=1&%61pi%5fkey=${percent}"`,
    "percent-encoded value": `"encoded_value":"${url}?page=1&api_key=${percent}&size=20"`,
    "in a nested encoded URL": `"nested":"https://example.com/login?then=${nested}&page=1"`,
    "in a twice nested URL": `"nested_twice":"https://example.com/?then=${encodeURIComponent(nested)}"`,
    "user name of a URL": `"user":"https://${key}@api.nasa.gov/neo"`,
    "path segment": `"segment":"https://api.nasa.gov/${key}/neo"`,
    "other parameter": `"other_parameter":"${url}?token=${key}&page=1"`,
    "relative URL": `"relative":"/neo/rest/v1/neo/browse?api_key=${key}&page=1"`,
    "plain text": `"text":"the key ${key} made this request"`,
    "the whole string": `"api_key":"${key}"`,
    "twice in a row": `"twice":"${key}${key}"`,
    "inside a word": `"word":"x${key}x"`,
    "escaped solidi": `"solidi":"${url.replaceAll("/", "\\/")}?page=1\\u0026api_key=${key}"`,
    "escaped in JSON": `"escaped":"${escaped}"`,
    "first letter escaped in JSON": `"half_escaped":"${halfEscaped}"`,
    "escaped parameter": `"escaped_parameter":"${url}?page=1\\u0026\\u0061pi_key=${escaped}\\u0026size=20"`,
    "in lists": `"lists":["${key}",["${url}?api_key=${key}"]]`,
    "member name": `"names":{"${key}":1,"before ${key} after":2}`,
    "escaped member name": `"escaped_names":{"${escaped}":{"deep":"${key}"}}`,
    "URL as a member name": `"url_names":{"${url}?api_key=${key}&page=1":true}`,
  }
}

/** The page as JSON text in UTF-8: one object a hostile member, then one with all that must survive. */
export function echoBody(asked: Asked): Buffer {
  const { page, size, key } = asked
  const members = [...Object.values(hostileMembers(key)), SURVIVORS.join(",")]
  const objects = members.map((member, place) => {
    const id = String(3_000_001 + place)
    const self = `${LINK_BASE}/${id}?api_key=${key}`
    return `{"links":{"self":"${self}"},"id":"${id}","neo_reference_id":"${id}","name":"(${id})",${member}}`
  })
  const link = (number: number) => `"${LINK_BASE}/browse?api_key=${key}&page=${number}&size=${size}"`
  const pages = Math.ceil(CATALOGUE_SIZE / size)
  return Buffer.from(
    `{"links":{"next":${link(page + 1)},"self":${link(page)}},` +
      `"page":{"size":${size},"total_elements":${CATALOGUE_SIZE},"total_pages":${pages},"number":${page}},` +
      `"near_earth_objects":[${objects.join(",")}]}`,
  )
}

function hexadecimal(letter: string, digits: number): string {
  return letter.charCodeAt(0).toString(16).padStart(digits, "0")
}
