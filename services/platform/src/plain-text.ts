/** Text that people read: whole characters, no controls, not only blanks. */
import { Type } from "typebox"

/**
 * @param options as of any string schema; lengths count characters, in JSON Schema as in PostgreSQL
 */
export function PlainText(options: { minLength: number; maxLength: number; description?: string }) {
  // NUL can't be stored, controls forge lines, and a lone surrogate would come back as another character.
  return Type.String({ pattern: "^(?!\\p{Z}*$)[^\\p{Cc}\\p{Cs}]*$", ...options })
}

/**
 * A string or null, as one type: a union would be tried one by one each time an answer is written.
 *
 * @param options as of any string schema; they hold for the string
 */
export function NullableString(options: { pattern?: string; description?: string }) {
  return Type.Unsafe<string | null>({ type: ["string", "null"], ...options })
}
