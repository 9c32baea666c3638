/** The flights platform inside the engine: the three services from their images, their stores, and one gateway. */
import type { Container, Service } from "@dagger.io/dagger"

const STORES = "stores"

/** 1010 is below 1024: in the engine's containers a user other than root can't bind it. */
const SERVICES = [
  { name: "user_metadata", alias: "users", port: 11_010 },
  { name: "flight_metadata", alias: "flights", port: 2020 },
  { name: "flights_availability", alias: "availability", port: 3030 },
] as const

/**
 * @param local a container with the repository and its dependencies
 * @param imageOf the image of a service by name
 */
export async function platform(local: Container, imageOf: (name: string) => Promise<Container>): Promise<Service> {
  // For a database that nobody outside this one platform reaches, and that goes with it.
  const password = crypto.randomUUID()
  const stores = local
    .withEnvVariable("STORES_NAME", STORES)
    .withEnvVariable("SERVICE_ROLE_PASSWORD", password)
    .withExposedPort(5432)
    .withExposedPort(8000)
    .withExposedPort(9000)
    .asService({ args: ["node_modules/.bin/node", "services/local/src/stores.ts"] })
  let front = local.withServiceBinding(STORES, stores).withEnvVariable("ISSUER_URL", `http://${STORES}:9000`)
  for (const { name, alias, port } of SERVICES) {
    const service = (await imageOf(name))
      .withServiceBinding(STORES, stores)
      .withEnvVariable("PORT", `${port}`)
      .withEnvVariable("DB_HOST", STORES)
      .withEnvVariable("DB_NAME", "perigee")
      .withEnvVariable("DB_PASSWORD", password)
      .withEnvVariable("DYNAMODB_ENDPOINT", `http://${STORES}:8000`)
      .withEnvVariable("AWS_REGION", "eu-central-1")
      .withEnvVariable("AWS_ACCESS_KEY_ID", "local")
      .withEnvVariable("AWS_SECRET_ACCESS_KEY", "local")
      .withEnvVariable("TRUSTED_PROXY_HOPS", "1")
      .withEnvVariable("LOG_LEVEL", "warn")
      .withExposedPort(port)
      .asService({ useEntrypoint: true, args: ["serve"] })
    front = front
      .withServiceBinding(alias, service)
      .withEnvVariable(`${alias.toUpperCase()}_URL`, `http://${alias}:${port}`)
  }
  return front.withExposedPort(8080).asService({ args: ["node_modules/.bin/node", "services/local/src/front.ts"] })
}
