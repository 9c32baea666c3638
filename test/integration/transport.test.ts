/** TLS and proxies: https with a private authority, HTTPS_PROXY's CONNECT tunnel, NO_PROXY; and http never by a proxy. */
import { once } from "node:events"
import { writeFile } from "node:fs/promises"
import { createServer as createHttpServer, request as httpRequest, type Server } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net"
import { join } from "node:path"
import { expect } from "chai"
import { generate } from "selfsigned"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { Workplace } from "../support/get-data.ts"

describe("get-data over TLS and proxies", () => {
  let standin: Standin
  let tls: Server
  let proxy: Server
  let place: Workplace
  let https: string
  let proxyUrl: string
  let tunnels: string[]
  let asked: { headers: NodeJS.Dict<string | string[]>; method: string | undefined }[]
  const key = freshKey()

  before(async () => {
    const certificate = await generate([{ name: "commonName", value: "localhost" }], {
      extensions: [
        { name: "basicConstraints", cA: true },
        { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
      ],
    })
    standin = await startStandin()
    // TLS in front of the stand-in, passing everything on.
    tls = createHttpsServer({ key: certificate.private, cert: certificate.cert }, (incoming, outgoing) => {
      httpRequest(`${standin.url}${incoming.url}`, { headers: incoming.headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      }).end()
    })
    proxy = createHttpServer((incoming, outgoing) => {
      asked.push({ headers: incoming.headers, method: incoming.method })
      outgoing.writeHead(502).end()
    })
    proxy.on("connect", (incoming, socket, head) => {
      asked.push({ headers: incoming.headers, method: incoming.method })
      tunnels.push(incoming.url ?? "")
      const upstream = connect((tls.address() as AddressInfo).port, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection Established\r\n\r\n")
        upstream.write(head)
        upstream.pipe(socket).pipe(upstream)
      })
      for (const end of [upstream, socket]) end.on("error", () => {})
    })
    for (const server of [tls, proxy]) await once(server.listen(0, "127.0.0.1"), "listening")
    https = `https://localhost:${(tls.address() as AddressInfo).port}`
    proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    place = await Workplace.open()
    await writeFile(join(place.folder, "authority.pem"), certificate.cert)
  })
  after(async () => {
    for (const server of [tls, proxy] as Server[]) {
      server.closeAllConnections()
      server.close()
    }
    await standin.close()
    await place.close()
  })
  beforeEach(() => {
    tunnels = []
    asked = []
  })

  const run = (base: string, env: Record<string, string> = {}) =>
    place.start(["--base-url", base, "--retries", "0", "--timeout", "10"], { NASA_API_KEY: key, ...env })
  const trusted = () => ({ NODE_EXTRA_CA_CERTS: join(place.folder, "authority.pem") })

  it("fetches over https from a private authority named in NODE_EXTRA_CA_CERTS", async () => {
    const { exitCode, stderr } = await run(https, trusted())
    expect(exitCode).to.equal(0, stderr)
  })

  it("refuses a certificate that is not trusted, at once, sending no key, and says what to do (69)", async () => {
    const before = standin.requests.length
    const { exitCode, stderr } = await place.start(["--base-url", https], { NASA_API_KEY: key })
    expect(exitCode).to.equal(69)
    expect(stderr).to.match(/certificate of localhost:\d+ is not trusted .*NODE_EXTRA_CA_CERTS\n$/)
    expect(stderr).not.to.contain("attempt 1")
    expect(standin.requests).to.have.length(before)
  })

  for (const variable of ["HTTPS_PROXY", "https_proxy"]) {
    it(`goes through the tunnel of ${variable}, which sees neither key nor path`, async () => {
      const { exitCode, stderr } = await run(https, { ...trusted(), [variable]: proxyUrl })
      expect(exitCode).to.equal(0, stderr)
      expect(tunnels).to.deep.equal([new URL(https).host])
      expect(JSON.stringify(asked)).not.to.contain(key).and.not.to.contain("browse")
    })
  }

  it("goes past the proxy to the hosts of NO_PROXY", async () => {
    const { exitCode } = await run(https, { ...trusted(), HTTPS_PROXY: proxyUrl, NO_PROXY: "other.example,localhost" })
    expect([exitCode, tunnels]).to.deep.equal([0, []])
  })

  it("never takes plain http, where the key would be readable, through a proxy", async () => {
    const { exitCode } = await run(standin.url, { HTTPS_PROXY: proxyUrl, HTTP_PROXY: proxyUrl, http_proxy: proxyUrl })
    expect([exitCode, asked]).to.deep.equal([0, []])
  })

  describe("while a connection is being made", () => {
    let silent: Server
    before(async () => {
      // Accepts, and says nothing: no TLS, no answer to CONNECT.
      silent = createTcpServer((socket) => void socket.on("error", () => {})) as unknown as Server
      await once(silent.listen(0, "127.0.0.1"), "listening")
    })
    after(() => {
      silent.close()
    })
    const silentPort = () => (silent.address() as AddressInfo).port
    const ways = {
      "a proxy that stays silent": () =>
        ["https://api.example", { HTTPS_PROXY: `http://127.0.0.1:${silentPort()}` }] as const,
      "a server that never answers TLS": () => [`https://127.0.0.1:${silentPort()}`, {}] as const,
    }
    for (const [what, way] of Object.entries(ways)) {
      it(`--timeout bounds the attempt with ${what} (69)`, async () => {
        const [base, env] = way()
        const run = place.start(["--base-url", base, "--retries", "0", "--timeout", "1"], { NASA_API_KEY: key, ...env })
        const { exitCode, stderr, durationMs } = await run
        expect(exitCode, stderr).to.equal(69)
        expect(stderr).to.contain("within 1 s")
        expect(durationMs).to.be.below(5000)
      })

      it(`a signal ends it at once with ${what} (143)`, async () => {
        const [base, env] = way()
        const arrived = once(silent, "connection")
        const run = place.start(["--base-url", base, "--timeout", "60"], { NASA_API_KEY: key, ...env })
        await arrived
        run.kill("SIGTERM")
        const { exitCode, durationMs } = await run
        expect(exitCode).to.equal(143)
        expect(durationMs).to.be.below(5000)
      })
    }
  })

  it("says that the proxy refuses (69), without its password", async () => {
    const password = freshKey(12)
    const dead = new URL(proxyUrl)
    dead.username = "user"
    dead.password = password
    dead.port = "1"
    const { exitCode, stderr } = await run(https, { ...trusted(), HTTPS_PROXY: dead.href })
    expect(exitCode).to.equal(69)
    expect(stderr).not.to.contain(password)
  })
})
