/** Which answers of a service's OpenAPI document the suite has not seen yet. */
import type { Client } from "./client.ts"

/** Made to happen in the suites on faults, where the document is not at hand. */
const ELSEWHERE = new Set(["500", "503"])

export function unseen({ document, seen }: Client): string[] {
  const all = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { responses }]) =>
      Object.keys(responses)
        .filter((status) => !ELSEWHERE.has(status))
        .map((status) => `${method.toUpperCase()} ${path} ${status}`),
    ),
  )
  return all.filter((label) => !seen.has(label))
}

/**
 * Asks each documented operation for the answers that are the same everywhere: no token, no role, broken JSON, too large a
 * body, another media type, too many requests.
 *
 * @param paths a path for each template, with ids that are well-formed
 */
export async function askTheUsual(
  client: Client,
  paths: (template: string) => string,
  tokens: { operator: string; roleless: string },
): Promise<void> {
  for (const [template, operations] of Object.entries(client.document.paths)) {
    for (const name of Object.keys(operations)) {
      const [method, path] = [name.toUpperCase(), paths(template)]
      await client.send(method, path)
      if (template.includes("{")) await client.send(method, path.replace(/[0-9a-f-]{36}/, "x".repeat(200)))
      await client.send(method, path, { token: tokens.roleless })
      const body = method === "GET" ? "/?limit=%00&flight=x&unknown=1" : ""
      if (method === "GET")
        await client.send(method, `${path.replace(/[0-9a-f-]{36}/, "no-id")}${body}`, { token: tokens.operator })
      else {
        const json = { "content-type": "application/json", "if-match": "*" }
        const token = tokens.operator
        await client.send(method, path.replace(/[0-9a-f-]{36}/, "no-id"), { token, headers: json, body: '{"a":' })
        await client.send(method, path, { token, headers: json, body: `"${"x".repeat(20_000)}"` })
        await client.send(method, path, { token, headers: { ...json, "content-type": "text/csv" }, body: "a,b" })
      }
    }
  }
}
