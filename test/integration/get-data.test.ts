/** The program as a process against every fault of the stand-in, and every exit code that it documents. */
import { once } from "node:events"
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { expect } from "chai"
import { execa } from "execa"
import { FAULT_NAMES } from "../standin/faults.ts"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { BUNDLE, ROOT, Workplace } from "../support/get-data.ts"

describe("get-data as a process", () => {
  let standin: Standin
  let place: Workplace
  const key = freshKey()

  before(async () => {
    standin = await startStandin()
  })
  after(() => standin.close())
  beforeEach(async () => {
    place = await Workplace.open()
  })
  afterEach(() => place.close())

  const fetchFrom = (base: string, ...args: string[]) =>
    place.start(["--base-url", base, ...args], { NASA_API_KEY: key })
  const faulty = (fault: string, ...args: string[]) => fetchFrom(`${standin.url}/fault/${fault}`, ...args)
  /** Requests made while `work` runs. */
  const requestsDuring = async <T>(work: Promise<T>): Promise<[T, Standin["requests"]]> => {
    const before = standin.requests.length
    return [await work, standin.requests.slice(before)]
  }

  describe("with an API that is well", () => {
    it("writes the page to output/response.json, pretty, and nothing to stdout", async () => {
      const { exitCode, stdout, stderr } = await fetchFrom(standin.url)
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 0, stdout: "" })
      expect(stderr).to.match(
        /^page 1755 of 2034 \(0–2033\), 20 objects, \d+ bytes, 1 attempt, rate limit \d+ of 1000 left, \d+\.\d\d s → output\/response\.json\n$/,
      )
      const text = await place.read()
      const page = JSON.parse(text)
      expect(page.page.number).to.equal(1755)
      expect(text).to.equal(`${JSON.stringify(page, null, 2)}\n`)
      expect(await place.files()).to.deep.equal(["response.json"])
    })

    it("sends the key in the header X-Api-Key alone, to <base>/neo/rest/v1/neo/browse", async () => {
      const [, requests] = await requestsDuring(fetchFrom(`${standin.url}/`, "--page", "7", "--size", "5"))
      expect(requests.map(({ method, path }) => `${method} ${path}`)).to.deep.equal([
        "GET /neo/rest/v1/neo/browse?page=7&size=5",
      ])
      expect(requests[0]?.headers["x-api-key"]).to.equal(key)
    })

    it("takes every setting from the environment, and a flag beats its variable", async () => {
      const env = {
        NASA_API_KEY: key,
        NEOWS_PAGE: "3",
        NEOWS_SIZE: "2",
        NEOWS_OUTPUT: "a/b/c.json",
        NEOWS_BASE_URL: standin.url,
        NEOWS_TIMEOUT: "20",
        NEOWS_RETRIES: "0",
        NEOWS_MAX_WAIT: "",
      }
      expect((await place.start(["--page", "4"], env)).exitCode).to.equal(0)
      const { page, near_earth_objects: objects } = JSON.parse(await place.read("a/b/c.json"))
      expect([page.number, objects.length]).to.deep.equal([4, 2])
    })

    it("reads the key from NASA_API_KEY_FILE, blanks around it aside", async () => {
      await writeFile(join(place.folder, "key"), `${key}\n`)
      const run = place.start(["--base-url", standin.url], { NASA_API_KEY_FILE: "key" })
      const [{ exitCode }, [request]] = await requestsDuring(run)
      expect([exitCode, request?.headers["x-api-key"]]).to.deep.equal([0, key])
    })

    it("uses DEMO_KEY without a key, with a warning; an empty variable is none", async () => {
      const run = place.start(["--base-url", standin.url], { NASA_API_KEY: "", NASA_API_KEY_FILE: "" })
      const [{ exitCode, stderr }, [request]] = await requestsDuring(run)
      expect([exitCode, request?.headers["x-api-key"]]).to.deep.equal([0, "DEMO_KEY"])
      expect(stderr).to.contain("using DEMO_KEY").and.to.contain("NASA_API_KEY")
    })

    it("prints the document to stdout with --output -, and writes no file", async () => {
      const { exitCode, stdout, stderr } = await fetchFrom(standin.url, "--output", "-")
      expect(exitCode).to.equal(0)
      expect(JSON.parse(stdout).page.number).to.equal(1755)
      expect(stderr).to.contain("→ stdout")
      expect(await place.files(".")).to.deep.equal([])
    })

    it("--summary adds a table of the objects on stderr, without colour where there is no terminal", async () => {
      const { stdout, stderr } = await fetchFrom(standin.url, "--summary", "--size", "3")
      const lines = stderr.split("\n")
      expect(stdout).to.equal("")
      expect(lines[1]).to.match(/^name +diameter m +hazardous +closest to Earth +lunar dist\. +km\/s$/)
      expect(
        lines.slice(3, 6).every((line) => /\d–\d.* (?:yes|no) .*\d{4}-\d\d-\d\d +\d+\.\d +\d+\.\d$/.test(line)),
      ).to.equal(true)
      expect(stderr).not.to.contain("\u001b")
    })

    it("--quiet says nothing", async () => {
      const { exitCode, stdout, stderr } = await fetchFrom(standin.url, "--quiet")
      expect([exitCode, stdout, stderr]).to.deep.equal([0, "", ""])
    })

    it("warns when less than a tenth of the rate limit is left", async () => {
      const { exitCode, stderr } = await faulty("rate-low")
      expect(exitCode).to.equal(0)
      expect(stderr).to.contain("less than a tenth of the rate limit is left")
    })

    it("accepts old records, which have no id, designation and is_sentry_object", async () => {
      expect((await faulty("old-record")).exitCode).to.equal(0)
    })

    it("runs from a checkout as npx get-data, with no build step", async () => {
      const { exitCode, stdout } = await execa("npx", ["get-data", "--version"], { cwd: ROOT, reject: false })
      const { version } = JSON.parse(await readFile(join(ROOT, "app/package.json"), "utf8"))
      expect([exitCode, stdout]).to.deep.equal([0, `get-data ${version}`])
    })

    for (const [flag, expected] of [
      ["--help", /^get-data: one page[\s\S]*--max-wait SECONDS[\s\S]*\n {3}78 {2}/],
      ["--version", /^get-data \d+\.\d+\.\d+\n$/],
    ] as const) {
      it(`${flag} goes to stdout and makes no request, whatever the settings are`, async () => {
        const [{ exitCode, stdout, stderr }, requests] = await requestsDuring(
          place.start([flag], { NEOWS_PAGE: "bad" }),
        )
        expect([exitCode, stderr, requests.length]).to.deep.equal([0, "", 0])
        expect(stdout).to.match(expected)
      })
    }
  })

  describe("with an API that fails for a while", () => {
    for (const fault of [
      "cut;times=1",
      "cut-json;times=1",
      "html200;times=1",
      "not-utf8;times=1",
      "reset;times=1",
      "503;times=1",
      "503;retry-after=1;times=1",
      "429;times=1",
      "429;retry-after=1;times=1",
      "status;code=408;times=1",
      "status;code=425;times=1",
      "status;code=500;times=1",
      "status;code=502;times=1",
    ]) {
      it(`tries again after ${fault} and succeeds`, async () => {
        const [{ exitCode, stderr }, requests] = await requestsDuring(faulty(fault))
        expect([exitCode, requests.length]).to.deep.equal([0, 2], stderr)
        expect(stderr).to.match(/attempt 1 of 5: .*; again in \d+\.\d s\n.* 2 attempts, /s)
      })
    }

    it("tries again after a time-out and succeeds", async () => {
      const [{ exitCode }, requests] = await requestsDuring(faulty("hang;times=1", "--timeout", "1"))
      expect([exitCode, requests.length]).to.deep.equal([0, 2])
    })

    it("waits as long as Retry-After says, in seconds and as a date", async () => {
      for (const form of ["retry-after=2", "retry-after-date=2"]) {
        const [, [first, second]] = await requestsDuring(faulty(`429;${form};times=1`))
        // An HTTP date has whole seconds: up to one is lost.
        expect((second?.time ?? 0) - (first?.time ?? 0)).to.be.within(form === "retry-after=2" ? 2000 : 1000, 6000)
      }
    })

    it("an answer that is slow but whole within the time-out is no failure", async () => {
      const [{ exitCode }, requests] = await requestsDuring(faulty("slow;ms=700", "--timeout", "5"))
      expect([exitCode, requests.length]).to.deep.equal([0, 1])
    })
  })

  describe("exit codes", () => {
    interface Failing {
      readonly fault: string
      readonly args?: readonly string[]
      readonly exit: number
      readonly says: RegExp
      readonly requests: number
    }
    const failing: readonly Failing[] = [
      { fault: "html200", args: ["--retries", "1"], exit: 65, says: /is not JSON .*2 attempts/, requests: 2 },
      { fault: "cut-json", args: ["--retries", "1"], exit: 65, says: /is not JSON/, requests: 2 },
      { fault: "not-utf8", args: ["--retries", "0"], exit: 65, says: /is not JSON/, requests: 1 },
      { fault: "wrong-page", exit: 65, says: /another page: 1756 instead of 1755/, requests: 1 },
      { fault: "wrong-shape", exit: 65, says: /near_earth_objects is no array/, requests: 1 },
      { fault: "big", exit: 65, says: /larger than 64 MiB/, requests: 1 },
      { fault: "big-declared", exit: 65, says: /larger than 64 MiB/, requests: 1 },
      { fault: "not-found", exit: 66, says: /page 1755 is past the end/, requests: 1 },
      { fault: "hang", args: ["--timeout", "1", "--retries", "0"], exit: 69, says: /within 1 s/, requests: 1 },
      { fault: "trickle;ms=20", args: ["--timeout", "1", "--retries", "0"], exit: 69, says: /within 1 s/, requests: 1 },
      { fault: "cut", args: ["--retries", "1"], exit: 69, says: /closed the connection.*2 attempts/, requests: 2 },
      { fault: "reset", args: ["--retries", "1"], exit: 69, says: /2 attempts/, requests: 2 },
      { fault: "503", args: ["--retries", "1"], exit: 69, says: /answers 503.*2 attempts/, requests: 2 },
      { fault: "503;retry-after=3600", exit: 69, says: /come back in 3600 s.*longer than the 60 s/, requests: 1 },
      { fault: "status;code=400", exit: 69, says: /answers 400/, requests: 1 },
      { fault: "status;code=418", exit: 69, says: /answers 418/, requests: 1 },
      { fault: "redirect", exit: 69, says: /redirects \(302\) to .*not followed/, requests: 1 },
      { fault: "429;retry-after=2870", exit: 75, says: /rate limit.*come back in 2870 s \(\d{4}-.*Z\)/, requests: 1 },
      { fault: "429", args: ["--retries", "0"], exit: 75, says: /rate limit.*by the hour/, requests: 1 },
      { fault: "429;retry-after=2", args: ["--max-wait", "1"], exit: 75, says: /longer than the 1 s/, requests: 1 },
      { fault: "status;code=403", exit: 77, says: /rejects the API key \(403/, requests: 1 },
      { fault: "unauthorized", exit: 77, says: /rejects the API key \(401/, requests: 1 },
    ]
    for (const { fault, args = [], exit, says, requests: expected } of failing) {
      it(`${exit} for ${[fault, ...args].join(" ")}, in one line, with the earlier file untouched`, async () => {
        await mkdir(join(place.folder, "output"))
        await writeFile(join(place.folder, "output/response.json"), "earlier")
        const [{ exitCode, stdout, stderr }, requests] = await requestsDuring(faulty(fault, ...args))
        expect([exitCode, stdout, requests.length]).to.deep.equal([exit, "", expected], stderr)
        expect(stderr.trimEnd().split("\n").at(-1))
          .to.match(/^get-data: /)
          .and.to.match(says)
        expect(stderr).not.to.contain(key)
        expect([await place.read(), await place.files()]).to.deep.equal(["earlier", ["response.json"]])
      })
    }

    it("every fault of the stand-in is tried above or below", () => {
      const tried = new Set(failing.map(({ fault }) => fault.split(";")[0]))
      const elsewhere = ["slow", "rate-low", "old-record", "echo", "status"]
      expect(FAULT_NAMES.filter((name) => !tried.has(name) && !elsewhere.includes(name))).to.deep.equal([])
    })

    it("66 past the last page names it", async () => {
      const { exitCode, stderr } = await fetchFrom(standin.url, "--page", "2034")
      expect(exitCode).to.equal(66)
      expect(stderr).to.contain("page 2034 is past the last page 2033")
    })

    it("69 for a redirect names its target without the query, and sends nothing there", async () => {
      const elsewhere = await startStandin()
      try {
        const target = encodeURIComponent(`${elsewhere.url}/other?api_key=${key}`)
        const { exitCode, stderr } = await faulty(`redirect;to=${target}`)
        expect(exitCode).to.equal(69)
        expect(stderr).to.contain(`to ${elsewhere.url}/other: not followed`)
        expect(elsewhere.requests).to.have.length(0)
      } finally {
        await elsewhere.close()
      }
    })

    it("69 where nobody listens", async () => {
      const gone = await startStandin()
      await gone.close()
      const { exitCode, stderr } = await fetchFrom(gone.url, "--retries", "1")
      expect(exitCode).to.equal(69)
      expect(stderr).to.match(/refuses the connection; 2 attempts/)
    })

    it("77 for a key that the gateway does not know, with the gateway's reason and not the key", async () => {
      const unknown = freshKey(39)
      const { exitCode, stderr } = await place.start(["--base-url", standin.url], { NASA_API_KEY: unknown })
      expect(exitCode).to.equal(77)
      expect(stderr).to.contain("API_KEY_INVALID").and.not.to.contain(unknown)
    })

    const misused: readonly (readonly [
      what: string,
      args: readonly string[],
      env: Record<string, string>,
      says: RegExp,
    ])[] = [
      ["a page that is no number", ["--page", "abc"], {}, /--page: "abc" is not a whole number from 0 to 2147483647/],
      ["a negative page", ["--page", "-1"], {}, /--page: "-1" is not/],
      ["a page with a sign", ["--page=+1"], {}, /--page: "\+1"/],
      ["a page in exponent form", ["--page", "1e3"], {}, /--page: "1e3"/],
      ["a page that is too large", ["--page", "2147483648"], {}, /from 0 to 2147483647/],
      ["a page in other digits", ["--page", "١"], {}, /--page: /],
      ["a size of 0", ["--size", "0"], {}, /--size: "0" is not a whole number from 1 to 20/],
      ["a size of 21", [], { NEOWS_SIZE: "21" }, /NEOWS_SIZE: "21" is not a whole number from 1 to 20/],
      ["a time-out of 0", ["--timeout", "0"], {}, /--timeout: .*from 1 to 3600 \(seconds\)/],
      ["retries out of range", [], { NEOWS_RETRIES: "101" }, /NEOWS_RETRIES: .*from 0 to 100/],
      ["a wait out of range", ["--max-wait", "86401"], {}, /--max-wait: .*from 0 to 86400/],
      ["a flag without its value", ["--page"], {}, /--page needs a value/],
      ["a value for a switch", ["--quiet=yes"], {}, /--quiet takes no value/],
      ["an unknown flag", ["--pages", "3"], {}, /--pages is no flag/],
      ["a key as a flag", [`--api-key=${freshKey()}`], {}, /--api-key is no flag.*NASA_API_KEY/],
      ["an argument that is no flag", ["1755"], {}, /flags only/],
      ["an empty output", ["--output", ""], {}, /--output: an empty file name/],
      ["a base URL that is none", ["--base-url", "api.nasa.gov"], {}, /--base-url: not an http/],
      ["a base URL of another scheme", ["--base-url", "ftp://api.nasa.gov"], {}, /--base-url: not an http/],
      ["a base URL with a password", ["--base-url", "https://u:p@x"], {}, /no user, password, query/],
      [
        "a base URL with a query",
        [],
        { NEOWS_BASE_URL: "https://x/?a=1" },
        /NEOWS_BASE_URL: .*no user, password, query/,
      ],
      [
        "a proxy that is no URL",
        ["--base-url", "https://x"],
        { HTTPS_PROXY: "proxy:3128:x" },
        /HTTPS_PROXY: not an http/,
      ],
      [
        "http to a host with dots",
        ["--base-url", "http://api.nasa.gov"],
        {},
        /--base-url: http:\/\/api\.nasa\.gov would/,
      ],
      ["http to another address", ["--base-url", "http://10.0.0.1"], {}, /in the clear/],
      ["http to an IPv6 address", ["--base-url", "http://[fe80::1]"], {}, /in the clear/],
    ]
    for (const [what, args, env, says] of misused) {
      it(`64 for ${what}, in one line and before any request`, async () => {
        const run = place.start(args, { NASA_API_KEY: key, NEOWS_BASE_URL: standin.url, ...env })
        const [{ exitCode, stdout, stderr }, requests] = await requestsDuring(run)
        expect([exitCode, stdout, requests.length]).to.deep.equal([64, "", 0])
        expect(stderr)
          .to.match(/^get-data: [^\n]*\n$/)
          .and.to.match(says)
        expect(stderr).not.to.contain(key).and.not.to.contain("u:p")
      })
    }

    it("plain http to a host with dots is allowed with DEMO_KEY, which is public", async () => {
      const { exitCode } = await place.start([
        "--base-url",
        "http://neows.invalid.",
        "--retries",
        "0",
        "--timeout",
        "5",
      ])
      expect(exitCode).to.equal(69)
    })

    const unusable: readonly (readonly [what: string, env: () => Record<string, string>, says: RegExp])[] = [
      ["a key that is too short", () => ({ NASA_API_KEY: "abcdefg" }), /NASA_API_KEY is no key; a key is 8 to 128/],
      ["a key that is too long", () => ({ NASA_API_KEY: freshKey(129) }), /NASA_API_KEY is no key/],
      ["a key with a blank", () => ({ NASA_API_KEY: `${freshKey()} ` }), /NASA_API_KEY is no key/],
      ["a key with a line break", () => ({ NASA_API_KEY: `${freshKey()}\nX-Other: 1` }), /NASA_API_KEY is no key/],
      ["a key file that is missing", () => ({ NASA_API_KEY_FILE: "./none" }), /cannot read \.\/none \(ENOENT\)/],
      ["a key file that is a folder", () => ({ NASA_API_KEY_FILE: "./" }), /cannot read .*\(EISDIR\)/],
      ["a key file that is empty", () => ({ NASA_API_KEY_FILE: "./empty" }), /\.\/empty is empty/],
      ["a key file with something else", () => ({ NASA_API_KEY_FILE: "./other" }), /\.\/other holds no key/],
      ["a key given as the file", () => ({ NASA_API_KEY_FILE: key }), /cannot read the file it names/],
      ["both", () => ({ NASA_API_KEY: key, NASA_API_KEY_FILE: "./other" }), /both NASA_API_KEY and NASA_API_KEY_FILE/],
    ]
    for (const [what, env, says] of unusable) {
      it(`78 for ${what}, in one line that does not show it, and before any request`, async () => {
        await writeFile(join(place.folder, "empty"), " \n")
        await writeFile(join(place.folder, "other"), "this is no key\n")
        const given = env()
        const [{ exitCode, stderr }, requests] = await requestsDuring(place.start(["--base-url", standin.url], given))
        expect([exitCode, requests.length]).to.deep.equal([78, 0], stderr)
        expect(stderr)
          .to.match(/^get-data: [^\n]*\n$/)
          .and.to.match(says)
        expect(stderr).not.to.contain(given["NASA_API_KEY"] ?? key)
      })
    }

    const unwritable: readonly (readonly [what: string, output: string, says: RegExp])[] = [
      ["an output that is a folder", "folder", /is a folder/],
      ["an output below a file", "file/response.json", /is a file, not a folder/],
      ["an output that is a device", "/dev/null", /no regular file/],
      ["an output whose link goes in a circle", "circle", /circle/],
      ["an output with too long a name", `${"n".repeat(300)}.json`, /too long/],
    ]
    for (const [what, output, says] of unwritable) {
      it(`73 for ${what}, before the request is spent`, async () => {
        await mkdir(join(place.folder, "folder"))
        await writeFile(join(place.folder, "file"), "")
        await symlink("circle", join(place.folder, "circle"))
        const [{ exitCode, stderr }, requests] = await requestsDuring(fetchFrom(standin.url, "--output", output))
        expect([exitCode, requests.length]).to.deep.equal([73, 0], stderr)
        expect(stderr)
          .to.match(/^get-data: [^\n]*\n$/)
          .and.to.match(says)
      })
    }

    it("73 for a folder of another user's, saying what to do, before the request is spent", async function () {
      if (process.getuid?.() !== 0) this.skip()
      await chmod(place.folder, 0o755)
      const run = execa(process.execPath, [BUNDLE, "--base-url", standin.url], {
        cwd: place.folder,
        reject: false,
        extendEnv: false,
        env: { NASA_API_KEY: key },
        uid: 65532,
        gid: 65532,
      })
      const [{ exitCode, stderr }, requests] = await requestsDuring(run)
      expect([exitCode, requests.length]).to.deep.equal([73, 0], stderr)
      expect(stderr).to.match(/no permission for user 65532.*docker run --user/)
    })

    it("73 where the reader of stdout goes away", async () => {
      const piped = await execa(
        "bash",
        [
          "-c",
          '"$0" "$1" --output - --page 0 --base-url "$2" | exec true; exit $PIPESTATUS',
          process.execPath,
          BUNDLE,
          standin.url,
        ],
        { reject: false, extendEnv: false, env: { NASA_API_KEY: key, PATH: process.env["PATH"] } },
      )
      expect(piped.exitCode).to.equal(73)
      expect(piped.stderr).to.contain("its reader went away")
    })
  })

  describe("told to stop", () => {
    for (const [signal, exit] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      it(`${exit} on ${signal} during an attempt, at once and without a partial file`, async () => {
        const run = faulty("hang", "--timeout", "50")
        await arrivalAt(standin)
        run.kill(signal)
        const { exitCode, stderr } = await run
        expect(exitCode).to.equal(exit, stderr)
        expect(await place.files()).to.deep.equal([])
      })

      it(`${exit} on ${signal} while it waits to try again`, async () => {
        const run = faulty("429;retry-after=50")
        await once(run.stderr, "data")
        run.kill(signal)
        expect((await run).exitCode).to.equal(exit)
      })
    }
  })

  it("143 on SIGTERM while the body of an error is still on its way", async () => {
    const slow = await hostileServer("HTTP/1.1 400 Bad\r\nContent-Length: 1000\r\n\r\nsome", { keepOpen: true })
    try {
      const run = fetchFrom(slow.url, "--timeout", "50")
      await slow.answered
      run.kill("SIGTERM")
      expect((await run).exitCode).to.equal(143)
    } finally {
      await slow.close()
    }
  })

  it("ends by the signal itself while it writes to a pipe that nobody reads", async () => {
    // A document larger than a pipe holds, and a reader that only holds the other end open.
    const script =
      'mkfifo pipe; sleep 30 < pipe & reader=$!; "$0" "$@" --output - > pipe & echo $!; wait $!; code=$?; kill $reader; exit $code'
    const run = execa("bash", ["-c", script, process.execPath, BUNDLE, "--base-url", standin.url, "--page", "0"], {
      cwd: place.folder,
      reject: false,
      extendEnv: false,
      env: { NASA_API_KEY: key, PATH: process.env["PATH"] },
    })
    const before = standin.requests.length
    const [line] = (await once(run.stdout, "data")) as [Buffer]
    while (standin.requests.length === before) await new Promise((next) => setImmediate(next))
    // Until it is over the program is either fetching, where the signal aborts, or writing, where it kills.
    const program = Number(line.toString())
    const started = performance.now()
    process.kill(program, "SIGTERM")
    expect((await run).exitCode).to.equal(143)
    expect(performance.now() - started).to.be.below(5000)
  })

  describe("the key", () => {
    it("is nowhere in a document that carries it in names, fragments, texts and encodings", async () => {
      const { exitCode, stderr } = await faulty("echo")
      expect(exitCode).to.equal(0, stderr)
      const text = await place.read()
      expect(text).not.to.contain(key)
      expect(decodeURIComponent(text.replaceAll(/%(?![0-9a-f]{2})/gi, "%25"))).not.to.contain(key)
      expect(JSON.stringify(JSON.parse(text))).not.to.contain(key)
      for (const survivor of ["12345678901234567890", "1e400", "\\/", "\\u00e9"]) expect(text).to.contain(survivor)
    })

    it("is in no line of the report, and no figure of it is made up, whatever stands in page", async () => {
      for (const total of [JSON.stringify(key), "null", "-3.5", '{"toString":1}']) {
        const { near_earth_objects: objects } = JSON.parse((await fetchFrom(standin.url, "--output", "-")).stdout)
        const body = `{"page":{"number":1755,"total_pages":${total}},"near_earth_objects":${JSON.stringify(objects)}}`
        const odd = await startStandin({ answer: { body: Buffer.from(body) } })
        try {
          const { exitCode, stderr } = await fetchFrom(odd.url)
          expect(exitCode, stderr).to.equal(0)
          expect(stderr)
            .to.match(/^page 1755, 20 objects, /)
            .and.not.to.contain(key)
        } finally {
          await odd.close()
        }
      }
    })

    it("is not shown by --verbose, which adds the causes", async () => {
      const { exitCode, stderr } = await faulty("reset", "--retries", "0", "--verbose")
      expect(exitCode).to.equal(69)
      expect(stderr)
        .to.match(/\n\w*Error|UpstreamUnavailable: .*\n +at /)
        .and.to.contain("caused by: ")
      expect(stderr).not.to.contain(key)
    })

    it("is not shown where the server puts it in its error, nor are its control characters", async () => {
      const mean = await hostileServer(
        `HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{"error":{"code":"X","message":"${key}\\u001b[31m"}}`,
      )
      try {
        const { exitCode, stderr } = await fetchFrom(mean.url)
        expect(exitCode).to.equal(69)
        expect(stderr).to.contain("REDACTED").and.not.to.contain(key).and.not.to.contain("\u001b")
      } finally {
        await mean.close()
      }
    })
  })
})

/** Resolves when the stand-in has one more request than now. */
async function arrivalAt(standin: Standin): Promise<void> {
  const before = standin.requests.length
  while (standin.requests.length === before) await new Promise((next) => setImmediate(next))
}

/** A server that sends the same bytes to everybody. */
async function hostileServer(
  bytes: string,
  { keepOpen = false } = {},
): Promise<{ url: string; answered: Promise<void>; close: () => Promise<void> }> {
  const sockets = new Set<Socket>()
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.once("data", () => {
      if (keepOpen) socket.write(bytes, () => answer())
      else socket.end(bytes, () => answer())
    })
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    answered,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}
