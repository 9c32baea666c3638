/** What an api.data.gov key looks like, and which transports may carry it. */

/** The public key of api.nasa.gov: 30 requests an hour and 50 a day for each address (https://api.nasa.gov, “DEMO_KEY Rate Limits”). */
export const DEMO_KEY = "DEMO_KEY"

const API_KEY = /^[A-Za-z0-9_-]{8,128}$/

/** Whether `key` can be a key at all: 8 to 128 of `A-Z a-z 0-9 _ -`, which is also safe in a header. */
export function isApiKey(key: string): boolean {
  return API_KEY.test(key)
}

/** Whether the key may go to `baseUrl`: over TLS, to this machine or its containers, or if it is the public one. */
export function mayCarry(baseUrl: URL, key: string): boolean {
  return baseUrl.protocol === "https:" || isLocalHost(baseUrl.hostname) || key === DEMO_KEY
}

/**
 * Whether plain `http://` to this host stays on the machine or inside a private network of containers:
 * a loopback address (RFC 1122 § 3.2.1.3, RFC 4291 § 2.5.3), or a host name of a single label (a container's name).
 *
 * @param hostname as the WHATWG URL parser gives it: lower case, IPv6 in brackets
 */
export function isLocalHost(hostname: string): boolean {
  if (hostname.startsWith("[")) return hostname === "[::1]"
  return /^127(?:\.\d{1,3}){3}$/.test(hostname) || /^[^.]+$/.test(hostname)
}
