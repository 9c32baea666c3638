/** The command `migrate`: safe when three start at once, all or nothing, and its absence told by readiness. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { MIGRATOR, makeRoles, migrate, scramVerifier } from "@perigee/platform/migrations"
import { databaseSettingsOf } from "@perigee/platform/settings"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { launch, PASSWORDS, putAuthentication, urlFor } from "../../support/services/running.ts"
import { freshStores, queryOnce, type Stores } from "../../support/services/stores.ts"
import { until } from "../../support/services/until.ts"

describe("migrations", function () {
  this.timeout(30_000)
  let stores: Stores
  beforeEach(async () => {
    stores = await freshStores()
    const admin = databaseSettingsOf({ DATABASE_URL: stores.postgres.url(stores.database) }, "postgres")
    for (const service of [userMetadata, flightsAvailability])
      await makeRoles(service, admin, { kind: "password", ...PASSWORDS })
  })
  afterEach(() => stores?.stop())
  const migrator = () => databaseSettingsOf({ DATABASE_URL: urlFor(stores, MIGRATOR) }, MIGRATOR)

  it("started three times at once, one works and two find nothing to do", async () => {
    const all = await Promise.all(Array.from({ length: 3 }, () => migrate(flightsAvailability, migrator())))
    expect(all.map((names) => names.length).sort()).to.deep.equal([0, 0, 1])
    const rows = await queryOnce(stores.postgres.url(stores.database), "SELECT name FROM availability.migrations")
    expect(rows).to.deep.equal([{ name: "001_availability" }])
  })

  it("a migration that fails leaves nothing behind, and says in one line why", async () => {
    const folder = await mkdtemp(join(tmpdir(), "perigee-migrations-"))
    try {
      await writeFile(join(folder, "001_first.sql"), "CREATE TABLE users.first (a int);")
      await writeFile(join(folder, "002_second.sql"), "CREATE TABLE users.second (a int); SELECT no_such_function();")
      const failed = await migrate({ ...userMetadata, migrations: folder }, migrator()).catch((error: Error) => error)
      expect(failed).to.have.property("name", "StoreUnusable")
      expect((failed as Error).message).to.match(/^migrate users as perigee_migrator: .*no_such_function/)
      expect((failed as Error).message).not.to.contain("\n")
      const admin = stores.postgres.url(stores.database)
      expect(
        await queryOnce(admin, "SELECT FROM pg_tables WHERE schemaname = 'users' AND tablename <> 'migrations'"),
      ).to.have.length(0)
      expect(await migrate(userMetadata, migrator())).to.deep.equal(["001_users"])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it("a service waits for its schema, says which migration is missing, and is ready once it is there", async () => {
    await putAuthentication("user_metadata", stores)
    const running = await launch(userMetadata, stores)
    try {
      const ready = () => running.client.send("GET", "/health/ready")
      const before = await until("the settings to be read", async () => {
        const answer = await ready()
        return !answer.text.includes("settings") && answer
      })
      expect(before.status).to.equal(503)
      expect(before.body.missing).to.deep.equal(["database: schema users; run the command migrate"])
      expect((await running.client.send("GET", "/health/live")).status).to.equal(200)
      const early = await running.client.send("GET", "/api/users", { token: "x" })
      expect(early.status).to.equal(503)
      expect(early.headers["retry-after"]).to.equal("1")
      await migrate(userMetadata, migrator())
      await until("the service to be ready", async () => (await ready()).status === 200, 3000)
    } finally {
      await running.stop()
    }
  })

  it("passwords reach the server as a verifier that it takes for its own", async () => {
    const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64")
    // RFC 7677 § 3: the exchange of user “user” with password “pencil”; its keys follow from salt and 4096 rounds.
    expect(scramVerifier("pencil", salt)).to.equal(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    )
  })
})
