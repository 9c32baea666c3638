/** Claims about invocations as a whole, over a real server on the loopback address and with a clock that is ours. */
import { randomBytes } from "node:crypto"
import type { ServerResponse } from "node:http"
import { inspect } from "node:util"
import { expect } from "chai"
import { Agent } from "undici"
import { systemClock } from "../../../app/src/clock.ts"
import type { HttpAnswer } from "../../../lambda/src/answer.ts"
import type { ReadText } from "../../../lambda/src/api-key.ts"
import { KeyUnavailable } from "../../../lambda/src/errors.ts"
import { type Handler, handlerOf } from "../../../lambda/src/invocation.ts"
import { freshKey } from "../../standin/test-key.ts"
import { FakeClock } from "../../support/fake-clock.ts"
import { type Answer, Loopback } from "../../support/loopback.ts"

const PAGE = 7
/** The test clock's first moment, as an HTTP date. */
const START = "Thu, 01 Jan 2026 00:00:00 GMT"

function pageBody(key: string, changes: Readonly<Record<string, unknown>> = {}): string {
  const link = `http://api.nasa.gov/neo/rest/v1/neo/browse?page=${PAGE}&api_key=${key}`
  return JSON.stringify({
    links: { next: link, self: link },
    page: { size: 20, total_elements: 40_680, total_pages: 2034, number: PAGE },
    near_earth_objects: [{ links: { self: link }, neo_reference_id: "2000433", name: "433 Eros" }],
    ...changes,
  })
}

function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body)
}

const gateway = (parameters: Readonly<Record<string, string>> = { page: `${PAGE}` }) => ({
  version: "2.0",
  requestContext: { http: { method: "GET" } },
  queryStringParameters: parameters,
})
const alb = (name = "queryStringParameters", page: unknown = `${PAGE}`) => ({
  httpMethod: "GET",
  requestContext: { elb: {} },
  [name]: { page },
})

/** Milliseconds of processor that this thread has used. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => expect.fail("it was fulfilled"),
    (error: Error) => error,
  )
}

describe("lambda/invocation", () => {
  let server: Loopback
  let dispatcher: Agent
  let clock: FakeClock
  let key: string
  let lines: string[]

  before(async () => {
    server = await Loopback.open()
    dispatcher = new Agent()
  })
  after(async () => {
    await dispatcher.destroy()
    await server.close()
  })
  beforeEach(() => {
    clock = new FakeClock()
    key = freshKey()
    lines = []
    server.answer((response) => send(response, 200, pageBody(key)))
  })

  const handler = (env: Readonly<Record<string, string>> = {}, readText?: ReadText): Handler =>
    handlerOf({
      env: {
        NEOWS_BASE_URL: server.url.href,
        AWS_LAMBDA_FUNCTION_NAME: "neows",
        ...(readText ? { NASA_API_KEY_SECRET_ID: "nasa" } : { NASA_API_KEY: key }),
        ...env,
      },
      clock,
      dispatcher,
      readText: readText ?? (() => expect.fail("no secret is configured")),
      write: (line) => lines.push(line),
    })
  /** A context whose remaining time goes by the test's clock. */
  const context = (remaining = 15_000) => {
    const end = clock.now() + remaining
    return { awsRequestId: "request-1", getRemainingTimeInMillis: () => end - clock.now() }
  }
  const logged = () => lines.map((line) => JSON.parse(line))
  const keysSent = () =>
    server.received.map(({ headers }) => headers.find(([name]) => name.toLowerCase() === "x-api-key")?.[1])

  describe("answers", () => {
    it("a direct caller with the document itself, free of the key", async () => {
      const document = await handler()({ page: PAGE }, context())
      expect(document).to.deep.equal(JSON.parse(pageBody("").replaceAll("&api_key=", "")))
      expect(keysSent()).to.deep.equal([key])
      expect(server.received[0]?.target).to.equal("/neo/rest/v1/neo/browse?page=7&size=20")
      expect(server.received[0]?.target).not.to.include(key)
    })

    for (const [what, event] of [
      ["a gateway", gateway()],
      ["a load balancer", alb()],
    ] as const) {
      it(`${what} with status 200 and the document's text`, async () => {
        const answer = (await handler()(event, context())) as HttpAnswer
        expect([answer.statusCode, answer.headers]).to.deep.equal([200, { "content-type": "application/json" }])
        expect(answer.body).to.equal(pageBody("").replaceAll("&api_key=", ""))
      })
    }

    it("with the size that was asked for", async () => {
      await handler()({ page: PAGE, size: 3 }, context())
      expect(server.received[0]?.target).to.equal("/neo/rest/v1/neo/browse?page=7&size=3")
    })
  })

  describe("a bad event", () => {
    for (const [event, name] of [
      [{}, "InvalidPage"],
      [{ page: PAGE, size: 21 }, "InvalidSize"],
      [gateway({}), "InvalidPage"],
      [gateway({ page: "1", size: "x" }), "InvalidSize"],
      [alb("multiValueQueryStringParameters", ["1", "2"]), "InvalidPage"],
    ] as const) {
      it(`${name}: ${JSON.stringify(event).slice(0, 80)} is refused before any request, for a key or for a page`, async () => {
        let reads = 0
        const handle = handler({}, async () => {
          reads += 1
          return key
        })
        const outcome = await handle(event, context()).catch((error: Error) => error)
        if (outcome instanceof Error) expect(outcome.name).to.equal(name)
        else {
          const { statusCode, body } = outcome as HttpAnswer
          expect(statusCode).to.equal(400)
          expect(JSON.parse(body)).to.include({ error: name, requestId: "request-1" })
        }
        expect([server.received.length, reads]).to.deep.equal([0, 0])
      })
    }
  })

  describe("an error", () => {
    const errors: readonly (readonly [name: string, status: number, answer: Answer])[] = [
      ["PageOutOfRange", 404, (response) => send(response, 404, "")],
      ["RateLimited", 429, (response) => send(response, 429, "", { "retry-after": "2870" })],
      ["KeyRejected", 502, (response) => send(response, 403, '{"error":{"code":"API_KEY_INVALID","message":"no"}}')],
      ["UnexpectedAnswer", 502, (response) => send(response, 200, "{}")],
      ["AnswerTooLarge", 502, (response) => send(response, 200, pageBody("", { filler: "x".repeat(6_300_000) }))],
      ["AnswerTooLarge", 502, (response) => response.writeHead(200, { "content-length": 8_388_609 }).write("{")],
      ["UpstreamUnavailable", 503, (response) => send(response, 503, "")],
      ["UpstreamUnavailable", 503, (response) => send(response, 302, "", { location: "http://elsewhere/" })],
    ]
    for (const [name, status, answer] of errors) {
      it(`${name} is thrown to a direct caller, and ${status} by HTTP`, async () => {
        server.answer(answer)
        const error = await rejection(handler({ NEOWS_RETRIES: "0" })({ page: PAGE }, context()))
        expect(error.name).to.equal(name)
        expect(Object.keys(error).filter((member) => member !== "name" && member !== "stack")).to.deep.equal([])
        expect(error.cause).to.equal(undefined)
        expect(error.stack, "no place of ours").to.equal(`${name}: ${error.message}`)
        server.answer(answer)
        const http = (await handler({ NEOWS_RETRIES: "0" })(gateway(), context())) as HttpAnswer
        const { error: told, message, requestId } = JSON.parse(http.body)
        expect([http.statusCode, told, requestId]).to.deep.equal([status, name, "request-1"])
        expect(message).to.be.a("string").that.is.not.empty
        expect(http.headers).to.include({ "content-type": "application/json", "cache-control": "no-store" })
      })
    }

    it("OutOfTime is thrown to a direct caller, and 504 by HTTP", async () => {
      expect((await rejection(handler()({ page: PAGE }, context(400)))).name).to.equal("OutOfTime")
      expect(((await handler()(gateway(), context(400))) as HttpAnswer).statusCode).to.equal(504)
      expect(server.received).to.have.length(0)
    })

    it("AnswerTooLarge is a load balancer's at 1 MiB, where a gateway still gets the document", async () => {
      server.answer((response) => send(response, 200, pageBody("", { filler: "x".repeat(1_048_576) })))
      expect(((await handler()(alb(), context())) as HttpAnswer).statusCode).to.equal(502)
      expect(((await handler()(gateway(), context())) as HttpAnswer).statusCode).to.equal(200)
    })

    it("RateLimited tells when to come back: Retry-After by HTTP, the message's JSON to a direct caller", async () => {
      const limited: Answer = (response) => send(response, 429, "", { "retry-after": "2870" })
      server.answer(limited)
      const error = await rejection(handler()({ page: PAGE }, context()))
      expect(JSON.parse(error.message)).to.have.property("retryAfterSeconds", 2870)
      expect(JSON.parse(error.message).message).to.match(/rate limit is used up/)
      server.answer(limited)
      const http = (await handler()(gateway(), context())) as HttpAnswer
      expect(http.headers?.["retry-after"]).to.equal("2870")
      server.answer(limited)
      const multi = (await handler()(alb("multiValueQueryStringParameters", ["7"]), context())) as HttpAnswer
      expect(multi.multiValueHeaders?.["retry-after"]).to.deep.equal(["2870"])
    })

    it("RateLimited tells whole seconds, a day at most, and an hour for a time that no number holds", async () => {
      for (const [header, seconds] of [
        ["0", 0],
        ["86400", 86_400],
        ["86401", 86_400],
        ["99999999999999999999999", 86_400],
        ["9".repeat(400), 3600],
        ["Thu, 01 Jan 2026 00:00:01 GMT", 1],
        ["Mon, 01 Jan 2035 00:00:00 GMT", 86_400],
      ] as const) {
        const limited: Answer = (response) => send(response, 429, "", { "retry-after": header, date: START })
        const env = { NEOWS_RETRIES: "0" }
        server.answer(limited)
        const error = await rejection(handler(env)({ page: PAGE }, context()))
        expect(JSON.parse(error.message).retryAfterSeconds, header).to.equal(seconds)
        server.answer(limited)
        const http = (await handler(env)(gateway(), context())) as HttpAnswer
        expect(http.headers?.["retry-after"], header).to.equal(`${seconds}`)
      }
    })

    it("RateLimited tells of an hour where NASA does not say", async () => {
      server.answer((response) => send(response, 429, ""))
      const error = await rejection(handler({ NEOWS_RETRIES: "0" })({ page: PAGE }, context()))
      expect(JSON.parse(error.message).retryAfterSeconds).to.equal(3600)
    })

    it("Misconfigured names the variable, and 500 by HTTP; it does not crash the start", async () => {
      for (const [variable, value, says] of [
        ["NEOWS_BASE_URL", "ftp://x", /^NEOWS_BASE_URL: /],
        ["NEOWS_BASE_URL", "http://example.org", /^NEOWS_BASE_URL: plain http/],
        ["NEOWS_RETRIES", "many", /^NEOWS_RETRIES: "many" is not a whole number from 0 to 100$/],
        ["NEOWS_TIMEOUT", "0", /^NEOWS_TIMEOUT: .* \(seconds\)$/],
        ["NASA_API_KEY_TTL", "-1", /^NASA_API_KEY_TTL: /],
        ["NASA_API_KEY", "no key", /^NASA_API_KEY: /],
      ] as const) {
        const error = await rejection(handler({ [variable]: value })({ page: PAGE }, context()))
        expect(error.name).to.equal("Misconfigured")
        expect(error.message).to.match(says)
        expect(((await handler({ [variable]: value })(gateway(), context())) as HttpAnswer).statusCode).to.equal(500)
      }
      expect(server.received).to.have.length(0)
    })

    it("KeyUnavailable where the secret can't be read, and 500 by HTTP", async () => {
      const unreadable: ReadText = async () => {
        throw new KeyUnavailable("NASA_API_KEY_SECRET_ID: it can't be read (AccessDeniedException)")
      }
      expect((await rejection(handler({}, unreadable)({ page: PAGE }, context()))).name).to.equal("KeyUnavailable")
      expect(((await handler({}, unreadable)(gateway(), context())) as HttpAnswer).statusCode).to.equal(500)
      expect(server.received).to.have.length(0)
    })

    it("a defect is InternalError: its words are in the log, and not in the answer", async () => {
      const defect: ReadText = async () => {
        throw new TypeError("undefined is not a function")
      }
      const error = await rejection(handler({}, defect)({ page: PAGE }, context()))
      expect([error.name, error.message]).to.deep.equal(["InternalError", "a defect of the handler; its log says more"])
      expect(lines.join()).to.include("TypeError: undefined is not a function")
    })
  })

  describe("the time", () => {
    const MARGIN = 500
    /** A handler and a context that go by the system's clock. */
    const realTime = (remaining: number, env: Readonly<Record<string, string>> = {}) => {
      const handle = handlerOf({
        env: { NEOWS_BASE_URL: server.url.href, NASA_API_KEY: key, ...env },
        clock: systemClock,
        dispatcher,
        readText: async () => key,
        write: (line) => lines.push(line),
      })
      const end = Date.now() + remaining
      return { handle, context: { awsRequestId: "r", getRemainingTimeInMillis: () => end - Date.now() } }
    }

    it("is over at least 500 ms before Lambda's, with attempts that fail and waits in between", async () => {
      for (const remaining of [600, 1000, 1600]) {
        let attempts = 0
        server.answer((response) => {
          attempts += 1
          setTimeout(() => send(response, 503, ""), 70)
        })
        const { handle, context: real } = realTime(remaining, { NEOWS_RETRIES: "100" })
        const error = await rejection(handle({ page: PAGE }, real))
        expect(error.name, `${remaining}`).to.equal("OutOfTime")
        expect(real.getRemainingTimeInMillis(), `${remaining}`).to.be.at.least(MARGIN)
        expect(attempts, `${remaining}`).to.be.at.least(1)
      }
    })

    it("is over at least 500 ms before Lambda's, with waits of a minute and more", async () => {
      for (const remaining of [3000, 10_000, 60_000, 900_000]) {
        server.answer((response) => send(response, 503, ""))
        const fake = context(remaining)
        const error = await rejection(handler({ NEOWS_RETRIES: "100" })({ page: PAGE }, fake))
        expect(error.name, `${remaining}`).to.equal("OutOfTime")
        expect(fake.getRemainingTimeInMillis(), `${remaining}`).to.be.at.least(MARGIN)
        expect(clock.sleeps.length, `${remaining}`).to.be.above(1)
        clock.sleeps.length = 0
      }
    })

    it("bounds a read of the key that does not end", async () => {
      const started = performance.now()
      const error = await rejection(handler({}, () => new Promise(() => {}))({ page: PAGE }, context(900)))
      expect([error.name, error.message]).to.deep.equal(["OutOfTime", "the time is used up while the API key is read"])
      expect(performance.now() - started).to.be.within(200, 500)
    })

    it("that a read of the key used up is not the next invocation's: it reads again", async () => {
      let reads = 0
      const handle = handler({}, async () => {
        reads += 1
        return reads === 1 ? await new Promise<never>(() => {}) : key
      })
      expect((await rejection(handle({ page: PAGE }, context(700)))).name).to.equal("OutOfTime")
      expect(await handle({ page: PAGE }, context(1500))).to.have.property("page")
      expect(reads).to.equal(2)
    })

    it("bounds an attempt that does not end, which the system's clock measures", async () => {
      server.answer(() => {})
      const started = Date.now()
      const real = { awsRequestId: "r", getRemainingTimeInMillis: () => started + 900 - Date.now() }
      clock = new FakeClock({ now: started })
      Object.assign(clock, { now: Date.now })
      const error = await rejection(handler()({ page: PAGE }, real))
      expect(error.name).to.equal("OutOfTime")
      expect(real.getRemainingTimeInMillis()).to.be.at.least(MARGIN)
      expect(Date.now() - started).to.be.at.least(300)
    })

    it("that a wait would use up is not waited for", async () => {
      server.answer((response) => send(response, 503, "", { "retry-after": "20" }))
      const error = await rejection(handler()({ page: PAGE }, context(10_000)))
      expect(error.name).to.equal("UpstreamUnavailable")
      expect(error.message).to.match(/come back in 20 s .*, longer than the 9\.4\d* s it may wait$/)
      expect(clock.sleeps).to.deep.equal([])
    })

    it("is kept for cleaning: an answer too large for what is left is not begun", async () => {
      const body = pageBody("", { filler: "x".repeat(4 * 1024 * 1024) })
      const late = (remaining: number): Promise<unknown> => {
        server.answer((response) => clock.sleep(1000).then(() => send(response, 200, body)))
        return handler()({ page: PAGE }, context(remaining))
      }
      expect((await rejection(late(2500))).message).to.match(/bytes came too late to be cleaned/)
      expect(await late(2600)).to.have.property("filler")
    })

    it("is kept for answering: a machine slower than was reckoned does not begin it", async () => {
      const start = clock.now()
      // Once the answer is there, every look but the first, which is at the time for cleaning, comes 1.6 s later.
      let looks = Number.NEGATIVE_INFINITY
      Object.assign(clock, {
        now: () => {
          looks += 1
          return looks > 1 ? start + 1600 : start
        },
      })
      server.answer((response) => {
        looks = 0
        send(response, 200, pageBody(key, { filler: "x".repeat(4 * 1024 * 1024) }))
      })
      const error = await rejection(handler()({ page: PAGE }, context(2600)))
      expect(error.name).to.equal("OutOfTime")
      expect(error.message).to.match(/^what is left of the time is too short for an answer of \d+ bytes$/)
    })

    it("is kept for cleaning by the number of values, too", async () => {
      const body = pageBody("", { filler: Array(50_000).fill(1) })
      const late = (remaining: number): Promise<unknown> => {
        server.answer((response) => clock.sleep(1000).then(() => send(response, 200, body)))
        return handler()({ page: PAGE }, context(remaining))
      }
      expect((await rejection(late(2500))).message).to.match(/bytes came too late to be cleaned/)
      expect(await late(2600)).to.have.property("filler")
    })

    /** A document of so many values or characters, as JSON, in the place of `"HERE"`. */
    const values = (count: number, literal: string) => `[${Array(count).fill(literal).join()}]`
    const members = (literal: string) =>
      `{${Array.from({ length: 49_000 }, (_, nth) => `"${nth}${literal}":1.0`).join()}}`
    const mebibyte = (head: string, piece: string) =>
      JSON.stringify(head + piece.repeat(Math.floor(1_048_576 / piece.length)))
    /** The key percent-encoded that many times over. */
    const layers = (times: number): string =>
      times === 0
        ? key
        : Array.from(layers(times - 1), (character) => `%${character.charCodeAt(0).toString(16)}`).join("")
    /** A handler that reckons by the processor's time, of which other processes take none. */
    const processorTime = (remaining: number) => {
      const started = processorMs()
      const left = () => started + remaining - processorMs()
      const handle = handlerOf({
        env: { NEOWS_BASE_URL: server.url.href, NASA_API_KEY: key },
        clock: { ...systemClock, now: processorMs },
        dispatcher,
        readText: async () => key,
        write: (line) => lines.push(line),
      })
      return { handle, left }
    }
    for (const [what, filler] of [
      ["99 000 numbers", () => values(99_000, "1.0")],
      ["99 000 texts with escapes", () => values(99_000, '"\\u0041%41%4"')],
      ["49 000 members with escapes", () => members("\\u0041%41%4")],
      ["a MiB of parameters that are no encodings", () => mebibyte("?", "%&")],
      ["a MiB of addresses with such a parameter", () => mebibyte("x ", "a://b?% ")],
      ["a MiB with the key in five layers", () => mebibyte([1, 2, 3, 4, 5].map(layers).join("-"), "a")],
    ] as const) {
      it(`is over at least 500 ms before Lambda's where a document of ${what} is cleaned`, async () => {
        const body = pageBody("", { filler: "HERE" }).replace('"HERE"', filler)
        let outcome = ""
        // The first has too little time, the last enough.
        for (const remaining of [700, 1400, 4000]) {
          server.answer((response) => send(response, 200, body))
          const { handle, left } = processorTime(remaining)
          outcome = await handle({ page: PAGE }, { awsRequestId: "r", getRemainingTimeInMillis: left }).then(
            () => "ok",
            (error: Error) => error.message,
          )
          expect(left(), `${remaining}: ${outcome}`).to.be.at.least(MARGIN)
          if (remaining === 700) expect(outcome).to.match(/^the time is used up after 1 attempt; /)
        }
        expect(outcome).to.equal("ok")
      })
    }

    it("is not begun to be used for more values than are taken", async () => {
      const body = pageBody("", { filler: "HERE" }).replace('"HERE"', values(900_001, "1.0"))
      for (const remaining of [700, 1200, 2200]) {
        server.answer((response) => send(response, 200, body))
        const { handle, left } = processorTime(remaining)
        const error = await rejection(handle({ page: PAGE }, { awsRequestId: "r", getRemainingTimeInMillis: left }))
        expect(error.name).to.be.oneOf(["UnexpectedAnswer", "OutOfTime"])
        expect(left(), `${remaining}: ${lines.at(-1)?.slice(0, 300)}`).to.be.at.least(MARGIN)
      }
    })

    it("is reckoned by memory, as Lambda gives processor time by it", async () => {
      const error = await rejection(handler({ AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128" })({ page: PAGE }, context(1000)))
      expect(error.name).to.equal("OutOfTime")
      expect(
        await handler({ AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "1769" })({ page: PAGE }, context(1000)),
      ).to.have.property("page")
    })
  })

  describe("the key", () => {
    /** A server that takes one key only. */
    const takes =
      (good: () => string): Answer =>
      (response, _, request) =>
        request.headers["x-api-key"] === good()
          ? send(response, 200, pageBody(good()))
          : send(response, 403, '{"error":{"code":"API_KEY_INVALID","message":"An invalid api_key was supplied."}}')

    it("is read by the first invocation of an environment, and not by the second", async () => {
      let reads = 0
      const handle = handler({}, async () => {
        reads += 1
        return key
      })
      await handle({ page: PAGE }, context())
      await handle({ page: PAGE }, context())
      expect(reads).to.equal(1)
      expect(logged().map(({ coldStart }) => coldStart)).to.deep.equal([true, false])
    })

    it("is read once by invocations at once", async () => {
      let reads = 0
      const handle = handler({}, async () => {
        reads += 1
        await new Promise((later) => setTimeout(later, 5))
        return key
      })
      await Promise.all(Array.from({ length: 5 }, () => handle({ page: PAGE }, context())))
      expect([reads, server.received.length]).to.deep.equal([1, 5])
    })

    it("that was rotated is read anew, once, and the page comes with the new one", async () => {
      const [old, rotated] = [key, freshKey()]
      let stored = old
      let reads = 0
      const handle = handler({}, async () => {
        reads += 1
        return stored
      })
      server.answer(takes(() => stored))
      await handle({ page: PAGE }, context())
      stored = rotated
      server.answer(takes(() => stored))
      const pages = await Promise.all([handle({ page: PAGE }, context()), handle({ page: PAGE }, context())])
      for (const page of pages) expect(JSON.stringify(page)).not.to.match(new RegExp(`${old}|${rotated}`))
      expect(reads).to.equal(2)
      expect(keysSent().sort()).to.deep.equal([old, old, rotated, rotated].sort())
      expect(logged().at(-1)).to.include({ outcome: "ok", attempts: 2 })
    })

    it("that stays rejected is KeyRejected, after one reading anew and no further request", async () => {
      let reads = 0
      const handle = handler({}, async () => {
        reads += 1
        return key
      })
      server.answer(takes(() => ""))
      expect((await rejection(handle({ page: PAGE }, context()))).name).to.equal("KeyRejected")
      expect([reads, server.received.length]).to.deep.equal([2, 1])
    })

    it("whose successor is rejected too is KeyRejected after two requests", async () => {
      const handle = handler({}, async () => freshKey())
      server.answer(takes(() => ""))
      expect((await rejection(handle({ page: PAGE }, context()))).name).to.equal("KeyRejected")
      expect(server.received).to.have.length(2)
    })

    it("that can't be read anew is used on, and the log warns of it", async () => {
      let reads = 0
      const handle = handler({ NASA_API_KEY_TTL: "0" }, async () => {
        reads += 1
        if (reads > 1) throw new KeyUnavailable("NASA_API_KEY_SECRET_ID: it can't be read (TimeoutError)")
        return key
      })
      await handle({ page: PAGE }, context())
      await handle({ page: PAGE }, context())
      expect(keysSent()).to.deep.equal([key, key])
      expect(logged().map(({ level, requestId, message }) => [level, requestId, message])).to.deep.equal([
        ["INFO", "request-1", "page fetched"],
        [
          "WARN",
          "request-1",
          "NASA_API_KEY_SECRET_ID: it can't be read (TimeoutError); the key that was read before is used on",
        ],
        ["INFO", "request-1", "page fetched"],
      ])
    })

    it("that can't be read anew in half of a short time is used on, and is not read by the next", async () => {
      let reads = 0
      const handle = handler({ NASA_API_KEY_TTL: "1" }, async () => {
        reads += 1
        return reads === 1 ? key : await new Promise<never>(() => {})
      })
      await handle({ page: PAGE }, context())
      await clock.sleep(1000)
      for (const remaining of [1000, 900]) {
        expect(await handle({ page: PAGE }, context(remaining))).to.have.property("page")
      }
      expect(reads).to.equal(2)
      expect(logged().map(({ level }) => level)).to.deep.equal(["INFO", "WARN", "INFO", "INFO"])
    })

    it("of the environment that is rejected is not tried again", async () => {
      server.answer(takes(() => ""))
      expect((await rejection(handler()({ page: PAGE }, context()))).name).to.equal("KeyRejected")
      expect(server.received).to.have.length(1)
    })

    for (const [what, around] of [
      ["a line end, as a file ends with", (text: string) => `${text}\n`],
      ["blanks, tabs and CRLF", (text: string) => ` \t${text} \r\n`],
      ["a byte order mark", (text: string) => `\uFEFF${text}`],
    ] as const) {
      it(`is sent without ${what}, from wherever it comes`, async () => {
        const sources: readonly Handler[] = [
          handler({ NASA_API_KEY: around(key) }),
          handler({}, async () => around(key)),
          handler({ NASA_API_KEY_SECRET_ID: "", NASA_API_KEY_PARAMETER: "nasa" }, async () => around(key)),
          handler({}, async () => JSON.stringify({ NASA_API_KEY: around(key) })),
        ]
        for (const handle of sources) {
          const document = await handle({ page: PAGE }, context())
          expect(JSON.stringify(document)).not.to.include(key)
        }
        expect(keysSent()).to.deep.equal(sources.map(() => key))
        expect(lines.join("")).not.to.include(key)
      })
    }

    it("is DEMO_KEY where none is set, and the log says so", async () => {
      await handler({ NASA_API_KEY: "" })({ page: PAGE }, context())
      expect(keysSent()).to.deep.equal(["DEMO_KEY"])
      expect(logged().at(-1).message).to.include("DEMO_KEY")
    })
  })

  describe("neither log nor error nor answer holds the key", () => {
    const echoes: Readonly<Record<string, (secret: string) => Answer>> = {
      "in a page": (secret) => (response) => send(response, 200, pageBody(secret, { [secret]: secret })),
      "in a rejection": (secret) => (response) =>
        send(response, 403, `{"error":{"code":"${secret}","message":"${secret}"}}`),
      "in a rate limit": (secret) => (response) =>
        send(response, 429, `{"error":{"message":"key ${secret}"}}`, { "retry-after": "1000" }),
      "in what is tried again": (secret) => (response, nth) =>
        nth < 2 ? send(response, 503, `{"error":{"message":"${secret}"}}`) : send(response, 200, pageBody(secret)),
      "in a redirect": (secret) => (response) => send(response, 302, "", { location: `http://h/${secret}?${secret}` }),
      "in what is no JSON": (secret) => (response) => send(response, 200, secret, { "content-type": secret }),
      "in what is no HTTP": (secret) => (response) => response.socket?.end(`${secret}\r\n\r\n`),
      "as the page number": (secret) => (response) => send(response, 200, pageBody("", { page: { number: secret } })),
    }
    for (const [where, echo] of Object.entries(echoes)) {
      it(where, async () => {
        for (const event of [{ page: PAGE }, gateway(), alb()]) {
          for (const secret of [key, randomBytes(30).toString("base64url")]) {
            server.answer(echo(secret))
            const outcome = await handler({ NEOWS_RETRIES: "2", NASA_API_KEY: secret })(event, context()).catch(
              (error: Error) => error,
            )
            expect(inspect(outcome, { depth: 10, showHidden: true })).not.to.include(secret)
            if (outcome instanceof Error) expect(outcome.stack).not.to.include(secret)
            expect(lines.join("")).not.to.include(secret)
          }
        }
        expect(lines.length).to.be.above(5)
      })
    }

    it("nor does the log of a defect", async () => {
      const handle = handlerOf({
        env: { NEOWS_BASE_URL: server.url.href, NASA_API_KEY: key },
        clock: {
          ...clock,
          now: () => clock.now(),
          random: () => 0,
          sleep: async () => Promise.reject(new Error(`defect ${key}`)),
        },
        dispatcher,
        readText: async () => key,
        write: (line) => lines.push(line),
      })
      server.answer((response) => send(response, 503, ""))
      expect((await rejection(handle({ page: PAGE }, context()))).name).to.equal("InternalError")
      expect(lines.join("")).to.include("defect REDACTED").and.not.to.include(key)
    })
  })

  describe("the log", () => {
    it("is one JSON line, with what happened, that is CloudWatch's metrics too", async () => {
      const limits = { "x-ratelimit-limit": "1000", "x-ratelimit-remaining": "937" }
      const body = pageBody(key)
      server.answer((response) => clock.sleep(120).then(() => send(response, 200, body, limits)))
      await handler()({ page: PAGE }, context())
      expect(lines).to.have.length(1)
      expect(lines[0]).to.match(/^\{[^\n]*\}\n$/)
      const { _aws, timestamp, ...entry } = logged()[0]
      expect(entry).to.deep.equal({
        level: "INFO",
        function: "neows",
        requestId: "request-1",
        caller: "direct",
        coldStart: true,
        page: PAGE,
        size: 20,
        attempts: 1,
        bytes: body.length,
        rateLimit: 1000,
        rateLimitLeft: 937,
        milliseconds: 120,
        outcome: "ok",
        failures: 0,
        message: "page fetched",
      })
      expect(Date.parse(timestamp)).to.equal(clock.now())
      expect(_aws).to.deep.equal({
        Timestamp: clock.now(),
        CloudWatchMetrics: [
          {
            Namespace: "Perigee",
            Dimensions: [["function"]],
            Metrics: [
              { Name: "attempts", Unit: "Count" },
              { Name: "milliseconds", Unit: "Milliseconds" },
              { Name: "failures", Unit: "Count" },
              { Name: "rateLimitLeft", Unit: "Count" },
            ],
          },
        ],
      })
    })

    it("tells the requests that are left of an error's answer too, and makes a metric of them", async () => {
      const left = (n: number) => ({ "x-ratelimit-limit": "1000", "x-ratelimit-remaining": `${n}` })
      const answers: readonly Answer[] = [
        (response) => send(response, 429, "", { "retry-after": "2870", ...left(0) }),
        (response) => send(response, 403, "", left(1)),
        (response) => send(response, 404, "", left(2)),
        (response) => send(response, 503, "", left(3)),
        (response) => send(response, 200, "{}", left(4)),
        (response) => response.writeHead(200, { "content-length": 8_388_609, ...left(5) }).write("{"),
      ]
      for (const answer of answers) {
        server.answer(answer)
        await rejection(handler({ NEOWS_RETRIES: "0" })({ page: PAGE }, context()))
      }
      expect(logged().map(({ rateLimit, rateLimitLeft }) => [rateLimit, rateLimitLeft])).to.deep.equal(
        answers.map((_, n) => [1000, n]),
      )
      for (const { _aws } of logged()) {
        expect(_aws.CloudWatchMetrics[0].Metrics).to.deep.include({ Name: "rateLimitLeft", Unit: "Count" })
      }
    })

    it("tells those of the last answer that told, with the key in use", async () => {
      server.answer((response, nth) => {
        if (nth === 0) return send(response, 503, "", { "x-ratelimit-limit": "1000", "x-ratelimit-remaining": "9" })
        return send(response, 503, "", nth === 1 ? { "x-ratelimit-remaining": "8" } : {})
      })
      await rejection(handler({ NEOWS_RETRIES: "2" })({ page: PAGE }, context()))
      expect(logged().at(-1)).to.include({ rateLimit: 1000, rateLimitLeft: 8 })
      server.answer((response, nth) =>
        nth === 0 ? send(response, 403, "", { "x-ratelimit-remaining": "7" }) : send(response, 404, ""),
      )
      await rejection(handler({}, async () => freshKey())({ page: PAGE }, context()))
      expect(logged().at(-1)).to.include({ outcome: "PageOutOfRange" }).and.not.to.have.property("rateLimitLeft")
    })

    it("names metrics that are there, each a member with a number (EMF specification)", async () => {
      server.answer((response) => send(response, 404, ""))
      await rejection(handler()({ page: PAGE }, context()))
      await handler()(gateway({}), context())
      for (const entry of logged()) {
        const [directive] = entry._aws.CloudWatchMetrics
        for (const { Name } of directive.Metrics) expect(entry[Name], Name).to.be.a("number")
        for (const dimension of directive.Dimensions.flat()) expect(entry[dimension]).to.be.a("string")
      }
      expect(logged().map(({ outcome, failures, level }) => [outcome, failures, level])).to.deep.equal([
        ["PageOutOfRange", 1, "ERROR"],
        ["InvalidPage", 1, "ERROR"],
      ])
    })

    it("has a line for each attempt that is made again, and counts them", async () => {
      server.answer((response, nth) => (nth < 2 ? send(response, 503, "") : send(response, 200, pageBody(key))))
      await handler()({ page: PAGE }, context())
      expect(logged().map(({ level, message }) => [level, message])).to.deep.equal([
        ["WARN", `attempt 1 of 5: ${server.url.host} answers 503`],
        ["WARN", `attempt 2 of 5: ${server.url.host} answers 503`],
        ["INFO", "page fetched"],
      ])
      expect(logged()[2].attempts).to.equal(3)
    })
  })
})
