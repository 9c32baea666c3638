/** The digest is of what is asked for: the same however it is written, another for whatever matters. */
import { expect } from "chai"
import fc from "fast-check"
import { canonical } from "../../../../deploy/src/plan/canonical.ts"
import { digestOf, type Inputs } from "../../../../deploy/src/plan/digest.ts"
import { digest } from "../../../support/deploy/plan.ts"

// biome-ignore lint/suspicious/noExplicitAny: any JSON
type Json = any

const ASSET = "6903c83491d6932859511c0a7defad37306f8fe4113404427f1a5836eec17d79"

function inputs(): Json {
  return {
    stage: "production",
    region: "eu-central-1",
    images: { user_metadata: digest("a"), get_data: "none" },
    stacks: [
      {
        name: "data",
        stackName: "perigee-production-data",
        tags: { project: "perigee" },
        terminationProtection: true,
        parameters: { EgressZone: "a" },
        assets: { [ASSET]: "c".repeat(64) },
        template: {
          Description: "data",
          Conditions: { Yes: { "Fn::Equals": ["a", "a"] } },
          Resources: {
            Table: {
              Type: "AWS::DynamoDB::Table",
              DeletionPolicy: "Retain",
              Metadata: { "aws:cdk:path": "data/Table/Resource" },
              Properties: { TableName: "t", KeySchema: [{ AttributeName: "id" }, { AttributeName: "at" }] },
            },
            Function: { Type: "AWS::Lambda::Function", Properties: { Code: { S3Key: `${ASSET}.zip` } } },
          },
          Outputs: { Name: { Value: { Ref: "Table" } } },
        },
      },
    ],
  }
}

const of = (value: Json) => digestOf(value as Inputs)

/** Keys in another order, everywhere. */
function shuffled(value: Json, seed: number): Json {
  if (Array.isArray(value)) return value.map((one) => shuffled(one, seed))
  if (typeof value !== "object" || value === null) return value
  const keys = Object.keys(value).sort(
    (one, other) => ((one.length * seed) % 7) - ((other.length * seed) % 7) || (seed % 2 ? 1 : -1),
  )
  return Object.fromEntries(keys.map((key) => [key, shuffled(value[key], seed)]))
}

/** Places of all leaves. */
function leaves(value: Json, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path]
  return Object.entries(value).flatMap(([key, one]) => leaves(one, [...path, key]))
}

function at(value: Json, path: readonly string[]): Json {
  return path.reduce((now, key) => now[key], value)
}

describe("the plan's digest", () => {
  it("is 64 hexadecimal digits", () => {
    expect(of(inputs())).to.match(/^[0-9a-f]{64}$/)
  })

  it("is the same in whatever order keys come", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1000 }), (seed) => {
        expect(of(shuffled(inputs(), seed))).to.equal(of(inputs()))
      }),
    )
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        expect(canonical(Object.fromEntries(Object.entries(value).reverse()))).to.equal(canonical(value))
        expect(JSON.parse(canonical(value))).to.deep.equal(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it("is the same wherever the checkout is, and whatever the CDK calls an asset of the same content", () => {
    const other = inputs()
    const [stack] = other.stacks
    stack.template.Resources.Table.Metadata["aws:cdk:path"] = "elsewhere/Table"
    stack.template.Resources.Function.Properties.Code.S3Key = `${"0".repeat(64)}.zip`
    stack.assets = { ["0".repeat(64)]: "c".repeat(64) }
    expect(of(other)).to.equal(of(inputs()))
  })

  it("is the same for whatever else a stack knows: its template's address, role, account", () => {
    const other = inputs()
    Object.assign(other.stacks[0], { templateUrl: "s3://other", executionRole: "arn:any", account: "222222222222" })
    other.stacks[0].status = "UPDATE_COMPLETE"
    expect(of(other)).to.equal(of(inputs()))
  })

  it("is another when anything that matters is: every leaf, the content of an asset, a key more, a key less", () => {
    const paths = leaves(inputs()).filter((path) => !path.includes("Metadata") && !path.includes("name"))
    expect(paths).to.have.length(20)
    for (const path of paths) {
      const last = path.at(-1) as string
      const changed = inputs()
      const holder = at(changed, path.slice(0, -1))
      holder[last] = typeof holder[last] === "boolean" ? !holder[last] : `${holder[last]}x`
      expect(of(changed), path.join(".")).to.not.equal(of(inputs()))
      const less = inputs()
      delete at(less, path.slice(0, -1))[last]
      if (!["stage", "region"].includes(last)) expect(of(less), `without ${path.join(".")}`).to.not.equal(of(inputs()))
    }
    const reordered = inputs()
    reordered.stacks[0].template.Resources.Table.Properties.KeySchema.reverse()
    expect(of(reordered), "the order of a list is its meaning").to.not.equal(of(inputs()))
  })
})
