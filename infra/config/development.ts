/** Development: the same shape as production, small and cheap; deleted without ceremony. */
import type { Stage } from "../src/stage.ts"
import { allowed } from "./allowed.ts"
import { acls } from "./allowed-acls.ts"

const size = { cpu: 256, memoryMiB: 512, minimum: 2, maximum: 4, targetCpu: 70, targetRequests: 1500 } as const

const circleci = {
  organizationId: "00000000-0000-0000-0000-000000000000",
  projectId: "00000000-0000-0000-0000-000000000000",
  origin: "github.com/example/perigee",
  branch: "main",
} as const

export const development: Stage = {
  name: "development",
  region: "eu-central-1",
  zones: ["a", "b", "c"],
  protect: false,
  tags: { "cost-center": "flights" },
  network: {
    cidr: "10.30.0.0/16",
    neighbours: [],
    egressZone: "a",
    // AWS's own services are reached by the one NAT gateway here: four endpoints in three zones cost more than a task.
    interfaceEndpoints: [],
  },
  entry: {
    certificate: { zoneId: "Z0000000000000EXAMPLE", zoneName: "flights.example.com", name: "dev.flights.example.com" },
    requestsPerAddress: 1000,
  },
  architecture: "X86_64",
  services: {
    user_metadata: { port: 1010, path: "/api/users", ...size },
    flight_metadata: { port: 2020, path: "/api/flights", ...size },
    flights_availability: { port: 3030, path: "/api/availability", ...size },
  },
  database: { instance: "t4g.micro", multiAz: false, storage: 20, maximumStorage: 50, backupDays: 1 },
  neows: {
    page: 1755,
    schedule: "cron(15 3 ? * MON *)",
    hourlyLimit: 1000,
    task: { cpu: 256, memoryMiB: 512 },
  },
  logDays: 7,
  circleci: { ...circleci, provider: "new" },
  acls,
  allowed: allowed({
    stage: "development",
    region: "eu-central-1",
    endpoints: [],
    page: 1755,
    circleci,
  }),
}
