/**
 * AWS with an ECR whose repositories can be pushed to, for tests: ministack behind a proxy that says that repositories are
 * here, and sends what is pushed to a registry. One address stands for all, as `AWS_ENDPOINT_URL`.
 */
import { once } from "node:events"
import { createServer, request as forward, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"

export interface EcrFront {
  readonly port: number
  readonly url: string
  /** "METHOD path" of what came for the registry, in order. */
  readonly pushed: string[]
  close(): Promise<void>
}

/** The host of repository URIs. Source: ECR user guide, “Amazon ECR private registry concepts”. */
const ECR_HOST = /\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/g

export interface Behind {
  /** The address of everything but the registry. */
  readonly aws: string
  /** `<host>:<port>` of the registry. */
  readonly registry: string
}

/** On loopback. Repositories are at whatever host the caller called it by. */
export async function startEcrFront({ aws, registry }: Behind): Promise<EcrFront> {
  const pushed: string[] = []
  const server = createServer((asked, answer) => {
    const toRegistry = asked.url?.startsWith("/v2/") ?? false
    if (toRegistry) pushed.push(`${asked.method} ${asked.url?.split("?")[0]}`)
    const { hostname, port } = new URL(toRegistry ? `http://${registry}` : aws)
    const { method, url: path, headers } = asked
    // The Host header goes on as it is: a registry makes the addresses it answers of it.
    const passed = forward({ hostname, port, method, path, headers }, (got) => {
      const isEcr = String(headers["x-amz-target"]).includes("ContainerRegistry")
      if (!isEcr) {
        answer.writeHead(got.statusCode ?? 502, got.headers)
        got.pipe(answer)
        return
      }
      textOf(got).then(
        (text) => {
          const body = text.replaceAll(ECR_HOST, headers.host ?? "")
          answer
            .writeHead(got.statusCode ?? 502, { ...got.headers, "content-length": Buffer.byteLength(body) })
            .end(body)
        },
        () => answer.destroy(),
      )
    })
    passed.on("error", () => answer.destroy())
    asked.pipe(passed)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    pushed,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
