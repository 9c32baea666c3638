/** The gateway of `npm run platform` by itself: what it sends onward is one request for one request. */
import { once } from "node:events"
import { createServer } from "node:http"
import { connect } from "node:net"
import { type Gateway, startGateway } from "@perigee/local/gateway"
import { expect } from "chai"

const HIDDEN = "GET /docs/json HTTP/1.1\r\nHost: x\r\n\r\n"

describe("the local gateway", () => {
  let gateway: Gateway
  let got: { line: string; body: string }[]
  const service = createServer(async (incoming, outgoing) => {
    const seen = { line: `${incoming.method} ${incoming.url}`, body: "" }
    got.push(seen)
    for await (const chunk of incoming) seen.body += chunk
    outgoing.end("answered")
  })
  before(async () => {
    service.listen(0, "127.0.0.1")
    await once(service, "listening")
    const { port } = service.address() as { port: number }
    gateway = await startGateway([{ prefix: "/api/x", target: `http://127.0.0.1:${port}` }], "127.0.0.1", 0)
  })
  beforeEach(() => {
    got = []
  })
  after(async () => {
    await gateway?.stop()
    service.closeAllConnections()
    service.close()
  })

  const framings: [string, string, string][] = [
    ["chunks", "Transfer-Encoding: chunked", `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`],
    ["a length", `Content-Length: ${HIDDEN.length}`, HIDDEN],
    ["a length that Connection names", `Connection: content-length\r\nContent-Length: ${HIDDEN.length}`, HIDDEN],
  ]
  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE", "POST"]) {
    for (const [how, header, body] of framings) {
      it(`a request inside the body of ${method}, framed by ${how}, stays a body`, async () => {
        const socket = connect(gateway.port, "127.0.0.1")
        socket.write(`${method} /api/x HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n${body}`)
        await once(socket, "data")
        // The same connection onward once more: what was left on it would come first.
        const answer = await fetch(`${gateway.address}/api/x/next`)
        expect(await answer.text()).to.equal("answered")
        socket.destroy()
        expect(got).to.deep.equal([
          { line: `${method} /api/x`, body: HIDDEN },
          { line: "GET /api/x/next", body: "" },
        ])
      })
    }
  }
})
