/** What counts as a page of NeoWs' “Browse”. Fields that came later (`id`, `designation`, `is_sentry_object`) may be absent. */
import { PageOutOfRange, UnexpectedAnswer } from "./errors.ts"

/** `page` of the answer. */
export interface PageInfo {
  /** Objects a page, 1–20. */
  readonly size?: number
  /** Objects in the catalogue. */
  readonly total_elements?: number
  /** Pages at this size; the last one is `total_pages - 1`. */
  readonly total_pages?: number
  /** This page, zero-based. */
  readonly number: number
}

/** One pass by a planet; every quantity is a decimal in a string, as NeoWs sends it. */
export interface CloseApproach {
  /** Calendar date, `YYYY-MM-DD`. */
  readonly close_approach_date: string
  readonly relative_velocity: { readonly kilometers_per_second: string }
  /** `lunar`: in lunar distances (384 400 km). */
  readonly miss_distance: { readonly lunar: string; readonly kilometers: string }
  /** `Earth`, `Merc`, `Venus`, `Mars`, `Juptr`, … */
  readonly orbiting_body: string
}

/**
 * A near-Earth object, with the fields that this project reads; the answer has more
 * (https://api.nasa.gov, “Asteroids - NeoWs”; JPL's small-body database is the source).
 */
export interface NearEarthObject {
  readonly neo_reference_id: string
  readonly name: string
  readonly estimated_diameter?: {
    /** Metres, from the absolute magnitude and an albedo of 0.25 (min) and 0.05 (max). */
    readonly meters?: { readonly estimated_diameter_min: number; readonly estimated_diameter_max: number }
  }
  readonly is_potentially_hazardous_asteroid?: boolean
  readonly close_approach_data?: readonly CloseApproach[]
}

/** The parsed answer. */
export interface BrowseAnswer {
  readonly page: PageInfo
  readonly near_earth_objects: readonly NearEarthObject[]
}

/**
 * Accepts `value` as the page that was asked for.
 *
 * @throws UnexpectedAnswer where it is something else
 * @throws PageOutOfRange where it is a page with no objects
 */
export function acceptAnswer(value: unknown, asked: number): BrowseAnswer {
  if (!isObject(value))
    throw new UnexpectedAnswer(`the answer is not a NeoWs page: it is ${kindOf(value)}, not an object`)
  const { page, near_earth_objects: objects } = value
  if (!isObject(page) || typeof page["number"] !== "number") {
    throw new UnexpectedAnswer("the answer is not a NeoWs page: it has no page.number")
  }
  if (page["number"] !== asked) {
    throw new UnexpectedAnswer(`the answer is another page: ${page["number"]} instead of ${asked}`)
  }
  if (!Array.isArray(objects)) {
    throw new UnexpectedAnswer("the answer is not a NeoWs page: near_earth_objects is no array")
  }
  const wrong = objects.findIndex((object) => !isNearEarthObject(object))
  if (wrong !== -1) {
    throw new UnexpectedAnswer(
      `the answer is not a NeoWs page: near_earth_objects[${wrong}] has no neo_reference_id and name`,
    )
  }
  if (objects.length === 0) {
    const total = page["total_pages"]
    const last = typeof total === "number" && total > 0 && total <= asked ? total - 1 : undefined
    throw new PageOutOfRange(asked, last, "empty: the API lists no objects on it")
  }
  return value as unknown as BrowseAnswer
}

function isNearEarthObject(value: unknown): boolean {
  return isObject(value) && typeof value["neo_reference_id"] === "string" && typeof value["name"] === "string"
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function kindOf(value: unknown): string {
  if (value === null) return "null"
  return Array.isArray(value) ? "an array" : `a ${typeof value}`
}
