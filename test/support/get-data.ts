/** Runs the fetcher as a process: the bundle that the image carries, with nothing of the caller's environment. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { execa } from "execa"
import { bundle } from "../../app/build.ts"

export const ROOT = resolve(import.meta.dirname, "../..")
/** The image's bundle, but for the source map beside it, by which its coverage is told. */
export const BUNDLE = resolve(ROOT, "node_modules/.cache/perigee/get-data.cjs")

let built: Promise<unknown> | undefined

/** Builds the bundle, once a process. */
export function buildBundle(): Promise<unknown> {
  built ??= bundle(BUNDLE, { sourcemap: true })
  return built
}

export type Environment = Record<string, string | undefined>

/** Where the test runner wants the processes' coverage. */
const COVERAGE = process.env["NODE_V8_COVERAGE"] ? { NODE_V8_COVERAGE: process.env["NODE_V8_COVERAGE"] } : {}

const RUN_OPTIONS = {
  reject: false,
  extendEnv: false,
  stdin: "ignore",
  stripFinalNewline: false,
  timeout: 60_000,
} as const

/** A folder of its own for each test, and the program run in it. */
export class Workplace {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Workplace> {
    await buildBundle()
    return new Workplace(await mkdtemp(join(tmpdir(), "perigee-")))
  }

  /** Starts the program; its result has exitCode, stdout and stderr. */
  start(args: readonly string[], env: Environment = {}) {
    return execa(process.execPath, [BUNDLE, ...args], {
      ...RUN_OPTIONS,
      cwd: this.folder,
      env: { ...COVERAGE, ...env },
    })
  }

  async read(file = "output/response.json"): Promise<string> {
    return await readFile(join(this.folder, file), "utf8")
  }

  /** Files in a folder, hidden ones too; none where there is no such folder. */
  async files(folder = "output"): Promise<string[]> {
    return await readdir(join(this.folder, folder)).catch(() => [])
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
