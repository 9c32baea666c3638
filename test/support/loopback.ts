/** A real HTTP server on the loopback address whose answers a test writes by hand, and which tells what was asked of it. */
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** One request as it came in. */
export interface Received {
  readonly method: string
  /** Path and query, as on the wire. */
  readonly target: string
  /** Names as on the wire, with their values. */
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** Answers request number `nth`, from 0 since the last {@link Loopback.answer}. */
export type Answer = (response: ServerResponse, nth: number, request: IncomingMessage) => void

export class Loopback {
  readonly url: URL
  /** Requests since the last {@link answer}. */
  received: Received[] = []
  readonly #server: ReturnType<typeof createServer>
  #answer: Answer = (response) => response.destroy()

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server
    this.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const nth = this.received.length
      const raw = request.rawHeaders
      const headers = raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1] ?? ""] as const] : []))
      this.received.push({ method: request.method ?? "", target: request.url ?? "", headers })
      this.#answer(response, nth, request)
    })
  }

  static async open(): Promise<Loopback> {
    const server = createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return new Loopback(server)
  }

  /** From now on answers so, counting requests anew. */
  answer(answer: Answer): void {
    this.received = []
    this.#answer = answer
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, "close")
  }
}
