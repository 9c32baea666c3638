/** A task definition is registered again to the letter. */
import { expect } from "chai"
import { Refusal } from "../../../../../deploy/src/refusal.ts"
import { FAMILY, NEW_IMAGE, OLD_IMAGE, ScriptedEcs, SERVICE } from "../../../../support/deploy/scripted-ecs.ts"

const DEFINITION = {
  status: "ACTIVE",
  revision: 1,
  requiresAttributes: [{ name: "com.amazonaws.ecs.capability.docker-remote-api.1.18" }],
  compatibilities: ["EC2", "FARGATE"],
  registeredAt: 1_700_000_000.123,
  registeredBy: "arn:aws:iam::111111111111:root",
  networkMode: "awsvpc",
  cpu: "256",
  memory: "512",
  runtimePlatform: { cpuArchitecture: "ARM64", operatingSystemFamily: "LINUX" },
  placementConstraints: [],
  volumes: [{ name: "scratch", configuredAtLaunch: false, notYetInvented: { deep: [1, 2.5, null] } }],
  notYetInvented: "kept",
  containerDefinitions: [
    { name: SERVICE, image: OLD_IMAGE, cpu: 0, essential: true, notYetInvented: { a: true } },
    { name: "sidecar", image: "registry.example/sidecar:1", essential: false },
  ],
}

describe("a registered revision", () => {
  let ecs: ScriptedEcs

  beforeEach(async () => {
    ecs = await ScriptedEcs.open()
    ecs.definition = DEFINITION
    ecs.tags = [
      { key: "team", value: "flights" },
      { key: "aws:cloudformation:stack-name", value: "perigee-development-platform" },
    ]
  })

  afterEach(() => ecs.close())

  it("has every field of the one that runs, those too that nobody knows, but what ECS adds itself", async () => {
    await ecs.rollOut(NEW_IMAGE, 1)
    const { status, revision, requiresAttributes, compatibilities, registeredAt, registeredBy, ...kept } = DEFINITION
    const [own, sidecar] = DEFINITION.containerDefinitions
    expect(ecs.sent("RegisterTaskDefinition")).to.deep.equal([
      {
        family: FAMILY,
        ...kept,
        containerDefinitions: [{ ...own, image: NEW_IMAGE }, sidecar],
        // What AWS tags itself it takes from nobody.
        tags: [{ key: "team", value: "flights" }],
      },
    ])
    expect(ecs.sent("DescribeTaskDefinition")[0]).to.have.deep.property("include", ["TAGS"])
  })

  it("is none where the container is not there any more: refused, in one line, before anything changes", async () => {
    ecs.definition = { ...DEFINITION, containerDefinitions: [{ name: "another", image: "x" }] }
    const error = await ecs.rollOut().catch((refused: unknown) => refused)
    expect(error).to.be.instanceOf(Refusal).with.property("exitCode", 73)
    expect((error as Error).message).to.match(/has no container user_metadata: it has been changed by hand/)
    expect(ecs.sent("UpdateService")).to.deep.equal([])
  })
})
