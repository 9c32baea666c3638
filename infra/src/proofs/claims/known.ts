/**
 * The world is closed: what the proofs say holds only of what they look at. So a type, a property, a parameter or a macro
 * that is not in the lists of `../known.ts` fails by name, rather than being passed over.
 */
import { CONDITIONS, isKnownParameter, KNOWN, type Shape } from "../known.ts"
import { type Failure, joinedOutcome, type Outcome, type Proof, type Subject } from "../proof.ts"

/** Resources as written, whether their conditions let them be made or not: under another parameter they may be. */
function written({ templates }: Subject) {
  return templates.flatMap(({ name, body }) =>
    Object.entries(body.Resources).map(([id, raw]) => ({ address: `${name}/${id}`, raw })),
  )
}

const types: Proof = {
  id: "facts.known-types",
  claim: "Every resource is of a type that some proof looks at, or that is known to open nothing",
  holds: "Least privilege: nothing that the proofs pass over",
  needsStage: true,
  prove(subject) {
    const all = written(subject)
    return {
      checked: all.length,
      failures: all
        .filter(({ raw }) => !Object.hasOwn(KNOWN, raw.Type))
        .map(({ address, raw }) => ({
          resource: address,
          what: `${raw.Type} is a type that no proof looks at: nothing is proved of it, and it may allow anything`,
        })),
    }
  },
}

const properties: Proof = {
  id: "facts.known-properties",
  claim: "Every property, at any depth and under any condition, is one that the stacks are known to use",
  holds: "Least privilege: nothing that the proofs pass over",
  needsStage: true,
  prove(subject) {
    const outcomes = written(subject).map(({ address, raw }): Outcome => {
      const found = new Set(
        Object.keys(raw)
          .filter((key) => !ATTRIBUTES.has(key))
          .map((key) => `its attribute ${key} is looked at by no proof: nothing is proved of it`),
      )
      const shape = Object.hasOwn(KNOWN, raw.Type) ? KNOWN[raw.Type] : undefined
      if (shape !== undefined) walk(raw.Properties ?? {}, shape, "", found)
      return { checked: 1, failures: [...found].map((what) => ({ resource: address, what })) }
    })
    return joinedOutcome(outcomes)
  },
}

/** What a resource may have beside its type. Source: CloudFormation user guide, “Resource attribute reference”. */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  "Type",
  "Properties",
  "Condition",
  "DependsOn",
  "DeletionPolicy",
  "UpdateReplacePolicy",
  "Metadata",
])

function walk(raw: unknown, shape: Shape, path: string, found: Set<string>): void {
  if (shape === "any" || raw === undefined || raw === null) return
  if (Array.isArray(raw)) {
    for (const one of raw) walk(one, shape, path, found)
    return
  }
  if (typeof raw !== "object") {
    if (shape !== "value") found.add(`its ${path} is a text, and can't be read: it may say anything`)
    return
  }
  const entries = Object.entries(raw)
  const [[key = "", argument] = []] = entries
  if (entries.length === 1 && key === "Fn::If") {
    for (const branch of (argument as unknown[]).slice(1)) walk(branch, shape, path, found)
    return
  }
  if (entries.length === 1 && (key === "Ref" || key.startsWith("Fn::"))) {
    if (key === "Ref" && argument === "AWS::NoValue") return
    if (shape !== "value")
      found.add(`its ${path || "Properties"} is made by ${key}, and can't be read: it may say anything`)
    return
  }
  for (const [name, value] of entries) {
    const below = path === "" ? name : `${path}.${name}`
    const next = shape === "value" ? undefined : shape[name]
    if (next === undefined) found.add(`its property ${below} is looked at by no proof: nothing is proved of it`)
    else walk(value, next, below, found)
  }
}

/** Parts of a template. Source: CloudFormation user guide, “Template anatomy”; all of them but Transform. */
const SECTIONS: ReadonlySet<string> = new Set([
  "AWSTemplateFormatVersion",
  "Description",
  "Metadata",
  "Parameters",
  "Rules",
  "Mappings",
  "Conditions",
  "Resources",
  "Outputs",
])

const macros: Proof = {
  id: "facts.no-macros",
  claim: "No template is rewritten by a macro once it is deployed: what the proofs read is what is made",
  holds: "Proofs of what is deployed",
  prove({ templates }) {
    const failures = templates.flatMap(({ name, body }): Failure[] => [
      ...Object.keys(body)
        .filter((key) => !SECTIONS.has(key))
        .map((key) => ({ resource: name, what: `its ${key} may add anything: nothing is proved of what it makes` })),
      ...[...transforms(body, [])].map((path) => ({
        resource: `${name}/${path[0] === "Resources" ? path[1] : path[0]}`,
        what: `${path.join(".")}: Fn::Transform may add anything: nothing is proved of what it makes`,
      })),
    ])
    return { checked: templates.length, failures }
  },
}

/** Where a macro or a loop is written into a template. */
function* transforms(raw: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (typeof raw !== "object" || raw === null) return
  for (const [key, value] of Object.entries(raw)) {
    if (key === "Fn::Transform" || key.startsWith("Fn::ForEach")) yield path
    yield* transforms(value, [...path, key])
  }
}

const parameters: Proof = {
  id: "facts.known-parameters",
  claim: "No template is made otherwise by a parameter or a condition that the proofs do not know",
  holds: "Proofs of what is deployed",
  needsStage: true,
  prove({ templates }) {
    const all = templates.flatMap(({ name, body }) => [
      ...Object.keys(body.Parameters ?? {}).map((id) => ({ name, id, known: isKnownParameter(name, id) })),
      ...Object.keys(body.Conditions ?? {}).map((id) => ({
        name,
        id,
        known: name === "network" && CONDITIONS.test(id),
      })),
    ])
    return {
      checked: all.length,
      failures: all
        .filter(({ known }) => !known)
        .map(({ name, id }) => ({
          resource: `${name}/${id}`,
          what: "no proof knows this parameter or condition: what it makes with another value is not proved",
        })),
    }
  },
}

export const CLOSED_WORLD: readonly Proof[] = [types, properties, macros, parameters]
