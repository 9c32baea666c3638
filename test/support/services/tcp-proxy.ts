/** A network that can be broken: bytes go through until they are stalled, or cut at a chosen moment. */
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export interface TcpProxy {
  readonly port: number
  /** Cuts all connections now. */
  cut(): void
  /** From now on nothing goes through, and nobody is told. */
  stall(): void
  /** The next bytes that the server answers are lost, and their connection with them. */
  cutNextAnswer(): void
  /** As it was at first; stalled connections are cut. */
  heal(): void
  /** Answers cut by {@link cutNextAnswer} so far. */
  readonly cuts: () => number
  stop(): Promise<void>
}

/** @param target port on 127.0.0.1 */
export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let stalled = false
  let cutting = false
  let cuts = 0
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1")
    const pair = [near, far] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of pair) socket.on("error", end).on("close", end)
    near.on("data", (chunk) => {
      if (!stalled) far.write(chunk)
    })
    far.on("data", (chunk) => {
      if (stalled) return
      if (cutting) {
        cutting = false
        cuts += 1
        end()
      } else near.write(chunk)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const cut = () => {
    for (const [near, far] of pairs) {
      near.destroy()
      far.destroy()
    }
  }
  return {
    port: (server.address() as { port: number }).port,
    cut,
    stall: () => {
      stalled = true
    },
    cutNextAnswer: () => {
      cutting = true
    },
    heal: () => {
      if (stalled) cut()
      stalled = false
      cutting = false
    },
    cuts: () => cuts,
    stop: async () => {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
