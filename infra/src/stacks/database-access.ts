/** How a task finds the database, and as whom it may log in. */
import { Stack } from "aws-cdk-lib"
import type { Role } from "aws-cdk-lib/aws-iam"
import type { DatabaseInstance } from "aws-cdk-lib/aws-rds"
import { DATABASE } from "../names.ts"
import { allow } from "./allow.ts"

/** The place, and RDS' certificate authorities, which the images carry. */
export function databaseEnvironment(database: DatabaseInstance): Readonly<Record<string, string>> {
  return {
    DB_HOST: database.dbInstanceEndpointAddress,
    DB_PORT: database.dbInstanceEndpointPort,
    DB_NAME: DATABASE,
    DB_CA: "rds",
  }
}

/** Allows IAM login as that one database user. Source: RDS user guide, “Creating and using an IAM policy for IAM database access”. */
export function mayConnectAs(role: Role, database: DatabaseInstance, user: string): void {
  const { partition, region, account } = Stack.of(role)
  const resourceId = database.instanceResourceId
  if (resourceId === undefined) throw new TypeError("the database has no resource id")
  allow(role, ["rds-db:connect"], [`arn:${partition}:rds-db:${region}:${account}:dbuser:${resourceId}/${user}`])
}
