/** `ministack` (PyPI), an emulator of AWS over HTTP for tests: a process on loopback and a free port. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { resolve } from "node:path"
import { execa } from "execa"
import { interpreterWith } from "./python.ts"

const REQUIREMENT = "ministack==1.5.33"
/** Starts it with the resource types of our stacks that its CloudFormation lacks. */
const SERVER = resolve(import.meta.dirname, "ministack/server.py")
/** Seconds until it must answer; it takes half a one on an idle machine. */
const START_SECONDS = 60

export interface Ministack {
  readonly url: string
  /** For clients of the AWS SDK. */
  readonly client: {
    readonly endpoint: string
    readonly region: string
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  }
  /** Empties every service. */
  reset(): Promise<void>
  close(): Promise<void>
}

export interface MinistackOptions {
  /** Id of the Route 53 zone that an account makes, instead of one at random. */
  readonly hostedZone?: string
  /** Whether signatures and IAM's policies are enforced; an account's root has the secret `test`. */
  readonly permissions?: boolean
}

/** Installs it, once a checkout, and starts it. */
export async function startMinistack({ hostedZone, permissions }: MinistackOptions = {}): Promise<Ministack> {
  const interpreter = await interpreterWith(REQUIREMENT)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const output: string[] = []
  const server = execa(interpreter, ["-B", SERVER], {
    // The functions that it runs see this environment: nothing of the caller's AWS configuration.
    extendEnv: false,
    env: {
      PATH: process.env["PATH"],
      BIND_HOST: "127.0.0.1",
      GATEWAY_PORT: `${port}`,
      HOME: "/nonexistent",
      ...(hostedZone !== undefined && { PERIGEE_HOSTED_ZONE: hostedZone }),
      ...(permissions && { AUTH: "true" }),
    },
    reject: false,
    stdin: "ignore",
    all: true,
    cleanup: true,
  })
  server.all.on("data", (chunk: Buffer) => output.push(chunk.toString()))
  let over = false
  void server.then(() => {
    over = true
  })
  const until = performance.now() + START_SECONDS * 1000
  while (!(await answers(`${url}/_ministack/health`))) {
    if (over || performance.now() > until) throw new Error(`ministack does not start: ${output.join("").slice(-2000)}`)
    await new Promise((again) => setTimeout(again, 50))
  }
  return {
    url,
    client: { endpoint: url, region: "us-east-1", credentials: { accessKeyId: "test", secretAccessKey: "test" } },
    async reset() {
      const { ok, status } = await fetch(`${url}/_ministack/reset`, { method: "POST" })
      if (!ok) throw new Error(`ministack's reset: ${status}`)
    },
    async close() {
      server.kill("SIGTERM", new Error("closed"))
      await server
    },
  }
}

async function answers(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  await once(server.listen(0, "127.0.0.1"), "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, "close")
  return port
}
