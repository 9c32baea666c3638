/** Parameters: what else than proved could be made of the templates by whoever deploys them. */
import type { Template, TemplateBody } from "../../templates/read.ts"
import type { Failure, Proof } from "../proof.ts"

/** What may depend on the network's own parameters, whose other values the proofs of the egress try. */
const EGRESS_TYPES: Readonly<Record<string, readonly string[]>> = {
  EgressZone: ["AWS::EC2::NatGateway", "AWS::EC2::Route", "AWS::EC2::EIP", "AWS::CloudWatch::Alarm"],
  EgressAddressPool: ["AWS::EC2::EIP"],
  EgressAddress: ["AWS::EC2::EIP"],
}

/** SSM parameters whose values are an image, or the CDK's version: no claim reads them. */
const READ_BY_NONE = /^\/perigee\/[^/]+\/[^/]+\/image$|^\/cdk-bootstrap\/[^/]+\/version$/

const fixed: Proof = {
  id: "templates.parameters",
  claim:
    "No parameter but the egress' and the images' changes what is made: what is proved is so whatever is asked for",
  holds: "Exhaustive, and says so where it is not",
  needsStage: true,
  prove({ templates, stage }) {
    const failures: Failure[] = []
    let checked = 0
    for (const template of templates) {
      for (const [name, parameter] of Object.entries(template.body.Parameters ?? {})) {
        checked++
        const resource = `${template.name}/${name}`
        const add = (what: string) => failures.push({ resource, what })
        const type = String(parameter["Type"])
        const values = parameter["AllowedValues"]
        const path = String(parameter["Default"] ?? "")
        if (type.startsWith("AWS::SSM::Parameter::Value") && READ_BY_NONE.test(path)) continue
        const users = usersOf(template, name)
        const types = template.name === "network" ? EGRESS_TYPES[name] : undefined
        if (types === undefined) {
          const single = Array.isArray(values) && values.length === 1 && !type.startsWith("AWS::SSM::")
          if (users.length > 0 && !single) {
            const others = Array.isArray(values) ? `its other values (${values.join(", ")})` : "any other value"
            add(
              `only its default is proved, and ${users.slice(0, 3).join(", ")} depend on it: ${others} could open anything`,
            )
          }
          continue
        }
        for (const user of users) {
          const used = template.body.Resources[user]?.Type
          if (used !== undefined && !types.includes(used)) {
            add(`${user} (${used}) depends on it, which is proved for its default alone`)
          }
        }
        if (name === "EgressZone") {
          const wanted = [...(stage?.zones ?? []), "none"]
          const got = Array.isArray(values) ? values.map(String) : []
          if (got.toSorted().join() !== wanted.toSorted().join()) {
            add(`its AllowedValues are ${got.join(", ") || "not set"}, not ${wanted.join(", ")}: only those are proved`)
          }
        }
      }
    }
    return { checked, failures }
  },
}

/** Logical ids of resources and outputs that depend on a parameter, by themselves or by a condition. */
function usersOf({ body }: Template, name: string): readonly string[] {
  const tainted = new Set<string>()
  const conditions = Object.entries(body.Conditions ?? {})
  for (let before = -1; before !== tainted.size; ) {
    before = tainted.size
    for (const [condition, raw] of conditions) if (mentions(raw, name, tainted)) tainted.add(condition)
  }
  return [...membersOf(body)].filter(([, raw]) => mentions(raw, name, tainted)).map(([id]) => id)
}

function membersOf({ Resources, Outputs = {} }: TemplateBody): readonly (readonly [id: string, raw: unknown])[] {
  return [...Object.entries(Resources), ...Object.entries(Outputs)]
}

/** Whether a value names a parameter, by `Ref` or `Fn::Sub`, or one of some conditions, by `Fn::If` or `Condition`. */
function mentions(raw: unknown, name: string, conditions: ReadonlySet<string>): boolean {
  if (typeof raw !== "object" || raw === null) return false
  if (Array.isArray(raw)) return raw.some((one) => mentions(one, name, conditions))
  return Object.entries(raw).some(([key, value]) => {
    if (key === "Ref" && value === name) return true
    if (key === "Condition" && typeof value === "string" && conditions.has(value)) return true
    if (key === "Fn::If" && Array.isArray(value) && conditions.has(String(value[0]))) return true
    if (key === "Fn::Sub") {
      const text = String(Array.isArray(value) ? value[0] : value)
      if (text.includes(`\${${name}}`)) return true
    }
    return mentions(value, name, conditions)
  })
}

export const PARAMETERS: readonly Proof[] = [fixed]
