/** What all services share over HTTP: health, metrics, documentation, request ids, limits, methods, graceful end. */
import { Agent } from "node:http"
import { connect } from "node:net"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import pg from "pg"
import { launch } from "../../support/services/running.ts"
import { queryOnce } from "../../support/services/stores.ts"
import { suiteOf } from "../../support/services/suite.ts"
import { until } from "../../support/services/until.ts"

/** Sends bytes as they are, and gives all that comes back until the server hangs up or `enough` matches. */
async function raw(origin: string, parts: readonly (string | Buffer)[], enough: RegExp = /$^/): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connect(Number(port), hostname)
  let text = ""
  const ended = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1")
      if (enough.test(text)) resolve()
    })
    socket.on("close", () => resolve())
    socket.on("error", () => resolve())
  })
  for (const part of parts) socket.write(part)
  await ended
  socket.destroy()
  return text
}

describe("the server of each service", function () {
  this.timeout(30_000)
  const suite = suiteOf(userMetadata)

  it("tells metrics by route, never by path", async () => {
    const token = await suite.user("ann")
    await suite.client.send("GET", "/api/users/01a1fd98-f81d-75fa-9761-8cd6a036387e", { token })
    await suite.client.send("GET", "/wp-login.php")
    const { text, headers } = await suite.client.send("GET", "/metrics")
    expect(headers["content-type"]).to.match(/^text\/plain/)
    const counted = text.split("\n").filter((line) => line.startsWith("http_request_duration_seconds_count"))
    const one = counted.find((line) => line.includes('route="/api/users/:id"'))
    expect(one)
      .to.match(/method="GET"/)
      .and.match(/status="404"/)
      .and.match(/service="user_metadata"/)
      .and.match(/ 1$/)
    expect(text).to.match(/route="none",status="404"/)
    expect(text).to.match(/database_connections\{[^}]*state="total"[^}]*\} \d/)
    expect(text).to.match(/nodejs_eventloop_lag_seconds/)
    expect(text).not.to.match(/01a1fd98|wp-login/)
  })

  it("gives its OpenAPI 3.1 document, and a page that loads nothing from elsewhere", async () => {
    const { body } = await suite.client.send("GET", "/docs/json")
    expect(body.openapi).to.equal("3.1.0")
    expect(Object.keys(body.paths)).to.deep.equal(["/api/users", "/api/users/{id}"])
    expect(body.security).to.deep.equal([{ bearer: [] }])
    for (const operations of Object.values(body.paths) as Record<string, { summary: string; responses: object }>[]) {
      for (const { summary, responses } of Object.values(operations)) {
        expect(summary).to.be.a("string")
        expect(responses).to.include.keys("401", "403", "429", "500", "503")
      }
    }
    const page = await suite.client.send("GET", "/docs")
    const html = page.status === 302 ? await suite.client.send("GET", "/docs/") : page
    expect(html.status).to.equal(200)
    expect(html.text).not.to.match(/(?:src|href)="https?:/)
    expect(html.headers["content-security-policy"]).to.contain("default-src 'none'")
    const script = /src="([^"]*swagger-ui-bundle\.js)"/.exec(html.text)?.[1] ?? ""
    expect((await suite.client.send("GET", new URL(script, "http://x/docs/").pathname)).status).to.equal(200)
  })

  it("keeps a caller's sane request id, makes one otherwise, and tells it in header, problem and log", async () => {
    const kept = await suite.client.send("GET", "/api/users", { headers: { "x-request-id": "trace-1.a:b_c" } })
    expect(kept.headers["x-request-id"]).to.equal("trace-1.a:b_c")
    expect(kept.body.instance).to.equal("urn:perigee:request:trace-1.a:b_c")
    expect(suite.running.logs().some(({ reqId }) => reqId === "trace-1.a:b_c")).to.equal(true)
    for (const insane of ["", "a b", 'a"b', "<script>", "x".repeat(65), "é", "-a"]) {
      const made = await suite.client.send("GET", "/api/users", {
        headers: { "x-request-id": Buffer.from(insane, "utf8").toString("latin1") },
      })
      expect(made.headers["x-request-id"], insane).to.match(/^[0-9a-f-]{36}$/)
    }
  })

  it("answers 405 and what it takes to a method that a path does not have", async () => {
    const token = await suite.user("ann")
    for (const method of ["PATCH", "OPTIONS", "PUT", "DELETE", "TRACE"]) {
      const answer = await suite.client.send(method, "/api/users", { token })
      expect(answer.status, method).to.equal(405)
      expect(answer.headers["allow"]).to.equal("GET, HEAD, POST")
    }
    const head = await suite.client.send("HEAD", "/api/users", { token })
    expect([head.status, head.text]).to.deep.equal([200, ""])
  })

  it("answers what is no HTTP, too long or too slow with a problem, and hangs up", async () => {
    const { origin } = suite.client
    const long = `GET /api/users HTTP/1.1\r\nHost: x\r\nX: ${"a".repeat(9000)}\r\n\r\n`
    expect(await raw(origin, [long])).to.match(/^HTTP\/1\.1 431 .*application\/problem\+json.*header-fields-too-large/s)
    expect(await raw(origin, ["GARBAGE\r\n\r\n"])).to.match(
      /^HTTP\/1\.1 400 .*application\/problem\+json.*malformed-request/s,
    )
    expect(
      await raw(origin, ["GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"]),
    ).to.match(/^HTTP\/1\.1 400 /)
    expect(await raw(origin, ["GET /metrics HTTP/1.1\r\n\r\n"], /\r\n\r\n/)).to.match(/^HTTP\/1\.1 400 /)
    const slow = await raw(origin, ["GET /api/users HTTP/1.1\r\nHost: x\r\n"])
    expect(slow).to.match(/^HTTP\/1\.1 408 .*request-timeout/s)
  })

  it("limits each caller for themselves, and an address that is refused too often", async () => {
    const { dynamo } = suite.stores
    await dynamo.put("user_metadata", "limits", 2, { requestsPerWindow: 5, refusedPerWindow: 60, windowSeconds: 3600 })
    const metric = async () =>
      /service_config_version\{[^}]*record="limits"[^}]*\} 2/.test((await suite.client.send("GET", "/metrics")).text)
    await until("the new limits", metric)
    const [ann, bob] = [await suite.user("limited-ann"), await suite.user("limited-bob")]
    const ask = async (token?: string) => suite.client.send("GET", "/api/users", { token })
    const statuses: number[] = []
    for (let at = 0; at < 7; at += 1) statuses.push((await ask(ann)).status)
    expect(statuses).to.deep.equal([200, 200, 200, 200, 200, 429, 429])
    expect(Number((await ask(ann)).headers["retry-after"])).to.be.within(1, 3600)
    expect((await ask(bob)).status, "another caller").to.equal(200)
    const refused: number[] = []
    for (let at = 0; at < 70; at += 1) refused.push((await ask("bad.token.x")).status)
    const turned = refused.indexOf(429)
    expect(turned).to.be.within(1, 60)
    expect(new Set(refused.slice(0, turned))).to.deep.equal(new Set([401]))
    expect(new Set(refused.slice(turned))).to.deep.equal(new Set([429]))
    expect((await ask(bob)).status, "a good token from the same address").to.equal(200)
    for (const path of ["/health/live", "/health/ready", "/metrics"])
      expect((await suite.client.send("GET", path)).status).to.equal(200)
    await dynamo.put("user_metadata", "limits", 3, {
      requestsPerWindow: 100_000,
      refusedPerWindow: 100_000,
      windowSeconds: 1,
    })
    await until("the limits to be off", async () => (await ask(ann)).status === 200)
  })

  it("told to stop, it takes no more, answers what is under way, and ends", async () => {
    const running = await launch(userMetadata, suite.stores)
    await running.service.ready
    const token = await suite.user("stopper")
    const url = suite.stores.postgres.url(suite.stores.database)
    await running.client.send("POST", "/api/users", { token, json: { email: "stop@example.com", displayName: "S" } })
    // A lock that the request waits for, so that it is under way for as long as the test wants.
    const blocker = new pg.Client({ connectionString: url })
    await blocker.connect()
    await blocker.query("BEGIN")
    await blocker.query("LOCK users.users IN ACCESS EXCLUSIVE MODE")
    const underWay = running.client.send("GET", "/api/users", { token, agent: new Agent() })
    await until("the request to wait", async () => {
      const rows = await queryOnce(url, "SELECT FROM pg_locks WHERE NOT granted")
      return rows.length > 0
    })
    const stopping = running.service.stop()
    const refused = await until("new connections to be refused", async () =>
      running.client.send("GET", "/health/live", { agent: new Agent() }).then(
        () => false,
        (error: { code: string }) => error.code,
      ),
    )
    expect(refused).to.be.oneOf(["ECONNREFUSED", "ECONNRESET"])
    await blocker.query("ROLLBACK")
    await blocker.end()
    const answer = await underWay
    expect(answer.status).to.equal(200)
    expect(answer.headers["connection"]).to.equal("close")
    expect(await stopping).to.equal(true)
  })

  it("told to stop with a request that does not end, it ends in its time all the same, and says so", async () => {
    const running = await launch(userMetadata, suite.stores, { DRAIN_SECONDS: "1" })
    await running.service.ready
    const { hostname, port } = new URL(running.client.origin)
    const socket = connect(Number(port), hostname)
    socket.on("error", () => {})
    const head = ["POST /api/users HTTP/1.1", "Host: x", `Authorization: Bearer ${await suite.user("slow")}`]
    socket.write(`${[...head, "Content-Type: application/json", "Content-Length: 100"].join("\r\n")}\r\n\r\n{`)
    const active = () =>
      new Promise<number>((resolve) => running.service.app.server.getConnections((_, count) => resolve(count)))
    await until("the connection to be seen", async () => (await active()) === 1)
    const from = Date.now()
    expect(await running.service.stop(), "all answered").to.equal(false)
    expect(Date.now() - from).to.be.within(900, 2500)
    socket.destroy()
  })
})
