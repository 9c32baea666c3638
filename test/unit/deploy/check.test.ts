/** Checks are asked beside each other; what one of them does is no matter of the others. */
import { expect } from "chai"
import { allOk, ask, type Check, failed, ok, table, unknown } from "../../../deploy/src/check.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { sessionOf } from "../../support/deploy/session.ts"
import { stage } from "../../support/infra/assembly.ts"

const session = (signal?: AbortSignal) =>
  sessionOf(stage("development"), {
    endpoint: "http://127.0.0.1:1",
    keys: { accessKeyId: "none", secretAccessKey: "none" },
    ...(signal && { signal }),
  })
const check = (name: string, findings: Check["findings"]): Check => ({ name, findings })
const good = check("good", async () => [ok("good is good")])

describe("checks", () => {
  it("one that throws is ✗ with its reason, and the others go on", async () => {
    const bad = check("bad", async () => {
      throw new Refusal(69, "AWS can't be reached (ECONNRESET); try again")
    })
    const answers = await ask([bad, good], session(), 5)
    expect(table(answers)).to.match(
      /^✗ bad: AWS can't be reached \(ECONNRESET\); try again\n {4}→ do as the reason says, and verify again\n✓ good is good$/,
    )
    expect(allOk(answers)).to.equal(false)
  })

  it("one that never ends, deaf to its signal, is ✗ when its time is over, and the others are not kept", async () => {
    const started = performance.now()
    const deaf = check("deaf", () => new Promise(() => {}))
    const answers = await ask([deaf, good], session(), 1)
    expect(table(answers)).to.match(/^✗ deaf: no answer within 1 s\n.+\n✓ good is good$/)
    expect(performance.now() - started).to.be.below(5000)
  })

  it("are asked at once, not one after the other", async () => {
    const both = Promise.withResolvers<void>()
    let asked = 0
    const meeting = (name: string) =>
      check(name, async () => {
        if (++asked === 2) both.resolve()
        await both.promise
        return [ok(name)]
      })
    expect(allOk(await ask([meeting("one"), meeting("two")], session(), 5))).to.equal(true)
  })

  it("what could not be checked is –, and never as good as ✓", async () => {
    const answers = await ask(
      [check("half", async () => [ok("a"), unknown("b could not be checked", "do c")])],
      session(),
      5,
    )
    expect(table(answers)).to.equal("✓ a\n– b could not be checked\n    → do c")
    expect(allOk(answers)).to.equal(false)
    expect(allOk([{ check: "x", findings: [failed("a", "b")] }])).to.equal(false)
    expect(allOk([{ check: "x", findings: [ok("a")] }])).to.equal(true)
  })

  it("a signal ends them all, with its reason", async () => {
    const stopped = new AbortController()
    const asked = ask([check("deaf", () => new Promise(() => {}))], session(stopped.signal), 600)
    stopped.abort(new Refusal(130, "stopped by SIGINT"))
    const error = await asked.catch((reason: unknown) => reason)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 130)
  })
})
