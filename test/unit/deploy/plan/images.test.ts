/** Which images a plan is of, by the file that publish writes; and which values parameters have. */
import { expect } from "chai"
import { digestsOf, plannedImages, runningDigest, shortDigest } from "../../../../deploy/src/plan/images.ts"
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

describe("the file of digests", () => {
  it("is read with digests alone, with repositories, or as objects", () => {
    const repository = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/perigee-production/get_data"
    const images = {
      user_metadata: digest("a"),
      get_data: `${repository}@${digest("b")}`,
      neows_lambda: { digest: digest("c"), tag: "abcdef0" },
    }
    expect(digestsOf({ stage: "production", images }, "x", "production")).to.deep.equal({
      user_metadata: digest("a"),
      get_data: digest("b"),
      neows_lambda: digest("c"),
    })
  })

  for (const [read, what] of [
    [{}, "there are no images in it"],
    [[], "there are no images in it"],
    [{ images: {} }, "there are no images in it"],
    [{ images: { users: digest("a") } }, 'there is no image "users"; there are get_data, neows_lambda, user_metadata'],
    [{ images: { user_metadata: "latest" } }, "user_metadata has no digest: sha256: and 64 hexadecimal digits"],
    [{ images: { user_metadata: `${digest("a")}0` } }, "user_metadata has no digest"],
    [{ images: { user_metadata: null } }, "user_metadata has no digest"],
    [{ stage: "development", images: { user_metadata: digest("a") } }, 'it is of the stage "development", and this is'],
  ] as const) {
    it(`is refused in one line: ${JSON.stringify(read).slice(0, 50)}`, () => {
      const { exitCode, message } = refusal(() => digestsOf(read, "digests.json", "production"))
      expect(exitCode).to.equal(65)
      expect(message).to.contain(`--images: digests.json: ${what}`)
      expect(message).to.not.contain("\n")
    })
  }

  it("leaves what it does not name as it runs", () => {
    const images = plannedImages(RUNNING, { get_data: digest("e"), neows_lambda: digest("f") })
    expect(images.map(({ after }) => after)).to.deep.equal([digest("e"), digest("b"), digest("c"), digest("d")])
    expect(plannedImages(NOTHING_RUNS, {}).map(({ before }) => before)).to.deep.equal(Array(4).fill("none"))
    expect(runningDigest(`any@${digest("a")}`)).to.equal(digest("a"))
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
})
