/** What a policy allows more: patterns, conditions and denials, row by row. */
import { expect } from "chai"
import fc from "fast-check"
import { covers, matches, widened } from "../../../../deploy/src/plan/policy-widening.ts"

type Row = Parameters<typeof covers>[0]

const row = (changes: Partial<Row> = {}): Row => ({
  effect: "allow",
  principal: "account",
  action: "s3:GetObject",
  resource: "s3 documents/*",
  condition: "",
  ...changes,
})

/** Whether a text is one that a pattern of `*` and `?` means, by a regular expression: another way than the code's. */
const means = (pattern: string, text: string) =>
  new RegExp(`^${pattern.replaceAll(/[*?]/g, (one) => (one === "*" ? ".*" : "."))}$`).test(text)

describe("a pattern", () => {
  it("takes in another only where every text that the other means is its own", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 6 })
    const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 6 })
    fc.assert(
      fc.property(pattern, pattern, text, (outer, inner, one) => {
        fc.pre(matches(outer, inner) && means(inner, one))
        expect(means(outer, one), `${outer} ⊇ ${inner}, ${one}`).to.equal(true)
      }),
    )
  })

  it("takes in a text just where it means it", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 6 }),
        fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 6 }),
        (pattern, text) => matches(pattern, text) === means(pattern, text),
      ),
    )
  })
})

describe("a policy", () => {
  it("is no wider than itself, in another order, or split up", () => {
    const rows = [
      row(),
      row({ action: "s3:PutObject" }),
      row({ effect: "deny", action: "s3:*", condition: "Bool x false" }),
    ]
    expect(widened(rows, rows.toReversed())).to.deep.equal([])
    expect(widened([row({ action: "s3:*" })], [row(), row({ action: "s3:PutObject" })])).to.deep.equal([])
    expect(widened([row({ resource: "*" })], [row()])).to.deep.equal([])
  })

  it("is wider by an action, a resource, a principal, and told with all of them", () => {
    expect(widened([row()], [row({ action: "s3:*" })])).to.deep.equal(["allow account s3:* on s3 documents/*"])
    expect(widened([row()], [row({ resource: "*" })])).to.deep.equal(["allow account s3:GetObject on *"])
    expect(widened([row()], [row({ principal: "*" })])).to.deep.equal(["allow * s3:GetObject on s3 documents/*"])
    expect(widened([], [row(), row({ action: "s3:Abort" })])).to.deep.equal([
      "allow account s3:Abort, s3:GetObject on s3 documents/*",
    ])
  })

  it("is wider without a condition, with one value more of it, or another; not with one more, or a value less", () => {
    const with_ = (condition: string) => [row({ condition })]
    const one = with_("StringEquals aws:SourceAccount account")
    expect(widened(one, with_(""))).to.deep.equal([
      "allow account s3:GetObject on s3 documents/*; before only if StringEquals aws:SourceAccount account",
    ])
    expect(widened(with_(""), one)).to.deep.equal([])
    expect(widened(with_("StringEquals k a|b"), with_("StringEquals k a"))).to.deep.equal([])
    expect(widened(with_("StringEquals k a"), with_("StringEquals k a|b"))).to.have.length(1)
    expect(widened(with_("StringLike k a*"), with_("StringLike k ab*"))).to.deep.equal([])
    expect(widened(with_("StringLike k ab*"), with_("StringLike k a*"))).to.have.length(1)
    expect(widened(with_("StringNotEquals k a"), with_("StringNotEquals k a|b"))).to.deep.equal([])
    expect(widened(with_("StringNotEquals k a|b"), with_("StringNotEquals k a"))).to.have.length(1)
    expect(widened(with_("Bool k true and StringEquals l a"), with_("Bool k true"))).to.have.length(1)
    expect(widened(with_("Bool k true"), with_("Bool k true and StringEquals l a"))).to.deep.equal([])
  })

  it("is wider without a denial, or with one that denies less; not with one that denies more", () => {
    const deny = (changes: Partial<Row> = {}) => [row({ effect: "deny", ...changes })]
    expect(widened(deny(), [])).to.deep.equal(["no longer: deny account s3:GetObject on s3 documents/*"])
    expect(widened(deny({ action: "s3:*" }), deny())).to.have.length(1)
    expect(widened(deny(), deny({ condition: "Bool k true" }))).to.have.length(1)
    expect(widened(deny(), deny({ action: "s3:*" }))).to.deep.equal([])
    expect(widened(deny({ condition: "Bool k true" }), deny())).to.deep.equal([])
    expect(widened([], deny())).to.deep.equal([])
  })

  it("is taken for wider where it can't be compared", () => {
    expect(widened([row({ action: "not s3:Put*" })], [row({ action: "not s3:Delete*" })])).to.have.length(1)
    expect(covers(row({ resource: "not s3 a" }), row({ resource: "s3 b" }))).to.equal(false)
  })
})
