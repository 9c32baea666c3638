/** Stages synthesized once for a test process: every template, as CDK wrote it. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { STAGES } from "../../../infra/config/stages.ts"
import { stageApp } from "../../../infra/src/app.ts"
import type { StackName } from "../../../infra/src/names.ts"
import type { Stage } from "../../../infra/src/stage.ts"

// biome-ignore lint/suspicious/noExplicitAny: a template is JSON of CloudFormation's shapes
export type Json = any

export interface Resource {
  readonly Type: string
  readonly Properties: Json
  readonly Condition?: string
  readonly DependsOn?: readonly string[]
  readonly DeletionPolicy?: string
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly Parameters: Readonly<Record<string, Json>>
  readonly Conditions?: Readonly<Record<string, Json>>
  readonly Outputs?: Readonly<Record<string, Json>>
}

export type Templates = Readonly<Record<StackName, Template>>

export function stage(name: string): Stage {
  const found = STAGES.find((one) => one.name === name)
  if (found === undefined) throw new RangeError(`no stage ${name}`)
  return found
}

/** A zip that synthesis takes for the Lambda's: its content is none of its business. */
export function someZip(): string {
  const zip = join(mkdtempSync(join(tmpdir(), "perigee-zip-")), "lambda.zip")
  writeFileSync(zip, Buffer.from([0x50, 0x4b, 0x05, 0x06, ...Array<number>(18).fill(0)]))
  return zip
}

/** @param rules whether the rules of cdk-nag and ours are looked at too; slow */
export function synthesize(stage: Stage, rules = false): Templates {
  const outdir = mkdtempSync(join(tmpdir(), "perigee-cdk-"))
  const { app, stacks } = stageApp(stage, { outdir, functionZip: someZip(), validate: rules })
  const assembly = app.synth()
  return Object.fromEntries(
    Object.entries(stacks).map(([name, stack]) => [name, assembly.getStackArtifact(stack.artifactId).template]),
  ) as unknown as Templates
}

const made = new Map<string, Templates>()

/** A stage of the configuration, without the rules; made once. */
export function templatesOf(name: string): Templates {
  const templates = made.get(name) ?? synthesize(stage(name))
  made.set(name, templates)
  return templates
}

/** For `before`: the first synthesis of a process loads CDK, which takes its time. */
export function synthesized(name: string): Mocha.Func {
  return function () {
    this.timeout(120_000)
    templatesOf(name)
  }
}

export function ofType(template: Template, type: string): [id: string, resource: Resource][] {
  return Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)
}
