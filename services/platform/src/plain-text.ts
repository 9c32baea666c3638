/** Text that people read: whole characters, no controls, not only blanks. */
import { Type } from "typebox"

/**
 * @param options as of any string schema; lengths count characters, in JSON Schema as in PostgreSQL
 */
export function PlainText(options: { minLength: number; maxLength: number; description?: string }) {
  // NUL can't be stored, controls forge lines, and a lone surrogate would come back as another character.
  return Type.String({ pattern: "^(?!\\p{Z}*$)[^\\p{Cc}\\p{Cs}]*$", ...options })
}
