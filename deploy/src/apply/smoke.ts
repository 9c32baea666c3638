/** Whether the services answer where their users ask: by the load balancer, under the stage's own name. */
import { setTimeout as pause } from "node:timers/promises"
import { ACMClient, DescribeCertificateCommand } from "@aws-sdk/client-acm"
import { Agent, request } from "undici"
import { SERVICES } from "../../../infra/src/stage.ts"
import { EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"
import { describe } from "../stacks.ts"

export interface Smoke {
  readonly service: string
  readonly path: string
  readonly attempts: number
  /** Of the answer that was right. */
  readonly milliseconds: number
}

/**
 * Whoever asks without a token is told so, once the service has its settings: 401, in its own words (docs/services.md).
 * A load balancer without a healthy task, or one of another service, does not say that.
 */
const STATUS = 401
const TYPE = "urn:problem-type:perigee:unauthenticated"
/** Milliseconds for one answer. Source: services/platform, REQUEST_MS: a service gives up after ten seconds. */
const ANSWER_MS = 11_000
const PAUSE_MS = 1000

/**
 * @param url in the place of the load balancer's address
 * @throws Refusal a service did not answer as it should within the time
 */
export async function smoke(
  session: Session,
  { url, seconds }: { readonly url?: URL | undefined; readonly seconds: number },
): Promise<readonly Smoke[]> {
  const { stage, signal } = session
  const [name, origin] = await Promise.all([
    nameOf(session),
    url === undefined ? addressOf(session) : Promise.resolve(url.origin),
  ])
  // The certificate is of the stage's name, whatever address is asked.
  const dispatcher = new Agent({ connect: { servername: name, timeout: ANSWER_MS } })
  const until = performance.now() + seconds * 1000
  try {
    const answers = await Promise.allSettled(
      SERVICES.map(async (service): Promise<Smoke> => {
        const { path } = stage.services[service]
        for (let attempts = 1; ; attempts++) {
          const started = performance.now()
          const wrong = await answer(dispatcher, origin, path, name, signal)
          if (wrong === undefined) {
            return { service, path, attempts, milliseconds: Math.round(performance.now() - started) }
          }
          if (performance.now() + PAUSE_MS > until) {
            const what = `${service} does not answer as it should: GET https://${name}${path}: ${wrong}`
            throw new Refusal(EXIT.failed, `${what} (${attempts} attempts in ${seconds} s)`)
          }
          await pause(PAUSE_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
        }
      }),
    )
    signal.throwIfAborted()
    const failed = answers.find((one) => one.status === "rejected")
    if (failed !== undefined) throw failed.reason
    return answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
  } finally {
    await dispatcher.destroy()
  }
}

/** @returns what is wrong with it */
async function answer(
  dispatcher: Agent,
  origin: string,
  path: string,
  host: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const { statusCode, headers, body } = await request(`${origin}${path}`, {
      dispatcher,
      headers: { host, accept: "application/json" },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    })
    const text = await body.text()
    const type = String(headers["content-type"] ?? "")
    const problem = /^application\/problem\+json\b/.test(type) ? problemIn(text) : undefined
    if (statusCode === STATUS && problem?.type === TYPE) return undefined
    const said = problem?.title === undefined ? type || "no type" : `${problem.title}`
    return `${statusCode} (${said}), and ${STATUS} of ${TYPE} is right`
  } catch (error) {
    signal.throwIfAborted()
    const { code, name, message } = error as Error & { code?: string }
    return `${code ?? name}: ${message.split("\n")[0]}`
  }
}

function problemIn(text: string): { readonly type?: string; readonly title?: string } | undefined {
  try {
    const { type, title } = JSON.parse(text)
    return { type: String(type), title: String(title) }
  } catch {
    return undefined
  }
}

async function addressOf(session: Session): Promise<string> {
  const stack = await describe(session, "platform", session.signal).catch((error: unknown) => {
    throw refusalOf(error)
  })
  const address = stack?.Outputs?.find(({ OutputKey }) => OutputKey === "Address")?.OutputValue
  if (address === undefined)
    throw new Refusal(EXIT.noStack, "the stack platform has no output Address; deploy it again")
  return `https://${address}`
}

/** The host name that the stage's certificate is for. */
async function nameOf({ aws, stage, signal }: Session): Promise<string> {
  const { certificate } = stage.entry
  if (!("certificateArn" in certificate)) return certificate.name ?? certificate.zoneName
  const { Certificate } = await aws
    .client(ACMClient)
    .send(new DescribeCertificateCommand({ CertificateArn: certificate.certificateArn }), { abortSignal: signal })
    .catch((error: unknown) => {
      throw refusalOf(error)
    })
  // Any name of a star's will do.
  return (Certificate?.DomainName ?? "").replace(/^\*\./, "smoke.")
}
