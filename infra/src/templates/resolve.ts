/**
 * Templates as they would be made with given parameters: conditions applied, intrinsics resolved, exports followed from
 * template to template. This is what the proofs and the picture read.
 */
import { type RawOutput, type RawResource, type Template, TemplateError } from "./read.ts"
import { isProperties, isSymbolic, joined, type Properties, Reference, textOf, Unknown, type Value } from "./value.ts"

/** A resource that is made. */
export interface Resource {
  readonly template: string
  /** The logical id. */
  readonly id: string
  /** `template/id`: what a message names. */
  readonly address: string
  /** Such as `AWS::EC2::Subnet`. */
  readonly type: string
  readonly properties: Properties
  /** Names of its condition, where whether it is made can't be known; proofs must take both for possible. */
  readonly maybe?: string
  readonly deletionPolicy?: string
  readonly updateReplacePolicy?: string
  /** Logical ids of the same template. */
  readonly dependsOn: readonly string[]
}

export interface Output {
  readonly template: string
  readonly id: string
  readonly description?: string
  readonly value: Value
  readonly exportName?: string
}

export interface ResolveOptions {
  /**
   * Values of parameters by name, in every template that has one of that name; the rest have their defaults, and without
   * one are {@link Unknown}.
   */
  readonly parameters?: Readonly<Record<string, string>>
}

/** The templates of a folder, resolved. */
export class Resolved {
  readonly templates: readonly Template[]
  /** Those that are made, in the order of the templates. */
  readonly resources: readonly Resource[]
  /** Addresses of those that their condition leaves out. */
  readonly absent: ReadonlySet<string>
  readonly outputs: readonly Output[]
  readonly parameters: Readonly<Record<string, string>>

  readonly #byAddress: ReadonlyMap<string, Resource>
  readonly #byType: ReadonlyMap<string, readonly Resource[]>

  constructor(parts: Pick<Resolved, "templates" | "resources" | "absent" | "outputs" | "parameters">) {
    this.templates = parts.templates
    this.resources = parts.resources
    this.absent = parts.absent
    this.outputs = parts.outputs
    this.parameters = parts.parameters
    this.#byAddress = new Map(parts.resources.map((one) => [one.address, one]))
    this.#byType = Map.groupBy(parts.resources, ({ type }) => type)
  }

  /** @param type such as `AWS::EC2::Subnet` */
  ofType(type: string): readonly Resource[] {
    return this.#byType.get(type) ?? []
  }

  /** @returns undefined for what is no reference, and for a resource that is not made */
  of(reference: Value | undefined): Resource | undefined {
    return reference instanceof Reference ? this.#byAddress.get(reference.address) : undefined
  }

  /** @param address `template/id` */
  at(address: string): Resource | undefined {
    return this.#byAddress.get(address)
  }
}

/**
 * @param templates of {@link readTemplates}
 * @throws TemplateError an export that no template has, a name that is nothing in its template, a reference in a circle
 */
export function resolve(templates: readonly Template[], { parameters = {} }: ResolveOptions = {}): Resolved {
  const scopes = templates.map((template) => new Scope(template, parameters))
  const exported = new Map<string, { readonly scope: Scope; readonly output: RawOutput }>()
  for (const scope of scopes) scope.exported = exported
  for (const scope of scopes) {
    for (const output of Object.values(scope.template.body.Outputs ?? {})) {
      if (output.Export === undefined || scope.made(output) === false) continue
      exported.set(textOf(scope.value(output.Export.Name)) ?? "", { scope, output })
    }
  }
  const resources: Resource[] = []
  const absent = new Set<string>()
  const outputs: Output[] = []
  for (const scope of scopes) {
    const { name, body } = scope.template
    for (const [id, raw] of Object.entries(body.Resources)) {
      const made = scope.made(raw)
      if (made === false) absent.add(`${name}/${id}`)
      else resources.push(resource(scope, id, raw, made))
    }
    for (const [id, raw] of Object.entries(body.Outputs ?? {})) {
      if (scope.made(raw) === false) continue
      const exportName = raw.Export && textOf(scope.value(raw.Export.Name))
      outputs.push({
        template: name,
        id,
        value: scope.value(raw.Value),
        ...(raw.Description !== undefined && { description: raw.Description }),
        ...(exportName !== undefined && { exportName }),
      })
    }
  }
  return new Resolved({ templates, resources, absent, outputs, parameters })
}

function resource(scope: Scope, id: string, raw: RawResource, made: boolean | undefined): Resource {
  const { name } = scope.template
  const properties = scope.value(raw.Properties ?? {})
  if (!isProperties(properties)) throw new TemplateError(`${name}/${id}: Properties are no properties`)
  return {
    template: name,
    id,
    address: `${name}/${id}`,
    type: raw.Type,
    properties,
    ...(made === undefined && raw.Condition !== undefined && { maybe: raw.Condition }),
    ...(raw.DeletionPolicy !== undefined && { deletionPolicy: raw.DeletionPolicy }),
    ...(raw.UpdateReplacePolicy !== undefined && { updateReplacePolicy: raw.UpdateReplacePolicy }),
    dependsOn: typeof raw.DependsOn === "string" ? [raw.DependsOn] : (raw.DependsOn ?? []),
  }
}

/** `AWS::NoValue`: a property, or a member of a list, that is left out. */
const NO_VALUE = Symbol("AWS::NoValue")

class Scope {
  readonly template: Template
  exported: ReadonlyMap<string, { readonly scope: Scope; readonly output: RawOutput }> = new Map()

  readonly #parameters: Readonly<Record<string, string>>
  readonly #conditions = new Map<string, boolean | undefined>()
  /** What is being looked up: to find circles. */
  readonly #open = new Set<string>()

  constructor(template: Template, parameters: Readonly<Record<string, string>>) {
    this.template = template
    this.#parameters = parameters
  }

  /** Whether something with a condition is made; undefined where that can't be known. */
  made({ Condition }: { readonly Condition?: string }): boolean | undefined {
    return Condition === undefined ? true : this.#condition(Condition)
  }

  value(raw: unknown): Value {
    const value = this.#value(raw)
    return value === NO_VALUE ? null : value
  }

  #value(raw: unknown): Value | typeof NO_VALUE {
    if (typeof raw !== "object" || raw === null) return raw as Value
    if (Array.isArray(raw)) return raw.map((one) => this.#value(one)).filter((one) => one !== NO_VALUE)
    const entries = Object.entries(raw)
    const [[key = "", argument] = []] = entries
    if (entries.length === 1 && (key === "Ref" || key.startsWith("Fn::"))) return this.#intrinsic(key, argument)
    const made: Record<string, Value> = {}
    for (const [name, one] of entries) {
      const value = this.#value(one)
      if (value !== NO_VALUE) made[name] = value
    }
    return made
  }

  /** @throws TemplateError an intrinsic without the arguments that it takes */
  #intrinsic(key: string, argument: unknown): Value | typeof NO_VALUE {
    return this.#whole(key, argument, () => this.#resolvedIntrinsic(key, argument))
  }

  #whole<T>(key: string, argument: unknown, resolve: () => T): T {
    try {
      return resolve()
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      const text = (JSON.stringify(argument) ?? "nothing").slice(0, 60)
      throw new TemplateError(`${this.template.name} gives ${key} ${text}, which are not the arguments that it takes`)
    }
  }

  #resolvedIntrinsic(key: string, argument: unknown): Value | typeof NO_VALUE {
    switch (key) {
      case "Ref":
        return this.#ref(String(argument))
      case "Fn::GetAtt":
        return this.#getAtt(argument)
      case "Fn::Join": {
        const [separator, parts] = argument as [string, unknown]
        return joinedBy(separator, this.value(parts))
      }
      case "Fn::Sub":
        return this.#sub(argument)
      case "Fn::If": {
        const [name, then, otherwise] = argument as [string, unknown, unknown]
        const holds = this.#condition(name)
        if (holds !== undefined) return this.#value(holds ? then : otherwise)
        const [one, other] = [this.value(then), this.value(otherwise)]
        const [oneText, otherText] = [textOf(one), textOf(other)]
        return oneText === otherText ? one : new Unknown(`${name} ? ${oneText} : ${otherText}`)
      }
      case "Fn::ImportValue":
        return this.#import(textOf(this.value(argument)) ?? "")
      case "Fn::Select": {
        const [index, from] = argument as [unknown, unknown]
        const members = this.value(from)
        const number = Number(textOf(this.value(index)))
        const member = Array.isArray(members) ? (members as Value[])[number] : undefined
        return member ?? new Unknown(`${number} of ${textOf(members)}`)
      }
      case "Fn::Split": {
        const [separator, from] = argument as [string, unknown]
        const text = this.value(from)
        return typeof text === "string" ? text.split(separator) : new Unknown(`${textOf(text)} split at ${separator}`)
      }
      case "Fn::FindInMap": {
        const [map, first, second] = (argument as unknown[]).map((one) => textOf(this.value(one)) ?? "")
        const found = this.template.body.Mappings?.[map ?? ""]?.[first ?? ""]?.[second ?? ""]
        return found === undefined ? new Unknown(`${map}.${first}.${second}`) : this.value(found)
      }
      case "Fn::Equals":
      case "Fn::Not":
      case "Fn::And":
      case "Fn::Or":
        return this.#holds({ [key]: argument }) ?? new Unknown(JSON.stringify({ [key]: argument }))
      default:
        return new Unknown(`${key} ${textOf(this.value(argument))}`)
    }
  }

  #ref(name: string): Value | typeof NO_VALUE {
    const { body, region, account, stackName } = this.template
    if (name === "AWS::NoValue") return NO_VALUE
    if (name === "AWS::Region" && region !== undefined) return region
    if (name === "AWS::AccountId" && account !== undefined) return account
    if (name === "AWS::StackName") return stackName
    if (name.startsWith("AWS::")) return new Unknown(name)
    if (body.Resources[name] !== undefined) return new Reference(this.template.name, name, "Ref")
    const parameter = body.Parameters?.[name]
    if (parameter === undefined)
      throw new TemplateError(`${this.template.name} refers to ${name}, which is nothing in it`)
    const type = String(parameter["Type"] ?? "String")
    const given = this.#parameters[name]
    const fallback = parameter["Default"]
    if (type.startsWith("AWS::SSM::Parameter::Value")) {
      return new Unknown(given === undefined ? `ssm ${fallback ?? name}` : `ssm ${given}`)
    }
    const value = given ?? fallback
    if (value === undefined) return new Unknown(name)
    if (/^(CommaDelimitedList|List<)/.test(type)) return String(value).split(",")
    return typeof value === "number" ? value : String(value)
  }

  #getAtt(argument: unknown): Value {
    const [id = "", attribute = ""] =
      typeof argument === "string" ? argument.split(/\.(.*)/s) : (argument as unknown[]).map((one) => String(one))
    if (this.template.body.Resources[id] === undefined) {
      throw new TemplateError(`${this.template.name} asks ${id} for its ${attribute}, but has no such resource`)
    }
    return new Reference(this.template.name, id, attribute)
  }

  #sub(argument: unknown): Value {
    const [text, own] = Array.isArray(argument)
      ? (argument as [string, Readonly<Record<string, unknown>>])
      : [String(argument), {}]
    const parts = text.split(/(\$\{[^}]+\})/).map((part): Value => {
      const name = /^\$\{([^}]+)\}$/.exec(part)?.[1]
      if (name === undefined) return part
      if (name.startsWith("!")) return `\${${name.slice(1)}}`
      if (Object.hasOwn(own, name)) return this.value(own[name])
      return name.includes(".") ? this.#getAtt(name) : this.value({ Ref: name })
    })
    return joined(parts)
  }

  #import(name: string): Value {
    const found = this.exported.get(name)
    if (found === undefined) {
      throw new TemplateError(
        `${this.template.name} imports ${JSON.stringify(name)}, which no template exports; give the whole folder of stacks`,
      )
    }
    return this.#once(`the import of ${name}`, () => found.scope.value(found.output.Value))
  }

  #condition(name: string): boolean | undefined {
    if (this.#conditions.has(name)) return this.#conditions.get(name)
    const raw = this.template.body.Conditions?.[name]
    if (raw === undefined) throw new TemplateError(`${this.template.name} has no condition ${name}`)
    const holds = this.#once(`the condition ${name}`, () => this.#holds(raw))
    this.#conditions.set(name, holds)
    return holds
  }

  /** Three values: undefined is “can't be known”. */
  #holds(raw: unknown): boolean | undefined {
    return this.#whole("a condition", raw, () => this.#heldBy(raw))
  }

  #heldBy(raw: unknown): boolean | undefined {
    const [[key = "", argument] = []] = Object.entries(raw as Readonly<Record<string, unknown>>)
    const each = () => (argument as unknown[]).map((one) => this.#holds(one))
    switch (key) {
      case "Condition":
        return this.#condition(String(argument))
      case "Fn::Not": {
        const [holds] = each()
        return holds === undefined ? undefined : !holds
      }
      case "Fn::And": {
        const all = each()
        return all.includes(false) ? false : all.includes(undefined) ? undefined : true
      }
      case "Fn::Or": {
        const all = each()
        return all.includes(true) ? true : all.includes(undefined) ? undefined : false
      }
      case "Fn::Equals": {
        const [one, other] = (argument as unknown[]).map((side) => this.value(side))
        if (textOf(one) === textOf(other)) return true
        return isSymbolic(one) || isSymbolic(other) ? undefined : false
      }
      default:
        return undefined
    }
  }

  #once<T>(what: string, look: () => T): T {
    if (this.#open.has(what)) throw new TemplateError(`${this.template.name}: ${what} leads back to itself`)
    this.#open.add(what)
    try {
      return look()
    } finally {
      this.#open.delete(what)
    }
  }
}

function joinedBy(separator: string, parts: Value): Value {
  if (!Array.isArray(parts)) return new Unknown(`${textOf(parts)} joined by ${separator}`)
  return joined((parts as Value[]).flatMap((part, at) => (at === 0 ? [part] : [separator, part])))
}
