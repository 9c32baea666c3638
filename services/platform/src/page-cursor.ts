/** Cursors of listings: a position sealed with a key, so that a caller can neither read meaning into one nor make one. */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Problem } from "./problem.ts"

/** HMAC-SHA-256 cut to 128 bits: RFC 2104 § 5 allows half of the hash. */
const SEAL_BYTES = 16

export const MAX_CURSOR_LENGTH = 512

export class PageCursors {
  readonly #key: Buffer

  /** @param key 32 random bytes, the same for all instances of a service */
  constructor(key: Buffer) {
    if (key.length < 32) throw new RangeError("a cursor key has at least 32 bytes")
    this.#key = key
  }

  /**
   * @param scope what is listed and for whom; a cursor of one scope is none in another
   * @param position sort key of the last row given out
   */
  seal(scope: string, position: readonly string[]): string {
    const content = Buffer.from(JSON.stringify(position), "utf8")
    return Buffer.concat([this.#seal(scope, content), content]).toString("base64url")
  }

  /** @throws Problem invalid-cursor for anything that {@link seal} did not make for this scope */
  open(scope: string, cursor: string): readonly string[] {
    const bytes = cursor.length <= MAX_CURSOR_LENGTH ? Buffer.from(cursor, "base64url") : Buffer.alloc(0)
    const content = bytes.subarray(SEAL_BYTES)
    // Re-encoded, because base64url decoding passes over characters that do not belong to it.
    const whole = bytes.length > SEAL_BYTES && bytes.toString("base64url") === cursor
    if (!whole || !timingSafeEqual(this.#seal(scope, content), bytes.subarray(0, SEAL_BYTES))) {
      throw new Problem(
        "invalid-cursor",
        "Start again without a cursor; a cursor serves one listing with one set of filters",
      )
    }
    return JSON.parse(content.toString("utf8")) as string[]
  }

  #seal(scope: string, content: Buffer): Buffer {
    const hmac = createHmac("sha256", this.#key)
      .update(`${Buffer.byteLength(scope)}:`)
      .update(scope)
      .update(content)
    return hmac.digest().subarray(0, SEAL_BYTES)
  }
}
