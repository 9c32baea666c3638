/** Claims about getting a page, over a real server on the loopback address and with a clock that is ours. */
import { randomBytes } from "node:crypto"
import type { ServerResponse } from "node:http"
import { inspect } from "node:util"
import { expect } from "chai"
import fc from "fast-check"
import { Agent } from "undici"
import { systemClock } from "../../../app/src/clock.ts"
import {
  AnswerTooLarge,
  type BrowseOptions,
  type BrowsePage,
  browse,
  browseUrl,
  KeyRejected,
  NeoWsError,
  OutOfTime,
  PageOutOfRange,
  RateLimited,
  type Retry,
  UnexpectedAnswer,
  UpstreamUnavailable,
} from "../../../app/src/neows.ts"
import { FakeClock } from "../../support/fake-clock.ts"
import { type Answer, Loopback } from "../../support/loopback.ts"

const PAGE = 7
const NOW = Date.UTC(2026, 6, 1, 12)

/** A page as NeoWs sends it, the caller's key in its links. */
function pageBody(key: string, changes: Readonly<Record<string, unknown>> = {}): string {
  const link = `http://api.nasa.gov/neo/rest/v1/neo/browse?page=${PAGE}&size=20&api_key=${key}`
  return JSON.stringify({
    links: { next: link, self: link },
    page: { size: 20, total_elements: 40_680, total_pages: 2034, number: PAGE },
    near_earth_objects: [
      {
        links: { self: `http://api.nasa.gov/neo/rest/v1/neo/2000433?api_key=${key}` },
        neo_reference_id: "2000433",
        name: "433 Eros",
      },
    ],
    ...changes,
  })
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body)
}

const gatewayError = (code: string, message: string) => JSON.stringify({ error: { code, message } })

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => expect.fail("it was fulfilled"),
    (error: Error) => error,
  )
}

/** The most characters in a row that `text` tells of `key`. */
function partTold(text: string, key: string): number {
  let longest = 0
  for (let from = 0; from < key.length; from += 1) {
    while (text.includes(key.slice(from, from + longest + 1)) && from + longest < key.length) longest += 1
  }
  return longest
}

describe("app/neows", () => {
  let server: Loopback
  let other: Loopback
  let dispatcher: Agent
  let apiKey: string
  let clock: FakeClock
  let retries: Retry[]

  before(async () => {
    server = await Loopback.open()
    other = await Loopback.open()
    dispatcher = new Agent()
  })
  after(async () => {
    await dispatcher.destroy()
    await Promise.all([server.close(), other.close()])
  })
  beforeEach(() => {
    apiKey = randomBytes(30).toString("base64url")
    clock = new FakeClock({ now: NOW })
    retries = []
    other.answer((response) => send(response, 200, "{}"))
  })

  function get(options: Partial<BrowseOptions> = {}, baseUrl = server.url): Promise<BrowsePage> {
    return browse(
      { page: PAGE, size: 20, apiKey, baseUrl },
      {
        dispatcher,
        timeoutMs: 10_000,
        retries: 4,
        maxWaitMs: 60_000,
        userAgent: "perigee-test",
        clock,
        onRetry: (retry) => retries.push(retry),
        ...options,
      },
    )
  }
  /** The error of a request to which the server always answers so, without a second attempt. */
  async function errorOf(answer: Answer, options: Partial<BrowseOptions> = { retries: 0 }): Promise<Error> {
    server.answer(answer)
    return await rejection(get(options))
  }

  describe("browseUrl", () => {
    const of = (base: string) => browseUrl({ baseUrl: new URL(base), page: 0, size: 5 }).href

    it("appends the path to the base, whatever slashes that ends with", () => {
      expect(of("https://api.nasa.gov")).to.equal("https://api.nasa.gov/neo/rest/v1/neo/browse?page=0&size=5")
      for (const base of ["http://h:1/a/b", "http://h:1/a/b/", "http://h:1/a/b//"]) {
        expect(of(base)).to.equal("http://h:1/a/b/neo/rest/v1/neo/browse?page=0&size=5")
      }
    })

    it("leaves the base as it is", () => {
      const baseUrl = new URL("http://h/a")
      browseUrl({ baseUrl, page: 1, size: 1 })
      expect(baseUrl.href).to.equal("http://h/a")
    })
  })

  describe("the request", () => {
    it("is one GET for the page and size, below the base URL's path", async () => {
      server.answer((response) => send(response, 200, pageBody(apiKey)))
      await get({}, new URL("/prefix/", server.url))
      expect(server.received.map(({ method, target }) => `${method} ${target}`)).to.deep.equal([
        `GET /prefix/neo/rest/v1/neo/browse?page=${PAGE}&size=20`,
      ])
    })

    it("carries the key in the header X-Api-Key and nowhere else, in every attempt", async () => {
      server.answer((response, nth) => (nth < 2 ? send(response, 503, "") : send(response, 200, pageBody(apiKey))))
      await get()
      expect(server.received).to.have.length(3)
      for (const { target, headers } of server.received) {
        expect(target).not.to.include(apiKey)
        const carrying = headers.filter(([name, value]) => `${name}: ${value}`.includes(apiKey))
        expect(carrying.map(([name, value]) => [name.toLowerCase(), value])).to.deep.equal([["x-api-key", apiKey]])
      }
    })
  })

  describe("a page", () => {
    it("comes as a clean document with its facts", async () => {
      const body = pageBody(apiKey)
      const limits = { "x-ratelimit-limit": "2000", "x-ratelimit-remaining": "1999" }
      server.answer((response) => send(response, 200, body, limits))
      const page = await get()
      const expected = JSON.parse(body.replaceAll(`&api_key=${apiKey}`, "").replaceAll(`?api_key=${apiKey}`, ""))
      expect(page.document).to.equal(`${JSON.stringify(expected, null, 2)}\n`)
      expect(page.page).to.deep.equal(expected.page)
      expect(page.objects.map(({ name }) => name)).to.deep.equal(["433 Eros"])
      expect(page.bytes).to.equal(Buffer.byteLength(body))
      expect(page.attempts).to.equal(1)
      expect(page.rateLimit).to.deep.equal({ limit: 2000, remaining: 1999 })
      expect(clock.sleeps).to.deep.equal([])
    })

    it("holds the key in no member: not in its document, not in its objects", async () => {
      server.answer((response) => send(response, 200, pageBody(apiKey, { echo: { [apiKey]: apiKey } })))
      const page = await get()
      expect(page.document).not.to.include(apiKey)
      expect(JSON.stringify(page)).not.to.include(apiKey)
    })

    it("is judged by its content, not by its Content-Type", async () => {
      server.answer((response) => send(response, 200, pageBody(apiKey), { "content-type": "text/html" }))
      expect((await get()).objects).to.have.length(1)
    })

    it("may come in pieces", async () => {
      server.answer((response) => {
        response.writeHead(200)
        for (const character of pageBody(apiKey)) response.write(character)
        response.end()
      })
      expect((await get()).objects).to.have.length(1)
    })
  })

  describe("time between attempts", () => {
    interface Step {
      readonly status: number | "reset" | "cut" | "html"
      readonly after: { readonly form: "none" } | { readonly form: "seconds" | "date"; readonly seconds: number }
    }
    const statuses: Step["status"][] = [408, 425, 429, 500, 502, 503, 504, "reset", "cut", "html"]
    const steps = fc.array(
      fc.record({
        status: fc.constantFrom(...statuses),
        after: fc.oneof(
          fc.constant({ form: "none" as const }),
          fc.record({ form: fc.constantFrom("seconds" as const, "date" as const), seconds: fc.nat({ max: 70 }) }),
        ),
      }),
      { minLength: 1, maxLength: 9 },
    )

    function play({ status, after }: Step, response: ServerResponse): void {
      if (status === "reset") response.destroy()
      else if (status === "cut") {
        response.writeHead(200, { "content-length": 1000 })
        response.write('{"page":', () => response.destroy())
      } else if (status === "html") send(response, 200, "<html>Application error</html>")
      else {
        const sentAt = Date.UTC(2001, 1, 2)
        const value =
          after.form === "seconds"
            ? String(after.seconds)
            : new Date(sentAt + ("seconds" in after ? after.seconds : 0) * 1000).toUTCString()
        response.writeHead(status, {
          date: new Date(sentAt).toUTCString(),
          ...(after.form === "none" ? {} : { "retry-after": value }),
        })
        response.end()
      }
    }

    it("is within the backoff, at least Retry-After, and none where that is beyond the longest wait", async () => {
      const draws = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
        minLength: 1,
        maxLength: 5,
      })
      await fc.assert(
        fc.asyncProperty(
          steps,
          fc.nat({ max: 8 }),
          fc.nat({ max: 80 }),
          draws,
          async (script, most, maxWait, chances) => {
            let drawn = 0
            const fake = new FakeClock({ now: NOW, random: () => chances[drawn++ % chances.length] ?? 0 })
            server.answer((response, nth) => {
              const step = script[nth]
              if (step === undefined) send(response, 200, pageBody(apiKey))
              else play(step, response)
            })
            const outcome = await get({ retries: most, maxWaitMs: maxWait * 1000, clock: fake }).catch(
              (error: Error) => error,
            )

            /** Seconds that the answer to attempt n asks for. */
            const asked = (n: number) => {
              const step = script[n]
              return typeof step?.status === "number" && "seconds" in step.after ? step.after.seconds : undefined
            }
            const beyond = script.findIndex((_, n) => (asked(n) ?? 0) > maxWait)
            const last = Math.min(script.length, most, beyond === -1 ? Number.POSITIVE_INFINITY : beyond)
            expect(server.received.length, "requests").to.equal(last + 1)
            expect(fake.sleeps.length, "waits").to.equal(last)
            fake.sleeps.forEach((wait, n) => {
              const bound = Math.min(20_000, 500 * 2 ** n)
              const least = (asked(n) ?? 0) * 1000
              expect(wait, `wait ${n}`).to.be.at.least(least)
              if (least > bound) expect(wait, `wait ${n}`).to.equal(least)
              else expect(wait, `wait ${n}`).to.be.below(Math.max(bound, least + 1e-9))
            })
            if (last === script.length) expect((outcome as BrowsePage).attempts).to.equal(last + 1)
            else {
              const { status } = script[last] as Step
              const type = status === 429 ? RateLimited : status === "html" ? UnexpectedAnswer : UpstreamUnavailable
              expect(outcome).to.be.instanceOf(type)
            }
          },
        ),
        { numRuns: 80 },
      )
    })

    it("grows from 0.5 s by doubling to 20 s, and the draw decides how much of it is waited", async () => {
      clock = new FakeClock({ random: () => 0.5 })
      await errorOf((response) => send(response, 503, ""), { retries: 8 })
      expect(clock.sleeps).to.deep.equal([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000])
    })

    it("is Retry-After to the millisecond, if that is longer: as seconds, and as a date by the answer's own Date", async () => {
      await errorOf((response) => send(response, 429, "", { "retry-after": "30" }), { retries: 1 })
      expect(clock.sleeps).to.deep.equal([30_000])
      clock = new FakeClock({ now: 0 })
      const headers = { date: "Sun, 06 Nov 1994 08:49:37 GMT", "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT" }
      await errorOf((response) => send(response, 503, "", headers), { retries: 1 })
      expect(clock.sleeps).to.deep.equal([30_000])
    })

    it("is by this machine's clock where the answer has no Date", async () => {
      await errorOf(
        (response) => {
          response.sendDate = false
          send(response, 503, "", { "retry-after": new Date(NOW + 45_000).toUTCString() })
        },
        { retries: 1 },
      )
      expect(clock.sleeps).to.deep.equal([45_000])
    })

    it("is the longest wait, if Retry-After asks for just that", async () => {
      await errorOf((response) => send(response, 503, "", { "retry-after": "60" }), { retries: 1 })
      expect(clock.sleeps).to.deep.equal([60_000])
    })

    for (const [status, type] of [
      [429, RateLimited],
      [503, UpstreamUnavailable],
    ] as const) {
      it(`is none after ${status} with Retry-After beyond the longest wait: ${type.name} at once, saying when to come back`, async () => {
        for (const value of ["61", "2870", "99999999999", new Date(NOW + 61_000).toUTCString()]) {
          const answer: Answer = (response) => {
            response.sendDate = false
            send(response, status, "", { "retry-after": value })
          }
          const error = await errorOf(answer, { retries: 4 })
          expect(error, value).to.be.instanceOf(type)
          expect(error.message, value).to.match(/come back in \d+ s|asks to wait \d+ s/)
          expect(error.message, value).to.include("longer than the 60 s it may wait")
          expect(server.received, value).to.have.length(1)
          if (error instanceof RateLimited) expect(error.retryAfterSeconds).to.be.above(60)
        }
        expect(clock.sleeps).to.deep.equal([])
      })
    }

    it("is drawn from any clock, one whose methods need their object too", async () => {
      const methods = {
        draw: 0.25,
        waits: [] as number[],
        now: () => NOW,
        random() {
          return this.draw
        },
        async sleep(ms: number) {
          this.waits.push(ms)
        },
      }
      server.answer((response) => send(response, 503, ""))
      expect(await rejection(get({ clock: methods, retries: 1 }))).to.be.instanceOf(UpstreamUnavailable)
      expect(methods.waits).to.deep.equal([125])
    })

    it("is told before it passes, with what happened", async () => {
      server.answer((response, nth) => (nth < 2 ? send(response, 503, "") : send(response, 200, pageBody(apiKey))))
      const page = await get({ retries: 2 })
      expect(page.attempts).to.equal(3)
      expect(retries.map(({ attempt, attempts, waitMs }) => ({ attempt, attempts, waitMs }))).to.deep.equal([
        { attempt: 1, attempts: 3, waitMs: clock.sleeps[0] },
        { attempt: 2, attempts: 3, waitMs: clock.sleeps[1] },
      ])
      for (const { what } of retries) expect(what).to.equal(`${server.url.host} answers 503`)
    })
  })

  describe("is tried again after", () => {
    const transient: Readonly<Record<string, Answer>> = {
      "a reset connection": (response) => response.destroy(),
      "a body shorter than its Content-Length": (response) => {
        response.writeHead(200, { "content-length": 100_000 })
        response.write(pageBody(apiKey), () => response.destroy())
      },
      "a chunked body without its end": (response) => {
        response.writeHead(200)
        response.write(pageBody(apiKey), () => response.destroy())
      },
      "JSON that ends early": (response) => send(response, 200, pageBody(apiKey).slice(0, -1)),
      "an empty 200": (response) => send(response, 200, ""),
      "HTML with status 200": (response) => send(response, 200, "<html></html>", { "content-type": "text/html" }),
      "a 200 that is no UTF-8": (response) => response.writeHead(200).end(Buffer.from([0x22, 0xff, 0xfe, 0x22])),
      "what is no HTTP": (response) => response.socket?.end("gopher\r\n\r\n"),
      "no answer in time": () => {},
      "an answer that stops in the middle and stays open": (response) => {
        response.writeHead(200, { "content-length": 1000 }).write("{")
      },
    }
    for (const [what, answer] of Object.entries(transient)) {
      it(what, async () => {
        server.answer((response, nth, request) =>
          nth === 0 ? answer(response, nth, request) : send(response, 200, pageBody(apiKey)),
        )
        const page = await get({ retries: 1, ...(/time|open/.test(what) ? { timeoutMs: 60 } : {}) })
        expect(page.attempts).to.equal(2)
        expect(clock.sleeps).to.have.length(1)
      })
    }

    it("a refused connection, and says so in the end with the number of attempts", async () => {
      const gone = await Loopback.open()
      await gone.close()
      const error = await rejection(get({ retries: 3 }, gone.url))
      expect(error).to.be.instanceOf(UpstreamUnavailable)
      expect(error.message).to.equal(`${gone.url.host} refuses the connection; 4 attempts`)
      expect(clock.sleeps).to.have.length(3)
    })

    it("a time-out, and says so in the end", async () => {
      const error = await errorOf(() => {}, { retries: 1, timeoutMs: 30 })
      expect(error).to.be.instanceOf(UpstreamUnavailable)
      expect(error.message).to.equal("no complete answer within 0.03 s; 2 attempts")
    })
  })

  describe("is not tried again, but fails at once, after", () => {
    const final: readonly (readonly [
      what: string,
      answer: Answer,
      type: { readonly name: string },
      message: RegExp,
    ])[] = [
      ["401", (response) => send(response, 401, ""), KeyRejected, /rejects the API key \(401\)$/],
      [
        "403 of the gateway",
        (response) => send(response, 403, gatewayError("API_KEY_INVALID", "An invalid api_key was supplied.")),
        KeyRejected,
        /rejects the API key \(403, API_KEY_INVALID: An invalid api_key was supplied\.\)$/,
      ],
      ["403 with HTML", (response) => send(response, 403, "<html>"), KeyRejected, /\(403\)$/],
      ["404", (response) => send(response, 404, ""), PageOutOfRange, /^page 7 is past the end/],
      [
        "400",
        (response) => send(response, 400, gatewayError("HTTPS_REQUIRED", "")),
        UpstreamUnavailable,
        /answers 400, HTTPS_REQUIRED$/,
      ],
      ["405", (response) => send(response, 405, ""), UpstreamUnavailable, /answers 405$/],
      ["410", (response) => send(response, 410, ""), UpstreamUnavailable, /answers 410$/],
      ["451", (response) => send(response, 451, ""), UpstreamUnavailable, /answers 451$/],
      ["204", (response) => response.writeHead(204).end(), UpstreamUnavailable, /answers 204$/],
      [
        "JSON that is no object",
        (response) => send(response, 200, "[]"),
        UnexpectedAnswer,
        /it is an array, not an object$/,
      ],
      ["JSON of another shape", (response) => send(response, 200, "{}"), UnexpectedAnswer, /no page\.number$/],
      [
        "another page",
        (response) => send(response, 200, pageBody("", { page: { number: 8 } })),
        UnexpectedAnswer,
        /8 instead of 7$/,
      ],
      [
        "a page without objects",
        (response) =>
          send(response, 200, pageBody("", { near_earth_objects: [], page: { number: PAGE, total_pages: 3 } })),
        PageOutOfRange,
        /^page 7 is past the last page 2$/,
      ],
      [
        "an answer that says it is larger than 64 MiB",
        (response) => response.writeHead(200, { "content-length": 64 * 1024 * 1024 + 1 }).write("{"),
        UnexpectedAnswer,
        /larger than 64 MiB$/,
      ],
    ]
    for (const [what, answer, type, message] of final) {
      it(`${what}: ${type.name}`, async () => {
        const error = await errorOf(answer, { retries: 4 })
        expect(error).to.be.instanceOf(type).and.instanceOf(NeoWsError)
        expect(error.message).to.match(message)
        expect(server.received).to.have.length(1)
        expect(clock.sleeps).to.deep.equal([])
      })
    }

    it("an answer that grows beyond 64 MiB, and reads no further", async () => {
      const chunk = Buffer.alloc(1024 * 1024, " ")
      let sent = 0
      const error = await errorOf(
        (response) => {
          const more = () => {
            while (!response.destroyed && response.write(chunk)) sent += 1
            sent += 1
          }
          response.writeHead(200).on("drain", more)
          more()
        },
        { retries: 4 },
      )
      expect(error).to.be.instanceOf(UnexpectedAnswer)
      expect(error.message).to.include("larger than 64 MiB")
      expect(server.received).to.have.length(1)
      expect(sent, "MiB sent").to.be.within(64, 128)
    })

    it("a document that can't be cleaned of the key", async () => {
      apiKey = "12345678"
      const error = await errorOf((response) => send(response, 200, pageBody("").replace("40680", "912345678")), {
        retries: 4,
      })
      expect(error).to.be.instanceOf(UnexpectedAnswer)
      expect(error.message).to.equal("the answer holds the API key where it can't be taken out")
      expect(server.received).to.have.length(1)
    })
  })

  describe("a redirect", () => {
    for (const status of [301, 302, 303, 307, 308]) {
      it(`with ${status} is never followed: UpstreamUnavailable, naming the target without query and user`, async () => {
        const target = `http://user:secret@${other.url.host}/elsewhere?api_key=${apiKey}&x=1#part`
        const error = await errorOf((response) => send(response, status, "", { location: target }), { retries: 4 })
        expect(error).to.be.instanceOf(UpstreamUnavailable)
        expect(error.message).to.include(`redirects (${status}) to ${other.url.origin}/elsewhere: not followed`)
        for (const hidden of [apiKey, "x=1", "part", "secret"]) expect(error.message).not.to.include(hidden)
        expect(server.received).to.have.length(1)
        expect(other.received).to.have.length(0)
      })
    }

    it("to the same server is not followed either", async () => {
      const error = await errorOf((response) => send(response, 302, "", { location: "/neo?page=1" }), { retries: 4 })
      expect(error.message).to.include(`to ${server.url.origin}/neo: not followed`)
      expect(server.received).to.have.length(1)
    })

    for (const location of [undefined, "http://", "http://[", "mailto:a@b", `data:,${"x".repeat(5000)}`]) {
      it(`to ${String(location).slice(0, 20)} is reported on one short line`, async () => {
        const headers = location === undefined ? {} : { location }
        const error = await errorOf((response) => send(response, 302, "", headers))
        expect(error).to.be.instanceOf(UpstreamUnavailable)
        expect(error.message).to.match(/^[^\n]{1,400}$/)
        expect(error.message).not.to.include("null")
      })
    }
  })

  describe("the key that a server echoes", () => {
    const percent = (text: string) => Array.from(text, (c) => `%${c.charCodeAt(0).toString(16)}`).join("")
    const echoes: Readonly<Record<string, (key: string) => Answer>> = {
      "in the message": (key) => (response) =>
        send(response, 403, gatewayError("API_KEY_INVALID", `the key ${key} is no key`)),
      "in the code": (key) => (response) => send(response, 403, gatewayError(key, "x")),
      "percent-encoded in the message": (key) => (response) =>
        send(response, 400, gatewayError("X", `?api_key=${percent(key)}`)),
      "in a URL in the message": (key) => (response) =>
        send(response, 400, gatewayError("X", `see http://h/?api_key=${key}&a=1`)),
      "in the application's error": (key) => (response) =>
        send(response, 400, JSON.stringify({ code: 400, http_error: key, error_message: `a ${key}` })),
      "in a transient error": (key) => (response) => send(response, 503, gatewayError("DOWN", `sorry, ${key}`)),
      "in a rate limit": (key) => (response) =>
        send(response, 429, gatewayError("OVER_RATE_LIMIT", `key ${key}`), { "retry-after": "5" }),
      "in the path of a redirect": (key) => (response) =>
        send(response, 302, "", { location: `http://h/${key}/${percent(key)}?${key}` }),
      "in the host of a redirect": (key) => (response) => send(response, 302, "", { location: `x://${key}.example/` }),
      "in the content type of what is no JSON": (key) => (response) =>
        send(response, 200, "<", { "content-type": `text/${key}` }),
      "in what is no JSON": (key) => (response) => send(response, 200, `{"key":"${key}"`),
      "bare, where JSON should be": (key) => (response) => send(response, 200, `?${key}`),
      "as the page number": (key) => (response) => send(response, 200, pageBody("", { page: { number: key } })),
      "in what is no HTTP": (key) => (response) => response.socket?.end(`${key}\r\n\r\n`),
    }
    for (const [where, echo] of Object.entries(echoes)) {
      it(`${where} is in no message, neither of the error nor of an attempt`, async () => {
        const error = await errorOf(echo(apiKey), { retries: 1 })
        expect(error).to.be.instanceOf(NeoWsError)
        expect(error.message).not.to.include(apiKey)
        expect(partTold(decodeURIComponent(error.message), apiKey), error.message).to.be.below(8)
        for (const { what } of retries) expect(partTold(decodeURIComponent(what), apiKey), what).to.be.below(8)
      })

      it(`${where} is nowhere in the error as a log shows it: stack, causes and properties`, async () => {
        const error = await errorOf(echo(apiKey))
        const shown = inspect(error, { depth: 10, maxStringLength: null })
        expect(partTold(shown, apiKey), shown).to.be.below(8)
      })
    }

    it("is not told in part where a long message is cut short", async () => {
      for (let length = 150; length <= 210; length += 5) {
        const message = `${"x".repeat(length)}${apiKey}`
        const error = await errorOf((response) => send(response, 400, gatewayError("", message)))
        expect(partTold(error.message, apiKey), error.message).to.be.below(8)
      }
    })

    it("is not told in part where a long content type is cut short", async () => {
      for (let length = 10; length <= 60; length += 5) {
        const type = `${"x".repeat(length)}${apiKey}`
        const error = await errorOf((response) => send(response, 200, "<", { "content-type": type }))
        expect(partTold(error.message, apiKey), error.message).to.be.below(8)
      }
    })
  })

  describe("what a server says in an error", () => {
    it("can't steer the terminal or make a second line", async () => {
      const error = await errorOf((response) => send(response, 400, gatewayError("A\u001b[2J", "b\r\nc\u202ed\u0007")))
      expect(error.message).to.match(/answers 400, A�\[2J: b c�d�$/)
    })

    it("is cut to a length for one line", async () => {
      const error = await errorOf((response) => send(response, 400, gatewayError("", "x".repeat(3000))))
      expect(error.message.length).to.be.within(100, 400)
    })

    it("is passed over, and not cleaned, where it is longer than 4 KiB", async () => {
      const told = async (letters: number) => {
        const { message } = await errorOf((response) => send(response, 400, gatewayError("", "x".repeat(letters))))
        return message.includes("xxx")
      }
      const around = gatewayError("", "").length
      expect([await told(4096 - around), await told(4097 - around)]).to.deep.equal([true, false])
    })

    it("takes nothing from its status where it is slow, endless or no JSON", async () => {
      const bodies: readonly Answer[] = [
        (response) => response.writeHead(403).write("{"),
        (response) => response.writeHead(403).end(Buffer.alloc(1024 * 1024, "x")),
        (response) => response.writeHead(403, { "content-length": 100 }).write("{", () => response.destroy()),
        (response) => send(response, 403, "null"),
        (response) => send(response, 403, '{"error":{"code":{},"message":[]}}'),
        (response) => send(response, 403, '{"error":"no"}'),
      ]
      for (const [at, answer] of bodies.entries()) {
        const error = await errorOf(answer, { timeoutMs: at === 0 ? 60 : 10_000 })
        expect(error, String(at)).to.be.instanceOf(KeyRejected)
        expect(error.message).to.equal(`${server.url.host} rejects the API key (403)`)
      }
    })
  })

  describe("a deadline", () => {
    const free = () => 0
    const within = (ms: number, reckonMs: (bytes: number, values: number) => number = free) => ({
      deadline: { at: clock.now() + ms, reckonMs },
    })
    /** Answers so after that time by the test's clock. */
    const after =
      (ms: number, status: number, body = "", headers = {}): Answer =>
      (response) =>
        void clock.sleep(ms).then(() => send(response, status, body, headers))

    it("that has passed allows no request", async () => {
      const error = await errorOf(after(0, 200), within(0))
      expect(error).to.be.instanceOf(OutOfTime).and.instanceOf(NeoWsError)
      expect(error.message).to.equal("no time is left for a request")
      expect(server.received).to.have.length(0)
    })

    it("cuts an attempt short", async () => {
      const started = performance.now()
      const error = await errorOf(() => {}, { clock: systemClock, deadline: { at: Date.now() + 150, reckonMs: free } })
      expect(error).to.be.instanceOf(OutOfTime)
      expect(error.message).to.match(/^the time is used up after 1 attempt; the last: no complete answer within/)
      expect(performance.now() - started).to.be.within(140, 1000)
    })

    it("ends attempts and waits: the last failure is told", async () => {
      const error = await errorOf(after(1000, 503), { ...within(5000), retries: 100 })
      expect(error).to.be.instanceOf(OutOfTime)
      expect(error.message).to.match(/^the time is used up after [2-5] attempts; the last: .* answers 503$/)
      // The system's timer, which bounds an attempt, knows nothing of this clock: the last attempt may end later by it.
      expect(clock.now()).to.be.below(NOW + 5000 + 1000)
    })

    it("does not turn a rate limit into something else", async () => {
      expect(await errorOf(after(1000, 429), { ...within(1100), retries: 100 })).to.be.instanceOf(RateLimited)
      const told = await errorOf(after(0, 429, "", { "retry-after": "30" }), within(5000))
      expect(told).to.be.instanceOf(RateLimited).with.property("retryAfterSeconds", 30)
    })

    it("does not hold up a page that comes in time, nor wait for what it need not", async () => {
      server.answer(after(900, 200, pageBody(apiKey)))
      expect((await get(within(1000))).page.number).to.equal(PAGE)
    })

    it("is kept for cleaning, by the answer's bytes and values", async () => {
      const body = pageBody(apiKey, { filler: Array(1000).fill(1) })
      const reckoned: number[][] = []
      const takes = (bytes: number, values: number) => {
        reckoned.push([bytes, values])
        return 100
      }
      const error = await errorOf(after(0, 200, body), within(99, takes))
      expect(error).to.be.instanceOf(OutOfTime)
      expect(error.message).to.match(/an answer of \d+ bytes came too late to be cleaned$/)
      server.answer(after(0, 200, body))
      const { bytes, values } = await get(within(100, takes))
      expect(bytes).to.equal(body.length)
      expect(values).to.be.within(1001, 1100)
      expect(reckoned).to.deep.equal([
        [bytes, values],
        [bytes, values],
      ])
    })
  })

  it("an answer of more than maxValues is an UnexpectedAnswer, at once", async () => {
    const answer: Answer = (response) => send(response, 200, pageBody(apiKey, { filler: Array(1000).fill(1) }))
    const error = await errorOf(answer, { maxValues: 1000, retries: 4 })
    expect(error).to.be.instanceOf(UnexpectedAnswer)
    expect(error.message).to.equal("the answer is not a NeoWs page: it holds more than 1000 values")
    expect(server.received).to.have.length(1)
  })

  it("an answer of more than maxBytes is AnswerTooLarge, which is an UnexpectedAnswer", async () => {
    for (const headers of [{ "content-length": "1048577" }, {}]) {
      const answer: Answer = (response) => void response.writeHead(200, headers).write("x".repeat(1_048_577))
      const error = await errorOf(answer, { maxBytes: 1024 * 1024, retries: 4 })
      expect(error).to.be.instanceOf(AnswerTooLarge).and.instanceOf(UnexpectedAnswer)
      expect([error.name, error.message]).to.deep.equal(["AnswerTooLarge", "the answer is larger than 1 MiB"])
      expect(server.received).to.have.length(1)
    }
  })

  it("a compact document is the indented one without its blanks", async () => {
    server.answer((response) => send(response, 200, pageBody(apiKey)))
    const [compact, indented] = [await get({ layout: "compact" }), await get()]
    expect(compact.document).to.equal(JSON.stringify(JSON.parse(indented.document)))
  })

  describe("an abort", () => {
    const reason = new Error("stop")

    it("before the start makes no request", async () => {
      server.answer((response) => send(response, 200, pageBody(apiKey)))
      expect(await rejection(get({ signal: AbortSignal.abort(reason) }))).to.equal(reason)
      expect(server.received).to.have.length(0)
    })

    for (const most of [0, 4]) {
      it(`during a request ends it at once, with the signal's reason, where ${most} retries are allowed`, async () => {
        const stop = new AbortController()
        expect(await errorOf(() => stop.abort(reason), { signal: stop.signal, retries: most })).to.equal(reason)
        expect(server.received).to.have.length(1)
        expect(clock.sleeps).to.deep.equal([])
      })
    }

    it("during a body ends it at once, with the signal's reason", async () => {
      const stop = new AbortController()
      const answer: Answer = (response) => {
        response.writeHead(200, { "content-length": 1000 }).write("{", () => stop.abort(reason))
      }
      expect(await errorOf(answer, { signal: stop.signal, retries: 4 })).to.equal(reason)
    })

    it("during a wait ends it at once: by the system's clock this one would last a minute", async () => {
      const stop = new AbortController()
      const error = await errorOf((response) => send(response, 503, "", { "retry-after": "60" }), {
        clock: systemClock,
        onRetry: () => setImmediate(() => stop.abort(reason)),
        retries: 4,
        signal: stop.signal,
      })
      expect(error).to.equal(reason)
      expect(server.received).to.have.length(1)
    })
  })
})
