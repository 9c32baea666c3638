/** Stops a script with one clear line where it would not run on the project's own Node 24 (the npm package `node`). */
// Plain JavaScript on purpose: this is the one file that an older Node has to be able to read.
import { existsSync } from "node:fs"

const installed = existsSync(new URL("../node_modules/.bin/node", import.meta.url))
const major = Number(process.versions.node.split(".")[0])
if (!installed) {
  stop(
    "node_modules/.bin/node is missing: run `npm ci` here, with install scripts allowed for the package `node` " +
      "(package.json's allowScripts does so; `--ignore-scripts` and `--omit=dev` undo it)",
  )
} else if (major !== 24) {
  stop(`perigee runs on its own Node 24, and this is ${process.version}: start it with \`npm run\` or \`npx\``)
}

function stop(line) {
  process.stderr.write(`${line}\n`)
  process.exit(1)
}
