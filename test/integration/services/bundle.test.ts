/** The bundle that the image runs: all commands work with no package beside it, from a folder that it can't write to. */
import { execFileSync } from "node:child_process"
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { MIGRATOR } from "@perigee/platform/migrations"
import { expect } from "chai"
import { Client } from "../../support/services/client.ts"
import { runProgram } from "../../support/services/program.ts"
import { environmentOf, PASSWORDS, putAuthentication, urlFor } from "../../support/services/running.ts"
import { freshStores, type Stores } from "../../support/services/stores.ts"
import { until } from "../../support/services/until.ts"

const ROOT = fileURLToPath(new URL("../../..", import.meta.url))

describe("the bundle of a service", function () {
  this.timeout(40_000)
  let stores: Stores
  let folder: string
  before(async () => {
    execFileSync(process.execPath, [join(ROOT, "services/build.ts"), "flights_availability"])
    folder = mkdtempSync(join(tmpdir(), "perigee-bundle-"))
    cpSync(join(ROOT, "services/flights_availability/dist"), folder, { recursive: true })
    chmodSync(folder, 0o555)
    stores = await freshStores()
  })
  after(async () => {
    await stores?.stop()
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  it("carries Amazon RDS' certificates: DB_CA=rds asks for TLS and knows a region that it leaves out", async () => {
    const migrate = (url: string) =>
      runProgram({ entry: join(folder, "bin/main.cjs"), cwd: folder }, ["migrate"], {
        env: { DATABASE_URL: url, DB_CA: "rds" },
      })
    // The database of the tests speaks no TLS.
    const near = migrate(urlFor(stores, MIGRATOR))
    expect([await near.ended, near.stderr()]).to.satisfy(
      ([code, line]: [number, string]) => code === 69 && /does not support SSL/.test(line),
      near.stderr(),
    )
    const far = migrate("postgresql://u:p@db.abc.us-gov-west-1.rds.amazonaws.com/x")
    expect(await far.ended, far.stderr()).to.equal(78)
    expect(far.stderr()).to.contain("no certificates of us-gov-west-1 are known")
  })

  it("makes roles, migrates, serves, shows its documentation and ends", async () => {
    const entry = { entry: join(folder, "bin/main.cjs"), cwd: folder }
    const admin = {
      DATABASE_URL: stores.postgres.url(stores.database),
      SERVICE_ROLE_PASSWORD: PASSWORDS.service,
      MIGRATOR_PASSWORD: PASSWORDS.migrator,
    }
    const roles = runProgram(entry, ["roles"], { env: admin })
    expect(await roles.ended, roles.stderr()).to.equal(0)
    const migrated = runProgram(entry, ["migrate"], { env: { DATABASE_URL: urlFor(stores, MIGRATOR) } })
    expect(await migrated.ended, migrated.stderr()).to.equal(0)
    expect(migrated.stdout()).to.equal("flights_availability: migrated 001_availability\n")
    await putAuthentication("flights_availability", stores)
    const credentials = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" }
    const server = runProgram(entry, [], { env: { ...credentials, ...environmentOf(flightsAvailability, stores) } })
    const [, address = ""] = await server.says(/Server listening at (http:\/\/127\.0\.0\.1:\d+)/)
    const client = new Client(address)
    await until("the service to be ready", async () => (await client.send("GET", "/health/ready")).status === 200)
    await client.useDocument()
    const token = await stores.issuer.token({ subject: "ann", roles: ["user"] })
    expect((await client.send("GET", "/api/availability/holds", { token })).status).to.equal(200)
    expect((await client.send("GET", "/docs/static/swagger-ui-bundle.js")).status).to.equal(200)
    client.close()
    server.kill("SIGTERM")
    expect(await server.ended).to.equal(0)
    expect(server.stderr()).to.equal("")
  })
})
