/** A price list in the format that AWS publishes, with rows and prices of our making. */

const COLUMNS = {
  SKU: "2A4AN5MBSHD5BAT7",
  OfferTermCode: "JRTCKXETXF",
  RateCode: "2A4AN5MBSHD5BAT7.JRTCKXETXF.6YS6EN2CT7",
  TermType: "OnDemand",
  PriceDescription: "of our making",
  EffectiveDate: "2026-11-01",
  StartingRange: "0",
  EndingRange: "Inf",
  Unit: "Hrs",
  PricePerUnit: "0",
  Currency: "USD",
  serviceCode: "AmazonEC2",
  Location: "EU (Frankfurt)",
  "Location Type": "AWS Region",
  "Database Engine": "",
  Group: "",
  "Transfer Type": "",
  usageType: "",
  operation: "",
  "Region Code": "eu-central-1",
}

export type Row = Readonly<typeof COLUMNS>

export function row(fields: Partial<Row>): Row {
  return { ...COLUMNS, ...fields }
}

/** @param priceColumn the name of the column of prices, where a test wants a file of another shape */
export function offerFile(rows: readonly Row[], priceColumn = "PricePerUnit"): string {
  const names = Object.keys(COLUMNS) as (keyof Row)[]
  const line = (fields: readonly string[]) => fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(",")
  return [
    line(["FormatVersion", "v1.0"]),
    line(["Disclaimer", "rows of our making, in the published format"]),
    line(["Publication Date", "2026-11-01T00:00:00Z"]),
    line(["Version", "20261101000000"]),
    line(["OfferCode", "AmazonEC2"]),
    line(names.map((name) => (name === "PricePerUnit" ? priceColumn : name))),
    ...rows.map((one) => line(names.map((name) => one[name]))),
    "",
  ].join("\r\n")
}
