/** Whether a change set's “perhaps” is one: CloudFormation tells it of whatever hangs on something else that changes. */
import { fullDiff, ResourceImpact } from "@aws-cdk/cloudformation-diff"
import type { ResourceChange } from "@aws-sdk/client-cloudformation"
import type { Action } from "./changes.ts"

export interface ToldAction {
  readonly action: Extract<Action, "change" | "may-replace" | "replace">
  /** Properties for which it is replaced, or may be. */
  readonly because: readonly string[]
}

/** Attributes that stay what they are as long as their resource does. */
const IDENTITY = /(^|\.)(Arn|Id|\w*Id|Name|Ref)$/

/**
 * @param actionOf what happens to another resource of the stack; undefined for nothing
 */
export function toldAction(
  { Replacement, Details = [], ResourceType = "" }: ResourceChange,
  actionOf: (id: string) => Action | undefined,
): ToldAction {
  const recreating = Details.filter(({ Target }) =>
    ["Always", "Conditionally"].includes(Target?.RequiresRecreation ?? ""),
  )
  const names = (of: typeof Details) => [...new Set(of.flatMap(({ Target }) => Target?.Name ?? []))]
  if (Replacement === "True") return { action: "replace", because: names(recreating) }
  if (Replacement !== "Conditional") return { action: "change", because: [] }
  if (recreating.length === 0) return { action: "may-replace", because: [] }
  const left = recreating.filter(({ Target, Evaluation, ChangeSource, CausingEntity = "" }) => {
    if (impactOf(ResourceType, Target?.Name ?? "") === "never") return false
    const drawn = Evaluation === "Dynamic" && /^Resource(Reference|Attribute)$/.test(ChangeSource ?? "")
    if (!drawn) return true
    const [id = "", ...attribute] = CausingEntity.split(".")
    const cause = actionOf(id)
    const stays = cause === undefined || cause === "change"
    return !(stays && (attribute.length === 0 || IDENTITY.test(attribute.join("."))))
  })
  if (left.length === 0) return { action: "change", because: [] }
  const sure = left.some(
    ({ Target, Evaluation }) => Evaluation === "Static" && impactOf(ResourceType, Target?.Name ?? "") === "always",
  )
  return { action: sure ? "replace" : "may-replace", because: names(left) }
}

const known = new Map<string, "always" | "never" | "unknown">()

/** By CloudFormation's resource specification, as the CDK's own diff has it. */
function impactOf(type: string, property: string): "always" | "never" | "unknown" {
  const key = `${type} ${property}`
  const found = known.get(key)
  if (found !== undefined) return found
  const one = (value: string) => ({ Resources: { One: { Type: type, Properties: { [property]: value } } } })
  const impact = fullDiff(one("a"), one("b")).resources.get("One").propertyUpdates[property]?.changeImpact
  const made =
    impact === ResourceImpact.WILL_REPLACE ? "always" : impact === ResourceImpact.WILL_UPDATE ? "never" : "unknown"
  known.set(key, made)
  return made
}
