/** A stage's templates, synthesized once for all tests of a process, and copies of them to change. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stageNamed } from "../../../../infra/config/stages.ts"
import { stageApp } from "../../../../infra/src/app.ts"
import { readTemplates, type Template } from "../../../../infra/src/templates/read.ts"

const made = new Map<string, readonly Template[]>()

/** @param name of a stage */
export function templatesOf(name: string): readonly Template[] {
  const known = made.get(name)
  if (known !== undefined) return known
  const folder = mkdtempSync(join(tmpdir(), "stage-"))
  try {
    const functionZip = join(folder, "function.zip")
    writeFileSync(functionZip, "")
    stageApp(stageNamed(name), { outdir: join(folder, "out"), functionZip, validate: false }).app.synth()
    const templates = readTemplates(join(folder, "out"))
    made.set(name, templates)
    return templates
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a template's raw JSON, which tests change at will.
export type Raw = any

export interface Found {
  readonly address: string
  readonly template: string
  readonly id: string
  readonly raw: Raw
  /** Its properties, to be changed. */
  readonly properties: Raw
}

/** A copy of templates, to be changed. */
export class Copy {
  readonly templates: readonly Template[]

  constructor(templates: readonly Template[]) {
    this.templates = structuredClone(templates)
  }

  /**
   * @param where part of its JSON, or of its logical id
   * @returns the first of the type
   */
  find(type: string, where: string | RegExp = ""): Found {
    const [found] = this.all(type, where)
    if (found === undefined) throw new Error(`no ${type} with ${where}`)
    return found
  }

  all(type: string, where: string | RegExp = ""): Found[] {
    return this.templates.flatMap(({ name, body }) =>
      Object.entries(body.Resources)
        .filter(([id, raw]) => raw.Type === type && new RegExp(where).test(`${id} ${JSON.stringify(raw)}`))
        .map(([id, raw]) => {
          const resource = raw as Raw
          resource.Properties ??= {}
          return { address: `${name}/${id}`, template: name, id, raw: resource, properties: resource.Properties }
        }),
    )
  }

  /** @returns its address */
  add(template: string, id: string, type: string, properties: Raw, rest: Raw = {}): string {
    const body = this.templates.find(({ name }) => name === template)?.body as Raw
    body.Resources[id] = { Type: type, Properties: properties, ...rest }
    return `${template}/${id}`
  }

  remove({ template, id }: Found): void {
    const body = this.templates.find(({ name }) => name === template)?.body as Raw
    delete body.Resources[id]
  }
}
