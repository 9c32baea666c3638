/** The service `flights_availability`: which seats are left, and who holds them. */
import { join } from "node:path"
import type { ServiceDefinition } from "@perigee/platform/service"
import { HOLDS } from "./hold.ts"
import { registerAvailabilityRoutes } from "./routes.ts"
import { sweeping } from "./sweeping.ts"

const records = { holds: HOLDS } as const

export const flightsAvailability: ServiceDefinition<typeof records> = {
  name: "flights_availability",
  title: "flights_availability",
  description:
    "Seats left per flight and cabin; hold them for a while, then confirm or release. No seat is sold twice.",
  port: 3030,
  schema: "availability",
  role: "flights_availability",
  migrations: join(import.meta.dirname, "../migrations"),
  records,
  routes: registerAvailabilityRoutes,
  tasks: sweeping,
}
