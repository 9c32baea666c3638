/** Claims about what counts as the page that was asked for. */
import { expect } from "chai"
import fc from "fast-check"
import { acceptAnswer } from "../../../app/src/answer.ts"
import { PageOutOfRange, UnexpectedAnswer } from "../../../app/src/errors.ts"

const OBJECT = { neo_reference_id: "2000433", name: "433 Eros (A898 PA)" }

/** An answer as the API gives it, changed as told. */
function answer(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    links: {},
    page: { size: 20, total_elements: 40_680, total_pages: 2034, number: 7 },
    near_earth_objects: [OBJECT],
    ...changes,
  }
}

describe("app/answer", () => {
  it("accepts a page, and gives it as it is", () => {
    const value = answer()
    expect(acceptAnswer(value, 7)).to.equal(value)
  })

  it("accepts objects that lack id, designation and is_sentry_object, as old records do", () => {
    expect(acceptAnswer(answer({ near_earth_objects: [OBJECT, OBJECT] }), 7).near_earth_objects).to.have.length(2)
  })

  it("accepts a page that tells its number only", () => {
    expect(acceptAnswer(answer({ page: { number: 0 } }), 0).page).to.deep.equal({ number: 0 })
  })

  it("accepts members that nobody knows, __proto__ among them", () => {
    const value = JSON.parse(
      '{"__proto__":1,"page":{"number":7,"x":1},"near_earth_objects":[{"neo_reference_id":"1","name":"a","y":{}}]}',
    )
    expect(acceptAnswer(value, 7)).to.equal(value)
  })

  const notAPage: Readonly<Record<string, unknown>> = {
    null: null,
    "a number": 7,
    "a string": "page",
    true: true,
    "an array": [answer()],
    "an empty object": {},
    "no page": answer({ page: undefined }),
    "a page that is null": answer({ page: null }),
    "a page that is an array": answer({ page: [7] }),
    "a page without a number": answer({ page: { size: 20 } }),
    "a page number in a string": answer({ page: { number: "7" } }),
    "no objects": answer({ near_earth_objects: undefined }),
    "objects by id": answer({ near_earth_objects: { 2000433: OBJECT } }),
    "an object that is null": answer({ near_earth_objects: [OBJECT, null] }),
    "an array with the members of a page": Object.assign([], answer()),
    "an object that is an array": answer({ near_earth_objects: [[]] }),
    "an object without neo_reference_id": answer({ near_earth_objects: [{ name: "a" }] }),
    "an object without a name": answer({ near_earth_objects: [{ neo_reference_id: "1" }] }),
    "an id that is a number": answer({ near_earth_objects: [{ neo_reference_id: 1, name: "a" }] }),
    "a page told by __proto__ only": JSON.parse(
      '{"__proto__":{"page":{"number":7},"near_earth_objects":[{"neo_reference_id":"1","name":"a"}]}}',
    ),
    "the gateway's error": { error: { code: "API_KEY_INVALID", message: "x" } },
  }
  for (const [what, value] of Object.entries(notAPage)) {
    it(`refuses ${what}`, () => {
      expect(() => acceptAnswer(value, 7)).to.throw(UnexpectedAnswer, "not a NeoWs page")
    })
  }

  it("says what the answer is instead of an object", () => {
    for (const [value, kind] of [
      [[answer()], "an array"],
      [null, "null"],
      ["x", "a string"],
      [7, "a number"],
    ] as const) {
      expect(() => acceptAnswer(value, 7)).to.throw(UnexpectedAnswer, `it is ${kind}, not an object`)
    }
  })

  it("says which object is not one", () => {
    expect(() => acceptAnswer(answer({ near_earth_objects: [OBJECT, OBJECT, {}] }), 7)).to.throw(
      /near_earth_objects\[2\]/,
    )
  })

  it("refuses any JSON value, or finds the page asked for in it: no other error, ever", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, asked) => {
        expect(() => acceptAnswer(value, asked)).to.throw(UnexpectedAnswer)
      }),
    )
  })

  it("refuses another page than the one asked for, and names both", () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(), fc.double({ noNaN: true })), fc.nat(), (number, asked) => {
        fc.pre(number !== asked)
        expect(() => acceptAnswer(answer({ page: { number } }), asked)).to.throw(
          UnexpectedAnswer,
          `${number} instead of ${asked}`,
        )
      }),
    )
  })

  describe("of an empty page", () => {
    const pastTheEnd = (page: Readonly<Record<string, unknown>>, asked: number): PageOutOfRange => {
      try {
        acceptAnswer({ page, near_earth_objects: [] }, asked)
      } catch (error) {
        expect(error).to.be.instanceOf(PageOutOfRange)
        return error as PageOutOfRange
      }
      throw new Error("was accepted")
    }

    it("says `page N is past the last page M` where the API tells how many there are", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 5000 }), fc.nat({ max: 5000 }), (total, beyond) => {
          const asked = total + beyond
          const error = pastTheEnd({ number: asked, total_pages: total }, asked)
          expect(error.message).to.equal(`page ${asked} is past the last page ${total - 1}`)
          expect([error.page, error.lastPage]).to.deep.equal([asked, total - 1])
        }),
      )
    })

    it("says so for the very first page past the end", () => {
      expect(pastTheEnd({ number: 2034, total_pages: 2034 }, 2034).message).to.equal(
        "page 2034 is past the last page 2033",
      )
    })

    for (const total of [undefined, null, "2034", 0, -1, 2034]) {
      it(`names no last page where total_pages is ${JSON.stringify(total)}, which can't be`, () => {
        const error = pastTheEnd({ number: 7, total_pages: total }, 7)
        expect(error.lastPage).to.equal(undefined)
        expect(error.message).to.include("page 7 is empty")
      })
    }
  })
})
