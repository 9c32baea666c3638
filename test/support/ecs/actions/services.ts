/** DescribeServices and UpdateService. Source: ECS API reference, the pages of both. */
import type { DescribeServicesRequest, UpdateServiceRequest } from "@aws-sdk/client-ecs"
import { EcsError } from "../ecs-error.ts"
import { arnBeside, nameIn } from "../ids.ts"
import type { Action } from "./action.ts"

export const describeServices: Action<DescribeServicesRequest> = async (
  { cluster, services: names = [], include = [] },
  { fleet },
) => {
  if (names.length === 0) throw new EcsError("InvalidParameterException", "Services cannot be empty.")
  if (names.length > 10) throw new EcsError("InvalidParameterException", "Services cannot be more than 10.")
  await fleet.inTurn(() => fleet.look(cluster, names))
  const clusterArn = await fleet.account.clusterArn(cluster)
  const found = names.map((name) => [name, fleet.find(name, clusterArn)] as const)
  const missing = (name: string) =>
    name.startsWith("arn:") ? name : arnBeside(clusterArn, `service/${nameIn(clusterArn)}/${name}`)
  return {
    services: found.flatMap(([, service]) => (service === undefined ? [] : [service.view(include)])),
    failures: found.flatMap(([name, one]) => (one === undefined ? [{ arn: missing(name), reason: "MISSING" }] : [])),
  }
}

export const updateService: Action<UpdateServiceRequest> = async (input, { fleet }) => {
  const { cluster, service: reference = "", taskDefinition, desiredCount, forceNewDeployment } = input
  const clusterArn = await fleet.account.clusterArn(cluster)
  await fleet.seen(clusterArn, nameIn(reference))
  const service = fleet.service(reference, clusterArn)
  if (desiredCount !== undefined && desiredCount < 0) {
    throw new EcsError("InvalidParameterException", "desiredCount must be greater than or equal to 0.")
  }
  const now = service.primary.revision.configuration
  const wanted =
    taskDefinition === undefined
      ? now.taskDefinition
      : (await fleet.account.taskDefinition(taskDefinition)).taskDefinition
  if (wanted.status === "INACTIVE" && wanted.taskDefinitionArn !== now.taskDefinition.taskDefinitionArn) {
    throw new EcsError("ClientException", "TaskDefinition is inactive")
  }
  if (input.deploymentConfiguration !== undefined) {
    service.deploymentConfiguration = { ...service.deploymentConfiguration, ...input.deploymentConfiguration }
  }
  if (desiredCount !== undefined) service.desiredCount = desiredCount
  for (const name of [
    "healthCheckGracePeriodSeconds",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "propagateTags",
    "availabilityZoneRebalancing",
    "placementConstraints",
    "placementStrategy",
  ] as const) {
    if (input[name] !== undefined) service.rest = { ...service.rest, [name]: input[name] }
  }
  const configuration = {
    taskDefinition: wanted,
    networkConfiguration: input.networkConfiguration ?? now.networkConfiguration,
    loadBalancers: input.loadBalancers ?? now.loadBalancers,
    platformVersion: input.platformVersion ?? now.platformVersion,
  }
  const other =
    wanted.taskDefinitionArn !== now.taskDefinition.taskDefinitionArn ||
    JSON.stringify({ ...configuration, taskDefinition: "" }) !== JSON.stringify({ ...now, taskDefinition: "" })
  if (other || forceNewDeployment) service.deploy(configuration)
  else service.reconcile()
  return { service: service.view(["TAGS"]) }
}
