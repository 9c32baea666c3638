/** What must hold of data: encrypted at rest and in transit, kept, backed up, and hard to delete. */
import { at, flagOf, keyed, list, numberOf, textOf } from "../../templates/value.ts"
import { each, isRetained, joinedOutcome, type Proof } from "../proof.ts"

/** A stage that protects nothing may be deleted without ceremony; without a stage the strict reading holds. */
function protects(stage: { readonly protect: boolean } | undefined): boolean {
  return stage?.protect ?? true
}

/** A change that replaces a resource keeps the old one where its deletion does. */
function replaced(policy: string | undefined, stage: { readonly protect: boolean } | undefined): string[] {
  return !protects(stage) || policy === "Retain"
    ? []
    : [`its UpdateReplacePolicy is ${policy ?? "not set"}, not Retain`]
}

const databaseEncrypted: Proof = {
  id: "data.database-encrypted",
  claim:
    "The database, its backups, its insights and its administrator's secret are encrypted by a key of the customer's",
  holds: "RDS with a customer-managed key; encryption at rest",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), ({ properties }) => {
      const key = (name: string, ...path: string[]) =>
        resolved.of(at(properties, ...path))?.type === "AWS::KMS::Key"
          ? []
          : [`${name} is not encrypted by a key of these templates`]
      return [
        ...(flagOf(properties["StorageEncrypted"]) === true
          ? key("its storage", "KmsKeyId")
          : ["its StorageEncrypted is not true"]),
        ...(flagOf(properties["EnablePerformanceInsights"]) === true
          ? key("its Performance Insights", "PerformanceInsightsKMSKeyId")
          : []),
        ...key("its administrator's secret", "MasterUserSecret", "KmsKeyId"),
      ]
    }),
}

const databaseTls: Proof = {
  id: "data.database-tls",
  claim: "The database takes connections by TLS only",
  holds: "TLS forced; encryption in transit",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), ({ properties }) => {
      const group = resolved.of(properties["DBParameterGroupName"])
      const forced = textOf(at(group?.properties["Parameters"], "rds.force_ssl"))
      return forced === "1"
        ? undefined
        : `${group?.address ?? "no parameter group"}: rds.force_ssl is ${forced ?? "not set"}, not 1`
    }),
}

const databaseLogin: Proof = {
  id: "data.database-login",
  claim: "Tasks log in to the database by IAM, and its administrator's password is made, kept and rotated by RDS alone",
  holds: "IAM authentication; Secrets Manager with rotation",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), ({ properties }) => [
      ...(flagOf(properties["EnableIAMDatabaseAuthentication"]) === true
        ? []
        : ["its EnableIAMDatabaseAuthentication is not true"]),
      ...(flagOf(properties["ManageMasterUserPassword"]) === true && properties["MasterUserPassword"] === undefined
        ? []
        : ["its administrator's password is in the template's hands: ManageMasterUserPassword is not true"]),
    ]),
}

const databaseKept: Proof = {
  id: "data.database-kept",
  claim:
    "The database is backed up for as long as the stage says, and where the stage protects data it can't be deleted",
  holds: "Backups, deletion protection",
  prove: ({ resolved, stage }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), ({ properties, deletionPolicy, updateReplacePolicy }) => {
      const days = numberOf(properties["BackupRetentionPeriod"]) ?? 1
      const wanted = stage?.database.backupDays ?? 7
      return [
        ...(days >= wanted ? [] : [`its BackupRetentionPeriod is ${days} days, not ${wanted}`]),
        ...(!protects(stage) || flagOf(properties["DeletionProtection"]) === true
          ? []
          : ["its DeletionProtection is not true"]),
        ...(!protects(stage) || flagOf(properties["DeleteAutomatedBackups"]) === false
          ? []
          : ["its DeleteAutomatedBackups is not false"]),
        ...(!protects(stage) || deletionPolicy === "Snapshot" || isRetained(deletionPolicy)
          ? []
          : [`its DeletionPolicy is ${deletionPolicy ?? "not set"}, neither Snapshot nor Retain`]),
        ...(!protects(stage) || updateReplacePolicy === "Snapshot" || updateReplacePolicy === "Retain"
          ? []
          : [`its UpdateReplacePolicy is ${updateReplacePolicy ?? "not set"}, neither Snapshot nor Retain`]),
        ...(["DBSnapshotIdentifier", "SourceDBInstanceIdentifier", "RestoreTime"] as const)
          .filter((key) => properties[key] !== undefined)
          .map((key) => `its ${key} makes it of data from elsewhere`),
        ...(list(properties["AssociatedRoles"]).length === 0 ? [] : ["its AssociatedRoles give it rights of its own"]),
      ]
    }),
}

const databaseZones: Proof = {
  id: "data.database-zones",
  claim:
    "The database stands by in a second zone where the stage says so, in production always, and may stand in three",
  holds: "Multi-AZ, data subnets",
  prove: ({ resolved, stage, network }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), (resource) => {
      const { properties } = resource
      const wanted = stage === undefined || stage.name === "production" || stage.database.multiAz
      const thing = network.things.find(({ resources: [one] }) => one === resource)
      const zones = new Set(thing?.interfaces.map(({ subnet }) => subnet.zone))
      return [
        ...(wanted && flagOf(properties["MultiAZ"]) !== true ? ["its MultiAZ is not true"] : []),
        ...(zones.size >= Math.min(3, stage?.zones.length ?? 2) ? [] : [`its subnets are in ${zones.size} zones`]),
      ]
    }),
}

const databaseLogs: Proof = {
  id: "data.database-logs",
  claim: "The database's log goes to CloudWatch, with connections and disconnections in it",
  holds: "Logs",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::RDS::DBInstance"), ({ properties }) => {
      const parameters = resolved.of(properties["DBParameterGroupName"])?.properties["Parameters"]
      const exported = list(properties["EnableCloudwatchLogsExports"]).map(textOf)
      return [
        ...(exported.includes("postgresql") ? [] : ["its log postgresql is not exported to CloudWatch"]),
        ...(["log_connections", "log_disconnections"] as const).flatMap((name) =>
          textOf(at(parameters, name)) === "1" ? [] : [`its parameter ${name} is not 1`],
        ),
      ]
    }),
}

const tables: Proof = {
  id: "data.tables",
  claim:
    "Every table is encrypted by the customer's key, restorable to any second, and kept where the stage protects data",
  holds: "DynamoDB on demand, point-in-time recovery, encrypted",
  prove: ({ resolved, stage }) =>
    each(resolved.ofType("AWS::DynamoDB::Table"), ({ properties, deletionPolicy, updateReplacePolicy }) => [
      ...(flagOf(at(properties, "SSESpecification", "SSEEnabled")) === true &&
      resolved.of(at(properties, "SSESpecification", "KMSMasterKeyId"))?.type === "AWS::KMS::Key"
        ? []
        : ["it is not encrypted by a key of these templates"]),
      ...(at(properties, "StreamSpecification", "ResourcePolicy") === undefined
        ? []
        : ["its stream has a policy that no proof looks at"]),
      ...(flagOf(at(properties, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled")) === true
        ? []
        : ["its point-in-time recovery is off"]),
      ...(textOf(properties["BillingMode"]) === "PAY_PER_REQUEST" ? [] : ["its BillingMode is not PAY_PER_REQUEST"]),
      ...(!protects(stage) || flagOf(properties["DeletionProtectionEnabled"]) === true
        ? []
        : ["its DeletionProtectionEnabled is not true"]),
      ...(!protects(stage) || isRetained(deletionPolicy)
        ? []
        : [`its DeletionPolicy is ${deletionPolicy ?? "not set"}, not Retain`]),
      ...replaced(updateReplacePolicy, stage),
    ]),
}

const buckets: Proof = {
  id: "data.buckets",
  claim:
    "Every bucket is encrypted, versioned, shut to the public in all four ways, without ACLs, and takes TLS 1.2 only",
  holds: "S3 versioned, encrypted, TLS only",
  prove: ({ resolved, stage }) =>
    each(resolved.ofType("AWS::S3::Bucket"), (bucket) => {
      const { properties, deletionPolicy, updateReplacePolicy } = bucket
      const [encryption] = list(at(properties, "BucketEncryption", "ServerSideEncryptionConfiguration"))
      const algorithm = textOf(at(encryption, "ServerSideEncryptionByDefault", "SSEAlgorithm"))
      const shut = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"].filter(
        (name) => flagOf(at(properties, "PublicAccessBlockConfiguration", name)) !== true,
      )
      const denies = resolved
        .ofType("AWS::S3::BucketPolicy")
        .filter((policy) => resolved.of(policy.properties["Bucket"]) === bucket)
        .flatMap((policy) => list(at(policy.properties["PolicyDocument"], "Statement")))
        .filter(
          (statement) => textOf(at(statement, "Effect")) === "Deny" && list(at(statement, "Resource")).length === 2,
        )
      const tls = denies.some((one) => textOf(at(one, "Condition", "Bool", "aws:SecureTransport")) === "false")
      const version = denies.some(
        (one) => (numberOf(at(one, "Condition", "NumericLessThan", "s3:TlsVersion")) ?? 0) >= 1.2,
      )
      const logs = resolved
        .ofType("AWS::ElasticLoadBalancingV2::LoadBalancer")
        .some((one) => resolved.of(keyed(one.properties["LoadBalancerAttributes"], "access_logs.s3.bucket")) === bucket)
      return [
        // ELB writes its logs with S3's own key only. Source: ELB user guide, “Enable access logs”.
        ...(algorithm === "aws:kms" || (logs && algorithm === "AES256")
          ? []
          : [`its encryption is ${algorithm ?? "not set"}, not by a key of ours`]),
        ...(algorithm === "aws:kms" &&
        resolved.of(at(encryption, "ServerSideEncryptionByDefault", "KMSMasterKeyID"))?.type !== "AWS::KMS::Key"
          ? ["its KMSMasterKeyID is no key of these templates"]
          : []),
        ...(["ReplicationConfiguration", "NotificationConfiguration", "WebsiteConfiguration"] as const)
          .filter((key) => properties[key] !== undefined)
          .map((key) => `its ${key} tells others what it holds`),
        ...(logs || !protects(stage)
          ? []
          : list(at(properties, "LifecycleConfiguration", "Rules"))
              .filter(
                (rule) =>
                  ["ExpirationInDays", "ExpirationDate", "Transitions", "Transition"].some(
                    (key) => at(rule, key) !== undefined,
                  ) || (numberOf(at(rule, "NoncurrentVersionExpiration", "NoncurrentDays")) ?? 30) < 30,
              )
              .map(() => "a lifecycle rule lets what it holds expire, or an older version within 30 days")),
        ...shut.map((name) => `its ${name} is not true`),
        ...(textOf(at(properties, "VersioningConfiguration", "Status")) === "Enabled" ? [] : ["it keeps no versions"]),
        ...(list(at(properties, "OwnershipControls", "Rules")).some(
          (rule) => textOf(at(rule, "ObjectOwnership")) === "BucketOwnerEnforced",
        )
          ? []
          : ["its ACLs are in force: ObjectOwnership is not BucketOwnerEnforced"]),
        ...(tls ? [] : ["no statement denies what comes without TLS"]),
        ...(version ? [] : ["no statement denies TLS under 1.2"]),
        ...(!protects(stage) || isRetained(deletionPolicy)
          ? []
          : [`its DeletionPolicy is ${deletionPolicy ?? "not set"}, not Retain`]),
        ...replaced(updateReplacePolicy, stage),
      ]
    }),
}

const secrets: Proof = {
  id: "data.secrets",
  claim: "Every secret is encrypted by the customer's key, and its value is in no template",
  holds: "Secrets Manager; KMS",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::SecretsManager::Secret"), ({ properties }) => [
      ...(resolved.of(properties["KmsKeyId"])?.type === "AWS::KMS::Key"
        ? []
        : ["it is not encrypted by a key of these templates"]),
      ...(list(properties["ReplicaRegions"]).length === 0 ? [] : ["its ReplicaRegions copy it elsewhere"]),
      ...(properties["SecretString"] === undefined ? [] : ["its value is written in the template"]),
    ]),
}

const keys: Proof = {
  id: "data.keys-rotate",
  claim: "Every key rotates, is enabled, and is kept where the stage protects what it encrypted",
  holds: "KMS with rotation",
  prove: ({ resolved, stage }) =>
    each(resolved.ofType("AWS::KMS::Key"), ({ properties, deletionPolicy, updateReplacePolicy }) => [
      ...(flagOf(properties["EnableKeyRotation"]) === true ? [] : ["its EnableKeyRotation is not true"]),
      ...(properties["Enabled"] === undefined || flagOf(properties["Enabled"]) === true
        ? []
        : ["it is disabled, or may be"]),
      ...(!protects(stage) || (numberOf(properties["PendingWindowInDays"] ?? 30) ?? 0) >= 30
        ? []
        : ["its PendingWindowInDays is under 30: less time to notice that it is deleted"]),
      ...(!protects(stage) || isRetained(deletionPolicy)
        ? []
        : [`its DeletionPolicy is ${deletionPolicy ?? "Delete"}, not Retain`]),
      ...replaced(updateReplacePolicy, stage),
    ]),
}

const topics: Proof = {
  id: "data.topics",
  claim: "Every topic is encrypted by the customer's key and refuses what comes without TLS",
  holds: "Encryption at rest and in transit",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::SNS::Topic"), (topic) => {
      const denies = resolved
        .ofType("AWS::SNS::TopicPolicy")
        .filter((policy) => list(policy.properties["Topics"]).some((one) => resolved.of(one) === topic))
        .flatMap((policy) => list(at(policy.properties["PolicyDocument"], "Statement")))
        .some(
          (one) =>
            textOf(at(one, "Effect")) === "Deny" &&
            textOf(at(one, "Condition", "Bool", "aws:SecureTransport")) === "false",
        )
      return [
        ...(resolved.of(topic.properties["KmsMasterKeyId"])?.type === "AWS::KMS::Key"
          ? []
          : ["it is not encrypted by a key of these templates"]),
        ...(denies ? [] : ["no statement of its policy denies what comes without TLS"]),
      ]
    }),
}

const logs: Proof = {
  id: "data.logs",
  claim: "Every log group is encrypted by the customer's key and kept for as many days as the stage says",
  holds: "Logs, encryption at rest",
  prove: ({ resolved, stage }) =>
    each(resolved.ofType("AWS::Logs::LogGroup"), ({ properties }) => {
      const days = numberOf(properties["RetentionInDays"])
      const wanted = stage?.logDays
      return [
        ...(resolved.of(properties["KmsKeyId"])?.type === "AWS::KMS::Key"
          ? []
          : ["it is not encrypted by a key of these templates"]),
        ...(days === undefined || (wanted !== undefined && days !== wanted)
          ? [`it is kept ${days === undefined ? "for ever" : `${days} days`}, not ${wanted ?? "a number of"} days`]
          : []),
      ]
    }),
}

const images: Proof = {
  id: "data.images",
  claim:
    "Every image's tag names it for good, it is scanned when pushed, encrypted by the customer's key, and old ones go",
  holds: "ECR per image: immutable tags, scan on push, encrypted, lifecycle",
  prove: ({ resolved }) =>
    each(resolved.ofType("AWS::ECR::Repository"), ({ properties }) => [
      ...(textOf(properties["ImageTagMutability"]) === "IMMUTABLE" ? [] : ["its ImageTagMutability is not IMMUTABLE"]),
      ...(flagOf(at(properties, "ImageScanningConfiguration", "ScanOnPush")) === true
        ? []
        : ["its ScanOnPush is not true"]),
      ...(resolved.of(at(properties, "EncryptionConfiguration", "KmsKey"))?.type === "AWS::KMS::Key"
        ? []
        : ["it is not encrypted by a key of these templates"]),
      ...(at(properties, "LifecyclePolicy", "LifecyclePolicyText") === undefined ? ["it has no lifecycle policy"] : []),
    ]),
}

const balancerKept: Proof = {
  id: "data.load-balancer-kept",
  claim: "The load balancer can't be deleted where the stage protects itself",
  holds: "Deletion protection",
  prove: ({ resolved, stage }) =>
    protects(stage)
      ? each(resolved.ofType("AWS::ElasticLoadBalancingV2::LoadBalancer"), ({ properties }) =>
          textOf(keyed(properties["LoadBalancerAttributes"], "deletion_protection.enabled")) === "true"
            ? undefined
            : "its deletion_protection.enabled is not true",
        )
      : joinedOutcome([]),
}

export const DATA: readonly Proof[] = [
  databaseEncrypted,
  databaseTls,
  databaseLogin,
  databaseKept,
  databaseZones,
  databaseLogs,
  tables,
  buckets,
  secrets,
  keys,
  topics,
  logs,
  images,
  balancerKept,
]
