/** The hooks of a suite over one running service. */
import type { ServiceDefinition } from "@perigee/platform/service"
import type { RecordKinds } from "@perigee/platform/service-configs"
import type { Environment } from "@perigee/platform/settings"
import type { Client } from "./client.ts"
import { type Started, start } from "./running.ts"
import { freshStores, type Stores } from "./stores.ts"

export interface Suite {
  readonly stores: Stores
  readonly running: Started
  readonly client: Client
  user(subject: string): Promise<string>
  operator(): Promise<string>
}

/** Starts the service before the suite's tests and stops it after them. */
export function suiteOf<Kinds extends RecordKinds>(definition: ServiceDefinition<Kinds>, env: Environment = {}): Suite {
  let stores: Stores | undefined
  let running: Started | undefined
  before(async function startService() {
    this.timeout(30_000)
    stores = await freshStores()
    running = await start(definition, stores, env)
  })
  after(async () => {
    running?.client.close()
    await running?.stop()
    await stores?.stop()
  })
  const held = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error("the suite has not started")
    return value
  }
  return {
    get stores() {
      return held(stores)
    },
    get running() {
      return held(running)
    },
    get client() {
      return held(running).client
    },
    user: (subject) => held(stores).issuer.token({ subject, roles: ["user"] }),
    operator: () => held(stores).issuer.token({ subject: "op", roles: ["operator"] }),
  }
}
