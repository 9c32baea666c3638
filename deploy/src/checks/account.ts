/** The account and region are those of the stage. */
import { DescribeAvailabilityZonesCommand, EC2Client } from "@aws-sdk/client-ec2"
import { type Check, failed, ok } from "../check.ts"
import { identityOf } from "../identity.ts"

export const account: Check = {
  name: "account",
  async findings(session, signal) {
    const { stage } = session
    const { account: id, arn } = await identityOf(session, signal)
    if (stage.account === undefined) return [ok(`account ${id} as ${arn}; the stage names no other`)]
    if (stage.account === id) return [ok(`account ${id} as ${arn}`)]
    return [
      failed(
        `account ${id} as ${arn}: the stage is for ${stage.account}`,
        `take credentials of ${stage.account}, or mend account in infra/config/${stage.name}.ts`,
      ),
    ]
  },
}

export const region: Check = {
  name: "region",
  async findings({ aws, stage }, signal) {
    const { AvailabilityZones = [] } = await aws
      .client(EC2Client)
      .send(new DescribeAvailabilityZonesCommand({}), { abortSignal: signal })
    const usable = new Map(AvailabilityZones.map(({ ZoneName, State }) => [ZoneName, State]))
    const missing = stage.zones.filter((zone) => usable.get(`${stage.region}${zone}`) !== "available")
    if (missing.length === 0) return [ok(`region ${stage.region} with zones ${stage.zones.join(", ")}`)]
    return [
      failed(
        `region ${stage.region}: zones ${missing.join(", ")} are not available to the account`,
        `name others in infra/config/${stage.name}.ts: ${[...usable.keys()].map((zone = "") => zone.slice(stage.region.length)).join(", ")}`,
      ),
    ]
  },
}
