/** Every way out of the services is the one address, wherever it stands, or none at all. */
import { textOf } from "../../templates/value.ts"
import { type Failure, isRetained, type Outcome, type Proof, type Subject } from "../proof.ts"

const INSIDE = new Set(["service", "function", "scheduled task", "one-off task", "interface endpoint"])

/** Values of the parameter that says in which zone the address stands: all that the template allows. */
function egressZones({ templates }: Subject): readonly string[] {
  const parameter = templates.map(({ body }) => body.Parameters?.["EgressZone"]).find((one) => one !== undefined)
  const values = parameter?.["AllowedValues"]
  return Array.isArray(values) ? values.map(String) : []
}

function oneAddress(subject: Subject, as: string): Outcome {
  const { network, reach } = subject
  const [own] = network.elasticIps
  const inside = network.things.filter(({ kind }) => INSIDE.has(kind))
  const failures = inside.flatMap(({ name }) =>
    reach.exits(name).flatMap(({ from, route, addresses }): Failure[] => {
      const other = addresses.length !== 1 ? addresses : addresses.filter((address) => address !== own?.address)
      return other.length === 0
        ? []
        : [
            {
              resource:
                route.target.kind === "nat-gateway"
                  ? route.target.nat.resource.address
                  : (route.resource?.address ?? from.address),
              what: `${name} leaves ${from.name} by ${route.resource?.address} as ${addresses.join(" and ") || "nothing known"}${as}, not as ${own?.address ?? "an Elastic IP"} alone`,
            },
          ]
    }),
  )
  return { checked: inside.length, failures }
}

const one: Proof = {
  id: "egress.one-address",
  claim: "Every way out of a service, function or task is the one Elastic IP, whichever zone the egress stands in",
  holds: "Not reachable from the internet but with access to it, all by ONE static address",
  prove(subject) {
    const zones = egressZones(subject)
    const tried =
      zones.length === 0
        ? [{ as: "", at: subject }]
        : zones.map((zone) => ({ as: ` with EgressZone=${zone}`, at: subject.with({ EgressZone: zone }) }))
    const outcomes = tried.map(({ as, at }) => oneAddress(at, as))
    const failures = outcomes.flatMap(({ failures: some }) => some)
    const seen = new Set<string>()
    return {
      checked: outcomes.reduce((sum, { checked }) => sum + checked, 0),
      // The same way out is told once, not for each zone again.
      failures: failures.filter(({ resource }) => !seen.has(resource) && seen.add(resource)),
    }
  },
}

const single: Proof = {
  id: "egress.single-gateway",
  claim:
    "There is one Elastic IP, and one NAT gateway stands with it in the zone that is asked for, or none when none is",
  holds: "One Elastic IP on one NAT gateway; the egress moves to another zone with the same address",
  prove(subject) {
    const failures: Failure[] = []
    const { elasticIps } = subject.network
    for (const extra of elasticIps.slice(1)) {
      failures.push({
        resource: extra.address,
        what: "a second Elastic IP: the stage would be seen under two addresses",
      })
    }
    const zones = egressZones(subject)
    for (const zone of zones.length === 0 ? [undefined] : zones) {
      const { network } = zone === undefined ? subject : subject.with({ EgressZone: zone })
      const standing = network.natGateways.filter((nat) => nat.public)
      const as = zone === undefined ? "" : ` with EgressZone=${zone}`
      const wanted = zone === "none" ? 0 : 1
      if (standing.length > wanted) {
        for (const nat of standing) {
          const there = zone === undefined || nat.subnet?.zone.endsWith(zone)
          if (!there || standing.length > 1) {
            failures.push({
              resource: nat.resource.address,
              what: `stands${as}, one of ${standing.length} NAT gateways: there should be ${wanted}`,
            })
          }
        }
      }
      for (const nat of standing.length === wanted ? standing : []) {
        if (zone !== undefined && !nat.subnet?.zone.endsWith(zone)) {
          failures.push({
            resource: nat.resource.address,
            what: `stands in ${nat.subnet?.zone ?? "no subnet known"}${as}`,
          })
        }
      }
      if (standing.length < wanted) {
        failures.push({
          resource: elasticIps[0]?.address ?? "AWS::EC2::NatGateway",
          what: `no NAT gateway stands${as}: the services have no way out`,
        })
      }
    }
    const seen = new Set<string>()
    return {
      checked: Math.max(1, zones.length) + elasticIps.length,
      failures: failures.filter(({ resource, what }) => !seen.has(resource + what) && seen.add(resource + what)),
    }
  },
}

const everyZone: Proof = {
  id: "egress.every-zone",
  claim:
    "From every zone's service subnet the default route leads to the NAT gateway that stands, in whichever zone it does",
  holds: "Routes right for all zones",
  prove(subject) {
    const zones = egressZones(subject).filter((zone) => zone !== "none")
    const failures: Failure[] = []
    let checked = 0
    for (const zone of zones.length === 0 ? [undefined] : zones) {
      const { network, reach } = zone === undefined ? subject : subject.with({ EgressZone: zone })
      for (const { name, kind, interfaces } of network.things) {
        if (!INSIDE.has(kind) || kind === "interface endpoint") continue
        const left = new Set(reach.exits(name).map(({ from }) => from))
        for (const { subnet } of interfaces) {
          checked++
          if (!left.has(subnet)) {
            const resource = subnet.routeTable?.resource.address ?? subnet.address
            failures.push({
              resource,
              what: `${name} has no way out of ${subnet.name}${zone === undefined ? "" : ` with EgressZone=${zone}`}`,
            })
          }
        }
      }
    }
    const seen = new Set<string>()
    return { checked, failures: failures.filter(({ resource }) => !seen.has(resource) && seen.add(resource)) }
  },
}

const zoneGone: Proof = {
  id: "egress.zone-gone",
  claim:
    "With the egress' zone gone, or taken away by EgressZone=none, there is no way out at all: never another address",
  holds: "None at all with that zone gone, never another",
  prove(subject) {
    const failures: Failure[] = []
    let checked = 0
    const look = (at: Subject, withoutZone: string | undefined, as: string) => {
      const reach = at.reachWith(withoutZone === undefined ? {} : { withoutZone })
      for (const { name, kind } of at.network.things.filter((thing) => INSIDE.has(thing.kind))) {
        checked++
        for (const { from, route, addresses } of reach.exits(name)) {
          failures.push({
            resource: route.resource?.address ?? from.address,
            what: `${name} (${kind}) still leaves ${from.name} as ${addresses.join(" and ")}${as}`,
          })
        }
      }
    }
    for (const zone of egressZones(subject)) {
      const at = subject.with({ EgressZone: zone })
      if (zone === "none") look(at, undefined, " with EgressZone=none")
      else
        for (const { subnet } of at.network.natGateways)
          if (subnet !== undefined) look(at, subnet.zone, ` with ${subnet.zone} gone`)
    }
    const seen = new Set<string>()
    return { checked, failures: failures.filter(({ resource }) => !seen.has(resource) && seen.add(resource)) }
  },
}

const address: Proof = {
  id: "egress.fixed-address",
  claim:
    "Taken from a pool of one's own, the Elastic IP is the stage's address; it is kept when the stack goes, where data is",
  holds: "55.55.55.55 of the brief, from the customer's own pool by parameter",
  needsStage: true,
  prove(subject) {
    const { stage } = subject
    const [own] = subject.network.elasticIps
    if (own === undefined)
      return { checked: 1, failures: [{ resource: "AWS::EC2::EIP", what: "there is no Elastic IP" }] }
    const failures: Failure[] = []
    const wanted = stage?.network.egressAddress
    if (wanted !== undefined) {
      const pool = "ipv4pool-ec2-0"
      const [fromPool] = subject.with({ EgressAddressPool: pool }).network.elasticIps
      const got = textOf(fromPool?.properties["Address"])
      if (got !== wanted)
        failures.push({ resource: own.address, what: `with a pool its Address is ${got ?? "any"}, not ${wanted}` })
      if (textOf(fromPool?.properties["PublicIpv4Pool"]) !== pool) {
        failures.push({ resource: own.address, what: "it is not taken from the pool that EgressAddressPool names" })
      }
    }
    if (stage?.protect && !isRetained(own.deletionPolicy)) {
      failures.push({
        resource: own.address,
        what: `its DeletionPolicy is ${own.deletionPolicy ?? "Delete"}, not Retain: the address would be lost`,
      })
    }
    return { checked: 1, failures }
  },
}

export const EGRESS: readonly Proof[] = [one, single, everyZone, zoneGone, address]
