/** NeoWs' recorded answers over HTTP, fetched by the bundle: nothing but the key changes, which Python confirms. */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { Workplace } from "../support/get-data.ts"
import { describeWith, program, recordedAnswer, recordedAnswers } from "../support/needs.ts"

const PAGES = [
  { file: "browse-page0-2022.json", page: 0, size: 20 },
  { file: "browse-page0-2017.json", page: 0, size: 20 },
  { file: "browse-page1-size5-2016.json", page: 1, size: 5 },
]

const ERRORS = [
  { file: "error-403-API_KEY_INVALID.json", status: 403, exit: 77, says: "API_KEY_INVALID" },
  { file: "error-403-API_KEY_MISSING.json", status: 403, exit: 77, says: "API_KEY_MISSING" },
  { file: "error-429-OVER_RATE_LIMIT.json", status: 429, exit: 75, says: "OVER_RATE_LIMIT" },
  { file: "error-404-upstream.json", status: 404, exit: 66, says: "past the end" },
]

/**
 * An independent reading of both documents: numbers and constants as they are spelled, members in order, and the
 * parameter taken out of the sent one by Python's own URL parser.
 */
const COMPARE = `
import json, sys
from urllib.parse import urlsplit, urlunsplit
def pairs(members): return ["object", members]
def load(path):
    spelled = lambda text: ["number", text]
    return json.load(open(path, encoding="utf-8"), object_pairs_hook=pairs, parse_int=spelled, parse_float=spelled)
removed = 0
def without_key(value):
    global removed
    if isinstance(value, str) and "api_key=" in value:
        removed += 1
        parts = urlsplit(value)
        query = "&".join(p for p in parts.query.split("&") if p.partition("=")[0] != "api_key")
        return urlunsplit(parts._replace(query=query))
    if isinstance(value, (list, tuple)): return [without_key(v) for v in value]
    return value
def plain(value):
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value
sent, written = without_key(load(sys.argv[1])), plain(load(sys.argv[2]))
print(json.dumps({"same": sent == written, "removed": removed}))
`

describeWith([recordedAnswers], "get-data on recorded answers", () => {
  let place: Workplace
  beforeEach(async () => {
    place = await Workplace.open()
  })
  afterEach(() => place.close())

  const fetchRecorded = async (answer: { status?: number; body: Buffer }, page: number, size: number) => {
    const standin = await startStandin({ answer })
    try {
      const args = ["--base-url", standin.url, "--page", `${page}`, "--size", `${size}`, "--retries", "0"]
      return await place.start(args, { NASA_API_KEY: freshKey() })
    } finally {
      await standin.close()
    }
  }

  for (const { file, page, size } of PAGES) {
    it(`writes ${file} laid out with two spaces, and without the key it was recorded with`, async () => {
      const body = recordedAnswer(file)
      const { exitCode, stderr } = await fetchRecorded({ body }, page, size)
      expect(exitCode).to.equal(0, stderr)
      const text = await place.read()
      // These answers hold only numbers that JavaScript prints as they were sent.
      const expected = JSON.stringify(JSON.parse(body.toString()), null, 2)
      const parameter = /(?:\?api_key=DEMO_KEY(?=")|&api_key=DEMO_KEY)/g
      expect(text).to.equal(`${expected.replace(parameter, "")}\n`)
      expect(text).not.to.contain("api_key")
    })
  }

  for (const { file, status, exit, says } of ERRORS) {
    it(`ends with ${exit} on ${file} (${status})`, async () => {
      const { exitCode, stderr } = await fetchRecorded({ status, body: recordedAnswer(file) }, 1755, 20)
      expect(exitCode).to.equal(exit)
      expect(stderr).to.contain(says)
    })
  }

  describeWith([program("python3")], "by Python's reading", () => {
    for (const { file, page, size } of PAGES) {
      it(`changes nothing in ${file} but the key`, async () => {
        const body = recordedAnswer(file)
        const sent = join(place.folder, "sent.json")
        await writeFile(sent, body)
        await fetchRecorded({ body }, page, size)
        const { stdout } = await execa("python3", ["-c", COMPARE, sent, join(place.folder, "output/response.json")])
        const links = body.toString().split("api_key=").length - 1
        expect(JSON.parse(stdout)).to.deep.equal({ same: true, removed: links })
      })
    }
  })
})
