/** Errors for whoever looks for causes, without what they may not show. */

/**
 * A copy of an error with its words made safe and none of its other members, which hold bytes and headers.
 *
 * @param safe takes out of a text what must not be shown
 */
export function causeOf(cause: unknown, safe: (text: string) => string): Error {
  const { name, message, stack = "" } = cause instanceof Error ? cause : new Error(String(cause))
  const copy = new Error(safe(message))
  copy.name = name
  copy.stack = stack.split("\n").map(safe).join("\n")
  return copy
}
