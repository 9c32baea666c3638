/**
 * One-off tasks that prepare the database, run by the deploy program before the services: `roles` once, as administrator,
 * and `migrate` before each rollout. They belong to the data, so that a schema is there before the first service starts.
 */
import { Aws } from "aws-cdk-lib"
import { Cluster, ContainerInsights, Secret as ContainerSecret } from "aws-cdk-lib/aws-ecs"
import type { IKey } from "aws-cdk-lib/aws-kms"
import type { DatabaseInstance } from "aws-cdk-lib/aws-rds"
import { Secret } from "aws-cdk-lib/aws-secretsmanager"
import { Construct } from "constructs"
import { clusterName, MIGRATOR } from "../names.ts"
import { SERVICES, type Stage } from "../stage.ts"
import { allow } from "./allow.ts"
import { databaseEnvironment, mayConnectAs } from "./database-access.ts"
import { logGroup } from "./log-group.ts"
import type { NetworkStack } from "./network.ts"
import { Task } from "./task.ts"

const SIZE = { cpu: 256, memoryMiB: 512 } as const

export interface DatabaseTasksProps {
  readonly network: NetworkStack
  readonly database: DatabaseInstance
  readonly administratorSecretArn: string
  readonly key: IKey
}

export class DatabaseTasks extends Construct {
  constructor(scope: Construct, id: string, stage: Stage, props: DatabaseTasksProps) {
    super(scope, id)
    new Cluster(this, "Cluster", {
      clusterName: clusterName(stage.name, "data"),
      vpc: props.network.vpc,
      containerInsightsV2: ContainerInsights.ENABLED,
    })
    const logs = logGroup(this, "Logs", stage, `/perigee/${stage.name}/migration`, props.network.operationsKey)
    const secret = Secret.fromSecretCompleteArn(this, "Administrator", props.administratorSecretArn)
    for (const service of SERVICES) {
      const place = databaseEnvironment(props.database)
      const roles = new Task(this, `${service}-roles`, stage, {
        name: `${service}-roles`,
        image: service,
        size: SIZE,
        command: ["roles"],
        environment: { ...place, ROLE_LOGIN: "iam" },
        secrets: {
          DB_USER: ContainerSecret.fromSecretsManager(secret, "username"),
          DB_PASSWORD: ContainerSecret.fromSecretsManager(secret, "password"),
        },
        logs,
      })
      // RDS encrypts the administrator's secret with the data key.
      allow(roles.executionRole, ["kms:Decrypt"], [props.key.keyArn], {
        conditions: { StringEquals: { "kms:ViaService": `secretsmanager.${stage.region}.amazonaws.com` } },
      })
      const migrate = new Task(this, `${service}-migrate`, stage, {
        name: `${service}-migrate`,
        image: service,
        size: SIZE,
        command: ["migrate"],
        environment: { ...place, DB_IAM: "true", DB_USER: MIGRATOR, AWS_REGION: Aws.REGION },
        logs,
      })
      mayConnectAs(migrate.role, props.database, MIGRATOR)
    }
  }
}
