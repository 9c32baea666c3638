/** Settings from DynamoDB: refreshed without a restart, the last good ones kept, and readiness that tells. */
import { startDynamo } from "@perigee/local/dynamo"
import { configTableClient, ServiceConfigs } from "@perigee/platform/service-configs"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { Type } from "typebox"
import { launch, prepare, putAuthentication, type Started } from "../../support/services/running.ts"
import { freshStores, type Stores, TABLE } from "../../support/services/stores.ts"
import { until } from "../../support/services/until.ts"

const SERVICE = "user_metadata"
/** A URI by RFC 3986, but no URL. */
const badAuthentication = { issuer: "x", audience: "y", jwksUri: "https://issuer.example:99999/jwks" }
const limits = (requestsPerWindow: number) => ({ requestsPerWindow, refusedPerWindow: 1000, windowSeconds: 60 })

describe("settings", function () {
  this.timeout(30_000)
  let stores: Stores
  let running: Started
  before(async () => {
    stores = await freshStores()
    await prepare(userMetadata, stores)
    running = await launch(userMetadata, stores)
  })
  after(async () => {
    running?.client.close()
    await running?.stop()
    await stores?.stop()
  })
  const ready = () => running.client.send("GET", "/health/ready")
  const version = async (record: string) => {
    const { text } = await running.client.send("GET", "/metrics")
    return Number(new RegExp(`service_config_version\\{.*record="${record}".*\\} (\\d+)`).exec(text)?.[1])
  }

  it("a service without its settings is live, not ready, and says which record is missing", async () => {
    const answer = await until("the database to be seen", async () => {
      const one = await ready()
      return !one.text.includes("database") && one
    })
    expect(answer.status).to.equal(503)
    expect(answer.body.missing).to.deep.equal(["settings: record authentication"])
    expect((await running.client.send("GET", "/health/live")).body).to.deep.equal({ status: "live" })
  })

  it("is not ready with keys at a URL that is none, says so, and goes on to the next record", async () => {
    await stores.dynamo.put(SERVICE, "authentication", 1, badAuthentication)
    const answer = await until("the warning", async () => {
      const one = await ready()
      return one.text.includes("/jwksUri is not a URL") && one
    })
    expect(answer.status).to.equal(503)
    await stores.dynamo.remove(SERVICE, "authentication")
  })

  it("is ready once the record is there, within a second", async () => {
    await putAuthentication(SERVICE, stores)
    const from = Date.now()
    await until("the service to be ready", async () => (await ready()).status === 200)
    expect(Date.now() - from).to.be.below(1500)
    expect(await version("authentication")).to.equal(1)
    expect(await version("limits"), "built in").to.equal(0)
  })

  it("takes a new version without a restart", async () => {
    await stores.dynamo.put(SERVICE, "limits", 1, limits(1000))
    await until("version 1", async () => (await version("limits")) === 1)
    await stores.dynamo.put(SERVICE, "limits", 2, limits(2000))
    await until("version 2", async () => (await version("limits")) === 2)
  })

  const invalid: [string, number, unknown, RegExp][] = [
    ["not JSON", 10, "{", /body is not a string of JSON/],
    ["JSON of another kind", 11, "[]", /must be object/],
    ["a field missing", 12, { requestsPerWindow: 5 }, /required/],
    ["a field that is not known", 13, { ...limits(5), more: 1 }, /"more"/],
    ["a number as text", 14, { ...limits(5), windowSeconds: "60" }, /windowSeconds must be integer/],
    ["a number out of its range", 15, limits(0), />= 1/],
  ]
  for (const [what, next, body, complaint] of invalid) {
    it(`keeps the last good settings when the new ones are invalid: ${what}`, async () => {
      await stores.dynamo.put(SERVICE, "limits", next, body)
      const answer = await until("the warning", async () => {
        const one = await ready()
        return one.body.warnings.some((warning: string) => warning.includes(`version ${next}`)) && one
      })
      expect(answer.status, "still ready").to.equal(200)
      expect(answer.body.warnings.join())
        .to.match(complaint)
        .and.match(/version 2 stays/)
      expect(await version("limits")).to.equal(2)
    })
  }

  it("keeps the last good settings when the record changed and its version did not, and says so", async () => {
    await stores.dynamo.put(SERVICE, "limits", 2, limits(2001))
    const answer = await until("the warning", async () => {
      const one = await ready()
      return one.text.includes("in place") && one
    })
    expect(answer.status).to.equal(200)
    expect(answer.body.warnings).to.deep.equal(["record limits: version 2 was changed in place; raise its version"])
    await stores.dynamo.put(SERVICE, "limits", 2, limits(2000))
    await until("no warnings", async () => (await ready()).body.warnings.length === 0)
  })

  it("keeps the last good settings when the record is an older version, or gone", async () => {
    await stores.dynamo.put(SERVICE, "limits", 1, limits(7))
    await until("the warning", async () => (await ready()).text.includes("is older than 2"))
    await stores.dynamo.remove(SERVICE, "limits")
    await until("the warning", async () => (await ready()).text.includes("gone from the table"))
    expect(await version("limits")).to.equal(2)
  })

  it("refuses an issuer whose keys would come over plain HTTP from elsewhere", async () => {
    await stores.dynamo.put(SERVICE, "authentication", 2, {
      issuer: "x",
      audience: "y",
      jwksUri: "http://keys.example.com/jwks",
    })
    await until("the warning", async () => (await ready()).text.includes("must be https://"))
    expect(await version("authentication")).to.equal(1)
  })

  it("takes the good one of two new records, and warns of the other", async () => {
    await stores.dynamo.put(SERVICE, "authentication", 2, badAuthentication)
    await stores.dynamo.put(SERVICE, "limits", 16, limits(2500))
    await until("version 16", async () => (await version("limits")) === 16)
    const answer = await ready()
    expect(answer.status, "still ready").to.equal(200)
    expect(answer.body.warnings).to.deep.equal([
      "record authentication version 2: /jwksUri is not a URL; version 1 stays",
    ])
  })

  it("a check that throws costs its own record alone", async () => {
    const schema = Type.Object({ a: Type.Integer() })
    const misfit = () => {
      throw new Error("a bug")
    }
    const log = { info: () => {}, warn: () => {} }
    const configs = new ServiceConfigs("odd", TABLE, { first: { schema, misfit }, second: { schema } }, log)
    const client = await configTableClient({
      table: TABLE,
      region: "eu-central-1",
      endpoint: stores.dynamo.endpoint,
      refreshMs: 1,
    })
    for (const name of ["first", "second"]) await stores.dynamo.put("odd", name, 1, { a: 1 })
    await configs.refresh(client)
    client.destroy()
    expect(configs.complaints()).to.deep.equal(["record first version 1: it can't be checked (a bug)"])
    expect(configs.get("second")).to.deep.equal({ a: 1 })
  })

  it("recovers by itself when good settings follow bad ones", async () => {
    await stores.dynamo.put(SERVICE, "limits", 20, limits(3000))
    await putAuthentication(SERVICE, stores, 3)
    await until("no warnings", async () => (await ready()).body.warnings.length === 0)
    expect([await version("limits"), await version("authentication")]).to.deep.equal([20, 3])
  })

  it("serves on while the table is away, says so, and takes what is new when it is back", async () => {
    await stores.dynamo.stop()
    const away = await until("the warning", async () => {
      const one = await ready()
      return one.text.includes("can't be read") && one
    })
    expect(away.status).to.equal(200)
    const token = await stores.issuer.token({ subject: "ann", roles: ["user"] })
    expect((await running.client.send("GET", "/api/users", { token })).status).to.equal(200)
    const back = await startDynamo(TABLE, stores.dynamo.port)
    try {
      await back.put(SERVICE, "limits", 21, limits(4000))
      await until("version 21", async () => (await version("limits")) === 21)
    } finally {
      await back.stop()
    }
  })
})
