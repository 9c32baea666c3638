/** A service's settings: what its environment may say, and what each mistake is called. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connectionOf } from "@perigee/platform/connection"
import { ConfigurationUnusable } from "@perigee/platform/exit-code"
import { commandOf, databaseSettingsOf, type Environment, NUMBERS, settingsOf } from "@perigee/platform/settings"
import { expect } from "chai"

const GOOD: Environment = { AWS_REGION: "eu-central-1", DB_HOST: "localhost", DB_NAME: "perigee", DB_PASSWORD: "p" }
const read = (more: Environment = {}) => settingsOf({ ...GOOD, ...more }, 1010, "user_metadata")
const database = (env: Environment) => databaseSettingsOf({ AWS_REGION: "eu-central-1", ...env }, "user_metadata")

describe("a service's settings", () => {
  it("have the documented defaults", () => {
    expect(read()).to.deep.include({
      host: "0.0.0.0",
      port: 1010,
      logLevel: "info",
      trustedProxyHops: 0,
      drainMs: 24_000,
    })
    expect(read().configs).to.deep.equal({
      table: "service-configs",
      region: "eu-central-1",
      endpoint: undefined,
      refreshMs: 15_000,
    })
    expect(read().database).to.deep.include({
      host: "localhost",
      port: 5432,
      user: "user_metadata",
      poolSize: 10,
      tls: undefined,
    })
  })

  it("take every number at both ends of its range, and none outside", () => {
    for (const [name, { min, max }] of Object.entries(NUMBERS)) {
      for (const good of [min, max]) expect(() => read({ [name]: String(good) }), `${name}=${good}`).not.to.throw()
      for (const bad of [String(min - 1), String(max + 1), "1.5", "1e1", "0x1", " 1", "ten", "9".repeat(30)]) {
        expect(() => read({ [name]: bad }), `${name}=${bad}`).to.throw(ConfigurationUnusable, name)
      }
    }
  })

  it("read DATABASE_URL with what must be escaped in it, and never show it", () => {
    const url = "postgresql://us%40er:p%3Aw%2Fd@[::1]:6432/my%20db"
    expect(database({ DATABASE_URL: url })).to.deep.include({
      host: "::1",
      port: 6432,
      user: "us@er",
      database: "my db",
      login: { kind: "password", password: "p:w/d" },
    })
    for (const bad of [
      "secret",
      "mysql://secret:p@h/d",
      "postgresql://h/d",
      "postgresql://u:secret@h",
      "postgresql://u:secret@h/d?sslmode=disable",
    ]) {
      expect(() => database({ DATABASE_URL: bad }))
        .to.throw(ConfigurationUnusable)
        .with.property("message")
        .not.contains("secret")
    }
  })

  it("speak TLS to every database that is not of this machine or its container network", () => {
    const tls = (host: string, more: Environment = {}) =>
      database({ DB_HOST: host, DB_NAME: "d", DB_PASSWORD: "p", ...more }).tls
    for (const near of ["localhost", "127.0.0.1", "::1", "postgres"]) expect(tls(near), near).to.equal(undefined)
    for (const far of ["db.example.com", "10.0.0.1", "fe80::1"]) {
      expect(tls(far), far).to.deep.equal({ ca: undefined })
      expect(() => tls(far, { DB_TLS: "off" }), far).to.throw(/not this machine/)
    }
    expect(tls("postgres", { DB_TLS: "verify" })).to.deep.equal({ ca: undefined })
  })

  it("trust RDS' authorities alone with DB_CA=rds, on hosts near and far, and say what does not go with it", () => {
    const tls = (more: Environment, host = "db.abc.eu-central-1.rds.amazonaws.com") =>
      database({ DB_HOST: host, DB_NAME: "d", DB_PASSWORD: "p", ...more }).tls
    const rds = tls({ DB_CA: "rds" })?.ca as readonly string[]
    expect(rds).to.have.length.above(80)
    for (const host of ["localhost", "db.example.com"]) expect(tls({ DB_CA: "rds" }, host)?.ca).to.deep.equal(rds)
    expect(tls({ DB_CA: "" })).to.deep.equal({ ca: undefined })
    for (const [more, words] of [
      [{ DB_CA: "RDS" }, /^DB_CA: takes rds and nothing else; DB_CA_FILE names a file/],
      [{ DB_CA: "/etc/rds.pem" }, /^DB_CA: takes rds/],
      [{ DB_CA: "rds", DB_CA_FILE: "/no/such.pem" }, /^DB_CA and DB_CA_FILE are both set; keep one$/],
      [{ DB_CA: "rds", DB_TLS: "off" }, /^DB_CA=rds and DB_TLS=off are both set; keep one$/],
    ] as const) {
      expect(() => tls(more), JSON.stringify(more)).to.throw(ConfigurationUnusable, words)
    }
  })

  it("log in by IAM over verified TLS only, with a fresh token for each connection", async () => {
    const folder = mkdtempSync(join(tmpdir(), "perigee-settings-"))
    try {
      const file = join(folder, "rds.pem")
      writeFileSync(file, "PEM")
      const settings = database({ DB_HOST: "db.example.com", DB_NAME: "d", DB_IAM: "true", DB_CA_FILE: file })
      expect(settings.tls).to.deep.equal({ ca: "PEM" })
      const config = connectionOf(settings, "test")
      expect(config.ssl).to.include({ rejectUnauthorized: true }).and.to.have.property("secureContext")
      const before = { ...process.env }
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "example" })
      try {
        const token = await (config.password as () => Promise<string>)()
        expect(token).to.match(/^db\.example\.com:5432\/\?.*Action=connect.*DBUser=user_metadata.*X-Amz-Expires=900/)
      } finally {
        for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
          if (before[name] === undefined) delete process.env[name]
          else process.env[name] = before[name]
        }
      }
      expect(() => database({ DB_HOST: "localhost", DB_NAME: "d", DB_IAM: "true", DB_TLS: "off" })).to.throw(
        /over TLS only/,
      )
      expect(() => database({ DB_HOST: "h", DB_NAME: "d", DB_IAM: "true", DB_PASSWORD: "p" })).to.throw(/keep one/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("take a password from a file, without the line end that an editor adds", () => {
    const folder = mkdtempSync(join(tmpdir(), "perigee-settings-"))
    try {
      const file = join(folder, "password")
      const withFile = { DB_HOST: "localhost", DB_NAME: "d", DB_PASSWORD_FILE: file }
      writeFileSync(file, "from file \n")
      expect(database(withFile).login).to.deep.equal({ kind: "password", password: "from file " })
      writeFileSync(file, "\n")
      expect(() => database(withFile)).to.throw(/is empty/)
      expect(() => database({ ...withFile, DB_PASSWORD: "p" })).to.throw(/keep one/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it("know three commands, and serve without one", () => {
    expect([commandOf([]), commandOf(["migrate"]), commandOf(["roles"])]).to.deep.equal(["serve", "migrate", "roles"])
    for (const wrong of [["Serve"], ["--help"], ["serve", "x"], ["__proto__"]])
      expect(() => commandOf(wrong)).to.throw(/one command of/)
  })
})
