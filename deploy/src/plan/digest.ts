/**
 * The plan's digest: what is approved. It is over what is asked for (templates, parameters, images) and over nothing of
 * where, when or by whom: the same commit and images have the same digest in every checkout and account.
 */
import { createHash } from "node:crypto"
import type { TemplateBody } from "../../../infra/src/templates/read.ts"
import { canonical } from "./canonical.ts"
import type { PlannedStack } from "./stacks.ts"

export interface Inputs {
  readonly stage: string
  readonly region: string
  readonly stacks: readonly (Pick<
    PlannedStack,
    "name" | "stackName" | "template" | "tags" | "terminationProtection" | "assets"
  > & {
    /** Values that the change set takes, by name. */
    readonly parameters: Readonly<Record<string, string>>
  })[]
  /** `sha256:…` or `none` by image: never the registry, which has the account in its name. */
  readonly images: Readonly<Record<string, string>>
}

/** @returns 64 hexadecimal digits */
export function digestOf({ stage, region, stacks, images }: Inputs): string {
  const told = {
    // Another way of counting is another digest, on purpose.
    format: 1,
    stage,
    region,
    images,
    stacks: Object.fromEntries(
      stacks.map(({ name, stackName, template, tags, terminationProtection, assets, parameters }) => [
        name,
        { stackName, template: canonicalTemplate(template, assets), tags, terminationProtection, parameters },
      ]),
    ),
  }
  return createHash("sha256").update(canonical(told)).digest("hex")
}

/** A template without what has no effect, and with each asset named by the SHA-256 of its content. */
export function canonicalTemplate(template: TemplateBody, assets: Readonly<Record<string, string>> = {}): TemplateBody {
  const { Metadata: _, ...rest } = template as TemplateBody & { Metadata?: unknown }
  const resources = Object.entries(template.Resources).map(([id, resource]) => {
    const { Metadata = {}, ...others } = resource
    // Where the CDK's constructs and files are: of no effect, and another in another checkout.
    const kept = Object.entries(Metadata).filter(([key]) => !/^aws:(cdk|asset):/.test(key))
    return [id, kept.length === 0 ? others : { ...others, Metadata: Object.fromEntries(kept) }]
  })
  const text = Object.entries(assets).reduce(
    (now, [id, content]) => now.replaceAll(id, `sha256-${content}`),
    JSON.stringify({ ...rest, Resources: Object.fromEntries(resources) }),
  )
  return JSON.parse(text)
}
