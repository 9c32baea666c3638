/** Whether a value has the members that a type names: for configuration that somebody may run without the type check. */

/** `text`, `number`, `yes or no`, one of some texts, a list of one shape, a map of texts, or named members; `?` after a name: may be left out. */
export type Shape =
  | "text"
  | "number"
  | "yes or no"
  | "anything"
  | readonly string[]
  | { readonly listOf: Shape }
  | { readonly mapOf: Shape }
  | { readonly members: Readonly<Record<string, Shape>> }

/**
 * @param at where the value is, for the line
 * @returns what is wrong first, in one line; undefined when nothing is
 */
export function misfit(value: unknown, shape: Shape, at: string): string | undefined {
  if (shape === "anything") return undefined
  if (shape === "text") return typeof value === "string" ? undefined : wanted(value, at, "a text")
  if (shape === "number") return typeof value === "number" ? undefined : wanted(value, at, "a number")
  if (shape === "yes or no") return typeof value === "boolean" ? undefined : wanted(value, at, "true or false")
  if (isChoice(shape)) {
    return shape.includes(value as string) ? undefined : wanted(value, at, `one of ${shape.join(", ")}`)
  }
  if ("listOf" in shape) {
    if (!Array.isArray(value)) return wanted(value, at, "a list")
    return first(value.map((one, index) => misfit(one, shape.listOf, `${at}[${index}]`)))
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wanted(value, at, "an object")
  if ("mapOf" in shape) {
    return first(Object.entries(value).map(([key, one]) => misfit(one, shape.mapOf, `${at}.${key}`)))
  }
  const names = Object.entries(shape.members).map(([name, member]) => [name.replace("?", ""), name, member] as const)
  const unknown = Object.keys(value).find((key) => !names.some(([name]) => name === key))
  if (unknown !== undefined)
    return `${at}.${unknown} is nothing that there is; there are ${names.map(([name]) => name).join(", ")}`
  return first(
    names.map(([name, written, member]) => {
      const own = (value as Record<string, unknown>)[name]
      if (own === undefined) return written.endsWith("?") ? undefined : `${at}.${name} is missing`
      return misfit(own, member, `${at}.${name}`)
    }),
  )
}

function isChoice(shape: Exclude<Shape, string>): shape is readonly string[] {
  return Array.isArray(shape)
}

function first(found: readonly (string | undefined)[]): string | undefined {
  return found.find((one) => one !== undefined)
}

function wanted(value: unknown, at: string, what: string): string {
  return `${at} is ${JSON.stringify(value) ?? "undefined"}; give ${what}`
}
