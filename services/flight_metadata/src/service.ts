/** The service `flight_metadata`: which flights there are. */
import { join } from "node:path"
import type { ServiceDefinition } from "@perigee/platform/service"
import { registerFlightRoutes } from "./routes.ts"

export const flightMetadata: ServiceDefinition<Record<never, never>> = {
  name: "flight_metadata",
  title: "flight_metadata",
  description: "Flights: any caller finds and reads them, operators create, replace and delete them.",
  port: 2020,
  schema: "flights",
  role: "flight_metadata",
  migrations: join(import.meta.dirname, "../migrations"),
  records: {},
  routes: registerFlightRoutes,
  tasks: () => [],
}
