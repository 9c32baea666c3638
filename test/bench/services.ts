/** The services' speed, as ratios of things measured in one run: `npm run bench:services`. Loopback only, about a minute. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { performance } from "node:perf_hooks"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { flightsAvailability } from "@perigee/flights-availability/service"
import { LOCAL_CREDENTIALS, startDynamo } from "@perigee/local/dynamo"
import { AUDIENCE, startIssuer } from "@perigee/local/issuer"
import { freePort, startPostgres } from "@perigee/local/postgres"
import { MIGRATOR, makeRoles, migrate } from "@perigee/platform/migrations"
import { databaseSettingsOf } from "@perigee/platform/settings"
import { userMetadata } from "@perigee/user-metadata/service"
import { closedLoop, Line, median, openLoop, quantile, requestBytes } from "./load.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
const CONNECTIONS = 16
const SECONDS = 2
const ROUNDS = 5
const WARM_SECONDS = 4
const RACERS = 64
const RACES = 15
const PASSWORD = randomUUID()

interface Row {
  readonly what: string
  readonly measured: string
  readonly goal: string
  /** Share by which the goal is missed; 0 when it is met. */
  readonly missed: number
}

const children: ChildProcess[] = []
const say = (line: string) => process.stdout.write(`${line}\n`)

execFileSync(process.execPath, [`${ROOT}services/build.ts`, "user_metadata", "flights_availability"], {
  stdio: "inherit",
})
const postgres = await startPostgres()
const [dynamo, issuer] = await Promise.all([startDynamo("service-configs"), startIssuer()])
try {
  await main()
} finally {
  for (const child of children) child.kill("SIGKILL")
  await Promise.all([dynamo.stop(), issuer.stop(), postgres.stop()])
}
process.exit(0)

async function main(): Promise<void> {
  for (const service of [userMetadata, flightsAvailability]) {
    const admin = databaseSettingsOf({ DATABASE_URL: postgres.url() }, "postgres")
    await makeRoles(service, admin, { kind: "password", service: PASSWORD, migrator: PASSWORD })
    await migrate(service, databaseSettingsOf({ DATABASE_URL: urlFor(MIGRATOR) }, MIGRATOR))
    await dynamo.put(service.name, "authentication", 1, {
      issuer: issuer.issuer,
      audience: AUDIENCE,
      jwksUri: issuer.jwksUri,
    })
    await dynamo.put(service.name, "limits", 1, { requestsPerWindow: 1_000_000, refusedPerWindow: 1, windowSeconds: 1 })
  }
  const users = await startService("user_metadata")
  const seats = await startService("flights_availability")
  const authorization = `Bearer ${await issuer.token({ subject: "bench", roles: ["operator"] })}`
  const id = await makeUser(users.origin, authorization)
  const bare = await startBare()
  const rows: Row[] = []
  const read = requestBytes("GET", `/api/users/${id}`, { authorization })

  const [ours, theirs] = [lines(users.origin, CONNECTIONS), lines(bare.origin, CONNECTIONS)]
  // Both are compiled by then: a service lives for days, not for the first second.
  for (const warming of [theirs, ours]) await closedLoop(warming, read, WARM_SECONDS)
  const ratios: number[] = []
  const [bareRates, rates]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round += 1) {
    const reference = await closedLoop(theirs, read, SECONDS)
    const service = await closedLoop(ours, read, SECONDS)
    bareRates.push(reference)
    rates.push(service)
    ratios.push(service / reference)
    say(
      `round ${round + 1}: bare ${reference.toFixed(0)}/s, user_metadata ${service.toFixed(0)}/s, ${(service / reference).toFixed(2)} ×`,
    )
  }
  rows.push(atLeast("read of one row, against a bare Fastify route with the same query", median(ratios), 0.7, "×"))

  const tail = async (of: readonly Line[], rate: number) => {
    const ms = (await openLoop(of, read, rate, SECONDS)).map((sample) => sample.ms)
    return { p50: quantile(ms, 0.5), p99: quantile(ms, 0.99) }
  }
  const [bareTails, tails]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round += 1) {
    const reference = await tail(theirs, median(bareRates) * 0.8)
    const service = await tail(ours, median(rates) * 0.8)
    bareTails.push(reference.p99 / reference.p50)
    tails.push(service.p99 / service.p50)
    const shown = [reference, service].map(({ p50, p99 }) => `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`)
    say(`round ${round + 1}: at 80 % load bare ${shown[0]}; user_metadata ${shown[1]}`)
  }
  rows.push(atMost("p99 at 80 % load, against p50", median(tails), 3, "×"))
  rows.push({
    what: "  the same of the bare route",
    measured: `${median(bareTails).toFixed(2)} ×`,
    goal: "-",
    missed: 0,
  })
  for (const line of [...ours, ...theirs]) line.close()

  rows.push(...(await race(seats.origin, authorization)))

  // The bare route does not outlive its database.
  await Promise.all([end(users.child), end(bare.child)])
  rows.push(
    atMost(
      "start of the process with its stores there, until ready",
      (await startService("user_metadata")).readyMs / 1000,
      1,
      "s",
    ),
  )
  rows.push(atMost("stores back after they were away, until ready", (await readyAfterStores()) / 1000, 1, "s"))

  const widths = [Math.max(...rows.map(({ what }) => what.length)), 10, 10]
  const line = (cells: readonly string[]) => cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")
  say(`\n${line(["what", "measured", "goal", "missed by"])}`)
  for (const { what, measured, goal, missed } of rows) {
    const verdict = missed === 0 ? "met" : `${(missed * 100).toFixed(0)} %`
    say(line([what, measured, goal, goal === "-" ? "-" : verdict]))
  }
}

/** 64 clients at once: on one seat of one flight, and each on a flight of their own. */
async function race(origin: string, authorization: string): Promise<Row[]> {
  const racers = lines(origin, RACERS)
  const [first] = racers as [Line]
  const flight = async () => {
    const flightId = randomUUID()
    const status = await first.send(
      requestBytes("PUT", `/api/availability/${flightId}/economy`, { authorization }, { capacity: 1 }),
    )
    if (status !== 201) throw new Error(`the benchmark got ${status}`)
    return flightId
  }
  const run = async (flights: readonly string[]) => {
    const requests = racers.map((_, at) =>
      requestBytes(
        "POST",
        "/api/availability/holds",
        { authorization, "idempotency-key": randomUUID() },
        { flightId: flights[at % flights.length], cabin: "economy", seats: 1 },
      ),
    )
    const from = performance.now()
    const statuses = await Promise.all(racers.map((racer, at) => racer.send(requests[at] as Buffer)))
    const winners = statuses.filter((status) => status === 201).length
    if (statuses.some((status) => status !== 201 && status !== 409))
      throw new Error(`the benchmark got ${statuses.join()}`)
    return { winners, rate: (RACERS * 1000) / (performance.now() - from) }
  }
  let wrong = 0
  const [contended, uncontended]: [number[], number[]] = [[], []]
  for (let at = 0; at < RACES + 2; at += 1) {
    const own: string[] = []
    for (let one = 0; one < RACERS; one += 1) own.push(await flight())
    const apart = await run(own)
    const together = await run([await flight()])
    if (together.winners !== 1 || apart.winners !== RACERS) wrong += 1
    // The first two warm up.
    if (at < 2) continue
    contended.push(together.rate)
    uncontended.push(apart.rate)
  }
  for (const racer of racers) racer.close()
  const ratio = median(contended.map((rate, at) => rate / (uncontended[at] ?? Number.NaN)))
  say(
    `${RACERS} clients: ${median(uncontended).toFixed(0)} holds/s apart, ${median(contended).toFixed(0)} answers/s on one seat`,
  )
  return [
    {
      what: `${RACERS} clients on 1 seat: races without exactly one winner`,
      measured: `${wrong} of ${RACES + 2}`,
      goal: "0",
      missed: wrong,
    },
    atLeast(`${RACERS} clients on 1 seat, against ${RACERS} clients on their own`, ratio, 0.5, "×"),
  ]
}

/** The service runs, PostgreSQL goes away until readiness says so, and comes back. */
async function readyAfterStores(): Promise<number> {
  const { origin } = await startService("user_metadata")
  await postgres.halt()
  while ((await fetch(`${origin}/health/ready`)).ok) await delay(20)
  await postgres.restart()
  const from = performance.now()
  await ready(origin)
  return performance.now() - from
}

function lines(origin: string, count: number): Line[] {
  return Array.from({ length: count }, () => new Line(origin))
}

function urlFor(role: string): string {
  return `postgresql://${role}:${PASSWORD}@127.0.0.1:${postgres.port}/postgres`
}

async function startService(name: string): Promise<{ origin: string; child: ChildProcess; readyMs: number }> {
  const port = await freePort()
  const env = {
    ...LOCAL_CREDENTIALS,
    HOST: "127.0.0.1",
    PORT: String(port),
    DATABASE_URL: urlFor(name),
    DYNAMODB_ENDPOINT: dynamo.endpoint,
  }
  const from = performance.now()
  // It logs as in production; where the lines go costs nothing.
  const child = spawn(process.execPath, [`${ROOT}services/${name}/dist/bin/main.cjs`], {
    env,
    stdio: ["ignore", "ignore", "inherit"],
  })
  children.push(child)
  const origin = `http://127.0.0.1:${port}`
  await ready(origin)
  return { origin, child, readyMs: performance.now() - from }
}

async function ready(origin: string): Promise<void> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const ok = await fetch(`${origin}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    )
    if (ok) return
    if (performance.now() > deadline) throw new Error(`${origin} does not become ready`)
    await delay(10)
  }
}

async function startBare(): Promise<{ origin: string; child: ChildProcess }> {
  const child = spawn(process.execPath, [`${ROOT}test/bench/bare-route.ts`], {
    env: { DATABASE_URL: urlFor("user_metadata") },
    stdio: ["ignore", "pipe", "inherit"],
  })
  children.push(child)
  const [line] = (await once(child.stdout, "data")) as [Buffer]
  return { origin: line.toString().trim(), child }
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, "exit")
  child.kill("SIGTERM")
  await exit
}

async function makeUser(origin: string, authorization: string): Promise<string> {
  const answer = await fetch(`${origin}/api/users`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ email: "bench@example.com", displayName: "Bench" }),
  })
  return ((await answer.json()) as { id: string }).id
}

function atLeast(what: string, value: number, goal: number, unit: string): Row {
  return {
    what,
    measured: `${value.toFixed(2)} ${unit}`,
    goal: `≥ ${goal} ${unit}`,
    missed: Math.max(0, 1 - value / goal),
  }
}

function atMost(what: string, value: number, goal: number, unit: string): Row {
  return {
    what,
    measured: `${value.toFixed(2)} ${unit}`,
    goal: `≤ ${goal} ${unit}`,
    missed: Math.max(0, value / goal - 1),
  }
}
