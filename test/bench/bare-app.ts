/**
 * A bare CDK app with the resources of another: as many stacks, in each the same resources with the same properties, each
 * one written out at the lowest level (L1), with no construct of ours or of CDK's higher levels about them.
 */
import {
  type Acknowledgment,
  App,
  CfnCondition,
  type CfnDeletionPolicy,
  CfnOutput,
  CfnParameter,
  CfnResource,
  Stack,
  Token,
  Validations,
} from "aws-cdk-lib"
import type { IConstruct } from "constructs"
import type { StageApp } from "../../infra/src/app.ts"

/** `typed`: CDK's class for each type, as a person would write it; `generic`: `CfnResource` for all, the floor. */
export type Kind = "typed" | "generic"

interface Element {
  readonly id: string
  readonly make: new (scope: Stack, id: string, props: object) => CfnResource
  /** For the class of the type, and for `CfnResource`. */
  readonly typed: object
  readonly generic: { readonly type: string; readonly properties: object }
  readonly dependsOn: readonly string[]
  readonly condition?: string
  readonly deletionPolicy?: string
  readonly updateReplacePolicy?: string
  /** Rules acknowledged on it and on what it is part of. */
  readonly acknowledged: readonly Acknowledgment[]
}

interface StackParts {
  readonly name: string
  readonly stackName: string
  readonly region: string
  readonly resources: readonly Element[]
  readonly parameters: Readonly<Record<string, object>>
  readonly conditions: Readonly<Record<string, object>>
  readonly outputs: Readonly<Record<string, { readonly Value: string; readonly Export?: { readonly Name: string } }>>
}

export interface AppParts {
  readonly context: Readonly<Record<string, unknown>>
  readonly stacks: readonly StackParts[]
}

/** What a synthesized app consists of, resolved, so that nothing of the app itself is left in it. */
export function partsOf({ app, stacks }: StageApp, context: Readonly<Record<string, unknown>>): AppParts {
  const assembly = app.synth()
  return { context, stacks: Object.entries(stacks).map(([name, stack]) => partsOfStack(name, stack)) }

  function partsOfStack(name: string, stack: Stack): StackParts {
    const template = assembly.getStackArtifact(stack.artifactId).template
    const resources = stack.node
      .findAll()
      .filter((one): one is CfnResource => CfnResource.isCfnResource(one))
      .map((one): Element => {
        const id: string = stack.resolve(one.logicalId)
        const {
          Type,
          Properties = {},
          DependsOn = [],
          Condition,
          DeletionPolicy,
          UpdateReplacePolicy,
        } = template.Resources[id]
        // What L1 classes take is protected; there is no other way to have it as they were given it.
        const { cfnProperties } = one as unknown as { cfnProperties: object }
        return {
          id,
          make: one.constructor as Element["make"],
          typed: stack.resolve(cfnProperties),
          generic: { type: Type, properties: Properties },
          dependsOn: [DependsOn].flat(),
          condition: Condition,
          deletionPolicy: DeletionPolicy,
          updateReplacePolicy: UpdateReplacePolicy,
          acknowledged: one.node.scopes.flatMap(acknowledgedOn),
        }
      })
    return {
      name,
      stackName: stack.stackName,
      region: stack.region,
      resources,
      parameters: template.Parameters ?? {},
      conditions: template.Conditions ?? {},
      outputs: template.Outputs ?? {},
    }
  }
}

function acknowledgedOn(construct: IConstruct): Acknowledgment[] {
  return construct.node.metadata
    .filter(({ type }) => type === "aws:cdk:acknowledged-rules")
    .flatMap(({ data }) => Object.entries(data as Record<string, string>))
    .map(([id, reason]) => ({ id, reason }) as Acknowledgment)
}

/** Builds it; nothing is written before `app.synth()`. */
export function bareApp(parts: AppParts, kind: Kind, outdir: string): App {
  const app = new App({ outdir, treeMetadata: false, analyticsReporting: false, context: { ...parts.context } })
  for (const part of parts.stacks) bareStack(app, part, kind)
  return app
}

function bareStack(app: App, part: StackParts, kind: Kind): void {
  const stack = new Stack(app, part.name, { stackName: part.stackName, env: { region: part.region } })
  for (const [id, parameter] of Object.entries(part.parameters)) {
    // CDK's synthesizer adds its own.
    if (id !== "BootstrapVersion") new CfnParameter(stack, id, lowerCased(parameter))
  }
  const conditions = new Map(
    Object.entries(part.conditions).map(([id, expression]) => [
      id,
      new CfnCondition(stack, id, { expression: Token.asAny(expression) as never }),
    ]),
  )
  const made = new Map<string, CfnResource>()
  for (const {
    id,
    make,
    typed,
    generic,
    condition,
    deletionPolicy,
    updateReplacePolicy,
    acknowledged,
  } of part.resources) {
    const resource =
      kind === "typed" ? new make(stack, id, tokens(typed) as object) : new CfnResource(stack, id, generic)
    const on = condition === undefined ? undefined : conditions.get(condition)
    if (on !== undefined) resource.cfnOptions.condition = on
    if (deletionPolicy !== undefined) resource.cfnOptions.deletionPolicy = deletionPolicy as CfnDeletionPolicy
    if (updateReplacePolicy !== undefined) {
      resource.cfnOptions.updateReplacePolicy = updateReplacePolicy as CfnDeletionPolicy
    }
    if (acknowledged.length > 0) Validations.of(resource).acknowledge(...acknowledged)
    made.set(id, resource)
  }
  for (const { id, dependsOn } of part.resources) {
    for (const other of dependsOn) {
      const target = made.get(other)
      if (target !== undefined) made.get(id)?.addResourceDependency(target)
    }
  }
  for (const [id, { Value, Export }] of Object.entries(part.outputs)) {
    new CfnOutput(stack, id, { value: tokens(Value) as string, ...(Export && { exportName: Export.Name }) })
  }
}

/** CloudFormation's functions as tokens, as which L1 classes take them. */
function tokens(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tokens)
  if (typeof value !== "object" || value === null) return value
  const keys = Object.keys(value)
  if (keys.length === 1 && /^(Ref|Fn::\w+)$/.test(keys[0] ?? "")) return Token.asString(value)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, tokens(inner)]))
}

function lowerCased(properties: object): object {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name.charAt(0).toLowerCase() + name.slice(1), value]),
  )
}
