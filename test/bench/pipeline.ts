/**
 * `npm run bench:pipeline`: what a call of the pipeline costs on a real engine, beside a trivial module's call in the same
 * run; and the image's size. `-- --cold` prunes the engine's cache first, which is everybody's on that engine.
 */
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { constants, gunzip, gzip, zstdCompress } from "node:zlib"
import { execa } from "execa"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { copyOfTree } from "../support/tree.ts"
import { median } from "./median.ts"

const ROUNDS = 5
const MEGABYTE = 1_000_000

if (daggerEngine.missing !== undefined) {
  process.stdout.write(`bench:pipeline: not run: ${daggerEngine.missing}\n`)
  process.exit(0)
}

const TRIVIAL = {
  "dagger.json": '{"name":"trivial","engineVersion":"v0.21.8","sdk":{"source":"typescript"},"source":"ci"}',
  "ci/package.json": '{"type":"module","dependencies":{"typescript":"5.9.3"}}',
  "ci/src/index.ts": `import { func, object } from "@dagger.io/dagger"
@object()
export class Trivial {
  @func({ cache: "never" })
  hello(): string { return "hello" }
}
`,
}

const folder = await mkdtemp(join(tmpdir(), "perigee-bench-"))
try {
  const trivial = join(folder, "trivial")
  for (const [path, text] of Object.entries(TRIVIAL)) {
    await mkdir(dirname(join(trivial, path)), { recursive: true })
    await writeFile(join(trivial, path), text)
  }
  const tree = await copyOfTree(join(folder, "tree"))
  const edit = (path: string) => appendFile(join(tree, path), `// ${crypto.randomUUID()}\n`)
  const timed = async (call: string, cwd: string, bases = true) => {
    const started = performance.now()
    const { exitCode, stderr } = await daggerCall([call], { cwd, bases })
    if (exitCode !== 0) throw new Error(stderr)
    const own = [...stderr.matchAll(/withExec DONE \[(\d+\.\d)s\]/g)].map(([, seconds]) => Number(seconds))
    return { seconds: (performance.now() - started) / 1000, own: own.at(-1) ?? 0 }
  }
  if (process.argv.includes("--cold")) {
    await execa("dagger", ["core", "engine", "local-cache", "prune"])
    row("cold, trivial module", (await timed("hello", trivial, false)).seconds)
    row("cold, demo", (await timed("demo", tree)).seconds)
  }
  await timed("hello", trivial, false)
  await timed("demo", tree)
  const seconds: Record<"trivial" | "unchanged" | "own" | "app" | "ci", number[]> = {
    trivial: [],
    unchanged: [],
    own: [],
    app: [],
    ci: [],
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    seconds.trivial.push((await timed("hello", trivial, false)).seconds)
    const unchanged = await timed("demo", tree)
    seconds.unchanged.push(unchanged.seconds)
    seconds.own.push(unchanged.own)
    await edit("app/src/program.ts")
    seconds.app.push((await timed("demo", tree)).seconds)
    await edit("ci/src/index.ts")
    seconds.ci.push((await timed("demo", tree)).seconds)
  }
  row("trivial module", median(seconds.trivial))
  row("demo, nothing changed", median(seconds.unchanged))
  row("… of it the fetcher's run", median(seconds.own))
  row("demo, a change in app/", median(seconds.app))
  row("demo, a change in ci/", median(seconds.ci))
  const ratio = (median(seconds.unchanged) - median(seconds.own)) / median(seconds.trivial)
  tell(
    `goal: nothing changed ≤ 1.3 × the trivial module, plus the fetcher's run: ${ratio.toFixed(2)} ×, ${verdict(ratio, 1.3)}`,
  )
  tell(`medians of ${ROUNDS} rounds, in turn\n`)
  await sizes()
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Every layer compressed anew with both formats; the base is what RUNTIME_IMAGE was. */
async function sizes(): Promise<void> {
  const image = join(folder, "image")
  await mkdir(image)
  const { exitCode, stderr } = await daggerCall([
    "build",
    "as-tarball",
    "--forced-compression=Gzip",
    "export",
    `--path=${image}.tar`,
  ])
  if (exitCode !== 0) throw new Error(stderr)
  await execa("tar", ["xf", `${image}.tar`, "-C", image])
  const blobs = join(image, "blobs/sha256")
  const total = { raw: 0, gzip: 0, zstd3: 0, zstd19: 0 }
  for (const name of await readdir(blobs)) {
    const blob = await readFile(join(blobs, name))
    if (blob[0] !== 0x1f || blob[1] !== 0x8b) continue
    const layer = await promisify(gunzip)(blob)
    const zstd = (level: number) =>
      promisify(zstdCompress)(layer, { params: { [constants.ZSTD_c_compressionLevel]: level } })
    total.raw += layer.length
    total.gzip += (await promisify(gzip)(layer, { level: 6 })).length
    total.zstd3 += (await zstd(3)).length
    total.zstd19 += (await zstd(19)).length
  }
  const megabytes = (bytes: number) => (bytes / MEGABYTE).toFixed(1)
  tell(
    `image, layers uncompressed ${megabytes(total.raw)} MB; base: ${process.env["PERIGEE_RUNTIME_IMAGE"] ?? "the default"}`,
  )
  tell(`goal gzip ≤ 55 MB: ${megabytes(total.gzip)} (level 6), ${verdict(total.gzip / MEGABYTE, 55)}`)
  tell(`goal zstd ≤ 45 MB: ${megabytes(total.zstd19)} (level 19), ${verdict(total.zstd19 / MEGABYTE, 45)}`)
  tell(`     zstd at BuildKit's default, level 3: ${megabytes(total.zstd3)}, ${verdict(total.zstd3 / MEGABYTE, 45)}`)
}

function row(name: string, seconds: number): void {
  tell(`${name.padEnd(28)} ${seconds.toFixed(2).padStart(7)} s`)
}

function verdict(value: number, most: number): string {
  return value <= most ? "met" : `missed by ${(value - most).toFixed(2)}`
}

function tell(line: string): void {
  process.stdout.write(`${line}\n`)
}
