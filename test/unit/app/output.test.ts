/** Claims about putting the document in its place, on real files: whole or not at all. */
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { PassThrough, Writable } from "node:stream"
import { setImmediate } from "node:timers/promises"
import { expect } from "chai"
import fc from "fast-check"
import { fileOutput, type Output, OutputUnwritable, streamOutput } from "../../../app/src/output.ts"

const NEVER = new AbortController().signal
const EARLIER = '{"earlier":true}\n'
const LATER = '{"later":"é🛰"}\n'

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    () => expect.fail("it was fulfilled"),
    (error: Error) => error,
  )
}

/** The same whether an error is thrown at once or later. */
async function place(path: string): Promise<Output> {
  return await fileOutput(path)
}

/** Root may write everywhere: there, `claim` runs with the rights of nobody. */
async function asNobody(claim: () => Promise<void>): Promise<void> {
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    await claim()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

describe("app/output", () => {
  let folder: string
  let umask: number
  const at = (...parts: string[]) => join(folder, ...parts)
  /** Everything below the folder, sorted. */
  const entries = () => readdirSync(folder, { recursive: true }).map(String).sort()
  const modeOf = (path: string) => statSync(path).mode & 0o777
  async function write(path: string, document = LATER): Promise<void> {
    const output = await place(path)
    await output.write(document, NEVER)
  }

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "perigee-output-")))
    chmodSync(folder, 0o777)
    umask = process.umask(0o022)
  })
  afterEach(() => {
    process.umask(umask)
    for (const closed of ["closed", "letterbox"]) if (existsSync(at(closed))) chmodSync(at(closed), 0o755)
    rmSync(folder, { recursive: true, force: true })
  })

  describe("a file", () => {
    it("holds the document as UTF-8, byte for byte, and lies alone in its folder", async () => {
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), async (document) => {
          await write(at("out.json"), document)
          expect(readFileSync(at("out.json"))).to.deep.equal(Buffer.from(document))
          expect(entries()).to.deep.equal(["out.json"])
        }),
        { numRuns: 20 },
      )
    })

    it("has its parent folders made", async () => {
      await write(at("a", "b", "c", "out.json"))
      expect(readFileSync(at("a", "b", "c", "out.json"), "utf8")).to.equal(LATER)
    })

    it("may be named relative to the working folder", async () => {
      await write(relative(process.cwd(), at("out.json")))
      expect(readFileSync(at("out.json"), "utf8")).to.equal(LATER)
    })

    it("is replaced, not overwritten: who has the earlier one open goes on reading it whole", async () => {
      writeFileSync(at("out.json"), EARLIER)
      const earlier = openSync(at("out.json"), "r")
      try {
        await write(at("out.json"))
        expect(readFileSync(earlier, "utf8")).to.equal(EARLIER)
        expect(readFileSync(at("out.json"), "utf8")).to.equal(LATER)
      } finally {
        closeSync(earlier)
      }
    })

    it("that is new may be read and written as the umask allows", async () => {
      await write(at("out.json"))
      expect(modeOf(at("out.json"))).to.equal(0o644)
    })

    for (const mode of [0o600, 0o640, 0o644]) {
      it(`keeps mode ${mode.toString(8)}`, async () => {
        writeFileSync(at("out.json"), EARLIER)
        chmodSync(at("out.json"), mode)
        await write(at("out.json"))
        expect(modeOf(at("out.json"))).to.equal(mode)
      })
    }

    it("keeps a mode wider than the umask allows new files", async () => {
      for (const mode of [0o664, 0o666, 0o660]) {
        writeFileSync(at("out.json"), EARLIER)
        chmodSync(at("out.json"), mode)
        await write(at("out.json"))
        expect(modeOf(at("out.json")).toString(8)).to.equal(mode.toString(8))
      }
    })

    it("may have any name that the file system takes: 255 bytes", async () => {
      for (const name of ["x".repeat(255), "軌".repeat(80), `${"é".repeat(120)}.json`]) {
        await write(at(name))
        expect(readFileSync(at(name), "utf8")).to.equal(LATER)
      }
    })
  })

  describe("a symbolic link", () => {
    it("is written through: it stays, and its target is replaced with its mode kept", async () => {
      mkdirSync(at("data"))
      writeFileSync(at("data", "real.json"), EARLIER, { mode: 0o600 })
      symlinkSync(join("data", "real.json"), at("link.json"))
      await write(at("link.json"))
      expect(lstatSync(at("link.json")).isSymbolicLink()).to.equal(true)
      expect(readFileSync(at("data", "real.json"), "utf8")).to.equal(LATER)
      expect(modeOf(at("data", "real.json"))).to.equal(0o600)
      expect(entries()).to.deep.equal(["data", "data/real.json", "link.json"])
    })

    it("to a link is written through to the end", async () => {
      writeFileSync(at("real.json"), EARLIER)
      symlinkSync("real.json", at("second.json"))
      symlinkSync(at("second.json"), at("first.json"))
      await write(at("first.json"))
      expect(readFileSync(at("real.json"), "utf8")).to.equal(LATER)
      expect(["first.json", "second.json"].map((name) => lstatSync(at(name)).isSymbolicLink())).to.deep.equal([
        true,
        true,
      ])
    })

    it("to a file that is not there yet has that file made", async () => {
      symlinkSync(join("data", "real.json"), at("link.json"))
      await write(at("link.json"))
      expect(lstatSync(at("link.json")).isSymbolicLink()).to.equal(true)
      expect(readFileSync(at("data", "real.json"), "utf8")).to.equal(LATER)
    })

    it("to a link to a file that is not there yet stays, and so does that link", async () => {
      symlinkSync("real.json", at("second.json"))
      symlinkSync("second.json", at("first.json"))
      await write(at("first.json"))
      expect(["first.json", "second.json"].map((name) => lstatSync(at(name)).isSymbolicLink())).to.deep.equal([
        true,
        true,
      ])
      expect(readFileSync(at("real.json"), "utf8")).to.equal(LATER)
    })

    it("in a linked folder leads where the file system says, not where the text of the path does", async () => {
      mkdirSync(at("deep", "folder"), { recursive: true })
      symlinkSync(join("deep", "folder"), at("shortcut"))
      symlinkSync(join("..", "real.json"), at("deep", "folder", "link.json"))
      await write(at("shortcut", "link.json"))
      expect(existsSync(at("real.json")), "a file beside the shortcut").to.equal(false)
      expect(readFileSync(at("deep", "real.json"), "utf8")).to.equal(LATER)
    })

    it("that goes in a circle is refused before anything is written", async () => {
      symlinkSync("b", at("a"))
      symlinkSync("a", at("b"))
      const error = await rejection(place(at("a")))
      expect(error).to.be.instanceOf(OutputUnwritable)
      expect(error.message).to.equal(`cannot write ${at("a")}: its symbolic links go in a circle`)
    })
  })

  describe("what can't be written is known before the document is there:", () => {
    async function refused(path: string): Promise<string> {
      const before = entries()
      const error = await rejection(place(path))
      expect(error).to.be.instanceOf(OutputUnwritable)
      expect(error.message).to.match(/^[^\n]+$/)
      expect(entries()).to.deep.equal(before)
      return error.message
    }

    it("a folder", async () => {
      mkdirSync(at("folder"))
      expect(await refused(at("folder"))).to.include("is a folder; name a file in it")
      expect(await refused("/")).to.include("is a folder")
    })

    it("a link to a folder", async () => {
      mkdirSync(at("folder"))
      symlinkSync("folder", at("link"))
      expect(await refused(at("link"))).to.include("is a folder")
    })

    it("a device", async () => {
      expect(await refused("/dev/null")).to.include("is no regular file")
      expect(lstatSync("/dev/null").isCharacterDevice()).to.equal(true)
    })

    it("a named pipe", async () => {
      execFileSync("mkfifo", [at("pipe")])
      expect(await refused(at("pipe"))).to.include("is no regular file")
    })

    it("a path through a file", async () => {
      writeFileSync(at("file"), EARLIER)
      expect(await refused(at("file", "out.json"))).to.include("a part of its path is a file, not a folder")
      expect(await refused(at("file", "more", "out.json"))).to.include("a part of its path is a file, not a folder")
      expect(readFileSync(at("file"), "utf8")).to.equal(EARLIER)
    })

    it("a name that is too long", async () => {
      expect(await refused(at("x".repeat(256)))).to.include("its name is too long")
    })

    it("a read-only folder, which may hold an earlier file", async () => {
      mkdirSync(at("closed"))
      writeFileSync(at("closed", "out.json"), EARLIER, { mode: 0o666 })
      chmodSync(at("closed"), 0o555)
      await asNobody(async () => {
        expect(await refused(at("closed", "out.json"))).to.match(/no permission for user \d+; .*docker run --user/)
        expect(await refused(at("closed", "new.json"))).to.include("no permission")
        expect(await refused(at("closed", "a", "b.json"))).to.include("no permission")
      })
      expect(readFileSync(at("closed", "out.json"), "utf8")).to.equal(EARLIER)
    })

    it("a read-only file: whoever closed it meant it", async () => {
      writeFileSync(at("out.json"), EARLIER)
      chmodSync(at("out.json"), 0o444)
      await asNobody(async () => {
        expect(await refused(at("out.json"))).to.include("no permission")
      })
    })

    it("and what can is left as it was until the document is there", async () => {
      writeFileSync(at("out.json"), EARLIER)
      const before = statSync(at("out.json"))
      await place(at("out.json"))
      await place(at("new.json"))
      const after = statSync(at("out.json"))
      expect([after.ino, after.mtimeMs, after.size]).to.deep.equal([before.ino, before.mtimeMs, before.size])
      expect(entries()).to.deep.equal(["out.json"])
    })
  })

  it("a folder that may be written to and not listed takes a file, or is refused before the document is there", async () => {
    mkdirSync(at("letterbox"))
    chmodSync(at("letterbox"), 0o333)
    let failedLate: unknown
    await asNobody(async () => {
      const output = await place(at("letterbox", "out.json")).catch(() => undefined)
      await output?.write(LATER, NEVER).catch((error: unknown) => {
        failedLate = error
      })
    })
    expect(failedLate).to.equal(undefined)
  })

  describe("a failure keeps the earlier file and leaves nothing beside it:", () => {
    beforeEach(() => {
      writeFileSync(at("out.json"), EARLIER)
    })
    const expectEarlier = () => {
      expect(readFileSync(at("out.json"), "utf8")).to.equal(EARLIER)
      expect(entries()).to.deep.equal(["out.json"])
    }

    it("an abort before the write", async () => {
      const output = await place(at("out.json"))
      const reason = new Error("stop")
      expect(await rejection(output.write(LATER, AbortSignal.abort(reason)))).to.equal(reason)
      expectEarlier()
    })

    it("a target that became a folder meanwhile", async () => {
      const output = await place(at("new.json"))
      mkdirSync(at("new.json"))
      expect(await rejection(output.write(LATER, NEVER))).to.be.instanceOf(OutputUnwritable)
      expect(entries()).to.deep.equal(["new.json", "out.json"])
    })

    it("a folder that went away meanwhile", async () => {
      mkdirSync(at("folder"))
      const output = await place(at("folder", "new.json"))
      renameSync(at("folder"), at("elsewhere"))
      expect(await rejection(output.write(LATER, NEVER))).to.be.instanceOf(OutputUnwritable)
      expect(readdirSync(at("elsewhere"))).to.deep.equal([])
    })
  })

  it("an abort once the write is over comes too late: the new file stands, whole", async () => {
    writeFileSync(at("out.json"), EARLIER)
    const stop = new AbortController()
    const document = LATER.repeat(100_000)
    await (await place(at("out.json"))).write(document, stop.signal)
    stop.abort(new Error("stop"))
    expect(readFileSync(at("out.json"), "utf8") === document).to.equal(true)
    expect(entries()).to.deep.equal(["out.json"])
  })

  describe("a stream", () => {
    it("gets the whole document, and no end", async () => {
      const stream = new PassThrough({ highWaterMark: 1 << 24 })
      const document = LATER.repeat(10_000)
      await streamOutput(stream).write(document, NEVER)
      expect(stream.writableEnded).to.equal(false)
      expect(String(stream.read())).to.equal(document)
    })

    it("that takes its time is waited for", async () => {
      let taken = 0
      const slow = new Writable({
        highWaterMark: 1,
        write(chunk: Buffer, _encoding, done) {
          taken += chunk.length
          void setImmediate().then(() => done())
        },
      })
      await streamOutput(slow).write(LATER, NEVER)
      expect(taken).to.equal(Buffer.byteLength(LATER))
    })

    it("whose reader went away is OutputUnwritable, in words", async () => {
      const broken = new Writable({
        write(_chunk, _encoding, done) {
          done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }))
        },
      })
      const error = await rejection(streamOutput(broken).write(LATER, NEVER))
      expect(error).to.be.instanceOf(OutputUnwritable)
      expect(error.message).to.equal("cannot write stdout: its reader went away")
    })
  })
})
