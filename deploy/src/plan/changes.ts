/** What happens to each resource of a stack: from both templates and, where there is one, CloudFormation's change set. */
import { fullDiff, ResourceImpact } from "@aws-cdk/cloudformation-diff"
import type { ResourceChange } from "@aws-sdk/client-cloudformation"
import type { RawResource, TemplateBody } from "../../../infra/src/templates/read.ts"
import type { Resolved } from "../../../infra/src/templates/resolve.ts"
import { canonical } from "./canonical.ts"
import { differences, type Field } from "./differences.ts"
import { toldAction } from "./replacement.ts"
import { asTold } from "./stacks.ts"

export type Action = "add" | "change" | "may-replace" | "replace" | "delete"

export interface Change {
  readonly stack: string
  /** The logical id. */
  readonly id: string
  /** By the constructs, without the stack, where the template tells; else the logical id without the CDK's hash. */
  readonly path: string
  readonly type: string
  readonly action: Action
  /** Properties for which it is, or may be, replaced. */
  readonly because: readonly string[]
  readonly fields: readonly Field[]
  /** What CloudFormation does with the old one: `Delete`, `Retain`, `Snapshot`; for what is deleted or replaced. */
  readonly oldOne?: string
}

export interface Sides {
  readonly stack: string
  /** Undefined for a stack that does not exist yet. */
  readonly before: TemplateBody | undefined
  /** Undefined for a stack that is to go. */
  readonly after: TemplateBody | undefined
  /** Both resolved with their parameters; for conditions and for telling fields. */
  readonly resolvedBefore: Resolved | undefined
  readonly resolvedAfter: Resolved | undefined
  /** Of the change set; undefined where none was made. */
  readonly told?: readonly ResourceChange[]
}

const RANK: readonly Action[] = ["change", "may-replace", "replace"]

/** In the order of their paths. */
export function changesOf({ stack, before, after, resolvedBefore, resolvedAfter, told }: Sides): Change[] {
  const [was, is] = [made(stack, before, resolvedBefore), made(stack, after, resolvedAfter)]
  const diff = fullDiff(asTold({ Resources: was }), asTold({ Resources: is }))
  const found = new Map<string, Change>()
  const change = (id: string, action: Action, because: readonly string[]): Change => {
    const [old, now] = [was[id], is[id]]
    const address = `${stack}/${id}`
    const fields =
      old === undefined || now === undefined
        ? []
        : differences(resolvedBefore?.at(address)?.properties, resolvedAfter?.at(address)?.properties)
    return {
      stack,
      id,
      path: pathOf(id, now ?? old),
      type: (now ?? old)?.Type ?? "",
      action,
      because,
      fields,
      ...(action !== "add" && action !== "change" && { oldOne: fateOf(action, old, now) }),
    }
  }
  diff.resources.forEachDifference((id, one) => {
    if (one === undefined || id === "") return
    const impact = one.changeImpact
    if (impact === ResourceImpact.WILL_CREATE) found.set(id, change(id, "add", []))
    else if (impact === ResourceImpact.WILL_DESTROY || impact === ResourceImpact.WILL_ORPHAN) {
      found.set(id, change(id, "delete", []))
    } else if (one.resourceTypeChanged) found.set(id, change(id, "replace", ["Type"]))
    else {
      const impacts = Object.entries(one.propertyUpdates)
      const of = (wanted: ResourceImpact) =>
        impacts.filter(([, { changeImpact }]) => changeImpact === wanted).map(([name]) => name)
      const [will, may] = [of(ResourceImpact.WILL_REPLACE), of(ResourceImpact.MAY_REPLACE)]
      const others = Object.keys(one.otherChanges).filter((key) => key !== "Metadata")
      if (impacts.length === 0 && others.length === 0) return
      const action = will.length > 0 ? "replace" : may.length > 0 ? "may-replace" : "change"
      const base = change(id, action, will.length > 0 ? will : may)
      const policies = others.map(
        (key): Field => ({ path: key, ...text("before", was[id], key), ...text("after", is[id], key) }),
      )
      found.set(id, { ...base, fields: [...base.fields, ...policies] })
    }
  })
  // What is replaced may draw others along, which draw others: until no more are.
  const written = new Map(found)
  for (let before = -1, now = 0; before !== now; ) {
    before = now
    for (const one of told ?? []) tell(found, written, one, change)
    now = [...found.values()].reduce((sum, { action }) => sum + 1 + RANK.indexOf(action), 0)
  }
  return [...found.values()].sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0))
}

/**
 * CloudFormation knows what a template does not: what a reference to something replaced drags along, what a parameter
 * changes. Where both know, the worse is told; only a “maybe” of the template gives way.
 */
function tell(
  found: Map<string, Change>,
  written: ReadonlyMap<string, Change>,
  told: ResourceChange,
  change: (id: string, action: Action, because: readonly string[]) => Change,
): void {
  const { LogicalResourceId: id = "", Action: action, Details = [], ResourceType = "", PolicyAction } = told
  const known = written.get(id)
  if (action === "Remove" || action === "Add") {
    if (known === undefined)
      found.set(id, { ...change(id, action === "Add" ? "add" : "delete", []), type: ResourceType })
    return
  }
  const { action: really, because } = toldAction(told, (other) => found.get(other)?.action)
  const settled = known?.action === "may-replace" && really !== "may-replace"
  const worse = known === undefined || settled || RANK.indexOf(really) > RANK.indexOf(known.action)
  if (!worse) return
  const made = change(id, really, because.length > 0 ? because : really === "change" ? [] : (known?.because ?? []))
  const names = Details.map(({ Target }) => Target?.Name ?? "").filter((name) => name !== "")
  const fields =
    made.fields.length > 0
      ? made.fields
      : [...new Set(names)].map((path): Field => ({ path, after: "known when it is made" }))
  found.set(id, {
    ...made,
    type: made.type || ResourceType,
    fields: known?.fields ?? fields,
    ...(PolicyAction?.startsWith("ReplaceAnd") && { oldOne: PolicyAction.slice("ReplaceAnd".length) }),
  })
}

/** Resources that their conditions let be. */
function made(
  stack: string,
  template: TemplateBody | undefined,
  resolved: Resolved | undefined,
): Readonly<Record<string, RawResource>> {
  const all = Object.entries(template?.Resources ?? {})
  return Object.fromEntries(all.filter(([id]) => !resolved?.absent.has(`${stack}/${id}`)))
}

/** What becomes of the old one: of two templates that differ about it, the one that keeps less. */
function fateOf(action: Action, before: RawResource | undefined, after: RawResource | undefined): string {
  const key = action === "delete" ? "DeletionPolicy" : "UpdateReplacePolicy"
  // Source: CloudFormation template reference, “DeletionPolicy”: these are kept by a snapshot unless told otherwise.
  const usual = before?.Type === "AWS::RDS::DBCluster" ? "Snapshot" : "Delete"
  const fates = [before, after].flatMap((one) => (one === undefined ? [] : [one[key] ?? usual]))
  return ["Delete", "Snapshot"].find((fate) => fates.includes(fate)) ?? fates[0] ?? usual
}

export function pathOf(id: string, resource: RawResource | undefined): string {
  const path = resource?.Metadata?.["aws:cdk:path"]
  // Eight hexadecimal digits at the end are the CDK's.
  if (typeof path !== "string") return id.replace(/(?<=.)[0-9A-F]{8}$/, "")
  return path.replace(/^[^/]+\//, "").replace(/\/(Resource|Default)$/, "")
}

function text(side: "before" | "after", resource: RawResource | undefined, key: string): Partial<Field> {
  const value = (resource as Readonly<Record<string, unknown>> | undefined)?.[key]
  return value === undefined ? {} : { [side]: typeof value === "string" ? value : canonical(value) }
}
