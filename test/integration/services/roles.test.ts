/** Least privilege in the database: each service's role owns nothing, and is refused outside of its schema and its verbs. */
import { flightMetadata } from "@perigee/flight-metadata/service"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { makeDatabase } from "@perigee/local/platform"
import { startPostgres } from "@perigee/local/postgres"
import { MIGRATOR, makeRoles } from "@perigee/platform/migrations"
import { databaseSettingsOf } from "@perigee/platform/settings"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { PASSWORDS, prepare, urlFor } from "../../support/services/running.ts"
import { freshStores, queryOnce, type Stores } from "../../support/services/stores.ts"

const SERVICES = [userMetadata, flightMetadata, flightsAvailability]
/** insufficient_privilege */
const REFUSED = "42501"

describe("database roles", function () {
  this.timeout(30_000)
  let stores: Stores
  before(async () => {
    stores = await freshStores()
    for (const service of SERVICES) await prepare(service, stores)
  })
  after(() => stores?.stop())

  it("of the local platform may not even connect to the databases that PostgreSQL brings", async () => {
    const postgres = await startPostgres({ settings: ["fsync=off"] })
    try {
      await makeDatabase(postgres, PASSWORDS)
      for (const { role } of SERVICES) {
        for (const database of ["postgres", "template1"]) {
          const code = await queryOnce(urlFor({ ...stores, postgres, database }, role), "SELECT 1").then(
            () => "done",
            (error: { code: string }) => error.code,
          )
          expect(code, `${role} in ${database}`).to.equal(REFUSED)
        }
      }
    } finally {
      await postgres.stop()
    }
  })

  const attempt = (role: string, text: string) =>
    queryOnce(urlFor(stores, role), text).then(
      () => "done",
      (error: { code: string }) => error.code,
    )
  const tablesOf = (schema: string) =>
    queryOnce<{ tablename: string }>(
      stores.postgres.url(stores.database),
      "SELECT tablename FROM pg_tables WHERE schemaname = $1",
      [schema],
    )

  for (const { role, schema } of SERVICES) {
    it(`${role} is refused every table, function and object outside of schema ${schema}`, async () => {
      const others = SERVICES.filter((service) => service.schema !== schema)
      for (const other of others) {
        for (const { tablename } of await tablesOf(other.schema)) {
          for (const verb of [
            `SELECT FROM ${other.schema}.${tablename}`,
            `DELETE FROM ${other.schema}.${tablename}`,
            `INSERT INTO ${other.schema}.${tablename} DEFAULT VALUES`,
          ]) {
            expect(await attempt(role, verb), verb).to.equal(REFUSED)
          }
        }
      }
      if (schema !== "availability") expect(await attempt(role, "SELECT availability.sweep(1)")).to.equal(REFUSED)
      expect(await attempt(role, "CREATE TABLE public.mine (a int)")).to.equal(REFUSED)
      expect(await attempt(role, "CREATE SCHEMA mine")).to.equal(REFUSED)
      expect(await attempt(role, "CREATE TEMPORARY TABLE mine (a int)")).to.equal(REFUSED)
      expect(await attempt(role, "SELECT pg_read_file('/etc/passwd')")).to.equal(REFUSED)
      expect(await attempt(role, "SELECT rolpassword FROM pg_authid")).to.equal(REFUSED)
      expect(await attempt(role, "CREATE ROLE more")).to.equal(REFUSED)
      expect(await attempt(role, `SET ROLE ${MIGRATOR}`)).to.equal(REFUSED)
      expect(await attempt(role, "COPY (SELECT 1) TO PROGRAM 'true'")).to.equal(REFUSED)
    })

    it(`${role} owns nothing, and changes neither the shape nor the key nor the history of its own schema`, async () => {
      const admin = stores.postgres.url(stores.database)
      const owned = await queryOnce(
        admin,
        "SELECT relname FROM pg_class WHERE relowner = $1::regrole UNION SELECT nspname FROM pg_namespace WHERE nspowner = $1::regrole",
        [role],
      )
      expect(owned).to.deep.equal([])
      for (const { tablename } of await tablesOf(schema)) {
        for (const change of [
          `DROP TABLE ${schema}.${tablename}`,
          `ALTER TABLE ${schema}.${tablename} ADD COLUMN more int`,
          `TRUNCATE ${schema}.${tablename}`,
        ]) {
          expect(await attempt(role, change), change).to.equal(REFUSED)
        }
      }
      expect(await attempt(role, `CREATE TABLE ${schema}.more (a int)`)).to.equal(REFUSED)
      expect(await attempt(role, `UPDATE ${schema}.page_cursor_key SET key = key`)).to.equal(REFUSED)
      expect(await attempt(role, `DELETE FROM ${schema}.migrations`)).to.equal(REFUSED)
      const attributes = await queryOnce(
        admin,
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolinherit FROM pg_roles WHERE rolname = $1",
        [role],
      )
      expect(Object.values(attributes[0] ?? {})).to.deep.equal(Array(6).fill(false))
    })
  }

  it("the migrator owns the schemas, and is no administrator", async () => {
    const admin = stores.postgres.url(stores.database)
    const schemas = await queryOnce<{ nspname: string }>(
      admin,
      "SELECT nspname FROM pg_namespace WHERE nspowner = $1::regrole ORDER BY 1",
      [MIGRATOR],
    )
    expect(schemas.map(({ nspname }) => nspname)).to.deep.equal(["availability", "flights", "users"])
    expect(await attempt(MIGRATOR, "CREATE ROLE more")).to.equal(REFUSED)
    expect(await attempt(MIGRATOR, "SELECT rolpassword FROM pg_authid")).to.equal(REFUSED)
  })

  it("roles may be made again, with a new password that is in force and an old one that is not", async () => {
    const admin = databaseSettingsOf({ DATABASE_URL: stores.postgres.url(stores.database) }, "postgres")
    const url = urlFor(stores, "user_metadata")
    await makeRoles(userMetadata, admin, { kind: "password", service: "another one", migrator: PASSWORDS.migrator })
    const refused = await queryOnce(url, "SELECT 1").catch((error: { code: string }) => error.code)
    expect(refused).to.equal("28P01")
    const renewed = new URL(url)
    renewed.password = "another one"
    expect(await queryOnce(renewed.href, "SELECT 1 AS one")).to.deep.equal([{ one: 1 }])
    await makeRoles(userMetadata, admin, { kind: "password", ...PASSWORDS })
    expect(await attempt("user_metadata", "SELECT FROM users.users")).to.equal("done")
  })

  it("nobody else connects to the database", async () => {
    await queryOnce(stores.postgres.url(), "CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    const url = `postgresql://stranger:stranger@127.0.0.1:${stores.postgres.port}/${stores.database}`
    expect(await queryOnce(url, "SELECT 1").catch((error: { code: string }) => error.code)).to.equal(REFUSED)
    await queryOnce(stores.postgres.url(), "DROP ROLE stranger")
  })
})
