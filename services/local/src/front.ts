/**
 * The platform's front as a program for a container of its own: the gateway :8080 with the load balancer's paths, seed data
 * put in through it once the services are ready, and tokens to try with on stdout. Targets are `USERS_URL`, `FLIGHTS_URL`,
 * `AVAILABILITY_URL`; the issuer is `ISSUER_URL`.
 */
import { setTimeout as delay } from "node:timers/promises"
import { startGateway } from "./gateway.ts"
import { SERVICES } from "./platform.ts"
import { SEED_USERS, seed } from "./seed.ts"

const READY_MS = 60_000

const needed = (variable: string): string => {
  const value = process.env[variable]
  if (value) return value
  process.stderr.write(`front: ${variable} is not set; it is where that part listens, such as http://users:11010\n`)
  process.exit(78)
}

const rules = SERVICES.map(({ prefix, port }) => ({ prefix, target: needed(`${port.toUpperCase()}_URL`) }))
const issuer = needed("ISSUER_URL")
const token = async (subject: string, role: string) =>
  await (await fetch(`${issuer}/token?subject=${encodeURIComponent(subject)}&role=${role}`)).text()

await Promise.all(rules.map(({ target }) => ready(target)))
const operator = await token("operator", "operator")
const inside = await startGateway(rules, "127.0.0.1", 0)
await seed(inside.address, operator, new Date().toISOString().slice(0, 10))
await inside.stop()
const gateway = await startGateway(rules, "0.0.0.0", 8080)
const user = await token(SEED_USERS[0].subject, "user")
process.stdout.write(`The platform runs on port ${gateway.port}.\nTOKEN=${user}\nOPERATOR_TOKEN=${operator}\n`)

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await gateway.stop()
    process.exit(0)
  })
}

async function ready(target: string): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const missing = await fetch(`${target}/health/ready`).then(
      async (answer) => (answer.ok ? undefined : await answer.text()),
      (error: Error) => error.message,
    )
    if (missing === undefined) return
    if (Date.now() > deadline) {
      process.stderr.write(`front: ${target} is not ready: ${missing}\n`)
      process.exit(69)
    }
    await delay(100)
  }
}
