/** `npm run platform`: all of it starts with nothing but npm, is reached by the load balancer's paths only, and leaves nothing. */
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { expect } from "chai"
import { Client } from "../../support/services/client.ts"
import { runProgram } from "../../support/services/program.ts"
import { until } from "../../support/services/until.ts"

const ENTRY = "services/local/src/main.ts"
const FREE = ["gateway", "users", "flights", "availability"].flatMap((name) => [`--${name}-port`, "0"])

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("perigee-postgres-"))
const answers = async (port: number) => {
  const socket = connect(port, "127.0.0.1")
  return once(socket, "connect")
    .then(
      () => true,
      () => false,
    )
    .finally(() => socket.destroy())
}

describe("npm run platform", function () {
  this.timeout(60_000)

  const identities: [string, { uid?: number; gid?: number }][] = [["this user", {}]]
  if (process.getuid?.() === 0) {
    const id = (flag: string) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))
    identities.push(["a user who is not root", { uid: id("-u"), gid: id("-g") }])
  }
  for (const [who, identity] of identities) {
    it(`runs as ${who}, answers through its gateway, and leaves no process, port or folder after Ctrl-C`, async () => {
      const before = folders()
      const platform = runProgram(ENTRY, FREE, identity)
      const [, origin = ""] = await platform.says(/The platform runs at (http:\S+)/)
      await platform.says(/Ctrl-C ends all of it/)
      const text = platform.stdout()
      const [, token = ""] = /TOKEN=(\S+)/.exec(text) ?? []
      const [, operator = ""] = /OPERATOR_TOKEN=(\S+)/.exec(text) ?? []
      const ports = [...text.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port))
      expect(new Set(ports).size).to.equal(7)
      const client = new Client(origin)

      // The printed examples, as printed.
      for (const [, path = "", who] of text.matchAll(
        /curl -s "?http:\/\/[^/]+(\/[^" ]+)"? -H "Authorization: Bearer \$(\w+)"\n/g,
      )) {
        const answer = await client.send("GET", path, { token: who === "TOKEN" ? token : operator })
        expect(answer.status, path).to.equal(200)
        expect(answer.text.length, path).to.be.above(100)
      }
      const [, body = ""] = /-d '([^']+)'/.exec(text) ?? []
      const headers = { "content-type": "application/json", "idempotency-key": "try-1" }
      const held = await client.send("POST", "/api/availability/holds", { token, headers, body })
      expect(held.status, held.text).to.equal(201)
      const { body: flights } = await client.send("GET", "/api/flights?limit=100", { token })
      expect(flights.items).to.have.length(98)
      expect((await client.send("GET", "/api/users/", { token })).body.items).to.have.length(1)

      const outside = [
        "/",
        "/health/live",
        "/health/ready",
        "/metrics",
        "/docs",
        "/docs/json",
        "//metrics",
        "/api",
        "/api/",
        "/API/users",
        "/%61pi/users",
        "/api/users/../../metrics",
        "/api/users/..%2f..%2fmetrics",
        "/api/users/%2e%2e/%2e%2e/metrics",
        "/api/users/..\\..\\metrics",
        "/api/users;/../../docs/json",
        "/api/usersx",
      ]
      for (const path of outside) {
        const answer = await client.send("GET", path, { token: operator })
        expect(answer.status, path).to.be.oneOf([400, 404])
        expect(answer.headers["content-type"], path).to.equal("application/problem+json")
        expect(answer.text, path).not.to.match(/process_cpu|openapi|"live"/)
      }
      client.close()
      platform.kill("SIGINT")
      expect(await platform.ended, platform.stderr()).to.equal(0)
      expect(folders()).to.deep.equal(before)
      for (const port of ports) expect(await answers(port), `port ${port}`).to.equal(false)
    })
  }

  it("stopped while it starts, it leaves nothing either", async () => {
    const before = folders()
    const platform = runProgram(ENTRY, FREE)
    // The folder is the first thing that it makes.
    await until("it to begin", () => folders().length > before.length)
    platform.kill("SIGTERM")
    expect(await platform.ended).to.equal(0)
    expect(folders()).to.deep.equal(before)
    expect(platform.stdout()).to.equal("")
  })

  it("says in one line that a port is taken, which flag moves it, and leaves nothing", async () => {
    const before = folders()
    const taker = createServer().listen(0, "127.0.0.1")
    await once(taker, "listening")
    const { port } = taker.address() as { port: number }
    const platform = runProgram(ENTRY, [...FREE.slice(2), "--gateway-port", String(port)])
    expect(await platform.ended).to.equal(69)
    expect(platform.stderr()).to.equal(`platform: port ${port} is in use; choose another one with --gateway-port\n`)
    expect(folders()).to.deep.equal(before)
    taker.close()
  })

  it("says in one line that initdb does not run as a user without an entry in passwd, and leaves nothing", async function () {
    if (process.getuid?.() !== 0) this.skip()
    const before = folders()
    const platform = runProgram(ENTRY, FREE, { uid: 54_321, gid: 54_321 })
    expect(await platform.ended).to.equal(70)
    // Where coverage is taken, that user can't write it, and Node says so on further lines.
    expect(platform.stderr()).to.match(/^platform: PostgreSQL's data folder can't be made: initdb: .*54321.*$/m)
    expect(folders()).to.deep.equal(before)
  })

  for (const [args, line] of [
    [["--port", "1"], /^platform: .*--port.*see --help\n$/],
    [["--users-port", "70000"], /^platform: --users-port: "70000" is not a port, 0 to 65535\n$/],
    [["--users-port", "2020"], /^platform: --users-port and --flights-port are both 2020; change one\n$/],
  ] as const) {
    it(`says in one line what is wrong with ${args.join(" ")}, and ends with 64`, async () => {
      const platform = runProgram(ENTRY, args)
      expect(await platform.ended).to.equal(64)
      expect(platform.stderr()).to.match(line)
    })
  }
})
