/** Bundles a service to what its image runs: `node services/build.ts user_metadata` → `services/user_metadata/dist`. */
import { cp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { build, type Plugin } from "esbuild"

const NAMES = ["user_metadata", "flight_metadata", "flights_availability"]

/** node-pg-migrate loads migrations in TypeScript by jiti, and with it Babel; those here are SQL. */
const withoutJiti: Plugin = {
  name: "without-jiti",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^jiti$/ }, () => ({ path: "jiti", namespace: "none" }))
    onLoad({ filter: /^jiti$/, namespace: "none" }, () => ({ contents: "export const createJiti = () => ({})" }))
  },
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !NAMES.includes(name))
if (unknown !== undefined) {
  process.stderr.write(`build: ${unknown} is none of ${NAMES.join(", ")}\n`)
  process.exit(64)
}

for (const name of wanted.length === 0 ? NAMES : wanted) {
  const folder = join(import.meta.dirname, name)
  const dist = join(folder, "dist")
  await rm(dist, { recursive: true, force: true })
  await build({
    entryPoints: [join(folder, "src/main.ts")],
    outfile: join(dist, "bin/main.cjs"),
    bundle: true,
    minify: true,
    // Names of classes are part of what the logs say.
    keepNames: true,
    platform: "node",
    target: "node24",
    // CommonJS loads faster than an ES module, and Node's compile cache takes it.
    format: "cjs",
    // The migrations lie beside `bin`, as they lie beside `src`.
    define: { "import.meta.dirname": "__dirname" },
    // Optional, and not installed: pg asks for it and goes on without.
    external: ["pg-native"],
    plugins: [withoutJiti],
    legalComments: "none",
    // node-pg-migrate and its like ask for their own URL to find files that are not used here.
    logOverride: { "empty-import-meta": "silent" },
    logLevel: "warning",
  })
  await cp(join(folder, "migrations"), join(dist, "migrations"), { recursive: true })
  // The page of /docs; the bundle looks for it beside `bin`.
  const ui = dirname(createRequire(join(import.meta.dirname, "platform/package.json")).resolve("@fastify/swagger-ui"))
  await cp(join(ui, "static"), join(dist, "static"), { recursive: true })
}
