/** Kills at random moments: a reader of the output meets a whole file, the old or the new, and never none. */
import { randomInt } from "node:crypto"
import { once } from "node:events"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { expect } from "chai"
import { execa } from "execa"
import { startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { ROOT, Workplace } from "../support/get-data.ts"

/** Bytes: large enough that a write takes several system calls. */
const DOCUMENT_SIZE = 1_500_000

describe("killed at any moment", () => {
  let place: Workplace
  before(async () => {
    place = await Workplace.open()
  })
  after(() => place.close())

  it("200 kills while it writes leave no torn file and lose none", async function () {
    this.timeout(120_000)
    const lane = async (target: string, kills: number) => {
      const seen = new Set<string>()
      for (let kill = 0; kill < kills; kill += 1) {
        const writer = execa(
          process.execPath,
          [join(ROOT, "test/support/write-forever.ts"), join(place.folder, target), `${DOCUMENT_SIZE}`],
          { reject: false, stderr: "inherit" },
        )
        await once(writer.stdout, "data")
        // Not a wait for something: the random moment itself.
        await sleep(kill === 0 ? 200 : randomInt(0, 25))
        writer.kill("SIGKILL")
        expect((await writer).signal).to.equal("SIGKILL")
        const { letter, filler } = JSON.parse(await place.read(target))
        expect(filler.length).to.equal(DOCUMENT_SIZE)
        seen.add(letter)
      }
      return seen
    }
    const [first, second] = await Promise.all([lane("one/response.json", 100), lane("two/response.json", 100)])
    // Both documents were met: the kills did fall among writes.
    expect([...first, ...second].sort().join("")).to.match(/a.*b/)
    const partials = [...(await place.files("one")), ...(await place.files("two"))].filter((file) =>
      file.endsWith(".partial"),
    )
    expect(partials.length, "kills that fell into a write").to.be.greaterThan(0)
  })

  it("40 kills of the whole program leave the earlier page or the new one", async function () {
    this.timeout(60_000)
    const standin = await startStandin()
    try {
      const page = (number: number) =>
        place.start(["--base-url", standin.url, "--page", `${number}`, "--quiet"], { NASA_API_KEY: freshKey() })
      expect((await page(0)).exitCode).to.equal(0)
      const started = performance.now()
      expect((await page(0)).exitCode).to.equal(0)
      const whole = performance.now() - started
      let current = 0
      let replaced = 0
      for (let kill = 1; kill <= 40; kill += 1) {
        const run = page(kill)
        await sleep(randomInt(Math.ceil(whole / 4), Math.ceil(whole * 1.3)))
        run.kill("SIGKILL")
        await run
        const { number } = JSON.parse(await place.read()).page
        expect([current, kill]).to.include(number)
        if (number === kill) replaced += 1
        current = number
      }
      expect(replaced, "kills after the new file stood").to.be.within(1, 39)
    } finally {
      await standin.close()
    }
  })
})
