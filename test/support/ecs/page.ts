/** Pages of a list, as the API gives them. */

import { EcsError } from "./ecs-error.ts"

export interface Asked {
  readonly maxResults?: number | undefined
  readonly nextToken?: string | undefined
}

export function page<T>(all: readonly T[], { maxResults = 100, nextToken }: Asked): { items: T[]; nextToken?: string } {
  if (maxResults < 1 || maxResults > 100) {
    throw new EcsError("InvalidParameterException", "maxResults must be between 1 and 100.")
  }
  const from = nextToken === undefined ? 0 : Number(Buffer.from(nextToken, "base64").toString())
  if (!Number.isInteger(from)) throw new EcsError("InvalidParameterException", "Invalid token.")
  const items = all.slice(from, from + maxResults)
  const more = from + maxResults < all.length
  return { items, ...(more && { nextToken: Buffer.from(`${from + maxResults}`).toString("base64") }) }
}
