/** A service as a process: commands, exit codes, one clear line for each mistake, and an end within its time. */
import { once } from "node:events"
import { createServer } from "node:net"
import { MIGRATOR } from "@perigee/platform/migrations"
import { run } from "@perigee/platform/program"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { Client } from "../../support/services/client.ts"
import { runProgram } from "../../support/services/program.ts"
import { environmentOf, PASSWORDS, prepare, putAuthentication, urlFor } from "../../support/services/running.ts"
import { freshStores, type Stores } from "../../support/services/stores.ts"
import { until } from "../../support/services/until.ts"

const ENTRY = "services/user_metadata/src/main.ts"
const CREDENTIALS = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" }

describe("the program of a service", function () {
  this.timeout(40_000)
  let stores: Stores
  before(async () => {
    stores = await freshStores()
  })
  after(() => stores?.stop())
  const env = (more: Record<string, string> = {}) => ({ ...CREDENTIALS, ...environmentOf(userMetadata, stores, more) })

  it("roles, migrate, migrate again, serve, SIGTERM: each says what it did and ends with 0", async () => {
    const admin = {
      DATABASE_URL: stores.postgres.url(stores.database),
      SERVICE_ROLE_PASSWORD: PASSWORDS.service,
      MIGRATOR_PASSWORD: PASSWORDS.migrator,
    }
    const roles = runProgram(ENTRY, ["roles"], { env: admin })
    expect(await roles.ended, roles.stderr()).to.equal(0)
    expect(roles.stdout()).to.equal("user_metadata: roles perigee_migrator and user_metadata are there\n")
    const migrator = { DATABASE_URL: urlFor(stores, MIGRATOR) }
    const migrated = runProgram(ENTRY, ["migrate"], { env: migrator })
    expect(await migrated.ended, migrated.stderr()).to.equal(0)
    expect(migrated.stdout()).to.equal("user_metadata: migrated 001_users\n")
    const again = runProgram(ENTRY, ["migrate"], { env: migrator })
    expect(await again.ended).to.equal(0)
    expect(again.stdout()).to.equal("user_metadata: nothing to migrate\n")

    await putAuthentication("user_metadata", stores)
    const server = runProgram(ENTRY, [], { env: env() })
    const [, address = ""] = await server.says(/Server listening at (http:\/\/127\.0\.0\.1:\d+)/)
    const client = new Client(address)
    await until("the service to be ready", async () => (await client.send("GET", "/health/ready")).status === 200)
    server.kill("SIGTERM")
    const from = Date.now()
    expect(await server.ended).to.equal(0)
    expect(Date.now() - from).to.be.below(2000)
    expect(server.stdout()).to.match(/"msg":"stopped"/)
    expect(server.stderr()).to.equal("")
    client.close()
  })

  it("is live while its stores are away, and ends on SIGTERM all the same", async () => {
    const server = runProgram(ENTRY, [], {
      env: env({ DATABASE_URL: "postgresql://u:p@127.0.0.1:9/x", DYNAMODB_ENDPOINT: "http://127.0.0.1:9" }),
    })
    const [, address = ""] = await server.says(/Server listening at (http:\/\/127\.0\.0\.1:\d+)/)
    const client = new Client(address)
    const ready = await until("both to be missed", async () => {
      const answer = await client.send("GET", "/health/ready")
      return answer.body.missing.length === 2 && answer
    })
    expect(ready.body.missing).to.deep.equal(["settings: record authentication", "database: it can't be reached"])
    expect((await client.send("GET", "/health/live")).status).to.equal(200)
    server.kill("SIGTERM")
    expect(await server.ended).to.equal(0)
    client.close()
  })

  it("ends where its start fails with a bug, and does not stay without ever being ready", async () => {
    await prepare(userMetadata, stores)
    await putAuthentication("user_metadata", stores)
    const broken = {
      ...userMetadata,
      tasks: () => {
        throw new Error("a bug")
      },
    }
    const never = new Promise<void>(() => {})
    const silent = { stdout: () => {}, stderr: () => {} }
    // Ends the process with 70: see main().
    const outcome = await run(broken, { argv: [], env: env({ LOG_LEVEL: "silent" }), ...silent, stopped: never }).catch(
      String,
    )
    expect(outcome).to.equal("Error: a bug")
  })

  it("says in one line that its port is taken, and ends with 69", async () => {
    const taker = createServer().listen(0, "127.0.0.1")
    await once(taker, "listening")
    const { port } = taker.address() as { port: number }
    const server = runProgram(ENTRY, ["serve"], { env: env({ PORT: String(port) }) })
    expect(await server.ended).to.equal(69)
    expect(server.stderr()).to.equal(
      `user_metadata: port ${port} is in use; set PORT to another one, or stop what listens there\n`,
    )
    taker.close()
  })

  const mistakes: [string, readonly string[], Record<string, string>, number, RegExp][] = [
    ["a command that there is not", ["start"], {}, 64, /one command of serve, migrate, roles/],
    ["an argument too many", ["serve", "now"], {}, 64, /one command of/],
    [
      "a port out of range",
      [],
      { PORT: "65536" },
      78,
      /^user_metadata: PORT: "65536" is not a whole number from 0 to 65535$/m,
    ],
    ["a port that is no number", [], { PORT: "1010x" }, 78, /PORT: "1010x"/],
    ["no database", [], { DATABASE_URL: "" }, 78, /DB_HOST is not set; set DB_HOST and DB_NAME, or DATABASE_URL/],
    ["a URL that is none", [], { DATABASE_URL: "postgres//secret" }, 78, /DATABASE_URL: not of the form/],
    ["both ways to name a database", [], { DB_HOST: "x" }, 78, /DATABASE_URL and DB_HOST are both set/],
    [
      "a far database without TLS",
      [],
      { DATABASE_URL: "postgresql://u:p@db.example.com/x", DB_TLS: "off" },
      78,
      /DB_TLS=off: db.example.com/,
    ],
    [
      "a CA file that is not there",
      [],
      { DB_CA_FILE: "/no/such.pem" },
      78,
      /DB_CA_FILE: cannot read \/no\/such.pem \(ENOENT\)/,
    ],
    ["a CA that there is not", [], { DB_CA: "RDS" }, 78, /DB_CA: takes rds and nothing else; DB_CA_FILE names/],
    [
      "both ways to name a CA",
      [],
      { DB_CA: "rds", DB_CA_FILE: "/x" },
      78,
      /DB_CA and DB_CA_FILE are both set; keep one/,
    ],
    [
      "RDS' CA of a region that it leaves out",
      ["migrate"],
      { DATABASE_URL: "postgresql://u:p@db.abc.us-gov-west-1.rds.amazonaws.com/x", DB_CA: "rds" },
      78,
      /DB_CA=rds: no certificates of us-gov-west-1 are known; set DB_CA_FILE/,
    ],
    ["no region", [], { AWS_REGION: "" }, 78, /AWS_REGION is not set/],
    ["a log level that there is not", [], { LOG_LEVEL: "loud" }, 78, /LOG_LEVEL: is not one of/],
    ["an address of another machine", [], { HOST: "192.0.2.1" }, 78, /HOST: 192.0.2.1 is no address of this machine/],
    [
      "a database that is away, to migrate",
      ["migrate"],
      { DATABASE_URL: "postgresql://u:p@127.0.0.1:9/x" },
      69,
      /migrate users as u: .*ECONNREFUSED/,
    ],
    ["roles without passwords", ["roles"], {}, 78, /roles needs SERVICE_ROLE_PASSWORD/],
  ]
  for (const [what, args, more, code, line] of mistakes) {
    it(`says in one line what is wrong, and ends with ${code}: ${what}`, async () => {
      const program = runProgram(ENTRY, args, { env: env(more) })
      expect(await program.ended).to.equal(code)
      expect(program.stderr()).to.match(line)
      expect(program.stderr().trimEnd()).not.to.contain("\n")
      expect(program.stderr()).not.to.match(/secret|:p@/)
    })
  }
})
