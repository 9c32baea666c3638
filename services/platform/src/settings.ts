/** A service's settings from its surroundings: read once, here, from arguments and environment into one typed object. */
import { readFileSync } from "node:fs"
import { ConfigurationUnusable, UsageError } from "./exit-code.ts"
import { rdsCertificates } from "./rds-certificates.ts"

export const COMMANDS = ["serve", "migrate", "roles"] as const
export type Command = (typeof COMMANDS)[number]

export type Environment = Readonly<Record<string, string | undefined>>

export interface TlsSettings {
  /** PEM certificates to trust in place of the system's: those of DB_CA_FILE, or Amazon RDS' own. */
  readonly ca: string | readonly string[] | undefined
}

export interface DatabaseSettings {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  /** `iam`: each connection gets a fresh token, good for 15 minutes; else the password itself. */
  readonly login:
    | { readonly kind: "iam"; readonly region: string }
    | { readonly kind: "password"; readonly password: string }
  /** The server's certificate is always verified; undefined is plain TCP, to loopback or a name without dots only. */
  readonly tls: TlsSettings | undefined
  readonly poolSize: number
  readonly statementTimeoutMs: number
}

export interface ConfigTableSettings {
  readonly table: string
  readonly region: string
  readonly endpoint: string | undefined
  readonly refreshMs: number
}

export interface Settings {
  readonly host: string
  readonly port: number
  readonly logLevel: (typeof LOG_LEVELS)[number]
  /** Proxies in front whose `X-Forwarded-For` is believed; behind one load balancer 1. */
  readonly trustedProxyHops: number
  /** From SIGTERM to the end of the process, whatever is still under way. */
  readonly drainMs: number
  readonly database: DatabaseSettings
  readonly configs: ConfigTableSettings
}

/** What `roles` gives the roles it makes: a password each, or the right to log in by IAM token. */
export type RoleLogin =
  | { readonly kind: "iam" }
  | { readonly kind: "password"; readonly service: string; readonly migrator: string }

const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const

interface WholeNumber {
  readonly fallback: number
  readonly min: number
  readonly max: number
  readonly unit?: string
}

/** Every number that a service takes from its environment, with its range; PORT's fallback is the service's own. */
export const NUMBERS = {
  PORT: { fallback: 0, min: 0, max: 65_535 },
  DB_PORT: { fallback: 5432, min: 1, max: 65_535 },
  DB_POOL_SIZE: { fallback: 10, min: 1, max: 100, unit: "connections" },
  DB_STATEMENT_TIMEOUT_MS: { fallback: 3000, min: 50, max: 10_000, unit: "milliseconds" },
  SERVICE_CONFIGS_REFRESH_SECONDS: { fallback: 15, min: 1, max: 3600, unit: "seconds" },
  TRUSTED_PROXY_HOPS: { fallback: 0, min: 0, max: 5 },
  // ECS kills a container 30 s after its SIGTERM unless told otherwise: StopTask in the ECS API reference.
  DRAIN_SECONDS: { fallback: 24, min: 1, max: 25, unit: "seconds" },
} as const satisfies Record<string, WholeNumber>

/**
 * @param argv arguments after the program's name
 * @throws UsageError anything but one known command
 */
export function commandOf(argv: readonly string[]): Command {
  const [command = "serve", ...rest] = argv
  if (rest.length > 0 || !COMMANDS.includes(command as Command)) {
    throw new UsageError(
      `one command of ${COMMANDS.join(", ")} (serve when there is none); the rest is set by environment`,
    )
  }
  return command as Command
}

/**
 * @param env the process' environment; an empty variable counts as unset
 * @param defaultPort where the service listens unless PORT says otherwise
 * @param defaultUser database role unless DB_USER says otherwise
 * @throws ConfigurationUnusable a value that is missing or out of its range
 */
export function settingsOf(env: Environment, defaultPort: number, defaultUser: string): Settings {
  return {
    host: set(env, "HOST") ?? "0.0.0.0",
    port: numberOf(env, "PORT", defaultPort),
    logLevel: oneOf(env, "LOG_LEVEL", LOG_LEVELS, "info"),
    trustedProxyHops: numberOf(env, "TRUSTED_PROXY_HOPS"),
    drainMs: numberOf(env, "DRAIN_SECONDS") * 1000,
    database: databaseSettingsOf(env, defaultUser),
    configs: configTableSettingsOf(env),
  }
}

/**
 * DATABASE_URL, or DB_HOST and its like; never both.
 *
 * @throws ConfigurationUnusable as {@link settingsOf}
 */
export function databaseSettingsOf(env: Environment, defaultUser: string): DatabaseSettings {
  const url = set(env, "DATABASE_URL")
  const place = url === undefined ? placeOf(env, defaultUser) : placeInUrl(url, env)
  const iam = oneOf(env, "DB_IAM", ["true", "false"], "false") === "true"
  const tls = tlsOf(env, place.host, iam)
  const login = iam
    ? { kind: "iam" as const, region: regionOf(env, "DB_IAM=true") }
    : passwordLogin(env, place.password)
  if (iam && (place.password !== undefined || secretOf(env, "DB_PASSWORD") !== undefined)) {
    throw new ConfigurationUnusable("DB_IAM=true and a database password are both set; keep one")
  }
  return {
    host: place.host,
    port: place.port,
    database: place.database,
    user: place.user,
    login,
    tls,
    poolSize: numberOf(env, "DB_POOL_SIZE"),
    statementTimeoutMs: numberOf(env, "DB_STATEMENT_TIMEOUT_MS"),
  }
}

/** @throws ConfigurationUnusable as {@link settingsOf} */
export function roleLoginOf(env: Environment): RoleLogin {
  if (oneOf(env, "ROLE_LOGIN", ["iam", "password"], "password") === "iam") return { kind: "iam" }
  const service = secretOf(env, "SERVICE_ROLE_PASSWORD")
  const migrator = secretOf(env, "MIGRATOR_PASSWORD")
  if (service === undefined || migrator === undefined) {
    throw new ConfigurationUnusable(
      "roles needs SERVICE_ROLE_PASSWORD and MIGRATOR_PASSWORD (or …_FILE), or ROLE_LOGIN=iam on Amazon RDS",
    )
  }
  return { kind: "password", service, migrator }
}

interface Place {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string | undefined
}

function placeOf(env: Environment, defaultUser: string): Place {
  const host = set(env, "DB_HOST")
  const database = set(env, "DB_NAME")
  if (host === undefined || database === undefined) {
    const missing = host === undefined ? "DB_HOST" : "DB_NAME"
    throw new ConfigurationUnusable(`${missing} is not set; set DB_HOST and DB_NAME, or DATABASE_URL`)
  }
  return {
    host,
    port: numberOf(env, "DB_PORT"),
    database,
    user: set(env, "DB_USER") ?? defaultUser,
    password: undefined,
  }
}

function placeInUrl(text: string, env: Environment): Place {
  const rival = ["DB_HOST", "DB_NAME", "DB_USER", "DB_PORT"].find((name) => set(env, name) !== undefined)
  if (rival !== undefined) throw new ConfigurationUnusable(`DATABASE_URL and ${rival} are both set; keep one`)
  // The value is never shown: it may hold a password.
  const url = URL.canParse(text) ? new URL(text) : undefined
  const database = url && decoded(url.pathname.slice(1))
  if (url === undefined || !/^postgres(?:ql)?:$/.test(url.protocol) || !url.hostname || !database || !url.username) {
    throw new ConfigurationUnusable("DATABASE_URL: not of the form postgresql://user:password@host:5432/database")
  }
  if (url.search || url.hash) {
    throw new ConfigurationUnusable("DATABASE_URL: takes no ?parameters; TLS is set by DB_TLS, DB_CA and DB_CA_FILE")
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? NUMBERS.DB_PORT.fallback : Number(url.port),
    database,
    user: decoded(url.username) ?? "",
    password: url.password === "" ? undefined : decoded(url.password),
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function passwordLogin(env: Environment, inUrl: string | undefined) {
  const password = secretOf(env, "DB_PASSWORD")
  if (inUrl !== undefined && password !== undefined) {
    throw new ConfigurationUnusable("DATABASE_URL holds a password and DB_PASSWORD is set too; keep one")
  }
  const found = inUrl ?? password
  if (found === undefined) {
    throw new ConfigurationUnusable(
      "no database password: set DB_PASSWORD or DB_PASSWORD_FILE, or DB_IAM=true on Amazon RDS",
    )
  }
  return { kind: "password" as const, password: found }
}

function tlsOf(env: Environment, host: string, iam: boolean): TlsSettings | undefined {
  // A name without dots is of this machine or of a container network; anything else crosses a network.
  const near = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host) || !/[.:]/.test(host)
  const caFile = set(env, "DB_CA_FILE")
  const ca = set(env, "DB_CA")
  const isRds = ca === "rds"
  if (ca !== undefined && caFile !== undefined) {
    throw new ConfigurationUnusable("DB_CA and DB_CA_FILE are both set; keep one")
  }
  if (ca !== undefined && !isRds) {
    throw new ConfigurationUnusable("DB_CA: takes rds and nothing else; DB_CA_FILE names a file of certificates")
  }
  const fallback = near && !iam && caFile === undefined && !isRds ? "off" : "verify"
  const wanted = oneOf(env, "DB_TLS", ["verify", "off"], fallback)
  if (wanted === "verify") {
    if (isRds) return { ca: rdsCertificates(host) }
    return { ca: caFile === undefined ? undefined : fileOf("DB_CA_FILE", caFile) }
  }
  if (isRds) throw new ConfigurationUnusable("DB_CA=rds and DB_TLS=off are both set; keep one")
  if (iam) throw new ConfigurationUnusable("DB_TLS=off: an IAM token goes over TLS only; drop DB_TLS")
  if (!near)
    throw new ConfigurationUnusable(
      `DB_TLS=off: ${host} is not this machine; drop DB_TLS, and set DB_CA=rds or DB_CA_FILE`,
    )
  return undefined
}

function configTableSettingsOf(env: Environment): ConfigTableSettings {
  const endpoint = set(env, "DYNAMODB_ENDPOINT")
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol))) {
    throw new ConfigurationUnusable("DYNAMODB_ENDPOINT: not an http:// or https:// URL; unset it for the region's own")
  }
  const table = set(env, "SERVICE_CONFIGS_TABLE") ?? "service-configs"
  // CreateTable in the DynamoDB API reference: 3 to 255 of these.
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(table)) {
    throw new ConfigurationUnusable("SERVICE_CONFIGS_TABLE: a table's name is 3 to 255 of A-Z a-z 0-9 _ . -")
  }
  return {
    table,
    region: regionOf(env, "the table of settings"),
    endpoint,
    refreshMs: numberOf(env, "SERVICE_CONFIGS_REFRESH_SECONDS") * 1000,
  }
}

function regionOf(env: Environment, need: string): string {
  const region = set(env, "AWS_REGION") ?? set(env, "AWS_DEFAULT_REGION")
  if (region === undefined)
    throw new ConfigurationUnusable(`AWS_REGION is not set, and ${need} needs it; such as eu-central-1`)
  if (!/^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region))
    throw new ConfigurationUnusable("AWS_REGION: not a region, such as eu-central-1")
  return region
}

function set(env: Environment, variable: string): string | undefined {
  return env[variable] || undefined
}

function numberOf(env: Environment, variable: keyof typeof NUMBERS, fallback?: number): number {
  const { min, max, ...rest }: WholeNumber = NUMBERS[variable]
  const text = set(env, variable)
  if (text === undefined) return fallback ?? rest.fallback
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= min && number <= max)) {
    const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
    const unit = rest.unit === undefined ? "" : ` (${rest.unit})`
    throw new ConfigurationUnusable(`${variable}: ${shown} is not a whole number from ${min} to ${max}${unit}`)
  }
  return number
}

function oneOf<const T extends string>(env: Environment, variable: string, allowed: readonly T[], fallback: T): T {
  const text = set(env, variable)
  if (text === undefined) return fallback
  if (!allowed.includes(text as T)) throw new ConfigurationUnusable(`${variable}: is not one of ${allowed.join(", ")}`)
  return text as T
}

/** `NAME`, or the content of the file that `NAME_FILE` names, without the line end that editors add. */
function secretOf(env: Environment, variable: string): string | undefined {
  const inline = set(env, variable)
  const file = set(env, `${variable}_FILE`)
  if (inline !== undefined && file !== undefined) {
    throw new ConfigurationUnusable(`both ${variable} and ${variable}_FILE are set; keep one`)
  }
  if (file === undefined) return inline
  const text = fileOf(`${variable}_FILE`, file).replace(/\r?\n$/, "")
  if (text === "") throw new ConfigurationUnusable(`${variable}_FILE: ${file} is empty`)
  return text
}

function fileOf(variable: string, file: string): string {
  try {
    return readFileSync(file, "utf8")
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new ConfigurationUnusable(`${variable}: cannot read ${file} (${code})`, { cause })
  }
}
