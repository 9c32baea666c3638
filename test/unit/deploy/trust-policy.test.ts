/** What a trust policy says, read by hand beforehand. */
import { expect } from "chai"
import { refusalOfTrust } from "../../../deploy/src/trust-policy.ts"

const ECS = "ecs-tasks.amazonaws.com"
const ACCOUNT = "111111111111"
const statement = (more: object = {}) => ({
  Effect: "Allow",
  Principal: { Service: ECS },
  Action: "sts:AssumeRole",
  ...more,
})
const refusal = (...statements: object[]) => refusalOfTrust(JSON.stringify({ Statement: statements }), ECS, ACCOUNT)
const source = (value: unknown, operator = "StringEquals", key = "aws:SourceAccount") => ({
  Condition: { [operator]: { [key]: value } },
})

describe("a trust policy", () => {
  for (const [title, statements] of [
    ["that names the service", [statement()]],
    ["that names it among others", [statement({ Principal: { Service: ["lambda.amazonaws.com", ECS] } })]],
    ["that is for this account", [statement(source(ACCOUNT))]],
    ["that is for this account among others", [statement(source(["222222222222", ACCOUNT], "StringLike"))]],
    ["whose other statement is not about the service", [statement({ Principal: { AWS: "*" } }), statement()]],
    ["whose denial is for another account", [statement({ Effect: "Deny", ...source("222222222222") }), statement()]],
  ] as const) {
    it(`${title} lets it`, () => {
      expect(refusal(...statements)).to.equal(undefined)
    })
  }

  for (const [title, statements, words] of [
    ["that names another service", [statement({ Principal: { Service: "lambda.amazonaws.com" } })], /names it/],
    ["that allows something else", [statement({ Action: "sts:TagSession" })], /names it/],
    ["that is for another account", [statement(source("222222222222"))], /don't hold in account 111111111111/],
    ["that excludes this account", [statement(source(ACCOUNT, "StringNotEquals"))], /don't hold/],
    [
      "with a condition that nobody can promise",
      [statement(source("x", "StringEquals", "sts:ExternalId"))],
      /don't hold/,
    ],
    ["that denies it", [statement(), statement({ Effect: "Deny" })], /denies/],
    ["of no statement", [], /names it/],
  ] as const) {
    it(`${title} does not let it, and says why`, () => {
      expect(refusal(...statements)).to.match(words)
    })
  }

  it("that is no JSON lets nobody", () => {
    expect(refusalOfTrust("{", ECS, ACCOUNT)).to.match(/no JSON/)
  })
})
