/** Bundles the fetcher to the one minified file that the image runs: `npm run build -w app` → `app/dist/get-data.cjs`. */
import { fileURLToPath } from "node:url"
import { build, type Plugin } from "esbuild"

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

/**
 * @param wholeUndici for the benchmark: what the lean one saves
 * @param sourcemap for the tests: coverage of the sources that the bundle was made from
 */
export async function bundle(
  outfile = here("dist/get-data.cjs"),
  { wholeUndici = false, sourcemap = false } = {},
): Promise<void> {
  await build({
    entryPoints: [here("src/get-data.ts")],
    outfile,
    bundle: true,
    minify: true,
    sourcemap,
    platform: "node",
    target: "node24",
    // CommonJS loads faster than an ES module, and Node's compile cache takes it.
    format: "cjs",
    plugins: wholeUndici ? [] : [lean],
    // undici's own switch for a bundle without its experimental second parser, as Node bundles it.
    define: wholeUndici ? {} : { esbuildDetection: "true" },
    legalComments: "none",
    logLevel: "warning",
  })
}

if (import.meta.main) await bundle()
