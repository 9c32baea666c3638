/** Who reaches whom, compared with what the stage allows, pair by pair; each layer alone; and that nothing was left out. */
import { covers, difference, type Intervals, textOfIntervals } from "../../intervals.ts"
import { allowedPorts, PROTOCOLS, pairs } from "../matrix.ts"
import { ICMP, TCP, UDP } from "../network.ts"
import type { Failure, Outcome, Proof, Subject } from "../proof.ts"
import { INTERNET, type Layer, type ProtocolName, type Reach } from "../reach.ts"
import { type Hop, trace } from "../trace.ts"

const NUMBERS: Readonly<Record<ProtocolName, number>> = { tcp: TCP, udp: UDP, icmp: ICMP, other: 253 }

/** What is open that should not be, with the way that it gets through. */
function opened(
  subject: Subject,
  reach: Reach,
  from: string,
  to: string,
  protocol: ProtocolName,
  ports: Intervals,
  as = "",
): Failure {
  const [first] = ports
  const path = pathOf(reach, from, to, protocol, first?.first ?? 0, true)
  const what = protocol === "tcp" || protocol === "udp" ? `${protocol} ${textOfIntervals(ports)}` : protocol
  // An ACL's entry that nothing promises, if one is on the path; else the last gate before the target: what was most likely
  // opened by mistake.
  const astray = new Set(
    reach.options.open?.includes("acls") ? [] : subject.aclFailures.map(({ resource }) => resource),
  )
  const gates = path.filter(({ resource, what: does }) => does.startsWith("lets") && resource.includes("/"))
  const gate =
    gates.find(({ resource }) => astray.has(resource)) ??
    gates.findLast(({ what: does }) => !does.startsWith("lets the answer"))
  return {
    resource: gate?.resource ?? path.at(0)?.resource ?? `${from} → ${to}`,
    what: `${from} reaches ${to} on ${what}${as}, which nothing allows: change a hop of the path`,
    path,
  }
}

function shut(reach: Reach, from: string, to: string, ports: Intervals): Failure {
  const path = pathOf(reach, from, to, "tcp", ports[0]?.first ?? 0, false)
  const blocker = path.find(({ passes }) => !passes)
  return {
    resource: blocker?.resource ?? `${from} → ${to}`,
    what: `${from} should reach ${to} on tcp ${textOfIntervals(ports)} from and to every place of theirs, and does not: ${
      blocker === undefined ? "one of them is not among the templates" : `${blocker.resource} ${blocker.what}`
    }`,
    path,
  }
}

function pathOf(
  reach: Reach,
  from: string,
  to: string,
  protocol: ProtocolName,
  port: number,
  open: boolean,
): readonly Hop[] {
  const connection = reach.witness(from, to, NUMBERS[protocol], port, open)
  if (connection === undefined) return []
  const target = reach.thing(to)
  const gateway = target?.kind === "gateway endpoint" ? target.resources[0]?.address : undefined
  return trace(reach, connection, gateway)
}

/** Everything that is asked of a pair of the matrix. */
function compare(subject: Subject, reach: Reach, as: string): Outcome {
  const failures: Failure[] = []
  const asked = pairs(reach)
  for (const [from, to] of asked) {
    const cell = reach.cell(from, to)
    const allowed = allowedPorts(subject.allowed, from, to)
    for (const protocol of PROTOCOLS) {
      const over = protocol === "tcp" ? difference(cell.tcp.some, allowed) : cell[protocol].some
      if (over.length > 0) failures.push(opened(subject, reach, from, to, protocol, over, as))
    }
    if (!covers(cell.tcp.all, allowed)) failures.push(shut(reach, from, to, difference(allowed, cell.tcp.all)))
  }
  return { checked: asked.length, failures }
}

const matrix: Proof = {
  id: "network.matrix",
  claim:
    "Every pair reaches each other on exactly the ports that the stage allows: none more, none less, none only partly",
  holds:
    "Only the load balancer is publicly reachable; services on 1010, 2020 and 3030; the database from the services",
  needsStage: true,
  prove(subject) {
    const { reach } = subject
    const known = new Set(reach.names)
    const { reachable } = subject.allowed
    const named = [...Object.keys(reachable), ...Object.values(reachable).flatMap((to) => Object.keys(to))]
    const missing = [...new Set(named)].filter((name) => !known.has(name))
    const outcome = compare(subject, reach, "")
    return {
      checked: outcome.checked,
      failures: [
        ...missing.map((name) => ({
          resource: `allowed.reachable ${name}`,
          what: `the stage allows ${name} something, and the templates make nothing of that name`,
        })),
        ...outcome.failures,
      ],
    }
  },
}

const groupsAlone: Proof = {
  id: "network.groups-alone",
  claim: "With every network ACL open the security groups alone hold the whole matrix",
  holds: "Each layer alone: security groups",
  needsStage: true,
  prove: (subject) => compare(subject, subject.reachWith({ open: ["acls"] }), " once the ACLs are open"),
}

function stayShut(subject: Subject, open: readonly Layer[], as: string): Outcome {
  const reach = subject.reachWith({ open })
  const failures: Failure[] = []
  const promised = Object.entries(subject.allowed.twiceShut).flatMap(([from, targets]) =>
    targets.map((to) => [from, to] as const),
  )
  for (const [from, to] of promised) {
    const cell = reach.cell(from, to)
    for (const protocol of PROTOCOLS) {
      const { some } = cell[protocol]
      if (some.length > 0) failures.push(opened(subject, reach, from, to, protocol, some, as))
    }
  }
  return { checked: promised.length, failures }
}

const aclsAlone: Proof = {
  id: "network.acls-alone",
  claim: "With every security group open the routes and network ACLs alone shut what two layers guard",
  holds: "Each layer alone: network ACLs and routes; the internet reaches no service and no data",
  needsStage: true,
  prove: (subject) => stayShut(subject, ["groups"], " once the security groups are open"),
}

const aclsExactly: Proof = {
  id: "network.acls",
  claim: "Each tier's network ACL lets through exactly what the stage promises: direction, protocol, ports, addresses",
  holds: "Network ACLs",
  needsStage: true,
  prove: (subject) => ({ checked: subject.network.subnets.length, failures: subject.aclFailures }),
}

/** Ports that are promised of what the templates make, where they make it listen. */
const listening: Proof = {
  id: "network.listening",
  claim: "Whatever the stage allows to be reached listens on the ports that it is allowed to be reached on",
  holds: "The database on 5432, services on 1010, 2020 and 3030",
  needsStage: true,
  prove({ reach, allowed }) {
    const ports = new Map<string, Set<number>>()
    for (const targets of Object.values(allowed.reachable)) {
      for (const [to, some] of Object.entries(targets)) ports.set(to, new Set([...(ports.get(to) ?? []), ...some]))
    }
    const failures = [...ports].flatMap(([to, some]): Failure[] => {
      const thing = reach.thing(to)
      if (thing === undefined) return []
      const deaf = [...some].filter((port) => !thing.listens.includes(port))
      const heard = thing.listens.map((port) => (Number.isNaN(port) ? "a port that can't be known" : port)).join(", ")
      return deaf.length === 0
        ? []
        : [
            {
              resource: thing.resources[0]?.address ?? to,
              what: `${to} listens on ${heard || "nothing"}, not on ${deaf.join(", ")}`,
            },
          ]
    })
    return { checked: ports.size, failures }
  },
}

const routesAlone: Proof = {
  id: "network.routes-alone",
  claim:
    "With both layers open no route leads from the internet to anything but the load balancer, nor from data to it",
  holds: "Services and data are in subnets without a way in",
  needsStage: true,
  prove(subject) {
    const reach = subject.reachWith({ open: ["acls", "groups"] })
    const failures: Failure[] = []
    const inside = subject.network.things.filter(({ kind }) => kind !== "load balancer" && kind !== "gateway endpoint")
    const databases = inside.filter(({ kind }) => kind === "database")
    const asked = [
      ...inside.map(({ name }) => [INTERNET, name] as const),
      ...databases.map(({ name }) => [name, INTERNET] as const),
    ]
    for (const [from, to] of asked) {
      const { some } = reach.cell(from, to).tcp
      if (some.length > 0) failures.push(opened(subject, reach, from, to, "tcp", some, " once both layers are open"))
    }
    return { checked: asked.length, failures }
  },
}

const modelled: Proof = {
  id: "network.modelled",
  claim: "Everything in the templates that could open a way is modelled: nothing is passed over",
  holds: "Exhaustive, and says so where it is not",
  prove: ({ network, resolved }) => ({
    checked: resolved.resources.length,
    failures: [
      ...network.unmodelled.map(({ resource, what }) => ({ resource: resource.address, what })),
      ...network.idle.map(({ address }) => ({
        resource: address,
        what: "a task definition that nothing in the templates runs, and no entry of the stage's allowed.tasks: where it runs is not known",
      })),
    ],
  }),
}

export const REACHABILITY: readonly Proof[] = [
  matrix,
  groupsAlone,
  aclsAlone,
  aclsExactly,
  routesAlone,
  listening,
  modelled,
]
