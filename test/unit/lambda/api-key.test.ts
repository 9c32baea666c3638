/** Claims about the API key: one read shared by all, kept for its time, read anew once after a rejection. */
import { mock } from "node:test"
import { expect } from "chai"
import { ApiKey, type ReadText } from "../../../lambda/src/api-key.ts"
import { KeyUnavailable } from "../../../lambda/src/errors.ts"
import type { KeySource } from "../../../lambda/src/settings.ts"
import { freshKey } from "../../standin/test-key.ts"
import { FakeClock } from "../../support/fake-clock.ts"

const SECRET = { kind: "secret", id: "nasa" } as const
const PARAMETER = { kind: "parameter", id: "/nasa" } as const

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => expect.fail("it was fulfilled"),
    (error: Error) => error,
  )
}

describe("lambda/api-key", () => {
  let clock: FakeClock
  let reads: number
  /** What Secrets Manager or Parameter Store holds. */
  let text: string
  beforeEach(() => {
    clock = new FakeClock()
    reads = 0
    text = freshKey()
  })
  const read: ReadText = async () => {
    reads += 1
    await new Promise((later) => setImmediate(later))
    return text
  }
  const apiKey = (keySource: KeySource = SECRET, keyTtlMs = 300_000, reader = read) =>
    new ApiKey({ keySource, keyField: "NASA_API_KEY", keyTtlMs }, clock, reader)

  it("of the environment is used as it is, and never read anywhere", async () => {
    const source = apiKey({ kind: "variable", key: text })
    expect(await source.current()).to.equal(text)
    expect(await source.after(text)).to.equal(undefined)
    expect(reads).to.equal(0)
  })

  it("is read once by a cold environment, and not again by a warm one until its time is over", async () => {
    const source = apiKey()
    for (const ms of [0, 1000, 298_999]) {
      await clock.sleep(ms)
      expect(await source.current()).to.equal(text)
    }
    expect(reads).to.equal(1)
    await clock.sleep(1)
    text = freshKey()
    expect(await source.current()).to.equal(text)
    expect(reads).to.equal(2)
  })

  it("is read every time with a time-to-live of 0", async () => {
    const source = apiKey(SECRET, 0)
    await source.current()
    await source.current()
    expect(reads).to.equal(2)
  })

  it("is read anew by a clock that was set back", async () => {
    const source = apiKey()
    await source.current()
    await clock.sleep(-1)
    await source.current()
    expect(reads).to.equal(2)
  })

  it("is one read for all who want it at once", async () => {
    const source = apiKey()
    const keys = await Promise.all(Array.from({ length: 20 }, () => source.current()))
    expect([new Set(keys).size, reads]).to.deep.equal([1, 1])
  })

  it("is read anew after a rejection, once for all whom it met", async () => {
    const source = apiKey()
    const old = await source.current()
    text = freshKey()
    const after = await Promise.all(Array.from({ length: 20 }, () => source.after(old)))
    expect(new Set(after)).to.deep.equal(new Set([text]))
    expect(reads).to.equal(2)
    // One whose rejection comes later finds what the others read.
    expect(await source.after(old)).to.equal(text)
    expect(reads).to.equal(2)
  })

  it("that is still the rejected one after reading anew is none", async () => {
    const source = apiKey()
    expect(await source.after(await source.current())).to.equal(undefined)
    expect(reads).to.equal(2)
  })

  it("that could not be read is tried again by the next, and nothing is kept of it", async () => {
    let broken = true
    const source = apiKey(SECRET, 300_000, async () => {
      if (broken) throw new Error("no")
      return text
    })
    const errors = await Promise.all([rejection(source.current()), rejection(source.current())])
    expect(errors.map(({ message }) => message)).to.deep.equal(["no", "no"])
    broken = false
    expect(await source.current()).to.equal(text)
  })

  describe("that can't be read anew when its time is over", () => {
    let fails: (() => Promise<string>) | undefined
    let warnings: string[]
    beforeEach(() => {
      fails = undefined
      warnings = []
    })
    const warn = (message: string) => void warnings.push(message)
    const unreliable: ReadText = async (from, signal) => {
      if (fails === undefined) return await read(from, signal)
      reads += 1
      return await fails()
    }
    const away = async () => {
      throw new KeyUnavailable("NASA_API_KEY_SECRET_ID: it can't be read (ServiceUnavailable)")
    }

    it("is used on with a warning, and tried again after 30 s", async () => {
      const source = apiKey(SECRET, 300_000, unreliable)
      await source.current({ warn })
      fails = away
      for (const ms of [300_000, 29_999, 1]) {
        await clock.sleep(ms)
        expect(await source.current({ warn })).to.equal(text)
      }
      const warning =
        "NASA_API_KEY_SECRET_ID: it can't be read (ServiceUnavailable); the key that was read before is used on"
      expect([reads, warnings]).to.deep.equal([3, [warning, warning]])
      fails = undefined
      text = freshKey()
      await clock.sleep(30_000)
      expect(await source.current({ warn })).to.equal(text)
      expect(warnings).to.have.length(2)
    })

    it("is used on where what is read holds no key any more", async () => {
      const source = apiKey(SECRET, 0, unreliable)
      await source.current()
      fails = async () => "no key"
      expect(await source.current({ warn })).to.equal(text)
      expect(warnings.join()).to.match(/holds no key: .*; the key that was read before is used on$/)
    })

    it("is tried again after its time-to-live where that is less than 30 s", async () => {
      const source = apiKey(SECRET, 10_000, unreliable)
      await source.current()
      fails = away
      for (const ms of [10_000, 9999, 1]) {
        await clock.sleep(ms)
        expect(await source.current({ warn })).to.equal(text)
      }
      expect([reads, warnings.length]).to.deep.equal([3, 2])
    })

    it("ends with whoever is out of time: nothing is put off, and nothing warned of", async () => {
      const source = apiKey(SECRET, 0, unreliable)
      await source.current()
      fails = () => new Promise<never>(() => {})
      const out = new AbortController()
      const asked = source.current({ signal: out.signal, warn })
      out.abort(new Error("out of time"))
      expect((await rejection(asked)).message).to.equal("out of time")
      fails = undefined
      text = freshKey()
      expect([await source.current({ warn }), warnings]).to.deep.equal([text, []])
    })

    it("is none after NASA rejected it", async () => {
      const source = apiKey(SECRET, 300_000, unreliable)
      await source.current()
      fails = away
      expect((await rejection(source.after(text))).name).to.equal("KeyUnavailable")
    })
  })

  describe("a read that nobody waits for any more", () => {
    /** Reads that end when the test says so. */
    let ends: ((text: string) => void)[]
    let signals: AbortSignal[]
    beforeEach(() => {
      ends = []
      signals = []
    })
    const slow: ReadText = async (_, signal) => {
      signals.push(signal)
      return await new Promise((end) => ends.push(end))
    }

    it("is stopped, and the next to ask reads again", async () => {
      const source = apiKey(SECRET, 300_000, slow)
      const first = new AbortController()
      source.current({ signal: first.signal }).catch(() => {})
      first.abort()
      const second = source.current()
      ends[1]?.(text)
      expect(await second).to.equal(text)
      expect(signals.map(({ aborted }) => aborted)).to.deep.equal([true, false])
    })

    it("neither replaces a newer key when it ends after all, nor ends the read that came after it", async () => {
      const source = apiKey(SECRET, 300_000, slow)
      const first = new AbortController()
      const old = source.current({ signal: first.signal })
      first.abort()
      const second = source.current()
      ends[0]?.(freshKey())
      await rejection(old)
      const third = source.current()
      ends[1]?.(text)
      expect(await Promise.all([second, third, source.current()])).to.deep.equal([text, text, text])
      expect(ends).to.have.length(2)
      // And the other way round: the newer key is kept, then the old read ends.
      const another = apiKey(SECRET, 300_000, slow)
      const left = new AbortController()
      const late = another.current({ signal: left.signal })
      left.abort()
      const newer = another.current()
      ends[3]?.(text)
      await newer
      ends[2]?.(freshKey())
      await rejection(late)
      expect(await another.current()).to.equal(text)
    })

    it("goes on while another waits for it", async () => {
      const source = apiKey(SECRET, 300_000, slow)
      const first = new AbortController()
      source.current({ signal: first.signal }).catch(() => {})
      const second = source.current({ signal: new AbortController().signal })
      first.abort()
      ends[0]?.(text)
      expect(await second).to.equal(text)
      expect(signals[0]?.aborted).to.equal(false)
    })
  })

  describe("is waited for", () => {
    /** Reads that end when the test says so, or when they are stopped. */
    let ends: ((text: string) => void)[]
    const slow: ReadText = (_, signal) =>
      new Promise((end, fail) => {
        ends.push(end)
        signal.addEventListener("abort", () => fail(new KeyUnavailable("stopped")))
      })
    /** Where the asker is after so many milliseconds: `pending`, the key, or the error's words. */
    const after = async (ms: number, asked: Promise<string | undefined>): Promise<string | undefined> => {
      mock.timers.tick(ms)
      const now = new Promise<string>((turn) => setImmediate(() => turn("pending")))
      return await Promise.race([asked.catch((error: Error) => error.message), now])
    }
    const LATE = "NASA_API_KEY_SECRET_ID: it can't be read (no answer in time)"
    beforeEach(() => {
      ends = []
      mock.timers.enable({ apis: ["setTimeout"] })
    })
    afterEach(() => mock.timers.reset())
    /** One whose key's time is over. */
    const stale = async (): Promise<ApiKey> => {
      const source = apiKey(SECRET, 1000, slow)
      const first = source.current()
      ends[0]?.(text)
      await first
      await clock.sleep(1000)
      return source
    }

    it("5 s where there is none yet", async () => {
      const asked = apiKey(SECRET, 300_000, slow).current()
      expect([await after(4999, asked), await after(1, asked)]).to.deep.equal(["pending", LATE])
    })

    it("1 s where an old one can be used on, which is then used for 1 s more", async () => {
      const source = await stale()
      const warnings: string[] = []
      const asked = source.current({ warn: (message) => void warnings.push(message) })
      expect([await after(999, asked), await after(1, asked)]).to.deep.equal(["pending", text])
      expect(warnings).to.deep.equal([`${LATE}; the key that was read before is used on`])
      await clock.sleep(999)
      expect([await source.current(), ends.length]).to.deep.equal([text, 2])
    })

    it("half of what is left of the time where that is less than 1 s", async () => {
      const asked = (await stale()).current({ leftMs: 600 })
      expect([await after(299, asked), await after(1, asked)]).to.deep.equal(["pending", text])
    })

    it("5 s after a rejection, by a read of its own where another began before it", async () => {
      const source = await stale()
      const refresh = source.current()
      const asked = source.after(text)
      expect(ends).to.have.length(3)
      expect([await after(1000, refresh), await after(3999, asked), await after(1, asked)]).to.deep.equal([
        text,
        "pending",
        LATE,
      ])
    })

    it("after a rejection by a read that began after it: what an earlier one brings is neither used nor kept", async () => {
      const source = await stale()
      const refresh = source.current()
      const asked = [source.after(text), source.after(text)]
      const rotated = freshKey()
      ends[2]?.(rotated)
      expect(await Promise.all(asked)).to.deep.equal([rotated, rotated])
      ends[1]?.(text)
      expect([await refresh, await source.current(), ends.length]).to.deep.equal([text, rotated, 3])
    })

    it("1 s, and what another read meanwhile is used in the place of the old one", async () => {
      const source = await stale()
      const refresh = source.current()
      const asked = source.after(text)
      const rotated = freshKey()
      ends[2]?.(rotated)
      await asked
      expect([await after(1000, refresh), await source.current()]).to.deep.equal([rotated, rotated])
    })

    it("1 s where an old one can be used on, although another waits for the same read 5 s", async () => {
      const source = await stale()
      const asked = source.after(text)
      const current = source.current()
      expect(ends).to.have.length(2)
      expect([await after(999, current), await after(1, current)]).to.deep.equal(["pending", text])
      const rotated = freshKey()
      expect(await after(3000, asked)).to.equal("pending")
      ends[1]?.(rotated)
      expect([await asked, await source.current()]).to.deep.equal([rotated, rotated])
    })
  })

  describe("is taken from", () => {
    const forms: Readonly<Record<string, (key: string) => string>> = {
      "a plain text": (key) => key,
      "a plain text with blanks and a line end": (key) => `  ${key}\r\n`,
      "a plain text with a byte order mark": (key) => `\uFEFF${key}`,
      "the member of a JSON object with a byte order mark": (key) => `\uFEFF${JSON.stringify({ NASA_API_KEY: key })}\n`,
      "the member of a JSON object": (key) => JSON.stringify({ user: "x", NASA_API_KEY: key }),
      "the member of a JSON object laid out": (key) => `\n${JSON.stringify({ NASA_API_KEY: ` ${key} ` }, null, 2)}\n`,
    }
    for (const [what, form] of Object.entries(forms)) {
      it(what, async () => {
        const key = text
        text = form(key)
        expect(await apiKey().current()).to.equal(key)
        expect(await apiKey(PARAMETER).current()).to.equal(key)
      })
    }
  })

  describe("is none, and KeyUnavailable says which variable and not what it held, in", () => {
    const wrong: Readonly<Record<string, string>> = {
      "an empty text": "",
      blanks: " \n",
      "a sentence": "this is no key at all",
      "a short word": "short",
      "129 letters": "a".repeat(129),
      "a JSON object without the member": '{"OTHER":"abcdefgh12345678"}',
      "a JSON object whose member is no text": '{"NASA_API_KEY":{"value":"abcdefgh12345678"}}',
      "a JSON object with the member inherited": '{"__proto__":{"NASA_API_KEY":"abcdefgh12345678"}}',
      "a JSON text": '"abcdefgh12345678"',
      "broken JSON": '{"NASA_API_KEY":"abcdefgh12345678"',
    }
    for (const [what, held] of Object.entries(wrong)) {
      it(what, async () => {
        text = held
        for (const [source, variable] of [
          [SECRET, "NASA_API_KEY_SECRET_ID"],
          [PARAMETER, "NASA_API_KEY_PARAMETER"],
        ] as const) {
          const error = await rejection(apiKey(source).current())
          expect(error.name).to.equal("KeyUnavailable")
          expect(error.message).to.match(new RegExp(`^${variable}: what it names holds no key`))
          for (const word of held.match(/\w{8,}/g) ?? []) {
            if (word !== "NASA_API_KEY") expect(error.message).not.to.include(word)
          }
        }
      })
    }
  })
})
