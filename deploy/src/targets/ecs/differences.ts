/** What a deployment of the synthesized templates would change in each task definition that runs. */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { imageParameter, ROLLED_OUT, type RolledOutName, type StackName } from "../../../../infra/src/names.ts"
import { identityOf } from "../../identity.ts"
import { type PublishedImages, type RunningImages, runningImages } from "../../images.ts"
import type { Session } from "../../session.ts"
import { template } from "../../stacks.ts"
import type { Planned, UnitDifference } from "../target.ts"
import { services } from "./services.ts"
import { TASK_DEFINITION } from "./task-definition-changes.ts"
import { fields, taskDefinitionDifferences } from "./task-definition-differences.ts"
import { familyOf, type Registered, registered, revisionOf, TASK_STACKS, taskDefinition } from "./task-definitions.ts"
import { accountOf, resolve } from "./template-values.ts"

interface Template {
  readonly Parameters?: Readonly<Record<string, { readonly Default?: string }>>
  readonly Resources?: Readonly<
    Record<string, { readonly Type: string; readonly Properties: { readonly Family: string } }>
  >
}

/** Of every family of the templates and of the account; a family that runs a service is compared with what that runs. */
export async function differences(
  session: Session,
  { assembly, images }: Planned,
  signal: AbortSignal,
): Promise<readonly UnitDifference[]> {
  const [account, running, known, active] = await Promise.all([
    identityOf(session, signal).then((identity) => accountOf(session, identity, signal)),
    runningImages(session, signal),
    registered(session, signal),
    services(session, signal),
  ])
  const familiesOfServices = new Map(active.map(({ taskDefinition: arn = "" }) => [familyOf(arn), arn]))
  const all = await Promise.all(
    TASK_STACKS.map(async (stack) => {
      const [planned, deployed] = await Promise.all([
        readFile(join(assembly, `${stack}.template.json`), "utf8").then((text) => JSON.parse(text) as Template),
        template(session, stack, signal) as Promise<Template | undefined>,
      ])
      const parameters = parametersOf(planned, session.stage.name, running, images)
      const of = taskDefinitionsOf(planned)
      const compared = of.map(async ([logicalId, properties]): Promise<UnitDifference> => {
        const family = properties.Family
        const arn = familiesOfServices.get(family) ?? arnOf(known, stack, logicalId, family)
        const becomes = resolve(properties, stack, parameters, account) as object
        const is = arn === undefined ? {} : await taskDefinition(session, arn, signal)
        const before = expressions(deployed?.Resources?.[logicalId]?.Properties)
        const after = expressions(properties)
        return {
          target: "ecs",
          name: family,
          revision: arn === undefined ? undefined : revisionOf(arn),
          differences: taskDefinitionDifferences(is, becomes, (field) => before.get(field) === after.get(field)),
        }
      })
      const names = new Set(of.map(([, { Family }]) => Family))
      const gone = known
        .filter((one) => one.stack === stack && !names.has(familyOf(one.arn)))
        .map(
          ({ arn }): UnitDifference => ({
            target: "ecs",
            name: familyOf(arn),
            revision: revisionOf(arn),
            differences: [{ field: "family", running: familyOf(arn), planned: undefined }],
          }),
        )
      return [...(await Promise.all(compared)), ...gone]
    }),
  )
  return all.flat()
}

function taskDefinitionsOf({ Resources = {} }: Template) {
  return Object.entries(Resources).flatMap(([logicalId, { Type, Properties }]) =>
    Type === TASK_DEFINITION ? [[logicalId, Properties] as const] : [],
  )
}

/** Images are parameters of the template, read by CloudFormation from those of the stage. */
function parametersOf(
  { Parameters = {} }: Template,
  stage: string,
  running: RunningImages,
  images: PublishedImages,
): ReadonlyMap<string, string> {
  const byParameter = new Map<string, RolledOutName>(ROLLED_OUT.map((name) => [imageParameter(stage, name), name]))
  const values = Object.entries(Parameters).flatMap(([key, { Default = "" }]) => {
    const image = byParameter.get(Default)
    const value = image === undefined ? Default : (images[image] ?? running[image])
    return value === undefined ? [] : [[key, value] as const]
  })
  return new Map(values)
}

/** By its family first: a construct that moved has another logical id. */
function arnOf(known: readonly Registered[], stack: StackName, logicalId: string, family: string): string | undefined {
  return (
    known.find((one) => familyOf(one.arn) === family) ??
    known.find((one) => one.stack === stack && one.logicalId === logicalId)
  )?.arn
}

/** Intrinsic functions as text, by the field that they are in. */
function expressions(properties: object | undefined): ReadonlyMap<string, unknown> {
  return fields(asText(properties ?? {}) as object)
}

function asText(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => asText(one, key))
  if (typeof value !== "object" || value === null) return value
  const names = Object.keys(value)
  if (names.length === 1 && /^(Ref$|Fn::)/.test(names[0] ?? "")) return JSON.stringify(value)
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const lower = name.charAt(0).toLowerCase() + name.slice(1)
      return [lower, asText(inner, lower)]
    }),
  )
}
