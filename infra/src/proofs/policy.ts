/**
 * Policy documents as rows that can be compared: who, allowed or denied what, on which resource, under which condition.
 * ARNs are written short (`dynamodb table/name`), without the partition, and without the region and account where they are
 * the stage's own, so that a reference to a table and the table's spelled-out ARN are the same text.
 */
import type { Resolved, Resource } from "../templates/resolve.ts"
import { at, isProperties, list, Reference, Text, textOf, type Value } from "../templates/value.ts"

export interface Grant {
  /** The resource that the document is part of: what to change. */
  readonly source: Resource
  readonly effect: "allow" | "deny"
  /** `*`, `account`, `service x.amazonaws.com`, `federated …`, `aws …`; empty in a role's own policy. */
  readonly principal: string
  /** Such as `dynamodb:Query`. `not …` for `NotAction`. */
  readonly action: string
  /** Short; `*` for all; `self` where the document belongs to the resource and means it. `not …` for `NotResource`. */
  readonly resource: string
  /** Sorted, `operator key value` joined by ` and `; empty for none. */
  readonly condition: string
}

/**
 * Rows of one document, one for each principal, action and resource; none for a missing document. What can't be read is a
 * row too, which allows everything: {@link unreadable}.
 */
export function grantsOf(document: Value | undefined, source: Resource, resolved: Resolved): Grant[] {
  if (document === undefined || document === null) return []
  const read = typeof document === "string" ? parsed(document) : document
  const statements = at(read, "Statement")
  if (statements === undefined) return [unreadable(document, source)]
  return list(statements).flatMap((statement) => {
    if (!isStatement(statement)) return [unreadable(statement, source)]
    const effect = textOf(at(statement, "Effect")) === "Deny" ? "deny" : "allow"
    const actions = [
      ...list(at(statement, "Action")).map((one) => textOf(one) ?? ""),
      ...list(at(statement, "NotAction")).map((one) => `not ${textOf(one)}`),
    ]
    const named = [
      ...list(at(statement, "Resource")).map((one) => shortArn(one, resolved)),
      ...list(at(statement, "NotResource")).map((one) => `not ${shortArn(one, resolved)}`),
    ]
    const resources = named.length > 0 ? named : ["self"]
    const condition = conditionText(at(statement, "Condition"), resolved)
    const principals = [
      ...principalsOf(at(statement, "Principal"), resolved),
      ...principalsOf(at(statement, "NotPrincipal"), resolved).map((one) => `not ${one}`),
    ]
    return (principals.length > 0 ? principals : [""]).flatMap((principal) =>
      actions.flatMap((action) =>
        resources.map((resource): Grant => ({ source, effect, principal, action, resource, condition })),
      ),
    )
  })
}

/** A policy may be written as a text of JSON. @returns the text itself where it is none */
function parsed(text: string): Value {
  try {
    return JSON.parse(text) as Value
  } catch {
    return text
  }
}

const STATEMENT_KEYS = /^(Sid|Effect|(Not)?(Principal|Action|Resource)|Condition)$/

/** Whether all of a statement can be read: its effect is known, it says which actions, and its condition is plain data. */
function isStatement(statement: Value): boolean {
  if (!isProperties(statement) || !Object.keys(statement).every((key) => STATEMENT_KEYS.test(key))) return false
  const { Effect, Action, NotAction, Resource, NotResource, Condition } = statement
  const tests = Condition === undefined ? [] : isProperties(Condition) ? Object.values(Condition) : [""]
  return (
    /^(Allow|Deny)$/.test(textOf(Effect) ?? "") &&
    list(Action).length + list(NotAction).length > 0 &&
    [Action, NotAction, Resource, NotResource].every((one) => !isProperties(one)) &&
    tests.every(isProperties)
  )
}

/** What stands for a document, or a statement, that a template makes of what can't be known. */
function unreadable(what: Value, source: Resource): Grant {
  const text = textOf(what) ?? ""
  const action = `* (${text.length > 80 ? `${text.slice(0, 80)}…` : text} can't be read, so that it may allow anything)`
  return { source, effect: "allow", principal: "", action, resource: "*", condition: "" }
}

function principalsOf(principal: Value | undefined, resolved: Resolved): string[] {
  if (principal === undefined) return []
  if (!isProperties(principal)) return [textOf(principal) ?? ""]
  return Object.entries(principal).flatMap(([kind, members]) =>
    list(members).map((member) => {
      const short = shortArn(member, resolved)
      if (kind === "AWS" && (short === "*" || short === "iam root")) return short === "*" ? "*" : "account"
      return `${kind.toLowerCase()} ${short}`
    }),
  )
}

/** `${AWS::AccountId}` reads as `account`. */
function conditionText(condition: Value | undefined, resolved: Resolved): string {
  if (!isProperties(condition)) return ""
  return Object.entries(condition)
    .flatMap(([operator, tests]) =>
      Object.entries(isProperties(tests) ? tests : {}).map(([key, values]) => {
        const members = list(values).map((one) => shortArn(one, resolved).replaceAll(ACCOUNT, "account"))
        return `${operator} ${key} ${members.sort().join("|")}`
      }),
    )
    .sort()
    .join(" and ")
}

const ACCOUNT = `\${AWS::AccountId}`

/** How a named resource's ARN goes on after `arn:…:service:region:account:`, and the property that names it. */
const ARNS: Readonly<Record<string, readonly [service: string, property: string, form: (name: string) => string]>> = {
  "AWS::DynamoDB::Table": ["dynamodb", "TableName", (name) => `table/${name}`],
  "AWS::ECR::Repository": ["ecr", "RepositoryName", (name) => `repository/${name}`],
  "AWS::IAM::OIDCProvider": ["iam", "Url", (url) => `oidc-provider/${url.replace(/^https:\/\//, "")}`],
  "AWS::ECS::Cluster": ["ecs", "ClusterName", (name) => `cluster/${name}`],
  "AWS::IAM::Role": ["iam", "RoleName", (name) => `role/${name}`],
  "AWS::Lambda::Function": ["lambda", "FunctionName", (name) => `function:${name}`],
  "AWS::Logs::LogGroup": ["logs", "LogGroupName", (name) => `log-group:${name}:*`],
  "AWS::RDS::DBInstance": ["rds", "DBInstanceIdentifier", (name) => `db:${name}`],
  "AWS::S3::Bucket": ["s3", "BucketName", (name) => name],
  "AWS::SecretsManager::Secret": ["secretsmanager", "Name", (name) => `secret:${name}`],
  "AWS::SNS::Topic": ["sns", "TopicName", (name) => name],
}

/** What a reference's value is, short: a short ARN for an ARN, a name in `<>` for an id. */
function named(reference: Reference, resolved: Resolved): string {
  const resource = resolved.of(reference)
  const { attribute } = reference
  if (resource === undefined) return String(reference)
  if (resource.type === "AWS::KMS::Key") return `kms ${aliasOf(resource, resolved) ?? nameOf(resource, resolved)}`
  const [service, property, form] = ARNS[resource.type] ?? []
  const name = property === undefined ? undefined : textOf(resource.properties[property])
  if (service === undefined || form === undefined)
    return `<${nameOf(resource, resolved)}${attribute === "Arn" || attribute === "Ref" ? "" : `.${attribute}`}>`
  const short = `${service} ${form(name ?? `<${nameOf(resource, resolved)}>`)}`
  const isArn =
    attribute === "Arn" || attribute === "TopicArn" || (attribute === "Ref" && /Topic|Secret$/.test(resource.type))
  if (isArn) return short
  return attribute === "Ref" ? (name ?? `<${nameOf(resource, resolved)}>`) : `<${short}.${attribute}>`
}

/** An address without the CDK's hash, where no other of its type has the same: for resources without a name of their own. */
export function nameOf({ address, type }: Resource, resolved: Resolved): string {
  const short = withoutHash(address)
  const others = resolved.ofType(type).filter((one) => withoutHash(one.address) === short)
  return others.length > 1 ? address : short
}

function withoutHash(address: string): string {
  return address.replace(/[0-9A-F]{8}$/, "")
}

function aliasOf(key: Resource, resolved: Resolved): string | undefined {
  const alias = resolved.ofType("AWS::KMS::Alias").find((one) => resolved.of(one.properties["TargetKeyId"]) === key)
  return textOf(alias?.properties["AliasName"])
}

/** A role as the tables name it: its name, else its address without hash. */
export function roleName(role: Resource, resolved: Resolved): string {
  return textOf(role.properties["RoleName"]) ?? nameOf(role, resolved)
}

export function shortArn(value: Value, resolved: Resolved): string {
  const [region = ""] = resolved.templates.flatMap((one) => one.region ?? [])
  const parts = value instanceof Text ? value.parts : [value]
  const text = parts.map((part) => (part instanceof Reference ? named(part, resolved) : (textOf(part) ?? ""))).join("")
  const arn =
    /^arn:[^:]*(?:\$\{AWS::Partition\})?[^:]*:([^:]*):([^:]*|\$\{AWS::Region\}):((?:\$\{AWS::AccountId\})|[^:]*):(.*)$/s.exec(
      text.replace(PARTITION, "aws"),
    )
  if (arn === null) return text
  const [, service = "", inRegion = "", account = "", rest = ""] = arn
  const elsewhere = [
    ...(inRegion === "" || inRegion === region || inRegion === `\${AWS::Region}` ? [] : [inRegion]),
    ...(account === "" || account === ACCOUNT ? [] : [`account ${account}`]),
  ]
  return [service, ...elsewhere, rest].join(" ")
}

const PARTITION = `\${AWS::Partition}`

/** Policies of a role: inline, attached by `AWS::IAM::Policy`, and the names of managed ones. */
export function grantsOfRole(role: Resource, resolved: Resolved): Grant[] {
  const inline = list(role.properties["Policies"]).flatMap((one) =>
    grantsOf(at(one, "PolicyDocument") ?? one, role, resolved),
  )
  const attached = [...resolved.ofType("AWS::IAM::Policy"), ...resolved.ofType("AWS::IAM::ManagedPolicy")]
    .filter((policy) => list(policy.properties["Roles"]).some((one) => resolved.of(one) === role))
    .flatMap((policy) => grantsOf(policy.properties["PolicyDocument"] ?? "no document", policy, resolved))
  const managed = list(role.properties["ManagedPolicyArns"]).map(
    (one): Grant => ({
      source: role,
      effect: "allow",
      principal: "",
      action: "*",
      resource: `managed policy ${shortArn(one, resolved)}`,
      condition: "",
    }),
  )
  return [...inline, ...attached, ...managed]
}
