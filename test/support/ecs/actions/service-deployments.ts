/** Rollouts, with what became of them. Source: ECS API reference, the pages of the four actions. */
import type {
  DescribeServiceDeploymentsRequest,
  DescribeServiceRevisionsRequest,
  ListServiceDeploymentsRequest,
  StopServiceDeploymentRequest,
} from "@aws-sdk/client-ecs"
import { EcsError } from "../ecs-error.ts"
import { page } from "../page.ts"
import type { Action } from "./action.ts"

export const listServiceDeployments: Action<ListServiceDeploymentsRequest> = async (input, { fleet }) => {
  await fleet.inTurn(() => fleet.look(input.cluster, [input.service ?? ""]))
  const service = fleet.service(input.service ?? "", await fleet.account.clusterArn(input.cluster))
  // On the wire these are seconds since 1970.
  const { after = 0, before = Number.POSITIVE_INFINITY } = input.createdAt ?? {}
  const found = service.records.filter(
    ({ status, createdAt }) =>
      (input.status === undefined || input.status.length === 0 || input.status.includes(status)) &&
      createdAt.getTime() >= Number(after) * 1000 &&
      createdAt.getTime() <= Number(before) * 1000,
  )
  const { items, nextToken } = page(found, input)
  return { serviceDeployments: items.map((one) => one.brief()), nextToken }
}

export const describeServiceDeployments: Action<DescribeServiceDeploymentsRequest> = async (
  { serviceDeploymentArns: arns = [] },
  { fleet },
) => {
  if (arns.length > 20) throw new EcsError("InvalidParameterException", "serviceDeploymentArns cannot be more than 20.")
  const all = [...fleet.services.values()].flatMap((service) => service.records.map((record) => ({ service, record })))
  const found = arns.map((arn) => [arn, all.find(({ record }) => record.arn === arn)] as const)
  return {
    serviceDeployments: found.flatMap(([, one]) => (one === undefined ? [] : [one.service.record(one.record)])),
    failures: found.flatMap(([arn, one]) => (one === undefined ? [{ arn, reason: "MISSING" }] : [])),
  }
}

export const stopServiceDeployment: Action<StopServiceDeploymentRequest> = async (
  { serviceDeploymentArn = "", stopType = "ROLLBACK" },
  { fleet },
) => {
  const service = [...fleet.services.values()].find(({ records }) =>
    records.some(({ arn }) => arn === serviceDeploymentArn),
  )
  const record = service?.records.find(({ arn }) => arn === serviceDeploymentArn)
  if (service === undefined || record === undefined) {
    throw new EcsError("ServiceDeploymentNotFoundException", "Service deployment not found.")
  }
  if (record.status !== "IN_PROGRESS" || service.primary.record !== record) {
    throw new EcsError("ConflictException", "The service deployment is not in a state that can be stopped.")
  }
  if (stopType === "ABORT") service.abort()
  else service.rollBack("Service deployment rolled back because of a stop request.")
  return { serviceDeploymentArn }
}

export const describeServiceRevisions: Action<DescribeServiceRevisionsRequest> = async (
  { serviceRevisionArns: arns = [] },
  { fleet },
) => {
  if (arns.length > 20) throw new EcsError("InvalidParameterException", "serviceRevisionArns cannot be more than 20.")
  const all = [...fleet.services.values()].flatMap(({ revisions }) => revisions)
  const found = arns.map((arn) => [arn, all.find((one) => one.arn === arn)] as const)
  return {
    serviceRevisions: found.flatMap(([, one]) => (one === undefined ? [] : [one.view()])),
    failures: found.flatMap(([arn, one]) => (one === undefined ? [{ arn, reason: "MISSING" }] : [])),
  }
}
