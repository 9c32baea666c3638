/** Reachability: by hand on a small network where the answer is known, and against a judge of single packets on random ones. */
import { expect } from "chai"
import fc from "fast-check"
import { has, textOfIntervals } from "../../../../infra/src/intervals.ts"
import { networkOf } from "../../../../infra/src/proofs/network.ts"
import { Reach, type ReachOptions } from "../../../../infra/src/proofs/reach.ts"
import { trace } from "../../../../infra/src/proofs/trace.ts"
import { resolve } from "../../../../infra/src/templates/resolve.ts"
import {
  connects,
  EPHEMERAL_PORTS,
  endsOf,
  PROTOCOL_NUMBERS,
  type Protocol,
  type SmallNetwork,
  smallNetworks,
  TRIED_PORTS,
  templateOf,
} from "./packets.ts"

function reachOf(network: SmallNetwork, options?: ReachOptions): Reach {
  return new Reach(networkOf(resolve([templateOf(network)])), options)
}

const WHO = ["internet", 0, 1] as const
const named = (who: (typeof WHO)[number]) => (who === "internet" ? who : `service ${who}`)

/** A service in a private subnet (1) behind one in a public subnet (0), each with an ACL: the least there is of a platform. */
const TWO_TIERS: SmallNetwork = {
  acls: [
    [
      { outbound: false, allow: true, protocol: "tcp", ports: [443, 443], block: "0.0.0.0/0" },
      { outbound: false, allow: true, protocol: "tcp", ports: [1024, 65_535], block: "0.0.0.0/0" },
      { outbound: true, allow: true, protocol: "tcp", ports: [80, 80], block: "10.0.1.0/28" },
      { outbound: true, allow: true, protocol: "tcp", ports: [1024, 65_535], block: "0.0.0.0/0" },
    ],
    [
      { outbound: false, allow: true, protocol: "tcp", ports: [80, 80], block: "10.0.0.0/28" },
      { outbound: true, allow: true, protocol: "tcp", ports: [1024, 65_535], block: "10.0.0.0/28" },
    ],
  ],
  groups: [
    [
      { outbound: false, group: undefined, protocol: "tcp", ports: [443, 443], block: "0.0.0.0/0" },
      { outbound: true, group: 1, protocol: "tcp", ports: [80, 80], block: "0.0.0.0/0" },
    ],
    [{ outbound: false, group: 0, protocol: "tcp", ports: [80, 80], block: "0.0.0.0/0" }],
  ],
  subnets: [
    { acl: 0, route: "internet" },
    { acl: 1, route: "none" },
  ],
  services: [
    { subnets: [0], groups: [0], publicAddress: true },
    { subnets: [1], groups: [1], publicAddress: false },
  ],
}

describe("reachability", () => {
  it("is what a person finds on a network of two tiers: 443 in, 80 onward, and nothing else", () => {
    const reach = reachOf(TWO_TIERS)
    const open = reach.names.flatMap((from) =>
      reach.names.flatMap((to) => {
        const { tcp, udp, icmp, other } = reach.cell(from, to)
        expect([...udp.some, ...icmp.some, ...other.some]).to.deep.equal([])
        expect(tcp.all).to.deep.equal(tcp.some)
        return tcp.some.length === 0 ? [] : [`${from} → ${to}: ${textOfIntervals(tcp.some)}`]
      }),
    )
    expect(open).to.deep.equal(["internet → service 0: 443", "service 0 → service 1: 80"])
  })

  it("needs the answers' way: without the ACL's rule back nothing is reached, and the trace says which ACL", () => {
    const [first = [], [onlyIn] = []] = TWO_TIERS.acls
    const reach = reachOf({ ...TWO_TIERS, acls: [first, onlyIn === undefined ? [] : [onlyIn]] })
    expect(reach.cell("service 0", "service 1").tcp.some).to.deep.equal([])
    const connection = reach.witness("service 0", "service 1", 6, 80, false)
    const hops = connection === undefined ? [] : trace(reach, connection)
    expect(hops.at(-1)).to.include({ resource: "small/Acl1", passes: false })
    expect(hops.at(-1)?.what).to.match(/has no rule that lets the answer to tcp \d+ out to 10\.0\.0\.0/)
  })

  it("of each layer alone is what the other lets through", () => {
    const groupsAlone = reachOf(TWO_TIERS, { open: ["acls"] })
    expect(textOfIntervals(groupsAlone.cell("internet", "service 0").tcp.some)).to.equal("443")
    const aclsAlone = reachOf(TWO_TIERS, { open: ["groups"] })
    expect(textOfIntervals(aclsAlone.cell("internet", "service 0").tcp.some)).to.equal("443, 1024–65535")
    expect(aclsAlone.cell("internet", "service 1").tcp.some).to.deep.equal([])
  })

  it("is told apart from reachability of some addresses only", () => {
    const [first = [], second = []] = TWO_TIERS.acls
    const half = second.map((one) => (one.outbound ? one : { ...one, block: "10.0.0.0/29" }))
    const { tcp } = reachOf({ ...TWO_TIERS, acls: [first, half] }).cell("service 0", "service 1")
    expect(textOfIntervals(tcp.some)).to.equal("80")
    expect(tcp.all).to.deep.equal([])
  })

  it("needs an attached gateway, a route to it and a public address to come from the internet", () => {
    const [front, back] = TWO_TIERS.services
    if (front === undefined || back === undefined) throw new Error("two services")
    const hidden = reachOf({ ...TWO_TIERS, services: [{ ...front, publicAddress: false }, back] })
    expect(hidden.cell("internet", "service 0").tcp.some).to.deep.equal([])
    const [, data] = TWO_TIERS.subnets
    const routeless = reachOf({
      ...TWO_TIERS,
      subnets: [{ acl: 0, route: "none" }, ...(data === undefined ? [] : [data])],
    })
    expect(routeless.cell("internet", "service 0").tcp.some).to.deep.equal([])
    const template = templateOf(TWO_TIERS)
    const { Attach, ...resources } = template.body.Resources
    expect(Attach).to.not.equal(undefined)
    const loose = new Reach(networkOf(resolve([{ ...template, body: { Resources: resources } }])))
    expect(loose.cell("internet", "service 0").tcp.some).to.deep.equal([])
  })

  it("of the internet by NAT needs a way for answers to the gateway's own ports", () => {
    const everything = { protocol: "all", ports: [0, 65_535], allow: true } as const
    const network: SmallNetwork = {
      acls: [
        [
          { ...everything, outbound: false, block: "10.0.0.0/16" },
          { ...everything, outbound: true, block: "0.0.0.0/0" },
        ],
      ],
      groups: [[{ outbound: true, group: undefined, protocol: "tcp", ports: [443, 443], block: "0.0.0.0/0" }]],
      subnets: [
        { acl: undefined, route: "nat" },
        { acl: undefined, route: "none" },
      ],
      services: [{ subnets: [0], groups: [0], publicAddress: false }],
    }
    expect(textOfIntervals(reachOf(network).cell("service 0", "internet").tcp.all)).to.equal("443")
    const reach = reachOf({ ...network, natAcl: 0 })
    expect(reach.cell("service 0", "internet").tcp.some).to.deep.equal([])
    const connection = reach.witness("service 0", "internet", 6, 443, false)
    expect(connection && trace(reach, connection).at(-1)).to.include({ resource: "small/Acl0", passes: false })
  })

  it("agrees with single packets, port by port and address by address, on networks at random", function () {
    this.timeout(120_000)
    fc.assert(
      fc.property(smallNetworks, (network) => {
        const reach = reachOf(network)
        for (const from of WHO) {
          for (const to of WHO) {
            if (from === "internet" && to === "internet") continue
            const cell = reach.cell(named(from), named(to))
            const ends = endsOf(network, from).flatMap((one) =>
              endsOf(network, to).map((other) => [one, other] as const),
            )
            for (const protocol of Object.keys(PROTOCOL_NUMBERS) as Protocol[]) {
              for (const port of TRIED_PORTS) {
                const by =
                  (sourcePort: number, natPorts: "some" | "every") =>
                  ([one, other]: (typeof ends)[number]) =>
                    connects(network, one, other, protocol, port, sourcePort, natPorts)
                const some = TRIED_PORTS.some((sourcePort) => ends.some(by(sourcePort, "some")))
                const all = EPHEMERAL_PORTS.every((sourcePort) => ends.every(by(sourcePort, "every")))
                const what = `${named(from)} → ${named(to)} ${protocol} ${port}`
                expect(has(cell[protocol].some, port), `some ${what}`).to.equal(some)
                expect(has(cell[protocol].all, port), `all ${what}`).to.equal(all)
              }
            }
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it("comes with a connection that passes every hop where it is open, and stops at the last where it is shut", function () {
    this.timeout(120_000)
    fc.assert(
      fc.property(smallNetworks, (network) => {
        const reach = reachOf(network)
        for (const from of WHO) {
          for (const to of WHO) {
            if (from === "internet" && to === "internet") continue
            const { some, all } = reach.cell(named(from), named(to)).tcp
            for (const port of TRIED_PORTS) {
              const open = reach.witness(named(from), named(to), 6, port, true)
              expect(open !== undefined).to.equal(has(some, port))
              if (open !== undefined) expect(trace(reach, open).every(({ passes }) => passes)).to.equal(true)
              const shut = reach.witness(named(from), named(to), 6, port, false)
              expect(shut === undefined).to.equal(has(all, port))
              if (shut !== undefined) expect(trace(reach, shut).at(-1)?.passes).to.equal(false)
            }
          }
        }
      }),
      { numRuns: 60 },
    )
  })
})
