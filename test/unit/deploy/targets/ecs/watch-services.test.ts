/** Which of many services are asked for stopped tasks in a round. */
import { expect } from "chai"
import { chosen } from "../../../../../deploy/src/targets/ecs/watch-services.ts"

const FIFTY = Array.from({ length: 50 }, (_, at) => at)

describe("a round's looks at stopped tasks", () => {
  it("are eight at most, those first of whose failures nothing is known", () => {
    const need = (one: number) => (one === 49 ? 2 : 1)
    const looked = chosen(FIFTY, 0, need)
    expect(looked).to.have.lengthOf(8)
    expect(looked[0]).to.equal(49)
  })

  it("come to all fifty within seven rounds, though all need one", () => {
    const looked = Array.from({ length: 7 }, (_, round) => chosen(FIFTY, round, () => 1)).flat()
    expect(new Set(looked).size).to.equal(50)
  })

  it("are one where nothing points to any, another each round", () => {
    const looked = Array.from({ length: 50 }, (_, round) => chosen(FIFTY, round, () => 0))
    expect(looked.every(({ length }) => length === 1)).to.equal(true)
    expect(new Set(looked.flat()).size).to.equal(50)
  })

  it("ask each one once for its need, which counts what it has seen", () => {
    const asked: number[] = []
    chosen(FIFTY, 3, (one) => {
      asked.push(one)
      return 0
    })
    expect(asked).to.have.lengthOf(50)
  })
})
