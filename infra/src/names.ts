/** Names that more than one stack, the services or the deploy program must agree on. */
import { Stack } from "aws-cdk-lib"
import type { IConstruct } from "constructs"
import { SERVICES, type ServiceName } from "./stage.ts"

/** What has an image: the fetcher, the Lambda and the three services. */
export const IMAGES = ["get_data", "neows_lambda", ...SERVICES] as const
export type ImageName = (typeof IMAGES)[number]

/** Images that tasks run, so that a parameter says which one; the Lambda is released by its zip, version and alias. */
export const ROLLED_OUT = ["get_data", ...SERVICES] as const
export type RolledOutName = (typeof ROLLED_OUT)[number]

export const STACKS = ["network", "delivery", "data", "platform", "neo"] as const
export type StackName = (typeof STACKS)[number]

/** CloudFormation's name of a stack. */
export function stackName(stage: string, stack: StackName): string {
  return `perigee-${stage}-${stack}`
}

/** The network stack's parameter that says which zone's NAT gateway carries the one static address. */
export const EGRESS_ZONE = "EgressZone"
/** Its value with which there is no way out: between two zones, while the address moves. */
export const NO_EGRESS = "none"
/** The network stack's output that tells the address. */
export const EGRESS_IP = "EgressIp"

/** The SSM parameter that holds the running image, as `<repository>@sha256:<digest>`; a successful rollout writes it. */
export function imageParameter(stage: string, name: RolledOutName): string {
  return `/perigee/${stage}/${name}/image`
}

/** What an image parameter holds before anything was rolled out. */
export const NOTHING_ROLLED_OUT = "none"

export function repositoryName(stage: string, image: ImageName): string {
  return `perigee-${stage}/${image}`
}

/**
 * The table of releases and of the one lock, partition `kind` (`release` or `lock`), sort key `id`: who deployed what, when,
 * and what came of it.
 */
export function releasesTable(stage: string): string {
  return `perigee-${stage}-releases`
}

/** The Lambda's name. */
export function functionName(stage: string): string {
  return `perigee-${stage}-neows`
}

export function clusterName(stage: string, of: "data" | "platform" | "neo"): string {
  return `perigee-${stage}-${of}`
}

export function serviceConfigsTable(stage: string): string {
  return `perigee-${stage}-service-configs`
}

export function serviceConfigsTableArn(scope: IConstruct, stage: string): string {
  const { partition, region, account } = Stack.of(scope)
  return `arn:${partition}:dynamodb:${region}:${account}:table/${serviceConfigsTable(stage)}`
}

/** S3's names are the whole world's: the account and region make it ours. */
export function neowsBucketName(scope: IConstruct, stage: string): string {
  const { account, region } = Stack.of(scope)
  return `perigee-${stage}-neows-${account}-${region}`
}

/** A database role is called like its service. */
export function databaseUser(service: ServiceName): string {
  return service
}

export const MIGRATOR = "perigee_migrator"
export const DATABASE = "perigee"

/** The instance's identifier, which its log groups are named after. */
export function databaseIdentifier(stage: string): string {
  return `perigee-${stage}`
}
