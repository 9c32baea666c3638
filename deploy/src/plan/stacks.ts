/** A stack as it is planned, from a cloud assembly, and as it is deployed: what a plan compares. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { STACKS } from "../../../infra/src/names.ts"
import type { Template, TemplateBody } from "../../../infra/src/templates/read.ts"
import { EXIT, Refusal } from "../refusal.ts"

export interface PlannedStack {
  /** Short: `network`. */
  readonly name: string
  readonly stackName: string
  readonly region: string | undefined
  readonly account: string | undefined
  readonly template: TemplateBody
  readonly tags: Readonly<Record<string, string>>
  readonly terminationProtection: boolean
  /** Where the assembly publishes its template, with `${AWS::AccountId}` and the like. */
  readonly templateUrl: string
  /** The role that CloudFormation takes, with `${AWS::AccountId}` and the like. */
  readonly executionRole: string | undefined
  /** SHA-256 of the assets' files by the CDK's own names of them, which template and bucket know them by. */
  readonly assets: Readonly<Record<string, string>>
}

export interface DeployedParameter {
  readonly value: string
}

export interface DeployedStack {
  /** Short, where its name is of the stage: `network`; else the whole name. */
  readonly name: string
  readonly stackName: string
  readonly status: string
  /** Undefined where this role may not read it. */
  readonly template: TemplateBody | undefined
  readonly parameters: Readonly<Record<string, DeployedParameter>>
  readonly tags: Readonly<Record<string, string>>
  readonly terminationProtection: boolean
}

interface Manifest {
  readonly artifacts?: Readonly<
    Record<
      string,
      {
        readonly type?: string
        readonly environment?: string
        readonly properties?: {
          readonly templateFile?: string
          readonly stackName?: string
          readonly tags?: Readonly<Record<string, string>>
          readonly terminationProtection?: boolean
          readonly stackTemplateAssetObjectUrl?: string
          readonly cloudFormationExecutionRoleArn?: string
          readonly file?: string
        }
        readonly dependencies?: readonly string[]
      }
    >
  >
}

interface AssetManifest {
  readonly files?: Readonly<
    Record<string, { readonly source?: { readonly path?: string; readonly packaging?: string } }>
  >
}

/**
 * @param folder a cloud assembly
 * @returns its stacks, in the order of deployment
 * @throws Refusal it is none
 */
export function plannedStacks(folder: string): PlannedStack[] {
  const { artifacts = {} } = json<Manifest>(folder, "manifest.json")
  const stacks = Object.entries(artifacts)
    .filter(([, { type }]) => type === "aws:cloudformation:stack")
    .map(([name, { environment = "", properties = {}, dependencies = [] }]): PlannedStack => {
      const [, account, region] = /^aws:\/\/([^/]+)\/([^/]+)$/.exec(environment) ?? []
      const { templateFile = "" } = properties
      const manifests = dependencies.flatMap((one) => artifacts[one]?.properties?.file ?? [])
      const known = (text: string | undefined) => (text?.startsWith("unknown") ? undefined : text)
      return {
        name,
        stackName: properties.stackName ?? name,
        region: known(region),
        account: known(account),
        template: json<TemplateBody>(folder, templateFile),
        tags: properties.tags ?? {},
        terminationProtection: properties.terminationProtection ?? false,
        templateUrl: properties.stackTemplateAssetObjectUrl ?? "",
        executionRole: properties.cloudFormationExecutionRoleArn,
        assets: Object.assign({}, ...manifests.map((file) => assetsOf(folder, file, templateFile))),
      }
    })
  if (stacks.length === 0) {
    throw new Refusal(
      EXIT.noStack,
      `${folder} has no stacks; npm run synth -- --stage=<name> --out=<folder> makes some`,
    )
  }
  const rank = ({ name }: PlannedStack) => {
    const at = (STACKS as readonly string[]).indexOf(name)
    return at === -1 ? STACKS.length : at
  }
  return stacks.sort((one, other) => rank(one) - rank(other))
}

/** By what a file holds: where the CDK counts something else in, or counts otherwise, the plan stays the same. */
function assetsOf(folder: string, manifest: string, templateFile: string): Record<string, string> {
  const { files = {} } = json<AssetManifest>(folder, manifest)
  const found = Object.entries(files).flatMap(([id, { source: { path = "", packaging } = {} }]): [string, string][] =>
    packaging === "file" && path !== templateFile
      ? [
          [
            id,
            createHash("sha256")
              .update(readFileSync(join(folder, path)))
              .digest("hex"),
          ],
        ]
      : [],
  )
  return Object.fromEntries(found)
}

function json<T>(folder: string, file: string): T {
  const path = join(folder, file)
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    const what = `${path} can't be read; npm run synth -- --stage=<name> --out=<folder> makes a cloud assembly`
    throw new Refusal(EXIT.noStack, what, { cause })
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal(EXIT.unfit, `${path} is not JSON; synthesize anew`, { cause })
  }
}

/** For the proofs, which read templates of either side. */
export function templateOf({ name, stackName, template, region }: PlannedStack): Template {
  return { name, stackName, ...(region !== undefined && { region }), body: template }
}

/** GetTemplate tells every character beyond ASCII as a question mark; so both sides are compared. */
export function asTold<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll(/[\u0080-\uffff]+/g, (run) => "?".repeat([...run].length)))
}
