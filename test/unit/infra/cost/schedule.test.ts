/** Runs of a schedule in a month of 365.25 / 12 days. */
import { expect } from "chai"
import { runsPerMonth } from "../../../../infra/src/cost/schedule.ts"

const DAYS = 30.4375

describe("runs of a schedule in a month", () => {
  for (const [expression, runs] of [
    ["rate(1 day)", DAYS],
    ["rate(12 hours)", DAYS * 2],
    ["rate(5 minutes)", DAYS * 288],
    ["cron(15 3 * * ? *)", DAYS],
    ["cron(0,30 8-17 * * ? *)", DAYS * 20],
    ["cron(15 3 ? * MON *)", DAYS / 7],
    ["cron(15 3 ? * MON-FRI *)", (DAYS * 5) / 7],
    ["cron(0/15 * * * ? *)", DAYS * 96],
    ["cron(0 3 1,15 * ? *)", 2],
    ["cron(0 3 1 1-6 ? *)", 0.5],
  ] as const) {
    it(`${expression}: ${runs.toFixed(2)}`, () => expect(runsPerMonth(expression)).to.be.closeTo(runs, 1e-9))
  }

  it("are not guessed where the form is not counted", () => {
    for (const odd of [
      "cron(0 3 L * ? *)",
      "cron(0 3 ? * 6#3 *)",
      "cron(0 3 1 1 ? 2030)",
      "at(2030-01-01T00:00:00)",
      "",
    ]) {
      expect(runsPerMonth(odd), odd).to.equal(undefined)
    }
  })
})
