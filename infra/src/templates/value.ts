/** What a template's property is once its intrinsics are resolved: plain data, references to resources, and what can't be known. */

/** A reference to a resource, across templates where it was imported. */
export class Reference {
  /** The template's name, as {@link Template.name}. */
  readonly template: string
  /** The resource's logical id. */
  readonly id: string
  /** As `Fn::GetAtt` names it (`Arn`, `GroupId`, `Endpoint.Port`); `Ref` where it was a `Ref`. */
  readonly attribute: string

  constructor(template: string, id: string, attribute: string) {
    this.template = template
    this.id = id
    this.attribute = attribute
  }

  /** The resource alone, as `network/Vpc`. */
  get address(): string {
    return `${this.template}/${this.id}`
  }

  toString(): string {
    return `<${this.address}${this.attribute === "Ref" ? "" : `.${this.attribute}`}>`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** What a template alone does not tell: a pseudo parameter, a parameter without a value, an intrinsic over one of those. */
export class Unknown {
  /** For people, and for comparing: two of the same expression are the same value. */
  readonly expression: string

  constructor(expression: string) {
    this.expression = expression
  }

  toString(): string {
    return `\${${this.expression}}`
  }

  toJSON(): string {
    return this.toString()
  }
}

/** A text of which parts are references or unknown: never empty, never two strings in a row. */
export class Text {
  readonly parts: readonly (string | Reference | Unknown)[]

  constructor(parts: readonly (string | Reference | Unknown)[]) {
    this.parts = parts
  }

  toString(): string {
    return this.parts.join("")
  }

  toJSON(): string {
    return this.toString()
  }
}

export type Symbolic = Reference | Unknown | Text
export type Value = string | number | boolean | null | Symbolic | readonly Value[] | Properties
export interface Properties {
  readonly [key: string]: Value
}

export function isSymbolic(value: unknown): value is Symbolic {
  return value instanceof Reference || value instanceof Unknown || value instanceof Text
}

export function isProperties(value: unknown): value is Properties {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isSymbolic(value)
}

/** Strings and symbols run together, simplified: a plain string where all of it is known. */
export function joined(parts: readonly Value[]): Value {
  const flat: (string | Reference | Unknown)[] = []
  for (const part of parts) {
    const pieces = part instanceof Text ? part.parts : [part]
    for (const piece of pieces) {
      if (piece instanceof Reference || piece instanceof Unknown) flat.push(piece)
      else if (typeof piece === "object") return new Unknown(`a join of ${JSON.stringify(piece)}`)
      else if (String(piece) !== "") {
        const last = flat.at(-1)
        if (typeof last === "string") flat[flat.length - 1] = last + String(piece)
        else flat.push(String(piece))
      }
    }
  }
  const [first, second] = flat
  if (second !== undefined) return new Text(flat)
  return first ?? ""
}

/**
 * What is below a path of keys.
 * @returns undefined where a step is missing, or where what is there is symbolic
 */
export function at(value: Value | undefined, ...path: readonly string[]): Value | undefined {
  let here = value
  for (const key of path) {
    if (!isProperties(here)) return undefined
    here = here[key]
  }
  return here
}

/** A list's members; one for a single value, none for a missing one. */
export function list(value: Value | undefined): readonly Value[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? (value as readonly Value[]) : [value as Value]
}

/** A text for people and comparisons: references as `<template/id.attribute>`, the unknown as `${…}`; undefined for none. */
export function textOf(value: Value | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  if (isSymbolic(value) || typeof value !== "object") return String(value)
  return JSON.stringify(value)
}

/** CloudFormation takes a text for a number. @returns undefined where there is none, or it is symbolic */
export function numberOf(value: Value | undefined): number | undefined {
  if (typeof value === "number") return value
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return Number(value)
  return undefined
}

/** CloudFormation takes a text for a truth value. @returns undefined where there is none, or it is symbolic */
export function flagOf(value: Value | undefined): boolean | undefined {
  if (typeof value === "boolean") return value
  if (typeof value === "string" && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true"
  return undefined
}

/** Of a list of `{Key, Value}`, as tags and attributes are. */
export function keyed(value: Value | undefined, key: string): Value | undefined {
  return at(
    list(value).find((one) => at(one, "Key") === key),
    "Value",
  )
}
