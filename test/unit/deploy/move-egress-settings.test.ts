/** Flags and environment of `npm run move-egress`. */
import { expect } from "chai"
import { settingsOf } from "../../../deploy/src/move-egress-settings.ts"
import { EXIT, Refusal } from "../../../deploy/src/refusal.ts"

describe("move-egress's settings", () => {
  it("are the stage, the zone and how often to look", () => {
    const settings = settingsOf(["--stage=production", "--to-zone=b"], {})
    expect(settings).to.deep.include({ toZone: "b", pollMs: 3000, maxAttempts: 10 })
    expect(settings).to.have.nested.property("stage.name", "production")
    expect(settingsOf(["--help"], {})).to.equal("help")
  })

  const ZONES = "it has a, b, c"
  const refusals: [args: string[], message: string][] = [
    [["--to-zone=b"], "--stage is missing; there are development, production"],
    [["--stage=staging", "--to-zone=b"], 'there is no stage "staging"; there are development, production'],
    [["--stage=production"], `--to-zone is missing; ${ZONES}`],
    [["--stage=production", "--to-zone=d"], `production has no zone "d"; ${ZONES}`],
    [["--stage=production", "--to-zone=none"], `production has no zone "none"; ${ZONES}`],
    [["--stage=production", "--to-zone=b", "--poll=0"], '--poll is "0"; it takes 0.05 to 60 seconds'],
    [["--stage=production", "--to-zone=b", "--poll=x"], '--poll is "x"; it takes 0.05 to 60 seconds'],
    [["--stage=production", "--to-zone=b", "--force"], "Unknown option '--force'; see --help"],
  ]
  for (const [args, message] of refusals) {
    it(`refuse ${args.join(" ")} in one line`, () => {
      expect(() => settingsOf(args, {}))
        .to.throw(Refusal, message)
        .with.property("exitCode", EXIT.usage)
    })
  }

  it("refuse an environment of another region, and take one of the stage's", () => {
    const args = ["--stage=production", "--to-zone=b"]
    for (const variable of ["AWS_REGION", "AWS_DEFAULT_REGION"]) {
      expect(() => settingsOf(args, { [variable]: "us-east-1" }))
        .to.throw(Refusal, `${variable} is us-east-1, and the stage production is in eu-central-1`)
        .with.property("exitCode", EXIT.configuration)
      expect(() => settingsOf(args, { [variable]: "eu-central-1" })).not.to.throw()
    }
  })
})
