/**
 * `npm run bench`: the fetcher's bundle against a ten-line Python `requests` script, curl and an empty Node, all fetching
 * the same page of the stand-in, in turn, in one run. Medians of wall time and peak memory, and their ratios.
 */
import { existsSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { execa } from "execa"
import { bundle } from "../../app/build.ts"
import { browseBody, readAsked } from "../standin/browse.ts"
import { startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { median } from "./median.ts"

const RUNS = Number(process.argv[2] ?? 21)
if (!(RUNS >= 3 && RUNS <= 200)) {
  process.stderr.write("bench: the number of runs is 3 to 200\n")
  process.exit(64)
}

/** What most people write. */
const PYTHON_FETCHER = `
import json, os, sys
import requests
answer = requests.get(sys.argv[1] + "/neo/rest/v1/neo/browse", params={"page": 1755, "size": 20},
                      headers={"X-Api-Key": os.environ["NASA_API_KEY"]}, timeout=30)
answer.raise_for_status()
os.makedirs("output", exist_ok=True)
with open("output/response.json", "w") as file:
    json.dump(answer.json(), file, indent=2)
`

/** Runs a command and tells what the system accounts to it: wait4(2) gives the peak memory of that very process. */
const MEASURE = `
import os, sys, time, json
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))
`

interface Row {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: Record<string, string>
  /** Why it can't be run here. */
  readonly missing?: string | undefined
}

const folder = await mkdtemp(join(tmpdir(), "perigee-bench-"))
const key = freshKey()
// The page is made once, before: what is timed is the client.
const body = browseBody(readAsked(new URLSearchParams({ page: "1755", size: "20" }), key))
const standin = await startStandin({ hourlyLimit: 1_000_000, answer: { body } })
try {
  const node = process.execPath
  const lean = join(folder, "get-data.cjs")
  const whole = join(folder, "whole-undici.cjs")
  await bundle(lean)
  await bundle(whole, { wholeUndici: true })
  await writeFile(join(folder, "fetch.py"), PYTHON_FETCHER)
  const python = await pythonAt()
  const curl = await execa("curl", ["--version"], { reject: false })
  const flags = ["--base-url", standin.url, "--quiet"]
  const url = `${standin.url}/neo/rest/v1/neo/browse?page=1755&size=20`
  const rows: Row[] = [
    { name: "get-data (bundle)", command: [node, lean, ...flags] },
    { name: "python3 requests", command: [python.path ?? "", "fetch.py", standin.url], missing: python.missing },
    { name: "node -e 0 (floor)", command: [node, "-e", "0"] },
    {
      name: "curl",
      command: ["curl", "-sf", "-H", `X-Api-Key: ${key}`, "-o", "curl.json", url],
      missing: curl.failed ? "no curl" : undefined,
    },
    {
      name: "… with compile cache",
      command: [node, lean, ...flags],
      env: { NODE_COMPILE_CACHE: join(folder, "cache") },
    },
    { name: "… with all of undici", command: [node, whole, ...flags] },
    {
      name: "… from source (npx)",
      command: [node, resolve(import.meta.dirname, "../../app/src/get-data.ts"), ...flags],
    },
  ]
  const seconds = new Map<string, number[]>(rows.map(({ name }) => [name, []]))
  const megabytes = new Map<string, number[]>(rows.map(({ name }) => [name, []]))
  // One uncounted round, then every command once a round: what the machine does besides falls on all alike.
  for (let round = 0; round <= RUNS; round += 1) {
    for (const { name, command, env, missing } of rows) {
      if (missing !== undefined) continue
      const [time, memory] = await measured(command, { NASA_API_KEY: key, ...env }, python.path)
      if (round === 0) continue
      seconds.get(name)?.push(time)
      if (memory !== undefined) megabytes.get(name)?.push(memory)
    }
  }
  const wall = (name: string) => median(seconds.get(name) ?? [])
  const memory = (name: string) => median(megabytes.get(name) ?? [])
  const [OURS, PYTHON, FLOOR] = ["get-data (bundle)", "python3 requests", "node -e 0 (floor)"]
  print(["", "wall ms", "× python", "× floor", "peak MiB", "× python"])
  for (const { name, missing } of rows) {
    if (missing !== undefined) {
      print([name, missing, "", "", "", ""])
      continue
    }
    const ratios = [wall(name) / wall(PYTHON), wall(name) / wall(FLOOR)].map((value) => figure(value, 2))
    const memoryRatio = figure(memory(name) / memory(PYTHON), 2)
    print([name, figure(wall(name) * 1000, 0), ...ratios, figure(memory(name), 0), memoryRatio])
  }
  process.stdout.write(
    `\nmedians of ${RUNS} runs each, in turn; page 1755 of the stand-in on loopback; Node ${process.version}\n`,
  )
  goal("wall time against Python", wall(OURS) / wall(PYTHON), 0.65)
  goal("wall time against the floor", wall(OURS) / wall(FLOOR), 3)
  goal("peak memory against Python", memory(OURS) / memory(PYTHON), 2.5)
} finally {
  await standin.close()
  await rm(folder, { recursive: true, force: true })
}

async function measured(
  command: readonly string[],
  extra: Record<string, string>,
  python: string | undefined,
): Promise<[seconds: number, megabytes: number | undefined]> {
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], ...extra }
  const options = { cwd: folder, env, extendEnv: false, reject: false } as const
  if (python !== undefined) {
    const { stdout, stderr } = await execa(python, ["-c", MEASURE, ...command], options)
    const [time, memory, exitCode] = JSON.parse(stdout.split("\n").at(-1) ?? "") as [number, number, number]
    if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr}`)
    return [time, memory]
  }
  const started = performance.now()
  const [program = "", ...args] = command
  const { exitCode, stderr } = await execa(program, args, options)
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr}`)
  return [(performance.now() - started) / 1000, undefined]
}

/** The interpreter itself: a version manager's shim would be timed with it. */
async function pythonAt(): Promise<{ path?: string; missing?: string }> {
  const found = await execa("python3", ["-c", "import sys; print(sys.executable)"], { reject: false })
  if (found.failed || !existsSync(found.stdout)) return { missing: "no python3" }
  const requests = await execa(found.stdout, ["-c", "import requests"], { reject: false })
  return { path: found.stdout, ...(requests.failed ? { missing: "no requests (pip install requests)" } : {}) }
}

function figure(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–"
}

function print(cells: readonly string[]): void {
  const [first = "", ...rest] = cells
  process.stdout.write(`${[first.padEnd(22), ...rest.map((cell) => cell.padStart(9))].join(" ")}\n`)
}

function goal(what: string, ratio: number, most: number): void {
  const verdict = Number.isFinite(ratio)
    ? ratio <= most
      ? "met"
      : `missed by ${(ratio - most).toFixed(2)}`
    : "not measured"
  process.stdout.write(`goal ${what} ≤ ${most}: ${figure(ratio, 2)}, ${verdict}\n`)
}
