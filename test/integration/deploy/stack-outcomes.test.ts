/** Stacks end as a test says, seen by the real client and its waiters; all else is the emulator's. */
import {
  CloudFormationClient,
  ContinueUpdateRollbackCommand,
  CreateChangeSetCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  ExecuteChangeSetCommand,
  type StackEvent,
  UpdateStackCommand,
  waitUntilChangeSetCreateComplete,
  waitUntilStackCreateComplete,
  waitUntilStackUpdateComplete,
} from "@aws-sdk/client-cloudformation"
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { expect } from "chai"
import { AwsProxy } from "../../support/aws-proxy.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"
import { StackOutcomes } from "../../support/stack-outcomes.ts"

const StackName = "delivery"

describeWith([python], "stacks whose outcome a test says", function () {
  this.timeout(60_000)
  let ministack: Ministack
  let proxy: AwsProxy
  let stacks: StackOutcomes
  let client: CloudFormationClient
  let ssm: SSMClient
  let changes = 0

  before(async () => {
    ministack = await startMinistack()
    ssm = new SSMClient(ministack.client)
  })
  after(async () => {
    ssm?.destroy()
    await ministack?.close()
  })
  beforeEach(async () => {
    proxy = await AwsProxy.open(ministack.url)
    stacks = new StackOutcomes(proxy, ministack.client)
    client = new CloudFormationClient({ ...ministack.client, endpoint: proxy.url, maxAttempts: 1 })
  })
  afterEach(async () => {
    stacks?.close()
    client?.destroy()
    await proxy?.close()
    await ministack.reset()
  })

  const template = (value: string) =>
    JSON.stringify({
      Resources: {
        Greeting: { Type: "AWS::SSM::Parameter", Properties: { Name: "/x", Type: "String", Value: value } },
      },
    })
  const changeSet = async (value: string, ChangeSetType: "CREATE" | "UPDATE") => {
    changes += 1
    const ChangeSetName = `change-${changes}`
    const made = { StackName, ChangeSetName, ChangeSetType, TemplateBody: template(value) }
    await client.send(new CreateChangeSetCommand(made))
    await waitUntilChangeSetCreateComplete(waiter(), { StackName, ChangeSetName })
    return ChangeSetName
  }
  const execute = async (value: string, ChangeSetType: "CREATE" | "UPDATE", ClientRequestToken = "mine") => {
    const ChangeSetName = await changeSet(value, ChangeSetType)
    await client.send(new ExecuteChangeSetCommand({ StackName, ChangeSetName, ClientRequestToken }))
  }
  const waiter = () => ({ client, maxWaitTime: 20, minDelay: 0.01, maxDelay: 0.02 })
  const status = async () => (await client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0]?.StackStatus
  const events = async (): Promise<StackEvent[]> =>
    (await client.send(new DescribeStackEventsCommand({ StackName }))).StackEvents ?? []
  const value = async () => (await ssm.send(new GetParameterCommand({ Name: "/x" }))).Parameter?.Value
  const told = (of: StackEvent[], token = "mine") =>
    of
      .filter(({ ClientRequestToken }) => ClientRequestToken === token)
      .map(({ LogicalResourceId, ResourceStatus }) => `${LogicalResourceId} ${ResourceStatus}`)
      .reverse()
  /** Looks until it is over. */
  const ended = async (): Promise<string> => {
    for (;;) {
      const now = (await status()) ?? ""
      if (!now.endsWith("_IN_PROGRESS")) return now
    }
  }
  const standing = async () => {
    await execute("hello", "CREATE", "before")
    await waitUntilStackCreateComplete(waiter(), { StackName })
  }
  const failure = { resource: "Greeting", type: "AWS::SSM::Parameter", reason: "no <room> & no time" }
  const refused = async (command: unknown): Promise<string> =>
    await client.send(command as never).then(
      () => "answered",
      (error: Error) => error.message,
    )

  it("roll an update back that fails at a resource, with its reason and the caller's token; nothing is changed", async () => {
    await standing()
    stacks.fail(StackName, failure)
    await execute("bye", "UPDATE")
    const result = await waitUntilStackUpdateComplete(waiter(), { StackName }).catch((error: Error) => error)
    expect(String(result)).to.contain("UPDATE_ROLLBACK_COMPLETE")
    expect(await ended()).to.equal("UPDATE_ROLLBACK_COMPLETE")
    const all = await events()
    expect(told(all)).to.deep.equal([
      "delivery UPDATE_IN_PROGRESS",
      "Greeting UPDATE_IN_PROGRESS",
      "Greeting UPDATE_FAILED",
      "delivery UPDATE_ROLLBACK_IN_PROGRESS",
      "Greeting UPDATE_COMPLETE",
      "delivery UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
      "delivery UPDATE_ROLLBACK_COMPLETE",
    ])
    expect(told(all, "before").at(-1)).to.equal("delivery CREATE_COMPLETE")
    expect(all.find(({ ResourceStatus }) => ResourceStatus === "UPDATE_FAILED")?.ResourceStatusReason).to.equal(
      failure.reason,
    )
    expect(await value()).to.equal("hello")
  })

  it("update again after a failure, which stays told among the events", async () => {
    await standing()
    stacks.fail(StackName, failure)
    await execute("bye", "UPDATE")
    await ended()
    await execute("again", "UPDATE", "next")
    await waitUntilStackUpdateComplete(waiter(), { StackName })
    expect(await value()).to.equal("again")
    const all = await events()
    expect(told(all)).to.include("Greeting UPDATE_FAILED")
    expect(all[0]?.ClientRequestToken).to.equal("next")
  })

  it("can't be updated where the rollback failed, until that is gone on with", async () => {
    await standing()
    stacks.fail(StackName, { ...failure, rollback: "stays" })
    const update = new UpdateStackCommand({ StackName, TemplateBody: template("bye"), ClientRequestToken: "mine" })
    await client.send(update)
    expect(await refused(update)).to.match(/is in UPDATE_IN_PROGRESS state and can not be updated\.$/)
    expect(await ended()).to.equal("UPDATE_ROLLBACK_FAILED")
    const made = { StackName, ChangeSetName: "late", TemplateBody: template("bye") }
    expect(await refused(new CreateChangeSetCommand(made))).to.match(/is in UPDATE_ROLLBACK_FAILED state/)
    await client.send(new ContinueUpdateRollbackCommand({ StackName }))
    expect(await ended()).to.equal("UPDATE_ROLLBACK_COMPLETE")
    await client.send(update)
    await waitUntilStackUpdateComplete(waiter(), { StackName })
    expect(await value()).to.equal("bye")
  })

  it("leave a husk of a creation that fails, which is to be deleted before another one", async () => {
    stacks.fail(StackName, failure)
    await execute("hello", "CREATE")
    expect(await ended()).to.equal("ROLLBACK_COMPLETE")
    expect(told(await events())).to.include.members(["Greeting CREATE_FAILED", "delivery ROLLBACK_COMPLETE"])
    const made = { StackName, ChangeSetName: "late", TemplateBody: template("hello") }
    expect(await refused(new CreateChangeSetCommand(made))).to.match(/is in ROLLBACK_COMPLETE state/)
    await client.send(new DeleteStackCommand({ StackName }))
    await standing()
    expect(await value()).to.equal("hello")
  })

  it("are under way for as many looks as told, then told as they are", async () => {
    await standing()
    stacks.slow(StackName, 4)
    await execute("bye", "UPDATE")
    const seen: (string | undefined)[] = []
    while (seen.at(-1) !== "UPDATE_COMPLETE") {
      seen.push(await status())
      if (seen.length === 2) expect(told(await events())).to.deep.equal(["delivery UPDATE_IN_PROGRESS"])
    }
    expect(seen.slice(0, 2)).to.deep.equal(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
    expect(told(await events()).at(-1)).to.equal("delivery UPDATE_COMPLETE")
  })

  it("are under way until something holds", async () => {
    await standing()
    let holds = false
    stacks.slow(StackName, () => holds)
    await execute("bye", "UPDATE")
    for (let looks = 0; looks < 10; looks += 1) expect(await status()).to.equal("UPDATE_IN_PROGRESS")
    holds = true
    expect(await ended()).to.equal("UPDATE_COMPLETE")
  })
})
