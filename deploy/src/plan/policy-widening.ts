/**
 * What policies allow that they did not: a new permission that no old one covers, an old denial that no new one covers. A
 * covering must be provable row by row; what can't be compared (`NotAction` and its like) counts as wider.
 */

import { resourcePolicies } from "../../../infra/src/proofs/claims/permissions.ts"
import { type Grant, grantsOf, grantsOfRole, roleName } from "../../../infra/src/proofs/policy.ts"
import type { Subject } from "../../../infra/src/proofs/proof.ts"
import type { Resource } from "../../../infra/src/templates/resolve.ts"
import { textOf } from "../../../infra/src/templates/value.ts"
import type { Widening } from "./widenings.ts"

type Row = Omit<Grant, "source">

/** A new role of a stack that is there is wider by all that it may: one of another logical id must not pass for none. */
export function widenedRoles(before: Subject, after: Subject): Widening[] {
  return after.resolved.ofType("AWS::IAM::Role").flatMap((now) => {
    if (!before.templates.some(({ name }) => name === now.template)) return []
    const subject = roleName(now, after.resolved)
    const was =
      before.resolved.at(now.address) ??
      before.resolved.ofType("AWS::IAM::Role").find((one) => roleName(one, before.resolved) === subject)
    const trusted = (role: Resource, { resolved }: Subject) =>
      grantsOf(role.properties["AssumeRolePolicyDocument"], role, resolved)
    const documents = [
      ["role's policy", was ? grantsOfRole(was, before.resolved) : [], grantsOfRole(now, after.resolved)],
      ["trust", was ? trusted(was, before) : [], trusted(now, after)],
    ] as const
    const boundary = textOf(was?.properties["PermissionsBoundary"])
    const lost = boundary !== undefined && textOf(now.properties["PermissionsBoundary"]) !== boundary
    return [
      ...documents.flatMap(([kind, old, fresh]) =>
        widened(old, fresh).map((what): Widening => ({ kind, subject, what })),
      ),
      ...(lost
        ? [{ kind: "role's policy", subject, what: `its boundary ${boundary} is gone or another` } as const]
        : []),
    ]
  })
}

/** A policy that is gone takes its denials with it. */
export function widenedResourcePolicies(before: Subject, after: Subject): Widening[] {
  const [old, fresh] = [resourcePolicies(before), resourcePolicies(after)]
  return [...new Set([...old.keys(), ...fresh.keys()])].flatMap((subject) => {
    const [was, now] = [old.get(subject), fresh.get(subject)]
    const { template = "", type } = (was ?? now)?.resource ?? {}
    // A whole stack that comes or goes takes what its policies are about with it.
    const both = [before, after].every(({ templates }) => templates.some(({ name }) => name === template))
    if (!both) return []
    // A policy that is part of what it is about comes and goes with it; one that is a resource of its own does not.
    const own = /Policy$/.test(type ?? "")
    const there = [before, after].every(
      ({ resolved }) => resolved.at((was ?? now)?.resource.address ?? "") !== undefined,
    )
    if (!own && !there) return []
    return widened(was?.grants ?? [], now === undefined ? [] : withDefault(now)).map(
      (what): Widening => ({ kind: "resource policy", subject, what }),
    )
  })
}

/** An endpoint without a policy allows everything. Source: VPC user guide, “Default endpoint policy”. */
function withDefault({ resource, grants }: { resource: Grant["source"]; grants: readonly Grant[] }): readonly Row[] {
  if (resource.type !== "AWS::EC2::VPCEndpoint" || grants.length > 0) return grants
  return [{ effect: "allow", principal: "*", action: "*", resource: "*", condition: "" }]
}

/** @returns a line for each, actions of one resource together */
export function widened(before: readonly Row[], after: readonly Row[]): string[] {
  const allowed = after.filter(
    (row) => row.effect === "allow" && !before.some((old) => old.effect === "allow" && covers(old, row)),
  )
  const undenied = before.filter(
    (row) => row.effect === "deny" && !after.some((now) => now.effect === "deny" && covers(now, row)),
  )
  return [
    ...lines(allowed, (row) => {
      const former = before.find((old) => old.effect === "allow" && sameButCondition(old, row))
      return former === undefined || former.condition === "" ? "" : `; before only if ${former.condition}`
    }),
    ...lines(undenied, () => "").map((line) => `no longer: ${line}`),
  ]
}

function lines(rows: readonly Row[], after: (row: Row) => string): string[] {
  const key = (row: Row) => JSON.stringify([row.principal, row.resource, row.condition, row.effect, after(row)])
  return [...Map.groupBy(rows, key).values()].map((of) => {
    const [row] = of as [Row, ...Row[]]
    const actions = [...new Set(of.map(({ action }) => action))].sort().join(", ")
    const who = row.principal === "" ? "" : ` ${row.principal}`
    const where = row.resource === "self" ? "" : ` on ${row.resource}`
    return `${row.effect}${who} ${actions}${where}${row.condition === "" ? "" : ` if ${row.condition}`}${after(row)}`
  })
}

function sameButCondition(one: Row, other: Row): boolean {
  return one.principal === other.principal && one.action === other.action && one.resource === other.resource
}

/** Whether everything that `inner` matches is matched by `outer`. */
export function covers(outer: Row, inner: Row): boolean {
  return (
    (outer.principal === inner.principal || outer.principal === "*") &&
    matches(outer.action.toLowerCase(), inner.action.toLowerCase()) &&
    matches(outer.resource, inner.resource) &&
    conditionCovers(outer.condition, inner.condition)
  )
}

/** Whether a pattern of `*` and `?` takes in everything that another does. */
export function matches(outer: string, inner: string): boolean {
  if (outer === inner || outer === "*") return true
  if (outer.startsWith("not ") || inner.startsWith("not ")) return false
  const [o = "", i = ""] = [outer[0], inner[0]]
  if (o === "") return i === ""
  if (o === "*") {
    for (let at = 0; at <= inner.length; at++) if (matches(outer.slice(1), inner.slice(at))) return true
    return false
  }
  if (i === "" || i === "*") return false
  return (o === "?" || o === i) && matches(outer.slice(1), inner.slice(1))
}

/** Fewer tests, or tests that let more through. */
function conditionCovers(outer: string, inner: string): boolean {
  const tests = testsOf(inner)
  return testsOf(outer).every(({ operator, key, values }) => {
    const other = tests.find((one) => one.operator === operator && one.key === key)
    if (other === undefined) return false
    if (/Not/.test(operator)) return values.every((value) => other.values.includes(value))
    const like = /Like/.test(operator)
    return other.values.every((value) => values.some((one) => (like ? matches(one, value) : one === value)))
  })
}

function testsOf(condition: string): { operator: string; key: string; values: string[] }[] {
  if (condition === "") return []
  return condition.split(" and ").map((test) => {
    const [, operator = "", key = "", values = ""] = /^(\S+) (\S+) (.*)$/s.exec(test) ?? []
    return { operator, key, values: values.split("|") }
  })
}
