/** Claims about what an event asks for: every caller's shape, and every hostile one, refused with field, value and range. */
import { expect } from "chai"
import { InvalidPage, InvalidSize } from "../../../lambda/src/errors.ts"
import { askedOf, callerOf } from "../../../lambda/src/event.ts"
import { freshKey } from "../../standin/test-key.ts"

const PAGES = "a whole number from 0 to 2147483647"
const SIZES = "a whole number from 1 to 20"

/** As the services send them, but for members that nobody here reads. */
const gateway = (queryStringParameters?: unknown) => ({
  version: "2.0",
  rawPath: "/",
  requestContext: { http: { method: "GET", path: "/" }, stage: "$default" },
  ...(queryStringParameters === undefined ? {} : { queryStringParameters }),
})
const rest = (queryStringParameters: unknown) => ({
  version: "1.0",
  httpMethod: "GET",
  requestContext: { stage: "v1" },
  queryStringParameters,
})
const alb = (queryStringParameters: unknown) => ({
  httpMethod: "GET",
  requestContext: { elb: { targetGroupArn: "arn" } },
  queryStringParameters,
})
const multi = (multiValueQueryStringParameters: unknown) => ({
  httpMethod: "GET",
  requestContext: { elb: { targetGroupArn: "arn" } },
  multiValueQueryStringParameters,
})
const asked = (event: unknown) => askedOf(event, callerOf(event))

describe("lambda/event", () => {
  describe("the caller is", () => {
    const callers: readonly (readonly [what: string, event: unknown, kind: string])[] = [
      ["direct for a plain event", { page: 1 }, "direct"],
      ["a gateway for payload 2.0, of API Gateway or a function URL", gateway({ page: "1" }), "gateway"],
      ["a gateway for payload 1.0", rest({ page: "1" }), "gateway"],
      ["a load balancer", alb({ page: "1" }), "alb"],
      ["direct for null", null, "direct"],
      ["direct for a text", "GET /", "direct"],
      ["direct for an array", [gateway()], "direct"],
      ["direct for a requestContext that is none", { page: 1, requestContext: "http" }, "direct"],
      ["direct for a requestContext of another service", { page: 1, requestContext: { connectionId: "x" } }, "direct"],
      ["direct for a requestContext inherited", JSON.parse('{"__proto__":{"requestContext":{"elb":{}}}}'), "direct"],
    ]
    for (const [what, event, kind] of callers) {
      it(what, () => expect(callerOf(event).kind).to.equal(kind))
    }

    it("a load balancer with multi-value headers where it sends such parameters", () => {
      expect(callerOf(multi({ page: ["1"] }))).to.deep.equal({ kind: "alb", multiValue: true })
      expect(callerOf(alb({ page: "1" }))).to.deep.equal({ kind: "alb", multiValue: false })
    })
  })

  describe("is accepted", () => {
    const good: readonly (readonly [event: unknown, page: number, size: number])[] = [
      [{ page: 1755, size: 20 }, 1755, 20],
      [{ page: 0 }, 0, 20],
      [{ page: "1755", size: "5" }, 1755, 5],
      [{ page: "007" }, 7, 20],
      [{ page: 2_147_483_647, size: 1 }, 2_147_483_647, 1],
      [{ page: 3, other: "fields", Payload: {} }, 3, 20],
      [gateway({ page: "12" }), 12, 20],
      [gateway({ page: "12", size: "3", other: "x" }), 12, 3],
      [rest({ page: "12" }), 12, 20],
      [{ ...rest({ page: "12" }), multiValueQueryStringParameters: { page: ["12"] } }, 12, 20],
      [{ ...rest({ page: "12" }), multiValueQueryStringParameters: null }, 12, 20],
      [alb({ page: "12", size: "20" }), 12, 20],
      [multi({ page: ["12"], size: ["7"] }), 12, 7],
    ]
    for (const [event, page, size] of good) {
      it(JSON.stringify(event).slice(0, 100), () => expect(asked(event)).to.deep.equal({ page, size }))
    }

    it("-0, as 0", () => expect(Object.is(asked({ page: -0 }).page, 0)).to.equal(true))
  })

  describe("is refused, naming field, value and range", () => {
    const page = (value: string) => `page: ${value} is not ${PAGES}`
    const size = (value: string) => `size: ${value} is not ${SIZES}`
    const bad: readonly (readonly [event: unknown, name: string, message: string])[] = [
      [{}, "InvalidPage", `page: missing; ${PAGES}`],
      [{ page: null }, "InvalidPage", page("null")],
      [{ page: "" }, "InvalidPage", page('""')],
      [{ page: -1 }, "InvalidPage", page("-1")],
      [{ page: "-1" }, "InvalidPage", page('"-1"')],
      [{ page: "+1" }, "InvalidPage", page('"+1"')],
      [{ page: " 1" }, "InvalidPage", page('" 1"')],
      [{ page: "1\n" }, "InvalidPage", page('"1\\n"')],
      [{ page: "1e3" }, "InvalidPage", page('"1e3"')],
      [{ page: "0x10" }, "InvalidPage", page('"0x10"')],
      [{ page: "١" }, "InvalidPage", page('"١"')],
      [{ page: 1.5 }, "InvalidPage", page("1.5")],
      [{ page: 2_147_483_648 }, "InvalidPage", page("2147483648")],
      [{ page: "99999999999" }, "InvalidPage", page('"99999999999"')],
      [{ page: "9".repeat(400) }, "InvalidPage", page("a text of 400 characters")],
      [JSON.parse('{"page":1e400}'), "InvalidPage", page("a number too large")],
      [JSON.parse('{"page":1,"size":-1e400}'), "InvalidSize", size("a number too small")],
      [{ page: true }, "InvalidPage", page("true")],
      [{ page: [1] }, "InvalidPage", page("an array of 1")],
      [{ page: { $gt: 0 } }, "InvalidPage", page("an object")],
      [{ page: "1&api_key=x" }, "InvalidPage", page('"1&api_key=x"')],
      [{ page: "1/../../secret" }, "InvalidPage", page('"1/../../secret"')],
      [{ Page: 1 }, "InvalidPage", `page: missing; ${PAGES}`],
      [JSON.parse('{"__proto__":{"page":1}}'), "InvalidPage", `page: missing; ${PAGES}`],
      [null, "InvalidPage", 'the event is null, not an object such as {"page": 1755}'],
      [undefined, "InvalidPage", 'the event is nothing, not an object such as {"page": 1755}'],
      ["1755", "InvalidPage", 'the event is "1755", not an object such as {"page": 1755}'],
      [1755, "InvalidPage", 'the event is 1755, not an object such as {"page": 1755}'],
      [[1755], "InvalidPage", 'the event is an array of 1, not an object such as {"page": 1755}'],
      [{ page: 1, size: 0 }, "InvalidSize", size("0")],
      [{ page: 1, size: 21 }, "InvalidSize", size("21")],
      [{ page: 1, size: "21" }, "InvalidSize", size('"21"')],
      [{ page: 1, size: "" }, "InvalidSize", size('""')],
      [{ page: 1, size: 2.5 }, "InvalidSize", size("2.5")],
      [{ page: 1, size: null }, "InvalidSize", size("null")],
      [{ page: 1, size: {} }, "InvalidSize", size("an object")],
      [gateway(), "InvalidPage", `query parameter page: missing; ${PAGES}`],
      [gateway({}), "InvalidPage", `query parameter page: missing; ${PAGES}`],
      [gateway(null), "InvalidPage", `query parameter page: missing; ${PAGES}`],
      [gateway("page=1"), "InvalidPage", `query parameter page: missing; ${PAGES}`],
      [gateway({ page: "1,2" }), "InvalidPage", `query parameter ${page('"1,2"')}`],
      [gateway({ page: "1", size: "all" }), "InvalidSize", `query parameter ${size('"all"')}`],
      [{ ...gateway(), page: 1 }, "InvalidPage", `query parameter page: missing; ${PAGES}`],
      [alb({ page: "%31" }), "InvalidPage", `query parameter ${page('"%31"')}`],
      [alb(null), "InvalidPage", `query parameter page: missing; ${PAGES}`],
      [
        { ...rest({ page: "2" }), multiValueQueryStringParameters: { page: ["1", "2"] } },
        "InvalidPage",
        `query parameter ${page("an array of 2")}`,
      ],
      [multi({ page: ["1", "2"] }), "InvalidPage", `query parameter ${page("an array of 2")}`],
      [multi({ page: [] }), "InvalidPage", `query parameter ${page("an array of 0")}`],
    ]
    for (const [event, name, message] of bad) {
      it(`${name}: ${(JSON.stringify(event) ?? "undefined").slice(0, 80)}`, () => {
        const error = expect(() => asked(event)).to.throw(Error, message)
        error.with.property("name", name)
        error.with.property("message", message)
      })
    }

    it("without showing what may be a key in the wrong place", () => {
      for (const length of [8, 12, 20, 40, 128]) {
        const key = `k${freshKey(length - 1)}`
        const page = `page: a text of ${length} characters is not ${PAGES}`
        expect(() => asked({ page: key })).to.throw(InvalidPage, new RegExp(`^${page}$`))
        expect(() => asked(gateway({ page: "1", size: key }))).to.throw(InvalidSize, `a text of ${length} characters`)
        expect(() => asked(key)).to.throw(InvalidPage, `the event is a text of ${length} characters, not an object`)
      }
      expect(() => asked({ page: `?${freshKey(9)}k=1` })).to.throw("page: a text of 13 characters is not")
    })

    it("but showing a number, as large as it may be", () => {
      for (const number of ["4294967296", "-4294967296", "+123456789", "12345678.5", "12345678901234567890"]) {
        expect(() => asked({ page: number })).to.throw(`page: "${number}" is not`)
      }
    })
  })
})
