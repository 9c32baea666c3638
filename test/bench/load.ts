/** A small, cheap HTTP load: raw requests over kept connections, one at a time each; loopback only. */
import { connect, type Socket } from "node:net"
import { performance } from "node:perf_hooks"

export interface Sample {
  readonly status: number
  /** Milliseconds from when the request was due to the end of its answer. */
  readonly ms: number
}

/** One kept connection; sends a request when the answer before has come. */
export class Line {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #answered: ((status: number) => void) | undefined

  /** @throws RangeError any host but this machine */
  constructor(origin: string) {
    const { hostname, port } = new URL(origin)
    if (hostname !== "127.0.0.1") throw new RangeError("a benchmark loads this machine only")
    this.#socket = connect(Number(port), hostname).setNoDelay(true)
    this.#socket.on("data", (chunk) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk])
      const headEnd = this.#received.indexOf("\r\n\r\n")
      if (headEnd < 0) return
      const head = this.#received.toString("latin1", 0, headEnd)
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      if (this.#received.length < headEnd + 4 + length) return
      this.#received = Buffer.alloc(0)
      this.#answered?.(Number(head.slice(9, 12)))
    })
    this.#socket.on("error", (error) => {
      throw error
    })
  }

  send(request: Buffer): Promise<number> {
    return new Promise((resolve) => {
      this.#answered = resolve
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}

export function requestBytes(method: string, path: string, headers: Record<string, string>, json?: unknown): Buffer {
  const body = json === undefined ? "" : JSON.stringify(json)
  const all = {
    host: "127.0.0.1",
    ...headers,
    ...(body === "" ? {} : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
  }
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join("")}\r\n${body}`)
}

/**
 * As fast as it goes.
 *
 * @param seconds to measure, after a fifth of that to warm up
 * @returns answers a second
 * @throws Error an answer that is not 200
 */
export async function closedLoop(lines: readonly Line[], request: Buffer, seconds: number): Promise<number> {
  const start = performance.now() + seconds * 200
  const end = start + seconds * 1000
  let count = 0
  await Promise.all(
    lines.map(async (line) => {
      for (let now = performance.now(); now < end; now = performance.now()) {
        const status = await line.send(request)
        if (status !== 200) throw new Error(`the benchmark got ${status}`)
        if (now >= start) count += 1
      }
    }),
  )
  return count / seconds
}

/**
 * At a given rate, whatever the answers: an answer that comes late counts from when its request was due.
 *
 * @param rate requests a second
 */
export async function openLoop(
  lines: readonly Line[],
  request: Buffer,
  rate: number,
  seconds: number,
): Promise<Sample[]> {
  const samples: Sample[] = []
  const idle = [...lines]
  const due: number[] = []
  const start = performance.now()
  const total = Math.floor(rate * seconds)
  let sent = 0
  await new Promise<void>((resolve) => {
    const dispatch = () => {
      while (due.length > 0 && idle.length > 0) {
        const line = idle.pop() as Line
        const at = due.shift() as number
        line.send(request).then((status) => {
          samples.push({ status, ms: performance.now() - at })
          idle.push(line)
          if (samples.length === total) resolve()
          else dispatch()
        })
      }
    }
    const tick = () => {
      const now = performance.now()
      while (sent < total && start + (sent * 1000) / rate <= now) {
        due.push(start + (sent * 1000) / rate)
        sent += 1
      }
      dispatch()
      // A timer and not a busy loop: the processor is for the service.
      if (sent < total) setTimeout(tick, 1)
    }
    tick()
  })
  return samples
}

/** @param share such as 0.99 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}
