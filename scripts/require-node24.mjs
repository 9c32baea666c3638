/** Stops a script with one clear line where it would not run on the project's own Node 24 (the npm package `node`). */
// Plain JavaScript on purpose: this is the one file that an older Node has to be able to read.
const major = Number(process.versions.node.split(".")[0])
if (major !== 24) {
  process.stderr.write(
    `perigee runs on Node 24 and found ${process.version}: node_modules/.bin/node is missing. ` +
      "Run `npm ci` here, with install scripts allowed for the package `node` (package.json's allowScripts does so; " +
      "`--ignore-scripts` and `--omit=dev` undo it), and start the script with `npm run`.\n",
  )
  process.exit(1)
}
