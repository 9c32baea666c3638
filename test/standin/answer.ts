/** A whole HTTP answer, made first and sent afterwards. */
import type { ServerResponse } from "node:http"

/** Status, headers and body; the length is added when it is sent. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A 200 with JSON, as the API sends it. */
export function jsonAnswer(body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status: 200, headers: { "Content-Type": "application/json", ...headers }, body }
}

/** The answer with further headers. */
export function withHeaders(answer: Answer, headers: Readonly<Record<string, string>>): Answer {
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

/** Sends an answer and ends the response; of two headers that differ in case only, the later one counts. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.setHeader("Content-Length", body.byteLength)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.writeHead(status).end(body)
}
