/** The move of the one static address as a state machine, against a server that fails where AWS may. */
import { expect } from "chai"
import { moveEgress } from "../../../deploy/src/egress-move.ts"
import { EXIT, Refusal } from "../../../deploy/src/refusal.ts"
import { StackUpdates } from "../../../deploy/src/stack-update.ts"
import { ScriptedCloudFormation } from "../../support/scripted-cloudformation.ts"

const NAME = "perigee-production-network"

describe("the move of the egress", () => {
  let aws: ScriptedCloudFormation
  let lines: string[]
  beforeEach(() => {
    lines = []
  })
  afterEach(() => aws.close())

  const move = (toZone: string, options: { stackName?: string; account?: string; signal?: AbortSignal } = {}) => {
    const { stackName = NAME, signal = new AbortController().signal, ...rest } = options
    const updates = new StackUpdates(aws.client, stackName)
    return moveEgress({ updates, stackName, toZone, pollMs: 1, signal, say: (line) => lines.push(line), ...rest })
  }
  const refused = async (running: Promise<string>): Promise<Refusal> => {
    const error = await running.then(
      (outcome) => expect.fail(`it says: ${outcome}`),
      (reason: unknown) => reason,
    )
    expect(error).to.be.instanceOf(Refusal)
    expect((error as Refusal).message).not.to.include("\n")
    return error as Refusal
  }
  const zones = () => aws.updates.map((one) => one["EgressZone"])

  it("goes by none to the zone, and every other parameter keeps its value", async () => {
    aws = await ScriptedCloudFormation.open("a")
    const outcome = await move("b")
    expect(aws.updates).to.deep.equal([
      { EgressZone: "none", EgressAddress: "previous" },
      { EgressZone: "b", EgressAddress: "previous" },
    ])
    // Events 10 s apart: the route goes with the third, and comes with the twelfth.
    expect(outcome).to.equal(`${NAME}: the egress is in zone b, with the address 55.55.55.55; nothing got out for 90 s`)
  })

  it("tells each step of gateway, routes and stack, and begins the second half only after the clean-up", async () => {
    aws = await ScriptedCloudFormation.open("a")
    await move("b")
    const told = lines.map((line) => line.replace(/^ {2}\d\d:\d\d:\d\d /, ""))
    expect(told).to.deep.equal([
      `${NAME}: the egress is in zone a, with the address 55.55.55.55; moving it to zone b`,
      "1/2 away from zone a",
      `${NAME} UPDATE_IN_PROGRESS`,
      `${NAME} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS`,
      "ServiceRouteA DELETE_IN_PROGRESS",
      "ServiceRouteA DELETE_COMPLETE",
      "NatGatewayA DELETE_IN_PROGRESS",
      "NatGatewayA DELETE_COMPLETE",
      `${NAME} UPDATE_COMPLETE`,
      "2/2 to zone b",
      `${NAME} UPDATE_IN_PROGRESS`,
      "NatGatewayB CREATE_IN_PROGRESS",
      "NatGatewayB CREATE_COMPLETE",
      "ServiceRouteA CREATE_IN_PROGRESS",
      "ServiceRouteA CREATE_COMPLETE",
      `${NAME} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS`,
      `${NAME} UPDATE_COMPLETE`,
    ])
  })

  it("does nothing where the egress is in the zone already, and says so", async () => {
    aws = await ScriptedCloudFormation.open("b")
    expect(await move("b")).to.include("in zone b already")
    expect(aws.updates).to.deep.equal([])
  })

  it("goes back to the former zone when the new one fails, and fails with the reason", async () => {
    aws = await ScriptedCloudFormation.open("a")
    aws.outcomes = { b: "rolls back" }
    const { exitCode, message } = await refused(move("b"))
    expect(exitCode).to.equal(EXIT.failed)
    expect(message).to.equal("the egress is back in zone a; zone b did not take it: NatGatewayB: no room in the zone")
    expect(zones()).to.deep.equal(["none", "b", "a"])
    expect(aws.zone).to.equal("a")
  })

  it("says that there is no egress when neither zone takes it", async () => {
    aws = await ScriptedCloudFormation.open("a")
    aws.outcomes = { a: "rolls back", b: "rolls back" }
    const { exitCode, message } = await refused(move("b"))
    expect([exitCode, message]).to.deep.equal([
      EXIT.stuck,
      "neither zone b nor a took the egress and there is none: NatGatewayA: no room in the zone; try another zone",
    ])
  })

  it("stays where it is when it can't be taken away", async () => {
    aws = await ScriptedCloudFormation.open("a")
    aws.outcomes = { none: "rolls back" }
    const { exitCode, message } = await refused(move("b"))
    expect(exitCode).to.equal(EXIT.failed)
    expect(message).to.match(/^the egress stays in zone a: /)
    expect(zones()).to.deep.equal(["none"])
  })

  it("tells how to go on when CloudFormation can't undo an update", async () => {
    aws = await ScriptedCloudFormation.open("a")
    aws.outcomes = { b: "rollback fails" }
    const { exitCode, message } = await refused(move("b"))
    expect(exitCode).to.equal(EXIT.stuck)
    expect(message).to.include(`aws cloudformation continue-update-rollback --stack-name ${NAME}`)
    expect(zones()).to.deep.equal(["none", "b"])
  })

  it("broken off between the halves, is finished by the same call again", async () => {
    aws = await ScriptedCloudFormation.open("a")
    const stop = new AbortController()
    const first = move("b", { signal: stop.signal }).catch((error: unknown) => error)
    while (aws.updates.length === 0) await new Promise(setImmediate)
    stop.abort()
    expect(await first).to.have.property("name", "AbortError")
    aws.finish()
    expect([aws.zone, aws.status]).to.deep.equal(["none", "UPDATE_COMPLETE"])
    expect(await move("b")).to.include("in zone b, with the address 55.55.55.55; nothing got out for ")
    expect(zones()).to.deep.equal(["none", "b"])
  })

  it("broken off within the first half, waits for that update and goes on", async () => {
    aws = await ScriptedCloudFormation.open("a")
    aws.begin("none", "perigee-move-egress-of-before")
    expect(await move("c")).to.include("in zone c")
    expect(lines[0]).to.equal(`${NAME}: a move that was broken off is under way; waiting for it`)
    expect(zones()).to.deep.equal(["c"])
  })

  it("finishing a move in a zone that fails, says that there is no egress", async () => {
    aws = await ScriptedCloudFormation.open("none")
    aws.outcomes = { b: "rolls back" }
    const { exitCode, message } = await refused(move("b"))
    expect(exitCode).to.equal(EXIT.stuck)
    expect(message).to.match(/^zone b did not take the egress and there is none: .*; try another zone$/)
  })

  it("leaves somebody else's update alone, seen before or met at the request", async () => {
    aws = await ScriptedCloudFormation.open("a")
    aws.begin("c", "of-a-deploy")
    expect(await refused(move("b"))).to.include({ exitCode: EXIT.busy })
    aws.finish()
    aws.meddler = true
    const { exitCode, message } = await refused(move("b"))
    expect(exitCode).to.equal(EXIT.busy)
    expect(message).to.include("another update is under way")
    expect(aws.updates).to.deep.equal([])
  })

  it("refuses a stack that is not there, is broken, or is of another account", async () => {
    aws = await ScriptedCloudFormation.open("a")
    expect(await refused(move("b", { stackName: "perigee-development-network" }))).to.include({
      exitCode: EXIT.noStack,
    })
    const other = await refused(move("b", { account: "999999999999" }))
    expect(other.exitCode).to.equal(EXIT.configuration)
    expect(other.message).to.include("of account 111122223333, and the stage's is 999999999999")
    aws.status = "UPDATE_ROLLBACK_FAILED"
    const { exitCode, message } = await refused(move("b"))
    expect(exitCode).to.equal(EXIT.failed)
    expect(message).to.include("is in UPDATE_ROLLBACK_FAILED")
    expect(aws.updates).to.deep.equal([])
  })
})
