/** Mocha reporter: the spec output for people, and JUnit XML beside it (`PERIGEE_JUNIT=file`) for CI and for the counts. */
const { reporters } = require("mocha")

module.exports = class SpecAndJUnit extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options)
    const output = process.env.PERIGEE_JUNIT
    if (output) {
      const suiteName = process.env.PERIGEE_SUITE ?? "perigee"
      this.junit = new reporters.XUnit(runner, { ...options, reporterOptions: { output, suiteName } })
    }
  }

  done(failures, finish) {
    if (this.junit) this.junit.done(failures, finish)
    else finish?.(failures)
  }
}
