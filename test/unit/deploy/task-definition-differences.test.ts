/** A task definition as ECS tells it against one as a template has it; the expectations are written by hand. */
import { expect } from "chai"
import { taskDefinitionDifferences } from "../../../deploy/src/targets/ecs/task-definition-differences.ts"
import { Open } from "../../../deploy/src/targets/ecs/template-values.ts"

const running = {
  taskDefinitionArn: "arn:aws:ecs:eu-central-1:111111111111:task-definition/flights:7",
  revision: 7,
  status: "ACTIVE",
  registeredAt: new Date(0),
  family: "flights",
  cpu: "256",
  volumes: [],
  pidMode: "",
  containerDefinitions: [
    {
      name: "flights",
      image: "repository@sha256:old",
      cpu: 0,
      essential: true,
      stopTimeout: 30,
      environment: [
        { name: "B", value: "2" },
        { name: "A", value: "1" },
      ],
      portMappings: [{ containerPort: 2020, hostPort: 2020, protocol: "tcp" }],
      mountPoints: [],
      logConfiguration: { logDriver: "awslogs", options: { "awslogs-group": "flights" } },
    },
  ],
}
const planned = (container: object = {}, more: object = {}) => ({
  Family: "flights",
  Cpu: "256",
  ContainerDefinitions: [
    {
      Name: "flights",
      Image: "repository@sha256:old",
      StopTimeout: "30",
      Environment: [
        { Name: "A", Value: "1" },
        { Name: "B", Value: "2" },
      ],
      PortMappings: [{ ContainerPort: 2020 }],
      LogConfiguration: { LogDriver: "awslogs", Options: { "awslogs-group": "flights" } },
      ...container,
    },
  ],
  Tags: [{ Key: "stage", Value: "test" }],
  ...more,
})

describe("differences of task definitions", () => {
  it("there are none between the same: ECS' own fields, defaults, order and numbers as texts are none", () => {
    expect(taskDefinitionDifferences(running, planned())).to.deep.equal([])
  })

  it("another image, a new variable, one that is gone, and more CPU are told, field by field", () => {
    const becomes = planned(
      {
        Image: "repository@sha256:new",
        Environment: [
          { Name: "A", Value: "1" },
          { Name: "C", Value: "3" },
        ],
      },
      { Cpu: "512" },
    )
    expect(taskDefinitionDifferences(running, becomes)).to.deep.equal([
      { field: "containerDefinitions[flights].environment[B].value", running: "2", planned: undefined },
      { field: "containerDefinitions[flights].environment[C].value", running: undefined, planned: "3" },
      {
        field: "containerDefinitions[flights].image",
        running: "repository@sha256:old",
        planned: "repository@sha256:new",
      },
      { field: "cpu", running: "256", planned: "512" },
    ])
  })

  it("a variable that becomes empty is a change, and so is a container that comes", () => {
    const empty = planned({
      Environment: [
        { Name: "A", Value: "" },
        { Name: "B", Value: "2" },
      ],
    })
    expect(taskDefinitionDifferences(running, empty)).to.deep.equal([
      { field: "containerDefinitions[flights].environment[A].value", running: "1", planned: "" },
    ])
    const two = planned()
    two.ContainerDefinitions.push({ Name: "sidecar" } as never)
    expect(taskDefinitionDifferences(running, two)).to.deep.equal([
      { field: "containerDefinitions[sidecar]", running: undefined, planned: true },
    ])
  })

  it("what only a deployment can tell is a difference, unless its expression is the one that was deployed", () => {
    const open = planned({
      Environment: [
        { Name: "A", Value: new Open("<Database.Port>") },
        { Name: "B", Value: "2" },
      ],
    })
    const field = "containerDefinitions[flights].environment[A].value"
    expect(taskDefinitionDifferences(running, open)).to.deep.equal([
      { field, running: "1", planned: "<Database.Port>" },
    ])
    expect(taskDefinitionDifferences(running, open, (one) => one === field)).to.deep.equal([])
  })
})
