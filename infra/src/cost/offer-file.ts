/**
 * AWS's price list as it is published: one CSV file for a service and region, of up to hundreds of MB, read as it comes
 * in. Source: AWS Billing user guide, “Reading the price list files”.
 */
import type { PriceListEntry } from "./price-list.ts"

/** What answered is not a price list; one line. */
export class OfferFileError extends Error {
  override readonly name = "OfferFileError"
}

export interface Offer {
  readonly entry: PriceListEntry
  readonly usd: number
  /** AWS's own words for the price. */
  readonly description: string
}

export interface OfferFile {
  /** When AWS published it, as in the file. */
  readonly published: string
  readonly offers: readonly Offer[]
  /** Entries with more than one price, which none can be chosen from. */
  readonly ambiguous: readonly PriceListEntry[]
}

/** `EUC1-`, `eu-central-1-` or, in us-east-1 and for what is the same everywhere, nothing; not `Global-`, the free tier's. */
const REGION_PREFIX = /^(?:[A-Z]{2,4}\d?-|[a-z]{2}(?:-[a-z]+)+-\d-)?/
const COLUMNS = ["TermType", "PriceDescription", "StartingRange", "PricePerUnit", "Currency", "usageType"] as const
/** More than a file's first lines ever are: whatever has no header by then is something else. */
const PREAMBLE_LINES = 20

/**
 * @param chunks the file's text, in pieces of any size
 * @param entries what is looked for; for each the first tier that is not free counts
 * @param region rows of other regions and of Local Zones are passed over
 * @throws OfferFileError it is no price list
 */
export async function readOfferFile(
  chunks: AsyncIterable<string>,
  entries: readonly PriceListEntry[],
  region: string,
): Promise<OfferFile> {
  const preamble = new Map<string, string>()
  let columns: Map<string, number> | undefined
  const rows: { entry: PriceListEntry; from: number; usd: number; description: string }[] = []
  let count = 0
  for await (const line of linesOf(chunks)) {
    count += 1
    if (columns === undefined) {
      const fields = fieldsOf(line)
      if (fields[0] === "SKU") columns = columnsOf(fields)
      else preamble.set(fields[0] ?? "", fields[1] ?? "")
      if (count === 1 && fields[0] !== "FormatVersion")
        throw notAPriceList(`begins with ${JSON.stringify(line.slice(0, 60))}`)
      if (columns === undefined && count > PREAMBLE_LINES) throw notAPriceList("has no line of columns")
      continue
    }
    // Most of hundreds of thousands of lines are not looked for: a cheap look first.
    const candidates = entries.filter(({ usageType }) => line.includes(`${usageType}"`))
    if (candidates.length === 0) continue
    const fields = fieldsOf(line)
    const at = (name: string) => fields[columns?.get(name.toLowerCase()) ?? -1]
    if (at("TermType") !== "OnDemand" || at("Currency") !== "USD") continue
    if (![undefined, "", region].includes(at("Region Code"))) continue
    if (![undefined, "", "AWS Region"].includes(at("Location Type"))) continue
    const usageType = at("usageType")?.replace(REGION_PREFIX, "")
    for (const entry of candidates) {
      if (usageType !== entry.usageType) continue
      if (!Object.entries(entry.where ?? {}).every(([column, value]) => at(column) === value)) continue
      const usd = Number(at("PricePerUnit"))
      if (!(usd >= 0)) throw notAPriceList(`has the price ${JSON.stringify(at("PricePerUnit"))} for ${entry.usageType}`)
      rows.push({ entry, from: Number(at("StartingRange")), usd, description: at("PriceDescription") ?? "" })
    }
  }
  const published = preamble.get("Publication Date")
  if (columns === undefined || published === undefined) throw notAPriceList("has no columns or no date of publication")
  return { published, ...chosen(entries, rows) }
}

function chosen(
  entries: readonly PriceListEntry[],
  rows: readonly { entry: PriceListEntry; from: number; usd: number; description: string }[],
): Pick<OfferFile, "offers" | "ambiguous"> {
  const offers: Offer[] = []
  const ambiguous: PriceListEntry[] = []
  for (const entry of entries) {
    const charged = rows.filter((row) => row.entry === entry && row.usd > 0)
    const first = Math.min(...charged.map(({ from }) => from))
    const [offer, ...others] = charged.filter(({ from }) => from === first)
    if (offer === undefined) continue
    if (others.some(({ usd }) => usd !== offer.usd)) ambiguous.push(entry)
    else offers.push({ entry, usd: offer.usd, description: offer.description })
  }
  return { offers, ambiguous }
}

function columnsOf(header: readonly string[]): Map<string, number> {
  const columns = new Map(header.map((name, at) => [name.toLowerCase(), at]))
  const missing = COLUMNS.find((name) => !columns.has(name.toLowerCase()))
  if (missing !== undefined) throw notAPriceList(`has no column ${missing}`)
  return columns
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = ""
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) yield line.replace(/\r$/, "")
  }
  if (rest !== "") yield rest
}

/** Fields of a line of CSV, each in quotes, a quote within doubled. */
function fieldsOf(line: string): string[] {
  return Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, bare]) =>
    quoted === undefined ? (bare ?? "") : quoted.replaceAll('""', '"'),
  )
}

function notAPriceList(how: string): OfferFileError {
  return new OfferFileError(`the answer is no price list of AWS's: it ${how}`)
}
