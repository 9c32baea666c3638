/** Calls are counted by action and by minute. */
import { expect } from "chai"
import { CallCount } from "../../../support/ecs/call-count.ts"

describe("the count of calls", () => {
  it("is by action, by minute since the first, and a minute's between two moments", () => {
    const count = new CallCount()
    for (const [action, at] of [
      ["DescribeServices", 1_000],
      ["DescribeServices", 31_000],
      ["ListTasks", 31_000],
      ["DescribeServices", 62_000],
    ] as const) {
      count.calls.push({ action, at })
    }
    expect(count.byAction()).to.deep.equal({ DescribeServices: 3, ListTasks: 1 })
    expect(count.byMinute()).to.deep.equal([3, 1])
    expect(count.byMinute("ListTasks")).to.deep.equal([1, 0])
    expect(count.perMinute(1_000, 31_001, "DescribeServices")).to.be.closeTo(4, 0.001)
    count.forget()
    expect(count.byMinute()).to.deep.equal([])
  })
})
