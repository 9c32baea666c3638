/** What outlives the compute: the relational database, the JSON configurations, and the one-off tasks that prepare them. */
import { Duration, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib"
import { ComparisonOperator } from "aws-cdk-lib/aws-cloudwatch"
import { AttributeType, BillingMode, Table, TableEncryption } from "aws-cdk-lib/aws-dynamodb"
import { InstanceType } from "aws-cdk-lib/aws-ec2"
import { AccountRootPrincipal, Role } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import {
  CaCertificate,
  type CfnDBInstance,
  Credentials,
  DatabaseInstance,
  DatabaseInstanceEngine,
  ParameterGroup,
  PostgresEngineVersion,
  StorageType,
  SubnetGroup,
} from "aws-cdk-lib/aws-rds"
import type { Construct } from "constructs"
import { DATABASE, databaseIdentifier, serviceConfigsTable } from "../names.ts"
import type { Stage } from "../stage.ts"
import { acknowledge } from "./acknowledge.ts"
import { alarm, MINUTE } from "./alarms.ts"
import { allow } from "./allow.ts"
import { customerKey, output } from "./customer-key.ts"
import { DatabaseTasks } from "./database-tasks.ts"
import { logGroup } from "./log-group.ts"
import type { NetworkStack } from "./network.ts"
import { kept } from "./removal-policy.ts"

/** The administrator, whose password RDS makes, keeps in Secrets Manager and rotates every seven days. */
const ADMINISTRATOR = "perigee_administrator"

const GIB = 1024 ** 3

export class DataStack extends Stack {
  readonly database: DatabaseInstance
  readonly configs: Table
  readonly key: IKey

  constructor(scope: Construct, id: string, stage: Stage, network: NetworkStack, props: StackProps) {
    super(scope, id, { ...props, description: `Perigee ${stage.name}: PostgreSQL, JSON configurations, migrations` })
    this.key = customerKey(this, "DataKey", stage.name, {
      alias: "data",
      description: "Encrypts the database, its backups and secret, and the configurations",
      keep: stage.protect,
    })
    this.database = this.#database(stage, network)
    this.configs = this.#configs(stage)
    this.#operator(stage)
    new DatabaseTasks(this, "Tasks", stage, {
      network,
      database: this.database,
      administratorSecretArn: (this.database.node.defaultChild as CfnDBInstance).attrMasterUserSecretSecretArn,
      key: this.key,
    })
    this.#alarms(stage, network)
  }

  #database(stage: Stage, network: NetworkStack): DatabaseInstance {
    const { name, database, protect } = stage
    const engine = DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_18 })
    const keep = protect ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY
    // RDS writes to groups of these names: made before it does, they have our key and our retention.
    const logs = (["postgresql", "upgrade"] as const).map((log) => ({
      log,
      group: logGroup(
        this,
        `DatabaseLog-${log}`,
        stage,
        `/aws/rds/instance/${databaseIdentifier(name)}/${log}`,
        network.operationsKey,
      ),
    }))
    const instance = new DatabaseInstance(this, "Database", {
      engine,
      instanceIdentifier: databaseIdentifier(name),
      instanceType: new InstanceType(database.instance),
      databaseName: DATABASE,
      credentials: Credentials.fromUsername(ADMINISTRATOR, { encryptionKey: this.key }),
      manageMasterUserPassword: true,
      vpc: network.vpc,
      subnetGroup: new SubnetGroup(this, "DatabaseSubnets", {
        vpc: network.vpc,
        vpcSubnets: { subnets: network.vpc.isolatedSubnets },
        description: "The zones' data subnets",
        removalPolicy: RemovalPolicy.DESTROY,
      }),
      securityGroups: [network.groups.database],
      publiclyAccessible: false,
      multiAz: database.multiAz,
      storageType: StorageType.GP3,
      allocatedStorage: database.storage,
      maxAllocatedStorage: database.maximumStorage,
      storageEncrypted: true,
      storageEncryptionKey: this.key,
      iamAuthentication: true,
      caCertificate: CaCertificate.RDS_CA_RSA2048_G1,
      parameterGroup: new ParameterGroup(this, "DatabaseParameters", {
        engine,
        description: "TLS only; slow statements and connections in the log",
        parameters: {
          "rds.force_ssl": "1",
          log_connections: "1",
          log_disconnections: "1",
          log_min_duration_statement: "1000",
        },
      }),
      backupRetention: Duration.days(database.backupDays),
      preferredBackupWindow: "01:00-02:00",
      preferredMaintenanceWindow: "sun:02:30-sun:03:30",
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: !protect,
      deletionProtection: protect,
      autoMinorVersionUpgrade: true,
      enablePerformanceInsights: true,
      performanceInsightEncryptionKey: this.key,
      cloudwatchLogsExports: logs.map(({ log }) => log),
      removalPolicy: keep,
    })
    for (const { group } of logs) instance.node.addDependency(group)
    return instance
  }

  #configs({ name, protect }: Stage): Table {
    return new Table(this, "ServiceConfigs", {
      tableName: serviceConfigsTable(name),
      partitionKey: { name: "service", type: AttributeType.STRING },
      sortKey: { name: "name", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: this.key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: protect,
      removalPolicy: kept({ protect }),
    })
  }

  /** Writes configurations: a role that people of the account take, with a second factor. */
  #operator({ name }: Stage): void {
    const role = new Role(this, "Operator", {
      roleName: `perigee-${name}-operator`,
      description: "Reads and writes the services' JSON configurations",
      assumedBy: new AccountRootPrincipal().withConditions({ Bool: { "aws:MultiFactorAuthPresent": "true" } }),
    })
    allow(
      role,
      [
        "dynamodb:DeleteItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
      ],
      [this.configs.tableArn],
    )
    allow(role, ["kms:Decrypt", "kms:DescribeKey"], [this.key.keyArn], {
      conditions: { StringEquals: { "kms:ViaService": `dynamodb.${this.region}.amazonaws.com` } },
    })
    output(this, "OperatorRole", role.roleArn, "Who writes configurations takes this role")
  }

  #alarms({ database, protect }: Stage, { alarms }: NetworkStack): void {
    alarm(this, "DatabaseCpuAlarm", alarms, {
      metric: this.database.metricCPUUtilization({ period: MINUTE }),
      description:
        "The database's CPU is over 90 % for 10 minutes: look at Performance Insights for the statement, or take a larger instance",
      threshold: 90,
      periods: 10,
    })
    alarm(this, "DatabaseStorageAlarm", alarms, {
      metric: this.database.metricFreeStorageSpace({ period: Duration.minutes(5) }),
      description:
        "Less than a tenth of the database's first storage is free, and it should have grown by itself: raise database.maximumStorage",
      threshold: Math.floor((database.storage * GIB) / 10),
      comparison: ComparisonOperator.LESS_THAN_THRESHOLD,
    })
    if (!database.multiAz) {
      acknowledge(
        this.database,
        "AwsSolutions-RDS3",
        "This stage says multiAz: false: it may be away while its zone is",
      )
    }
    if (!protect) {
      acknowledge(this.database, "AwsSolutions-RDS10", "This stage says protect: false: it is deleted without ceremony")
    }
    acknowledge(
      this.database,
      "AwsSolutions-RDS11",
      "5432 is what the brief names; the port is no secret and reached by four groups only",
    )
  }
}
