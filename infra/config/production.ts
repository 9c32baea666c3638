/** Production: three zones, everything twice or more, one static address to the world. */
import type { Stage } from "../src/stage.ts"
import { allowed } from "./allowed.ts"
import { acls } from "./allowed-acls.ts"

const size = { cpu: 512, memoryMiB: 1024, minimum: 3, maximum: 12, targetCpu: 60, targetRequests: 1500 } as const

const circleci = {
  organizationId: "00000000-0000-0000-0000-000000000000",
  projectId: "00000000-0000-0000-0000-000000000000",
  origin: "github.com/example/perigee",
  branch: "main",
} as const

export const production: Stage = {
  name: "production",
  region: "eu-central-1",
  zones: ["a", "b", "c"],
  protect: true,
  tags: { "cost-center": "flights" },
  network: {
    cidr: "10.20.0.0/16",
    neighbours: [],
    egressZone: "a",
    // The address of the brief. It is taken from the pool that the network stack's parameter EgressAddressPool names.
    egressAddress: "55.55.55.55",
    // What a task needs to start and to log goes on by these while the egress is away.
    interfaceEndpoints: ["ecr.api", "ecr.dkr", "logs", "secretsmanager"],
  },
  entry: {
    certificate: { zoneId: "Z0000000000000EXAMPLE", zoneName: "flights.example.com" },
    requestsPerAddress: 2000,
  },
  architecture: "X86_64",
  services: {
    user_metadata: { port: 1010, path: "/api/users", ...size },
    flight_metadata: { port: 2020, path: "/api/flights", ...size },
    flights_availability: { port: 3030, path: "/api/availability", ...size, maximum: 24 },
  },
  database: { instance: "m7g.large", multiAz: true, storage: 100, maximumStorage: 500, backupDays: 30 },
  neows: {
    page: 1755,
    schedule: "cron(15 3 * * ? *)",
    hourlyLimit: 1000,
    task: { cpu: 256, memoryMiB: 512 },
  },
  logDays: 365,
  circleci: { ...circleci, provider: "new" },
  acls,
  allowed: allowed({
    stage: "production",
    region: "eu-central-1",
    endpoints: ["ecr.api", "ecr.dkr", "logs", "secretsmanager"],
    page: 1755,
    circleci,
  }),
}
