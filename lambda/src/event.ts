/** What an event asks for, and who sent it: a direct caller, or HTTP by way of a gateway or a load balancer. */
import { MAX_PAGE, MAX_PAGE_SIZE } from "@perigee/app/neows"
import { shownText } from "@perigee/app/setting-value"
import { InvalidPage, InvalidSize } from "./errors.ts"

/**
 * - `direct`: Invoke, Step Functions, a console's test; gets the document itself
 * - `gateway`: API Gateway's HTTP API (payload 2.0 or 1.0) or a function URL
 * - `alb`: an Application Load Balancer; `multiValue` if its target group says so, which changes the answer's headers
 */
export type Caller =
  | { readonly kind: "direct" }
  | { readonly kind: "gateway" }
  | { readonly kind: "alb"; readonly multiValue: boolean }

export interface Asked {
  /** Zero-based, 0 to 2 147 483 647. */
  readonly page: number
  /** Objects a page, 1 to 20. */
  readonly size: number
}

/** Tells an HTTP event by `requestContext`, which a gateway sets and no caller of it can. */
export function callerOf(event: unknown): Caller {
  const context = member(event, "requestContext")
  if (isObject(member(context, "elb"))) {
    return { kind: "alb", multiValue: isObject(member(event, "multiValueQueryStringParameters")) }
  }
  const isHttp = isObject(member(context, "http")) || typeof member(event, "httpMethod") === "string"
  return isHttp && isObject(context) ? { kind: "gateway" } : { kind: "direct" }
}

/**
 * @throws InvalidPage naming the field, what it holds, and the range
 * @throws InvalidSize the same
 */
export function askedOf(event: unknown, caller: Caller): Asked {
  const [parameters, prefix] = parametersOf(event, caller)
  const page = wholeNumber(member(parameters, "page"), 0, MAX_PAGE)
  if (page.value === undefined) throw new InvalidPage(`${prefix}page: ${page.wrong}`)
  const given = member(parameters, "size")
  const size = wholeNumber(given === undefined ? MAX_PAGE_SIZE : given, 1, MAX_PAGE_SIZE)
  if (size.value === undefined) throw new InvalidSize(`${prefix}size: ${size.wrong}`)
  return { page: page.value, size: size.value }
}

function parametersOf(event: unknown, caller: Caller): [parameters: unknown, prefix: string] {
  if (caller.kind === "direct") {
    if (!isObject(event)) throw new InvalidPage(`the event is ${shown(event)}, not an object such as {"page": 1755}`)
    return [event, ""]
  }
  // A load balancer sends the one or the other; payload 1.0 has both, and in the one the last of several values alone.
  const several = member(event, "multiValueQueryStringParameters")
  if (isObject(several)) {
    const single = Object.entries(several).map(([name, values]) => [name, onlyOne(values)])
    return [Object.fromEntries(single), "query parameter "]
  }
  return [member(event, "queryStringParameters"), "query parameter "]
}

/** A parameter given twice is as wrong as one of two values. */
function onlyOne(values: unknown): unknown {
  return Array.isArray(values) && values.length === 1 ? values[0] : values
}

function wholeNumber(value: unknown, min: number, max: number): { value?: number; wrong?: string } {
  // Consoles and query strings send numbers as text.
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value
  if (typeof number === "number" && Number.isInteger(number) && number >= min && number <= max) {
    // Not -0, which would be sent as it is.
    return { value: number + 0 }
  }
  const range = `a whole number from ${min} to ${max}`
  return { wrong: value === undefined ? `missing; ${range}` : `${shown(value)} is not ${range}` }
}

/** A value for a message. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing"
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (isObject(value)) return "an object"
  if (typeof value === "string") return shownText(value)
  // JSON.parse makes Infinity of 1e400, whose digits are gone.
  if (typeof value === "number" && !Number.isFinite(value)) return `a number too ${value < 0 ? "small" : "large"}`
  return JSON.stringify(value)
}

/** A member of the object's own: `__proto__` and `constructor` are none. */
function member(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
