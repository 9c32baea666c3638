/** Values of a template as CloudFormation would give them today; what only a deployment can tell stays open. */
import type { StackName } from "../../../../infra/src/names.ts"
import { STACKS } from "../../../../infra/src/names.ts"
import type { Identity } from "../../identity.ts"
import type { Session } from "../../session.ts"
import { describe, resources } from "../../stacks.ts"

/** A text of which a part is known only after a deployment. */
export class Open {
  /** As a person reads it: `<Database.Endpoint.Address>` for the part that is open. */
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toJSON(): string {
    return this.text
  }
}

export interface Account {
  readonly identity: Identity
  readonly region: string
  /** Values of exports by their names. */
  readonly exports: ReadonlyMap<string, string>
  /** Physical ids by logical ones, of each stack. */
  readonly physicalIds: ReadonlyMap<StackName, ReadonlyMap<string, { readonly id: string; readonly type: string }>>
}

/** Reads what templates refer to. */
export async function accountOf(session: Session, identity: Identity, signal: AbortSignal): Promise<Account> {
  const [described, listed] = await Promise.all([
    Promise.all(STACKS.map((stack) => describe(session, stack, signal))),
    Promise.all(STACKS.map((stack) => resources(session, stack, signal))),
  ])
  const exports = described
    .flatMap((stack) => stack?.Outputs ?? [])
    .flatMap(({ ExportName, OutputValue }) =>
      ExportName !== undefined && OutputValue !== undefined ? [[ExportName, OutputValue] as const] : [],
    )
  const physicalIds = STACKS.map((stack, at) => {
    const ids = (listed[at] ?? []).map(
      ({ LogicalResourceId = "", PhysicalResourceId = "", ResourceType = "" }) =>
        [LogicalResourceId, { id: PhysicalResourceId, type: ResourceType }] as const,
    )
    return [stack, new Map(ids)] as const
  })
  return { identity, region: session.stage.region, exports: new Map(exports), physicalIds: new Map(physicalIds) }
}

/**
 * @param value of the template of `stack`, with CloudFormation's intrinsic functions in it
 * @param parameters values of the template's parameters
 */
export function resolve(
  value: unknown,
  stack: StackName,
  parameters: ReadonlyMap<string, string>,
  account: Account,
): unknown {
  const again = (inner: unknown) => resolve(inner, stack, parameters, account)
  if (Array.isArray(value)) return value.map(again)
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value)
  const [[name, argument] = ["", undefined]] = entries
  if (entries.length === 1 && name === "Ref") return reference(String(argument), stack, parameters, account)
  if (entries.length === 1 && name === "Fn::ImportValue") {
    return account.exports.get(String(argument)) ?? new Open(`<${argument}>`)
  }
  if (entries.length === 1 && name === "Fn::GetAtt") {
    const [logicalId = "", attribute = ""] = Array.isArray(argument) ? argument : String(argument).split(/\.(.*)/)
    return attributeOf(logicalId, attribute, stack, account)
  }
  if (entries.length === 1 && name === "Fn::Join") {
    const [delimiter, parts] = argument as [string, unknown[]]
    const resolved = parts.map(again)
    const text = resolved.map((part) => (part instanceof Open ? part.text : String(part))).join(delimiter)
    return resolved.some((part) => part instanceof Open) ? new Open(text) : text
  }
  if (entries.length === 1 && name.startsWith("Fn::")) return new Open(`<${JSON.stringify(value)}>`)
  return Object.fromEntries(entries.map(([key, inner]) => [key, again(inner)]))
}

function reference(
  name: string,
  stack: StackName,
  parameters: ReadonlyMap<string, string>,
  { identity, region, physicalIds }: Account,
): unknown {
  const pseudo = new Map([
    ["AWS::AccountId", identity.account],
    ["AWS::Partition", identity.partition],
    ["AWS::Region", region],
  ])
  return pseudo.get(name) ?? parameters.get(name) ?? physicalIds.get(stack)?.get(name)?.id ?? new Open(`<${name}>`)
}

/** An ARN follows from the name for a role; of other attributes CloudFormation alone knows the value. */
function attributeOf(logicalId: string, attribute: string, stack: StackName, account: Account): unknown {
  const made = account.physicalIds.get(stack)?.get(logicalId)
  const { partition, account: id } = account.identity
  if (made?.type === "AWS::IAM::Role" && attribute === "Arn") return `arn:${partition}:iam::${id}:role/${made.id}`
  return new Open(`<${logicalId}.${attribute}>`)
}
