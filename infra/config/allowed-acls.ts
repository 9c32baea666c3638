/**
 * What each tier's network ACL lets through, word for word: apart from the stacks, so that a mistake in a stack can't be in
 * both. All of it is TCP; no other protocol passes any of them. ACLs are stateless, so answers have entries of their own.
 */
import type { AllowedAcls, PortRange } from "../src/allowed-acls.ts"

/** Where answers go. Source: VPC user guide, “Custom network ACLs”, ephemeral ports of NAT gateways and load balancers. */
const EPHEMERAL: PortRange = [1024, 65_535]

export const acls: AllowedAcls = {
  public: {
    in: { anywhere: [80, 443, EPHEMERAL] },
    out: { anywhere: [443, EPHEMERAL], service: [1010, 2020, 3030] },
  },
  service: {
    in: { anywhere: [EPHEMERAL], public: [1010, 2020, 3030], service: [443] },
    out: { anywhere: [443], public: [EPHEMERAL], service: [EPHEMERAL], data: [5432] },
  },
  data: {
    in: { service: [5432] },
    out: { service: [EPHEMERAL] },
  },
}
