/** An issuer of tokens for development: keys made at start, kept in memory. Never for anything real. */
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:http"
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose"

const ALGORITHM = "ES256"
export const AUDIENCE = "perigee"

export interface TokenOptions {
  readonly subject: string
  readonly roles: readonly string[]
  /** Seconds from now; 8 hours unless said otherwise. */
  readonly lifetime?: number
  /** Claims over those above, for tokens that are wrong on purpose. */
  readonly claims?: JWTPayload
}

export interface Issuer {
  readonly issuer: string
  readonly jwksUri: string
  readonly port: number
  token(options: TokenOptions): Promise<string>
  /** New keys, as if the old ones were withdrawn. */
  rotate(): Promise<void>
  stop(): Promise<void>
}

export interface IssuerOptions {
  /** Address to listen on; loopback unless said otherwise. */
  readonly host?: string
  /** What it is called by those who ask it; its address unless said otherwise. */
  readonly name?: string
  /** Whether `GET /token?subject=&role=` gives a token to anybody who asks: inside an engine's own network only. */
  readonly givesTokens?: boolean
}

/** @param port 0 for any free one */
export async function startIssuer(port = 0, options: IssuerOptions = {}): Promise<Issuer> {
  const { host = "127.0.0.1", name = host, givesTokens = false } = options
  let keys = await newKeys()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost")
    if (givesTokens && pathname === "/token") {
      const roles = searchParams.getAll("role")
      token({ subject: searchParams.get("subject") ?? "", roles }).then((text) => response.end(text))
      return
    }
    if (request.url !== "/.well-known/jwks.json") {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [keys.jwk] }))
  })
  server.listen(port, host)
  await once(server, "listening")
  const bound = (server.address() as { port: number }).port
  const issuer = `http://${name}:${bound}`
  const token = ({ subject, roles, lifetime = 8 * 3600, claims = {} }: TokenOptions) => {
    const now = Math.floor(Date.now() / 1000)
    const all = { iss: issuer, aud: AUDIENCE, sub: subject, roles, iat: now, exp: now + lifetime, ...claims }
    return new SignJWT(all as JWTPayload).setProtectedHeader({ alg: ALGORITHM, kid: keys.kid }).sign(keys.privateKey)
  }
  return {
    issuer,
    jwksUri: `${issuer}/.well-known/jwks.json`,
    port: bound,
    token,
    rotate: async () => {
      keys = await newKeys()
    },
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function newKeys() {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM)
  const kid = randomUUID()
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: ALGORITHM, use: "sig" }
  return { privateKey, jwk, kid }
}
