/** The path prefix by which a client asks for a fault: `/fault/<name>[;parameter=value]*` before the API's own path. */

/** A fault asked for. */
export interface FaultRequest {
  /** The prefix as the client wrote it: what `times` is counted by. */
  readonly prefix: string
  readonly name: string
  readonly parameters: ReadonlyMap<string, string>
  /** What is left of the path: where the request goes when the fault has been served often enough. */
  readonly rest: string
}

/**
 * Reads the prefix; undefined where the path has none. What is no proper percent-encoding is left as it is.
 * @param path as on the request line, still percent-encoded, without the query
 */
export function readFaultPath(path: string): FaultRequest | undefined {
  const match = /^(\/fault\/([^/]*))(\/.*)?$/.exec(path)
  if (!match) return undefined
  const [name = "", ...pairs] = (match[2] ?? "").split(";")
  return {
    prefix: match[1] ?? "",
    name: decoded(name),
    parameters: new Map(pairs.filter((pair) => pair !== "").map(readPair)),
    rest: match[3] ?? "/",
  }
}

function readPair(pair: string): [string, string] {
  const [name = "", ...value] = pair.split("=")
  return [decoded(name), decoded(value.join("="))]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
