/** How to connect to PostgreSQL: address, verified TLS, and a password or a short-lived IAM token. */
import { createSecureContext, type SecureContext } from "node:tls"
import { Signer } from "@aws-sdk/rds-signer"
import type { ClientConfig } from "pg"
import type { DatabaseSettings, TlsSettings } from "./settings.ts"

/** A row lock is held for one statement; who waits longer than this waits behind something broken. */
const LOCK_TIMEOUT_MS = 2000
/** The services open no transaction across statements; one left open by a cut is ended by the server. */
const IDLE_IN_TRANSACTION_MS = 5000
/** Until TCP, TLS and login are done. */
export const CONNECT_TIMEOUT_MS = 2000
/** The server's own timeout comes first; this one is for an answer that a dead network swallowed. */
const SILENCE_MS = 1000

/**
 * @param name shown in `pg_stat_activity`
 * @returns for `pg`'s Client and Pool; `statement_timeout` and its like are set by the server for the session
 */
export function connectionOf(settings: DatabaseSettings, name: string): ClientConfig {
  const { host, port, database, user, login, tls, statementTimeoutMs } = settings
  return {
    host,
    port,
    database,
    user,
    // A function is called for each connection, so that each gets a token that is still good.
    password: login.kind === "password" ? login.password : iamToken(settings, login.region),
    // Given in full, so that nothing is taken from PGSSLMODE and its like; `verify-full` in libpq's words.
    ssl: tls === undefined ? false : { rejectUnauthorized: true, secureContext: contextOf(tls) },
    application_name: name,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    query_timeout: statementTimeoutMs + SILENCE_MS,
  }
}

/** Made once: reading RDS' hundred certificates takes some 20 ms, which each connection would spend anew. */
function contextOf({ ca }: TlsSettings): SecureContext {
  return createSecureContext(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] })
}

/** Signed here, with no call to AWS but for the task's credentials; valid for 15 minutes (RDS user guide, “IAM database authentication”). */
function iamToken({ host, port, user }: DatabaseSettings, region: string): () => Promise<string> {
  const signer = new Signer({ hostname: host, port, username: user, region })
  return () => signer.getAuthToken()
}
