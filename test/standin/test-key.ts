/** Keys for tests, made anew each time, so that no file ever holds something that looks like a secret. */
import { randomInt } from "node:crypto"

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** A key of today's form, letters and digits; 40 of them is what the stand-in's gateway accepts. */
export function freshKey(length = 40): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join("")
}
