/** The stand-in over real HTTP: each fault does what it says, the gateway counts as it says, and nothing stays open. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import {
  Agent,
  createServer,
  get,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { setImmediate } from "node:timers/promises"
import { promisify } from "node:util"
import { expect } from "chai"
import { hostileMembers, SURVIVORS } from "../standin/echo.ts"
import type { Exchange } from "../standin/exchange.ts"
import { FAULT_NAMES, findFault } from "../standin/faults.ts"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"

const BROWSE = "/neo/rest/v1/neo/browse"
const KEY = freshKey()

/** What came of a request: the answer as far as it went, and the error that ended it. */
interface Outcome {
  readonly status?: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly error?: NodeJS.ErrnoException
}

/** Requests on a connection of its own; never rejects. */
function ask(url: string, headers: Record<string, string> = { "X-Api-Key": KEY }): Promise<Outcome> {
  return new Promise((settle) => {
    const request = get(url, { headers, agent: new Agent() }, (response) => {
      const parts: Buffer[] = []
      const outcome = (error?: Error) =>
        settle({
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(parts),
          ...(error ? { error } : {}),
        })
      response.on("data", (part: Buffer) => parts.push(part))
      response.once("end", () => outcome()).once("error", outcome)
    })
    request.once("error", (error) => settle({ headers: {}, body: Buffer.alloc(0), error }))
  })
}

/** Requests, and gives the response as soon as its headers are there, its body unread. */
async function askForHeaders(url: string): Promise<IncomingMessage> {
  const request = get(url, { headers: { "X-Api-Key": KEY }, agent: new Agent() })
  request.on("error", () => {})
  const [response] = (await once(request, "response")) as [IncomingMessage]
  response.on("error", () => {})
  return response
}

function json(outcome: Outcome) {
  return JSON.parse(outcome.body.toString())
}

describe("stand-in: faults", () => {
  let standin: Standin
  const fault = (prefix: string, query = "?page=1755&size=20") => `${standin.url}/fault/${prefix}${BROWSE}${query}`
  const usual = async () => (await ask(`${standin.url}${BROWSE}?page=1755&size=20`)).body

  before(async () => {
    standin = await startStandin({ hourlyLimit: 10_000 })
  })
  after(() => standin.close())

  it("slow: gives the usual answer, and not before the delay", async () => {
    const start = performance.now()
    const outcome = await ask(fault("slow;ms=80"))
    expect(performance.now() - start).to.be.at.least(79)
    expect(outcome.body.equals(await usual())).to.equal(true)
  })

  it("hang: takes the request, and has answered nothing when later requests are long done", async () => {
    const request = get(fault("hang"), { headers: { "X-Api-Key": KEY }, agent: new Agent() })
    let heard = false
    request.once("response", () => {
      heard = true
    })
    const ended = new Promise<NodeJS.ErrnoException>((settle) => request.once("error", settle))
    while (!standin.requests.some(({ path }) => path.startsWith("/fault/hang/"))) await usual()
    for (let later = 0; later < 5; later += 1) await usual()
    expect(heard).to.equal(false)
    request.destroy()
    expect((await ended).code).to.equal("ECONNRESET")
  })

  it("trickle: sends headers at once and the body a byte at a time", async () => {
    const response = await askForHeaders(fault("trickle;ms=1"))
    expect(Number(response.headers["content-length"])).to.equal((await usual()).length)
    const parts: Buffer[] = []
    for await (const part of response) {
      parts.push(part as Buffer)
      if (parts.length === 3) break
    }
    expect(Buffer.concat(parts).toString()).to.match(/^\{"l/)
    expect(Buffer.concat(parts).length).to.be.below(200)
  })

  it("cut: declares more than it sends, then the socket is gone", async () => {
    const { headers, body, error } = await ask(fault("cut"))
    expect(error?.code).to.equal("ECONNRESET")
    expect(Number(headers["content-length"])).to.equal((await usual()).length)
    expect(body.length).to.equal(Math.floor((await usual()).length / 2))
  })

  it("cut-json: is whole as HTTP, closes the connection, and is no JSON to its end", async () => {
    const { status, headers, body, error } = await ask(fault("cut-json"))
    expect(error).to.equal(undefined)
    expect({ status, connection: headers.connection }).to.deep.equal({ status: 200, connection: "close" })
    expect((await usual()).subarray(0, body.length).equals(body)).to.equal(true)
    expect(() => JSON.parse(body.toString())).to.throw(SyntaxError)
  })

  it("reset: resets the connection before any header", async () => {
    const { status, error } = await ask(fault("reset"))
    expect({ status, code: error?.code }).to.deep.equal({ status: undefined, code: "ECONNRESET" })
    // A connection that only ends reads “socket hang up” and names no system call.
    expect(error?.syscall).to.equal("read")
  })

  it("html200: is a 200 with an HTML page", async () => {
    const { status, headers, body } = await ask(fault("html200"))
    expect({ status, type: headers["content-type"] }).to.deep.equal({ status: 200, type: "text/html; charset=utf-8" })
    expect(body.toString()).to.match(/^<!DOCTYPE html>/)
  })

  it("429: is over the limit as text/html; Retry-After is absent, in seconds, or a date so far ahead", async () => {
    const plain = await ask(fault("429"))
    expect(plain.status).to.equal(429)
    expect(plain.headers).to.include({ "content-type": "text/html", "x-ratelimit-remaining": "0" })
    expect(plain.headers).to.not.have.property("retry-after")
    expect(json(plain).error.code).to.equal("OVER_RATE_LIMIT")
    expect((await ask(fault("429;retry-after=7"))).headers["retry-after"]).to.equal("7")
    const still = await startStandin({ now: () => Date.UTC(2026, 10, 21, 23, 59, 0) })
    const { headers } = await ask(`${still.url}/fault/429;retry-after-date=90${BROWSE}`)
    await still.close()
    expect(headers["retry-after"]).to.equal("Sun, 22 Nov 2026 00:00:30 GMT")
  })

  it("503: is an HTML “Application error”, with Retry-After when asked for", async () => {
    const plain = await ask(fault("503"))
    expect({ status: plain.status, type: plain.headers["content-type"] }).to.deep.equal({
      status: 503,
      type: "text/html; charset=utf-8",
    })
    expect(plain.body.toString()).to.include("Application error")
    expect(plain.headers).to.not.have.property("retry-after")
    expect((await ask(fault("503;retry-after=3"))).headers["retry-after"]).to.equal("3")
  })

  it("redirect: is a 302 to another origin with the key in its query, or to the URL asked for", async () => {
    const { status, headers } = await ask(fault("redirect"))
    expect(status).to.equal(302)
    const target = new URL(headers.location ?? "")
    expect(target.origin).to.not.equal(standin.url)
    expect(target.searchParams.get("api_key")).to.equal(KEY)
    const own = "http://localhost:1/a b?x=1&y=é;z"
    const asked = await ask(fault(`redirect;to=${encodeURIComponent(encodeURI(own))}`))
    expect(asked.headers.location).to.equal(encodeURI(own))
  })

  it("wrong-page: is a good page, the one after", async () => {
    expect(json(await ask(fault("wrong-page"))).page.number).to.equal(1756)
  })

  it("wrong-shape: is valid JSON without near_earth_objects", async () => {
    const document = json(await ask(fault("wrong-shape")))
    expect(document).to.have.all.keys("links", "page")
    expect(document.page.number).to.equal(1755)
  })

  it("not-utf8: differs from the page in one byte, which makes it no UTF-8", async () => {
    const [{ body }, good] = [await ask(fault("not-utf8")), await usual()]
    expect(body.filter((byte, place) => byte !== good[place]).length).to.equal(1)
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(body)).to.throw(TypeError)
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(good)).to.not.throw()
  })

  it("old-record: leaves out four fields of each object and nothing else", async () => {
    const [old, today] = [
      json(await ask(fault("old-record", "?page=0"))),
      json(await ask(fault("old-record;times=0", "?page=0"))),
    ]
    for (const object of today.near_earth_objects) {
      expect(object.name_limited).to.be.a("string")
      for (const field of ["id", "designation", "is_sentry_object", "name_limited"]) delete object[field]
    }
    expect(old).to.deep.equal(today)
  })

  it("rate-low: is the page with 5 % of the limit left", async () => {
    const { headers, body } = await ask(fault("rate-low"))
    expect(headers).to.include({ "x-ratelimit-limit": "10000", "x-ratelimit-remaining": "500" })
    expect(body.equals(await usual())).to.equal(true)
  })

  it("not-found: is the application's 404, in its own shape", async () => {
    const outcome = await ask(fault("not-found"))
    expect(outcome.status).to.equal(404)
    expect(json(outcome)).to.deep.equal({
      code: 404,
      http_error: "NOT_FOUND",
      error_message: "No message available",
      request: "http://www.neowsapp.com/rest/v1/neo/browse",
    })
  })

  it("status and unauthorized: are gateway errors with that status", async () => {
    for (const [prefix, status] of [
      ["status", 500],
      ["status;code=425", 425],
      ["status;code=408", 408],
      ["unauthorized", 401],
    ] as const) {
      const outcome = await ask(fault(prefix))
      expect(outcome.status, prefix).to.equal(status)
      expect(json(outcome).error, prefix).to.have.all.keys("code", "message")
    }
  })

  for (const [name, declared] of [
    ["big", undefined],
    ["big-declared", "3000000"],
  ] as const) {
    it(`${name}: is a valid page of that size, Content-Length ${declared ?? "undeclared"}`, async () => {
      const outcome = await ask(fault(`${name};mb=3`))
      expect(outcome.headers["content-length"]).to.equal(declared)
      expect(outcome.body.length).to.equal(3_000_000)
      const document = json(outcome)
      expect(document.page.number).to.equal(1755)
      expect(document.near_earth_objects.every((object: object) => "neo_reference_id" in object)).to.equal(true)
    })
  }

  it("big: waits for a reader that does not read, and stops when the client goes", async () => {
    const found = findFault({ prefix: "", name: "big", parameters: new Map([["mb", "200"]]), rest: "" })
    if ("wrong" in found) throw new Error(found.wrong)
    const answering = Promise.withResolvers<ServerResponse>()
    const stopped = Promise.withResolvers<unknown>()
    const server = createServer((request, response) => {
      const client = new AbortController()
      response.once("close", () => client.abort())
      const asked = { page: 0, size: 20, key: KEY }
      const exchange = { request, response, asked, path: "", now: Date.now, gone: client.signal } as Exchange
      Promise.resolve(found.fault.act(exchange, () => "200")).then(stopped.resolve, stopped.resolve)
      answering.resolve(response)
    })
    await once(server.listen(0, "127.0.0.1"), "listening")
    try {
      const reading = await askForHeaders(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      const response = await answering.promise
      while (!response.writableNeedDrain && !response.writableEnded) await setImmediate()
      for (let turn = 0; turn < 50; turn += 1) await setImmediate()
      expect(response.writableLength).to.be.below(2_000_000)
      reading.destroy()
      expect(await stopped.promise).to.be.an("error")
    } finally {
      server.close().closeAllConnections()
    }
  })

  it("echo: carries the key in every hostile place, and beside it what must survive digit for digit", async () => {
    const { body } = await ask(fault("echo"))
    const text = body.toString()
    const document = JSON.parse(text)
    expect(document.page.number).to.equal(1755)
    for (const [place, member] of Object.entries(hostileMembers(KEY))) {
      expect(text, place).to.include(member)
      // What is hidden from a search for the key is there once escapes of JSON and of URLs are undone.
      const undone = decodeURIComponent(decodeURIComponent(JSON.stringify(JSON.parse(`{${member}}`))))
      expect(undone, place).to.include(KEY)
    }
    expect(SURVIVORS.filter((survivor) => !text.includes(survivor))).to.deep.equal([])
    expect(JSON.parse(`{${SURVIVORS.join()}}`).escaped_letter).to.equal("café")
    expect(text).to.include("12345678901234567890").and.include("1e400")
    for (const object of document.near_earth_objects) expect(object).to.include.keys("neo_reference_id", "name")
    expect(document.near_earth_objects).to.have.length(Object.keys(hostileMembers(KEY)).length + 1)
  })

  it("faults that alter a page pass the key check and the rate limit; the others come before both", async () => {
    const strict = await startStandin({ hourlyLimit: 5 })
    const status = async (prefix: string, headers: Record<string, string>) =>
      (await ask(`${strict.url}/fault/${prefix}${BROWSE}`, headers)).status
    try {
      const altering = ["slow;ms=1", "wrong-page", "old-record", "rate-low", "echo"]
      for (const prefix of altering) expect(await status(prefix, {}), prefix).to.equal(403)
      for (const prefix of altering) expect(await status(prefix, { "X-Api-Key": KEY }), prefix).to.equal(200)
      for (const prefix of altering) expect(await status(prefix, { "X-Api-Key": KEY }), prefix).to.equal(429)
      expect(await status("503", {})).to.equal(503)
      expect(await status("cut-json", { "X-Api-Key": KEY })).to.equal(200)
    } finally {
      await strict.close()
    }
  })

  it("times=N: the first N requests to exactly that prefix get the fault, later ones the page", async () => {
    const statuses = async (prefix: string) => (await ask(fault(prefix))).status
    expect(await statuses("503;times=2")).to.equal(503)
    expect(await statuses("503;times=2;retry-after=1")).to.equal(503)
    expect(await statuses("503;times=2")).to.equal(503)
    expect(await statuses("503;times=2")).to.equal(200)
    expect(await statuses("503;times=2;retry-after=1")).to.equal(503)
    expect(await statuses("503;times=2;retry-after=1")).to.equal(200)
    expect((await ask(fault("503;times=2"))).body.equals(await usual())).to.equal(true)
  })

  it("an unknown fault, parameter or value is a 400 that lists what there is", async () => {
    for (const name of ["nope", "constructor", "__proto__", ""]) {
      const outcome = await ask(fault(name))
      expect(outcome.status, name).to.equal(400)
      expect(json(outcome).error.message, name).to.include(FAULT_NAMES.join(", "))
    }
    for (const [prefix, told] of [
      ["slow;seconds=1", "ms, times"],
      ["slow;ms=-1", "MILLISECONDS"],
      ["429;retry-after=%0A", "SECONDS"],
      ["redirect;to=%C3%A9", "PERCENT-ENCODED-URL"],
      ["status;code=204", "400–599"],
      ["hang;times=often", "N"],
    ] as const) {
      const outcome = await ask(fault(prefix))
      expect(outcome.status, prefix).to.equal(400)
      expect(json(outcome).error.message, prefix).to.include(told)
    }
  })
})

describe("stand-in: the gateway", () => {
  let standin: Standin
  afterEach(() => standin.close())
  const browse = (headers: Record<string, string> = {}, query = "") => ask(`${standin.url}${BROWSE}${query}`, headers)

  it("takes the key from the header or the query, the header first, and echoes that one", async () => {
    standin = await startStandin()
    const [inHeader, inQuery] = [freshKey(), freshKey()]
    const self = async (outcome: Promise<Outcome>) =>
      new URL(json(await outcome).links.self).searchParams.get("api_key")
    expect(await self(browse({ "X-Api-Key": inHeader }))).to.equal(inHeader)
    expect(await self(browse({}, `?api_key=${inQuery}`))).to.equal(inQuery)
    expect(await self(browse({ "x-api-key": inHeader }, `?api_key=${inQuery}`))).to.equal(inHeader)
  })

  it("accepts DEMO_KEY and 40 letters and digits, and says which of missing and invalid another is", async () => {
    standin = await startStandin()
    const code = async (key: string) => {
      const outcome = await browse({ "X-Api-Key": key })
      return outcome.status === 200 ? 200 : `${outcome.status} ${json(outcome).error.code}`
    }
    expect(await code("DEMO_KEY")).to.equal(200)
    expect(await code(freshKey())).to.equal(200)
    for (const key of [freshKey(39), freshKey(41), `${freshKey(39)}-`, "demo_key"]) {
      expect(await code(key), `${key.length} characters`).to.equal("403 API_KEY_INVALID")
    }
    expect(await code("")).to.equal("403 API_KEY_MISSING")
  })

  it("accepts only the keys listed, where there is a list", async () => {
    const short = freshKey(12)
    standin = await startStandin({ keys: [short] })
    expect((await browse({ "X-Api-Key": short })).status).to.equal(200)
    expect((await browse({ "X-Api-Key": "DEMO_KEY" })).status).to.equal(403)
    expect((await browse({ "X-Api-Key": freshKey() })).status).to.equal(403)
  })

  it("gives a key 1000 requests an hour and DEMO_KEY 30", async () => {
    standin = await startStandin()
    const left = async (key: string) => {
      const { headers } = await browse({ "X-Api-Key": key })
      return [headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]]
    }
    expect(await left(KEY)).to.deep.equal(["1000", "999"])
    expect(await left(KEY)).to.deep.equal(["1000", "998"])
    expect(await left("DEMO_KEY")).to.deep.equal(["30", "29"])
  })

  it("counts over a rolling hour: a request frees its place 60 minutes later, and Retry-After says when", async () => {
    const minute = 60_000
    let time = Date.UTC(2026, 0, 1)
    standin = await startStandin({ hourlyLimit: 2, now: () => time })
    const at = async (minutes: number) => {
      time = Date.UTC(2026, 0, 1) + minutes * minute
      const { status, headers } = await browse({ "X-Api-Key": KEY })
      return [status, headers["x-ratelimit-remaining"], headers["retry-after"]]
    }
    expect(await at(0)).to.deep.equal([200, "1", undefined])
    expect(await at(30)).to.deep.equal([200, "0", undefined])
    expect(await at(31)).to.deep.equal([429, "0", "1740"])
    expect(await at(59.99)).to.deep.equal([429, "0", "1"])
    expect(await at(60)).to.deep.equal([200, "0", undefined])
    expect(await at(89)).to.deep.equal([429, "0", "60"])
    expect(await at(90)).to.deep.equal([200, "0", undefined])
  })

  it("does not count refused requests, nor one key's for another", async () => {
    standin = await startStandin({ hourlyLimit: 1, demoHourlyLimit: 1 })
    const status = async (key: string) => (await browse({ "X-Api-Key": key })).status
    expect([await status("bad"), await status(KEY), await status(KEY), await status("DEMO_KEY")]).to.deep.equal([
      403, 200, 429, 200,
    ])
  })

  it("answers an unknown path itself with its own 404, and leaves those under /neo/ to the application", async () => {
    standin = await startStandin()
    const gateway = await ask(`${standin.url}/nowhere`, {})
    expect([gateway.status, json(gateway).error.code]).to.deep.equal([404, "NOT_FOUND"])
    const application = await ask(`${standin.url}/neo/rest/v1/nothing?api_key=${KEY}`, {})
    expect([application.status, json(application).http_error]).to.deep.equal([404, "NOT_FOUND"])
    expect(application.body.toString()).to.not.include(KEY)
  })

  it("serves a recorded answer for every browse request, after the key check", async () => {
    const body = Buffer.from('{"recorded": 1.0}')
    standin = await startStandin({ answer: { status: 203, headers: { "content-type": "text/plain" }, body } })
    expect((await browse()).status).to.equal(403)
    const answer = await browse({ "X-Api-Key": KEY }, "?page=7")
    expect([answer.status, answer.headers["content-type"], answer.body.toString()]).to.deep.equal([
      203,
      "text/plain",
      '{"recorded": 1.0}',
    ])
    expect(answer.headers["x-ratelimit-remaining"]).to.equal("999")
  })

  it("records every request in order, with path, query, headers and time", async () => {
    standin = await startStandin({ now: () => 42 })
    await browse({ "X-Api-Key": KEY }, "?page=3")
    await ask(`${standin.url}/fault/reset;times=1${BROWSE}`, {})
    expect(standin.requests.map(({ method, path, time }) => [method, path, time])).to.deep.equal([
      ["GET", `${BROWSE}?page=3`, 42],
      ["GET", `/fault/reset;times=1${BROWSE}`, 42],
    ])
    expect(standin.requests[0]?.headers["x-api-key"]).to.equal(KEY)
  })

  it("never logs the key, wherever the client put it", async () => {
    const lines: string[] = []
    standin = await startStandin({ log: (line) => lines.push(line) })
    const encoded = Array.from(KEY, (letter) => `%${letter.charCodeAt(0).toString(16)}`).join("")
    await browse({}, `?api_key=${KEY}`)
    await browse({ "X-Api-Key": KEY })
    await ask(`${standin.url}/${KEY}/${encoded}/x`)
    await ask(`${standin.url}/fault/redirect;to=${encodeURIComponent(`https://example.com/?api_key=${KEY}`)}${BROWSE}`)
    await standin.close()
    expect(lines.slice(0, 3)).to.deep.equal([`GET ${BROWSE} 200`, `GET ${BROWSE} 200`, "GET /REDACTED/REDACTED/x 404"])
    expect(lines[3]).to.match(/^GET \/fault\/redirect;to=\S+ 302$/)
    expect(decodeURIComponent(lines.join("\n"))).to.not.include(KEY)
  })
})

describe("stand-in: ending", () => {
  it("close() ends all that is under way, and leaves nothing that holds the process", async () => {
    const program = `
      const { startStandin } = await import(${JSON.stringify(new URL("../standin/server.ts", import.meta.url).href)})
      const standin = await startStandin()
      const faults = ["hang", "slow;ms=600000", "trickle;ms=600000", "big;mb=9999", "slow;ms=0"]
      const asked = faults.map((fault) => fetch(standin.url + "/fault/" + fault + "${BROWSE}?api_key=DEMO_KEY").then(
        async (answer) => { await answer.body.cancel().catch(() => {}) ; return answer.status }, () => "ended"))
      while (standin.requests.length < faults.length) await new Promise(setImmediate)
      await asked[4]
      await Promise.all([standin.close(), standin.close()])
      console.log(JSON.stringify(await Promise.all(asked)))
      const again = await fetch(standin.url).catch((error) => error.cause.code)
      console.log(again)
    `
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
      timeout: 15_000,
    })
    expect(stdout).to.equal('["ended","ended",200,200,200]\nECONNREFUSED\n')
  })

  it("reports a port already taken as the system does", async () => {
    const standin = await startStandin()
    const error = await startStandin({ port: standin.port }).catch((reason: NodeJS.ErrnoException) => reason.code)
    await standin.close()
    expect(error).to.equal("EADDRINUSE")
  })
})

describe("stand-in: the program", () => {
  const PROGRAM = resolve(import.meta.dirname, "../standin/main.ts")
  const started = new Set<ChildProcess>()
  const run = (args: string[], environment: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] })
    started.add(child)
    return child
  }
  afterEach(() => {
    for (const child of started) child.kill("SIGKILL")
    started.clear()
  })
  const finish = async (args: string[], environment?: Record<string, string>) => {
    const child = run(args, environment)
    const [out, err, [code]] = await Promise.all([read(child.stdout), read(child.stderr), once(child, "close")])
    return { code, out, err }
  }

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`prints one line with its URL, logs requests without the key, and ends with 0 at ${signal}`, async () => {
      const child = run([], { NEOWS_STANDIN_KEYS: `${KEY},DEMO_KEY`, NEOWS_STANDIN_PORT: "" })
      const ended = once(child, "close")
      const [first] = (await once(child.stdout, "data")) as [Buffer]
      const rest = Promise.all([read(child.stdout), read(child.stderr)])
      const url = /^NeoWs stand-in at (http:\/\/127\.0\.0\.1:\d+) \(synthetic data: .*\)\n$/.exec(first.toString())?.[1]
      expect((await ask(`${url}${BROWSE}?api_key=${KEY}`, {})).status).to.equal(200)
      expect((await ask(`${url}${BROWSE}?api_key=${freshKey()}`, {})).status).to.equal(403)
      const hanging = ask(`${url}/fault/hang${BROWSE}`)
      child.kill(signal)
      expect((await ended)[0]).to.equal(0)
      expect((await hanging).error).to.be.an("error")
      const [out, err] = await rest
      expect(out).to.equal("")
      expect(err).to.match(new RegExp(`^GET ${BROWSE} 200\nGET ${BROWSE} 403\n`))
    })
  }

  it("lets a flag beat its variable", async () => {
    const child = run(["--host", "127.0.0.2", "--port", "0"], { NEOWS_STANDIN_HOST: "::1", NEOWS_STANDIN_PORT: "x" })
    const [first] = (await once(child.stdout, "data")) as [Buffer]
    expect(first.toString()).to.include("http://127.0.0.2:")
    child.kill("SIGTERM")
    await once(child, "close")
  })

  it("lists every fault with --help", async () => {
    const { code, out, err } = await finish(["--help"])
    expect({ code, err }).to.deep.equal({ code: 0, err: "" })
    for (const name of FAULT_NAMES) expect(out).to.match(new RegExp(`^  ${name}(\\[;.*\\])*: \\S`, "m"))
  })

  it("says in one line what is wrong with a flag or value, and exits 64", async () => {
    const bad: [string[], Record<string, string>][] = [
      [["--port", "65536"], {}],
      [["--port", "x"], {}],
      [["--port"], {}],
      [["--host", ""], {}],
      [["--nope"], {}],
      [["word"], {}],
      [[], { NEOWS_STANDIN_PORT: "-1" }],
    ]
    for (const [args, environment] of bad) {
      const { code, out, err } = await finish(args, environment)
      expect({ code, out }, args.join(" ")).to.deep.equal({ code: 64, out: "" })
      expect(err, args.join(" ")).to.match(/^neows stand-in: .+\n$/)
    }
  })

  it("exits 69 with one line where it cannot listen", async () => {
    const standin = await startStandin()
    const { code, err } = await finish(["--port", String(standin.port)])
    await standin.close()
    expect(code).to.equal(69)
    expect(err).to.match(/^neows stand-in: .*EADDRINUSE.*\n$/)
  })
})

async function read(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}
