/**
 * STS' AssumeRoleWithWebIdentity that does check its token, which emulators don't: signature, issuer, audience, subject and
 * time, against one role's trust; and sessions that expire, or are made to. Say it after what else is said of the proxy
 * (an ECS in front, outcomes of stacks), so that an expired session is refused there too.
 * Source: STS API reference, AssumeRoleWithWebIdentity; IAM user guide, “Troubleshoot OIDC federation”.
 */
import { createSign, createVerify, generateKeyPairSync, type KeyObject } from "node:crypto"
import { expired } from "../aws-faults.ts"
import type { Answer, AwsProxy, Call, Reply } from "../aws-proxy.ts"
import type { Keys } from "./standing.ts"

export interface Claims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  /** Seconds since 1970. */
  readonly exp: number
  /** Seconds since 1970 before which it does not hold. */
  readonly nbf?: number
}

export interface Trust {
  readonly roleArn: string
  readonly iss: string
  readonly aud: string
  readonly sub: RegExp
}

interface IssuedSession {
  readonly token: string
  /** Milliseconds since 1970. */
  readonly until: number
}

/** Seconds that a session may last. Source: API reference, DurationSeconds. */
const DURATION = { least: 900, most: 43_200, usual: 3600 }

export class WebIdentity {
  /** Sessions given so far. */
  readonly issued: IssuedSession[] = []
  /** Seconds that sessions really last, whatever was asked for; they say so themselves unless `unannounced`. */
  lifetime: { readonly seconds: number; readonly unannounced?: boolean } | undefined
  readonly #publicKey: KeyObject
  readonly #privateKey: KeyObject
  readonly #trust: Trust
  #over = 0

  /** @param given whose keys the role's session has */
  constructor(proxy: AwsProxy, trust: Trust, given: Keys & { readonly sessionToken?: string }) {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
    this.#publicKey = publicKey
    this.#privateKey = privateKey
    this.#trust = trust
    const answer: Answer = (call, nth, next) =>
      call.action === "sts:AssumeRoleWithWebIdentity" ? this.#answer(call, given) : this.#session(call, nth, next)
    proxy.on(undefined, answer)
  }

  /** A token as an OIDC provider signs it. @param alg what its head claims to be signed by */
  token(claims: Claims, alg = "RS256"): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
    const signed = `${part({ alg, typ: "JWT" })}.${part(claims)}`
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(this.#privateKey, "base64url")}`
  }

  /** Every session given so far is over from now on. */
  expire(): void {
    this.#over = this.issued.length
  }

  /** Calls of a session that is over are refused. */
  readonly #session: Answer = (call, nth, next) => {
    const token = call.headers["x-amz-security-token"]
    const at = this.issued.findLastIndex((one) => one.token === token)
    const session = this.issued[at]
    if (session === undefined || (at >= this.#over && Date.now() < session.until)) return undefined
    return expired(call, nth, next)
  }

  #answer({ body }: Call, given: Keys & { sessionToken?: string }): Reply {
    const form = new URLSearchParams(body)
    const refused = this.#refusal(form.get("WebIdentityToken") ?? "", form)
    if (refused !== undefined) return refused
    const asked = Number(form.get("DurationSeconds") ?? DURATION.usual)
    const { seconds, unannounced } = this.lifetime ?? { seconds: asked }
    // Told apart by their tokens, where they may expire.
    const mark = this.lifetime === undefined ? "" : `-${this.issued.length}`
    const token = `${given.sessionToken ?? ""}${mark}`
    this.issued.push({ token, until: Date.now() + seconds * 1000 })
    const Expiration = new Date(Date.now() + (unannounced ? asked : seconds) * 1000).toISOString()
    const { accessKeyId, secretAccessKey } = given
    return {
      status: 200,
      type: "text/xml",
      body:
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
        `<Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
        `<SessionToken>${token}</SessionToken><Expiration>${Expiration}</Expiration></Credentials>` +
        `<AssumedRoleUser><Arn>${form.get("RoleArn")}</Arn><AssumedRoleId>A:run</AssumedRoleId></AssumedRoleUser>` +
        `</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    }
  }

  #refusal(token: string, form: URLSearchParams): Reply | undefined {
    const duration = Number(form.get("DurationSeconds") ?? DURATION.usual)
    if (duration < DURATION.least || duration > DURATION.most) {
      return refusal(400, "ValidationError", `DurationSeconds is ${duration}; ${DURATION.least} to ${DURATION.most}`)
    }
    if (!/^[\w+=,.@-]{2,64}$/.test(form.get("RoleSessionName") ?? "")) {
      return refusal(400, "ValidationError", "RoleSessionName has 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -")
    }
    const [head = "", payload = "", signature = ""] = token.split(".")
    const { alg } = decoded<{ alg?: string }>(head) ?? {}
    const claims = decoded<Claims>(payload)
    if (claims === undefined || alg === undefined) {
      return refusal(400, "InvalidIdentityToken", "The ID Token provided is not a valid JWT.")
    }
    const verified = createVerify("RSA-SHA256")
      .update(`${head}.${payload}`)
      .verify(this.#publicKey, signature, "base64url")
    if (!verified || alg !== "RS256") {
      return refusal(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
    }
    const { iss, aud, sub, exp, nbf = 0 } = claims
    if (exp * 1000 < Date.now()) {
      const message = `Token expired: current date/time must be before the expiration date/time ${exp}`
      return refusal(400, "ExpiredTokenException", message)
    }
    if (nbf * 1000 > Date.now()) return refusal(400, "InvalidIdentityToken", "Token is not yet valid")
    const { roleArn, ...trust } = this.#trust
    if (iss !== trust.iss) {
      return refusal(400, "InvalidIdentityToken", `No OpenIDConnect provider found in your account for ${iss}`)
    }
    if (aud !== trust.aud) return refusal(400, "InvalidIdentityToken", "Incorrect token audience")
    if (form.get("RoleArn") !== roleArn || !trust.sub.test(sub)) {
      return refusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    }
    return undefined
  }
}

function decoded<T>(part: string): T | undefined {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString()) as T
  } catch {
    return undefined
  }
}

function refusal(status: number, code: string, message: string): Reply {
  return {
    status,
    type: "text/xml",
    body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  }
}
