/**
 * `npm run bench:lambda`: the Lambda's package against a naive one, whole AWS clients and undici unbundled in
 * node_modules, both started and invoked through a Runtime API on loopback, in turn, in one run: bytes of the zip; init
 * (from the process' start to its asking for an event), first invocation (which reads the key from a secret) and warm
 * ones. Medians and ratios.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { bundle, packed, type Variant, zip } from "../../lambda/build.ts"
import { browseBody, readAsked } from "../standin/browse.ts"
import { startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { ROOT } from "../support/get-data.ts"
import { ExecutionEnvironment } from "../support/lambda-base/runtime-api.ts"

const RUNS = Number(process.argv[2] ?? 15)
if (!(RUNS >= 3 && RUNS <= 200)) {
  process.stderr.write("bench:lambda: the number of runs is 3 to 200\n")
  process.exit(64)
}
const WARM = 5
const EVENT = JSON.stringify({ page: 1755 })

/** What most people write. */
const NAIVE = `
const { SecretsManager } = require("@aws-sdk/client-secrets-manager")
const { SSM } = require("@aws-sdk/client-ssm")
const { request } = require("undici")
const secrets = new SecretsManager({})
const parameters = new SSM({})
let key
exports.lambdaHandler = async ({ page, size = 20 }) => {
  if (process.env.NASA_API_KEY_SECRET_ID) {
    key ??= (await secrets.getSecretValue({ SecretId: process.env.NASA_API_KEY_SECRET_ID })).SecretString
  } else {
    key ??= (await parameters.getParameter({ Name: process.env.NASA_API_KEY_PARAMETER, WithDecryption: true })).Parameter.Value
  }
  const url = process.env.NEOWS_BASE_URL + "/neo/rest/v1/neo/browse?page=" + page + "&size=" + size
  const { statusCode, body } = await request(url, { headers: { "x-api-key": key } })
  if (statusCode !== 200) throw new Error("NeoWs answers " + statusCode)
  return await body.json()
}
`
const EMPTY = "exports.lambdaHandler = async () => ({ page: {}, near_earth_objects: [] })\n"

interface Row {
  readonly name: string
  readonly folder: string
  readonly zipBytes: number
  readonly init: number[]
  readonly first: number[]
  readonly warm: number[]
}

const folder = await mkdtemp(join(tmpdir(), "perigee-bench-"))
const key = freshKey()
// The page is made once, before: what is timed is the function.
const body = browseBody(readAsked(new URLSearchParams({ page: "1755", size: "20" }), key))
const standin = await startStandin({ hourlyLimit: 1_000_000, answer: { body } })
const secretsManager = createServer((request, response) => {
  request.resume().on("end", () => {
    response.setHeader("content-type", "application/x-amz-json-1.1")
    response.end(JSON.stringify({ Name: "nasa", SecretString: key }))
  })
})
await new Promise<void>((done) => secretsManager.listen(0, "127.0.0.1", done))
const env = {
  PATH: process.env["PATH"],
  NEOWS_BASE_URL: standin.url,
  NASA_API_KEY_SECRET_ID: "nasa",
  AWS_ENDPOINT_URL: `http://127.0.0.1:${(secretsManager.address() as AddressInfo).port}`,
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "none",
  AWS_SECRET_ACCESS_KEY: "none",
}
try {
  const rows = [
    await ours("ours", {}),
    await naive("naive", NAIVE, ["@aws-sdk/client-secrets-manager", "@aws-sdk/client-ssm", "undici"]),
    await ours("ours, in one file", { oneFile: true }),
    await ours("ours, runtime's SDK", { sdkFromRuntime: true }),
    await naive("empty handler (floor)", EMPTY, []),
  ]
  // One uncounted round, then every package once a round: what the machine does besides falls on all alike.
  for (let round = 0; round <= RUNS; round += 1) for (const row of rows) await measure(row, round > 0)
  print(["", "zip kB", "× naive", "init ms", "× naive", "first ms", "× naive", "warm ms", "× naive"])
  const [mine, theirs] = rows as [Row, Row]
  for (const row of rows) {
    const cells = (["init", "first", "warm"] as const).flatMap((what) => [
      median(row[what]).toFixed(1),
      (median(row[what]) / median(theirs[what])).toFixed(2),
    ])
    print([row.name, (row.zipBytes / 1000).toFixed(0), (row.zipBytes / theirs.zipBytes).toFixed(3), ...cells])
  }
  process.stdout.write(
    `\nmedians of ${RUNS} environments each, in turn, ${WARM} warm invocations in each; page 1755 of the stand-in and a ` +
      `secret on loopback; Node ${process.version}\n`,
  )
  goal("init against naive", median(mine.init) / median(theirs.init), 0.35)
  goal("zip against naive", mine.zipBytes / theirs.zipBytes, 0.1)
  goal("zip in MB", mine.zipBytes / 1_000_000, 1)
} finally {
  await standin.close()
  secretsManager.closeAllConnections()
  secretsManager.close()
  await rm(folder, { recursive: true, force: true })
}

async function ours(name: string, variant: Variant): Promise<Row> {
  const at = join(folder, `ours-${Object.keys(variant).join()}`)
  await bundle(at, variant)
  const zipBytes = (await packed(at)).length
  // As the runtime has it: where modules are looked for last, and not in the zip.
  if (variant.sdkFromRuntime) await install(at, ["@aws-sdk/client-secrets-manager", "@aws-sdk/client-ssm"])
  return { name, folder: at, zipBytes, init: [], first: [], warm: [] }
}

async function naive(name: string, code: string, packages: readonly string[]): Promise<Row> {
  const at = join(folder, packages.length === 0 ? "empty" : "naive")
  await mkdir(at)
  await writeFile(join(at, "handler.js"), code)
  await install(at, packages)
  const files = (await readdir(at, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const contents = await Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name)
      return [relative(at, path), await readFile(path)] as const
    }),
  )
  return { name, folder: at, zipBytes: zip(Object.fromEntries(contents)).length, init: [], first: [], warm: [] }
}

/** What `npm install` of these packages would put there: they and what they depend on, from this checkout. */
async function install(at: string, packages: readonly string[]): Promise<void> {
  const waiting = [...packages]
  const seen = new Set<string>()
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (seen.has(name)) continue
    seen.add(name)
    const from = join(ROOT, "node_modules", name)
    await cp(from, join(at, "node_modules", name), { recursive: true })
    const { dependencies = {} } = JSON.parse(await readFile(join(from, "package.json"), "utf8"))
    waiting.push(...Object.keys(dependencies))
  }
}

async function measure({ folder: taskRoot, init, first, warm }: Row, counted: boolean): Promise<void> {
  const environment = await ExecutionEnvironment.open({ taskRoot, handler: "handler.lambdaHandler", env, timeout: 30 })
  const invoke = async () => {
    const { payload, isError, ms } = await environment.invoke(EVENT)
    if (isError || !payload.includes("near_earth_objects")) throw new Error(`${taskRoot}: ${payload.slice(0, 300)}`)
    return ms
  }
  try {
    await environment.start()
    const firstMs = await invoke()
    const warmMs: number[] = []
    for (let n = 0; n < WARM; n += 1) warmMs.push(await invoke())
    if (!counted) return
    init.push(environment.initMs ?? Number.NaN)
    first.push(firstMs)
    warm.push(...warmMs)
  } finally {
    await environment.close()
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

function print(cells: readonly string[]): void {
  const [first = "", ...rest] = cells
  process.stdout.write(`${[first.padEnd(22), ...rest.map((cell) => cell.padStart(8))].join(" ")}\n`)
}

function goal(what: string, ratio: number, most: number): void {
  const verdict = ratio <= most ? "met" : `missed by ${(ratio - most).toFixed(2)}`
  process.stdout.write(`goal ${what} ≤ ${most}: ${ratio.toFixed(3)}, ${verdict}\n`)
}
