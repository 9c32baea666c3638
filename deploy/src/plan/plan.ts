/** A plan: all that a deploy would do, computed from what is asked for and what is deployed. It knows no target's API. */
import type { ResourceChange } from "@aws-sdk/client-cloudformation"
import { readPrices } from "../../../infra/src/cost/prices.ts"
import { Subject } from "../../../infra/src/proofs/proof.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import { type Template, type TemplateBody, TemplateError } from "../../../infra/src/templates/read.ts"
import type { Resolved } from "../../../infra/src/templates/resolve.ts"
import { EXIT, Refusal } from "../refusal.ts"
import type { RevisionChange } from "../targets/target.ts"
import { TARGETS } from "../targets/targets.ts"
import { canonical } from "./canonical.ts"
import { type Change, changesOf } from "./changes.ts"
import { type Classification, classificationOf } from "./classification.ts"
import { type CostChange, costChange } from "./cost-change.ts"
import { type DataLoss, dataLossOf } from "./data-loss.ts"
import { canonicalTemplate, digestOf } from "./digest.ts"
import type { PlannedImage } from "./images.ts"
import type { PlannedParameter } from "./parameters.ts"
import { type MatrixChanges, matrixChanges, type Proofs, proofsOf } from "./proofs.ts"
import { asTold, type DeployedStack, type PlannedStack, templateOf } from "./stacks.ts"
import { type Widening, wideningsOf } from "./widenings.ts"

export interface StackPlan {
  readonly name: string
  readonly stackName: string
  readonly state: "new" | "changed" | "unchanged" | "deleted"
  readonly changes: readonly Change[]
  readonly parameters: readonly PlannedParameter[]
  /** What a person should know besides, a sentence each. */
  readonly notes: readonly string[]
  /** Kept for a deploy to execute. */
  readonly changeSet?: string
}

export interface Plan {
  readonly version: 1
  readonly stage: string
  readonly region: string
  readonly account: string
  /** Of what is asked for: what somebody approves. */
  readonly digest: string
  readonly classification: Classification
  readonly dataLoss: readonly DataLoss[]
  readonly stacks: readonly StackPlan[]
  readonly widenings: readonly Widening[]
  readonly images: readonly PlannedImage[]
  readonly taskDefinitions: readonly RevisionChange[]
  readonly proofs: Proofs
  readonly reachable: MatrixChanges
  /** A line that says why not, where it can't be reckoned. */
  readonly cost: CostChange | string
}

export interface Asked {
  readonly stage: Stage
  /** 12 digits. */
  readonly account: string
  readonly planned: readonly PlannedStack[]
  readonly deployed: readonly DeployedStack[]
  /** Of each planned stack. */
  readonly parameters: ReadonlyMap<string, readonly PlannedParameter[]>
  readonly images: readonly PlannedImage[]
  /** CloudFormation's changes by stack, of those that a change set was made of. */
  readonly told?: ReadonlyMap<string, readonly ResourceChange[]>
  /** Change sets that were kept, by stack. */
  readonly kept?: ReadonlyMap<string, string>
}

/** @throws Refusal the planned templates don't hold together */
export function planOf(asked: Asked): Plan {
  const { stage, account, planned, deployed, parameters, images } = asked
  const after = new Subject(planned.map(templateOf), stage, valuesOf([...parameters.values()].flat()))
  const before = subjectOf(deployed, stage)
  const resolvedAfter = resolved(after)
  if (typeof resolvedAfter === "string")
    throw new Refusal(EXIT.unfit, `the templates don't hold together: ${resolvedAfter}`)
  const resolvedBefore = before && resolved(before)
  const comparable = typeof resolvedBefore === "string" ? undefined : resolvedBefore

  const stacks = [
    ...planned.map((stack) => stackPlan(asked, stack, comparable, resolvedAfter)),
    ...deployed
      .filter(({ name }) => !planned.some((one) => one.name === name))
      .map((stack) => deletedStack(stack, comparable)),
  ]
  const widenings: Widening[] =
    before === undefined
      ? []
      : typeof resolvedBefore === "string"
        ? [{ kind: "who reaches whom", subject: "all", what: `what is deployed can't be compared: ${resolvedBefore}` }]
        : wideningsOf(before, after)
  const comparableBefore = comparable === undefined ? undefined : before
  return {
    version: 1,
    stage: stage.name,
    region: stage.region,
    account,
    digest: planDigest(asked),
    classification: classificationOf(stacks, widenings),
    dataLoss: stacks.flatMap(({ changes }) => dataLossOf(changes)),
    stacks,
    widenings,
    images,
    taskDefinitions: TARGETS.flatMap(({ revisions }) => revisions(stage.name, comparable, resolvedAfter, images)),
    proofs: proofsOf(after),
    reachable: matrixChanges(comparableBefore, after),
    cost: costChange(
      stage,
      { templates: bodies(deployed), parameters: deployedValues(deployed) },
      { templates: bodies(planned), parameters: after.parameters },
      readPrices(stage.region),
    ),
  }
}

/** Of what is asked for alone: it can be told before anything is compared. */
export function planDigest({ stage, planned, parameters, images }: Omit<Asked, "account" | "deployed">): string {
  return digestOf({
    stage: stage.name,
    region: stage.region,
    stacks: planned.map((stack) => ({ ...stack, parameters: valuesOf(parameters.get(stack.name) ?? []) })),
    images: Object.fromEntries(images.map(({ name, after }) => [name, after])),
  })
}

/** Nothing changes, and nothing is rolled out. */
export function isEmpty({ stacks, images, taskDefinitions }: Plan): boolean {
  return (
    stacks.every(({ state }) => state === "unchanged") &&
    taskDefinitions.length === 0 &&
    images.every(({ before, after }) => before === after)
  )
}

/**
 * Whether anything that is asked for differs. Images that a rollout moved since the last update are no reason for another:
 * they run, and the next update that has one takes them in.
 */
export function differs(
  planned: PlannedStack,
  deployed: DeployedStack,
  parameters: readonly PlannedParameter[],
): boolean {
  const [was, is] = [deployed.template, planned.template].map((one) =>
    one === undefined ? "" : canonical(canonicalTemplate(asTold(one))),
  )
  const moved = parameters.some(({ name, value }) => deployed.parameters[name]?.value !== value)
  return was !== is || moved || canonical(planned.tags) !== canonical(deployed.tags)
}

/**
 * Exports that the stack as it is planned imports, and none of those that are deployed has: CloudFormation makes no change
 * set of it before they are there.
 */
export function missingExports(planned: PlannedStack, deployed: readonly DeployedStack[]): readonly string[] {
  const there = new Set(deployed.flatMap(({ template }) => exportsOf(template?.Outputs ?? {})))
  return [...new Set(importsIn(planned.template))].filter((name) => !there.has(name))
}

function exportsOf(outputs: NonNullable<TemplateBody["Outputs"]>): string[] {
  return Object.values(outputs).flatMap((one) => (one.Export === undefined ? [] : [String(one.Export.Name)]))
}

/** Names alone: what is put together of references can't be told. */
function importsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return []
  return Object.entries(value).flatMap(([key, one]) =>
    key === "Fn::ImportValue" && typeof one === "string" ? [one] : importsIn(one),
  )
}

function stackPlan(asked: Asked, stack: PlannedStack, before: Resolved | undefined, after: Resolved): StackPlan {
  const { deployed, told, kept } = asked
  const { name, stackName, template } = stack
  const parameters = asked.parameters.get(name) ?? []
  const there = deployed.find((one) => one.name === name)
  const changeSet = kept?.get(name)
  const changes = changesOf({
    stack: name,
    before: there?.template,
    after: template,
    resolvedBefore: before,
    resolvedAfter: after,
    ...(told?.has(name) && { told: told.get(name) ?? [] }),
  })
  const notes = there === undefined ? [] : notesOf(stack, there, parameters, deployed)
  const keptParameters = parameters
    .filter(({ from, default: fallback }) => from === "kept" && fallback !== undefined)
    .map(
      ({ name: one, value, default: fallback }) =>
        `${one} stays ${quoted(value)}; the template's default is ${quoted(fallback)}`,
    )
  const state = there === undefined ? "new" : changes.length + notes.length > 0 ? "changed" : "unchanged"
  return {
    name,
    stackName,
    state,
    changes,
    parameters,
    notes: [...notes, ...keptParameters],
    ...(changeSet !== undefined && { changeSet }),
  }
}

/** Changes of a stack that are of no resource. */
function notesOf(
  stack: PlannedStack,
  there: DeployedStack,
  parameters: readonly PlannedParameter[],
  deployed: readonly DeployedStack[],
): string[] {
  const values = parameters
    .filter(({ name, value }) => there.parameters[name]?.value !== value)
    .map(({ name, value }) => `${name} becomes ${quoted(value)}, from ${quoted(there.parameters[name]?.value)}`)
  const gone = Object.keys(there.parameters).filter((name) => !parameters.some((one) => one.name === name))
  const tags = canonical(stack.tags) === canonical(there.tags) ? [] : ["its tags change"]
  const protection =
    stack.terminationProtection === there.terminationProtection
      ? []
      : [`its protection against deletion goes ${stack.terminationProtection ? "on" : "OFF"}`]
  const [was, is] = [there.template?.Outputs ?? {}, stack.template.Outputs ?? {}]
  const outputs = canonical(asTold(was)) === canonical(asTold(is)) ? [] : ["its outputs change"]
  const lost = exportsOf(was).filter((name) => !exportsOf(is).includes(name))
  const awaited = missingExports(stack, deployed).map(
    (name) => `it uses the export ${name}, which comes with this very deploy: CloudFormation is asked about it then`,
  )
  const broken = deployed.flatMap(({ name, template }) =>
    lost
      .filter((one) => name !== stack.name && JSON.stringify(template ?? {}).includes(JSON.stringify(one)))
      .map(
        (one) =>
          `CloudFormation will REFUSE this update: ${name} as it is deployed uses the export ${one}, which goes; keep it for one deploy more`,
      ),
  )
  return [
    ...values,
    ...gone.map((name) => `the parameter ${name} goes`),
    ...tags,
    ...protection,
    ...outputs,
    ...broken,
    ...awaited,
  ]
}

function deletedStack(stack: DeployedStack, resolvedBefore: Resolved | undefined): StackPlan {
  const { name, stackName, template, terminationProtection } = stack
  return {
    name,
    stackName,
    state: "deleted",
    changes: changesOf({
      stack: name,
      before: template,
      after: undefined,
      resolvedBefore,
      resolvedAfter: undefined,
    }),
    parameters: [],
    notes: [
      "it is deployed and no longer in the stage",
      ...(template === undefined ? ["what it holds can't be read by this role"] : []),
      ...(terminationProtection ? ["it is protected against deletion"] : []),
    ],
  }
}

function subjectOf(deployed: readonly DeployedStack[], stage: Stage): Subject | undefined {
  const templates = deployed.flatMap(({ name, stackName, template }): Template[] =>
    template === undefined ? [] : [{ name, stackName, region: stage.region, body: template }],
  )
  return templates.length === 0 ? undefined : new Subject(templates, stage, deployedValues(deployed))
}

function deployedValues(deployed: readonly DeployedStack[]): Record<string, string> {
  return Object.fromEntries(
    deployed.flatMap(({ parameters }) => Object.entries(parameters).map(([name, { value }]) => [name, value])),
  )
}

/** @returns what is wrong, where it can't be */
function resolved(subject: Subject): Resolved | string {
  try {
    return subject.resolved
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
}

function valuesOf(parameters: readonly PlannedParameter[]): Record<string, string> {
  return Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
}

function bodies(stacks: readonly (PlannedStack | DeployedStack)[]) {
  return Object.fromEntries(stacks.flatMap(({ name, template }) => (template === undefined ? [] : [[name, template]])))
}

function quoted(value: string | undefined): string {
  return value === undefined ? "nothing" : value === "" ? "empty" : value
}
