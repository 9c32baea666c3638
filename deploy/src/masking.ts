/** Secrets that a run was given never come out of it: every text for a person or a program passes here. */

const MASK = "***"
/** Shorter texts are found in too much that is no secret. */
const SHORTEST = 8
/** A JSON web token, given in its place or not: what begins with base64url of `{"`, with two dots. Source: RFC 7519. */
const TOKEN = /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g

export class Masking {
  readonly #secrets = new Set<string>()

  /** From here on the text is masked, as it is and URL-encoded. */
  add(secret: string | undefined): void {
    if (secret === undefined || secret.length < SHORTEST) return
    this.#secrets.add(secret)
    this.#secrets.add(encodeURIComponent(secret))
    this.#secrets.add(JSON.stringify(secret).slice(1, -1))
  }

  mask(text: string): string {
    // The longest first: one secret may be within another.
    return [...this.#secrets]
      .sort((a, b) => b.length - a.length)
      .reduce((masked, secret) => masked.replaceAll(secret, MASK), text.replaceAll(TOKEN, MASK))
  }
}
