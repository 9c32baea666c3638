/** Pages of a listing: how a caller asks for one, and what one looks like. */
import { type TSchema, Type } from "typebox"
import { MAX_CURSOR_LENGTH } from "./page-cursor.ts"
import { NullableString } from "./plain-text.ts"

const MAX_LIMIT = 100
export const DEFAULT_LIMIT = 25

/** Query fields of every listing, for a service to spread among its own. */
export const PAGE_QUERY = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: MAX_CURSOR_LENGTH, description: "`next` of the page before" }),
  ),
}

export function PageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next: NullableString({ description: "Cursor of the page after; null on the last page" }),
  })
}

/**
 * Cuts rows to a page.
 *
 * @param rows read with one more than the limit, which tells whether there is a page after
 * @param cursorOf seals the position of the last row given out
 */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  cursorOf: (last: Row) => string,
): { items: Item[]; next: string | null } {
  const given = rows.slice(0, limit)
  const last = rows.length > limit ? given.at(-1) : undefined
  return { items: given.map(itemOf), next: last === undefined ? null : cursorOf(last) }
}
