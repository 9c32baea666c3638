/** What holds data and is replaced or deleted: told at the top, loudly, with what to do. */
import type { Change } from "./changes.ts"

export interface DataLoss {
  readonly address: string
  readonly type: string
  readonly path: string
  readonly replaced: "yes" | "perhaps" | "no, deleted"
  readonly because: readonly string[]
  /** What becomes of the data, a sentence. */
  readonly fate: string
  readonly whatToDo: readonly string[]
}

/** Types that hold what can't be made again from a template, and how it is called and saved. */
const HOLD_DATA: Readonly<Record<string, readonly [what: string, save: string]>> = {
  "AWS::RDS::DBInstance": [
    "database",
    "aws rds create-db-snapshot --db-instance-identifier=<it> --db-snapshot-identifier=<name>",
  ],
  "AWS::RDS::DBCluster": [
    "database",
    "aws rds create-db-cluster-snapshot --db-cluster-identifier=<it> --db-cluster-snapshot-identifier=<name>",
  ],
  "AWS::DynamoDB::Table": ["table", "aws dynamodb create-backup --table-name=<it> --backup-name=<name>"],
  "AWS::DynamoDB::GlobalTable": ["table", "aws dynamodb create-backup --table-name=<it> --backup-name=<name>"],
  "AWS::S3::Bucket": ["bucket", "aws s3 sync s3://<it> <elsewhere>"],
  "AWS::EFS::FileSystem": ["file system", "aws backup start-backup-job"],
  "AWS::ElastiCache::ReplicationGroup": ["cache", "aws elasticache create-snapshot"],
  "AWS::OpenSearchService::Domain": ["search domain", "its snapshot repository"],
  "AWS::SecretsManager::Secret": ["secret", "aws secretsmanager get-secret-value, kept where secrets are kept"],
  "AWS::SSM::Parameter": ["parameter", "aws ssm get-parameter --name=<it>"],
  "AWS::KMS::Key": ["key", "decrypt or re-encrypt what it encrypts first: without the key that is lost"],
  "AWS::Logs::LogGroup": ["log group", "aws logs create-export-task"],
  "AWS::ECR::Repository": ["image repository", "crane copy of the images that run"],
  "AWS::SQS::Queue": ["queue", "let its readers empty it"],
  "AWS::Kinesis::Stream": ["stream", "let its readers catch up"],
  "AWS::Cognito::UserPool": ["user pool", "aws cognito-idp list-users"],
}

const REPLACED: Readonly<Partial<Record<Change["action"], DataLoss["replaced"]>>> = {
  replace: "yes",
  "may-replace": "perhaps",
  delete: "no, deleted",
}

export function holdsData(type: string): boolean {
  return HOLD_DATA[type] !== undefined
}

export function dataLossOf(changes: readonly Change[]): DataLoss[] {
  return changes.flatMap(({ stack, id, type, path, action, because, oldOne = "Delete" }): DataLoss[] => {
    const replaced = REPLACED[action]
    const [what, save] = HOLD_DATA[type] ?? []
    if (replaced === undefined || what === undefined || save === undefined) return []
    const again = action === "delete" ? "nothing takes its place" : `a new, EMPTY ${what} takes its place`
    const kept = oldOne.startsWith("Retain")
      ? `the old ${what} stays in the account, outside of the stack, with its data`
      : oldOne === "Snapshot"
        ? `the old ${what} is deleted after a last snapshot`
        : `the old ${what} is deleted WITH ITS DATA`
    return [
      {
        address: `${stack}/${id}`,
        type,
        path,
        replaced,
        because,
        fate: `${again}; ${kept}`,
        whatToDo: [
          action === "delete"
            ? "not meant: take the change back, and plan again"
            : `not meant: take back the change of ${because.length > 0 ? because.join(", ") : "what replaces it"}, and plan again`,
          `meant: save the data first (${save}), plan how it comes into the new one, and only then approve`,
        ],
      },
    ]
  })
}
