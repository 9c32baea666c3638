/** What stands beside the VPC, as cards: one each for what is single, one for all of what there are many. */
import type { Resolved, Resource } from "../templates/resolve.ts"
import { at, flagOf, list, numberOf, textOf } from "../templates/value.ts"
import type { Item, Shelf } from "./architecture.ts"
import type { IconName } from "./icons.ts"
import type { Names } from "./names.ts"

export function regionalShelves(resolved: Resolved, names: Names): Shelf[] {
  return shelves([
    ["Entrance", [...firewalls(resolved, names), ...certificates(resolved)]],
    ["Data", [...tables(resolved, names), ...buckets(resolved, names)]],
    ["Secrets and keys", [...secrets(resolved, names), ...keys(resolved, names)]],
    ["Images", [...repositories(resolved, names), ...parameters(resolved, names)]],
    ["Schedules and events", [...schedules(resolved, names), ...eventRules(resolved)]],
    [
      "Logs and alarms",
      [...logs(resolved, names), ...flowLogs(resolved, names), ...alarms(resolved), ...topics(resolved, names)],
    ],
  ])
}

export function globalShelves(resolved: Resolved, names: Names): Shelf[] {
  return shelves([
    ["Name", records(resolved)],
    ["Identity", providers(resolved, names)],
  ])
}

function shelves(all: readonly (readonly [string, readonly Item[]])[]): Shelf[] {
  return all.filter(([, items]) => items.length > 0).map(([heading, items]) => ({ heading, items }))
}

function one(resource: Resource, icon: IconName, title: string, facts: readonly (string | undefined | false)[]): Item {
  return { id: resource.address, icon, title, facts: facts.filter((fact) => typeof fact === "string") }
}

/** One card for all resources of a type. */
function together(
  resources: readonly Resource[],
  icon: IconName,
  title: (count: number) => string,
  facts: readonly (string | undefined | false)[],
): Item[] {
  const [first] = resources
  if (first === undefined) return []
  const members = resources.map(({ address }) => address)
  const told = facts.filter((fact) => typeof fact === "string")
  return [{ id: first.address, icon, title: title(members.length), facts: told, members }]
}

/** What all of them have in common, and undefined where they differ. */
function common(texts: readonly (string | undefined)[]): string | undefined {
  return new Set(texts).size === 1 ? texts[0] : undefined
}

/** A key by its alias. */
export function keyName(key: Resource, resolved: Resolved, names: Names): string {
  const alias = resolved
    .ofType("AWS::KMS::Alias")
    .find(({ properties }) => resolved.of(properties["TargetKeyId"]) === key)
  return `key ${alias === undefined ? names.of(key) : names.of(alias)}`
}

function encryptedBy(resource: Resource, resolved: Resolved, names: Names, ...path: string[]): string | undefined {
  const key = resolved.of(at(resource.properties, ...path))
  return key === undefined ? undefined : keyName(key, resolved, names)
}

function tables(resolved: Resolved, names: Names): Item[] {
  return resolved.ofType("AWS::DynamoDB::Table").map((table) => {
    const { properties } = table
    return one(table, "dynamodb", names.of(table), [
      "DynamoDB",
      encryptedBy(table, resolved, names, "SSESpecification", "KMSMasterKeyId"),
      textOf(properties["BillingMode"]) === "PAY_PER_REQUEST" && "on demand",
      flagOf(at(properties, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")) === true &&
        "point-in-time recovery",
      flagOf(properties["DeletionProtectionEnabled"]) === true && "deletion protection",
    ])
  })
}

function buckets(resolved: Resolved, names: Names): Item[] {
  return resolved.ofType("AWS::S3::Bucket").map((bucket) => {
    const [rule] = list(at(bucket.properties, "BucketEncryption", "ServerSideEncryptionConfiguration"))
    const encryption = at(rule, "ServerSideEncryptionByDefault")
    const key = resolved.of(at(encryption, "KMSMasterKeyID"))
    const block = at(bucket.properties, "PublicAccessBlockConfiguration")
    const closed = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"]
    return one(bucket, "bucket", names.of(bucket), [
      "S3",
      key === undefined ? textOf(at(encryption, "SSEAlgorithm")) : keyName(key, resolved, names),
      closed.every((name) => flagOf(at(block, name)) === true) ? "not public" : "may be public",
      textOf(at(bucket.properties, "VersioningConfiguration", "Status")) === "Enabled" && "versions kept",
    ])
  })
}

function firewalls(resolved: Resolved, names: Names): Item[] {
  return resolved.ofType("AWS::WAFv2::WebACL").map((acl) => {
    const rules = list(acl.properties["Rules"])
    const limit = rules.flatMap((rule) => numberOf(at(rule, "Statement", "RateBasedStatement", "Limit")) ?? [])
    const groups = rules.flatMap((rule) => textOf(at(rule, "Statement", "ManagedRuleGroupStatement", "Name")) ?? [])
    return one(acl, "firewall", `WAF ${names.of(acl)}`, [
      `${rules.length} rules`,
      ...limit.map((most) => `${most} requests an address`),
      ...groups.map((group) => group.replace(/^AWSManagedRules/, "").replace(/RuleSet$/, "")),
    ])
  })
}

function certificates(resolved: Resolved): Item[] {
  return resolved
    .ofType("AWS::CertificateManager::Certificate")
    .map((certificate) =>
      one(certificate, "certificate", textOf(certificate.properties["DomainName"]) ?? certificate.id, [
        "TLS certificate",
        `validated by ${textOf(certificate.properties["ValidationMethod"]) ?? "EMAIL"}`,
      ]),
    )
}

function secrets(resolved: Resolved, names: Names): Item[] {
  const own = resolved
    .ofType("AWS::SecretsManager::Secret")
    .map((secret) =>
      one(secret, "secret", names.of(secret), ["secret", encryptedBy(secret, resolved, names, "KmsKeyId")]),
    )
  const managed = resolved
    .ofType("AWS::RDS::DBInstance")
    .filter(({ properties }) => flagOf(properties["ManageMasterUserPassword"]) === true)
    .map((database): Item => {
      const key = encryptedBy(database, resolved, names, "MasterUserSecret", "KmsKeyId")
      const title = textOf(database.properties["MasterUsername"]) ?? "master user"
      const facts = ["secret that RDS makes and rotates", ...(key === undefined ? [] : [key])]
      return { id: `${database.address}#secret`, icon: "secret", title, facts, members: [database.address] }
    })
  return [...own, ...managed]
}

function keys(resolved: Resolved, names: Names): Item[] {
  const all = resolved.ofType("AWS::KMS::Key")
  const rotated = all.every(({ properties }) => flagOf(properties["EnableKeyRotation"]) === true)
  const called = all.map((key) => keyName(key, resolved, names).replace(/^key /, ""))
  return together(all, "key", (count) => `${count} customer keys`, [
    called.sort().join(", "),
    rotated && "rotated each year",
  ])
}

function repositories(resolved: Resolved, names: Names): Item[] {
  const all = resolved.ofType("AWS::ECR::Repository")
  const scanned = all.every(
    ({ properties }) => flagOf(at(properties, "ImageScanningConfiguration", "ScanOnPush")) === true,
  )
  const fixed = all.every(({ properties }) => textOf(properties["ImageTagMutability"]) === "IMMUTABLE")
  return together(all, "registry", (count) => `${count} image repositories`, [
    fixed ? "immutable tags" : "mutable tags",
    scanned && "scanned on push",
    common(all.map((one) => encryptedBy(one, resolved, names, "EncryptionConfiguration", "KmsKey"))),
    all.map((repository) => names.of(repository)).join(", "),
  ])
}

function parameters(resolved: Resolved, names: Names): Item[] {
  const all = resolved.ofType("AWS::SSM::Parameter")
  return together(all, "parameter", (count) => `${count} parameters`, [
    all.map((parameter) => names.of(parameter)).join(", "),
  ])
}

function schedules(resolved: Resolved, names: Names): Item[] {
  return resolved
    .ofType("AWS::Scheduler::Schedule")
    .map((schedule) =>
      one(schedule, "events", names.of(schedule), [
        "schedule",
        `${textOf(schedule.properties["ScheduleExpression"])} ${textOf(schedule.properties["ScheduleExpressionTimezone"]) ?? ""}`.trim(),
        `${numberOf(at(schedule.properties, "Target", "RetryPolicy", "MaximumRetryAttempts")) ?? 185} retries`,
      ]),
    )
}

function eventRules(resolved: Resolved): Item[] {
  return resolved
    .ofType("AWS::Events::Rule")
    .map((rule) =>
      one(rule, "events", rule.id.replace(/[0-9A-F]{8}$/, ""), ["event rule", textOf(rule.properties["Description"])]),
    )
}

function logs(resolved: Resolved, names: Names): Item[] {
  const all = resolved.ofType("AWS::Logs::LogGroup")
  const days = common(all.map(({ properties }) => textOf(properties["RetentionInDays"])))
  return together(all, "logs", (count) => `${count} log groups`, [
    days === undefined ? undefined : `kept ${days} days`,
    common(all.map((group) => encryptedBy(group, resolved, names, "KmsKeyId"))),
  ])
}

function flowLogs(resolved: Resolved, names: Names): Item[] {
  return resolved
    .ofType("AWS::EC2::FlowLog")
    .map((log) =>
      one(log, "flowLogs", `Flow log ${names.of(log)}`.replace(/ flow-log$/, ""), [
        `${textOf(log.properties["TrafficType"])} traffic`,
        `each ${textOf(log.properties["MaxAggregationInterval"]) ?? 600} s`,
      ]),
    )
}

function alarms(resolved: Resolved): Item[] {
  const all = resolved.ofType("AWS::CloudWatch::Alarm")
  const stopping = new Set(
    resolved
      .ofType("AWS::ECS::Service")
      .flatMap(({ properties }) => list(at(properties, "DeploymentConfiguration", "Alarms", "AlarmNames")))
      .flatMap((name) => resolved.of(name)?.address ?? []),
  )
  return together(all, "alarm", (count) => `${count} alarms`, [
    stopping.size > 0 && `${stopping.size} roll a deployment back`,
  ])
}

function topics(resolved: Resolved, names: Names): Item[] {
  return resolved
    .ofType("AWS::SNS::Topic")
    .map((topic) =>
      one(topic, "topic", names.of(topic), ["SNS topic", encryptedBy(topic, resolved, names, "KmsMasterKeyId")]),
    )
}

function records(resolved: Resolved): Item[] {
  return resolved
    .ofType("AWS::Route53::RecordSet")
    .map((record) =>
      one(record, "dns", (textOf(record.properties["Name"]) ?? "").replace(/\.$/, ""), [
        `${textOf(record.properties["Type"])} record`,
        record.properties["AliasTarget"] !== undefined && "alias of the load balancer",
      ]),
    )
}

function providers(resolved: Resolved, names: Names): Item[] {
  return resolved
    .ofType("AWS::IAM::OIDCProvider")
    .map((provider) =>
      one(provider, "role", names.of(provider), [
        "OIDC provider",
        (textOf(provider.properties["Url"]) ?? "").replace(/^https:\/\//, "").replace(/\/.*$/, ""),
      ]),
    )
}
