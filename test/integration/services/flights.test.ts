/** `flight_metadata` over real HTTP, PostgreSQL and DynamoDB: every route, every documented answer, conforming to its document. */
import { randomUUID } from "node:crypto"
import { flightMetadata } from "@perigee/flight-metadata/service"
import { expect } from "chai"
import { askTheUsual, unseen } from "../../support/services/documented.ts"
import { suiteOf } from "../../support/services/suite.ts"
import { until } from "../../support/services/until.ts"

const FLIGHT = {
  number: "LH454",
  origin: "FRA",
  destination: "SFO",
  departsAt: "2026-12-01T10:20:00+01:00",
  arrivesAt: "2026-12-01T12:55:00-08:00",
  aircraft: "B748",
}

describe("flight_metadata", () => {
  const suite = suiteOf(flightMetadata)
  const type = (name: string) => `urn:problem-type:perigee:${name}`
  const create = async (more: object = {}) =>
    suite.client.send("POST", "/api/flights", { token: await suite.operator(), json: { ...FLIGHT, ...more } })
  const search = async (query: string) =>
    suite.client.send("GET", `/api/flights?${query}`, { token: await suite.user("ann") })

  it("creates a flight and tells its times as the airports' clocks show them", async () => {
    const made = await create()
    expect(made.status, made.text).to.equal(201)
    expect(made.body).to.include({ ...FLIGHT, day: "2026-12-01", status: "scheduled" })
    const read = await suite.client.send("GET", made.headers["location"] ?? "", { token: await suite.user("ann") })
    expect(read.body).to.deep.equal(made.body)
    expect(read.headers["etag"]).to.equal('"1"')
  })

  it("finds by the day at the airport of departure, not by UTC's", async () => {
    // 23:30 UTC on the 9th is 08:30 on the 10th in Tokyo; 06:30 UTC on the 10th is 23:30 on the 9th in Los Angeles.
    await create({
      number: "NH211",
      origin: "HND",
      destination: "LHR",
      departsAt: "2026-12-10T08:30:00+09:00",
      arrivesAt: "2026-12-10T13:00:00Z",
    })
    await create({
      number: "UA935",
      origin: "LAX",
      destination: "LHR",
      departsAt: "2026-12-09T22:30:00-08:00",
      arrivesAt: "2026-12-10T16:45:00Z",
    })
    const numbers = async (query: string) =>
      (await search(query)).body.items.map(({ number }: { number: string }) => number)
    expect(await numbers("day=2026-12-10")).to.deep.equal(["NH211"])
    expect(await numbers("day=2026-12-09")).to.deep.equal(["UA935"])
    expect(await numbers("destination=LHR")).to.deep.equal(["NH211", "UA935"])
    expect(await numbers("destination=LHR&origin=LAX&number=UA935&day=2026-12-09")).to.deep.equal(["UA935"])
    expect(await numbers("destination=LHR&origin=FRA")).to.deep.equal([])
  })

  it("finds what a plain filter of all flights would, for every mix of filters and page sizes", async () => {
    const airports = ["FRA", "VIE", "ZRH"]
    for (let at = 0; at < 30; at += 1) {
      const [origin, destination] = [airports[at % 3], airports[(at + 1 + (at % 2)) % 3]]
      const day = String(1 + (at % 4)).padStart(2, "0")
      const hour = String(6 + (at % 5)).padStart(2, "0")
      await create({
        number: `OS${100 + at}`,
        origin,
        destination,
        departsAt: `2027-03-${day}T${hour}:00:00+01:00`,
        arrivesAt: `2027-03-${day}T${hour}:50:00+01:00`,
      })
    }
    const all: Record<string, string>[] = (await search("limit=100")).body.items
    expect(all.map((one) => Date.parse(one["departsAt"] ?? ""))).to.deep.equal(
      all.map((one) => Date.parse(one["departsAt"] ?? "")).sort((a, b) => a - b),
    )
    const filters: Record<string, string>[] = [
      {},
      { origin: "FRA" },
      { destination: "VIE" },
      { day: "2027-03-02" },
      { number: "OS107" },
      { origin: "VIE", day: "2027-03-03" },
      { origin: "FRA", destination: "ZRH" },
      { origin: "ZRH", destination: "FRA", day: "2027-03-01", number: "OS102" },
    ]
    for (const filter of filters) {
      const expected = all.filter((one) => Object.entries(filter).every(([name, value]) => one[name] === value))
      for (const limit of [1, 4, 100]) {
        const found: unknown[] = []
        let next: string | null = null
        do {
          const query: URLSearchParams = new URLSearchParams({
            ...filter,
            limit: String(limit),
            ...(next === null ? {} : { cursor: next }),
          })
          const { body } = await search(query.toString())
          found.push(...body.items)
          next = body.next
        } while (next !== null)
        expect(found, `${JSON.stringify(filter)} by ${limit}`).to.deep.equal(expected)
      }
    }
  })

  it("takes no cursor of another search", async () => {
    const { body } = await search("limit=1&origin=FRA")
    expect((await search(`limit=1&origin=FRA&cursor=${body.next}`)).status).to.equal(200)
    expect((await search(`limit=1&origin=VIE&cursor=${body.next}`)).body.type).to.equal(type("invalid-cursor"))
  })

  it("lets operators only create, replace and delete, and says so before it looks at what was sent", async () => {
    const { body } = await create({ number: "LH1" })
    const token = await suite.user("ann")
    for (const [method, path] of [
      ["POST", "/api/flights"],
      ["PUT", `/api/flights/${body.id}`],
      ["DELETE", `/api/flights/${body.id}`],
    ] as const) {
      for (const call of [{ json: FLIGHT }, { json: { rubbish: true } }, {}]) {
        expect((await suite.client.send(method, path, { token, ...call })).status, method).to.equal(403)
      }
    }
  })

  it("has a number leave an airport once a day", async () => {
    await create({ number: "SQ326" })
    expect((await create({ number: "SQ326", departsAt: "2026-12-01T11:00:00+01:00" })).body.type).to.equal(
      type("flight-exists"),
    )
    const later = await create({
      number: "SQ326",
      departsAt: "2026-12-02T10:20:00+01:00",
      arrivesAt: "2026-12-02T20:20:00+01:00",
    })
    expect(later.status).to.equal(201)
    const headers = { "if-match": "*" }
    const token = await suite.operator()
    const moved = await suite.client.send("PUT", `/api/flights/${later.body.id}`, {
      token,
      headers,
      json: { ...FLIGHT, number: "SQ326" },
    })
    expect(moved.body.type).to.equal(type("flight-exists"))
  })

  it("replaces and deletes the version that the operator read", async () => {
    const { body } = await create({ number: "LH2" })
    const token = await suite.operator()
    const path = `/api/flights/${body.id}`
    const json = { ...FLIGHT, number: "LH2", status: "cancelled", aircraft: null }
    expect((await suite.client.send("PUT", path, { token, json })).status).to.equal(428)
    expect((await suite.client.send("PUT", path, { token, json, headers: { "if-match": '"5"' } })).status).to.equal(412)
    const done = await suite.client.send("PUT", path, { token, json, headers: { "if-match": '"1"' } })
    expect(done.body).to.include({ status: "cancelled", aircraft: null })
    expect(done.headers["etag"]).to.equal('"2"')
    const fresh = await suite.client.send("GET", path, { token, headers: { "if-none-match": '"2"' } })
    expect(fresh.status).to.equal(304)
    expect((await suite.client.send("DELETE", path, { token })).status).to.equal(428)
    expect((await suite.client.send("DELETE", path, { token, headers: { "if-match": '"1"' } })).status).to.equal(412)
    expect((await suite.client.send("DELETE", path, { token, headers: { "if-match": '"2"' } })).status).to.equal(204)
    expect((await suite.client.send("GET", path, { token })).status).to.equal(404)
    expect((await suite.client.send("PUT", path, { token, json, headers: { "if-match": "*" } })).status).to.equal(404)
    expect(
      (await suite.client.send("DELETE", `/api/flights/${randomUUID()}`, { token, headers: { "if-match": "*" } }))
        .status,
    ).to.equal(404)
  })

  it("takes no flight that can't be", async () => {
    const wrong: [object, string][] = [
      [{ departsAt: "2027-02-30T10:00:00Z", arrivesAt: "2027-03-02T12:00:00Z" }, "departsAt"],
      [{ departsAt: "2026-12-01T10:20:00" }, "departsAt"],
      [{ departsAt: "2026-12-01T10:20:00-00:00" }, "departsAt"],
      [{ departsAt: "2026-12-01T10:20:00+19:00" }, "departsAt"],
      [{ departsAt: "2026-12-01T24:20:00+01:00" }, "departsAt"],
      [{ arrivesAt: "2026-12-01T10:20:00+01:00" }, "arrivesAt"],
      [{ arrivesAt: "2026-12-03T10:20:00+01:00" }, "arrivesAt"],
      [{ destination: "FRA" }, "destination"],
      [{ destination: "fra" }, "destination"],
      [{ number: "LH0454" }, "number"],
      [{ number: 454 }, "number"],
      [{ status: "late" }, "status"],
      [{ seats: 3 }, ""],
    ]
    for (const [more, field] of wrong) {
      const answer = await create({ number: "XX1", ...more })
      expect(answer.body.type, JSON.stringify(more)).to.equal(type("invalid-request"))
      expect(answer.body.errors[0].at, JSON.stringify(more)).to.equal(field === "" ? "/body" : `/body/${field}`)
    }
  })

  it("has given every answer that its document promises, each in the documented shape", async () => {
    const { stores, client } = suite
    const { body } = await create({ number: "LH3" })
    const roleless = await stores.issuer.token({ subject: "nobody", roles: ["guest"] })
    const path = (template: string) => template.replace("{id}", body.id)
    await askTheUsual(client, path, { operator: await suite.operator(), roleless })
    await stores.dynamo.put("flight_metadata", "limits", 2, {
      requestsPerWindow: 1,
      refusedPerWindow: 1_000_000,
      windowSeconds: 60,
    })
    const token = await suite.operator()
    await until(
      "the new limits to be in force",
      async () => (await client.send("GET", "/api/flights", { token })).status === 429,
    )
    for (const [template, operations] of Object.entries(client.document.paths)) {
      for (const method of Object.keys(operations)) await client.send(method.toUpperCase(), path(template), { token })
    }
    expect(unseen(client)).to.deep.equal([])
  })
})
