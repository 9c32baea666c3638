/** The table of roles: who may take each, and which services' actions it may use; alike roles are one line. */
import type { Resolved, Resource } from "../templates/resolve.ts"
import { at, list, textOf, type Value } from "../templates/value.ts"
import type { Role } from "./architecture.ts"
import type { Names } from "./names.ts"

export function rolesOf(resolved: Resolved, names: Names): Role[] {
  const roles = resolved.ofType("AWS::IAM::Role").map((role) => {
    const trust = trusted(role)
    const services = [...new Set(actionsOf(role, resolved).map((action) => action.replace(/:.*$/, "")))].sort()
    const { use, user } = useOf(role, resolved, names)
    return { role, trust, services, use, user, like: JSON.stringify([use, trust, services]) }
  })
  return [...Map.groupBy(roles, ({ like }) => like).values()].flatMap((same) => {
    const [first] = same
    if (first === undefined) return []
    const users = same.map(({ user }) => user).join(", ")
    return {
      members: same.map(({ role }) => role.address),
      title: first.use === "" ? users : `${first.use} of ${users}`,
      facts: [`${first.trust} → ${first.services.length > 0 ? first.services.join(", ") : "nothing"}`],
    }
  })
}

/** What takes the role: a task definition's family, or its own name. */
function useOf(role: Resource, resolved: Resolved, names: Names): { use: string; user: string } {
  for (const definition of resolved.ofType("AWS::ECS::TaskDefinition")) {
    const { TaskRoleArn, ExecutionRoleArn, Family } = definition.properties
    const user = names.short(textOf(Family) ?? definition.id)
    if (resolved.of(TaskRoleArn) === role) return { use: "task role", user }
    if (resolved.of(ExecutionRoleArn) === role) return { use: "execution role", user }
  }
  return { use: "", user: names.of(role) }
}

function trusted(role: Resource): string {
  const principals = list(at(role.properties, "AssumeRolePolicyDocument", "Statement")).flatMap((statement) => {
    const principal = at(statement, "Principal")
    if (typeof principal === "string") return [principal]
    return Object.entries((principal ?? {}) as Record<string, Value>).flatMap(([kind, value]) =>
      list(value).map((one) => {
        const text = textOf(one) ?? ""
        if (kind === "Service") return text.replace(/\.amazonaws\.com$/, "")
        if (kind === "Federated") return "OIDC"
        return text.endsWith(":root") ? "this account" : text
      }),
    )
  })
  const mfa = JSON.stringify(role.properties["AssumeRolePolicyDocument"] ?? null).includes("MultiFactorAuthPresent")
  return `${[...new Set(principals)].join(", ")}${mfa ? " with a second factor" : ""}`
}

/** Actions that its own policies allow. */
function actionsOf(role: Resource, resolved: Resolved): string[] {
  const documents = [
    ...list(role.properties["Policies"]).map((policy) => at(policy, "PolicyDocument")),
    ...resolved
      .ofType("AWS::IAM::Policy")
      .filter(({ properties }) => list(properties["Roles"]).some((one) => resolved.of(one) === role))
      .map(({ properties }) => properties["PolicyDocument"]),
  ]
  return documents
    .flatMap((document) => list(at(document, "Statement")))
    .filter((statement) => textOf(at(statement, "Effect")) === "Allow")
    .flatMap((statement) => list(at(statement, "Action")))
    .flatMap((action) => textOf(action) ?? [])
}
