/** `flights_availability` over real HTTP, PostgreSQL and DynamoDB: every route, every documented answer, no seat sold twice. */
import { randomUUID } from "node:crypto"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { expect } from "chai"
import { askTheUsual, unseen } from "../../support/services/documented.ts"
import { urlFor } from "../../support/services/running.ts"
import { queryOnce } from "../../support/services/stores.ts"
import { suiteOf } from "../../support/services/suite.ts"
import { until } from "../../support/services/until.ts"

const PATH = "/api/availability"

describe("flights_availability", () => {
  const suite = suiteOf(flightsAvailability)
  const type = (name: string) => `urn:problem-type:perigee:${name}`
  const setCapacity = async (flightId: string, capacity: number, cabin = "economy") =>
    suite.client.send("PUT", `${PATH}/${flightId}/${cabin}`, { token: await suite.operator(), json: { capacity } })
  const flightWith = async (capacity: number) => {
    const flightId = randomUUID()
    expect((await setCapacity(flightId, capacity)).status).to.equal(201)
    return flightId
  }
  const hold = async (
    subject: string,
    flightId: string,
    seats: number,
    more: object = {},
    key: string = randomUUID(),
  ) =>
    suite.client.send("POST", `${PATH}/holds`, {
      token: await suite.user(subject),
      headers: { "idempotency-key": key },
      json: { flightId, cabin: "economy", seats, ...more },
    })
  const end = async (subject: string, id: string, how: "confirm" | "release", key?: string) =>
    suite.client.send("POST", `${PATH}/holds/${id}/${how}`, {
      token: await suite.user(subject),
      headers: key === undefined ? {} : { "idempotency-key": key },
    })
  const seatsOf = async (flightId: string) => {
    const { body } = await suite.client.send("GET", `${PATH}/${flightId}/economy`, { token: await suite.user("any") })
    expect(body.sold + body.held + body.free, "sold + held + free").to.equal(body.capacity)
    return body
  }
  /** Moves the end of a hold into the past, as if the time had gone by; as PostgreSQL's own superuser. */
  const lapse = async (id: string) => {
    const { postgres, database } = suite.stores
    const text =
      "UPDATE availability.holds SET created_at = now() - interval '2 s', expires_at = now() - interval '1 ms' WHERE id = $1"
    await queryOnce(postgres.url(database), text, [id])
  }

  it("the same UUID in capitals is the same request to an idempotency key", async () => {
    const flightId = await flightWith(5)
    const [key, endKey] = [randomUUID(), randomUUID()]
    const first = await hold("ann", flightId, 2, {}, key)
    const again = await hold("ann", flightId.toUpperCase(), 2, {}, key)
    expect([again.status, again.headers["idempotency-replayed"]]).to.deep.equal([201, "true"])
    expect(again.body.id).to.equal(first.body.id)
    await end("ann", first.body.id, "confirm", endKey)
    const ended = await end("ann", first.body.id.toUpperCase(), "confirm", endKey)
    expect([ended.status, ended.headers["idempotency-replayed"]]).to.deep.equal([200, "true"])
  })

  it("an empty body with the content type of JSON is no body, where none is asked for", async () => {
    const flightId = await flightWith(5)
    const token = await suite.user("ann")
    const headers = { "content-type": "application/json" }
    for (const how of ["confirm", "release"] as const) {
      const { body } = await hold("ann", flightId, 1)
      const path = `${PATH}/holds/${body.id}/${how}`
      expect((await suite.client.send("POST", path, { token, headers, body: "" })).status, how).to.equal(200)
      const broken = await suite.client.send("POST", path, { token, headers, body: "{" })
      expect(broken.body.type).to.equal(type("malformed-request"))
      const poisoned = await suite.client.send("POST", path, { token, headers, body: '{"__proto__":{}}' })
      expect(poisoned.body.type).to.equal(type("malformed-request"))
    }
    const asked = await suite.client.send("POST", `${PATH}/holds`, { token, headers, body: "" })
    expect(asked.body.type).to.equal(type("malformed-request"))
  })

  it("tells the seats in one statement as they were at one moment: what counts lapsed holds is STABLE", async () => {
    const { postgres, database } = suite.stores
    const text = "SELECT provolatile FROM pg_proc WHERE oid = 'availability.lapsed(uuid, text)'::regprocedure"
    expect(await queryOnce(postgres.url(database), text)).to.deep.equal([{ provolatile: "s" }])
  })

  it("tells the seats of a flight, of a cabin, and of several flights at once", async () => {
    const [one, two] = [await flightWith(100), await flightWith(50)]
    await setCapacity(one, 8, "first")
    const token = await suite.user("ann")
    const whole = await suite.client.send("GET", `${PATH}/${one}`, { token })
    expect(whole.body).to.deep.equal({
      flightId: one,
      cabins: [
        { cabin: "economy", capacity: 100, sold: 0, held: 0, free: 100 },
        { cabin: "first", capacity: 8, sold: 0, held: 0, free: 8 },
      ],
    })
    const several = await suite.client.send("GET", `${PATH}/?flight=${one}&flight=${two}&flight=${randomUUID()}`, {
      token,
    })
    expect(several.body.items.map(({ flightId }: { flightId: string }) => flightId).sort()).to.deep.equal(
      [one, two].sort(),
    )
    const single = await suite.client.send("GET", `${PATH}?flight=${two}`, { token })
    expect(single.body.items).to.have.length(1)
    expect((await suite.client.send("GET", `${PATH}/${randomUUID()}`, { token })).status).to.equal(404)
    expect((await suite.client.send("GET", `${PATH}/${one}/business`, { token })).status).to.equal(404)
  })

  it("holds, confirms and releases, and the seats follow", async () => {
    const flightId = await flightWith(10)
    const held = await hold("ann", flightId, 3)
    expect(held.status, held.text).to.equal(201)
    expect(held.body).to.include({ flightId, cabin: "economy", subject: "ann", seats: 3, state: "held" })
    expect(Date.parse(held.body.expiresAt) - Date.parse(held.body.createdAt)).to.equal(600_000)
    expect(await seatsOf(flightId)).to.include({ sold: 0, held: 3, free: 7 })
    const read = await suite.client.send("GET", held.headers["location"] ?? "", { token: await suite.user("ann") })
    expect(read.body).to.deep.equal(held.body)
    const sold = await end("ann", held.body.id, "confirm")
    expect(sold.body).to.deep.equal({ ...held.body, state: "confirmed" })
    expect(await seatsOf(flightId)).to.include({ sold: 3, held: 0, free: 7 })
    const other = await hold("ann", flightId, 7)
    expect(await seatsOf(flightId)).to.include({ sold: 3, held: 7, free: 0 })
    expect((await end("ann", other.body.id, "release")).body.state).to.equal("released")
    expect(await seatsOf(flightId)).to.include({ sold: 3, held: 0, free: 7 })
  })

  it("ends a hold once, however often it is told to, and says what it was", async () => {
    const flightId = await flightWith(10)
    const [first, second] = [await hold("ann", flightId, 2), await hold("ann", flightId, 2)]
    for (let at = 0; at < 3; at += 1) expect((await end("ann", first.body.id, "confirm")).status).to.equal(200)
    for (let at = 0; at < 3; at += 1) expect((await end("ann", second.body.id, "release")).status).to.equal(200)
    expect((await end("ann", first.body.id, "release")).body.type).to.equal(type("hold-confirmed"))
    expect((await end("ann", second.body.id, "confirm")).body.type).to.equal(type("hold-released"))
    expect(await seatsOf(flightId)).to.include({ sold: 2, held: 0, free: 8 })
  })

  it("takes a lapsed hold's seats for free at once, in every read and every write, unswept", async () => {
    await suite.stores.dynamo.put("flights_availability", "holds", 1, {
      defaultSeconds: 600,
      maxSeconds: 1800,
      maxSeats: 9,
      sweepSeconds: 3600,
    })
    const flightId = await flightWith(4)
    const lapsed = await hold("ann", flightId, 4)
    expect((await hold("bob", flightId, 1)).body.type).to.equal(type("not-enough-seats"))
    await lapse(lapsed.body.id)
    expect(await seatsOf(flightId)).to.include({ held: 0, free: 4 })
    const { body } = await suite.client.send("GET", `${PATH}/holds/${lapsed.body.id}`, {
      token: await suite.user("ann"),
    })
    expect(body.state).to.equal("expired")
    expect((await end("ann", lapsed.body.id, "confirm")).body.type).to.equal(type("hold-expired"))
    expect(
      (await end("ann", lapsed.body.id, "release")).body.state,
      "free already, so there is nothing to refuse",
    ).to.equal("expired")
    const again = await hold("cat", flightId, 4)
    await lapse(again.body.id)
    expect((await hold("bob", flightId, 4)).status).to.equal(201)
    expect((await end("cat", again.body.id, "confirm")).body.type, "sold to bob meanwhile").to.equal(
      type("hold-expired"),
    )
    expect((await setCapacity(flightId, 4)).status).to.equal(200)
    expect(await seatsOf(flightId)).to.include({ sold: 0, held: 4, free: 0 })
  })

  it("lets a hold lapse by itself when its seconds are over", async () => {
    const flightId = await flightWith(1)
    const held = await hold("ann", flightId, 1, { seconds: 1 })
    expect((await hold("bob", flightId, 1)).status).to.equal(409)
    await until("the seat to be free", async () => (await seatsOf(flightId)).free === 1)
    expect(Date.now()).to.be.at.least(Date.parse(held.body.expiresAt) - 50)
    expect((await hold("bob", flightId, 1)).status).to.equal(201)
  })

  it("gives one of many the last seat, and tells all others that it is gone", async () => {
    const flightId = await flightWith(1)
    const all = await Promise.all(Array.from({ length: 64 }, (_, at) => hold(`racer${at}`, flightId, 1)))
    expect(all.filter(({ status }) => status === 201)).to.have.length(1)
    expect(all.filter(({ body }) => body.type === type("not-enough-seats"))).to.have.length(63)
    expect(await seatsOf(flightId)).to.include({ sold: 0, held: 1, free: 0 })
  })

  it("confirms a hold once, however many confirm and release it at the same time", async () => {
    const flightId = await flightWith(5)
    const { body } = await hold("ann", flightId, 5)
    const all = await Promise.all(
      Array.from({ length: 30 }, (_, at) => end("ann", body.id, at % 2 === 0 ? "confirm" : "release")),
    )
    const final = (await suite.client.send("GET", `${PATH}/holds/${body.id}`, { token: await suite.user("ann") })).body
      .state
    const won = final === "confirmed" ? "confirm" : "release"
    for (const [at, { status }] of all.entries())
      expect(status).to.equal((at % 2 === 0 ? "confirm" : "release") === won ? 200 : 409)
    expect(await seatsOf(flightId)).to.include(final === "confirmed" ? { sold: 5, free: 0 } : { sold: 0, free: 5 })
  })

  it("answers a repeated request by its key as before, and makes nothing new", async () => {
    const flightId = await flightWith(10)
    const key = randomUUID()
    const first = await hold("ann", flightId, 2, {}, key)
    const again = await hold("ann", flightId, 2, {}, key)
    expect(again.status).to.equal(201)
    expect(again.text).to.equal(first.text)
    expect(again.headers["location"]).to.equal(first.headers["location"])
    expect(first.headers["idempotency-replayed"]).to.equal(undefined)
    expect(again.headers["idempotency-replayed"]).to.equal("true")
    await end("ann", first.body.id, "confirm")
    expect((await hold("ann", flightId, 2, {}, key)).text, "the answer of then").to.equal(first.text)
    expect(await seatsOf(flightId)).to.include({ sold: 2, held: 0 })
  })

  it("answers a repeated refusal as before, though there is room by now", async () => {
    const flightId = await flightWith(1)
    const winner = await hold("ann", flightId, 1)
    const key = randomUUID()
    expect((await hold("bob", flightId, 1, {}, key)).status).to.equal(409)
    await end("ann", winner.body.id, "release")
    const again = await hold("bob", flightId, 1, {}, key)
    expect(again.body.type).to.equal(type("not-enough-seats"))
    expect(again.headers["idempotency-replayed"]).to.equal("true")
    expect((await hold("bob", flightId, 1)).status).to.equal(201)
  })

  it("refuses a key that came with another request, and knows one caller's keys from another's", async () => {
    const flightId = await flightWith(10)
    const key = randomUUID()
    const first = await hold("ann", flightId, 2, {}, key)
    expect((await hold("ann", flightId, 3, {}, key)).body.type).to.equal(type("idempotency-key-reused"))
    expect((await hold("ann", flightId, 2, { seconds: 600 }, key)).body.type).to.equal(type("idempotency-key-reused"))
    expect((await end("ann", first.body.id, "confirm", key)).body.type).to.equal(type("idempotency-key-reused"))
    const other = await hold("bob", flightId, 2, {}, key)
    expect(other.status).to.equal(201)
    expect(other.body.id).not.to.equal(first.body.id)
    expect(await seatsOf(flightId)).to.include({ held: 4 })
  })

  it("makes one hold of many requests that come with one key at the same time", async () => {
    const flightId = await flightWith(10)
    const key = randomUUID()
    const all = await Promise.all(Array.from({ length: 20 }, () => hold("ann", flightId, 1, {}, key)))
    expect(new Set(all.map(({ text }) => text)).size).to.equal(1)
    expect(all.map(({ status }) => status)).to.deep.equal(Array(20).fill(201))
    expect(await seatsOf(flightId)).to.include({ held: 1 })
  })

  it("takes keys to confirm and to release too", async () => {
    const flightId = await flightWith(2)
    const [one, two] = [await hold("ann", flightId, 1), await hold("ann", flightId, 1)]
    const key = randomUUID()
    const sold = await end("ann", one.body.id, "confirm", key)
    const again = await end("ann", one.body.id, "confirm", key)
    expect(again.text).to.equal(sold.text)
    expect(again.headers["idempotency-replayed"]).to.equal("true")
    for (const how of ["confirm", "release"] as const) {
      expect((await end("ann", two.body.id, how, key)).body.type).to.equal(type("idempotency-key-reused"))
    }
  })

  it("needs a key to hold", async () => {
    const json = { flightId: randomUUID(), cabin: "economy", seats: 1 }
    const answer = await suite.client.send("POST", `${PATH}/holds`, { token: await suite.user("ann"), json })
    expect(answer.body.type).to.equal(type("idempotency-key-missing"))
  })

  it("shows a user their own holds only, to an operator all", async () => {
    const flightId = await flightWith(9)
    const { body: annas } = await hold("anna", flightId, 1)
    const { body: bens } = await hold("ben", flightId, 1)
    const asBen = await suite.user("ben")
    expect((await suite.client.send("GET", `${PATH}/holds/${annas.id}`, { token: asBen })).status).to.equal(404)
    expect((await end("ben", annas.id, "confirm")).status).to.equal(404)
    expect((await end("ben", annas.id, "release")).status).to.equal(404)
    const { body: list } = await suite.client.send("GET", `${PATH}/holds`, { token: asBen })
    expect(list.items).to.deep.equal([bens])
    const operator = await suite.operator()
    const { body: all } = await suite.client.send("GET", `${PATH}/holds?limit=2`, { token: operator })
    expect(all.items.map(({ id }: { id: string }) => id)).to.deep.equal([bens.id, annas.id])
    const { body: next } = await suite.client.send("GET", `${PATH}/holds?limit=2&cursor=${all.next}`, {
      token: operator,
    })
    expect(next.items.map(({ id }: { id: string }) => id)).not.to.include.members([bens.id])
    const stolen = await suite.client.send("GET", `${PATH}/holds?cursor=${all.next}`, { token: asBen })
    expect(stolen.body.type).to.equal(type("invalid-cursor"))
    const confirmed = await suite.client.send("POST", `${PATH}/holds/${annas.id}/confirm`, { token: operator })
    expect(confirmed.body.state).to.equal("confirmed")
  })

  it("keeps a capacity above what is sold and held, and leaves setting it to operators", async () => {
    const flightId = await flightWith(10)
    await hold("ann", flightId, 4)
    expect((await setCapacity(flightId, 3)).body.type).to.equal(type("capacity-in-use"))
    expect((await setCapacity(flightId, 4)).body).to.include({ capacity: 4, held: 4, free: 0 })
    const token = await suite.user("ann")
    const json = { capacity: 1000 }
    expect((await suite.client.send("PUT", `${PATH}/${flightId}/economy`, { token, json })).status).to.equal(403)
    for (const capacity of [-1, 1001, 1.5, "10", null]) {
      const answer = await suite.client.send("PUT", `${PATH}/${flightId}/economy`, {
        token: await suite.operator(),
        json: { capacity },
      })
      expect(answer.status, String(capacity)).to.equal(400)
    }
  })

  it("holds no more seats, and for no longer, than the settings allow", async () => {
    const flightId = await flightWith(100)
    expect((await hold("ann", flightId, 10)).body.errors[0].at).to.equal("/body/seats")
    expect((await hold("ann", flightId, 1, { seconds: 1801 })).body.errors[0].at).to.equal("/body/seconds")
    expect((await hold("ann", randomUUID(), 1)).status).to.equal(404)
    expect((await hold("ann", flightId, 1, { cabin: "first" })).status).to.equal(404)
    expect(await seatsOf(flightId)).to.include({ held: 0 })
  })

  it("never counts wrong: not even the service's own role can oversell by hand", async () => {
    const flightId = await flightWith(2)
    const url = urlFor(suite.stores, "flights_availability")
    for (const change of ["sold = 3", "held = 3", "sold = -1", "held = 2, sold = 1", "capacity = -1", "free = 9"]) {
      const text = `UPDATE availability.cabins SET ${change} WHERE flight_id = '${flightId}'`
      const error = await queryOnce(url, text).then(
        () => undefined,
        (one: { code: string }) => one,
      )
      expect(error?.code, change).to.be.oneOf(["23514", "428C9"])
    }
  })

  it("sweeps lapsed holds, so that the counters follow, and forgets old keys and ended holds", async () => {
    const flightId = await flightWith(3)
    const [held, sold] = [await hold("ann", flightId, 2), await hold("ann", flightId, 1)]
    await end("ann", sold.body.id, "confirm")
    await lapse(held.body.id)
    const { postgres, database, dynamo } = suite.stores
    const admin = postgres.url(database)
    const counted = () =>
      queryOnce<{ held: number }>(admin, "SELECT held FROM availability.cabins WHERE flight_id = $1", [flightId])
    expect((await counted())[0]?.held).to.equal(2)
    await queryOnce(admin, "UPDATE availability.idempotency_keys SET created_at = now() - interval '25 hours'")
    await dynamo.put("flights_availability", "holds", 9, {
      defaultSeconds: 600,
      maxSeconds: 1800,
      maxSeats: 9,
      sweepSeconds: 1,
    })
    const { SeatStore } = await import("@perigee/flights-availability/store")
    const { Database } = await import("@perigee/platform/database")
    const { databaseSettingsOf } = await import("@perigee/platform/settings")
    const settings = databaseSettingsOf({ DATABASE_URL: urlFor(suite.stores, "flights_availability") }, "")
    const ownDatabase = new Database(settings, "sweep", { warn: () => {} })
    await new SeatStore(ownDatabase).sweep()
    expect((await counted())[0]?.held).to.equal(0)
    const [keys] = await queryOnce<{ count: string }>(admin, "SELECT count(*) FROM availability.idempotency_keys")
    expect(keys?.count).to.equal("0")
    await queryOnce(admin, "UPDATE availability.holds SET ended_at = now() - interval '31 days' WHERE state <> 'held'")
    await new SeatStore(ownDatabase).sweep()
    const left = await queryOnce<{ state: string }>(
      admin,
      "SELECT DISTINCT state FROM availability.holds WHERE flight_id = $1",
      [flightId],
    )
    expect(left, "a sale is kept").to.deep.equal([{ state: "confirmed" }])
    await ownDatabase.close()
  })

  it("has given every answer that its document promises, each in the documented shape", async () => {
    const { stores, client } = suite
    const flightId = await flightWith(3)
    const { body } = await hold("ann", flightId, 1)
    const roleless = await stores.issuer.token({ subject: "nobody", roles: ["guest"] })
    const path = (template: string) =>
      template.replace("{id}", body.id).replace("{flightId}", flightId).replace("{cabin}", "economy")
    await askTheUsual(client, path, { operator: await suite.operator(), roleless })
    await suite.client.send("GET", `${PATH}?flight=${flightId}`, { token: await suite.user("ann") })
    await stores.dynamo.put("flights_availability", "limits", 2, {
      requestsPerWindow: 1,
      refusedPerWindow: 1_000_000,
      windowSeconds: 60,
    })
    const token = await suite.operator()
    await until(
      "the new limits to be in force",
      async () => (await client.send("GET", `${PATH}/holds`, { token })).status === 429,
    )
    for (const [template, operations] of Object.entries(client.document.paths)) {
      for (const method of Object.keys(operations)) await client.send(method.toUpperCase(), path(template), { token })
    }
    expect(unseen(client)).to.deep.equal([])
  })
})
