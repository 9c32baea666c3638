/** Which images a plan is of, and which values parameters have. */
import { expect } from "chai"
import { plannedImages, runningDigest, shortDigest } from "../../../../deploy/src/plan/images.ts"
import { givenParameters, plannedParameters } from "../../../../deploy/src/plan/parameters.ts"
import { Refusal } from "../../../../deploy/src/refusal.ts"
import { digest, NOTHING_RUNS, RUNNING } from "../../../support/deploy/plan.ts"

function refusal(run: () => unknown): Refusal {
  try {
    run()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error("nothing was refused")
}

describe("the images of a plan", () => {
  it("leaves what it does not name as it runs", () => {
    const images = plannedImages(RUNNING, {
      get_data: `any/name@${digest("e")}`,
      neows_lambda: `any/name@${digest("f")}`,
    })
    expect(images.map(({ after }) => after)).to.deep.equal([digest("e"), digest("b"), digest("c"), digest("d")])
    expect(plannedImages(NOTHING_RUNS, {}).map(({ before }) => before)).to.deep.equal(Array(4).fill("none"))
    expect(runningDigest(`any/name@${digest("a")}`)).to.equal(digest("a"))
    expect([runningDigest("none"), runningDigest(undefined)]).to.deep.equal(["none", "none"])
    expect(shortDigest(digest("a"))).to.equal("sha256:aaaaaaaaaaaa")
  })
})

describe("a stack's parameters", () => {
  const template = {
    Resources: {},
    Parameters: {
      EgressZone: { Type: "String", Default: "a" },
      Image: { Type: "AWS::SSM::Parameter::Value<String>", Default: "/perigee/x/image" },
    },
  }

  it("are given, else as they are deployed, else the default; an SSM parameter's name is the template's", () => {
    const of = (deployed?: Record<string, { value: string }>, given?: Record<string, string>) =>
      plannedParameters("network", template, deployed, given).map(({ value, from }) => `${value} ${from}`)
    expect(of()).to.deep.equal(["a default", "/perigee/x/image default"])
    const deployed = { EgressZone: { value: "b" }, Image: { value: "/old/image" } }
    expect(of(deployed)).to.deep.equal(["b kept", "/perigee/x/image default"])
    expect(of(deployed, { EgressZone: "c" })).to.deep.equal(["c given", "/perigee/x/image default"])
  })

  it("are refused without a value, by a name that there is none of, and as what is no pair", () => {
    const bare = { Resources: {}, Parameters: { Pool: { Type: "String" } } }
    expect(refusal(() => plannedParameters("network", bare, undefined)).message).to.equal(
      "network needs a value for Pool; give --parameters=Pool=<value>",
    )
    expect(givenParameters("EgressZone=b,Image=", [template])).to.deep.equal({ EgressZone: "b", Image: "" })
    expect(refusal(() => givenParameters("Zone=b", [template])).message).to.contain("no stack has a parameter Zone")
    expect(refusal(() => givenParameters("EgressZone", [template])).message).to.contain("is not Name=value")
  })

  it("are refused where the template does not allow the value, whether it is given or kept", () => {
    const Pool = { Type: "String", Default: "", AllowedPattern: "^(ipv4pool-ec2-[0-9a-f]+)?$" }
    const Zone = { Type: "String", Default: "a", AllowedValues: ["a", "none"] }
    const ranged = { Resources: {}, Parameters: { Zone, Pool } }
    const values = (given: Record<string, string>) =>
      plannedParameters("network", ranged, undefined, given).map(({ value }) => value)
    expect(values({ Zone: "none", Pool: "ipv4pool-ec2-0a" })).to.deep.equal(["none", "ipv4pool-ec2-0a"])
    expect(refusal(() => values({ Zone: "q" })).message).to.equal(
      "Zone=q is not one of a, none, which network takes; give --parameters=Zone=<value>",
    )
    expect(refusal(() => values({ Pool: "x" })).message).to.contain("Pool=x is not of the form ^(ipv4pool-ec2-")
    const deployed = { Zone: { value: "b" } }
    expect(refusal(() => plannedParameters("network", ranged, deployed)).message).to.contain("Zone=b is not one of")
  })
})
