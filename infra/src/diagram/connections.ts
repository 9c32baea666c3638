/** The picture's lines: every pair between which the proofs find a way, and the ports of it. */
import type { Intervals } from "../intervals.ts"
import type { Network } from "../proofs/network.ts"
import { INTERNET, type ProtocolName, Reach } from "../proofs/reach.ts"

/** A connection that is proved to be possible, between things as `Thing.name` calls them or `internet`. */
export interface Connection {
  readonly from: string
  readonly to: string
  /** Such as `443` and `80, 443`; other protocols than TCP are named. */
  readonly ports: string
  /** To the internet: the NAT gateways that it leaves by, and whether it leaves by anything else. */
  readonly via?: { readonly gateways: readonly string[]; readonly directly: boolean }
}

const PROTOCOLS: readonly ProtocolName[] = ["tcp", "udp", "icmp", "other"]

export function connectionsOf(network: Network, reach: Reach = new Reach(network)): Connection[] {
  return reach.names.flatMap((from) =>
    reach.names.flatMap((to): Connection[] => {
      if (from === to || (from === INTERNET && to === INTERNET)) return []
      const cell = reach.cell(from, to)
      const ports = PROTOCOLS.flatMap((name) => {
        const { some } = cell[name]
        if (some.length === 0) return []
        if (name === "tcp") return [portsText(some)]
        return [name === "udp" ? `udp ${portsText(some)}` : name === "icmp" ? "icmp" : "other protocols"]
      })
      if (ports.length === 0) return []
      return [{ from, to, ports: ports.join(", "), ...(to === INTERNET && { via: viaOf(reach, from) }) }]
    }),
  )
}

function viaOf(reach: Reach, from: string) {
  const targets = reach.exits(from).map(({ route }) => route.target)
  const gateways = targets.flatMap((target) => (target.kind === "nat-gateway" ? [target.nat.resource.address] : []))
  return { gateways: [...new Set(gateways)], directly: targets.some(({ kind }) => kind !== "nat-gateway") }
}

function portsText(ports: Intervals): string {
  return ports.map(({ first, last }) => (first === last ? String(first) : `${first}–${last}`)).join(", ")
}
