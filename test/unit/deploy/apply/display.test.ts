/** What a person sees: lines where there is no terminal, and a table in place where there is one. */
import { expect } from "chai"
import { displayOf, Lines, plain, Table } from "../../../../deploy/src/apply/display.ts"
import type { Progress } from "../../../../deploy/src/targets/rolling.ts"

const user: Progress = { target: "ecs", unit: "user_metadata", phase: "waiting", seconds: 3, running: 1, desired: 2 }

describe("the display", () => {
  it("without a terminal says each new thing once, with what a terminal would obey taken out", () => {
    const said: string[] = []
    const display = displayOf({ say: (line) => said.push(line) })
    expect(display).to.be.instanceOf(Lines)
    display.watch({ ...user, phase: "started", message: "a\u001b[31m\nb" })
    display.watch(user)
    display.watch({ ...user, seconds: 9 })
    display.watch({ ...user, running: 2, pending: 1, failed: 1 })
    expect(said).to.deep.equal([
      "ecs user_metadata  started  1/2 running  a [31m b  3 s",
      "ecs user_metadata  waiting  1/2 running  3 s",
      "ecs user_metadata  waiting  2/2 running, 1 pending, 1 failed  3 s",
    ])
  })

  it("without a terminal tells of a stack's hundreds of events one in half a minute, and its failure at once", () => {
    const said: string[] = []
    const { watch } = new Lines((line) => said.push(line))
    const stack = { target: "stack", unit: "network", phase: "waiting" } as const
    for (let seconds = 0; seconds < 70; seconds++) watch({ ...stack, seconds, message: `event ${seconds}` })
    watch({ ...stack, phase: "failed", seconds: 70, message: "no room" })
    expect(said.map((line) => line.replace(/^stack network {2}/, ""))).to.deep.equal([
      "waiting  event 0  0 s",
      "waiting  event 30  30 s",
      "waiting  event 60  60 s",
      "failed  no room  70 s",
    ])
  })

  describe("on a terminal", () => {
    const drawn = (columns: number, rows = 24, mask = (text: string) => text) => {
      const written: string[] = []
      const said: string[] = []
      const size = () => ({ columns, rows })
      const table = new Table(
        { size, write: (text) => written.push(text) },
        (line) => said.push(line),
        mask,
        () => 0,
      )
      return { table, written, said }
    }

    it("that tells no size is taken for one of 80 columns and 24 rows", () => {
      const { table, written } = drawn(0, 0)
      table.watch({ ...user, message: "m".repeat(100) })
      table.watch({ target: "stack", unit: "neo", phase: "stable", seconds: 12 })
      table.end()
      const lines = (written.at(-1) ?? "").split("\n").slice(0, -1)
      expect(lines.map(({ length }) => length <= 79)).to.deep.equal([true, true])
      expect(lines[0]).to.have.length(79)
    })

    it("is a row for each unit, redrawn where it stands, and stays when it is over", () => {
      const { table, written } = drawn(120)
      table.watch(user)
      table.watch({ target: "stack", unit: "neo", phase: "stable", seconds: 12 })
      table.watch({ ...user, phase: "stable", running: 2, message: "has reached a steady state." })
      table.end()
      expect(written.filter((text) => text.startsWith("\u001b"))).to.deep.equal([
        "\u001b[1F\u001b[J",
        "\u001b[2F\u001b[J",
        "\u001b[2F\u001b[J",
      ])
      expect(written.at(-1)).to.equal(
        "ecs user_metadata  stable           3 s  2/2 running  has reached a steady state.\n" +
          "stack neo          stable          12 s\n",
      )
    })

    it("is no wider and no higher than the terminal", () => {
      const { table, written } = drawn(40, 4)
      for (const unit of ["one", "two", "three"]) table.watch({ ...user, unit, message: "x".repeat(200) })
      table.end()
      const lines = (written.at(-1) ?? "").trimEnd().split("\n")
      expect(lines).to.have.length(2)
      for (const line of lines) expect([...line]).to.have.length.at.most(39)
      expect(lines[0]).to.match(/…$/)
    })

    it("has lines above the table, and secrets nowhere", () => {
      const { table, written, said } = drawn(120, 24, (text) => text.replaceAll("secret", "***"))
      table.watch({ ...user, message: "a secret" })
      table.say("taking back")
      table.end()
      expect(said).to.deep.equal(["taking back"])
      expect(written.join("")).to.contain("a ***").and.not.contain("secret")
    })
  })

  it("takes out what moves a cursor", () => {
    expect(plain("a\u0007b\u009b2Jc\r\n")).to.equal("a b 2Jc")
  })
})
