/** Which resources of a template stand, by its conditions and the values of its parameters. */

export interface Resource {
  readonly Type: string
  readonly Condition?: string
  // A template is JSON of any shape.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly Properties?: Readonly<Record<string, any>>
}

export interface Template {
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>
  readonly Conditions?: Readonly<Record<string, unknown>>
  readonly Resources: Readonly<Record<string, Resource>>
}

/** Parameters' values that differ from the template's defaults. */
export type ParameterValues = Readonly<Record<string, string>>

/** @returns whether the condition of that name holds */
export function holds(template: Template, name: string, values: ParameterValues = {}): boolean {
  const evaluate = (expression: unknown): unknown => {
    if (typeof expression !== "object" || expression === null) return expression
    const [entry] = Object.entries(expression)
    if (entry === undefined) return expression
    const [intrinsic, argument] = entry
    const all = () => (argument as unknown[]).map(evaluate)
    switch (intrinsic) {
      case "Ref":
        return values[argument as string] ?? template.Parameters?.[argument as string]?.Default
      case "Condition":
        return holds(template, argument as string, values)
      case "Fn::Equals": {
        const [left, right] = all()
        return left === right
      }
      case "Fn::Not":
        return all()[0] !== true
      case "Fn::And":
        return all().every((one) => one === true)
      case "Fn::Or":
        return all().some((one) => one === true)
      default:
        throw new Error(`the condition ${name} uses ${intrinsic}, which cost estimates don't know`)
    }
  }
  const condition = template.Conditions?.[name]
  if (condition === undefined) throw new Error(`the template has no condition ${name}`)
  return evaluate(condition) === true
}

/** A property's value with its `Fn::If`s decided; `AWS::NoValue` is undefined. Other intrinsics stay as they are. */
export function decided(template: Template, value: unknown, values: ParameterValues = {}): unknown {
  if (typeof value !== "object" || value === null) return value
  if ("Fn::If" in value) {
    const [condition, yes, no] = value["Fn::If"] as [string, unknown, unknown]
    return decided(template, holds(template, condition, values) ? yes : no, values)
  }
  return "Ref" in value && value.Ref === "AWS::NoValue" ? undefined : value
}

/** The resources of a type that stand, with their logical ids. */
export function standing(template: Template, type: string, values: ParameterValues = {}): [string, Resource][] {
  return Object.entries(template.Resources).filter(
    ([, resource]) =>
      resource.Type === type && (resource.Condition === undefined || holds(template, resource.Condition, values)),
  )
}
