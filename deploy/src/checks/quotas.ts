/** AWS lets the account have as much as the stage needs. */
import { DescribeAddressesCommand, EC2Client } from "@aws-sdk/client-ec2"
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ServiceQuotasClient,
} from "@aws-sdk/client-service-quotas"
import type { Stage } from "../../../infra/src/stage.ts"
import { type Check, failed, ok } from "../check.ts"
import type { Session } from "../session.ts"
import { describe } from "../stacks.ts"

interface Quota {
  readonly ServiceCode: string
  readonly QuotaCode: string
}

/** Source: Service Quotas user guide and console, “EC2-VPC Elastic IPs” and “Fargate On-Demand vCPU resource count”. */
const ELASTIC_IPS: Quota = { ServiceCode: "ec2", QuotaCode: "L-0263D0A3" }
const FARGATE_VCPU: Quota = { ServiceCode: "fargate", QuotaCode: "L-3032A538" }

const CPU_UNITS_OF_A_VCPU = 1024
/** While a rollout runs a service may have twice its tasks: the services' maxHealthyPercent is 200. */
const ROLLOUT = 2

export const elasticIps: Check = {
  name: "quota of Elastic IPs",
  async findings(session, signal) {
    const [quota, { Addresses = [] }, network] = await Promise.all([
      value(session, ELASTIC_IPS, signal),
      session.aws.client(EC2Client).send(new DescribeAddressesCommand({}), { abortSignal: signal }),
      describe(session, "network", signal),
    ])
    // The stage has one, which it brings with its network stack.
    const more = network === undefined ? 1 : 0
    const needed = Addresses.length + more
    const what = `quota of Elastic IPs: ${quota}; the account has ${Addresses.length}, the stage needs ${more} more`
    return [needed <= quota ? ok(what) : failed(what, ask(ELASTIC_IPS, needed, session.stage.region))]
  },
}

export const fargate: Check = {
  name: "quota of Fargate",
  async findings(session, signal) {
    const needed = vcpusNeeded(session.stage)
    const quota = await value(session, FARGATE_VCPU, signal)
    const what = `quota of Fargate: ${quota} vCPU; the stage needs ${needed} when every service is at its most and rolls out`
    return [needed <= quota ? ok(what) : failed(what, ask(FARGATE_VCPU, Math.ceil(needed), session.stage.region))]
  },
}

/** vCPU of all tasks that may run at once: services at their maximum, twice while they roll out, and one fetch. */
export function vcpusNeeded({ services, neows }: Stage): number {
  const units = Object.values(services).reduce((sum, { cpu, maximum }) => sum + cpu * maximum * ROLLOUT, neows.task.cpu)
  return units / CPU_UNITS_OF_A_VCPU
}

/** The account's own, else AWS' for everybody. */
async function value({ aws }: Session, quota: Quota, signal: AbortSignal): Promise<number> {
  const client = aws.client(ServiceQuotasClient)
  const { Quota: found } = await client
    .send(new GetServiceQuotaCommand(quota), { abortSignal: signal })
    .catch(async (error) => {
      if (error instanceof Error && error.name === "NoSuchResourceException")
        return await client.send(new GetAWSDefaultServiceQuotaCommand(quota), { abortSignal: signal })
      throw error
    })
  if (found?.Value === undefined) throw new TypeError(`Service Quotas tells no value of ${quota.QuotaCode}`)
  return found.Value
}

function ask({ ServiceCode, QuotaCode }: Quota, desired: number, region: string): string {
  return (
    `aws service-quotas request-service-quota-increase --service-code ${ServiceCode} --quota-code ${QuotaCode} ` +
    `--desired-value ${desired} --region ${region}`
  )
}
