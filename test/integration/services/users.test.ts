/** `user_metadata` over real HTTP, PostgreSQL and DynamoDB: every route, every documented answer, conforming to its document. */
import { randomUUID } from "node:crypto"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { askTheUsual, unseen } from "../../support/services/documented.ts"
import { suiteOf } from "../../support/services/suite.ts"
import { until } from "../../support/services/until.ts"

describe("user_metadata", () => {
  const suite = suiteOf(userMetadata)
  const create = async (subject: string, more: object = {}) => {
    const json = { email: `${subject}@example.com`, displayName: subject, ...more }
    return suite.client.send("POST", "/api/users", { token: await suite.user(subject), json })
  }
  const type = (name: string) => `urn:problem-type:perigee:${name}`

  it("creates the caller's own user, and tells where it is and which version", async () => {
    const made = await create("ada", { homeAirport: "LHR", locale: "en-GB" })
    expect(made.status, made.text).to.equal(201)
    expect(made.body).to.include({ subject: "ada", email: "ada@example.com", homeAirport: "LHR", locale: "en-GB" })
    expect(made.headers["location"]).to.equal(`/api/users/${made.body.id}`)
    expect(made.headers["etag"]).to.equal('"1"')
    const read = await suite.client.send("GET", `/api/users/${made.body.id}/`, { token: await suite.user("ada") })
    expect(read.body).to.deep.equal(made.body)
  })

  it("answers the path with a final slash as without", async () => {
    const token = await suite.user("slash")
    const made = await suite.client.send("POST", "/api/users/", {
      token,
      json: { email: "s@example.com", displayName: "S" },
    })
    expect(made.status).to.equal(201)
    const [bare, slashed] = [
      await suite.client.send("GET", "/api/users", { token }),
      await suite.client.send("GET", "/api/users/", { token }),
    ]
    expect(slashed.body).to.deep.equal(bare.body)
    expect(bare.body.items).to.have.length(1)
  })

  it("refuses a second user of an e-mail address, whatever its case, and tells nothing of the first", async () => {
    await create("mia")
    const again = await create("mia2", { email: "MIA@Example.COM" })
    expect(again.status).to.equal(409)
    expect(again.body.type).to.equal(type("email-taken"))
    expect(again.headers["content-type"]).to.equal("application/problem+json")
    expect(again.text.toLowerCase()).not.to.contain("mia@")
    expect(again.text).not.to.match(/constraint|key|users_/i)
  })

  it("lets exactly one of many at once have an address", async () => {
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, at) => create(`race${at}`, { email: "race@example.com" })),
    )
    expect(all.filter(({ status }) => status === 201)).to.have.length(1)
    expect(all.filter(({ status }) => status === 409)).to.have.length(11)
  })

  it("refuses a second user of a subject, and a user for another subject", async () => {
    await create("sub")
    expect((await create("sub", { email: "other@example.com" })).body.type).to.equal(type("subject-taken"))
    expect((await create("sub2", { subject: "somebody" })).body.type).to.equal(type("forbidden"))
  })

  it("lets an operator create anybody's user", async () => {
    const json = { email: "guest@example.com", displayName: "Guest", subject: "guest" }
    const made = await suite.client.send("POST", "/api/users", { token: await suite.operator(), json })
    expect(made.status).to.equal(201)
    const read = await suite.client.send("GET", `/api/users/${made.body.id}`, { token: await suite.user("guest") })
    expect(read.status).to.equal(200)
  })

  it("shows a user themselves only: another's is not found to read, replace, delete or list", async () => {
    const { body: theirs } = await create("eve-victim")
    await create("eve")
    const token = await suite.user("eve")
    const headers = { "if-match": "*" }
    const json = { email: "x@example.com", displayName: "X" }
    for (const [method, call] of [
      ["GET", {}],
      ["PUT", { headers, json }],
      ["DELETE", { headers }],
    ] as const) {
      const answer = await suite.client.send(method, `/api/users/${theirs.id}`, { token, ...call })
      expect(answer.status, method).to.equal(404)
      const nobody = await suite.client.send(method, `/api/users/${randomUUID()}`, { token, ...call })
      expect({ ...nobody.body, instance: 0 }, "as if there were none").to.deep.equal({ ...answer.body, instance: 0 })
    }
    const { body: list } = await suite.client.send("GET", "/api/users", { token })
    expect(list.items.map(({ subject }: { subject: string }) => subject)).to.deep.equal(["eve"])
  })

  it("pages through all users for an operator, each once, in order of creation", async () => {
    for (let at = 0; at < 7; at += 1) await create(`page${at}`)
    const token = await suite.operator()
    const ids: string[] = []
    let next: string | null = null
    do {
      const query: string = next === null ? "" : `&cursor=${next}`
      const { status, body } = await suite.client.send("GET", `/api/users?limit=3${query}`, { token })
      expect(status).to.equal(200)
      expect(body.items.length).to.be.within(1, 3)
      ids.push(...body.items.map(({ id }: { id: string }) => id))
      next = body.next
    } while (next !== null)
    const { body: whole } = await suite.client.send("GET", "/api/users?limit=100", { token })
    expect(ids).to.deep.equal(whole.items.map(({ id }: { id: string }) => id))
    expect(new Set(ids).size).to.equal(ids.length)
  })

  it("takes no cursor but its own: not changed, not another's, not of another service's making", async () => {
    const token = await suite.operator()
    const { body } = await suite.client.send("GET", "/api/users?limit=1", { token })
    const cursor = body.next as string
    const flip = (at: number) => `${cursor.slice(0, at)}${cursor[at] === "A" ? "B" : "A"}${cursor.slice(at + 1)}`
    const wrong = [
      flip(0),
      flip(30),
      flip(cursor.length - 2),
      cursor.slice(1),
      `${cursor}A`,
      `${cursor}%20`,
      "x",
      `${cursor}==`,
    ]
    for (const one of wrong) {
      const answer = await suite.client.send("GET", `/api/users?cursor=${one}`, { token })
      expect(answer.body.type, one).to.equal(type("invalid-cursor"))
    }
    const stolen = await suite.client.send("GET", `/api/users?cursor=${cursor}`, { token: await suite.user("thief") })
    expect(stolen.body.type).to.equal(type("invalid-cursor"))
    // The seal before it, 16 bytes of an HMAC, may hold any character and says nothing.
    expect(Buffer.from(cursor, "base64url").subarray(16).toString()).not.to.match(/@|page/)
  })

  it("answers 304 to who has the version already", async () => {
    const { body } = await create("etag")
    const token = await suite.user("etag")
    const path = `/api/users/${body.id}`
    for (const tag of ['"1"', 'W/"1"', '"7", "1"', "*"]) {
      const answer = await suite.client.send("GET", path, { token, headers: { "if-none-match": tag } })
      expect(answer.status, tag).to.equal(304)
      expect(answer.headers["etag"]).to.equal('"1"')
    }
    for (const tag of ['"2"', "1", '"10"']) {
      expect((await suite.client.send("GET", path, { token, headers: { "if-none-match": tag } })).status, tag).to.equal(
        200,
      )
    }
  })

  it("replaces only the version that the caller read", async () => {
    const { body } = await create("put", { homeAirport: "VIE" })
    const token = await suite.user("put")
    const path = `/api/users/${body.id}`
    const json = { email: "put2@example.com", displayName: "Put" }
    const without = await suite.client.send("PUT", path, { token, json })
    expect(without.status).to.equal(428)
    for (const tag of ['"2"', 'W/"1"', "1", '"99999999999"', '""', '"1; DROP TABLE"']) {
      expect(
        (await suite.client.send("PUT", path, { token, json, headers: { "if-match": tag } })).status,
        tag,
      ).to.equal(412)
    }
    const done = await suite.client.send("PUT", path, { token, json, headers: { "if-match": '"0", "1"' } })
    expect(done.status, done.text).to.equal(200)
    expect(done.headers["etag"]).to.equal('"2"')
    expect(done.body).to.include({
      email: "put2@example.com",
      homeAirport: null,
      subject: "put",
      createdAt: body.createdAt,
    })
    const { body: now } = await suite.client.send("GET", path, { token })
    expect(now).to.deep.equal(done.body)
  })

  it("lets one of many that read the same version replace it", async () => {
    const { body } = await create("lost")
    const token = await suite.user("lost")
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        suite.client.send("PUT", `/api/users/${body.id}`, {
          token,
          json: { email: "lost@example.com", displayName: `Lost ${at}` },
          headers: { "if-match": '"1"' },
        }),
      ),
    )
    expect(all.map(({ status }) => status).sort()).to.deep.equal([200, ...Array(9).fill(412)])
  })

  it("keeps the subject and the uniqueness of the address on replacing", async () => {
    await create("keep1")
    const { body } = await create("keep2")
    const token = await suite.user("keep2")
    const headers = { "if-match": "*" }
    const path = `/api/users/${body.id}`
    const taken = { email: "Keep1@example.com", displayName: "K" }
    expect((await suite.client.send("PUT", path, { token, json: taken, headers })).body.type).to.equal(
      type("email-taken"),
    )
    const moved = { email: "keep2@example.com", displayName: "K", subject: "keep1" }
    const answer = await suite.client.send("PUT", path, { token, json: moved, headers })
    expect(answer.status).to.equal(400)
    expect(answer.body.errors[0].at).to.equal("/body/subject")
  })

  it("deletes the version that the caller read, and then there is none", async () => {
    const { body } = await create("del")
    const token = await suite.user("del")
    const path = `/api/users/${body.id}`
    expect((await suite.client.send("DELETE", path, { token })).status).to.equal(428)
    expect((await suite.client.send("DELETE", path, { token, headers: { "if-match": '"9"' } })).status).to.equal(412)
    expect((await suite.client.send("DELETE", path, { token, headers: { "if-match": '"1"' } })).status).to.equal(204)
    expect((await suite.client.send("DELETE", path, { token, headers: { "if-match": '"1"' } })).status).to.equal(404)
    expect((await suite.client.send("GET", path, { token })).status).to.equal(404)
    expect((await create("del")).status, "the address and the subject are free again").to.equal(201)
  })

  it("writes neither address, name, subject, token nor path into its logs", async () => {
    const { body } = await create("secretive", { email: "private.person@example.com", displayName: "Private Person" })
    await create("secretive2", { email: "private.person@example.com" })
    const token = await suite.user("secretive")
    await suite.client.send("GET", `/api/users/${body.id}?leak=private.person`, { token })
    await suite.client.send("GET", "/private.person", { token })
    const logs = suite.running.rawLogs()
    expect(logs).to.contain("/api/users/:id")
    for (const personal of ["private.person", "Private Person", "secretive", body.id, token, "127.0.0.1:"]) {
      expect(logs.replace(/"msg":"Server listening[^"]*"/, ""), personal).not.to.contain(personal)
    }
  })

  it("has given every answer that its document promises, each in the documented shape", async () => {
    const { stores, client } = suite
    const { body } = await create("usual")
    const roleless = await stores.issuer.token({ subject: "nobody", roles: ["guest"] })
    await askTheUsual(client, (template) => template.replace("{id}", body.id), {
      operator: await suite.operator(),
      roleless,
    })
    await stores.dynamo.put("user_metadata", "limits", 2, {
      requestsPerWindow: 1,
      refusedPerWindow: 1_000_000,
      windowSeconds: 60,
    })
    const token = await suite.user("flood")
    await until(
      "the new limits to be in force",
      async () => (await client.send("GET", "/api/users", { token })).status === 429,
    )
    for (const [template, operations] of Object.entries(client.document.paths)) {
      for (const method of Object.keys(operations))
        await client.send(method.toUpperCase(), template.replace("{id}", body.id), { token })
    }
    expect(unseen(client)).to.deep.equal([])
  })
})
