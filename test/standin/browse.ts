/** NeoWs' “Browse”: a page of the catalogue as the document that the API answers with. */
import { CATALOGUE_SIZE, LINK_BASE, nearEarthObject } from "./catalogue.ts"

/** Objects a page: the default and, at the API, the most. */
export const LARGEST_SIZE = 20

/** What a browse request asks for. */
export interface Asked {
  /** Zero-based. */
  readonly page: number
  /** 1 to 20. */
  readonly size: number
  /** The caller's key, which the document will carry in all its links. */
  readonly key: string
}

/**
 * Reads `page` and `size`. Assumed, as Spring's Pageable resolver does: what is not a whole number below 2^31 counts as
 * absent, a size above 20 is taken as 20, a size of 0 as the default.
 */
export function readAsked(query: URLSearchParams, key: string): Asked {
  const size = wholeNumber(query.get("size")) ?? LARGEST_SIZE
  return { page: wholeNumber(query.get("page")) ?? 0, size: Math.min(size || LARGEST_SIZE, LARGEST_SIZE), key }
}

function wholeNumber(text: string | null): number | undefined {
  if (text === null || !/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 31) return undefined
  return Number(text)
}

/**
 * The document of a page. Assumed, because no answer past the last page was ever recorded: such a page is a 200 with
 * its number echoed, no objects, and no `next`.
 */
export function browseDocument(asked: Asked) {
  const { page, size, key } = asked
  const totalPages = Math.ceil(CATALOGUE_SIZE / size)
  const first = Math.min(page * size, CATALOGUE_SIZE)
  const last = Math.min(first + size, CATALOGUE_SIZE)
  return {
    links: {
      ...(page + 1 < totalPages ? { next: pageLink(page + 1, asked) } : {}),
      ...(page > 0 ? { prev: pageLink(page - 1, asked) } : {}),
      self: pageLink(page, asked),
    },
    page: { size, total_elements: CATALOGUE_SIZE, total_pages: totalPages, number: page },
    near_earth_objects: Array.from({ length: last - first }, (_, place) => nearEarthObject(first + place, key)),
  }
}

/** The same document as the API sends it: compact JSON in UTF-8. */
export function browseBody(asked: Asked): Buffer {
  return jsonBody(browseDocument(asked))
}

/** Any document as compact JSON in UTF-8. */
export function jsonBody(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document))
}

function pageLink(page: number, { size, key }: Asked): string {
  return `${LINK_BASE}/browse?page=${page}&size=${size}&api_key=${encodeURIComponent(key)}`
}
