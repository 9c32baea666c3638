/** The ECS of test/support leaves who may do what to the emulator behind, which enforces IAM. */
import {
  CreateClusterCommand,
  DescribeClustersCommand,
  ECSClient,
  ListTasksCommand,
  StopServiceDeploymentCommand,
  UpdateServiceCommand,
} from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { AwsProxy } from "../../support/aws-proxy.ts"
import { account, settings, userWith } from "../../support/deploy/standing.ts"
import { Ecs } from "../../support/ecs/ecs.ts"
import { startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

describeWith([python], "the ECS of test/support, before an emulator that enforces IAM", function () {
  this.timeout(60_000)

  it("refuses a caller without permission, and answers one who may", async () => {
    const ministack = await startMinistack({ permissions: true })
    const proxy = await AwsProxy.open(ministack.url)
    const of = account("111111111111", ministack.url, "us-east-1")
    const root = new ECSClient({ ...settings(of), endpoint: proxy.url })
    await root.send(new CreateClusterCommand({ clusterName: "platform" }))
    const ecs = await Ecs.open(proxy, settings(of))
    const nobody = await userWith(of, "nobody")
    const client = new ECSClient({ ...settings(of), credentials: nobody, endpoint: proxy.url })
    const name = async (caller: ECSClient, command: unknown) =>
      await caller.send(command as never).then(
        () => "answered",
        (error: Error) => error.name,
      )
    const commands = [
      new DescribeClustersCommand({ clusters: ["platform"] }),
      new ListTasksCommand({ cluster: "platform" }),
      new UpdateServiceCommand({ cluster: "platform", service: "users", forceNewDeployment: true }),
      new StopServiceDeploymentCommand({
        serviceDeploymentArn: "arn:aws:ecs:us-east-1:111111111111:service-deployment/platform/users/none",
      }),
    ]
    const answers = async (caller: ECSClient) => Promise.all(commands.map((command) => name(caller, command)))
    expect(await answers(client)).to.deep.equal(Array(4).fill("AccessDeniedException"))
    expect(await answers(root)).to.deep.equal([
      "answered",
      "answered",
      "ServiceNotFoundException",
      "ServiceDeploymentNotFoundException",
    ])
    await ecs.close()
    await proxy.close()
    await ministack.close()
  })
})
