/**
 * Bundles the fetcher to what the image runs: `npm run build -w app` → `app/dist/get-data.cjs`, and beside it
 * `s3-object.cjs`, the AWS SDK for S3, which is loaded for an output in S3 only.
 */
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type BuildOptions, build, type Plugin } from "esbuild"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Of undici and of Node's own modules only what the fetcher uses: see the files in `lean/`. */
const lean: Plugin = {
  name: "lean",
  setup: ({ onResolve }) => {
    // Only the bare name: `undici/lib/…` goes on to the package.
    onResolve({ filter: /^undici$/ }, () => ({ path: here("lean/undici.cjs") }))
    onResolve({ filter: /^\.\/tree$/ }, () => ({ path: here("lean/tree.cjs") }))
    onResolve({ filter: /^node:http$/ }, () => ({ path: here("lean/http.cjs") }))
    onResolve({ filter: /^node:http2$/ }, () => ({ path: here("lean/http2.cjs") }))
  },
}

/** The SDK for S3 stays a file of its own. */
const apart: Plugin = {
  name: "apart",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.\/s3-object\.ts$/ }, ({ kind }) =>
      kind === "dynamic-import" ? { path: "./s3-object.cjs", external: true } : undefined,
    )
  },
}

/** Of the SDK's ways to credentials only those that are given to it: see the file in `lean/`. */
const leanAws: Plugin = {
  name: "lean-aws",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({ path: here("lean/credentials.cjs") }))
  },
}

/**
 * @param outfile the program; `s3-object.cjs` comes beside it
 * @param wholeUndici for the benchmark: what the lean one saves
 * @param sourcemap for the tests: coverage of the sources that the bundle was made from
 */
export async function bundle(
  outfile = here("dist/get-data.cjs"),
  { wholeUndici = false, sourcemap = false } = {},
): Promise<void> {
  const options = {
    bundle: true,
    minify: true,
    sourcemap,
    platform: "node",
    target: "node24",
    // CommonJS loads faster than an ES module, and Node's compile cache takes it.
    format: "cjs",
    legalComments: "none",
    logLevel: "warning",
  } as const satisfies BuildOptions
  await build({
    ...options,
    entryPoints: [here("src/get-data.ts")],
    outfile,
    plugins: wholeUndici ? [apart] : [lean, apart],
    // undici's own switch for a bundle without its experimental second parser, as Node bundles it.
    define: wholeUndici ? {} : { esbuildDetection: "true" },
  })
  await build({
    ...options,
    entryPoints: [here("src/s3-object.ts")],
    outfile: join(dirname(outfile), "s3-object.cjs"),
    plugins: [leanAws],
    // The SDK's ES modules, of which unused parts are left out; its CommonJS ones come whole.
    mainFields: ["module", "main"],
  })
}

if (import.meta.main) await bundle()
