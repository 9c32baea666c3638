/** The HTTP server that all services share: limits, callers, problems, health, metrics, documentation. */

import { STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import fastifySwagger from "@fastify/swagger"
import fastifySwaggerUi from "@fastify/swagger-ui"
import type { ErrorObject } from "ajv"
import Fastify, { type FastifyError, type FastifyReply, type FastifyRequest, LogController } from "fastify"
import pg from "pg"
import { Type } from "typebox"
import { Authenticator, requireOperator } from "./caller.ts"
import { coercingAjv, misfitsOf, strictAjv } from "./json-schema.ts"
import { type LogDestination, loggerOptions } from "./logging.ts"
import { detailsOf, PROBLEM_JSON, Problem, type ProblemName, ProblemSchema, problemResponses } from "./problem.ts"
import { rateLimits } from "./rate-limit.ts"
import type { Readiness } from "./readiness.ts"
import { REQUEST_ID_HEADER, requestIdOf } from "./request-id.ts"
import type { App, Context, ServiceDefinition } from "./service.ts"
import type { RecordKinds } from "./service-configs.ts"
import type { Settings } from "./settings.ts"

/** A resource here is some hundred bytes. */
const BODY_BYTES = 16 * 1024
const HEADER_BYTES = 8 * 1024
const HEADERS_MS = 5000
/** Head and body of one request. */
const REQUEST_MS = 10_000
/** Longer than an Application Load Balancer's idle timeout (60 s), so that it is never this side that hangs up first. */
const KEEP_ALIVE_MS = 65_000
/** How often Node looks for connections that took too long; its own default is 30 s. */
const CHECK_MS = 1000
const MAX_PARAM_LENGTH = 128
const MAX_CONNECTIONS = 2000

export interface ServerParts<Kinds extends RecordKinds> {
  readonly definition: ServiceDefinition<Kinds>
  readonly context: Context<Kinds>
  readonly readiness: Readiness
  readonly settings: Pick<Settings, "logLevel" | "trustedProxyHops">
  readonly logDestination: LogDestination
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whether the service was ready once; before that its routes answer 503. */
  readonly started: () => boolean
}

/** A server of the service, not listening yet. */
export async function buildServer<Kinds extends RecordKinds>(parts: ServerParts<Kinds>): Promise<App> {
  const { definition, context, readiness, settings, logDestination } = parts
  const app: App = Fastify({
    logger: { ...loggerOptions(definition.name, settings.logLevel), stream: logDestination },
    // Fastify's own lines hold the caller's address and the whole path; the one line below has neither.
    logController: new LogController({ disableRequestLogging: true }),
    // One logger for all: a child of it for each request, of whom most log one line, costs more than that line.
    childLoggerFactory: (logger) => logger,
    genReqId: (request) => requestIdOf(request),
    requestIdHeader: false,
    trustProxy: (_address, hop) => hop < settings.trustedProxyHops,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { maxHeaderSize: HEADER_BYTES, headersTimeout: HEADERS_MS, connectionsCheckingInterval: CHECK_MS },
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAM_LENGTH },
    // What arrives on an open connection during the drain is still answered, with `Connection: close`.
    return503OnClosing: false,
    forceCloseConnections: "idle",
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => answer(error, request, reply),
  })
  app.server.maxConnections = MAX_CONNECTIONS

  const strict = strictAjv()
  const coercing = coercingAjv()
  app.setValidatorCompiler<object>(({ schema, httpPart }) => (httpPart === "body" ? strict : coercing).compile(schema))
  app.setErrorHandler<FastifyError>((error, request, reply) => answer(error, request, reply))
  app.setNotFoundHandler((request, reply) => answer(new Problem("not-found", "There is no such route"), request, reply))
  app.removeContentTypeParser("text/plain")
  readJson(app)
  app.addSchema(ProblemSchema)

  app.decorateRequest("caller")
  app.addHook("onRequest", (request, reply, done) => {
    reply.header(REQUEST_ID_HEADER, request.id).header("x-content-type-options", "nosniff")
    done()
  })
  app.addHook("onResponse", (request, reply, done) => {
    const route = request.routeOptions.url ?? "none"
    const { method } = request
    const { statusCode, elapsedTime } = reply
    context.metrics.request(method, route, statusCode, elapsedTime / 1000)
    if (route.startsWith("/api")) {
      const ms = Math.round(elapsedTime * 10) / 10
      app.log.info({ reqId: request.id, method, route, statusCode, ms }, "answered")
    }
    done()
  })

  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: definition.title, description: definition.description, version: "1.0.0" },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
      security: [{ bearer: [] }],
    },
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) => (typeof $id === "string" ? $id : `schema-${index}`),
    },
  })
  await app.register(fastifySwaggerUi, {
    routePrefix: "/docs",
    // The page needs inline styles; nothing it loads comes from elsewhere.
    staticCSP:
      "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
      "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    logo: { type: "image/svg+xml", content: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') },
  })
  registerInsideRoutes(app, context, readiness)
  await registerApi(app, parts)
  return app
}

/** As Fastify reads JSON itself, but that nothing is no body where none is asked for: clients name the type regardless. */
function readJson(app: App): void {
  const parse = app.getDefaultJsonParser("error", "error")
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body: string, done) => {
    if (body === "" && request.routeOptions.schema?.body === undefined) done(null, undefined)
    else parse(request, body, done)
  })
}

/** What stands at the root of the port, for those inside: the load balancer's paths do not lead here. */
function registerInsideRoutes<Kinds extends RecordKinds>(
  app: App,
  { metrics }: Context<Kinds>,
  readiness: Readiness,
): void {
  const hide = { hide: true } as const
  app.get("/health/live", { schema: hide }, (_request, reply) =>
    reply.header("cache-control", "no-store").send({ status: "live" }),
  )
  app.get("/health/ready", { schema: hide }, async (_request, reply) => {
    const report = await readiness.report(performance.now())
    return reply
      .code(report.status === "ready" ? 200 : 503)
      .header("cache-control", "no-store")
      .send(report)
  })
  app.get("/metrics", { schema: hide }, async (_request, reply) => {
    const text = await metrics.registry.metrics()
    return reply.type(metrics.registry.contentType).header("cache-control", "no-store").send(text)
  })
}

async function registerApi<Kinds extends RecordKinds>(app: App, parts: ServerParts<Kinds>): Promise<void> {
  const { definition, context, now, started } = parts
  const limits = await rateLimits(app, () => context.configs.get("limits"))
  let authenticator: Authenticator | undefined
  let made: unknown
  const currentAuthenticator = () => {
    const settings = context.configs.get("authentication")
    if (authenticator === undefined || made !== settings) {
      made = settings
      authenticator = new Authenticator(settings)
    }
    return authenticator
  }
  await app.register(async (api: App) => {
    const methods = new Map<string, Set<string>>()
    api.addHook("onRoute", ({ url, method }) => {
      const known = methods.get(url) ?? new Set()
      for (const one of [method].flat()) known.add(one)
      methods.set(url, known)
    })
    api.addHook("onRequest", async (request, reply) => {
      reply.header("cache-control", "private, no-cache")
      if (!started()) throw new Problem("unavailable", "The service is starting", { headers: { "retry-after": "1" } })
      try {
        request.caller = await currentAuthenticator().callerOf(request.headers.authorization, now())
      } catch (error) {
        if (error instanceof Problem && error.kind === "unauthenticated") await limits.countRefusal(request)
        throw error
      }
      await limits.spend(request)
    })
    definition.routes(api, context)
    // Last, so that all routes are known: a path that exists says 405 and what it takes (RFC 9110 § 15.5.6).
    for (const [url, known] of methods) {
      const others = api.supportedMethods.filter((method) => !known.has(method))
      const allow = [...known].sort().join(", ")
      const refuse = () => {
        throw new Problem("method-not-allowed", `Use ${allow}`, { headers: { allow } })
      }
      api.route({ method: others, url, schema: { hide: true }, handler: refuse, exposeHeadRoute: false })
    }
  })
}

/** The problems that any route under `/api` may answer, for its schema; more by name. */
export function apiResponses(...kinds: readonly ProblemName[]) {
  return problemResponses(
    "malformed-request",
    "invalid-request",
    "unauthenticated",
    "forbidden",
    "rate-limited",
    "internal",
    "unavailable",
    ...kinds,
  )
}

/** As {@link apiResponses}, for a route that changes something and so may be sent a body. */
export function changeResponses(...kinds: readonly ProblemName[]) {
  return apiResponses("payload-too-large", "unsupported-media-type", "outcome-unknown", ...kinds)
}

/**
 * A route's own `onRequest`: it comes before the body is looked at, so that who may not write learns nothing about how.
 *
 * @throws Problem forbidden
 */
export async function onlyOperators({ caller }: FastifyRequest): Promise<void> {
  requireOperator(caller)
}

export const NoContent = Type.Null({ description: "Done; no body" })

function answer(error: FastifyError | Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = problemOf(error)
  if (problem.status >= 500) {
    const log = problem.kind === "internal" ? request.log.error.bind(request.log) : request.log.warn.bind(request.log)
    log({ reqId: request.id, err: error, route: request.routeOptions?.url, problem: problem.kind }, "request failed")
  }
  return (
    reply
      .code(problem.status)
      .headers({ ...problem.headers, [REQUEST_ID_HEADER]: request.id, "cache-control": "no-store" })
      .type(PROBLEM_JSON)
      // The whole body is made here; a route's schema for the same status may be of another media type.
      .serializer((details: unknown) => JSON.stringify(details))
      .send(detailsOf(problem, request.id))
  )
}

/** Whatever a route, Fastify or PostgreSQL threw, as what the caller may know of it. */
function problemOf(error: FastifyError | Problem): Problem {
  if (error instanceof Problem) return error
  if (error instanceof pg.DatabaseError) {
    // Class 22, “data exception”: a value that passed the schema and that PostgreSQL can't hold.
    return new Problem(error.code?.startsWith("22") ? "invalid-request" : "internal", undefined, { cause: error })
  }
  if (error.validation !== undefined) {
    const errors = misfitsOf(error.validation as unknown as ErrorObject[], error.validationContext ?? "body")
    return new Problem("invalid-request", "See errors for where", { errors })
  }
  switch (error.statusCode) {
    case 400:
      return new Problem("malformed-request")
    case 404:
      return new Problem("not-found")
    case 408:
      return new Problem("request-timeout")
    case 413:
      return new Problem("payload-too-large", `At most ${BODY_BYTES} bytes`)
    case 414:
      return new Problem("uri-too-long")
    case 415:
      return new Problem("unsupported-media-type")
    default:
      return new Problem("internal", undefined, { cause: error })
  }
}

/** What Node could not read as HTTP has no request and no reply: the answer goes to the socket as it is. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = new Problem(brokenKind(error.code))
  const body = JSON.stringify(detailsOf(problem))
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n` +
      `Content-Type: ${PROBLEM_JSON}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

function brokenKind(code: string | undefined) {
  if (code === "HPE_HEADER_OVERFLOW") return "header-fields-too-large"
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "request-timeout"
  return "malformed-request"
}
