/** What the services are measured against: one Fastify route with the same query, and nothing else. Started by services.ts. */
import Fastify from "fastify"
import pg from "pg"

const pool = new pg.Pool({ connectionString: process.env["DATABASE_URL"], max: 10 })
const app = Fastify()
const text =
  "SELECT id, subject, email, display_name, home_airport, locale, version, created_at, updated_at " +
  "FROM users.users WHERE ($1::text IS NULL OR subject = $1) AND id = $2"

app.get<{ Params: { id: string } }>("/api/users/:id", async (request) => {
  const { rows } = await pool.query({ name: "user-read", text, values: [null, request.params.id] })
  return rows[0]
})

process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`)
