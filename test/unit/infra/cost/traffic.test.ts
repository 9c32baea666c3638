/** Assumptions on traffic, from the command line. */
import { expect } from "chai"
import {
  ASSUMPTIONS,
  TRAFFIC_NAMES,
  TrafficError,
  trafficOf,
  USUAL_TRAFFIC,
} from "../../../../infra/src/cost/traffic.ts"

describe("assumptions on traffic", () => {
  it("are the usual ones unless a flag says otherwise", () => {
    expect(trafficOf({})).to.deep.equal(USUAL_TRAFFIC)
    expect(trafficOf({ requests: "5000000", "egress-gb": "0.5" })).to.deep.equal({
      ...USUAL_TRAFFIC,
      requests: 5_000_000,
      egressGb: 0.5,
    })
  })

  it("each has its range, up to the bound and from 0, and one clear line beyond it", () => {
    for (const name of TRAFFIC_NAMES) {
      const { flag, most } = ASSUMPTIONS[name]
      expect(trafficOf({ [flag]: String(most) })[name]).to.equal(most)
      expect(trafficOf({ [flag]: "0" })[name]).to.equal(0)
      for (const bad of [String(most + 1), "-1", "many", "", "1e3", "Infinity", true]) {
        expect(() => trafficOf({ [flag]: bad }), `${flag} ${bad}`)
          .to.throw(TrafficError)
          .with.property("message")
          .that.matches(new RegExp(`^--${flag} is .*; give [^\\n]+ as a number from 0 to ${most}$`))
      }
    }
  })
})
