/**
 * `npm run demo`: the main job with no key and no network: starts the stand-in NeoWs, builds the bundle that the image
 * carries, runs it against the stand-in, and prints the file it wrote.
 */
import { readFile } from "node:fs/promises"
import { resolve } from "node:path"
import { execa } from "execa"
import { startStandin } from "../test/standin/server.ts"
import { freshKey } from "../test/standin/test-key.ts"

const ROOT = resolve(import.meta.dirname, "..")
const OUTPUT = "output/response.json"
const tell = (line: string) => process.stderr.write(`demo: ${line}\n`)

if (process.argv.length > 2) {
  tell("it takes no flags; `npm run neows` starts the stand-in, and `npx get-data --base-url …` asks it")
  process.exit(64)
}
// `npm run demo | head` is no failure.
process.stdout.on("error", () => {})

const build = await execa("npm", ["run", "--silent", "build", "-w", "app"], {
  cwd: ROOT,
  stdio: "inherit",
  reject: false,
})
if (build.failed) process.exit(build.exitCode ?? 1)

const standin = await startStandin()
tell(`stand-in NeoWs at ${standin.url}: a synthetic catalogue, nothing of NASA's`)
try {
  const { exitCode, failed } = await execa(
    process.execPath,
    ["app/dist/get-data.cjs", "--base-url", standin.url, "--output", OUTPUT],
    // Nothing of the caller's own settings reaches it; the key is made up for this run.
    {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      reject: false,
      extendEnv: false,
      env: { NASA_API_KEY: freshKey(), NO_COLOR: process.env["NO_COLOR"] },
    },
  )
  if (failed) process.exitCode = exitCode ?? 1
  else {
    process.stdout.write(await readFile(resolve(ROOT, OUTPUT)))
    tell(`that was ${OUTPUT}, ${(await readFile(resolve(ROOT, OUTPUT))).length} bytes; the data is synthetic`)
  }
} finally {
  await standin.close()
}
