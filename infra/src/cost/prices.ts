/**
 * Unit prices, each with where it is from and of when. `infra/prices/<region>.json` is what `npm run prices` wrote from
 * AWS's price list; `infra/prices/quoted.json` are figures that were seen quoted in public, for whoever has not run it.
 */
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { PriceKey } from "./price-list.ts"

export const PRICES = resolve(import.meta.dirname, "../../prices")

export interface Price {
  readonly region: string
  readonly key: PriceKey
  /** US dollars for one of the key's unit: the first tier that is not free. */
  readonly usd: number
  /** An address. */
  readonly source: string
  /** When the price list was published, or the figure was true or seen; the note says which. */
  readonly date: string
  readonly note?: string
}

/** What `npm run prices` writes. */
export interface PriceFile {
  readonly region: string
  /** Day and time of the download. */
  readonly fetched: string
  readonly prices: readonly Price[]
}

/** A file of prices can't be used; one line. */
export class PricesError extends Error {
  override readonly name = "PricesError"
}

export class Prices {
  readonly #prices: readonly Price[]

  /** @param prices of two for the same key and region the first counts */
  constructor(prices: readonly Price[]) {
    this.#prices = prices
  }

  /** Of which there is a price. */
  get regions(): readonly string[] {
    return [...new Set(this.#prices.map(({ region }) => region))]
  }

  /** The region's own price. */
  of(key: PriceKey, region: string): Price | undefined {
    return this.#prices.find((price) => price.key === key && price.region === region)
  }

  /** Another region's, which says how large a missing one may be, and no more. */
  elsewhere(key: PriceKey, region: string): Price | undefined {
    return this.#prices.find((price) => price.key === key && price.region !== region)
  }
}

/**
 * @param folder with `<region>.json` and `quoted.json`, either of which may be missing
 * @throws PricesError a file is not of the shape that it should have
 */
export function readPrices(region: string, folder = PRICES): Prices {
  const list = json(join(folder, `${region}.json`)) as PriceFile | undefined
  if (list !== undefined && list.region !== region) {
    throw new PricesError(`${join(folder, `${region}.json`)} is not of ${region}; run npm run prices`)
  }
  const quoted = json(join(folder, "quoted.json"))
  return new Prices([
    ...checked(list?.prices ?? [], join(folder, `${region}.json`)),
    ...checked(quoted ?? [], join(folder, "quoted.json")),
  ])
}

function json(path: string): unknown {
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch (error) {
    throw new PricesError(`${path} can't be read: ${(error as Error).message}`)
  }
}

function checked(prices: unknown, path: string): readonly Price[] {
  if (!Array.isArray(prices)) throw new PricesError(`${path} has no list of prices; run npm run prices, or delete it`)
  for (const price of prices) {
    const texts = [price?.region, price?.key, price?.source, price?.date]
    const whole = texts.every((text) => typeof text === "string" && text !== "")
    // A price without a source is none.
    if (!whole || !(Number.isFinite(price.usd) && price.usd >= 0)) {
      throw new PricesError(`${path}: ${JSON.stringify(price)} must have region, key, usd, source and date`)
    }
  }
  return prices
}
