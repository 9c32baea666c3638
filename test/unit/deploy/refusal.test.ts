/** What a command ends with is one line, whatever words another program gave it. */
import { expect } from "chai"
import { Refusal } from "../../../deploy/src/refusal.ts"

describe("a refusal", () => {
  it("is one line, though what it repeats has several", () => {
    const { message } = new Refusal(73, "CloudFormation can't plan this: Validation failed:\n  - one\r\n  - two\n")
    expect(message).to.equal("CloudFormation can't plan this: Validation failed: - one - two")
  })
})
