/** Who may call: every way in which a token can be wrong, and what happens when the issuer's keys change or are away. */
import { createHmac, generateKeyPairSync } from "node:crypto"
import { type Issuer, startIssuer } from "@perigee/local/issuer"
import { userMetadata } from "@perigee/user-metadata/service"
import { expect } from "chai"
import { exportJWK, SignJWT } from "jose"
import { suiteOf } from "../../support/services/suite.ts"
import { until } from "../../support/services/until.ts"

describe("callers", () => {
  const suite = suiteOf(userMetadata)
  const ask = (token: string | undefined, headers = {}) => suite.client.send("GET", "/api/users", { token, headers })
  const base64 = (value: unknown) =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url")
  const soon = () => Math.floor(Date.now() / 1000) + 600

  it("takes a good token, whatever the case of the scheme", async () => {
    const token = await suite.user("good")
    expect((await ask(token)).status).to.equal(200)
    expect((await ask(undefined, { authorization: `bEARER   ${token}` })).status).to.equal(200)
  })

  it("challenges who has none, and says no more than that", async () => {
    const answer = await ask(undefined)
    expect(answer.status).to.equal(401)
    expect(answer.headers["www-authenticate"]).to.equal('Bearer realm="perigee"')
    const wrong = await ask("x.y.z")
    expect(wrong.headers["www-authenticate"]).to.equal('Bearer realm="perigee", error="invalid_token"')
  })

  it("refuses every token that is wrong in one way", async () => {
    const { issuer } = suite.stores
    const good = { subject: "mallory", roles: ["operator"] }
    const signed = await issuer.token(good)
    const [head = "", payload = "", signature = ""] = signed.split(".")
    const header = JSON.parse(Buffer.from(head, "base64url").toString())
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString())
    const jwks = (await (await fetch(issuer.jwksUri)).json()) as { keys: object[] }
    const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const own = (more: object) =>
      new SignJWT(claims).setProtectedHeader({ ...header, ...more }).sign(stranger.privateKey)
    const hmacWithPublicKey = () => {
      const input = `${base64({ alg: "HS256", kid: header.kid })}.${payload}`
      return `${input}.${createHmac("sha256", JSON.stringify(jwks.keys[0])).update(input).digest("base64url")}`
    }
    const wrong: Record<string, string> = {
      "no signature": `${head}.${payload}.`,
      "two parts": `${head}.${payload}`,
      "four parts": `${signed}.x`,
      "signature changed": `${head}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`,
      "payload changed": `${head}.${base64({ ...claims, sub: "admin" })}.${signature}`,
      "algorithm none": `${base64({ alg: "none" })}.${payload}.`,
      "algorithm None, with the signature": `${base64({ alg: "None", kid: header.kid })}.${payload}.${signature}`,
      "HMAC with the public key": hmacWithPublicKey(),
      "another key under the known id": await own({}),
      "another key under another id": await own({ kid: "mine" }),
      "another key, sent along": await own({ jwk: await exportJWK(stranger.publicKey) }),
      "key from elsewhere": await own({ kid: "mine", jku: `${issuer.issuer}/mine.json` }),
      "an unknown critical header": `${base64({ ...header, crit: ["exp2"], exp2: 1 })}.${payload}.${signature}`,
      expired: await issuer.token({ ...good, claims: { exp: soon() - 700 } }),
      "not yet good": await issuer.token({ ...good, claims: { nbf: soon() } }),
      "no end": await issuer.token({ ...good, claims: { exp: undefined as unknown as number } }),
      "end as text": await issuer.token({ ...good, claims: { exp: String(soon()) as unknown as number } }),
      "another issuer": await issuer.token({ ...good, claims: { iss: "https://elsewhere.example" } }),
      "issuer with a slash more": await issuer.token({ ...good, claims: { iss: `${issuer.issuer}/` } }),
      "another audience": await issuer.token({ ...good, claims: { aud: "elsewhere" } }),
      "no audience": await issuer.token({ ...good, claims: { aud: undefined as unknown as string } }),
      "no subject": await issuer.token({ ...good, claims: { sub: undefined as unknown as string } }),
      "empty subject": await issuer.token({ ...good, subject: "" }),
      "subject as a number": await issuer.token({ ...good, claims: { sub: 7 as unknown as string } }),
      "subject with NUL": await issuer.token({ ...good, subject: "a\u0000b" }),
      "subject with half a character": await issuer.token({ ...good, subject: "a\ud800" }),
      "subject too long": await issuer.token({ ...good, subject: "x".repeat(256) }),
      "not a token": "hello",
      "payload not JSON": `${head}.${base64("{")}.${signature}`,
      "payload an array": `${head}.${base64([])}.${signature}`,
      "head not JSON": `${base64("{")}.${payload}.${signature}`,
      "head null": `${base64("null")}.${payload}.${signature}`,
      "characters of plain base64": `${head}.${payload}.${signature}+/`,
    }
    for (const [what, token] of Object.entries(wrong)) {
      const answer = await ask(token)
      expect(answer.status, `${what}: ${answer.text}`).to.equal(401)
      expect(answer.body.type, what).to.equal("urn:problem-type:perigee:unauthenticated")
      expect(answer.text, what).not.to.match(/jose|JWS|JWT|stack|node_modules/)
    }
    for (const authorization of [
      "Basic dTpw",
      "Bearer",
      "Bearer ",
      `Token ${signed}`,
      signed,
      `Bearer ${signed} x`,
      `Bearer ${signed}, Bearer ${signed}`,
    ]) {
      expect((await ask(undefined, { authorization })).status, authorization.slice(0, 20)).to.equal(401)
    }
  })

  it("refuses who has no role that it knows, however the claim is shaped", async () => {
    for (const roles of [[], ["admin"], "operator", { operator: true }, null, ["OPERATOR"], [["operator"]]]) {
      const token = await suite.stores.issuer.token({ subject: "x", roles: roles as string[] })
      const answer = await ask(token)
      expect(answer.body.type, JSON.stringify(roles)).to.equal("urn:problem-type:perigee:forbidden")
    }
  })

  it("does not let a token outlive its end, though it was good a moment ago", async () => {
    // Good for a second, in which it is remembered as good, and for the 5 s by which clocks may differ.
    const token = await suite.stores.issuer.token({ subject: "brief", roles: ["user"], lifetime: 1 })
    expect((await ask(token)).status).to.equal(200)
    await until("the token to be refused", async () => (await ask(token)).status === 401, 8000)
  })

  it("takes another issuer and audience as soon as the settings name them, and no token of the one before", async () => {
    const other: Issuer = await startIssuer()
    try {
      const [old, renewed] = [await suite.user("old"), await other.token({ subject: "new", roles: ["user"] })]
      expect([(await ask(old)).status, (await ask(renewed)).status]).to.deep.equal([200, 401])
      await suite.stores.dynamo.put("user_metadata", "authentication", 2, {
        issuer: other.issuer,
        audience: "perigee",
        jwksUri: other.jwksUri,
      })
      await until("the new issuer to be taken", async () => (await ask(renewed)).status === 200)
      expect((await ask(old)).status).to.equal(401)
      const { issuer } = suite.stores
      await suite.stores.dynamo.put("user_metadata", "authentication", 3, {
        issuer: issuer.issuer,
        audience: "perigee",
        jwksUri: issuer.jwksUri,
      })
      await until("the old issuer to be taken again", async () => (await ask(old)).status === 200)
    } finally {
      await other.stop()
    }
  })

  it("says that it can't tell, not that the token is wrong, while the issuer's keys are away", async () => {
    const away = await startIssuer()
    const token = await away.token({ subject: "ann", roles: ["user"] })
    await away.stop()
    await suite.stores.dynamo.put("user_metadata", "authentication", 4, {
      issuer: away.issuer,
      audience: "perigee",
      jwksUri: away.jwksUri,
    })
    const answer = await until("the settings to be in force", async () => {
      const one = await ask(token)
      return one.status !== 401 && one
    })
    expect(answer.status).to.equal(503)
    expect(answer.headers["retry-after"]).to.equal("5")
  })
})
