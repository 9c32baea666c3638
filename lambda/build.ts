/**
 * Bundles the Lambda and packs it: `npm run build -w lambda` → `lambda/dist/lambda.zip` with the bundles, which are also
 * beside it, with their source maps. The same bytes for the same tree, on any machine.
 */
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build, type Plugin } from "esbuild"
import { zipSync } from "fflate"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const appLean = (file: string) => here(`../app/lean/${file}`)

/** What goes into the zip. The AWS clients stand apart: what the start does not need is not even parsed then. */
const BUNDLES = ["handler", "secrets-manager", "parameter-store"]

/** What undici's files get in the place of what they ask for. */
const IN_UNDICI: readonly (readonly [asked: RegExp, path: string])[] = [
  [/^node:http$/, appLean("http.cjs")],
  [/^node:http2$/, appLean("http2.cjs")],
  [/^\.\/tree$/, appLean("tree.cjs")],
  [/^\.\/client-h2\.js$/, here("lean/left-out.cjs")],
  [/^\.\.\/web\//, here("lean/left-out.cjs")],
]

/** Of undici and of Node's own modules only what a Lambda uses: see the files in `lean/` and `app/lean/`. */
const lean: Plugin = {
  name: "lean",
  setup: ({ onResolve }) => {
    // Only the bare name: `undici/lib/…` goes on to the package.
    onResolve({ filter: /^undici$/ }, () => ({ path: here("lean/undici.cjs") }))
    // For undici alone: the AWS SDK makes its requests by the real ones.
    for (const [filter, path] of IN_UNDICI) {
      onResolve({ filter }, ({ importer }) => (importer.includes("/node_modules/undici/") ? { path } : undefined))
    }
  },
}

/** The AWS clients stay files of their own, loaded when they are first wanted. */
const apart: Plugin = {
  name: "apart",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/[a-z-]+\.ts$/ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path: path.replace(/ts$/, "js"), external: true } : undefined,
    )
  },
}

/** Variants for the benchmark: what each choice costs or saves. */
export interface Variant {
  /** Everything in one file. */
  readonly oneFile?: boolean
  /** Leaves the AWS SDK to the runtime's own. */
  readonly sdkFromRuntime?: boolean
}

/** The bundles in `folder`, with their source maps beside them. */
export async function bundle(folder: string, { oneFile = false, sdkFromRuntime = false }: Variant = {}): Promise<void> {
  const names = oneFile ? ["handler"] : BUNDLES
  await build({
    entryPoints: names.map((name) => here(`src/${name}.ts`)),
    outdir: folder,
    bundle: true,
    minify: true,
    // Apart: a reader of stacks has it, the function does not carry it.
    sourcemap: "external",
    platform: "node",
    // The SDK's ES modules, of which unused parts are left out; its CommonJS ones come whole.
    mainFields: ["module", "main"],
    // nodejs24.x.
    target: "node24",
    // Not the tsconfig.json files, which an image's build has not: the bundle would be another one there.
    tsconfigRaw: { compilerOptions: { alwaysStrict: true } },
    // As undici is: an ES module would need a `require` of its own, and starts no faster (docs/decisions/0005).
    format: "cjs",
    plugins: oneFile ? [lean] : [lean, apart],
    ...(sdkFromRuntime ? { external: ["@aws-sdk/*"] } : {}),
    // undici's own switch for a bundle without its experimental second parser, as Node bundles it.
    define: { esbuildDetection: "true" },
    legalComments: "none",
    logLevel: "warning",
  })
}

/**
 * A zip whose bytes are those of its files and nothing else: one time, one mode, names in order; deflated by fflate's own
 * code, as zlib's differs from one processor and Node to another.
 */
export function zip(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const names = Object.keys(files).sort()
  return zipSync(
    Object.fromEntries(
      // `os` 3 is Unix, whose modes are in the upper half of `attrs` (APPNOTE.TXT 4.4.2, 4.4.15).
      names.map((name) => [name, [files[name] as Uint8Array, { level: 9, mtime: EARLIEST, os: 3, attrs: MODE << 16 }]]),
    ),
  )
}

/** The earliest time that a zip can tell, in whatever zone this is: a zip's times have none. */
const EARLIEST = new Date(1980, 0, 1)
/** A file, readable by all, as Lambda needs it: S_IFREG and 0644. */
const MODE = 0o100644

/** The bundles of `folder` as a zip. */
export async function packed(folder: string): Promise<Uint8Array> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".js"))
  return zip(
    Object.fromEntries(await Promise.all(files.map(async (name) => [name, await readFile(join(folder, name))]))),
  )
}

/** Bundles and packs into `folder`. @returns the zip's path */
export async function pack(folder = here("dist")): Promise<string> {
  await rm(folder, { recursive: true, force: true })
  await bundle(folder)
  const path = join(folder, "lambda.zip")
  await writeFile(path, await packed(folder))
  return path
}

if (import.meta.main) await pack()
