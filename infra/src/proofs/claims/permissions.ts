/** Who may do what on which resource, compared with the table that the stage allows; and what no table may allow. */
import type { Permission, ResourcePermission } from "../../allowed.ts"
import type { Resource } from "../../templates/resolve.ts"
import { at, list, textOf } from "../../templates/value.ts"
import { type Grant, grantsOf, grantsOfRole, nameOf, roleName } from "../policy.ts"
import { each, type Failure, type Outcome, type Proof, type Subject } from "../proof.ts"

/** Types of resources that have a policy of their own, and the property that it is in. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  "AWS::EC2::VPCEndpoint": "PolicyDocument",
  "AWS::KMS::Key": "KeyPolicy",
  "AWS::S3::BucketPolicy": "PolicyDocument",
  "AWS::SNS::TopicPolicy": "PolicyDocument",
  "AWS::SQS::QueuePolicy": "PolicyDocument",
  "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
  "AWS::ECR::Repository": "RepositoryPolicyText",
  "AWS::DynamoDB::Table": "ResourcePolicy",
  "AWS::Logs::ResourcePolicy": "PolicyDocument",
}

/** Every policy of a resource's own, by the name that the tables know the resource by. */
export function resourcePolicies({ resolved, network }: Subject): Map<string, { resource: Resource; grants: Grant[] }> {
  const found = new Map<string, { resource: Resource; grants: Grant[] }>()
  for (const [type, property] of Object.entries(DOCUMENTS)) {
    for (const resource of resolved.ofType(type)) {
      const document = resource.properties[property]
      if (document === undefined && type !== "AWS::KMS::Key" && type !== "AWS::EC2::VPCEndpoint") continue
      const endpoint = network.things.find(({ resources: [one] }) => one === resource)?.name
      const key = type === "AWS::KMS::Key" ? keyName(resource, resolved) : undefined
      const name = endpoint ?? key ?? nameOf(resource, resolved)
      // A second one of a name hides no first: it is nobody that the tables know.
      found.set(found.has(name) ? `${name} once more, ${resource.address}` : name, {
        resource,
        grants: grantsOf(at(document, "PolicyDocument") ?? document, resource, resolved),
      })
    }
  }
  return found
}

function keyName(key: Resource, resolved: Subject["resolved"]): string | undefined {
  const alias = resolved.ofType("AWS::KMS::Alias").find((one) => resolved.of(one.properties["TargetKeyId"]) === key)
  const name = textOf(alias?.properties["AliasName"])
  return name === undefined ? undefined : `kms ${name}`
}

/** One line for each row, the same for a computed and an allowed one. */
function row({ effect, principal, resource, action, condition }: Omit<Grant, "source">): string {
  const who = principal === "" ? "" : ` ${principal}`
  return `${effect}${who} ${action} on ${resource}${condition === "" ? "" : ` if ${condition}`}`
}

function rowsOf(effect: "allow" | "deny", permissions: readonly Permission[]): string[] {
  return permissions.flatMap(([resource, actions, condition = ""]) =>
    actions.split(" ").map((action) => row({ effect, principal: "", resource, action, condition })),
  )
}

function resourceRowsOf(permissions: readonly ResourcePermission[]): string[] {
  return permissions.flatMap(([effect, principal, resource, actions, condition = ""]) =>
    actions.split(" ").map((action) => row({ effect, principal, resource, action, condition })),
  )
}

/** Tells what is granted and not allowed, and what is allowed and not granted. */
function compare(name: string, resource: Resource, granted: readonly Grant[], allowed: readonly string[]): Failure[] {
  const may = new Set(allowed)
  const rows = new Map(granted.map((grant) => [row(grant), grant]))
  return [
    ...[...rows]
      .filter(([text]) => !may.has(text))
      .map(
        ([text, { source }]): Failure => ({
          resource: source.address,
          what: `${name}: ${text}: the stage does not allow it`,
        }),
      ),
    ...[...may]
      .filter((text) => !rows.has(text))
      .map(
        (text): Failure => ({
          resource: resource.address,
          what: `${name} lacks: ${text}`,
        }),
      ),
  ]
}

const roles: Proof = {
  id: "permissions.roles",
  claim:
    "Every role may do what the stage allows it, on what and under which condition it says: nothing more and nothing less",
  holds: "Least privilege: a task and an execution role per service",
  needsStage: true,
  prove({ resolved, allowed }) {
    const failures: Failure[] = []
    let checked = 0
    const seen = new Set<string>()
    for (const role of resolved.ofType("AWS::IAM::Role")) {
      const name = roleName(role, resolved)
      if (seen.has(name)) failures.push({ resource: role.address, what: `another role is called ${name} too` })
      const may = allowed.roles[name]
      const grants = grantsOfRole(role, resolved)
      seen.add(name)
      checked += grants.length
      if (may === undefined) failures.push({ resource: role.address, what: `the stage allows no role ${name}` })
      else
        failures.push(
          ...compare(name, role, grants, [...rowsOf("allow", may.may), ...rowsOf("deny", may.mayNot ?? [])]),
        )
    }
    for (const name of Object.keys(allowed.roles).filter((one) => !seen.has(one))) {
      failures.push({ resource: `allowed.roles ${name}`, what: `the templates make no role ${name}` })
    }
    return { checked, failures }
  },
}

const attached: Proof = {
  id: "permissions.attached",
  claim: "Every policy is attached to roles of these templates, by reference, and to no user or group",
  holds: "Least privilege: every right is some role's that the proofs look at",
  prove({ resolved }) {
    const all = [...resolved.ofType("AWS::IAM::Policy"), ...resolved.ofType("AWS::IAM::ManagedPolicy")]
    return each(all, ({ properties }) => [
      ...(["Users", "Groups"] as const)
        .filter((key) => list(properties[key]).length > 0)
        .map((key) => `its ${key} are ${textOf(properties[key])}: only roles are given rights`),
      ...list(properties["Roles"])
        .filter((one) => resolved.of(one)?.type !== "AWS::IAM::Role")
        .map(
          (one) =>
            `its role ${textOf(one)} is no reference to a role of these templates: whose right it is can't be told`,
        ),
      ...(list(properties["Roles"]).length === 0 ? ["it is attached to no role: who takes it can't be told"] : []),
    ])
  },
}

const trust: Proof = {
  id: "permissions.trust",
  claim: "Every role is taken by the one principal that the stage names, under its condition",
  holds:
    "Roles limited to services of this account, people with a second factor, and the pipeline's project and branch",
  needsStage: true,
  prove({ resolved, allowed }) {
    const all = resolved.ofType("AWS::IAM::Role")
    const failures = all.flatMap((role) => {
      const may = allowed.roles[roleName(role, resolved)]
      if (may === undefined) return []
      const [principal, action, condition] = may.trust
      const grants = grantsOf(role.properties["AssumeRolePolicyDocument"], role, resolved)
      const wanted = row({ effect: "allow", principal, resource: "self", action, condition })
      return compare(`trust of ${roleName(role, resolved)}`, role, grants, [wanted])
    })
    return { checked: all.length, failures }
  },
}

const oidc: Proof = {
  id: "permissions.oidc",
  claim:
    "A role for tokens from outside asks for audience, project and branch by equality, and for no subject that a * could stretch",
  holds: "CircleCI OIDC roles limited to organisation, project and branch",
  prove({ resolved }) {
    const federated = resolved.ofType("AWS::IAM::Role").flatMap((role) =>
      list(at(role.properties["AssumeRolePolicyDocument"], "Statement"))
        .filter((statement) => textOf(at(statement, "Action"))?.includes("WebIdentity"))
        .map((statement) => ({ role, condition: at(statement, "Condition") })),
    )
    const failures = federated.flatMap(({ role, condition }): Failure[] => {
      const keys = (operator: string) =>
        Object.entries((at(condition, operator) ?? {}) as Readonly<Record<string, unknown>>)
      const fail = (what: string) => ({ resource: role.address, what })
      const equal = keys("StringEquals")
      const like = keys("StringLike")
      const notLike = keys("StringNotLike").map(([key]) => key)
      const found: Failure[] = []
      if (!equal.some(([key]) => key.endsWith(":aud"))) found.push(fail("trusts tokens for any audience"))
      if (!equal.some(([key]) => key.endsWith("project-id"))) found.push(fail("trusts tokens of any project"))
      const subjects = [...equal, ...like].filter(([key]) => key.endsWith(":sub"))
      if (subjects.length === 0) found.push(fail("trusts tokens of any subject: of every branch and user"))
      for (const [key, value] of subjects) {
        const text = String(value)
        if (!/\/vcs-ref\/refs\/heads\/[^*?]+$/.test(text)) found.push(fail(`trusts ${text}: no one branch`))
        if (/[*?]/.test(text) && !notLike.includes(key)) {
          found.push(
            fail(`trusts ${text}, whose * takes slashes in, without a StringNotLike that forbids a second origin`),
          )
        }
      }
      return found
    })
    // An audience more lets no token in that a role's condition shuts out; but it waits for one that forgets to ask.
    const asked = federated.flatMap(({ condition }) =>
      Object.entries((at(condition, "StringEquals") ?? {}) as Readonly<Record<string, unknown>>)
        .filter(([key]) => key.endsWith(":aud"))
        .map(([, value]) => String(value)),
    )
    const providers = each(resolved.ofType("AWS::IAM::OIDCProvider"), ({ properties }) =>
      list(properties["ClientIdList"])
        .map((one) => textOf(one) ?? "")
        .filter((audience) => !asked.includes(audience))
        .map((audience) => `its ClientIdList has ${audience}, which no role asks for`),
    )
    return { checked: federated.length + providers.checked, failures: [...failures, ...providers.failures] }
  },
}

const policies: Proof = {
  id: "permissions.resource-policies",
  claim: "Every key, bucket, topic and endpoint lets in exactly whom the stage allows, to do what it says",
  holds: "Key, bucket and endpoint policies; the DynamoDB endpoint's policy names the table",
  needsStage: true,
  prove(subject) {
    const { policies: allowed } = subject.allowed
    const found = resourcePolicies(subject)
    let checked = 0
    const failures: Failure[] = []
    for (const [name, { resource, grants }] of found) {
      checked += grants.length
      if (allowed[name] === undefined)
        failures.push({ resource: resource.address, what: `the stage allows no policy of ${name}` })
      failures.push(...compare(name, resource, grants, resourceRowsOf(allowed[name] ?? [])))
    }
    for (const name of Object.keys(allowed).filter((one) => !found.has(one))) {
      failures.push({ resource: `allowed.policies ${name}`, what: `the templates make no policy of ${name}` })
    }
    return { checked, failures }
  },
}

const users: Proof = {
  id: "permissions.database-users",
  claim:
    "Every service logs in to the database as the user of its own name, which no other may, and nobody as any user",
  holds: "Each task role may connect as its own database user only",
  prove({ resolved, network }) {
    const byUser = new Map<string, Set<Resource>>()
    const failures: Failure[] = []
    let checked = 0
    for (const role of resolved.ofType("AWS::IAM::Role")) {
      for (const { action, effect, resource, source } of grantsOfRole(role, resolved)) {
        if (effect !== "allow" || !matchesAction(action, "rds-db:connect")) continue
        checked++
        const user = /\/([^/*]+)$/.exec(resource)?.[1]
        if (user === undefined || /\*/.test(resource)) {
          failures.push({
            resource: source.address,
            what: `${roleName(role, resolved)} may connect as any user: ${action} on ${resource}`,
          })
        } else byUser.set(user, (byUser.get(user) ?? new Set()).add(role))
      }
    }
    for (const {
      name,
      resources: [service],
    } of network.things.filter(({ kind }) => kind === "service")) {
      const own = textOf(service?.properties["ServiceName"]) ?? name
      const definition = resolved.of(service?.properties["TaskDefinition"])
      const role = resolved.of(definition?.properties["TaskRoleArn"])
      for (const [user, who] of byUser) {
        if (role === undefined) continue
        if (who.has(role) && user !== own)
          failures.push({ resource: role.address, what: `${name} may connect as ${user}, not only as ${own}` })
        if (user === own) {
          for (const other of [...who].filter((one) => one !== role)) {
            failures.push({
              resource: other.address,
              what: `${roleName(other, resolved)} may connect as ${own}, which is ${name}'s`,
            })
          }
        }
      }
      checked++
    }
    return { checked, failures }
  },
}

function matchesAction(pattern: string, action: string): boolean {
  if (pattern.startsWith("not ")) return !matchesAction(pattern.slice(4), action)
  const expression = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".")
  return new RegExp(`^${expression}$`, "i").test(action)
}

/** Every grant there is, a resource's own as well as a role's. */
function everyGrant(subject: Subject): Grant[] {
  const { resolved } = subject
  return [
    ...resolved
      .ofType("AWS::IAM::Role")
      .flatMap((role) => [
        ...grantsOfRole(role, resolved),
        ...grantsOf(role.properties["AssumeRolePolicyDocument"], role, resolved),
      ]),
    ...[...resourcePolicies(subject).values()].flatMap(({ grants }) => grants),
  ]
}

function eachGrant(grants: readonly Grant[], wrong: (grant: Grant) => string | undefined): Outcome {
  return {
    checked: grants.length,
    failures: grants.flatMap((grant) => {
      const what = wrong(grant)
      return what === undefined ? [] : [{ resource: grant.source.address, what }]
    }),
  }
}

const wildcardActions: Proof = {
  id: "permissions.no-wildcard-action",
  claim: "Nothing is allowed by an action with a *, nor by NotAction; a * only denies",
  holds: "No wildcard action",
  prove: (subject) =>
    eachGrant(everyGrant(subject), (grant) =>
      grant.effect === "allow" && /\*|^not /.test(grant.action) ? `${row(grant)}: name the actions` : undefined,
    ),
}

const wildcardResources: Proof = {
  id: "permissions.any-resource",
  claim: "A role may do on * only what AWS knows no finer resource for, as listed with reasons",
  holds: "A wildcard resource only where AWS knows none finer, each listed with the reason",
  needsStage: true,
  prove: (subject) => {
    const { resolved, allowed } = subject
    const grants = resolved.ofType("AWS::IAM::Role").flatMap((role) => grantsOfRole(role, resolved))
    return eachGrant(grants, (grant) =>
      grant.effect === "allow" &&
      (grant.resource === "*" || grant.resource.startsWith("not ")) &&
      allowed.anyResource[grant.action] === undefined
        ? `${row(grant)}: AWS knows finer resources for it, or allowed.anyResource lacks its reason`
        : undefined,
    )
  },
}

const anyone: Proof = {
  id: "permissions.nobody-else",
  claim:
    "No policy of a resource lets in everyone, another account or a service on behalf of any account without a condition",
  holds: "Key, bucket and endpoint policies",
  prove: (subject) =>
    eachGrant(everyGrant(subject), (grant) => {
      const { effect, principal, condition, source } = grant
      if (effect === "deny" || principal === "") return undefined
      if (principal === "*" && condition === "") {
        // ECR's own bucket, where layers are: signed by ECR, so no condition on the account can hold.
        const layers =
          /^s3 prod-[a-z0-9-]+-starport-layer-bucket\/\*$/.test(grant.resource) && grant.action === "s3:GetObject"
        return layers && source.type === "AWS::EC2::VPCEndpoint" ? undefined : `${row(grant)}: for everyone`
      }
      if (principal.startsWith("not ")) return `${row(grant)}: for everyone but some`
      const bare = principal.startsWith("service ") && condition === ""
      // The load balancer's logs are written by a service that asks for no more. Source: ELB user guide, “Enable access logs”.
      const delivery = principal === "service delivery.logs.amazonaws.com"
      if (bare && !delivery) return `${row(grant)}: on behalf of any account`
      return undefined
    }),
}

const endpointPolicies: Proof = {
  id: "permissions.endpoints",
  claim: "Every endpoint has a policy of its own: none is the default that lets everything through",
  holds: "A gateway endpoint whose policy names the table",
  prove: (subject) => {
    const endpoints = subject.resolved.ofType("AWS::EC2::VPCEndpoint")
    return {
      checked: endpoints.length,
      failures: endpoints
        .filter(({ properties }) => properties["PolicyDocument"] === undefined)
        .map(({ address }) => ({ resource: address, what: "has no PolicyDocument, and so lets everything through" })),
    }
  },
}

const passRole: Proof = {
  id: "permissions.pass-role",
  claim: "A role is passed on only to the one service that the condition names, and never any role",
  holds: "Least privilege: nobody gains more by starting something",
  prove: ({ resolved }) => {
    const grants = resolved
      .ofType("AWS::IAM::Role")
      .flatMap((role) => grantsOfRole(role, resolved))
      .filter(({ action, effect }) => effect === "allow" && matchesAction(action, "iam:PassRole"))
    return eachGrant(grants, (grant) => {
      if (grant.resource === "*" || grant.resource === "iam role/*") return `${row(grant)}: any role`
      return grant.condition.includes("iam:PassedToService") ? undefined : `${row(grant)}: to any service`
    })
  },
}

/** Who may do what on which resource, one row for each role and resource: for the docs and the report. */
export function permissionsTable(
  subject: Subject,
): { who: string; resource: string; actions: string; condition: string }[] {
  const { resolved } = subject
  return resolved.ofType("AWS::IAM::Role").flatMap((role) => {
    const grants = Map.groupBy(
      grantsOfRole(role, resolved),
      ({ effect, resource, condition }) => `${effect}\n${resource}\n${condition}`,
    )
    return [...grants.values()].map(([first, ...rest]) => {
      const all = first === undefined ? rest : [first, ...rest]
      const actions = [...new Set(all.map(({ action }) => action))].sort().join(", ")
      return {
        who: roleName(role, resolved),
        resource: first?.resource ?? "",
        actions: first?.effect === "deny" ? `denied: ${actions}` : actions,
        condition: first?.condition ?? "",
      }
    })
  })
}

export const PERMISSIONS: readonly Proof[] = [
  roles,
  attached,
  trust,
  oidc,
  policies,
  users,
  wildcardActions,
  wildcardResources,
  anyone,
  endpointPolicies,
  passRole,
]
