/** Stages as they are planned and as they would be deployed, made from one synthesis each; tests change copies of them. */
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { ResourceChange } from "@aws-sdk/client-cloudformation"
import { type Digests, plannedImages } from "../../../deploy/src/plan/images.ts"
import { plannedParameters } from "../../../deploy/src/plan/parameters.ts"
import { type Plan, planOf } from "../../../deploy/src/plan/plan.ts"
import { type DeployedStack, type PlannedStack, plannedStacks } from "../../../deploy/src/plan/stacks.ts"
import { stageApp } from "../../../infra/src/app.ts"
import { type ImageName, NOTHING_ROLLED_OUT } from "../../../infra/src/names.ts"
import type { Json } from "../infra/assembly.ts"
import { someZip, stage } from "../infra/assembly.ts"

export const ACCOUNT = "111111111111"

/** A digest of one digit, for a test to tell images apart. */
export function digest(digit: string): string {
  return `sha256:${digit.repeat(64)}`
}

export const RUNNING: Digests = {
  get_data: digest("a"),
  user_metadata: digest("b"),
  flight_metadata: digest("c"),
  flights_availability: digest("d"),
}

export const NOTHING_RUNS: Digests = {
  get_data: NOTHING_ROLLED_OUT,
  user_metadata: NOTHING_ROLLED_OUT,
  flight_metadata: NOTHING_ROLLED_OUT,
  flights_availability: NOTHING_ROLLED_OUT,
}

const made = new Map<string, PlannedStack[]>()

/** A copy that a test may change. */
export function planned(name: string): PlannedStack[] {
  const known = made.get(name)
  if (known !== undefined) return structuredClone(known)
  const outdir = mkdtempSync(join(tmpdir(), "perigee-planned-"))
  stageApp(stage(name), { outdir, functionZip: someZip(), validate: false }).app.synth()
  const stacks = plannedStacks(outdir)
  made.set(name, stacks)
  return structuredClone(stacks)
}

/** What CloudFormation would tell of these stacks, once they are deployed with their defaults. */
export function deployedAs(stacks: readonly PlannedStack[]): DeployedStack[] {
  return structuredClone(stacks).map(({ name, stackName, template, tags, terminationProtection }) => ({
    name,
    stackName,
    status: "UPDATE_COMPLETE",
    template,
    parameters: Object.fromEntries(
      plannedParameters(name, template, undefined).map((one) => [one.name, { value: one.value }]),
    ),
    tags,
    terminationProtection,
  }))
}

export interface Situation {
  readonly stage?: string
  readonly planned: readonly PlannedStack[]
  readonly deployed: readonly DeployedStack[]
  readonly running?: Digests
  /** Digests. */
  readonly images?: Partial<Record<ImageName, string>>
  readonly told?: ReadonlyMap<string, readonly ResourceChange[]>
}

export function planIn({
  stage: name = "production",
  planned: stacks,
  deployed,
  running = RUNNING,
  images = {},
  told,
}: Situation): Plan {
  const parameters = new Map(
    stacks.map((one) => [
      one.name,
      plannedParameters(one.name, one.template, deployed.find((there) => there.name === one.name)?.parameters),
    ]),
  )
  const uris = Object.fromEntries(Object.entries(images).map(([image, one]) => [image, `registry/${image}@${one}`]))
  return planOf({
    stage: stage(name),
    account: ACCOUNT,
    planned: stacks,
    deployed,
    parameters,
    images: plannedImages(running, uris),
    ...(told !== undefined && { told }),
  })
}

/** The properties of one resource, to change: by its stack and the start of its logical id. */
export function properties(stacks: readonly { name: string; template: Json }[], stack: string, id: string): Json {
  return resource(stacks, stack, id).Properties
}

export function resource(stacks: readonly { name: string; template: Json }[], stack: string, id: string): Json {
  const resources = stacks.find(({ name }) => name === stack)?.template.Resources ?? {}
  const found = Object.keys(resources).filter((one) => one.replace(/[0-9A-F]{8}$/, "") === id || one === id)
  if (found.length !== 1) throw new RangeError(`${stack} has ${found.length} resources ${id}`)
  return resources[found[0] as string]
}

/** Takes a resource out that nothing refers to. */
export function without(stacks: PlannedStack[], stack: string, id: string): PlannedStack[] {
  const template = stacks.find(({ name }) => name === stack)?.template as unknown as Json
  const gone = resource(stacks, stack, id)
  for (const [key, one] of Object.entries<Json>(template.Resources)) {
    if (one === gone) delete template.Resources[key]
  }
  return stacks
}
