/** Bundles the fetcher to the one minified file that the image runs: `npm run build -w app` → `app/dist/get-data.cjs`. */
import { fileURLToPath } from "node:url"
import { build, type Plugin } from "esbuild"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Only the bare name: `undici/lib/…` goes on to the package. */
const leanUndici: Plugin = {
  name: "lean-undici",
  setup: ({ onResolve }) => onResolve({ filter: /^undici$/ }, () => ({ path: here("undici-lean.cjs") })),
}

await build({
  entryPoints: [here("src/get-data.ts")],
  outfile: here("dist/get-data.cjs"),
  bundle: true,
  minify: true,
  platform: "node",
  target: "node24",
  // CommonJS loads faster than an ES module, and Node's compile cache and snapshots take it.
  format: "cjs",
  plugins: [leanUndici],
  legalComments: "none",
  logLevel: "warning",
})
