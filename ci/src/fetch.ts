/** The fetcher's container before and after it ran, and what it left. */
import type { Container, File, Secret, Service } from "@dagger.io/dagger"

const RESPONSE = "/app/output/response.json"
const NEOWS_HOST = "neows"
const KEY_FILE = "/run/secrets/nasa_api_key"
/** The image's user. */
const FETCHER = "65532:65532"

export interface Fetch {
  readonly apiKey: Secret | undefined
  readonly page: number
  readonly size: number
  readonly neows: Service | undefined
  readonly baseUrl: string
}

/** The image after the fetcher ran in it, now and not before: a page fetched earlier is no answer. */
export async function fetched(image: Container, { apiKey, page, size, neows, baseUrl }: Fetch): Promise<Container> {
  let container = await bindNeows(image, neows, baseUrl)
  // As a file, not a variable: a key from file:// or cmd:// comes with its line's end, which the fetcher takes off a file.
  if (apiKey) {
    container = container
      .withMountedSecret(KEY_FILE, apiKey, { owner: FETCHER, mode: 0o400 })
      .withEnvVariable("NASA_API_KEY_FILE", KEY_FILE)
  }
  return await container
    .withEnvVariable("PERIGEE_CALL", crypto.randomUUID())
    .withExec(["--page", `${page}`, "--size", `${size}`], { useEntrypoint: true })
    .sync()
}

/** The container with the NeoWs it is to ask: at the base URL, or else the service, or else NASA's. */
export async function bindNeows(container: Container, neows: Service | undefined, baseUrl: string): Promise<Container> {
  if (!neows) return container.withEnvVariable("NEOWS_BASE_URL", baseUrl)
  const bound = container.withServiceBinding(NEOWS_HOST, neows)
  return bound.withEnvVariable("NEOWS_BASE_URL", baseUrl || (await urlOf(neows)))
}

/** Where a bound service listens: on the first port that it exposes. */
async function urlOf(service: Service): Promise<string> {
  const [port] = await service.ports()
  if (!port) throw new Error("--neows: the service exposes no port")
  return `http://${NEOWS_HOST}:${await port.port()}`
}

/** The page's file, if it holds that page. */
export async function responseOf(container: Container, page: number): Promise<File> {
  const file = container.file(RESPONSE)
  const { page: answered } = JSON.parse(await file.contents()) as { page?: { number?: unknown } }
  if (answered?.number !== page) throw new Error(`${RESPONSE} holds page ${answered?.number}, not ${page}`)
  return file
}
