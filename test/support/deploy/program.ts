/** The deploy program as a process of its own, with an environment that has nothing of the caller's AWS in it. */
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { execa } from "execa"
import { ROOT } from "../get-data.ts"
import type { Keys } from "./standing.ts"

const MAIN = resolve(ROOT, "deploy/src/main.ts")

export interface Ran {
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

export function environment(endpoint: string, keys?: Keys): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: mkdtempSync(join(tmpdir(), "perigee-home-")),
    AWS_ENDPOINT_URL: endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    ...(keys && { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey }),
  }
}

export async function deploy(env: Record<string, string>, ...args: string[]): Promise<Ran> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [MAIN, ...args], {
    extendEnv: false,
    env,
    reject: false,
    stdin: "ignore",
  })
  return { code: exitCode, stdout, stderr }
}
