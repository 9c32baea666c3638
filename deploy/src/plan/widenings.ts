/** Everything that is allowed after a plan and is not now; what is new as a whole stack is no widening of one. */
import { difference } from "../../../infra/src/intervals.ts"
import { PROTOCOLS, pairs } from "../../../infra/src/proofs/matrix.ts"
import { ICMP, TCP, UDP } from "../../../infra/src/proofs/network.ts"
import type { Subject } from "../../../infra/src/proofs/proof.ts"
import { INTERNET } from "../../../infra/src/proofs/reach.ts"
import type { Resource } from "../../../infra/src/templates/resolve.ts"
import { at as below, flagOf, textOf } from "../../../infra/src/templates/value.ts"
import { widenedAcls, widenedGroups } from "./network-widening.ts"
import { widenedResourcePolicies, widenedRoles } from "./policy-widening.ts"
import { portsText } from "./traffic.ts"

export interface Widening {
  readonly kind:
    | "security group"
    | "network ACL"
    | "role's policy"
    | "trust"
    | "resource policy"
    | "exposure"
    | "who reaches whom"
  /** What is wider: `network/Groupsdatabase…`, a role's name, `internet → database`. */
  readonly subject: string
  /** One line. */
  readonly what: string
}

/**
 * @param before what is deployed, with the values of its parameters
 * @param after what is planned, with its own
 */
export function wideningsOf(before: Subject, after: Subject): Widening[] {
  return [
    ...widenedGroups(before.network, after.network),
    ...widenedAcls(before.network, after.network),
    ...widenedRoles(before, after),
    ...widenedResourcePolicies(before, after),
    ...exposed(before, after),
    ...reachable(before, after),
  ]
}

/** Between things of stacks that are deployed, and the internet: by routes, addresses and memberships too. */
function reachable(before: Subject, after: Subject): Widening[] {
  const deployed = new Set(before.templates.map(({ name }) => name))
  const known = new Set([
    INTERNET,
    ...before.reach.names,
    ...after.network.things.flatMap(({ name, resources }) =>
      resources.some(({ template }) => deployed.has(template)) ? [name] : [],
    ),
  ])
  const numbers = { tcp: TCP, udp: UDP, icmp: ICMP, other: 253 }
  return pairs(after.reach).flatMap(([from, to]): Widening[] => {
    if (!known.has(from) || !known.has(to)) return []
    const now = after.reach.cell(from, to)
    const there = [from, to].every((name) => before.reach.names.includes(name))
    const was = there ? before.reach.cell(from, to) : undefined
    const opened = PROTOCOLS.flatMap((protocol) => {
      const left = difference(now[protocol].some, was?.[protocol].some ?? [])
      return left.length === 0 ? [] : [portsText(numbers[protocol], left)]
    })
    return opened.length === 0
      ? []
      : [{ kind: "who reaches whom", subject: `${from} → ${to}`, what: opened.join("; ") }]
  })
}

/** Settings by which something is open to the world, and how they read when it is. */
const SWITCHES: readonly (readonly [type: string, path: readonly string[], open: (resource: Resource) => boolean])[] = [
  ["AWS::RDS::DBInstance", ["PubliclyAccessible"], (one) => flagOf(one.properties["PubliclyAccessible"]) !== false],
  ["AWS::EC2::Subnet", ["MapPublicIpOnLaunch"], (one) => flagOf(one.properties["MapPublicIpOnLaunch"]) === true],
  [
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    ["Scheme"],
    (one) => (textOf(one.properties["Scheme"]) ?? "internet-facing") !== "internal",
  ],
  ...["ECS::Service", "Scheduler::Schedule"].map(
    (type) =>
      [
        `AWS::${type}`,
        ["AssignPublicIp"],
        (one: Resource) => /"AssignPublicIp":"ENABLED"/.test(textOf(one.properties) ?? ""),
      ] as const,
  ),
  ...["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"].map(
    (name) =>
      [
        "AWS::S3::Bucket",
        ["PublicAccessBlockConfiguration", name],
        (one: Resource) => flagOf(below(one.properties, "PublicAccessBlockConfiguration", name)) !== true,
      ] as const,
  ),
]

function exposed(before: Subject, after: Subject): Widening[] {
  const switched = SWITCHES.flatMap(([type, path, open]) =>
    after.resolved.ofType(type).flatMap((now): Widening[] => {
      const was = before.resolved.at(now.address)
      if (was === undefined || open(was) || !open(now)) return []
      const value = textOf(below(now.properties, ...path)) ?? "its default"
      return [{ kind: "exposure", subject: now.address, what: `${path.join(".")} is ${value}` }]
    }),
  )
  const unguarded = before.resolved.ofType("AWS::WAFv2::WebACLAssociation").flatMap((was): Widening[] => {
    const guarded = textOf(was.properties["ResourceArn"])
    const still = after.resolved
      .ofType("AWS::WAFv2::WebACLAssociation")
      .some((now) => textOf(now.properties["ResourceArn"]) === guarded)
    return still ? [] : [{ kind: "exposure", subject: was.address, what: `no firewall guards ${guarded}` }]
  })
  return [...switched, ...unguarded]
}
