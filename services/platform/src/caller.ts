/** Who calls: a JSON Web Token (RFC 7519, RFC 6750) checked against the issuer's keys, as the settings name them. */
import { hash } from "node:crypto"
import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify, type RemoteJWKSet } from "jose"
import { type Static, Type } from "typebox"
import { Problem } from "./problem.ts"
import type { RecordKind } from "./service-configs.ts"

export interface Caller {
  /** Claim `sub`: who the token is about, 1 to 255 characters. */
  readonly subject: string
  readonly operator: boolean
}

/** Signatures with a private key only: with a shared secret, whoever can check a token could make one. */
const ALGORITHMS = ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA"] as const

const AuthenticationSchema = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 1024, description: "Claim `iss` of every token, to the letter" }),
    audience: Type.String({ minLength: 1, maxLength: 1024, description: "One of claim `aud` of every token" }),
    jwksUri: Type.String({ format: "uri", maxLength: 2048, description: "The issuer's public keys (RFC 7517)" }),
    algorithms: Type.Optional(Type.Array(Type.Enum([...ALGORITHMS]), { minItems: 1, maxItems: 10 })),
  },
  { additionalProperties: false },
)

export type Authentication = Static<typeof AuthenticationSchema>

/** The settings record `authentication`. */
export const AUTHENTICATION: RecordKind<typeof AuthenticationSchema> = {
  schema: AuthenticationSchema,
  misfit: ({ jwksUri }) => {
    // The format "uri" is of RFC 3986, which lets through what is no URL, such as port 99999.
    if (!URL.canParse(jwksUri)) return "/jwksUri is not a URL"
    const { protocol, hostname, username, password } = new URL(jwksUri)
    const near = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname) || !/[.:]/.test(hostname)
    if (username || password) return "/jwksUri must hold no user or password"
    if (protocol === "https:" || (protocol === "http:" && near)) return undefined
    return "/jwksUri must be https:// (http:// only to loopback or a name without dots)"
  },
}

const DEFAULT_ALGORITHMS: readonly string[] = ["ES256", "RS256"]
/** Clocks of issuer and service may differ by this. */
const CLOCK_TOLERANCE_SECONDS = 5
const JWKS_TIMEOUT_MS = 2000
/** An unknown key id makes the service look for new keys, but not more often than this. */
const JWKS_COOLDOWN_MS = 30_000
const JWKS_MAX_AGE_MS = 10 * 60_000
/** A checked token is not checked again for this long; a key that the issuer withdraws works no longer than that. */
const CHECKED_MS = 60_000
const MAX_CHECKED = 10_000
const MAX_SUBJECT = 255

interface Checked {
  readonly caller: Caller
  /** Milliseconds since 1970. */
  readonly until: number
}

/** Checks tokens; one for each value of the record `authentication`. */
export class Authenticator {
  readonly #settings: Authentication
  readonly #keys: RemoteJWKSet
  /** By the hash of the token, so that no token is kept in memory; oldest first. */
  readonly #checked = new Map<string, Checked>()

  constructor(settings: Authentication) {
    this.#settings = settings
    this.#keys = createRemoteJWKSet(new URL(settings.jwksUri), {
      timeoutDuration: JWKS_TIMEOUT_MS,
      cooldownDuration: JWKS_COOLDOWN_MS,
      cacheMaxAge: JWKS_MAX_AGE_MS,
    })
  }

  /**
   * @param authorization the header `Authorization`
   * @param now milliseconds since 1970
   * @throws Problem unauthenticated; forbidden for a token without a role; unavailable while the issuer's keys can't be had
   */
  async callerOf(authorization: string | undefined, now: number): Promise<Caller> {
    // RFC 6750 § 2.1; the scheme's case does not matter (RFC 9110 § 11.1).
    const token = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization ?? "")?.[1]
    if (token === undefined)
      throw unauthenticated("Send Authorization: Bearer and a token", authorization !== undefined)
    const key = hash("sha256", token, "base64")
    const known = this.#checked.get(key)
    if (known !== undefined && now < known.until) return known.caller
    const payload = await this.#verify(token)
    const caller = callerIn(payload)
    this.#remember(key, { caller, until: Math.min(now + CHECKED_MS, (payload.exp ?? 0) * 1000) }, now)
    return caller
  }

  #remember(key: string, checked: Checked, now: number): void {
    if (checked.until <= now) return
    if (this.#checked.size >= MAX_CHECKED) {
      const oldest = this.#checked.keys().next().value
      if (oldest !== undefined) this.#checked.delete(oldest)
    }
    this.#checked.delete(key)
    this.#checked.set(key, checked)
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { issuer, audience, algorithms = DEFAULT_ALGORITHMS } = this.#settings
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ["sub", "exp"],
      })
      return payload
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw unauthenticated("The token has expired", true, error)
      if (error instanceof errors.JOSEError && !isAboutKeys(error)) {
        throw unauthenticated("The token is not valid here", true, error)
      }
      const retry = { "retry-after": "5" }
      throw new Problem("unavailable", "The token can't be checked: its issuer's keys are away", {
        cause: error,
        headers: retry,
      })
    }
  }
}

/** The JWKS could not be fetched or read, which says nothing about the token. */
function isAboutKeys(error: errors.JOSEError): boolean {
  return error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || error.code === "ERR_JOSE_GENERIC"
}

function callerIn({ sub, roles }: JWTPayload): Caller {
  // Control characters and lone surrogates do not go into a PostgreSQL text unchanged: two subjects could become one.
  if (typeof sub !== "string" || sub.length < 1 || sub.length > MAX_SUBJECT || /[\p{Cc}\p{Cs}]/u.test(sub)) {
    throw unauthenticated("The token's claim sub is not 1 to 255 plain characters", true)
  }
  const held: readonly unknown[] = Array.isArray(roles) ? roles : []
  const operator = held.includes("operator")
  if (!operator && !held.includes("user")) {
    throw new Problem("forbidden", 'The token\'s claim roles holds neither "user" nor "operator"')
  }
  return { subject: sub, operator }
}

/** RFC 6750 § 3: an error code only where there was a token to be wrong. */
function unauthenticated(detail: string, withToken: boolean, cause?: unknown): Problem {
  const challenge = `Bearer realm="perigee"${withToken ? ', error="invalid_token"' : ""}`
  return new Problem("unauthenticated", detail, { cause, headers: { "www-authenticate": challenge } })
}

/** @throws Problem forbidden unless the caller is an operator */
export function requireOperator({ operator }: Caller): void {
  if (!operator) throw new Problem("forbidden", 'This needs the role "operator"')
}
