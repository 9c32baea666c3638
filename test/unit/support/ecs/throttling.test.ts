/** Buckets of the test ECS hold ECS' published rates. */
import { expect } from "chai"
import { EcsError } from "../../../support/ecs/ecs-error.ts"
import { Throttling } from "../../../support/ecs/throttling.ts"

describe("throttling as ECS publishes it", () => {
  /** How many of so many calls at a moment get through. */
  const through = (throttling: Throttling, action: string, calls: number, now: number): number => {
    let passed = 0
    for (let call = 0; call < calls; call += 1) {
      try {
        throttling.take(action, now)
        passed += 1
      } catch (error) {
        expect(error)
          .to.be.instanceOf(EcsError)
          .and.to.include({ type: "ThrottlingException", message: "Rate exceeded" })
      }
    }
    return passed
  }

  it("lets a burst through, and then the sustained rate", () => {
    const throttling = new Throttling()
    expect(through(throttling, "DescribeServices", 150, 0)).to.equal(100)
    expect(through(throttling, "DescribeServices", 150, 1000)).to.equal(20)
    expect(through(throttling, "DescribeServices", 150, 1500)).to.equal(10)
    expect(through(throttling, "DescribeServices", 150, 60_000)).to.equal(100)
  })

  it("counts actions of one group together, and others apart", () => {
    const throttling = new Throttling()
    expect(through(throttling, "ListTasks", 60, 0)).to.equal(60)
    expect(through(throttling, "DescribeTasks", 60, 0)).to.equal(40)
    expect(through(throttling, "UpdateService", 60, 0)).to.equal(50)
    expect(through(throttling, "RegisterTaskDefinition", 60, 0)).to.equal(20)
    expect(through(throttling, "RegisterTaskDefinition", 60, 3000)).to.equal(3)
  })

  it("leaves a share of it to this caller", () => {
    expect(through(new Throttling(0.1), "DescribeServices", 50, 0)).to.equal(10)
    expect(() => new Throttling(0)).to.throw(RangeError, "a share of 0: above 0, at most 1")
  })
})
