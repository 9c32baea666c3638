/** What a rollout changes in each task definition, field by field, with the images that run and that will. */

import { imageParameter } from "../../../../infra/src/names.ts"
import type { Resolved, Resource } from "../../../../infra/src/templates/resolve.ts"
import { isProperties, isSymbolic, textOf, type Value } from "../../../../infra/src/templates/value.ts"
import { differences, type Field } from "../../plan/differences.ts"
import { type PlannedImage, shortDigest } from "../../plan/images.ts"
import type { RevisionChange } from "../target.ts"

/** A change of it is a new revision. Source: CloudFormation's reference of the type, “Return values”. */
export const TASK_DEFINITION = "AWS::ECS::TaskDefinition"

/** Those that differ, in the order of their families. */
export function taskDefinitionChanges(
  stage: string,
  before: Resolved | undefined,
  after: Resolved,
  images: readonly PlannedImage[],
): RevisionChange[] {
  const was = byFamily(before)
  const is = byFamily(after)
  return [...new Set([...was.keys(), ...is.keys()])].sort().flatMap((family): RevisionChange[] => {
    const [old, now] = [was.get(family), is.get(family)]
    const properties = (resource: Resource | undefined, side: "before" | "after") =>
      resource && withImages(resource.properties, stage, images, side)
    const fields =
      old === undefined || now === undefined
        ? summary(properties(now, "after"))
        : differences(properties(old, "before"), properties(now, "after"))
    const action = old === undefined ? "add" : now === undefined ? "delete" : "change"
    if (action === "change" && fields.length === 0) return []
    return [{ family, address: (now ?? old)?.address ?? "", action, fields: action === "delete" ? [] : fields }]
  })
}

function byFamily(resolved: Resolved | undefined): Map<string, Resource> {
  return new Map(
    (resolved?.ofType(TASK_DEFINITION) ?? []).map((one) => [textOf(one.properties["Family"]) ?? one.address, one]),
  )
}

/** Of a new one: what a person asks first. */
function summary(properties: Value | undefined): Field[] {
  if (!isProperties(properties)) return []
  const containers = Array.isArray(properties["ContainerDefinitions"]) ? properties["ContainerDefinitions"] : []
  const images = (containers as readonly Value[]).flatMap((one): Field[] =>
    isProperties(one)
      ? [{ path: `ContainerDefinitions[${textOf(one["Name"])}].Image`, after: textOf(one["Image"]) ?? "" }]
      : [],
  )
  const sizes = Object.entries({ Cpu: "CPU units", Memory: "MiB" }).map(
    ([path, unit]): Field => ({ path, after: `${textOf(properties[path]) ?? "?"} ${unit}` }),
  )
  return [...images, ...sizes]
}

function withImages(value: Value, stage: string, images: readonly PlannedImage[], side: "before" | "after"): Value {
  if (isSymbolic(value)) {
    const image = images.find(({ name }) => String(value) === `\${ssm ${imageParameter(stage, name)}}`)
    return image === undefined ? value : `${image.name}@${shortDigest(image[side])}`
  }
  if (Array.isArray(value)) return (value as readonly Value[]).map((one) => withImages(one, stage, images, side))
  if (!isProperties(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withImages(one, stage, images, side)]))
}
