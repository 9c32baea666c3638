/** What the checks compute by themselves; each expectation is reckoned by hand. */
import { expect } from "chai"
import { covers } from "../../../deploy/src/checks/certificate.ts"
import { vcpusNeeded } from "../../../deploy/src/checks/quotas.ts"
import { secretArnOf } from "../../../deploy/src/secret-access.ts"
import { stage } from "../../support/infra/assembly.ts"

describe("checks by themselves", () => {
  it("a certificate's star is one whole label", () => {
    expect(covers("flights.example.com", "FLIGHTS.example.com")).to.equal(true)
    expect(covers("*.example.com", "flights.example.com")).to.equal(true)
    for (const [certified, host] of [
      ["*.example.com", "example.com"],
      ["*.example.com", "a.flights.example.com"],
      ["example.com", "flights.example.com"],
    ] as const) {
      expect(covers(certified, host), `${certified} ${host}`).to.equal(false)
    }
  })

  it("production needs 48.25 vCPU: 12, 12 and 24 tasks of a half, twice, and a quarter for the fetch", () => {
    expect(vcpusNeeded(stage("production"))).to.equal(48.25)
  })

  it("a container's valueFrom names a secret, with or without a key behind it; a parameter is none", () => {
    const arn = "arn:aws:secretsmanager:eu-central-1:111111111111:secret:rds!db-1-AbCdEf"
    expect(secretArnOf(arn)).to.equal(arn)
    expect(secretArnOf(`${arn}:username::`)).to.equal(arn)
    expect(secretArnOf("arn:aws:ssm:eu-central-1:111111111111:parameter/key")).to.equal(undefined)
  })
})
