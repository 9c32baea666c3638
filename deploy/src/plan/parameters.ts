/** Which values a stack's parameters will have: given, kept from the last update, or the template's default. */
import type { TemplateBody } from "../../../infra/src/templates/read.ts"
import { EXIT, Refusal } from "../refusal.ts"
import type { DeployedParameter } from "./stacks.ts"

export interface PlannedParameter {
  readonly name: string
  readonly value: string
  readonly from: "given" | "kept" | "default"
  /** The template's, where something else holds. */
  readonly default?: string
}

/**
 * What was set by hand or by a move of the egress stays, since a parameter is for that. The name of an SSM parameter is the
 * template's to say.
 *
 * @throws Refusal a parameter has no value, or one that the template does not allow
 */
export function plannedParameters(
  stack: string,
  { Parameters = {} }: TemplateBody,
  deployed: Readonly<Record<string, DeployedParameter>> | undefined,
  given: Readonly<Record<string, string>> = {},
): PlannedParameter[] {
  return Object.entries(Parameters).map(([name, declared]): PlannedParameter => {
    const { Type, Default } = declared
    const fallback = Default === undefined ? undefined : String(Default)
    const kept = String(Type).startsWith("AWS::SSM::") ? undefined : deployed?.[name]?.value
    const value = given[name] ?? kept ?? fallback
    if (value === undefined) {
      throw new Refusal(EXIT.usage, `${stack} needs a value for ${name}; give --parameters=${name}=<value>`)
    }
    const range = rangeMissedBy(value, declared)
    if (range !== undefined) {
      const what = `${name}=${value} is not ${range}, which ${stack} takes`
      throw new Refusal(EXIT.usage, `${what}; give --parameters=${name}=<value>`)
    }
    const from = given[name] !== undefined ? "given" : kept !== undefined ? "kept" : "default"
    return { name, value, from, ...(fallback !== undefined && value !== fallback && { default: fallback }) }
  })
}

/** CloudFormation would refuse it too, but of a stack that is not there yet only once it is made. */
function rangeMissedBy(value: string, { AllowedValues, AllowedPattern }: Readonly<Record<string, unknown>>) {
  if (Array.isArray(AllowedValues) && !AllowedValues.map(String).includes(value))
    return `one of ${AllowedValues.join(", ")}`
  if (typeof AllowedPattern === "string" && !new RegExp(`^(?:${AllowedPattern})$`).test(value))
    return `of the form ${AllowedPattern}`
  return undefined
}

/**
 * @param text of the flag: `Name=value`, several with commas between
 * @throws Refusal it is not, or no template has such a parameter
 */
export function givenParameters(text: string | undefined, templates: readonly TemplateBody[]): Record<string, string> {
  if (text === undefined) return {}
  const names = new Set(templates.flatMap(({ Parameters = {} }) => Object.keys(Parameters)))
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(pair) ?? []
      if (name === "") {
        throw new Refusal(
          EXIT.usage,
          `--parameters: ${JSON.stringify(pair)} is not Name=value; put commas between several`,
        )
      }
      if (!names.has(name)) {
        throw new Refusal(
          EXIT.usage,
          `--parameters: no stack has a parameter ${name}; there are ${[...names].join(", ")}`,
        )
      }
      return [name, value]
    }),
  )
}
