/**
 * `npm run prices`: the prices that the stages need, from AWS's public price list, to `infra/prices/<region>.json`. Needs
 * the internet, and no account.
 */
import { mkdir, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Dispatcher, EnvHttpProxyAgent, fetch } from "undici"
import { STAGES, stageNamed } from "../../config/stages.ts"
import { commandLine, Refused } from "../command-line.ts"
import { OfferFileError, readOfferFile } from "./offer-file.ts"
import { entriesOf, keyOf, type PriceListEntry } from "./price-list.ts"
import { PRICES, type Price, type PriceFile } from "./prices.ts"

/** AWS's own; in every region the same. Source: AWS Billing user guide, “Getting price list files”. */
const BASE_URL = "https://pricing.us-east-1.amazonaws.com"
/** A server that says nothing for so long has gone. */
const SILENCE_MS = 60_000

const HELP = `npm run prices [-- --region=<name>] [--base-url=${BASE_URL}] [--out=infra/prices]

Fetches AWS's public price list for the region (without --region: each stage's) and writes what the stages need of it to
<out>/<region>.json, with addresses and dates. A few hundred MB go by; a few kB are kept. HTTPS_PROXY, HTTP_PROXY,
NO_PROXY and NODE_EXTRA_CA_CERTS work as usual.
Exit codes: 0; 64 flag; 65 the answer is no price list; 69 the list can't be had; 73 the file can't be written.
`

await commandLine({
  name: "prices",
  help: HELP,
  options: {
    region: { type: "string" },
    "base-url": { type: "string", default: BASE_URL },
    out: { type: "string", default: PRICES },
  },
  exitCodeOf: (error) => (error instanceof OfferFileError ? 65 : undefined),
  async run({ region: only, "base-url": base, out }) {
    const regions = only === undefined ? new Set(STAGES.map(({ region }) => region)) : [only]
    if (!/^https?:\/\//.test(base) || !URL.canParse(base)) {
      throw new Refused(64, `--base-url ${JSON.stringify(base)} is no address; give one like ${BASE_URL}`)
    }
    const dispatcher = new EnvHttpProxyAgent({ headersTimeout: SILENCE_MS, bodyTimeout: SILENCE_MS })
    try {
      for (const region of regions) {
        if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) {
          throw new Refused(64, `--region ${JSON.stringify(region)} is no region; one is called like eu-central-1`)
        }
        const file = await pricesOf(region, base.replace(/\/+$/, ""), dispatcher)
        const path = join(out, `${region}.json`)
        await write(path, file)
        process.stdout.write(`${file.prices.length} prices of ${region} in ${path}\n`)
      }
    } finally {
      await dispatcher.destroy()
    }
    return 0
  },
})

/** One service after the other: each file goes by once, and whatever fails leaves the former prices as they were. */
async function pricesOf(region: string, base: string, dispatcher: Dispatcher): Promise<PriceFile> {
  const entries = [...entriesOf(STAGES.map(({ name }) => stageNamed(name))).values()]
  const prices: Price[] = []
  for (const [service, wanted] of Map.groupBy(entries, (entry) => entry.service)) {
    const source = `${base}/offers/v1.0/aws/${service}/current/${region}/index.csv`
    process.stderr.write(`${source}\n`)
    const { published, offers, ambiguous } = await read(source, wanted, region, dispatcher)
    for (const { entry, usd, description } of offers) {
      prices.push({ region, key: keyOf(entry), usd, source, date: published, note: `published then: ${description}` })
    }
    const found = new Set(offers.map(({ entry }) => entry))
    for (const entry of wanted.filter((one) => !found.has(one))) {
      const why = ambiguous.includes(entry) ? "more than one price" : "no price"
      process.stderr.write(`prices: ${why} for ${keyOf(entry)} in ${source}: its cell stays empty\n`)
    }
  }
  if (prices.length === 0) throw new OfferFileError(`${base} has none of the prices looked for in ${region}`)
  return { region, fetched: new Date().toISOString(), prices }
}

async function read(url: string, entries: readonly PriceListEntry[], region: string, dispatcher: Dispatcher) {
  try {
    const response = await fetch(url, { dispatcher })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      const hint = [403, 404].includes(response.status) ? `; is ${region} a region that has it?` : ""
      throw new Refused(69, `${url} answers ${response.status}${hint}`)
    }
    return await readOfferFile(response.body.pipeThrough(new TextDecoderStream()), entries, region)
  } catch (error) {
    if (error instanceof Refused) throw error
    if (error instanceof OfferFileError) throw new OfferFileError(`${url}: ${error.message}`)
    const { cause, message } = error as Error & { cause?: Error }
    throw new Refused(69, `${url} can't be read to its end: ${cause?.message || message}; try again, or see --base-url`)
  }
}

/** Whole or not at all. */
async function write(path: string, file: PriceFile): Promise<void> {
  const beside = `${path}.${process.pid}.tmp`
  try {
    await mkdir(join(path, ".."), { recursive: true })
    await writeFile(beside, `${JSON.stringify(file, undefined, 2)}\n`, { flush: true })
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {})
    throw new Refused(73, `${path} can't be written: ${(error as Error).message}`)
  }
}
