/** The flights platform on a real engine: the services from their images, behind the gateway. */
import { createInterface } from "node:readline"
import { freePort } from "@perigee/local/postgres"
import { expect } from "chai"
import { daggerCall, daggerEngine } from "../support/dagger.ts"
import { describeWith } from "../support/needs.ts"

describeWith([daggerEngine], "the flights platform on a real engine", function () {
  this.timeout(600_000)

  it("platform up serves all three services by the load balancer's paths, with seed data and a token", async () => {
    const port = await freePort()
    const up = daggerCall(["platform", "up", `--ports=${port}:8080`])
    try {
      let token = ""
      for await (const line of createInterface({ input: up.stderr })) {
        token = /OPERATOR_TOKEN=(\S+)/.exec(line)?.[1] ?? token
        if (token) break
      }
      const ask = async (path: string) => {
        const deadline = Date.now() + 60_000
        for (;;) {
          const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
            headers: { authorization: `Bearer ${token}` },
          }).catch((error: unknown) => {
            // The tunnel to the host opens a moment after the service is up.
            if (Date.now() > deadline) throw error
          })
          if (answer) return answer
        }
      }
      for (const path of ["/api/users/", "/api/flights?limit=3"]) {
        const answer = await ask(path)
        expect(answer.status, path).to.equal(200)
        expect(((await answer.json()) as { items: unknown[] }).items.length, path).to.be.greaterThan(0)
      }
      const [flight] = ((await (await ask("/api/flights?limit=1")).json()) as { items: { id: string }[] }).items
      const seats = await ask(`/api/availability/${flight?.id}`)
      expect(seats.status).to.equal(200)
      expect(((await seats.json()) as { cabins: unknown[] }).cabins.length).to.be.greaterThan(0)
      for (const path of ["/metrics", "/health/ready", "/docs"]) expect((await ask(path)).status, path).to.equal(404)
    } finally {
      up.kill("SIGINT")
      await up
    }
  })

  for (const name of ["user_metadata", "flight_metadata", "flights_availability"]) {
    it(`build-service makes ${name}: not root, no shell, its commands`, async () => {
      const user = await daggerCall(["build-service", `--name=${name}`, "user"])
      expect([user.exitCode, user.stdout.trim()], user.stderr).to.deep.equal([0, "65532:65532"])
      const shells = await daggerCall([
        "build-service",
        `--name=${name}`,
        "rootfs",
        "glob",
        "--pattern=**/{sh,bash,busybox,npm,*.map}",
      ])
      expect([shells.exitCode, shells.stdout.trim()], shells.stderr).to.deep.equal([0, ""])
      const help = await daggerCall([
        "build-service",
        `--name=${name}`,
        "with-exec",
        "--args=nonsense",
        "--use-entrypoint",
        "--expect=ANY",
        "stderr",
      ])
      expect(help.stdout).to.contain("one command of serve, migrate, roles")
    })
  }

  it("build-service with a name that is none fails with what it takes", async () => {
    const { exitCode, stderr } = await daggerCall(["build-service", "--name=nothing", "sync"])
    expect(exitCode).not.to.equal(0)
    expect(stderr).to.contain("nothing is none of user_metadata, flight_metadata, flights_availability")
  })
})
