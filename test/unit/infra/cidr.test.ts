/** IPv4 blocks as intervals. */
import { expect } from "chai"
import fc from "fast-check"
import { addressOf, blockOf, cidrOf, contains, overlap, part, prefixOf } from "../../../infra/src/cidr.ts"

describe("blocks of addresses", () => {
  it("are the interval from the first address to the last", () => {
    expect(blockOf("10.20.0.0/16")).to.deep.equal({ first: 0x0a140000, last: 0x0a14ffff })
    expect(blockOf("0.0.0.0/0")).to.deep.equal({ first: 0, last: 2 ** 32 - 1 })
    expect(blockOf("255.255.255.255/32")).to.deep.equal({ first: 2 ** 32 - 1, last: 2 ** 32 - 1 })
  })

  for (const [text, message] of [
    ["10.0.0.0", /no IPv4 block/],
    ["10.0.0.256/24", /octets go to 255/],
    ["10.0.0.0/33", /the prefix to 32/],
    ["10.0.0.1/24", /10\.0\.0\.0\/24 was meant/],
    ["::/0", /no IPv4 block/],
  ] as const) {
    it(`refuse ${text}`, () => {
      expect(() => blockOf(text)).to.throw(RangeError, message)
    })
  }

  const blocks = fc
    .tuple(fc.nat(32), fc.nat(2 ** 32 - 1))
    .map(([prefix, address]) => cidrOf(address - (address % 2 ** (32 - prefix)), prefix))

  it("write as they read", () => {
    fc.assert(
      fc.property(blocks, (text) => {
        expect(`${addressOf(blockOf(text).first)}/${prefixOf(text)}`).to.equal(text)
      }),
    )
  })

  it("overlap exactly where one contains the other", () => {
    fc.assert(
      fc.property(blocks, blocks, (a, b) => {
        const [one, other] = [blockOf(a), blockOf(b)]
        expect(overlap(one, other)).to.equal(contains(one, other) || contains(other, one))
      }),
    )
  })

  it("fall into equal parts that touch and do not overlap", () => {
    expect([0, 1, 2, 3].map((at) => part("10.20.0.0/16", 2, at))).to.deep.equal([
      "10.20.0.0/18",
      "10.20.64.0/18",
      "10.20.128.0/18",
      "10.20.192.0/18",
    ])
  })
})
