/** Claims about the document's way to each caller: to the digit, and never past what the caller takes. */
import { expect } from "chai"
import { answerOf, type HttpAnswer, LIMITS } from "../../../lambda/src/answer.ts"
import type { Caller } from "../../../lambda/src/event.ts"
import { SURVIVORS } from "../../standin/echo.ts"

const DIRECT: Caller = { kind: "direct" }
const GATEWAY: Caller = { kind: "gateway" }
const ALB: Caller = { kind: "alb", multiValue: false }
const MULTI: Caller = { kind: "alb", multiValue: true }
const sent = (answer: unknown) => Buffer.byteLength(JSON.stringify(answer))

/** A document whose answer is of that many bytes, as Lambda counts them. */
function documentFor(caller: Caller, bytes: number, filler = "x"): string {
  const sizeOf = (text: string) => sent(answerOf(JSON.stringify({ a: text }), caller))
  const empty = sizeOf("")
  const each = sizeOf(filler) - empty
  const times = Math.floor((bytes - empty) / each)
  return JSON.stringify({ a: filler.repeat(times) + "x".repeat(bytes - empty - times * each) })
}

describe("lambda/answer", () => {
  it("a direct caller gets the document itself, by HTTP its text", () => {
    expect(answerOf('{"page":{"number":1}}', DIRECT)).to.deep.equal({ page: { number: 1 } })
    expect(answerOf('{"page":{"number":1}}', GATEWAY)).to.deep.equal({
      statusCode: 200,
      headers: { "content-type": "application/json" },
      body: '{"page":{"number":1}}',
      isBase64Encoded: false,
    })
  })

  it("a target group with multi-value headers gets such headers and no others", () => {
    const answer = answerOf("{}", MULTI) as HttpAnswer
    expect(answer.multiValueHeaders).to.deep.equal({ "content-type": ["application/json"] })
    expect(answer).not.to.have.property("headers")
  })

  it("by HTTP every byte of the document survives", () => {
    const document = `{${SURVIVORS.join(",")}}`
    expect((answerOf(document, GATEWAY) as HttpAnswer).body).to.equal(document)
    expect((answerOf(document, ALB) as HttpAnswer).body).to.equal(document)
  })

  it("to a direct caller every digit survives the runtime's JSON.stringify", () => {
    const numbers = '{"a":12345678901234567890,"b":1e400,"c":16.0,"d":0.10,"e":6.593E-4,"f":-0,"g":[1.5,-1e-7],"h":0.1}'
    expect(JSON.stringify(answerOf(numbers, DIRECT))).to.equal(numbers)
  })

  it("is begun, and its digits are looked at, only where there is time", () => {
    for (const [document, caller, looks] of [
      ['{"a":1}', DIRECT, 1],
      ['{"a":1}', GATEWAY, 1],
      ['{"a":1.0}', DIRECT, 2],
    ] as const) {
      for (let time = 0; time < looks; time += 1) {
        let left = time
        const assertTime = () => {
          if (left === 0) throw new Error("no time")
          left -= 1
        }
        expect(() => answerOf(document, caller, assertTime)).to.throw("no time")
      }
      let looked = 0
      answerOf(document, caller, () => {
        looked += 1
      })
      expect(looked).to.equal(looks)
    }
  })

  it("to a direct caller numbers that a double spells so are numbers", () => {
    const { a, b } = answerOf('{"a":1.5,"b":[20]}', DIRECT) as { a: number; b: number[] }
    expect([a, b]).to.deep.equal([1.5, [20]])
  })

  it("of members with one name a direct caller gets the last, by HTTP all", () => {
    const document = '{"a":1,"b":2,"a":3}'
    expect(JSON.stringify(answerOf(document, DIRECT))).to.equal('{"a":3,"b":2}')
    expect((answerOf(document, GATEWAY) as HttpAnswer).body).to.equal(document)
  })

  it("to a direct caller a member __proto__ is a member", () => {
    const document = '{"__proto__":{"polluted":true},"a":1}'
    expect(JSON.stringify(answerOf(document, DIRECT))).to.equal(document)
    expect(Object.hasOwn({}, "polluted")).to.equal(false)
  })

  describe("is as large as the caller takes, and no byte larger", () => {
    it("by the limits of AWS: 6 MiB, and 1 MiB for a load balancer", () => {
      expect(LIMITS).to.deep.equal({ direct: 6_291_456, gateway: 6_291_456, alb: 1_048_576 })
    })

    for (const [what, caller] of [
      ["direct", DIRECT],
      ["gateway", GATEWAY],
      ["load balancer", ALB],
      ["load balancer, multi-value", MULTI],
    ] as const) {
      for (const filler of ["x", '"\\', "é", "\u2028", "🛰"]) {
        it(`${what}, of ${JSON.stringify(filler)}`, () => {
          const limit = LIMITS[caller.kind]
          expect(sent(answerOf(documentFor(caller, limit, filler), caller))).to.equal(limit)
          expect(() => answerOf(documentFor(caller, limit, filler).replace(/"}$/, 'x"}'), caller))
            .to.throw(/^the answer is \d+ bytes, and this caller takes \d+ at most; ask for a smaller size$/)
            .with.property("name", "AnswerTooLarge")
        })
      }
    }

    it("measured after escaping: half a load balancer's limit in quotation marks is too large", () => {
      const document = JSON.stringify({ a: '"'.repeat(LIMITS.alb / 4) })
      expect(Buffer.byteLength(document)).to.be.below(LIMITS.alb * 0.6)
      expect(() => answerOf(document, ALB)).to.throw(/at most/)
    })

    it("also where its digits are looked at", () => {
      const document = (letters: number) => `{"a":1.0,"b":"${"x".repeat(letters)}"}`
      const most = LIMITS.direct - document(0).length
      expect(sent(answerOf(document(most), DIRECT))).to.equal(LIMITS.direct)
      expect(() => answerOf(document(most + 1), DIRECT))
        .to.throw(/at most/)
        .with.property("name", "AnswerTooLarge")
    })

    it("measured as it is sent: escapes that the runtime does not send do not count", () => {
      const document = `{"a":"${"\\u00e9".repeat(1_200_000)}"}`
      expect(Buffer.byteLength(document)).to.be.above(LIMITS.direct)
      expect(sent(answerOf(document, DIRECT))).to.be.below(LIMITS.direct)
    })
  })
})
