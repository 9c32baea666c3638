/** Changes of production's network and entrance that another layer hides are caught all the same, in words that name them. */
import { expect } from "chai"
import { stageNamed } from "../../../../infra/config/stages.ts"
import { Subject } from "../../../../infra/src/proofs/proof.ts"
import { PROOFS } from "../../../../infra/src/proofs/prove.ts"
import { TemplateError } from "../../../../infra/src/templates/read.ts"
import { resolve } from "../../../../infra/src/templates/resolve.ts"
import { NETWORK_MUTANTS } from "./network-mutants.ts"
import { Copy, templatesOf } from "./stage.ts"

describe("proofs of the network", function () {
  this.timeout(30_000)

  for (const { change, proof, says, make } of NETWORK_MUTANTS) {
    it(`${proof} catches it when ${change}`, () => {
      const copy = new Copy(templatesOf("production"))
      const address = make(copy)
      const found = PROOFS.find(({ id }) => id === proof)
      const told = found
        ?.prove(new Subject(copy.templates, stageNamed("production")))
        .failures.map(({ resource, what }) => `${resource} ${what}`)
        .join("\n")
      expect(told).to.include(address)
      if (says !== undefined) expect(told).to.match(says)
    })
  }

  it("take the region from the stage where a folder does not tell it", () => {
    const without = templatesOf("production").map(({ region: _, ...rest }) => rest)
    const subject = new Subject(without, stageNamed("production"))
    const failures = PROOFS.flatMap((proof) => proof.prove(subject).failures.map(({ what }) => `${proof.id} ${what}`))
    expect(failures).to.deep.equal([])
  })

  for (const [key, argument] of [
    ["Fn::Split", null],
    ["Fn::Join", null],
    ["Fn::If", null],
    ["Fn::GetAtt", null],
  ] as const) {
    it(`refuse ${key} of ${argument} in one line`, () => {
      const Resources = { Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: { [key]: argument } } } }
      const broken = [{ name: "broken", stackName: "broken", body: { Resources } }]
      expect(() => resolve(broken)).to.throw(TemplateError, /^broken gives Fn::\w+ null, which are not the arguments/)
    })
  }
})
