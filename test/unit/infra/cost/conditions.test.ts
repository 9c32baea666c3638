/** Which resources stand, by conditions and parameters. */
import { expect } from "chai"
import { decided, holds, standing, type Template } from "../../../../infra/src/cost/conditions.ts"

const template: Template = {
  Parameters: { Zone: { Default: "a" }, Pool: { Default: "" } },
  Conditions: {
    InA: { "Fn::Equals": [{ Ref: "Zone" }, "a"] },
    InB: { "Fn::Equals": [{ Ref: "Zone" }, "b"] },
    Pooled: { "Fn::Not": [{ "Fn::Equals": [{ Ref: "Pool" }, ""] }] },
    Both: { "Fn::And": [{ Condition: "InB" }, { Condition: "Pooled" }] },
    Either: { "Fn::Or": [{ Condition: "InB" }, { Condition: "Pooled" }] },
    Odd: { "Fn::Contains": [[], "x"] },
  },
  Resources: {
    A: { Type: "Gateway", Condition: "InA" },
    B: { Type: "Gateway", Condition: "InB" },
    Other: { Type: "Bucket" },
  },
}

describe("conditions of a template", () => {
  it("decide by the parameters' defaults which resources stand, and by the values given instead", () => {
    const ids = (values = {}) => standing(template, "Gateway", values).map(([id]) => id)
    expect(ids()).to.deep.equal(["A"])
    expect(ids({ Zone: "b" })).to.deep.equal(["B"])
    expect(ids({ Zone: "none" })).to.deep.equal([])
    expect(standing(template, "Bucket").map(([id]) => id)).to.deep.equal(["Other"])
  })

  it("are joined by And, Or and Not", () => {
    const both = (values: Record<string, string>) => [
      holds(template, "Both", values),
      holds(template, "Either", values),
    ]
    expect(both({})).to.deep.equal([false, false])
    expect(both({ Zone: "b" })).to.deep.equal([false, true])
    expect(both({ Zone: "b", Pool: "p" })).to.deep.equal([true, true])
  })

  it("choose a property's value; no value is undefined", () => {
    const value = { "Fn::If": ["Pooled", { Ref: "Pool" }, { Ref: "AWS::NoValue" }] }
    expect(decided(template, value)).to.equal(undefined)
    expect(decided(template, value, { Pool: "p" })).to.deep.equal({ Ref: "Pool" })
    expect(decided(template, 7)).to.equal(7)
  })

  it("that are not understood are told, never guessed", () => {
    expect(() => holds(template, "Odd")).to.throw(
      "the condition Odd uses Fn::Contains, which cost estimates don't know",
    )
    expect(() => holds(template, "None")).to.throw("the template has no condition None")
  })
})
