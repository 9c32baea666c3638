/** get-data's output in Amazon S3: one PutObject over real HTTP, whole or not at all, and every way in which it can fail. */
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises"
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import { type AddressInfo, connect } from "node:net"
import { join } from "node:path"
import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3"
import { expect } from "chai"
import { execa } from "execa"
import { generate } from "selfsigned"
import { type Standin, startStandin } from "../standin/server.ts"
import { freshKey } from "../standin/test-key.ts"
import { BUNDLE, type Environment, Workplace } from "../support/get-data.ts"
import { type Answer, Loopback } from "../support/loopback.ts"
import { type Ministack, startMinistack } from "../support/ministack.ts"
import { describeWith } from "../support/needs.ts"
import { python } from "../support/python.ts"

const OBJECT = "s3://neows/pages/1755.json"
const secret = () => randomBytes(20).toString("base64url")
const REGION = "eu-central-1"

describe("get-data --output s3://", () => {
  let standin: Standin
  let place: Workplace
  let s3: Loopback
  const key = freshKey()
  const credentials = {
    AWS_ACCESS_KEY_ID: secret(),
    AWS_SECRET_ACCESS_KEY: secret(),
    AWS_SESSION_TOKEN: secret(),
  }

  before(async () => {
    standin = await startStandin()
    s3 = await Loopback.open()
    place = await Workplace.open()
  })
  after(async () => {
    await Promise.all([standin.close(), s3.close(), place.close()])
  })

  const environment = (more: Environment = {}): Environment => ({
    NASA_API_KEY: key,
    NEOWS_BASE_URL: standin.url,
    AWS_REGION: REGION,
    AWS_ENDPOINT_URL_S3: s3.url.href,
    ...credentials,
    ...more,
  })
  const run = (more: Environment = {}, ...args: string[]) =>
    place.start(["--output", OBJECT, "--retries", "1", "--timeout", "2", ...args], environment(more))
  /** Requests that NeoWs got while `work` runs. */
  const fetchesDuring = async (work: Promise<unknown>): Promise<number> => {
    const before = standin.requests.length
    await work
    return standin.requests.length - before
  }
  /** One line, and in it nothing that was to be kept. */
  const expectOneLine = (stderr: string, words: RegExp) => {
    expect(stderr)
      .to.match(/^get-data: [^\n]+\n$/)
      .and.to.match(words)
    for (const kept of [key, ...Object.values(credentials)]) expect(stderr).not.to.contain(kept)
  }
  /** S3's error document, which says more than it should. */
  const refusing =
    (status: number, code: string, headers: Record<string, string> = {}): Answer =>
    (response, _nth, { headers: { authorization, "x-amz-security-token": token } }) => {
      response.writeHead(status, { "content-type": "application/xml", ...headers })
      response.end(`<Error><Code>${code}</Code><Message>${authorization} ${token}</Message></Error>`)
    }

  it("puts it by one PutObject, with its type and checksum, under the key as it stands", async () => {
    const bodies: Buffer[] = []
    s3.answer((response, _nth, request) => {
      request.on("data", (bytes: Buffer) => void bodies.push(bytes)).on("end", () => response.end())
    })
    const { exitCode, stdout, stderr } = await run({}, "--output", "s3://neows/pages/a b+é?.json")
    expect([exitCode, stdout], stderr).to.deep.equal([0, ""])
    expect(stderr).to.match(/^page 1755 of 2034 .* → s3:\/\/neows\/pages\/a b\+é\?\.json\n$/)
    expect(s3.received.map(({ method, target }) => `${method} ${new URL(target, s3.url).pathname}`)).to.deep.equal([
      "PUT /neows/pages/a%20b%2B%C3%A9%3F.json",
    ])
    const headers = new Map(s3.received[0]?.headers.map(([name, value]) => [name.toLowerCase(), value]))
    expect(headers.get("content-type")).to.equal("application/json")
    expect(headers.get("x-amz-checksum-crc32")).to.match(/^[\w+/]{6}==$/)
    expect(headers.get("x-amz-security-token")).to.equal(credentials.AWS_SESSION_TOKEN)
    expect(headers.get("authorization")).to.contain(`/${REGION}/s3/aws4_request`)
    const body = Buffer.concat(bodies)
    expect(Number(headers.get("content-length"))).to.equal(body.length)
    expect(JSON.parse(body.toString()).page.number).to.equal(1755)
    expect(body.toString()).not.to.contain(key)
    expect(JSON.stringify(s3.received)).not.to.contain(key).and.not.to.contain(credentials.AWS_SECRET_ACCESS_KEY)
  })

  it("takes AWS_ENDPOINT_URL where there is no AWS_ENDPOINT_URL_S3", async () => {
    s3.answer((response) => response.end())
    const { exitCode } = await run({ AWS_ENDPOINT_URL_S3: "", AWS_ENDPOINT_URL: s3.url.href })
    expect([exitCode, s3.received.length]).to.deep.equal([0, 1])
  })

  describe("where S3 refuses", () => {
    for (const [what, answer, words] of [
      [
        "no permission",
        refusing(403, "AccessDenied"),
        /pages\/1755\.json: not allowed \(403 AccessDenied\); .*s3:PutObject/,
      ],
      ["no such bucket", refusing(404, "NoSuchBucket"), /there is no bucket neows \(404 NoSuchBucket\); make it/],
      [
        "a bucket of another region",
        refusing(301, "PermanentRedirect", { "x-amz-bucket-region": "us-east-2" }),
        /bucket neows is in us-east-2, not in eu-central-1 \(301 PermanentRedirect\); set AWS_REGION/,
      ],
      [
        "a signature for another region",
        refusing(400, "AuthorizationHeaderMalformed"),
        /bucket neows is in another region, not in eu-central-1/,
      ],
      [
        "a redirect without a word",
        (response) => void response.writeHead(301).end(),
        /bucket neows is in another region, not in eu-central-1 \(301\)/,
      ],
      [
        "credentials that are over",
        refusing(400, "ExpiredToken"),
        /rejects the AWS credentials \(400 ExpiredToken\); renew/,
      ],
      ["a clock that is wrong", refusing(403, "RequestTimeTooSkewed"), /the clock of this machine is wrong/],
      ["a name that is none", refusing(400, "no, never: x"), /127\.0\.0\.1:\d+ refuses it \(400\)/],
      ["no words", (response) => void response.writeHead(403).end(), /not allowed \(403\)/],
      [
        "a page for people",
        (response) => void response.writeHead(403).end("<html><p>Forbidden<br>"),
        /not allowed \(403\)/,
      ],
    ] as const satisfies readonly (readonly [string, Answer, RegExp])[]) {
      it(`${what}: says what to do in one line, without its sentences or a key (73)`, async () => {
        s3.answer(answer)
        const { exitCode, stderr } = await run()
        expect(exitCode, stderr).to.equal(73)
        expectOneLine(stderr, words)
      })
    }

    it("--verbose adds causes that hold no credentials", async () => {
      s3.answer(refusing(403, "AccessDenied"))
      const { stderr } = await run({}, "--verbose")
      expect(stderr).to.contain("caused by: AccessDenied: AWS4-HMAC-SHA256 Credential=REDACTED/")
      for (const kept of [key, ...Object.values(credentials)]) expect(stderr).not.to.contain(kept)
    })
  })

  describe("where S3 fails", () => {
    for (const [what, answer, words] of [
      ["503", refusing(503, "SlowDown"), /127\.0\.0\.1:\d+ fails \(503 SlowDown\) after 2 attempts; try again later/],
      ["500 without a word", (response) => void response.writeHead(500).end(), /fails \(500\) after 2 attempts/],
      ["a cut", (response) => void response.destroy(), /cut the connection after 2 attempts; is there a way/],
      ["silence", () => {}, /no complete answer of 127\.0\.0\.1:\d+ within 2 s after 2 attempts; is there a way/],
    ] as const satisfies readonly (readonly [string, Answer, RegExp])[]) {
      it(`${what}: tries again as often as --retries says, and no more (73)`, async () => {
        s3.answer(answer)
        const { exitCode, stderr, durationMs } = await run()
        expect(exitCode, stderr).to.equal(73)
        expectOneLine(stderr, words)
        expect(s3.received).to.have.length(2)
        expect(durationMs).to.be.below(15_000)
      })
    }

    it("once: puts it at the second attempt, the whole of it again", async () => {
      s3.answer((response, nth) => void response.writeHead(nth === 0 ? 503 : 200).end())
      const { exitCode } = await run()
      const lengths = s3.received.map(({ headers }) => new Map(headers).get("content-length"))
      expect([exitCode, lengths.length, new Set(lengths).size]).to.deep.equal([0, 2, 1])
    })

    for (const status of [200, 503]) {
      it(`${status} and then a byte now and again: ends each attempt by --timeout (73)`, async () => {
        s3.answer((response) => {
          response.writeHead(status, { "content-type": "application/xml" }).write(" ")
          const trickle = setInterval(() => response.write(" "), 300)
          response.on("close", () => clearInterval(trickle))
        })
        const { exitCode, stderr, durationMs } = await run({}, "--timeout", "1")
        expect(exitCode, stderr).to.equal(73)
        expectOneLine(stderr, /no complete answer of 127\.0\.0\.1:\d+ within 1 s after 2 attempts; is there a way/)
        expect(s3.received).to.have.length(2)
        expect(durationMs).to.be.below(15_000)
      })
    }

    it("and says more than an error has to say: cuts it off, and goes by its status (73)", async () => {
      let sent = 0
      const closed = new Promise<void>((done) => {
        s3.answer((response) => {
          response.on("error", () => {}).on("close", () => done())
          response.writeHead(403, { "content-type": "application/xml" })
          const more = () => {
            while (sent < 200 && response.write(Buffer.alloc(1_048_576, "x"))) sent += 1
            if (sent >= 200) return void response.end()
            sent += 1
            response.once("drain", more)
          }
          more()
        })
      })
      const { exitCode, stderr } = await run()
      expect(exitCode, stderr).to.equal(73)
      expectOneLine(stderr, /not allowed \(403\)/)
      await closed
      expect(sent, "MiB sent").to.be.below(50)
    })

    for (const header of [{ "retry-after": "3600" }, { "x-amz-retry-after": "3600000" }]) {
      it(`and asks for an hour by ${Object.keys(header)}: waits --max-wait at most`, async () => {
        const at: number[] = []
        s3.answer((response, nth) => {
          at.push(performance.now())
          response.writeHead(nth === 0 ? 503 : 200, header).end()
        })
        const { exitCode, stderr } = await run({}, "--max-wait", "1")
        expect([exitCode, at.length], stderr).to.deep.equal([0, 2])
        // The SDK by itself waits 5 s and more.
        expect((at[1] ?? 0) - (at[0] ?? 0)).to.be.within(950, 4500)
      })
    }

    it("nobody listens: says so (73)", async () => {
      const { exitCode, stderr } = await run({ AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1" })
      expect(exitCode).to.equal(73)
      expectOneLine(stderr, /127\.0\.0\.1:1 refuses the connection after 2 attempts; is there a way to it from here\?/)
    })
  })

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    it(`${signal} while it is put ends it at once (${code})`, async () => {
      const arrived = new Promise<IncomingMessage>((got) => {
        s3.answer((_response, _nth, request) => got(request))
      })
      const running = run({}, "--timeout", "60")
      const request = await arrived
      const closed = once(request.socket, "close")
      running.kill(signal)
      const { exitCode, stderr, durationMs } = await running
      expect([exitCode, s3.received.length], stderr).to.deep.equal([code, 1])
      expectOneLine(stderr, signal === "SIGINT" ? /interrupted/ : /terminated/)
      expect(durationMs).to.be.below(10_000)
      await closed
    })
  }

  describe("profiles", () => {
    const home = () => join(place.folder, "home")
    beforeEach(async () => {
      await mkdir(join(home(), ".aws"), { recursive: true })
      const settings = [
        `endpoint_url = ${s3.url.href}`,
        "use_fips_endpoint = perhaps",
        "retry_mode = none",
        "region = x",
      ]
      const profiles = ["[default]", ...settings, "[profile mine]", ...settings, ""].join("\n")
      await writeFile(join(home(), ".aws/config"), profiles)
      s3.answer((response) => response.end())
    })

    for (const AWS_PROFILE of ["", "mine"]) {
      it(`${AWS_PROFILE || "default"}: its endpoint_url gets nothing, neither document nor token`, async () => {
        const { exitCode, stderr } = await run({
          HOME: home(),
          AWS_PROFILE,
          AWS_ENDPOINT_URL_S3: "",
          // So that nothing goes to AWS either.
          HTTPS_PROXY: "http://127.0.0.1:1",
        })
        expect([exitCode, s3.received.length], stderr).to.deep.equal([73, 0])
        expectOneLine(stderr, /S3 in eu-central-1 refuses the connection after 2 attempts; .* where HTTPS_PROXY is set/)
      })
    }

    it("are not even opened", async function () {
      this.timeout(30_000)
      // Whoever opens a pipe that has no writer waits for one.
      const pipe = join(place.folder, "pipe")
      await execa("mkfifo", [pipe])
      const running = run({ HOME: home(), AWS_CONFIG_FILE: pipe, AWS_SHARED_CREDENTIALS_FILE: pipe })
      const kill = setTimeout(() => running.kill("SIGKILL"), 20_000)
      const { exitCode, stderr } = await running
      clearTimeout(kill)
      expect([exitCode, s3.received.length], stderr).to.deep.equal([0, 1])
    })
  })

  describe("before NeoWs is asked", () => {
    for (const [what, more, words] of [
      ["a bucket's name that is none", { NEOWS_OUTPUT: "s3://Neows/x" }, /NEOWS_OUTPUT: s3:\/\/ takes a bucket's name/],
      ["no region", { NEOWS_OUTPUT: OBJECT, AWS_REGION: "" }, /AWS_REGION is not set/],
      ["an address with one slash", { NEOWS_OUTPUT: "s3:/neows/x" }, /NEOWS_OUTPUT: .* s3:\/\/bucket\/key, with two/],
      [
        "a token with a line end",
        { NEOWS_OUTPUT: OBJECT, AWS_SESSION_TOKEN: `${credentials.AWS_SESSION_TOKEN}\n` },
        /AWS_SESSION_TOKEN: holds a line end/,
      ],
      [
        "FIPS beside an endpoint",
        { NEOWS_OUTPUT: OBJECT, AWS_USE_FIPS_ENDPOINT: "true" },
        /AWS_USE_FIPS_ENDPOINT chooses among AWS' own addresses, and AWS_ENDPOINT_URL_S3 names another/,
      ],
      ["half of the keys", { NEOWS_OUTPUT: OBJECT, AWS_SECRET_ACCESS_KEY: "" }, /one is set; set both/],
    ] as const) {
      it(`refuses ${what} (64)`, async () => {
        const work = place.start([], environment(more))
        expect(await fetchesDuring(work)).to.equal(0)
        const { exitCode, stderr } = await work
        expect(exitCode).to.equal(64)
        expectOneLine(stderr, words)
      })
    }

    it("says that there are no credentials, and where they come from (73)", async () => {
      const work = run({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_PROFILE: "default" })
      expect(await fetchesDuring(work)).to.equal(0)
      const { exitCode, stderr } = await work
      expect(exitCode).to.equal(73)
      expectOneLine(stderr, /no AWS credentials; a task's role gives them in ECS, .*profiles are not read/)
    })
  })

  describe("credentials of the container's endpoint", () => {
    let endpoint: Loopback
    const token = secret()
    const given = { AccessKeyId: secret(), SecretAccessKey: secret(), Token: secret() }
    before(async () => {
      endpoint = await Loopback.open()
    })
    after(() => endpoint.close())
    beforeEach(() => {
      s3.answer((response) => response.end())
    })
    const container = (more: Environment = {}): Environment => ({
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_SESSION_TOKEN: "",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint.url.href}v2/credentials?id=1`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
      ...more,
    })
    /** “Container credential provider” of the AWS SDKs and tools reference. */
    const giving =
      (expected: string): Answer =>
      (response, _nth, { headers }) => {
        if (headers.authorization !== expected) return void response.writeHead(401).end()
        const Expiration = new Date(Date.now() + 6 * 3_600_000).toISOString()
        response.setHeader("content-type", "application/json")
        response.end(JSON.stringify({ ...given, Expiration, RoleArn: "arn:aws:iam::000000000000:role/neows" }))
      }
    const signers = () =>
      s3.received.map(({ headers }) => {
        const named = new Map(headers.map(([name, value]) => [name.toLowerCase(), value]))
        return [/Credential=([^/]+)/.exec(named.get("authorization") ?? "")?.[1], named.get("x-amz-security-token")]
      })

    it("sign the request; they are asked for once, with the token", async () => {
      endpoint.answer(giving(token))
      const { exitCode, stderr } = await run(container(), "--verbose")
      expect(exitCode, stderr).to.equal(0)
      expect(endpoint.received.map(({ target }) => target)).to.deep.equal(["/v2/credentials?id=1"])
      expect(signers()).to.deep.equal([[given.AccessKeyId, given.Token]])
      for (const kept of [token, ...Object.values(given)]) expect(stderr).not.to.contain(kept)
    })

    it("are in no words of --verbose, though S3 echoes them", async () => {
      endpoint.answer(giving(token))
      s3.answer(refusing(403, "AccessDenied"))
      const { exitCode, stderr } = await run(container(), "--verbose")
      expect(exitCode).to.equal(73)
      expect(stderr).to.contain("Credential=REDACTED/")
      for (const kept of [token, ...Object.values(given)]) expect(stderr).not.to.contain(kept)
    })

    it("are in no words of --verbose, though the endpoint's answer is cut in the middle of one", async () => {
      endpoint.answer((response) => void response.end(`{"AccessKeyId": ${given.AccessKeyId}`))
      const { exitCode, stderr } = await run(container(), "--verbose")
      expect([exitCode, stderr.includes(given.AccessKeyId.slice(0, 6))], stderr).to.deep.equal([73, false])
    })

    it("are asked for with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", async () => {
      const inFile = secret()
      await writeFile(join(place.folder, "token"), inFile)
      endpoint.answer(giving(inFile))
      const { exitCode } = await run(container({ AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "token" }))
      expect([exitCode, signers()]).to.deep.equal([0, [[given.AccessKeyId, given.Token]]])
    })

    it("are asked for again where the endpoint fails at first", async () => {
      endpoint.answer((response, nth, request) => {
        if (nth < 2) return void response.writeHead(500).end()
        giving(token)(response, nth, request)
      })
      expect((await run(container())).exitCode).to.equal(0)
      expect(endpoint.received).to.have.length(3)
    })

    for (const [what, answer, more, words] of [
      ["refuses", giving("another"), {}, /credentials endpoint answers 401; does the task have a role\?/],
      ["answers no credentials", (response) => void response.end("{}"), {}, /credentials endpoint gives none; does/],
      ["answers no JSON", (response) => void response.end("<p>"), {}, /credentials endpoint gives none; does/],
      ["stays silent", () => {}, {}, /credentials endpoint stays silent for 5 s; does/],
      [
        "is not there",
        () => {},
        { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/" },
        /credentials endpoint can't be reached \(ECONNREFUSED\); does/,
      ],
      [
        "is another host by plain http",
        () => {},
        { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://192.0.2.1/" },
        /AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http:\/\//,
      ],
      [
        "wants a token of a file that is not there",
        () => {},
        { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "none" },
        /AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE can't be read \(ENOENT\)/,
      ],
    ] as const satisfies readonly (readonly [string, Answer, Environment, RegExp])[]) {
      it(`an endpoint that ${what} is told before NeoWs is asked, in one line (73)`, async function () {
        this.timeout(20_000)
        endpoint.answer(answer)
        const work = run(container(more))
        expect(await fetchesDuring(work)).to.equal(0)
        const { exitCode, stderr, durationMs } = await work
        expect(exitCode, stderr).to.equal(73)
        expectOneLine(stderr, words)
        expect(stderr).not.to.contain(token)
        expect(durationMs).to.be.below(10_000)
      })
    }

    it("SIGTERM while they are waited for ends it at once (143)", async () => {
      const arrived = new Promise<void>((got) => {
        endpoint.answer(() => got())
      })
      const running = run(container())
      await arrived
      running.kill("SIGTERM")
      const { exitCode, durationMs } = await running
      expect(exitCode).to.equal(143)
      expect(durationMs).to.be.below(4000)
    })
  })

  describe("over https", () => {
    let tls: Server
    let proxy: Server
    let tunnels: string[]
    let refuse: boolean
    before(async () => {
      const certificate = await generate([{ name: "commonName", value: "localhost" }], {
        extensions: [
          { name: "basicConstraints", cA: true },
          { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
        ],
      })
      await writeFile(join(place.folder, "authority.pem"), certificate.cert)
      tls = createHttpsServer({ key: certificate.private, cert: certificate.cert }, (request, response) => {
        request.resume().on("end", () => response.end())
      })
      proxy = createHttpServer()
      proxy.on("connect", (request, socket, head) => {
        tunnels.push(request.url ?? "")
        socket.on("error", () => {})
        if (refuse) return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        const upstream = connect((tls.address() as AddressInfo).port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 Connection Established\r\n\r\n")
          upstream.write(head)
          upstream.pipe(socket).pipe(upstream)
        })
        upstream.on("error", () => {})
      })
      for (const server of [tls, proxy]) await once(server.listen(0, "127.0.0.1"), "listening")
    })
    after(() => {
      for (const server of [tls, proxy]) {
        server.closeAllConnections()
        server.close()
      }
    })
    beforeEach(() => {
      tunnels = []
      refuse = false
    })
    const host = () => `localhost:${(tls.address() as AddressInfo).port}`
    const secure = (more: Environment = {}) => ({
      AWS_ENDPOINT_URL_S3: `https://${host()}`,
      NODE_EXTRA_CA_CERTS: join(place.folder, "authority.pem"),
      ...more,
    })
    const proxyUrl = (password = "") =>
      `http://${password && `user:${password}@`}127.0.0.1:${(proxy.address() as AddressInfo).port}`

    it("trusts the authority of NODE_EXTRA_CA_CERTS, and nobody else (73)", async () => {
      expect((await run(secure())).exitCode).to.equal(0)
      const { exitCode, stderr } = await run(secure({ NODE_EXTRA_CA_CERTS: "" }))
      expect(exitCode).to.equal(73)
      expectOneLine(stderr, /certificate of localhost:\d+ is not trusted .*NODE_EXTRA_CA_CERTS$/m)
    })

    it("goes by the tunnel of HTTPS_PROXY, and past it to the hosts of NO_PROXY", async () => {
      expect((await run(secure({ HTTPS_PROXY: proxyUrl() }))).exitCode).to.equal(0)
      expect(tunnels).to.deep.equal([host()])
      const { exitCode } = await run(secure({ HTTPS_PROXY: proxyUrl(), NO_PROXY: "other.example,localhost" }))
      expect([exitCode, tunnels.length]).to.deep.equal([0, 1])
    })

    it("says that the proxy refuses, without its password (73)", async () => {
      refuse = true
      const password = secret()
      const { exitCode, stderr } = await run(secure({ HTTPS_PROXY: proxyUrl(password) }), "--verbose")
      expect(exitCode, stderr).to.equal(73)
      expect(stderr)
        .to.match(/the proxy refuses the way to localhost:\d+ \(407\)/)
        .and.not.to.contain(password)
    })
  })

  it("another output needs nothing of it: the program has no SDK in it, and runs with the SDK's file taken away", async () => {
    expect(await readFile(BUNDLE, "utf8")).not.to.contain("AWS4-HMAC-SHA256")
    const sdk = await readFile(join(BUNDLE, "../s3-object.cjs"), "utf8")
    // Of the SDK's own chain of credentials: profiles, SSO, programs.
    expect(sdk)
      .to.contain("AWS4-HMAC-SHA256")
      .and.not.to.match(/sso_session|credential_process/)
    const alone = join(place.folder, "get-data.cjs")
    await copyFile(BUNDLE, alone)
    const options = { cwd: place.folder, extendEnv: false, env: { NASA_API_KEY: key }, reject: false } as const
    const program = (...args: string[]) => execa(process.execPath, [alone, "--base-url", standin.url, ...args], options)
    expect((await program()).exitCode).to.equal(0)
    expect((await program("--output", "-")).exitCode).to.equal(0)
  })

  describeWith([python], "on ministack", function () {
    this.timeout(180_000)
    let aws: Ministack
    let client: S3Client
    before(async () => {
      aws = await startMinistack()
      client = new S3Client({ ...aws.client, forcePathStyle: true })
      await client.send(new CreateBucketCommand({ Bucket: "neows" }))
    })
    after(() => aws?.close())
    const onMinistack = (output: string, page: number, region = aws.client.region) =>
      place.start(
        ["--output", output, "--page", `${page}`],
        environment({ AWS_ENDPOINT_URL_S3: aws.url, AWS_REGION: region }),
      )

    it("the object has the very bytes of the file, its type and a checksum that holds; a later one replaces it", async () => {
      for (const page of [0, 1755]) {
        const { exitCode, stderr } = await onMinistack("s3://neows/pages/é 1+2.json", page)
        expect(exitCode, stderr).to.equal(0)
        await onMinistack("page.json", page)
        const got = new GetObjectCommand({ Bucket: "neows", Key: "pages/é 1+2.json", ChecksumMode: "ENABLED" })
        const { Body, ContentType } = await client.send(got)
        expect(ContentType).to.equal("application/json")
        const bytes = Buffer.from((await Body?.transformToByteArray()) ?? [])
        expect(bytes.equals(await readFile(join(place.folder, "page.json")))).to.equal(true)
        expect(bytes.toString()).not.to.contain(key)
      }
      const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: "neows" }))
      expect(KeyCount).to.equal(1)
    })

    it("a bucket of another region is said, with its region (73)", async () => {
      const { exitCode, stderr } = await onMinistack("s3://neows/page.json", 1, REGION)
      expect(exitCode).to.equal(73)
      expectOneLine(stderr, /bucket neows is in us-east-1, not in eu-central-1 \(301 \w+\); set AWS_REGION/)
    })

    it("a bucket that there is not is said (73)", async () => {
      const { exitCode, stderr } = await onMinistack("s3://no-such-bucket/page.json", 1)
      expect(exitCode).to.equal(73)
      expectOneLine(stderr, /there is no bucket no-such-bucket \(404 NoSuchBucket\); make it, or name another/)
    })
  })
})
