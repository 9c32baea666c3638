/** Service deployments: ECS' record of a deployment, by which one that is under way is taken back the quick way. */
import {
  DescribeServiceDeploymentsCommand,
  DescribeServiceRevisionsCommand,
  ECSClient,
  ListServiceDeploymentsCommand,
  StopServiceDeploymentCommand,
} from "@aws-sdk/client-ecs"
import type { Session } from "../../session.ts"
import { revisionOf } from "./task-definitions.ts"

/**
 * Stops the service deployment that is under way and lets ECS return to the revision before it, whose tasks run still: no
 * new ones are started for it. Only where it leads from exactly `from` to exactly `to`.
 *
 * @param from `family:revision` that ran before
 * @param to `family:revision` that is being rolled out
 * @returns whether it did
 */
export async function stopUnderWay(
  { aws }: Session,
  of: { readonly cluster: string; readonly service: string; readonly from: string; readonly to: string },
  signal: AbortSignal,
): Promise<boolean> {
  const client = aws.client(ECSClient)
  const given = { abortSignal: signal }
  const { serviceDeployments: listed = [] } = await client.send(
    new ListServiceDeploymentsCommand({
      cluster: of.cluster,
      service: of.service,
      status: ["PENDING", "IN_PROGRESS"],
    }),
    given,
  )
  const arn = listed.length === 1 ? listed[0]?.serviceDeploymentArn : undefined
  if (arn === undefined) return false
  const { serviceDeployments: [deployment] = [] } = await client.send(
    new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [arn] }),
    given,
  )
  const target = deployment?.targetServiceRevision?.arn
  const source = deployment?.sourceServiceRevisions?.map((one) => one.arn ?? "") ?? []
  if (target === undefined || source.length !== 1) return false
  const { serviceRevisions = [] } = await client.send(
    new DescribeServiceRevisionsCommand({ serviceRevisionArns: [target, ...source] }),
    given,
  )
  const revision = (of: string | undefined) =>
    revisionOf(serviceRevisions.find(({ serviceRevisionArn }) => serviceRevisionArn === of)?.taskDefinition ?? "")
  if (revision(target) !== of.to || revision(source[0]) !== of.from) return false
  await client.send(new StopServiceDeploymentCommand({ serviceDeploymentArn: arn, stopType: "ROLLBACK" }), given)
  return true
}
