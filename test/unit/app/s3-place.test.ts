/** Claims about `s3://bucket/key` and the AWS variables beside it: what is taken, what is refused and in which words. */
import { randomBytes } from "node:crypto"
import { expect } from "chai"
import fc from "fast-check"
import { isS3Uri, MAX_KEY_BYTES, type S3Place, s3PlaceOf } from "../../../app/src/s3-place.ts"
import { type Environment, UsageError } from "../../../app/src/setting-value.ts"
import { parseFlags, settingsOf } from "../../../app/src/settings.ts"

const secret = () => randomBytes(20).toString("base64url")
const REGION: Environment = { AWS_REGION: "eu-central-1" }
const place = (uri: string, env: Environment = REGION): S3Place => s3PlaceOf("--output", uri, env)

describe("app/s3-place", () => {
  it("s3:// is a place in S3, and nothing else is", () => {
    expect(["s3://bucket/key", "S3://bucket/key", "s3://"].map(isS3Uri)).to.deep.equal([true, true, true])
    expect(["s3:/a/b", "s3", "-", "output/s3://a/b", "a.json", ""].some(isS3Uri)).to.equal(false)
  })

  it("takes bucket and key as they stand: nothing is decoded, and a ? or # is a character of the key", () => {
    for (const key of [
      "a",
      "a/b.json",
      "/a",
      "a//b",
      "%41 +é?x#y",
      "...",
      "a/.b/..c",
      "x".repeat(MAX_KEY_BYTES),
      "a\nb",
    ]) {
      expect(place(`s3://my.bucket-1/${key}`), key).to.include({ bucket: "my.bucket-1", key, region: "eu-central-1" })
    }
  })

  for (const [bucket, what] of [
    ["", "nothing"],
    ["ab", "2 characters"],
    ["a".repeat(64), "64 characters"],
    ["Bucket", "a capital"],
    ["a_b", "an underscore"],
    ["büc", "a letter that is not a to z"],
    ["-abc", "a hyphen first"],
    ["abc-", "a hyphen last"],
    [".abc", "a dot first"],
    ["abc.", "a dot last"],
    ["a..b", "two dots"],
    ["192.168.5.4", "an IP address"],
    ["user:word@bucket", "a user and a password"],
    ["bucket:9000", "a port"],
    ["bucket?x", "a query"],
  ] as const) {
    it(`refuses a bucket's name with ${what}, naming the flag and the rule and not the value`, () => {
      expect(() => place(`s3://${bucket}/key`))
        .to.throw(UsageError, /^--output: s3:\/\/ takes a bucket's name of 3 to 63/)
        .with.property("message")
        .not.contains(bucket || "\n")
    })
  }

  it("takes buckets' names of 3 and of 63 characters, and an access point's alias", () => {
    for (const bucket of ["abc", "1.2.3.4.5", "a".repeat(63), "my-access-point-s3alias"]) {
      expect(place(`s3://${bucket}/key`).bucket).to.equal(bucket)
    }
  })

  it("refuses the names that S3 keeps for itself, and the kinds of buckets that take no plain PutObject", () => {
    for (const bucket of ["xn--abc", "sthree-abc", "amzn-s3-demo-abc", "ap--ol-s3", "ap.mrap", "b--euc1-az1--x-s3"]) {
      expect(() => place(`s3://${bucket}/key`), bucket).to.throw(UsageError, "keeps this bucket's name")
    }
  })

  it("refuses a bucket alone, a folder, a key over 1024 bytes, and steps in a path", () => {
    for (const [key, words] of [
      ["", "names a bucket"],
      ["/", "names a bucket"],
      ["/a/", "names a folder"],
      [`/${"é".repeat(512)}x`, "has 1025 bytes"],
      ["/a/../b", "is . or .."],
      ["/./b", "is . or .."],
      ["/..", "is . or .."],
    ] as const) {
      expect(() => place(`s3://bucket${key}`), key).to.throw(UsageError, words)
    }
  })

  it("any key without steps in it comes back to the letter", () => {
    const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((text) => !/^\.\.?$|\//.test(text))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        expect(place(`s3://bucket/${parts.join("/")}`).key).to.equal(parts.join("/"))
      }),
    )
  })

  it("needs a region, AWS_REGION before AWS_DEFAULT_REGION", () => {
    expect(() => place("s3://bucket/key", {})).to.throw(UsageError, "AWS_REGION is not set")
    expect(() => place("s3://bucket/key", { AWS_REGION: "Frankfurt" })).to.throw(UsageError, "AWS_REGION: not a region")
    expect(place("s3://bucket/key", { AWS_DEFAULT_REGION: "us-gov-west-1" }).region).to.equal("us-gov-west-1")
    expect(place("s3://bucket/key", { ...REGION, AWS_DEFAULT_REGION: "us-east-1" }).region).to.equal("eu-central-1")
  })

  it("takes AWS_ENDPOINT_URL_S3 before AWS_ENDPOINT_URL, and refuses what is no http URL without repeating it", () => {
    const both = { ...REGION, AWS_ENDPOINT_URL_S3: "http://a:1/x", AWS_ENDPOINT_URL: "https://b" }
    expect(place("s3://bucket/key", both).endpoint?.href).to.equal("http://a:1/x")
    expect(place("s3://bucket/key", { ...both, AWS_ENDPOINT_URL_S3: "" }).endpoint?.href).to.equal("https://b/")
    expect(place("s3://bucket/key").endpoint).to.equal(undefined)
    const word = secret()
    for (const url of [`https://user:${word}@host`, `${word}`, `ftp://${word}`, `https://host?${word}`]) {
      expect(() => place("s3://bucket/key", { ...REGION, AWS_ENDPOINT_URL: url }), url)
        .to.throw(UsageError, /^AWS_ENDPOINT_URL: /)
        .with.property("message")
        .not.contains(word)
    }
  })

  it("takes AWS' addresses for FIPS 140 and for IPv6 by true and false, and neither beside another endpoint", () => {
    for (const [variable, member] of [
      ["AWS_USE_FIPS_ENDPOINT", "fips"],
      ["AWS_USE_DUALSTACK_ENDPOINT", "dualStack"],
    ] as const) {
      const chosen = (text: string, more: Environment = {}) =>
        place("s3://bucket/key", { ...REGION, ...more, [variable]: text })[member]
      expect(["true", "True", "false", ""].map((text) => chosen(text))).to.deep.equal([true, true, false, false])
      expect(() => chosen("yes")).to.throw(UsageError, `${variable}: neither true nor false`)
      const endpoint = { AWS_ENDPOINT_URL: "https://b" }
      expect(chosen("false", endpoint)).to.equal(false)
      expect(() => chosen("true", endpoint)).to.throw(UsageError, new RegExp(`^${variable} .* AWS_ENDPOINT_URL names`))
    }
  })

  describe("credentials", () => {
    const of = (env: Environment) => place("s3://bucket/key", { ...REGION, ...env }).credentials

    it("are the keys of the environment, else the container's endpoint, else none", () => {
      const [accessKeyId, secretAccessKey, sessionToken, token] = [secret(), secret(), secret(), secret()]
      const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
      const container = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/1" }
      expect(of({ ...keys, ...container, AWS_SESSION_TOKEN: sessionToken })).to.deep.equal({
        kind: "keys",
        accessKeyId,
        secretAccessKey,
        sessionToken,
      })
      expect(of(container)).to.include({ kind: "container", relativeUri: "/v2/credentials/1", fullUri: undefined })
      const full = {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1/c",
        AWS_CONTAINER_AUTHORIZATION_TOKEN: token,
      }
      expect(of(full)).to.include({ kind: "container", fullUri: "http://127.0.0.1/c", token })
      expect(of({ ...full, ...container })).to.include({ fullUri: undefined })
      expect(of({ ...full, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/f" })).to.include({
        token: undefined,
        tokenFile: "/f",
      })
      expect(of({ AWS_PROFILE: "mine" })).to.deep.equal({ kind: "none" })
    })

    it("with a line end or a letter that no header takes are refused, and not repeated", () => {
      const keys = { AWS_ACCESS_KEY_ID: secret(), AWS_SECRET_ACCESS_KEY: secret(), AWS_SESSION_TOKEN: secret() }
      const container = {
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/c",
        AWS_CONTAINER_AUTHORIZATION_TOKEN: `Bearer ${secret()}`,
      }
      for (const env of [keys, container] as Environment[]) {
        expect(() => of(env)).not.to.throw()
        for (const variable of Object.keys(env).filter((name) => !name.endsWith("URI"))) {
          for (const wrong of ["\n", "\r", "\0", "é", "\u2028", "\x7f"]) {
            const text = `${env[variable]}${wrong}`
            expect(() => of({ ...env, [variable]: text }), variable)
              .to.throw(UsageError, new RegExp(`^${variable}: holds a line end, or another`))
              .with.property("message")
              .not.contains(env[variable])
          }
        }
      }
    })

    it("set by half, or an endpoint that is no address, are refused and not repeated", () => {
      const word = secret()
      for (const env of [
        { AWS_ACCESS_KEY_ID: word },
        { AWS_SECRET_ACCESS_KEY: word },
        { AWS_CONTAINER_CREDENTIALS_FULL_URI: word },
        { AWS_CONTAINER_CREDENTIALS_FULL_URI: `file:///${word}` },
        { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: word },
      ]) {
        expect(() => of(env), Object.keys(env)[0])
          .to.throw(UsageError, Object.keys(env)[0])
          .with.property("message")
          .not.contains(word)
      }
    })
  })

  it("comes from --output or NEOWS_OUTPUT, whose name a mistake is told by; another output needs none of it", () => {
    const read = (argv: string[], env: Environment) => settingsOf(parseFlags(argv), env)
    expect(read(["--output", "s3://bucket/key"], REGION).s3).to.include({ bucket: "bucket", key: "key" })
    expect(read([], { ...REGION, NEOWS_OUTPUT: "s3://bucket/key" }).s3).to.include({ bucket: "bucket" })
    for (const mistyped of ["s3:/bucket/key", "s3:bucket/key", "S3:/bucket/key", "s3:"]) {
      expect(() => read(["--output", mistyped], REGION)).to.throw(UsageError, /^--output: .* with two slashes/)
    }
    expect(read(["--output", "./s3:/a"], REGION)).to.include({ s3: undefined, output: "./s3:/a" })
    expect(() => read([], { ...REGION, NEOWS_OUTPUT: "s3://b/key" })).to.throw(UsageError, /^NEOWS_OUTPUT: /)
    expect(read([], { AWS_REGION: "nowhere", AWS_ACCESS_KEY_ID: "half" }).s3).to.equal(undefined)
  })

  it("takes HTTPS_PROXY where S3 or NeoWs is https, and not where both are http", () => {
    const proxy = (env: Environment, base: string) =>
      settingsOf(parseFlags(["--output", "s3://bucket/key", "--base-url", base]), {
        ...REGION,
        HTTPS_PROXY: "http://p",
        ...env,
      }).httpsProxy?.host
    const endpoint = { AWS_ENDPOINT_URL: "http://127.0.0.1" }
    expect(proxy({}, "http://localhost")).to.equal("p")
    expect(proxy(endpoint, "https://localhost")).to.equal("p")
    expect(proxy(endpoint, "http://localhost")).to.equal(undefined)
  })
})
