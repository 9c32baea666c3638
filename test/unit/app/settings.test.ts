/** Claims about the program's configuration: flags, variables, their ranges and the key. */
import { randomBytes } from "node:crypto"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "chai"
import fc from "fast-check"
import {
  type Environment,
  KeyUnusable,
  NUMBERS,
  parseFlags,
  settingsOf,
  UsageError,
} from "../../../app/src/settings.ts"

const freshKey = () => randomBytes(30).toString("base64url")
const settings = (argv: readonly string[] = [], env: Environment = {}) => settingsOf(parseFlags(argv), env)
const names = Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]
/** What the settings say for a flag that takes a number, in the flag's own unit. */
function told(name: keyof typeof NUMBERS, { page, size, timeoutMs, retries, maxWaitMs }: ReturnType<typeof settings>) {
  return { page, size, timeout: timeoutMs / 1000, retries, "max-wait": maxWaitMs / 1000 }[name]
}

/** Root may read everything: there, `claim` runs with the rights of nobody. */
function asNobody(claim: () => void): void {
  const isRoot = process.getuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    claim()
  } finally {
    if (isRoot) process.seteuid?.(0)
  }
}

describe("app/settings", () => {
  describe("defaults", () => {
    it("are those of the README", () => {
      const { baseUrl, ...others } = settings()
      expect(baseUrl.href).to.equal("https://api.nasa.gov/")
      expect(others).to.deep.equal({
        page: 1755,
        size: 20,
        output: "output/response.json",
        s3: undefined,
        timeoutMs: 30_000,
        retries: 4,
        maxWaitMs: 60_000,
        apiKey: "DEMO_KEY",
        summary: false,
        quiet: false,
        verbose: false,
        httpsProxy: undefined,
        noProxy: "",
      })
    })

    it("hold for every variable that is empty", () => {
      const variables = [...names.map((name) => NUMBERS[name].variable), "NEOWS_OUTPUT", "NEOWS_BASE_URL"]
      const more = ["NASA_API_KEY", "NASA_API_KEY_FILE", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]
      const empty = Object.fromEntries([...variables, ...more].map((variable) => [variable, ""]))
      expect(settings([], empty)).to.deep.equal(settings())
    })
  })

  describe("numbers", () => {
    const flag = fc.constantFrom(...names)

    it("are taken from 0-9 only digits within the range, and refused else with source, value and range", () => {
      const text = fc.oneof(
        fc.integer({ min: -5, max: 200_000 }).map(String),
        fc.bigInt({ min: 0n, max: 10n ** 12n }).map(String),
        fc
          .constantFrom(...names)
          .chain((name) => fc.constantFrom(NUMBERS[name].min, NUMBERS[name].max, NUMBERS[name].max + 1).map(String)),
        fc.nat({ max: 30 }).map((number) => `00${number}`),
        fc.constantFrom(
          "+1",
          " 1",
          "1 ",
          "1.0",
          "1e1",
          "0x1",
          "1_0",
          "１",
          "٣",
          "Infinity",
          "NaN",
          "one",
          "1\n",
          "-0",
          "--1",
        ),
        fc.string({ minLength: 1, maxLength: 5 }),
      )
      fc.assert(
        fc.property(flag, text, fc.boolean(), (name, given, byFlag) => {
          const { flag: flagName, variable, min, max } = NUMBERS[name]
          const read = () => settings(byFlag ? [`${flagName}=${given}`] : [], byFlag ? {} : { [variable]: given })
          const isDigits = Array.from(given).every((character) => "0123456789".includes(character))
          if (isDigits && BigInt(given) >= min && BigInt(given) <= max)
            expect(told(name, read())).to.equal(Number(given))
          else {
            // Eight letters may be a key.
            const shown = given === "Infinity" ? "a text of 8 characters" : JSON.stringify(given)
            const message = `${byFlag ? flagName : variable}: ${shown} is not a whole number from ${min} to ${max}`
            expect(read).to.throw(UsageError, message)
          }
        }),
        { numRuns: 500 },
      )
    })

    it("come from the flag where flag and variable are both given, even if the variable is nonsense", () => {
      fc.assert(
        fc.property(
          flag,
          fc.integer({ min: 1, max: 20 }),
          fc.constantFrom("2", "nonsense", "-1"),
          (name, value, other) => {
            const { flag: flagName, variable } = NUMBERS[name]
            expect(told(name, settings([flagName, String(value)], { [variable]: other }))).to.equal(value)
          },
        ),
      )
    })

    it("do not fall back to the variable where the flag is empty", () => {
      expect(() => settings(["--page="], { NEOWS_PAGE: "1" })).to.throw(UsageError, '--page: "" is not')
    })

    it("have the ranges of the README", () => {
      expect(names.map((name) => [name, NUMBERS[name].min, NUMBERS[name].fallback])).to.deep.equal([
        ["page", 0, 1755],
        ["size", 1, 20],
        ["timeout", 1, 30],
        ["retries", 0, 4],
        ["max-wait", 0, 60],
      ])
      expect(NUMBERS.size.max).to.equal(20)
    })

    it("that are negative are bad values, not flags", () => {
      expect(() => settings(["--page", "-1"])).to.throw(UsageError, '--page: "-1" is not a whole number from 0')
    })

    it("that may be a key in the wrong place are not shown, but numbers are", () => {
      for (const length of [8, 12, 20, 40]) {
        const key = `k${freshKey().slice(1, length)}`
        const message = new RegExp(`^NEOWS_PAGE: a text of ${length} characters is not a whole number`)
        expect(() => settings([], { NEOWS_PAGE: key })).to.throw(UsageError, message)
        expect(() => settings([`--size= ${key}`])).to.throw(UsageError, `--size: a text of ${length + 1} characters is`)
      }
      expect(() => settings(["--page=-4294967296"])).to.throw(UsageError, '--page: "-4294967296" is not')
      expect(() => settings(["--page", "seven"])).to.throw(UsageError, '--page: "seven" is not')
    })

    it("that are long are told by their length", () => {
      expect(() => settings(["--page", "x".repeat(5000)])).to.throw(UsageError, /^.{1,160}$/)
    })
  })

  describe("parseFlags", () => {
    it("understands or refuses any command line: never another error", () => {
      const word = fc.oneof(
        fc.constantFrom(
          "--page",
          "--output",
          "--summary",
          "--help",
          "--",
          "-",
          "-1",
          "--=x",
          "--no-quiet",
          "--__proto__=1",
          "-abc",
          "",
        ),
        fc.string({ unit: "binary", maxLength: 8 }),
        fc.string({ maxLength: 8 }).map((text) => `--${text}`),
      )
      fc.assert(
        fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
          try {
            expect(Object.getPrototypeOf(parseFlags(argv))).to.equal(Object.prototype)
          } catch (error) {
            expect(error).to.be.instanceOf(UsageError)
          }
        }),
        { numRuns: 500 },
      )
    })

    it("takes --flag value and --flag=value alike, and the last of a repeated flag", () => {
      expect(parseFlags(["--page", "1", "--output=a b"])).to.deep.equal({ page: "1", output: "a b" })
      expect(parseFlags(["--page=1", "--page", "2", "--quiet"])).to.deep.equal({ page: "2", quiet: true })
    })

    it("takes - as the output", () => {
      expect(settings(["--output", "-"]).output).to.equal("-")
      expect(settings(["--output=-"]).output).to.equal("-")
    })

    for (const flag of ["--pages", "--API-KEY", "--no-summary", "-p", "--constructor", "--__proto__"]) {
      it(`refuses ${flag} by name`, () => {
        expect(() => parseFlags([flag])).to.throw(UsageError, new RegExp(`^${flag} is no flag`))
      })
    }

    it("does not take another flag as a flag's missing value", () => {
      for (const argv of [["--page"], ["--page", "--size", "3"], ["--output", "--summary"]]) {
        expect(() => parseFlags(argv), argv.join(" ")).to.throw(UsageError)
      }
    })

    it("refuses a value for a flag that takes none", () => {
      expect(() => parseFlags(["--summary=no"])).to.throw(UsageError, "--summary takes no value")
    })

    it("refuses an argument that is no flag", () => {
      for (const argv of [["file.json"], ["--", "file.json"], [""], ["-"]]) {
        expect(() => parseFlags(argv), argv.join(" ")).to.throw(UsageError, "flags only")
      }
    })

    it("says where the key goes to whoever gives it as a flag, and does not say the key", () => {
      const key = `k${freshKey()}`
      for (const argv of [[`--api-key=${key}`], ["--api-key", key], [`--key=${key}`], [`--nasa_api_key=${key}`]]) {
        expect(() => parseFlags(argv))
          .to.throw(UsageError, /NASA_API_KEY or NASA_API_KEY_FILE/)
          .with.property("message")
          .not.includes(key)
      }
      expect(() => parseFlags([key]))
        .to.throw(UsageError)
        .with.property("message")
        .not.includes(key)
    })
  })

  describe("--output", () => {
    it("comes from the flag, else the variable", () => {
      expect(settings(["--output", "a"], { NEOWS_OUTPUT: "b" }).output).to.equal("a")
      expect(settings([], { NEOWS_OUTPUT: "b" }).output).to.equal("b")
    })

    it("refuses an empty name and one with a NUL character", () => {
      expect(() => settings(["--output="])).to.throw(UsageError, "--output: an empty file name")
      expect(() => settings(["--output", "a\0b"])).to.throw(UsageError, "NUL")
    })
  })

  describe("--base-url", () => {
    it("takes an origin with or without a path", () => {
      for (const text of ["https://example.com", "https://example.com:8443/a/b/", "http://localhost:8080/prefix"]) {
        expect(settings(["--base-url", text]).baseUrl.href).to.equal(new URL(text).href)
        expect(settings([], { NEOWS_BASE_URL: text }).baseUrl.href).to.equal(new URL(text).href)
      }
    })

    for (const text of [
      "",
      "api.nasa.gov",
      "ftp://example.com",
      "file:///x",
      "https://",
      "//example.com",
      "javascript:1",
    ]) {
      it(`refuses ${JSON.stringify(text)}, naming the flag`, () => {
        expect(() => settings([`--base-url=${text}`])).to.throw(
          UsageError,
          "--base-url: not an http:// or https:// URL",
        )
      })
    }

    it("refuses user, password, query and fragment, even empty ones, and does not repeat them", () => {
      const secret = freshKey()
      for (const text of [
        `https://${secret}@h`,
        `https://u:${secret}@h`,
        `https://h?api_key=${secret}`,
        `https://h#${secret}`,
        "https://h?",
        "https://h#",
      ]) {
        expect(() => settings(["--base-url", text]), text)
          .to.throw(UsageError, "only an origin and a path")
          .with.property("message")
          .not.includes(secret)
      }
    })

    it("over http:// carries a key to loopback and to names of one label only", () => {
      const env = { NASA_API_KEY: freshKey() }
      for (const host of ["localhost:8080", "127.0.0.1", "127.9.9.9:1", "[::1]:8080", "neows:8080", "2130706433"]) {
        expect(settings(["--base-url", `http://${host}`], env).baseUrl.protocol, host).to.equal("http:")
      }
      for (const host of [
        "api.nasa.gov",
        "10.0.0.1",
        "0.0.0.0",
        "[fe80::1]",
        "[::]",
        "localhost.",
        "a.b",
        "127.0.0.1.nip.io",
        "example。com",
      ]) {
        expect(() => settings(["--base-url", `http://${host}`], env), host)
          .to.throw(UsageError, "would carry the key in the clear")
          .with.property("message")
          .not.includes(env.NASA_API_KEY)
      }
    })

    it("over http:// goes anywhere with DEMO_KEY, which is public, given or not", () => {
      for (const env of [{}, { NASA_API_KEY: "DEMO_KEY" }]) {
        expect(settings(["--base-url", "http://api.nasa.gov"], env).baseUrl.hostname).to.equal("api.nasa.gov")
      }
    })
  })

  describe("the key", () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "perigee-settings-"))
    })
    afterEach(() => {
      rmSync(folder, { recursive: true, force: true })
    })
    const file = (content: string | Uint8Array) => {
      const path = join(folder, "key")
      writeFileSync(path, content)
      return path
    }

    it("is NASA_API_KEY", () => {
      const key = freshKey()
      expect(settings([], { NASA_API_KEY: key }).apiKey).to.equal(key)
    })

    it("is the content of NASA_API_KEY_FILE, without the blanks and line breaks around it", () => {
      const key = freshKey()
      for (const content of [key, `${key}\n`, `${key}\r\n`, ` \n${key}\n\n`, `\ufeff${key}`]) {
        expect(settings([], { NASA_API_KEY_FILE: file(content) }).apiKey).to.equal(key)
      }
    })

    it("that can't be a key is refused with KeyUnusable, and not repeated", () => {
      const key = freshKey()
      const bad = ["short", " ", `${key} `, `${key}\n`, `${key}é`, `${key}:${key}`, "k".repeat(129), `"${key}"`]
      for (const text of bad) {
        expect(() => settings([], { NASA_API_KEY: text }), JSON.stringify(text))
          .to.throw(KeyUnusable, /8 to 128 of A-Z a-z 0-9 _ -/)
          .with.property("message")
          .not.includes(key)
      }
    })

    it("file that is empty, holds no key, is a folder or is not there is refused with KeyUnusable", () => {
      const key = freshKey()
      mkdirSync(join(folder, "folder"))
      const bad: readonly (readonly [path: string, reason: string])[] = [
        [join(folder, "folder"), "EISDIR"],
        [join(folder, "missing"), "ENOENT"],
        [join(folder, "a\0b"), "cannot read"],
      ]
      for (const [path, reason] of bad) {
        expect(() => settings([], { NASA_API_KEY_FILE: path }), path).to.throw(KeyUnusable, reason)
      }
      for (const content of ["", " \n\t"]) {
        expect(() => settings([], { NASA_API_KEY_FILE: file(content) })).to.throw(KeyUnusable, "is empty")
      }
      for (const content of [
        `${key} ${key}`,
        `NASA_API_KEY=${key}`,
        new Uint8Array([0xff, 0xfe, 0x41, 0]),
        key.repeat(4),
      ]) {
        expect(() => settings([], { NASA_API_KEY_FILE: file(content) }))
          .to.throw(KeyUnusable, "holds no key")
          .with.property("message")
          .not.includes(key)
      }
    })

    it("file that may not be read is refused with KeyUnusable", () => {
      const path = file(freshKey())
      chmodSync(path, 0)
      chmodSync(folder, 0o755)
      asNobody(() => {
        expect(() => settings([], { NASA_API_KEY_FILE: path })).to.throw(KeyUnusable, "EACCES")
      })
    })

    it("put in NASA_API_KEY_FILE by mistake is not shown as a file's name", () => {
      const key = freshKey()
      expect(() => settings([], { NASA_API_KEY_FILE: key }))
        .to.throw(KeyUnusable, "cannot read")
        .with.property("message")
        .not.includes(key)
    })

    it("given twice is refused: nobody could tell which one counts", () => {
      const key = freshKey()
      expect(() => settings([], { NASA_API_KEY: key, NASA_API_KEY_FILE: file(key) })).to.throw(KeyUnusable, "both")
    })
  })

  describe("the proxy", () => {
    it("is HTTPS_PROXY, or https_proxy, with NO_PROXY or no_proxy as it stands", () => {
      expect(settings([], { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "a,b" })).to.deep.include({ noProxy: "a,b" })
      expect(settings([], { HTTPS_PROXY: "http://proxy:3128", https_proxy: "http://other" }).httpsProxy?.host).to.equal(
        "proxy:3128",
      )
      expect(settings([], { https_proxy: "https://u:p@proxy", no_proxy: "*" })).to.deep.include({ noProxy: "*" })
      expect(settings([], { https_proxy: "https://u:p@proxy" }).httpsProxy?.username).to.equal("u")
    })

    it("that is no http URL is refused, and its password not repeated", () => {
      const secret = freshKey()
      const escaped = `http://u:${secret}%zz@proxy`
      for (const text of [`socks5://u:${secret}@proxy`, `u:${secret}@proxy:x`, `http://u:${secret}@`, escaped]) {
        expect(() => settings([], { HTTPS_PROXY: text }))
          .to.throw(UsageError, "HTTPS_PROXY")
          .with.property("message")
          .not.includes(secret)
      }
    })
  })
})
