/** Traffic that is more than other traffic: by sets, compared with asking for single packets. */
import { expect } from "chai"
import fc from "fast-check"
import { allowedBy, blockText, type Patch, portsText, without } from "../../../../deploy/src/plan/traffic.ts"
import { blockOf } from "../../../../infra/src/cidr.ts"
import type { AclEntry } from "../../../../infra/src/proofs/network.ts"

const span = (most: number) =>
  fc
    .tuple(fc.nat(most), fc.nat(most))
    .map(([one, other]) => ({ first: Math.min(one, other), last: Math.max(one, other) }))
const patch = fc.record({ block: span(15), ports: span(15).map((one) => [one]) })
const patches = fc.array(patch, { maxLength: 5 })

const lets = (all: readonly Patch[], address: number, port: number) =>
  all.some(
    ({ block, ports }) =>
      block.first <= address && address <= block.last && ports.some(({ first, last }) => first <= port && port <= last),
  )

function everyPacket(see: (address: number, port: number) => void): void {
  for (let address = 0; address < 16; address++) for (let port = 0; port < 16; port++) see(address, port)
}

describe("traffic", () => {
  it("without other traffic is what the one lets through and the other does not, packet by packet", () => {
    fc.assert(
      fc.property(patches, patches, (one, other) => {
        const left = without(one, other)
        everyPacket((address, port) => {
          const expected = lets(one, address, port) && !lets(other, address, port)
          expect(lets(left, address, port), `${address}:${port}`).to.equal(expected)
        })
      }),
      { numRuns: 50 },
    )
  })

  it("of an ACL is what its first entry that matches allows, packet by packet", () => {
    const entry = fc.record({
      allow: fc.boolean(),
      block: span(15),
      ports: span(15),
      protocol: fc.constantFrom(6, 17, "all" as const),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (all) => {
        const entries = all.map((one, at) => ({ ...one, number: at + 1 })) as unknown as AclEntry[]
        const allowed = allowedBy(entries, 6)
        everyPacket((address, port) => {
          const first = all.find(
            ({ protocol, block, ports }) => protocol !== 17 && lets([{ block, ports: [ports] }], address, port),
          )
          expect(lets(allowed, address, port)).to.equal(first?.allow ?? false)
        })
      }),
      { numRuns: 50 },
    )
  })

  it("is told by CIDR where it is one, and by its ends where not", () => {
    expect(blockText(blockOf("10.20.0.0/16"))).to.equal("10.20.0.0/16")
    expect(blockText({ first: 0, last: 2 ** 32 - 1 })).to.equal("0.0.0.0/0")
    expect(blockText({ first: 1, last: 2 })).to.equal("0.0.0.1–0.0.0.2")
    expect(portsText(6, [{ first: 0, last: 65_535 }])).to.equal("tcp all ports")
    expect(portsText(17, [{ first: 53, last: 53 }])).to.equal("udp 53")
    expect(portsText(1, [{ first: 0, last: 65_535 }])).to.equal("icmp")
    expect(portsText(50, [{ first: 0, last: 65_535 }])).to.equal("protocol 50")
  })
})
