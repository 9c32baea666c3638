/** Single values of a configuration, from text to what they mean; nothing that is shown of them can be a key. */
import { DEFAULT_BASE_URL, isApiKey } from "./neows.ts"

/** A flag or variable that can't be used. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

export type Environment = Readonly<Record<string, string | undefined>>

/** The variable, if it is set and not empty. */
export function set(env: Environment, variable: string): string | undefined {
  return env[variable] || undefined
}

/** A text for a message: quoted if it is short, and its length alone if it holds what may be a key in the wrong place. */
export function shownText(text: string): string {
  const isShort = text.length <= 20
  return isShort && !runs(text).some(mayBeKey) ? JSON.stringify(text) : `a text of ${text.length} characters`
}

function runs(text: string): readonly string[] {
  return text.match(/[A-Za-z0-9_-]+/g) ?? []
}

/** A number is shown: keys are of letters too. */
function mayBeKey(run: string): boolean {
  return isApiKey(run) && !/^-?[0-9]+$/.test(run)
}

/** @throws UsageError naming the source, the value and the range */
export function wholeNumber(
  source: string,
  text: string,
  { min, max, unit }: { min: number; max: number; unit?: string },
): number {
  const number = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= min && number <= max)) {
    throw new UsageError(
      `${source}: ${shownText(text)} is not a whole number from ${min} to ${max}${unit ? ` (${unit})` : ""}`,
    )
  }
  return number
}

/**
 * An origin, perhaps with a path.
 *
 * @throws UsageError naming the source
 */
export function baseUrlOf(source: string, text: string, example = DEFAULT_BASE_URL): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new UsageError(`${source}: not an http:// or https:// URL, such as ${example}`)
  }
  if (url.username || url.password || url.search || url.hash || /[?#]/.test(text)) {
    throw new UsageError(`${source}: only an origin and a path, no user, password, query or fragment`)
  }
  return url
}
