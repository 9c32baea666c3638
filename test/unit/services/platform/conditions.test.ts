/** Entity tags, cursors, request ids and backoff: the small parts that every answer rests on. */
import { randomBytes } from "node:crypto"
import { backoffMs } from "@perigee/platform/backoff"
import { isFresh, versionsToMatch } from "@perigee/platform/entity-tag"
import { loggableError } from "@perigee/platform/logging"
import { PageCursors } from "@perigee/platform/page-cursor"
import { PROBLEMS, Problem, problemResponses, problemType } from "@perigee/platform/problem"
import { requestIdOf } from "@perigee/platform/request-id"
import { expect } from "chai"
import fc from "fast-check"
import pg from "pg"

describe("entity tags", () => {
  it("match by strong comparison in If-Match, by weak in If-None-Match", () => {
    expect(versionsToMatch('"1", W/"2", "3"')).to.deep.equal([1, 3])
    expect(versionsToMatch(" * ")).to.equal("any")
    expect(isFresh('W/"2"', 2)).to.equal(true)
    expect(isFresh('"22"', 2)).to.equal(false)
  })

  it("never make a number that PostgreSQL's integer can't hold, whatever the header", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const versions = versionsToMatch(header)
        if (versions !== "any") for (const version of versions) expect(version).to.be.within(1, 2 ** 31 - 1)
      }),
    )
    expect(versionsToMatch('"2147483647", "2147483648"')).to.deep.equal([2_147_483_647])
  })

  it("are required where a change may overwrite another's", () => {
    expect(() => versionsToMatch(undefined))
      .to.throw(Problem)
      .with.property("kind", "precondition-required")
  })
})

describe("page cursors", () => {
  const cursors = new PageCursors(randomBytes(32))

  it("open to the position that was sealed, in their own scope only", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 3 }),
        fc.string(),
        fc.string(),
        (position, scope, other) => {
          const cursor = cursors.seal(scope, position)
          expect(cursors.open(scope, cursor)).to.deep.equal(position)
          if (other !== scope) expect(() => cursors.open(other, cursor)).to.throw(Problem)
        },
      ),
    )
  })

  it("open to nobody who changed one, or has another key", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bytes = Buffer.from(cursors.seal("scope", ["position"]), "base64url")
        bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ change
        expect(() => cursors.open("scope", bytes.toString("base64url"))).to.throw(Problem)
      }),
    )
    expect(() => new PageCursors(randomBytes(32)).open("scope", cursors.seal("scope", ["x"]))).to.throw(Problem)
    fc.assert(fc.property(fc.string(), (text) => void expect(() => cursors.open("scope", text)).to.throw(Problem)))
    expect(() => new PageCursors(randomBytes(31))).to.throw(RangeError)
  })

  it("keep a scope and a position apart: no bytes move from one to the other", () => {
    const cursor = cursors.seal("a", ["b"])
    expect(() => cursors.open('a["b"]', cursor)).to.throw(Problem)
  })
})

describe("request ids", () => {
  it("are the caller's own only where they are fit for a log line", () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        expect(requestIdOf({ headers: { "x-request-id": id } })).to.match(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/)
      }),
    )
    expect(requestIdOf({ headers: { "x-request-id": "Root=1-67891233" } })).not.to.contain("=")
  })
})

describe("backoff", () => {
  it("grows, never past half a second, and never to nothing", () => {
    for (let failures = 0; failures < 2000; failures += 1) {
      expect(backoffMs(failures, () => 0)).to.be.within(25, 250)
      expect(backoffMs(failures, () => 0.999)).to.be.within(49, 500)
    }
  })
})

describe("problems", () => {
  it("have stable types, and each documented status lists all of its kinds", () => {
    expect(problemType("email-taken")).to.equal("urn:problem-type:perigee:email-taken")
    const responses = problemResponses("email-taken", "subject-taken", "not-found") as Record<
      number,
      { description: string }
    >
    expect(Object.keys(responses)).to.deep.equal(["404", "409"])
    expect(responses[409]?.description).to.contain("email-taken").and.to.contain("subject-taken")
    for (const { status } of Object.values(PROBLEMS)) expect(status).to.be.within(400, 599)
  })
})

describe("logged errors", () => {
  it("hold nothing that PostgreSQL quotes of a row", () => {
    const error = new pg.DatabaseError("duplicate key value (jo@example.com)", 1, "error")
    Object.assign(error, {
      code: "23505",
      detail: "Key (email)=(jo@example.com) already exists.",
      constraint: "users_email_key",
    })
    const logged = JSON.stringify(loggableError(new Error("outer", { cause: error })))
    expect(logged).to.contain("users_email_key").and.to.contain("23505")
    expect(logged).not.to.contain("jo@example.com")
  })
})
