/** Hostile bodies, headers, paths, numbers and tokens against all three services: never a 500, never another's data. */
import { randomUUID } from "node:crypto"
import { flightMetadata } from "@perigee/flight-metadata/service"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { type Suite, suiteOf } from "../../support/services/suite.ts"

const HUGE = "9".repeat(400)

/** Put in place of one field after another. */
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\u202e",
  "x".repeat(300),
  "x".repeat(12_000),
  "'; DROP TABLE users.users; --",
  "\\",
  "$1",
  "%",
  "{}",
  "NaN",
  "Infinity",
  "-0",
  "0x10",
  "1e3",
  [],
  [1],
  [null],
  {},
  { $gt: "" },
  { toString: 1 },
  { length: 1e9 },
]

/** Sent as they are, as application/json. */
const BODIES: (string | Buffer)[] = [
  "",
  " ",
  "null",
  "true",
  "1",
  '"x"',
  "[]",
  "{}",
  "{",
  "{]",
  '{"a":1,}',
  "{'a':1}",
  '{"__proto__":{"operator":true}}',
  '{"constructor":{"prototype":{"operator":true}}}',
  '{"a":1}{"b":2}',
  `{"email":${HUGE}}`,
  `${"[".repeat(5000)}${"]".repeat(5000)}`,
  `${'{"a":'.repeat(2500)}1${"}".repeat(2500)}`,
  Buffer.from([0xff, 0xfe, 0xfd]),
  Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]),
  "\ufeff{}",
  "-",
  "1e999",
  "\u0000",
  `{"x":"${"y".repeat(16_300)}"}`,
]

const CONTENT_TYPES = [
  "",
  "text/plain",
  "application/xml",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/json; charset=utf-16",
  "application/json, text/plain",
  "json",
  "/",
  ";",
  "application/\u00ffjson",
]

const HEADERS: Record<string, string>[] = [
  { "if-match": "*, *" },
  { "if-match": '"' },
  { "if-match": '"1' },
  { "if-match": `"${HUGE}"` },
  { "if-match": '"-1"' },
  { "if-match": '"1e1"' },
  { "if-match": `${'"1",'.repeat(900)}"2"` },
  { "if-match": "\u00ff" },
  { "if-none-match": `W/${'"'.repeat(300)}` },
  { "if-none-match": '"\u00e9"' },
  { "idempotency-key": "" },
  { "idempotency-key": " " },
  { "idempotency-key": "x".repeat(65) },
  { "idempotency-key": "a\u00e9" },
  { "idempotency-key": "'; DELETE FROM availability.holds; --" },
  { "x-request-id": "\u00ff\u00fe" },
  { "x-forwarded-for": "'; --, <script>, 999.999.999.999" },
  { "x-http-method-override": "DELETE" },
  { "x-original-url": "/metrics" },
  { "content-encoding": "gzip" },
  { accept: "text/html;q=\u00ff" },
  { "transfer-encoding": "chunked" },
  { expect: "100-continue" },
  { range: "bytes=0-1" },
  { cookie: "roles=operator" },
  { host: "evil.example" },
  { host: "" },
]

/** After the collection's path. */
const SUFFIXES = [
  "/..",
  "/../",
  "/%2e%2e",
  "/%00",
  "/%",
  "/%zz",
  "/%ff",
  "/%c0%ae",
  "/\\",
  "/;",
  "/*",
  "//",
  "///",
  "/null",
  "/undefined",
  "/NaN",
  "/-1",
  "/0",
  "/__proto__",
  "/constructor",
  "/toString",
  `/${"x".repeat(127)}`,
  `/${"x".repeat(4000)}`,
  `/${HUGE}`,
  "/00000000-0000-0000-0000-000000000000",
  "/ffffffff-ffff-ffff-ffff-ffffffffffff",
  "/{00000000-0000-0000-0000-000000000000}",
  "/urn:uuid:00000000-0000-0000-0000-000000000000",
  "/00000000000000000000000000000000",
  "/00000000-0000-0000-0000-000000000000'",
  "/00000000-0000-0000-0000-000000000000/..",
  "/00000000-0000-0000-0000-000000000000%00",
  "?limit=0",
  "?limit=101",
  "?limit=-1",
  "?limit=1.5",
  "?limit=1e2",
  "?limit=0x10",
  `?limit=${HUGE}`,
  "?limit=NaN",
  "?limit=",
  "?limit=1&limit=2",
  "?limit[]=1",
  "?limit[$gt]=1",
  "?__proto__[operator]=1",
  "?cursor=",
  "?cursor=%00",
  "?cursor=AAAA",
  `?cursor=${"A".repeat(512)}`,
  `?cursor=${"A".repeat(3000)}`,
  "?cursor=a&cursor=b",
  "?cursor=%ff%fe",
  "?subject=ada",
  "?roles=operator",
  "?day=2026-13-01",
  "?day=0000-01-01",
  "?day=9999-12-31",
  "?day=2026-02-30",
  "?number=%27",
  "?origin=%E2%80%AE",
  "?flight=x",
  `?${"flight=00000000-0000-0000-0000-000000000000&".repeat(51)}`,
  `?${"a=1&".repeat(1500)}`,
  "?%",
  "?=&=&",
]

interface Target {
  readonly name: string
  readonly suite: Suite
  readonly collection: string
  /** Where a body goes, and one that is good. */
  readonly method: string
  readonly path: () => string
  readonly good: () => Record<string, unknown>
}

describe("hostile callers", function () {
  this.timeout(60_000)
  const flightId = randomUUID()
  const targets: Target[] = [
    {
      name: "user_metadata",
      suite: suiteOf(userMetadata),
      collection: "/api/users",
      method: "POST",
      path: () => "/api/users",
      good: () => ({
        email: `${randomUUID()}@example.com`,
        displayName: "X",
        homeAirport: "VIE",
        locale: "de-AT",
        subject: "mallory",
      }),
    },
    {
      name: "flight_metadata",
      suite: suiteOf(flightMetadata),
      collection: "/api/flights",
      method: "POST",
      path: () => "/api/flights",
      good: () => ({
        number: "XX1",
        origin: "FRA",
        destination: "SFO",
        departsAt: "2026-12-01T10:20:00+01:00",
        arrivesAt: "2026-12-01T12:55:00-08:00",
        aircraft: "B748",
        status: "scheduled",
      }),
    },
    {
      name: "flights_availability, hold",
      suite: suiteOf(flightsAvailability),
      collection: "/api/availability",
      method: "POST",
      path: () => "/api/availability/holds",
      good: () => ({ flightId, cabin: "economy", seats: 1, seconds: 60 }),
    },
  ]
  const VICTIM = "victim.of.nobody"

  for (const { name, suite, collection, method, path, good } of targets) {
    describe(name, () => {
      const all = async () => {
        const operator = await suite.stores.issuer.token({ subject: "mallory", roles: ["operator"] })
        const user = await suite.user("mallory")
        return [operator, user]
      }
      /** A plain answer of the 200s or 400s, in good form, with nothing of the inside and nothing of another. */
      const harmless = (
        answer: { status: number; text: string; headers: Record<string, string | undefined> },
        what: string,
        token?: string,
      ) => {
        expect(answer.status, `${what}: ${answer.text.slice(0, 300)}`).to.be.within(200, 499)
        if (answer.status >= 400) {
          expect(answer.headers["content-type"], what).to.equal("application/problem+json")
          expect(answer.text, what).not.to.match(
            /node_modules|at \w+ \(|SELECT|syntax error|relation|postgres|constraint|FST_ERR|ECONN/i,
          )
        }
        if (token !== undefined) expect(answer.text, what).not.to.contain(VICTIM)
      }

      before(async () => {
        const token = await suite.operator()
        if (collection === "/api/users") {
          const json = { email: `${VICTIM}@example.com`, displayName: VICTIM, subject: VICTIM }
          expect((await suite.client.send("POST", "/api/users", { token, json })).status).to.equal(201)
        }
        if (collection === "/api/availability") {
          await suite.client.send("PUT", `/api/availability/${flightId}/economy`, { token, json: { capacity: 1000 } })
          const headers = { "idempotency-key": "v" }
          const json = { flightId, cabin: "economy", seats: 1 }
          await suite.client.send("POST", "/api/availability/holds", { token: await suite.user(VICTIM), headers, json })
        }
      })

      it("any value in place of any field, and any field more", async () => {
        for (const token of await all()) {
          for (const field of [...Object.keys(good()), "more", "id", "__proto__"]) {
            for (const value of VALUES) {
              const json = { ...good(), [field]: value }
              const headers = { "idempotency-key": randomUUID() }
              const answer = await suite.client.send(method, path(), { token, headers, json })
              harmless(answer, `${field}: ${JSON.stringify(value)?.slice(0, 60)}`, token)
            }
          }
        }
      })

      it("any body, content type and encoding", async () => {
        for (const token of await all()) {
          for (const body of BODIES) {
            const headers = { "content-type": "application/json", "idempotency-key": randomUUID(), "if-match": "*" }
            harmless(
              await suite.client.send(method, path(), { token, headers, body }),
              String(body).slice(0, 60),
              token,
            )
            const id = `${collection}/${randomUUID()}`
            for (const verb of ["PUT", "DELETE", "PATCH", "GET"]) {
              harmless(
                await suite.client.send(verb, id, { token, headers, body }),
                `${verb} ${String(body).slice(0, 60)}`,
                token,
              )
            }
          }
          for (const type of CONTENT_TYPES) {
            const headers = { "content-type": type, "idempotency-key": randomUUID() }
            const answer = await suite.client.send(method, path(), { token, headers, body: JSON.stringify(good()) })
            harmless(answer, type, token)
          }
        }
      })

      it("any header", async () => {
        for (const token of await all()) {
          for (const headers of HEADERS) {
            const what = JSON.stringify(headers).slice(0, 80)
            harmless(await suite.client.send("GET", collection, { token, headers }), `GET ${what}`)
            harmless(
              await suite.client.send("GET", `${collection}/${randomUUID()}`, { token, headers }),
              `GET one ${what}`,
              token,
            )
            const key = { "idempotency-key": randomUUID(), ...headers }
            harmless(
              await suite.client.send(method, path(), { token, headers: key, json: good() }),
              `${method} ${what}`,
              token,
            )
            harmless(
              await suite.client.send("DELETE", `${collection}/${randomUUID()}`, { token, headers }),
              `DELETE ${what}`,
              token,
            )
          }
        }
      })

      it("any path and query: to a user never another's data", async () => {
        const [operator, user] = await all()
        for (const suffix of SUFFIXES) {
          for (const token of [operator, user, undefined]) {
            for (const verb of ["GET", "PUT", "DELETE", "POST"]) {
              const answer = await suite.client.send(verb, `${collection}${suffix}`, { token })
              harmless(answer, `${verb} ${suffix.slice(0, 60)}`, token === user ? token : undefined)
              if (token === undefined) expect(answer.status, `${verb} ${suffix.slice(0, 60)}`).to.be.within(400, 499)
            }
          }
        }
      })

      it("holds what was there before", async () => {
        const token = await suite.user(VICTIM)
        if (collection === "/api/users") {
          const { body } = await suite.client.send("GET", "/api/users", { token })
          expect(body.items).to.have.length(1)
          expect(body.items[0]).to.include({ displayName: VICTIM, email: `${VICTIM}@example.com` })
        }
        if (collection === "/api/availability") {
          const { body } = await suite.client.send("GET", "/api/availability/holds", { token })
          expect(body.items).to.have.length(1)
          const { body: seats } = await suite.client.send("GET", `/api/availability/${flightId}/economy`, { token })
          expect(seats.sold + seats.held + seats.free).to.equal(1000)
        }
      })
    })
  }
})
