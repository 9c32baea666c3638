/** The load balancer's part, for one machine: its three path patterns lead to the three services, all else is not found. */
import { once } from "node:events"
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http"
import { detailsOf, PROBLEM_JSON, Problem } from "@perigee/platform/problem"

/** A path pattern as a rule of the load balancer has it (`/api/users*`), and where it leads. */
export interface Rule {
  /** What the path starts with. */
  readonly prefix: string
  /** Such as `http://127.0.0.1:1010`. */
  readonly target: string
}

export interface Gateway {
  readonly address: string
  readonly port: number
  stop(): Promise<void>
}

/** Of one connection, and not for the next one: RFC 9110 § 7.6.1. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]
/** Application Load Balancer: idle timeout. */
const IDLE_MS = 60_000

/**
 * @param host to listen on
 * @param port 0 for any free one
 */
export async function startGateway(rules: readonly Rule[], host: string, port: number): Promise<Gateway> {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 })
  const server = createServer((incoming, outgoing) => {
    // Like the load balancer it neither decodes nor tidies the path: what a rule matched is what the service gets.
    const path = incoming.url?.split("?")[0] ?? "/"
    const rule = rules.find(({ prefix }) => path.startsWith(prefix))
    if (rule === undefined) refuse(outgoing, new Problem("not-found", "The load balancer has no rule for this path"))
    else forward(rule.target, incoming, outgoing, agent)
  })
  server.keepAliveTimeout = IDLE_MS
  server.listen(port, host)
  await once(server, "listening")
  const bound = (server.address() as { port: number }).port
  return {
    address: `http://${host}:${bound}`,
    port: bound,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      agent.destroy()
    },
  }
}

function forward(target: string, incoming: IncomingMessage, outgoing: ServerResponse, agent: Agent): void {
  const { hostname, port } = new URL(target)
  const headers = { ...incoming.headers }
  const named = (incoming.headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase())
  for (const name of [...HOP_BY_HOP, ...named]) delete headers[name]
  // A body goes onward framed: without either header Node writes that of a GET or DELETE bare, as if it were a request.
  const { "transfer-encoding": coding, "content-length": length } = incoming.headers
  if (coding !== undefined) headers["transfer-encoding"] = "chunked"
  else if (length !== undefined) headers["content-length"] = length
  // The load balancer appends; what stands before is the caller's own claim.
  const before = incoming.headers["x-forwarded-for"]
  const address = incoming.socket.remoteAddress ?? "unknown"
  headers["x-forwarded-for"] = before === undefined ? address : `${before}, ${address}`
  headers["x-forwarded-proto"] = "http"
  const { method, url } = incoming
  const onward = request({ hostname, port, method, path: url, headers, agent }, (answer) => {
    const back = { ...answer.headers }
    for (const name of HOP_BY_HOP) delete back[name]
    outgoing.writeHead(answer.statusCode ?? 502, back)
    answer.pipe(outgoing)
    answer.on("error", () => outgoing.destroy())
  })
  onward.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy()
    else refuse(outgoing, new Problem("unavailable", "The service behind this path does not answer"))
  })
  outgoing.on("close", () => {
    if (!outgoing.writableFinished) onward.destroy()
  })
  incoming.pipe(onward)
}

function refuse(outgoing: ServerResponse, problem: Problem): void {
  const body = JSON.stringify(detailsOf(problem))
  outgoing
    .writeHead(problem.status, { "content-type": PROBLEM_JSON, "content-length": Buffer.byteLength(body) })
    .end(body)
}
