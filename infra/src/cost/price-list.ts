/**
 * What a month's lines are priced by: entries of AWS's price list, each named by its service code and usage type without
 * the region's prefix (`EUC1-NatGateway-Hours` is `AmazonEC2 NatGateway-Hours` in every region). Sources of the names:
 * the price list's own rows, and infracost's filters on it (`internal/resources/aws` in infracost/infracost).
 */
import type { Stage } from "../stage.ts"

export interface PriceListEntry {
  /** As in the address of the service's price list, such as `AmazonEC2`. */
  readonly service: string
  /** `usageType` without the region's prefix. */
  readonly usageType: string
  /** What is counted, in our words. */
  readonly unit: string
  /** Columns that tell it from others of the same usage type. */
  readonly where?: Readonly<Record<string, string>>
}

/** An entry's name: service code, a space, usage type. */
export type PriceKey = string

const application = { operation: "LoadBalancing:Application" }
const engine = { "Database Engine": "PostgreSQL" }

/** Every entry that does not depend on the stage. */
const ENTRIES: readonly PriceListEntry[] = [
  { service: "AmazonEC2", usageType: "NatGateway-Hours", unit: "h", where: { operation: "NatGateway" } },
  { service: "AmazonEC2", usageType: "NatGateway-Bytes", unit: "GB", where: { operation: "NatGateway" } },
  { service: "AmazonVPC", usageType: "PublicIPv4:InUseAddress", unit: "h" },
  { service: "AmazonVPC", usageType: "VpcEndpoint-Hours", unit: "h" },
  { service: "AmazonVPC", usageType: "VpcEndpoint-Bytes", unit: "GB" },
  { service: "AWSELB", usageType: "LoadBalancerUsage", unit: "h", where: application },
  { service: "AWSELB", usageType: "LCUUsage", unit: "LCU h", where: application },
  { service: "AmazonECS", usageType: "Fargate-vCPU-Hours:perCPU", unit: "vCPU h" },
  { service: "AmazonECS", usageType: "Fargate-GB-Hours", unit: "GB h" },
  { service: "AmazonECS", usageType: "Fargate-ARM-vCPU-Hours:perCPU", unit: "vCPU h" },
  { service: "AmazonECS", usageType: "Fargate-ARM-GB-Hours", unit: "GB h" },
  { service: "AmazonRDS", usageType: "RDS:GP3-Storage", unit: "GB month", where: { "Database Engine": "Any" } },
  {
    service: "AmazonRDS",
    usageType: "RDS:Multi-AZ-GP3-Storage",
    unit: "GB month",
    where: { "Database Engine": "Any" },
  },
  { service: "AmazonDynamoDB", usageType: "ReadRequestUnits", unit: "read" },
  { service: "AmazonDynamoDB", usageType: "TimedStorage-ByteHrs", unit: "GB month" },
  { service: "AmazonDynamoDB", usageType: "TimedPITRStorage-ByteHrs", unit: "GB month" },
  { service: "awskms", usageType: "KMS-Keys", unit: "key" },
  { service: "awskms", usageType: "KMS-Requests", unit: "request" },
  { service: "AWSSecretsManager", usageType: "AWSSecretsManager-Secrets", unit: "secret" },
  { service: "awswaf", usageType: "WebACLV2", unit: "ACL" },
  { service: "awswaf", usageType: "RuleV2", unit: "rule" },
  { service: "awswaf", usageType: "RequestV2-Tier1", unit: "request" },
  { service: "AmazonCloudWatch", usageType: "CW:AlarmMonitorUsage", unit: "alarm metric" },
  { service: "AmazonCloudWatch", usageType: "CW:MetricMonitorUsage", unit: "metric" },
  { service: "AmazonCloudWatch", usageType: "DashboardsUsageHour", unit: "dashboard" },
  { service: "AmazonCloudWatch", usageType: "DataProcessing-Bytes", unit: "GB" },
  { service: "AmazonCloudWatch", usageType: "VendedLog-Bytes", unit: "GB" },
  { service: "AmazonCloudWatch", usageType: "TimedStorage-ByteHrs", unit: "GB month" },
  { service: "AmazonS3", usageType: "TimedStorage-ByteHrs", unit: "GB month" },
  { service: "AmazonS3", usageType: "Requests-Tier1", unit: "request" },
  { service: "AmazonECR", usageType: "TimedStorage-ByteHrs", unit: "GB month" },
  { service: "AWSLambda", usageType: "Request", unit: "request", where: { Group: "AWS-Lambda-Requests" } },
  { service: "AWSLambda", usageType: "Lambda-GB-Second", unit: "GB s" },
  { service: "AWSLambda", usageType: "Request-ARM", unit: "request" },
  { service: "AWSLambda", usageType: "Lambda-GB-Second-ARM", unit: "GB s" },
  {
    service: "AWSDataTransfer",
    usageType: "DataTransfer-Out-Bytes",
    unit: "GB",
    where: { "Transfer Type": "AWS Outbound" },
  },
  {
    service: "AWSDataTransfer",
    usageType: "DataTransfer-Regional-Bytes",
    unit: "GB",
    where: { "Transfer Type": "IntraRegion" },
  },
]

export function keyOf({ service, usageType }: Pick<PriceListEntry, "service" | "usageType">): PriceKey {
  return `${service} ${usageType}`
}

/** @param instance an instance class with its prefix, such as `db.m7g.large` */
export function databaseKey(instance: string, multiAz: boolean): PriceKey {
  return keyOf({ service: "AmazonRDS", usageType: `${multiAz ? "Multi-AZUsage" : "InstanceUsage"}:${instance}` })
}

/** Every entry that the stages need, in both deployment options of their databases. */
export function entriesOf(stages: readonly Stage[]): Map<PriceKey, PriceListEntry> {
  const instances = new Set(stages.map(({ database }) => `db.${database.instance}`))
  const databases = [...instances].flatMap((instance) =>
    [true, false].map((multiAz): PriceListEntry => {
      const usageType = databaseKey(instance, multiAz).slice("AmazonRDS ".length)
      return { service: "AmazonRDS", usageType, unit: "h", where: engine }
    }),
  )
  return new Map([...ENTRIES, ...databases].map((entry) => [keyOf(entry), entry]))
}

/** What is counted under the key. */
export function unitOf(key: PriceKey): string {
  if (/^AmazonRDS (Multi-AZ|Instance)Usage:db\./.test(key)) return "h"
  const entry = ENTRIES.find((one) => keyOf(one) === key)
  if (entry === undefined) throw new Error(`${key} is no entry of the price list that is known here`)
  return entry.unit
}
