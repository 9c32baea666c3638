/** Where a rollback leads. */
import { expect } from "chai"
import type { Refusal } from "../../../deploy/src/refusal.ts"
import type { Outcome, Release } from "../../../deploy/src/releases.ts"
import { targetOf } from "../../../deploy/src/rollback.ts"

const record = (commit: string, image: string, outcome: Outcome = "succeeded", command = "deploy"): Release => ({
  id: commit,
  commit: commit.repeat(40),
  who: "somebody",
  command,
  startedAt: "2026-01-01T00:00:00.000Z",
  outcome,
  images: { user_metadata: image },
  previousImages: {},
})
const runs = (image: string, to?: string) => ({
  images: { user_metadata: image },
  services: { user_metadata: image },
  functionVersion: "1",
  to,
  stage: "development",
})

describe("a rollback", () => {
  it("leads to the good release before the one that runs, over what failed and what changed nothing", () => {
    const records = [record("d", "z"), record("c", "z"), record("b", "y", "rolled-back"), record("a", "x")]
    expect(targetOf(records, runs("z")).commit[0]).to.equal("a")
  })

  it("after a rollback leads further back, never forth to what was left", () => {
    const records = [record("b", "y", "succeeded", "rollback"), record("c", "z"), record("b", "y"), record("a", "x")]
    expect(targetOf(records, runs("y")).commit[0]).to.equal("a")
  })

  it("leads to another version of the function, too", () => {
    const records = [
      { ...record("b", "x"), functionVersion: "1" },
      { ...record("a", "x"), functionVersion: "7" },
    ]
    expect(targetOf(records, runs("x")).functionVersion).to.equal("7")
  })

  it("leads to the release that the parameters tell of, where services run something else", () => {
    const records = [record("b", "y", "succeeded", "rollback"), record("c", "z"), record("b", "y"), record("a", "x")]
    for (const image of ["z", "w"]) {
      expect(targetOf(records, { ...runs("y"), services: { user_metadata: image } }).commit[0]).to.equal("b")
    }
  })

  it("refuses digits that two commits begin with", () => {
    const records = [record("a", "z"), { ...record("a", "x"), commit: `${"a".repeat(39)}b` }]
    expect(() => targetOf(records, runs("z", "aaaaaaa")))
      .to.throw(/^--to=aaaaaaa is a{40} as well as a{39}b; give more/)
      .with.property("exitCode", 64 satisfies Refusal["exitCode"])
    expect(targetOf(records, runs("z", `${"a".repeat(39)}b`)).images).to.deep.equal({ user_metadata: "x" })
  })

  it("leads to a commit that is asked for, where its release succeeded", () => {
    const records = [record("c", "z"), record("b", "y", "failed"), record("a", "x")]
    expect(targetOf(records, runs("z", "aaaaaaa")).commit[0]).to.equal("a")
    for (const [to, words] of [
      ["bbbbbbb", /^there is no release of bbbbbbb that succeeded; npm run deploy -- history --stage=development/],
      [undefined, /^there is no good release before the one that runs/],
    ] as const) {
      const only = to === undefined ? [record("a", "x")] : records
      expect(() => targetOf(only, runs(to === undefined ? "x" : "z", to)))
        .to.throw(words)
        .with.property("exitCode", 66 satisfies Refusal["exitCode"])
    }
  })
})
