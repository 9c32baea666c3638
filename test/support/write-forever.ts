/** Writes two documents to one file in turn, without end, by the fetcher's own output: to be killed at it. */
import { fileOutput } from "../../app/src/output.ts"

const [target = "", size = "0"] = process.argv.slice(2)
const documents = ["a", "b"].map((letter) => `${JSON.stringify({ letter, filler: letter.repeat(Number(size)) })}\n`)
const { signal } = new AbortController()

process.stdout.write("ready\n")
for (;;) {
  for (const document of documents) await fileOutput(target).write(document, signal)
}
