/**
 * STS' AssumeRoleWithWebIdentity that does check its token, which emulators don't: signature, issuer, audience, subject and
 * time, against one role's trust. Written from the STS API reference.
 */
import { createSign, createVerify, generateKeyPairSync, type KeyObject } from "node:crypto"
import type { AwsProxy, Call, Reply } from "../aws-proxy.ts"
import type { Keys } from "./standing.ts"

export interface Claims {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  /** Seconds since 1970. */
  readonly exp: number
}

export interface Trust {
  readonly roleArn: string
  readonly iss: string
  readonly aud: string
  readonly sub: RegExp
}

export class WebIdentity {
  readonly #publicKey: KeyObject
  readonly #privateKey: KeyObject
  readonly #trust: Trust

  /** @param given whose keys the role's session has */
  constructor(proxy: AwsProxy, trust: Trust, given: Keys & { readonly sessionToken?: string }) {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 })
    this.#publicKey = publicKey
    this.#privateKey = privateKey
    this.#trust = trust
    proxy.on("sts:AssumeRoleWithWebIdentity", (call) => this.#answer(call, given))
  }

  /** A token as an OIDC provider signs it. */
  token(claims: Claims): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
    const signed = `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}`
    return `${signed}.${createSign("RSA-SHA256").update(signed).sign(this.#privateKey, "base64url")}`
  }

  #answer(
    { body }: Call,
    { accessKeyId, secretAccessKey, sessionToken = "" }: Keys & { sessionToken?: string },
  ): Reply {
    const form = new URLSearchParams(body)
    const [head = "", payload = "", signature = ""] = (form.get("WebIdentityToken") ?? "").split(".")
    const verified = createVerify("RSA-SHA256")
      .update(`${head}.${payload}`)
      .verify(this.#publicKey, signature, "base64url")
    if (!verified)
      return refusal(400, "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider")
    const { iss, aud, sub, exp } = JSON.parse(Buffer.from(payload, "base64url").toString()) as Claims
    if (exp * 1000 < Date.now())
      return refusal(
        400,
        "ExpiredTokenException",
        `Token expired: current date/time must be before the expiration date/time ${exp}`,
      )
    const { roleArn, ...trust } = this.#trust
    if (form.get("RoleArn") !== roleArn || iss !== trust.iss || aud !== trust.aud || !trust.sub.test(sub)) {
      return refusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
    }
    const Expiration = new Date(Date.now() + 3_600_000).toISOString()
    return {
      status: 200,
      type: "text/xml",
      body:
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>` +
        `<Credentials><AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>` +
        `<SessionToken>${sessionToken}</SessionToken><Expiration>${Expiration}</Expiration></Credentials>` +
        `<AssumedRoleUser><Arn>${roleArn}</Arn><AssumedRoleId>A:run</AssumedRoleId></AssumedRoleUser>` +
        `</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
    }
  }
}

function refusal(status: number, code: string, message: string): Reply {
  return {
    status,
    type: "text/xml",
    body: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
  }
}
