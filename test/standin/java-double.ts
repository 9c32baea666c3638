/** Numbers printed as the API's own JSON printer would: as Java does, which writes 16.0 where we write 16. */

/** A number in a document whose digits are fixed: JSON.stringify prints `rawJSON` as it stands. */
export interface RawNumber {
  readonly rawJSON: string
}

// In Node 24, not yet in TypeScript's lib: https://tc39.es/proposal-json-parse-with-source/
const { rawJSON } = JSON as unknown as { rawJSON(text: string): RawNumber }

/**
 * A finite double as Java's Double.toString prints it: at least one decimal, and computerized scientific notation
 * below 10^-3 and from 10^7 (https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Double.html).
 * An assumption: no recorded answer holds such a number as it was sent, but their errors and paging look like Spring's.
 */
export function javaDouble(value: number): RawNumber {
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [mantissa = "0", exponent = "0"] = value.toExponential().split("e")
    return rawJSON(`${withDecimal(mantissa)}E${Number(exponent)}`)
  }
  return rawJSON(withDecimal(String(value)))
}

function withDecimal(digits: string): string {
  return digits.includes(".") ? digits : `${digits}.0`
}
