/** TLS to PostgreSQL: the server's certificate is verified against the CA file and its name, and nothing else is spoken to. */
import { execFileSync } from "node:child_process"
import { chownSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Postgres, startPostgres } from "@perigee/local/postgres"
import { Database } from "@perigee/platform/database"
import { Problem } from "@perigee/platform/problem"
import { databaseSettingsOf, type Environment } from "@perigee/platform/settings"
import { expect } from "chai"
import { execa } from "execa"

describe("TLS to PostgreSQL", function () {
  this.timeout(30_000)
  let folder: string
  let postgres: Postgres
  before(async function makeCertificates() {
    folder = mkdtempSync(join(tmpdir(), "perigee-tls-"))
    const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" })
    try {
      openssl("version")
    } catch {
      this.skip()
    }
    for (const name of ["ca", "stranger"]) {
      openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        `/CN=${name}`,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.pem`,
      )
    }
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
      "-keyout",
      "server.key",
      "-out",
      "server.csr",
    )
    openssl(
      "x509",
      "-req",
      "-in",
      "server.csr",
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "2",
      "-copy_extensions",
      "copy",
      "-out",
      "server.pem",
    )
    if (process.getuid?.() === 0) {
      const id = (flag: string) => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }))
      for (const file of ["", "server.key", "server.pem"]) chownSync(join(folder, file), id("-u"), id("-g"))
    }
    postgres = await startPostgres({
      settings: [
        "fsync=off",
        "ssl=on",
        `ssl_cert_file=${join(folder, "server.pem")}`,
        `ssl_key_file=${join(folder, "server.key")}`,
      ],
    })
  })
  after(async () => {
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function tls(env: Environment): Promise<boolean | string> {
    const all = {
      DB_PORT: String(postgres.port),
      DB_NAME: "postgres",
      DB_USER: "postgres",
      DB_PASSWORD: postgres.password,
      ...env,
    }
    const database = new Database(databaseSettingsOf(all, ""), "tls", { warn: () => {} })
    try {
      const text = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
      const [row] = await database.read<{ ssl: boolean }>({ name: "tls", text }, [])
      return row?.ssl ?? false
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return (error.cause as { code?: string }).code ?? String(error.cause)
    } finally {
      await database.close()
    }
  }
  const ca = (name: string) => join(folder, name)
  /** The same in a process of its own, whose system's authorities the environment adds to. */
  async function inProcess(env: NodeJS.ProcessEnv): Promise<string> {
    const script = `
      import { Database } from "@perigee/platform/database"
      import { databaseSettingsOf } from "@perigee/platform/settings"
      const database = new Database(databaseSettingsOf(process.env, ""), "tls", { warn: () => {} })
      const text = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
      const told = await database.read({ name: "tls", text }, []).then(([row]) => row.ssl, ({ cause }) => cause.code)
      process.stdout.write(String(told))
      await database.close()`
    const login = {
      DB_PORT: String(postgres.port),
      DB_NAME: "postgres",
      DB_USER: "postgres",
      DB_PASSWORD: postgres.password,
    }
    const { stdout } = await execa(process.execPath, ["--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      extendEnv: false,
      env: { ...login, ...env },
    })
    return stdout
  }

  it("is spoken to a server whose certificate the CA file vouches for, under its own name", async () => {
    expect(await tls({ DB_HOST: "localhost", DB_CA_FILE: ca("ca.pem") })).to.equal(true)
  })

  it("is refused to a certificate of another CA, of none that is known, or for another name", async () => {
    expect(await tls({ DB_HOST: "localhost", DB_CA_FILE: ca("stranger.pem") })).to.match(
      /UNABLE_TO_VERIFY|SELF_SIGNED|DEPTH_ZERO/,
    )
    expect(await tls({ DB_HOST: "localhost", DB_TLS: "verify" })).to.match(/UNABLE_TO_VERIFY|SELF_SIGNED/)
    expect(await tls({ DB_HOST: "127.0.0.1", DB_CA_FILE: ca("ca.pem") })).to.equal("ERR_TLS_CERT_ALTNAME_INVALID")
  })

  it("with DB_CA=rds is refused to a certificate of our own, though the machine is this one", async () => {
    expect(await tls({ DB_HOST: "localhost", DB_CA: "rds" })).to.match(/UNABLE_TO_VERIFY|SELF_SIGNED/)
    const trusted = { NODE_EXTRA_CA_CERTS: ca("ca.pem") }
    expect(await inProcess({ DB_HOST: "localhost", DB_TLS: "verify", ...trusted })).to.equal("true")
    expect(await inProcess({ DB_HOST: "localhost", DB_CA: "rds", ...trusted })).to.match(/UNABLE_TO_VERIFY|SELF_SIGNED/)
  })

  it("is plain only where the settings say near and off", async () => {
    expect(await tls({ DB_HOST: "localhost" })).to.equal(false)
  })
})
