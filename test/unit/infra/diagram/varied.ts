/** Architectures with any number of services and zones, made of one that was derived from templates. */
import type { Architecture, Flow, Workload } from "../../../../infra/src/diagram/architecture.ts"

/** Longer than most names are. */
const NAME = "a_service_with_a_long_name"

export interface Variation {
  readonly services: number
  readonly zones: number
  /** Index of the zone that the way out is in. */
  readonly exitZone?: number
}

export function varied(from: Architecture, { services, zones, exitZone = 0 }: Variation): Architecture {
  const all = Array.from({ length: zones }, (_, zone) => zone)
  const model = from.tiers.flatMap(({ workloads }) => workloads).find(({ icon }) => icon === "service") as Workload
  const isService = (id: string) =>
    from.tiers.some(({ workloads }) => workloads.some((one) => one.id === id && one.icon === "service"))
  const ids = Array.from({ length: services }, (_, at) => `platform/Service${at + 1}`)
  const made = ids.map((id, at): Workload => {
    const name = `${NAME}_${at + 1}`
    const cells = all.map((zone) => ({ ...(model.cells[0] as Workload["cells"][number]), zone }))
    return { ...model, id, title: name, groups: [name], facts: [`/api/${name}`, ...model.facts.slice(1)], cells }
  })
  const inZones = (workload: Workload): Workload => ({
    ...workload,
    cells: all.map((zone) => ({
      ...(workload.cells[zone] ?? (workload.cells.at(-1) as Workload["cells"][number])),
      zone,
    })),
  })
  const standing = from.tiers.flatMap(({ exits }) => exits).find(({ stands }) => stands)
  const away = from.tiers.flatMap(({ exits }) => exits).find(({ stands }) => !stands)
  return {
    ...from,
    zones: all.map((zone) => `eu-central-1${"abcd".charAt(zone)}`),
    tiers: from.tiers.map((tier) => ({
      ...tier,
      subnets: all.map((zone) => ({
        id: `network/${tier.name}${zone}`,
        name: `${tier.name}-${"abcd".charAt(zone)}`,
        cidr: `10.20.${100 + zone}.0/24`,
        zone,
      })),
      exits:
        tier.exits.length === 0 || standing === undefined
          ? []
          : all.map((zone) =>
              zone === exitZone
                ? { ...standing, zone }
                : {
                    zone,
                    stands: false,
                    gateway: { ...(away ?? standing).gateway, id: `network/NatGateway${zone}` },
                  },
            ),
      workloads: tier.workloads.some(({ icon }) => icon === "service")
        ? [...made, ...tier.workloads.filter(({ icon }) => icon !== "service").map(inZones)]
        : tier.workloads.map(inZones),
    })),
    flows: [
      ...from.flows.filter(({ from: one, to }) => !isService(one) && !isService(to)),
      ...from.flows
        .filter(({ from: one, to }) => one === model.id || to === model.id)
        .flatMap((flow) =>
          ids.map((id, at): Flow => {
            if (flow.to === model.id) return { ...flow, to: id, label: String(10_010 + at) }
            return { ...flow, from: id }
          }),
        ),
    ],
    securityGroups: [
      ...from.securityGroups,
      ...ids.map((_, at) => ({
        id: `network/Group${at + 1}`,
        name: `${NAME}_${at + 1}`,
        inbound: [`${10_010 + at} from load balancer`],
        outbound: ids.map((other) => `443 to ${other} and others that it may reach`),
      })),
    ],
  }
}
