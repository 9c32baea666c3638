/** Entity tags and the conditions made of them: RFC 9110 § 8.8.3, § 13.1.1 (If-Match) and § 13.1.2 (If-None-Match). */
import { Problem } from "./problem.ts"

/** Highest version a PostgreSQL `integer` holds; a tag past it matches nothing. */
const MAX_VERSION = 2_147_483_647

interface EntityTag {
  readonly weak: boolean
  readonly opaque: string
}

/** @param version of the row, from 1 */
export function entityTag(version: number): string {
  return `"${version}"`
}

function entityTags(header: string): readonly EntityTag[] {
  return Array.from(header.matchAll(/(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g), ([, weak, opaque = ""]) => ({
    weak: weak !== undefined,
    opaque,
  }))
}

/**
 * The versions that a change may replace; `any` for `If-Match: *`. Weak tags never match here (strong comparison).
 *
 * @throws Problem precondition-required where the header is missing
 */
export function versionsToMatch(ifMatch: string | undefined): "any" | readonly number[] {
  if (ifMatch === undefined) {
    throw new Problem(
      "precondition-required",
      'Read the resource, and send its ETag as If-Match; or "If-Match: *" for any version',
    )
  }
  if (ifMatch.trim() === "*") return "any"
  return entityTags(ifMatch)
    .filter(({ weak, opaque }) => !weak && /^[1-9]\d{0,9}$/.test(opaque))
    .map(({ opaque }) => Number(opaque))
    .filter((version) => version <= MAX_VERSION)
}

/** Whether the caller has this version already, so that 304 will do. */
export function isFresh(ifNoneMatch: string | undefined, version: number): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch.trim() === "*" || entityTags(ifNoneMatch).some(({ opaque }) => opaque === String(version))
}
