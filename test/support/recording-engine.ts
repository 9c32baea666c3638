/**
 * An endpoint in the engine's place for tests of the module: records every GraphQL query as the chain of calls that it
 * is, and answers from a table. An object's id is its chain, so that what is passed on says how it was made.
 */
import { once } from "node:events"
import { mkdir } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { connection } from "@dagger.io/dagger"
import { build } from "esbuild"
import { type FieldNode, Kind, parse, type SelectionSetNode, type ValueNode } from "graphql"
import { ROOT } from "./get-data.ts"

/** What a leaf answers, by its chain's last name; a function may look at the chain. */
export type Answers = Readonly<Record<string, unknown | ((chain: string) => unknown)>>

/** An error as the engine sends it for a command that failed. */
export class FailedExec extends Error {
  readonly extensions: Readonly<Record<string, unknown>>

  constructor(exitCode: number, stderr: string) {
    super(`exit code: ${exitCode}`)
    this.extensions = { _type: "EXEC_ERROR", cmd: ["get-data"], exitCode, stdout: "", stderr }
  }
}

const DEFAULTS: Answers = {
  id: (chain: string) => chain.slice(0, -".id".length),
  sync: (chain: string) => chain.slice(0, -".sync".length),
  start: (chain: string) => chain.slice(0, -".start".length),
  stdout: "",
  port: 8080,
  exists: false,
}

/** Runs `work` with the SDK's client speaking to the recorder, and gives the queries' chains in order. */
export async function recorded(answers: Answers, work: () => Promise<unknown>): Promise<string[]> {
  const chains: string[] = []
  const server = createServer((request, response) => {
    const body: Buffer[] = []
    request.on("data", (chunk: Buffer) => body.push(chunk))
    request.on("end", () => {
      try {
        const { query } = JSON.parse(Buffer.concat(body).toString()) as { query: string }
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify(answer(query, { ...DEFAULTS, ...answers }, chains)))
      } catch (error) {
        response.writeHead(500).end(String(error))
      }
    })
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const before = { ...process.env }
  process.env["DAGGER_SESSION_PORT"] = String((server.address() as AddressInfo).port)
  process.env["DAGGER_SESSION_TOKEN"] = "session-of-this-test"
  try {
    await connection(async () => void (await work()))
  } finally {
    for (const name of ["DAGGER_SESSION_PORT", "DAGGER_SESSION_TOKEN"]) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
    await close(server)
  }
  return chains
}

/** The module's main class, as it is but for its decorators, which Node can't read. */
export async function pipelineModule(): Promise<typeof import("../../ci/src/index.ts")> {
  const outfile = resolve(ROOT, "node_modules/.cache/perigee/ci.mjs")
  await mkdir(resolve(outfile, ".."), { recursive: true })
  await build({
    entryPoints: [resolve(ROOT, "ci/src/index.ts")],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["@dagger.io/dagger"],
    tsconfig: resolve(ROOT, "ci/tsconfig.json"),
  })
  return (await import(pathToFileURL(outfile).href)) as typeof import("../../ci/src/index.ts")
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, "close")
}

function answer(query: string, answers: Answers, chains: string[]): unknown {
  const [definition] = parse(query).definitions
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`not a query: ${query}`)
  try {
    return { data: select(definition.selectionSet, "", answers, chains) }
  } catch (error) {
    if (!(error instanceof FailedExec)) throw error
    return { data: null, errors: [{ message: error.message, extensions: error.extensions }] }
  }
}

function select(set: SelectionSetNode, chain: string, answers: Answers, chains: string[]): Record<string, unknown> {
  const selected: Record<string, unknown> = {}
  for (const node of set.selections) {
    if (node.kind === Kind.INLINE_FRAGMENT) {
      Object.assign(selected, select(node.selectionSet, chain, answers, chains))
      continue
    }
    if (node.kind !== Kind.FIELD) throw new Error(`not a field: ${node.kind}`)
    const name = node.name.value
    const next = chainOf(chain, node)
    if (node.selectionSet) {
      const below = select(node.selectionSet, next, answers, chains)
      // Lists of objects: one of each.
      selected[name] = name === "ports" ? [below] : below
      continue
    }
    chains.push(next)
    const told = answers[name]
    selected[name] = typeof told === "function" ? told(next) : told
  }
  return selected
}

function chainOf(chain: string, { name, arguments: passed = [] }: FieldNode): string {
  const values = Object.fromEntries(passed.map((argument) => [argument.name.value, literalOf(argument.value)]))
  // A thing loaded by its id is that thing again.
  if (name.value === "node" || /^load\w+FromID$/.test(name.value)) return String(values["id"])
  const text = passed.length === 0 ? "" : `(${JSON.stringify(values).slice(1, -1)})`
  return `${chain === "" ? "" : `${chain}.`}${name.value}${text}`
}

function literalOf(node: ValueNode): unknown {
  switch (node.kind) {
    case Kind.LIST:
      return node.values.map(literalOf)
    case Kind.OBJECT:
      return Object.fromEntries(node.fields.map((field) => [field.name.value, literalOf(field.value)]))
    case Kind.INT:
      return Number(node.value)
    case Kind.NULL:
      return null
    case Kind.VARIABLE:
      throw new Error(`variables are not recorded: $${node.name.value}`)
    default:
      return node.value
  }
}
