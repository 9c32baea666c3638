/** What breaks around the services: no wrong answer, no acknowledged write lost, and recovery without a restart. */
import { randomUUID } from "node:crypto"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { type Postgres, startPostgres } from "@perigee/local/postgres"
import type { Context } from "@perigee/platform/service"
import type { RecordKinds } from "@perigee/platform/service-configs"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import pg from "pg"
import type { Answer } from "../../support/services/client.ts"
import { launch, type Started, start, urlFor } from "../../support/services/running.ts"
import { freshStores, queryOnce, type Stores } from "../../support/services/stores.ts"
import { startTcpProxy, type TcpProxy } from "../../support/services/tcp-proxy.ts"
import { until } from "../../support/services/until.ts"

const type = (name: string) => `urn:problem-type:perigee:${name}`
const AWAY = [type("unavailable"), type("outcome-unknown")]

describe("faults", function () {
  this.timeout(60_000)

  describe("PostgreSQL is killed and started again under load", () => {
    let postgres: Postgres
    let stores: Stores
    let users: Started
    let seats: Started
    before(async () => {
      // With fsync, as it runs for real.
      postgres = await startPostgres()
      stores = await freshStores(postgres)
      ;[users, seats] = [await start(userMetadata, stores), await start(flightsAvailability, stores)]
    })
    after(async () => {
      for (const one of [users, seats]) {
        one?.client.close()
        await one?.stop()
      }
      await stores?.stop()
      await postgres?.stop()
    })

    it("loses no acknowledged write, sells no seat twice, gives no wrong answer, and recovers by itself", async () => {
      const { issuer } = stores
      const operator = await issuer.token({ subject: "op", roles: ["operator"] })
      const flightId = randomUUID()
      const CAPACITY = 400
      const cabin = `/api/availability/${flightId}/economy`
      await seats.client.send("PUT", cabin, { token: operator, json: { capacity: CAPACITY } })
      const created = new Map<string, string>()
      const confirmed = new Set<string>()
      const statuses = new Map<number, number>()
      const note = (answer: Answer, good: readonly number[]) => {
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        if (good.includes(answer.status)) return true
        expect(answer.status, answer.text).to.equal(503)
        expect(answer.body.type).to.be.oneOf(AWAY)
        return false
      }
      let done = false

      async function makeUsers(worker: number): Promise<void> {
        for (let at = 0; !done; at += 1) {
          const json = { email: `w${worker}.${at}@example.com`, displayName: "W", subject: `w${worker}.${at}` }
          const answer = await users.client.send("POST", "/api/users", { token: operator, json })
          if (note(answer, [201])) created.set(answer.body.id, json.email)
        }
      }
      async function sellSeats(worker: number): Promise<void> {
        const token = await issuer.token({ subject: `seller${worker}`, roles: ["user"] })
        while (!done) {
          const headers = { "idempotency-key": randomUUID() }
          const json = { flightId, cabin: "economy", seats: 1 }
          // As a careful client does: the same key until there is an answer.
          let held: Answer
          do held = await seats.client.send("POST", "/api/availability/holds", { token, headers, json })
          while (!note(held, [201, 409]) && !done)
          if (held.status !== 201) continue
          let sold: Answer
          do sold = await seats.client.send("POST", `/api/availability/holds/${held.body.id}/confirm`, { token })
          while (!note(sold, [200]) && !done)
          if (sold.status === 200) confirmed.add(held.body.id)
        }
      }
      async function read(): Promise<void> {
        while (!done) {
          const answer = await seats.client.send("GET", cabin, { token: operator })
          if (!note(answer, [200])) continue
          const { capacity, sold, held, free } = answer.body
          expect(sold + held + free).to.equal(capacity)
        }
      }
      const load = Promise.all([...[0, 1, 2].map(makeUsers), ...[0, 1, 2].map(sellSeats), read()])
      for (let round = 0; round < 2; round += 1) {
        const before = [created.size, confirmed.size]
        await until("load", () => created.size > (before[0] ?? 0) + 30 && confirmed.size > (before[1] ?? 0) + 20)
        const failures = statuses.get(503) ?? 0
        await postgres.kill()
        await until("the failure to be seen", () => (statuses.get(503) ?? 0) > failures)
        const ready = await users.client.send("GET", "/health/ready")
        if (ready.status === 503) expect(ready.body.missing).to.deep.equal(["database: it can't be reached"])
        expect((await users.client.send("GET", "/health/live")).status).to.equal(200)
        await postgres.restart()
        for (const { client } of [users, seats]) {
          await until(
            "readiness after the restart",
            async () => (await client.send("GET", "/health/ready")).status === 200,
            5000,
          )
        }
      }
      const before = [created.size, confirmed.size]
      await until(
        "load after the last restart",
        () => created.size > (before[0] ?? 0) + 20 && confirmed.size > (before[1] ?? 0) + 10,
      )
      done = true
      await load

      const url = postgres.url(stores.database)
      const rows = await queryOnce<{ id: string; email: string }>(url, "SELECT id, email FROM users.users")
      const there = new Map(rows.map(({ id, email }) => [id, email]))
      for (const [id, email] of created) expect(there.get(id), "an acknowledged user").to.equal(email)
      const holds = await queryOnce<{ id: string; state: string; seats: number }>(
        url,
        "SELECT id, state, seats FROM availability.holds",
      )
      const inDatabase = new Set(holds.filter(({ state }) => state === "confirmed").map(({ id }) => id))
      for (const id of confirmed) expect(inDatabase.has(id), "an acknowledged sale").to.equal(true)
      const [counters] = await queryOnce<{ sold: number; held: number; free: number }>(
        url,
        "SELECT sold, held, free FROM availability.cabins",
      )
      expect(counters?.sold).to.equal(inDatabase.size)
      expect(counters?.held).to.equal(holds.filter(({ state }) => state === "held").length)
      expect((counters?.sold ?? 0) + (counters?.held ?? 0) + (counters?.free ?? 0)).to.equal(CAPACITY)
      expect(new Set(statuses.keys())).to.include.members([201, 200, 503])
      expect([...statuses.keys()].every((status) => [200, 201, 409, 503].includes(status))).to.equal(true)
    })
  })

  describe("the network between service and PostgreSQL", () => {
    let stores: Stores
    let proxy: TcpProxy
    let users: Started
    let seats: Started
    let token: string
    before(async () => {
      stores = await freshStores()
      proxy = await startTcpProxy(stores.postgres.port)
      const through = (role: string) => ({
        DATABASE_URL: urlFor(stores, role, proxy.port),
        DB_STATEMENT_TIMEOUT_MS: "500",
        DB_POOL_SIZE: "2",
      })
      users = await start(userMetadata, stores, through("user_metadata"))
      seats = await start(flightsAvailability, stores, through("flights_availability"))
      token = await stores.issuer.token({ subject: "op", roles: ["operator"] })
    })
    after(async () => {
      proxy?.heal()
      for (const one of [users, seats]) {
        one?.client.close()
        await one?.stop()
      }
      await proxy?.stop()
      await stores?.stop()
    })
    const list = () => users.client.send("GET", "/api/users", { token })
    const create = (name: string) =>
      users.client.send("POST", "/api/users", {
        token,
        json: { email: `${name}@example.com`, displayName: name, subject: name },
      })
    /** A statement is on its way, not the login of a new connection. */
    const warm = () => list()

    it("cut between the change and its answer: says that it does not know, and the change is there once", async () => {
      await warm()
      proxy.cutNextAnswer()
      const answer = await create("unknown")
      expect(proxy.cuts()).to.equal(1)
      expect(answer.status).to.equal(503)
      expect(answer.body.type).to.equal(type("outcome-unknown"))
      const rows = () =>
        queryOnce(stores.postgres.url(stores.database), "SELECT FROM users.users WHERE subject = 'unknown'")
      await until("the change to be done", async () => (await rows()).length === 1)
      expect((await create("unknown")).status).to.equal(409)
      expect(await rows()).to.have.length(1)
    })

    it("cut between a hold and its answer: the same key gets that hold, and no second one", async () => {
      const flightId = randomUUID()
      await seats.client.send("PUT", `/api/availability/${flightId}/economy`, { token, json: { capacity: 5 } })
      const headers = { "idempotency-key": randomUUID() }
      const hold = () =>
        seats.client.send("POST", "/api/availability/holds", {
          token,
          headers,
          json: { flightId, cabin: "economy", seats: 2 },
        })
      proxy.cutNextAnswer()
      expect((await hold()).body.type).to.equal(type("outcome-unknown"))
      const again = await hold()
      expect(again.status).to.equal(201)
      const { body } = await seats.client.send("GET", `/api/availability/${flightId}/economy`, { token })
      expect(body).to.include({ held: 2, free: 3 })
      const confirm = () => seats.client.send("POST", `/api/availability/holds/${again.body.id}/confirm`, { token })
      proxy.cutNextAnswer()
      expect((await confirm()).body.type).to.equal(type("outcome-unknown"))
      expect((await confirm()).body.state).to.equal("confirmed")
      expect((await seats.client.send("GET", `/api/availability/${flightId}/economy`, { token })).body).to.include({
        sold: 2,
        free: 3,
      })
    })

    it("cut during a read: the caller sees nothing of it", async () => {
      await warm()
      const cuts = proxy.cuts()
      proxy.cutNextAnswer()
      expect((await list()).status).to.equal(200)
      expect(proxy.cuts()).to.equal(cuts + 1)
    })

    it("cut while nothing goes on: the next requests are answered", async () => {
      await warm()
      proxy.cut()
      expect((await list()).status).to.equal(200)
      expect((await create("after-cut")).status).to.be.oneOf([201, 503])
    })

    it("gone silent: every request is answered in a bounded time, and after it comes back all is well", async () => {
      await warm()
      proxy.stall()
      const from = Date.now()
      const answers = await Promise.all([list(), list(), create("silent"), list(), list(), list()])
      expect(Date.now() - from).to.be.below(10_000)
      for (const { status, body } of answers) {
        expect(status).to.equal(503)
        expect(body.type).to.be.oneOf(AWAY)
      }
      expect((await users.client.send("GET", "/health/live")).status).to.equal(200)
      proxy.heal()
      await until("recovery", async () => (await list()).status === 200, 5000)
      expect((await create("healed")).status).to.equal(201)
    })

    it("gone silent, it does not keep a service from ending within its time", async () => {
      const url = urlFor(stores, userMetadata.role, proxy.port)
      let database: Context<RecordKinds>["database"] | undefined
      const tasks: typeof userMetadata.tasks = (context) => {
        database = context.database
        return []
      }
      const short = await launch({ ...userMetadata, tasks }, stores, { DATABASE_URL: url, DRAIN_SECONDS: "1" })
      await short.service.ready
      short.client.close()
      proxy.stall()
      try {
        const from = Date.now()
        // A statement is under way that nobody will answer; no request waits for it.
        void database?.read({ name: "silent", text: "SELECT 1" }, []).catch(() => {})
        expect(await short.service.stop(), "all given back").to.equal(false)
        expect(Date.now() - from).to.be.within(900, 1500)
        expect(short.rawLogs()).to.contain("connections to the database open")
      } finally {
        proxy.heal()
      }
    })

    it("a slow statement is ended by the server and told as not done, and the others are answered meanwhile", async () => {
      const blocker = new pg.Client({ connectionString: stores.postgres.url(stores.database) })
      await blocker.connect()
      try {
        await create("slow")
        await blocker.query("BEGIN")
        await blocker.query("SELECT FROM users.users WHERE subject = 'slow' FOR UPDATE")
        const { body } = await list()
        const { id } = body.items.find((one: { subject: string }) => one.subject === "slow")
        const json = { email: "slow@example.com", displayName: "changed" }
        const slow = users.client.send("PUT", `/api/users/${id}`, { token, json, headers: { "if-match": "*" } })
        expect((await list()).status, "meanwhile").to.equal(200)
        const answer = await slow
        expect(answer.status).to.equal(503)
        expect(answer.body.type).to.equal(type("unavailable"))
        await blocker.query("ROLLBACK")
        const { body: now } = await users.client.send("GET", `/api/users/${id}`, { token })
        expect(now.displayName).to.equal("slow")
      } finally {
        await blocker.end()
      }
    })

    it("with all connections busy, who waits too long is told to come back", async () => {
      const blocker = new pg.Client({ connectionString: stores.postgres.url(stores.database) })
      await blocker.connect()
      try {
        await blocker.query("BEGIN")
        await blocker.query("LOCK users.users IN ACCESS EXCLUSIVE MODE")
        const from = Date.now()
        const answers = await Promise.all(Array.from({ length: 30 }, list))
        expect(Date.now() - from).to.be.below(6000)
        for (const { status, headers } of answers) {
          expect(status).to.equal(503)
          expect(headers["retry-after"]).to.equal("1")
        }
      } finally {
        await blocker.query("ROLLBACK")
        await blocker.end()
      }
      await until("recovery", async () => (await list()).status === 200)
    })

    it("PostgreSQL's own word to leave (a failover, an administrator) costs no read", async () => {
      await warm()
      await queryOnce(
        stores.postgres.url(stores.database),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'user_metadata'",
      )
      expect((await list()).status).to.equal(200)
    })
  })
})
