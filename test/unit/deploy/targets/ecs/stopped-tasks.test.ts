/** Why a task stopped, in the reader's words; the reasons are worded as ECS' guide and containerd word them. */
import type { Task } from "@aws-sdk/client-ecs"
import { expect } from "chai"
import { causeOf, isScaledIn, linesOf } from "../../../../../deploy/src/targets/ecs/stopped-tasks.ts"

const IMAGE = "registry.example/flights@sha256:abc"

function task(stoppedReason: string, container: object = {}, stopCode: Task["stopCode"] = "TaskFailedToStart"): Task {
  return {
    taskArn: "arn:aws:ecs:eu-central-1:111111111111:task/cluster/0123",
    stoppedReason,
    stopCode,
    containers: [{ name: "flights", image: IMAGE, ...container }],
  }
}

describe("the cause of a stopped task", () => {
  const pull = "CannotPullContainerError: pull image manifest has been retried 1 time(s)"
  for (const [claim, reason, log, text, certain] of [
    ["an image that the registry does not have", `${pull}: not found`, [], /^image .+abc can't be pulled: /, true],
    [
      "an image that the registry does not give",
      `${pull}: pull access denied, 403 Forbidden`,
      [],
      /can't be pulled/,
      true,
    ],
    ["a registry that is slow", `${pull}: dial tcp: i/o timeout`, [], /can't be pulled/, false],
    ["a registry that is over its rate", `${pull}: toomanyrequests: slow down`, [], /can't be pulled/, false],
    [
      "an index without the platform",
      "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
      [],
      /^image .+abc is for another platform: /,
      true,
    ],
    [
      "a program for another CPU, which only the log tells",
      "Essential container in task exited",
      ["exec /nodejs/bin/node: exec format error"],
      /^image .+abc is for another platform: exec \/nodejs\/bin\/node: exec format error$/,
      true,
    ],
    [
      "a program that is not in the image",
      'CannotStartContainerError: exec: "nod": executable file not found in $PATH',
      [],
      /can't be started/,
      true,
    ],
    [
      "a load balancer's check",
      "Task failed ELB health checks in (target-group x)",
      [],
      /does not pass its health check/,
      false,
    ],
    ["a container's own check", "Task failed container health checks", [], /does not pass its health check/, false],
    [
      "a secret that can't be read",
      "ResourceInitializationError: unable to pull secrets",
      [],
      /^a task stopped: Resource/,
      false,
    ],
  ] as const) {
    it(`names ${claim}, ${certain ? "for certain" : "and does not call it certain"}`, () => {
      const cause = causeOf(task(reason), "flights", "", log)
      expect(cause.text).to.match(text)
      expect(cause.certain).to.equal(certain)
    })
  }

  it("names the exit code, with the container's own reason", () => {
    const killed = task("Essential container in task exited", { exitCode: 137, reason: "OutOfMemoryError: killed" })
    expect(causeOf(killed, "flights", "").text).to.equal(
      `image ${IMAGE}: container flights exited with code 137: OutOfMemoryError: killed`,
    )
  })

  it("does not blame the image for what a sidecar did", () => {
    const stopped = { ...task("Essential container in task exited", { exitCode: 0 }) }
    stopped.containers = [...(stopped.containers ?? []), { name: "proxy", exitCode: 1 }]
    expect(causeOf(stopped, "flights", "")).to.deep.equal({
      text: "container proxy beside it exited with code 1",
      certain: false,
    })
  })

  it("names the image that was rolled out where the task tells none", () => {
    const silent: Task = { stoppedReason: `${pull}: not found` }
    expect(causeOf(silent, "flights", IMAGE).text).to.contain(`image ${IMAGE} can't be pulled`)
  })
})

describe("the lines of a stopped task", () => {
  it("tell reason and code, then each container's exit code and reason, each in one line", () => {
    expect(
      linesOf(task("Essential container\nin task exited", { exitCode: 3, reason: "why" }, "EssentialContainerExited")),
    ).to.deep.equal([
      "task 0123 stopped: Essential container in task exited (EssentialContainerExited)",
      "  container flights: exit code 3, why",
    ])
  })

  it("are of no interest where ECS scaled in", () => {
    const reason = "Scaling activity initiated by (deployment ecs-svc/1)"
    expect(isScaledIn(task(reason, {}, "ServiceSchedulerInitiated"))).to.equal(true)
    expect(isScaledIn(task("Task failed ELB health checks", {}, "ServiceSchedulerInitiated"))).to.equal(false)
  })
})
