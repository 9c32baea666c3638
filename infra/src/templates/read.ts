/** Reads a folder of CloudFormation templates: a cloud assembly of the CDK, or any JSON and YAML templates. */
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { type CollectionTag, parse, type ScalarTag } from "yaml"

/** A folder is not what was asked for; the message is one line: what, where, what to do. */
export class TemplateError extends Error {
  override readonly name = "TemplateError"
  /** Whether it is the folder or all templates that are missing, rather than something wrong in them. */
  readonly missing: boolean

  constructor(message: string, { missing = false } = {}) {
    super(message)
    this.missing = missing
  }
}

/** A template as written. */
export interface Template {
  /** Short: the file's name up to its first dot, such as `network`. */
  readonly name: string
  /** CloudFormation's name of the stack, where a cloud assembly tells it; else {@link name}. */
  readonly stackName: string
  /** Where a cloud assembly tells them; else undefined, and symbolic. */
  readonly region?: string
  readonly account?: string
  readonly body: TemplateBody
}

/** The parts of a template that are read. Source: CloudFormation user guide, “Template anatomy”. */
export interface TemplateBody {
  readonly Description?: string
  readonly Parameters?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>
  readonly Conditions?: Readonly<Record<string, unknown>>
  readonly Resources: Readonly<Record<string, RawResource>>
  readonly Outputs?: Readonly<Record<string, RawOutput>>
}

export interface RawResource {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
  readonly Condition?: string
  readonly DependsOn?: string | readonly string[]
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
  readonly Metadata?: Readonly<Record<string, unknown>>
}

export interface RawOutput {
  readonly Value: unknown
  readonly Condition?: string
  readonly Description?: string
  readonly Export?: { readonly Name: unknown }
}

/**
 * @param folder a cloud assembly, whose manifest names its stacks; without a manifest every `.json`, `.yaml` and `.yml`
 *   file that is a template
 * @throws TemplateError the folder or templates are missing, or a file can't be read as one
 */
export function readTemplates(folder: string): Template[] {
  let files: string[]
  try {
    files = readdirSync(folder).sort()
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOTDIR" ? "is no folder" : "is not there"
    throw new TemplateError(`${folder} ${why}; npm run synth -- --stage=<name> --out=<folder> makes one`, {
      missing: true,
    })
  }
  const templates = files.includes("manifest.json") ? ofAssembly(folder) : ofFolder(folder, files)
  if (templates.length === 0) {
    throw new TemplateError(
      `${folder} has no templates; give a folder of CloudFormation templates in JSON or YAML, such as a cloud assembly`,
      { missing: true },
    )
  }
  return templates
}

function ofAssembly(folder: string): Template[] {
  const path = join(folder, "manifest.json")
  const read = parsed(path)
  const artifacts = isTable(read) ? (read["artifacts"] ?? {}) : undefined
  if (!isTable(artifacts) || !Object.values(artifacts).every(isTable)) {
    throw new TemplateError(`${path} is no manifest of a cloud assembly: it has no table of artifacts; make it anew`)
  }
  const manifest = read as {
    artifacts?: Record<
      string,
      { type?: string; environment?: string; properties?: { templateFile?: string; stackName?: string } }
    >
  }
  return Object.entries(manifest.artifacts ?? {})
    .filter(([, { type }]) => type === "aws:cloudformation:stack")
    .map(([name, { environment = "", properties: { templateFile = "", stackName = name } = {} }]) => {
      const [, account, region] = /^aws:\/\/([^/]+)\/([^/]+)$/.exec(environment) ?? []
      return {
        name,
        stackName,
        ...(region !== undefined && !region.startsWith("unknown") && { region }),
        ...(account !== undefined && !account.startsWith("unknown") && { account }),
        body: body(join(folder, templateFile)),
      }
    })
}

function ofFolder(folder: string, files: readonly string[]): Template[] {
  const found: Template[] = []
  for (const file of files.filter((one) => /\.(json|ya?ml)$/.test(one))) {
    const path = join(folder, file)
    const read = parsed(path)
    if (typeof read !== "object" || read === null || !("Resources" in read)) continue
    const name = basename(file).split(".")[0] ?? file
    if (found.some((one) => one.name === name)) {
      throw new TemplateError(`${path}: another template is called ${name} already; give each file a name of its own`)
    }
    found.push({ name, stackName: name, body: body(path, read) })
  }
  return found
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function body(path: string, read: unknown = parsed(path)): TemplateBody {
  const resources = (read as Partial<TemplateBody> | null)?.Resources
  if (typeof resources !== "object" || resources === null) {
    throw new TemplateError(`${path} is no CloudFormation template: it has no Resources`)
  }
  for (const [id, resource] of Object.entries(resources)) {
    if (typeof resource !== "object" || resource === null || typeof resource.Type !== "string") {
      throw new TemplateError(`${path}: the resource ${id} has no Type`)
    }
  }
  for (const part of ["Parameters", "Mappings", "Conditions", "Outputs"] as const) {
    const table = (read as Readonly<Record<string, unknown>>)[part]
    if (table !== undefined && !isTable(table)) throw new TemplateError(`${path}: its ${part} are no table`)
  }
  for (const part of ["Parameters", "Outputs"] as const) {
    const table = (read as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>)[part] ?? {}
    for (const [id, one] of Object.entries(table)) {
      if (!isTable(one)) throw new TemplateError(`${path}: ${id} of its ${part} is no table`)
    }
  }
  return read as TemplateBody
}

function parsed(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch {
    throw new TemplateError(`${path} can't be read; the folder is not whole, make it anew`)
  }
  try {
    return path.endsWith(".json") ? JSON.parse(text) : parse(text, { customTags: SHORT_FORMS })
  } catch (error) {
    const [line = ""] = (error as Error).message.split("\n")
    throw new TemplateError(`${path} is not ${path.endsWith(".json") ? "JSON" : "YAML"}: ${line}`)
  }
}

/** YAML's short forms of the intrinsics, as their long ones. Source: CloudFormation user guide, “Intrinsic function reference”. */
const SHORT_FORMS: (ScalarTag | CollectionTag)[] = [
  ...["And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "ImportValue", "Join", "Not", "Or"],
  ...["Select", "Split", "Sub", "Transform", "Ref", "Condition"],
].flatMap((name): (ScalarTag | CollectionTag)[] => {
  const key = name === "Ref" || name === "Condition" ? name : `Fn::${name}`
  const long = (value: unknown) => ({ [key]: value })
  return [
    {
      tag: `!${name}`,
      resolve: (text: string) => long(name === "GetAtt" ? text.split(/\.(.*)/s).slice(0, 2) : text),
    },
    { tag: `!${name}`, collection: "seq", resolve: (seq) => long((seq as { toJSON(): unknown }).toJSON()) },
    { tag: `!${name}`, collection: "map", resolve: (map) => long((map as { toJSON(): unknown }).toJSON()) },
  ]
})
