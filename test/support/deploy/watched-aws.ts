/** A proxy on loopback before an emulator of AWS: it writes down which actions are asked for, and answers some itself. */
import { once } from "node:events"
import { request as ask, createServer } from "node:http"
import type { AddressInfo } from "node:net"

export interface Answer {
  readonly status: number
  readonly body: string
}

export interface WatchedAws {
  readonly url: string
  /** Such as `CreateChangeSet`, in the order of asking; of the REST protocols, method and path. */
  readonly actions: string[]
  /** What it answers itself, or never; everything else goes on. */
  intercept: (action: string, body: string) => Answer | "silence" | undefined
  close(): Promise<void>
}

export async function watch(target: string): Promise<WatchedAws> {
  const { hostname, port } = new URL(target)
  const watched = { actions: [] as string[], intercept: (() => undefined) as WatchedAws["intercept"] }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const json = /\.(\w+)$/.exec(String(request.headers["x-amz-target"] ?? ""))?.[1]
    const query = /(?:^|&)Action=(\w+)/.exec(body.subarray(0, 100_000).toString())?.[1]
    const action = json ?? query ?? `${request.method} ${request.url?.split("?")[0]}`
    watched.actions.push(action)
    const answer = watched.intercept(action, body.toString())
    if (answer === "silence") return
    if (answer !== undefined) {
      response.writeHead(answer.status, {
        "content-type": json === undefined ? "text/xml" : "application/x-amz-json-1.1",
      })
      response.end(answer.body)
      return
    }
    const { method, url: path, headers } = request
    const forwarded = ask({ hostname, port, method, path, headers }, (answered) => {
      response.writeHead(answered.statusCode ?? 502, answered.headers)
      answered.pipe(response)
    })
    forwarded.on("error", () => response.destroy())
    forwarded.end(body)
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    actions: watched.actions,
    get intercept() {
      return watched.intercept
    },
    set intercept(answers) {
      watched.intercept = answers
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

/** An error as the Query protocol tells it. Source: CloudFormation API reference, "Common Errors". */
export function queryError(code: string, message: string): Answer {
  const error = `<Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error>`
  return { status: 400, body: `<ErrorResponse>${error}<RequestId>any</RequestId></ErrorResponse>` }
}
