/** An ECS that tells of one service what a test wrote down, frame by frame, whatever it is told: for endings in a row. */
import { ecsRolling } from "../../../deploy/src/targets/ecs/rolling.ts"
import type { Progress, RolledOut, RollingOptions } from "../../../deploy/src/targets/rolling.ts"
import { AwsProxy, type Call, type Reply } from "../aws-proxy.ts"
import { FakeClock } from "../fake-clock.ts"
import { stage } from "../infra/assembly.ts"
import { type Recorded, sessionOf } from "./session.ts"

export const SERVICE = "user_metadata"
export const FAMILY = `perigee-development-${SERVICE}`
export const OLD_IMAGE = "registry.example/user_metadata@sha256:old"
export const NEW_IMAGE = "registry.example/user_metadata@sha256:new"

const arn = (what: string) => `arn:aws:ecs:eu-central-1:111111111111:${what}`
export const definitionArn = (revision: number) => arn(`task-definition/${FAMILY}:${revision}`)

export interface Frame {
  readonly [field: string]: unknown
  readonly deployments: readonly object[]
}

/** A deployment as DescribeServices tells it. @param more replaces fields */
export function deployment(id: string, revision: number, rolloutState: string, more: object = {}): object {
  return {
    id,
    status: "PRIMARY",
    taskDefinition: definitionArn(revision),
    desiredCount: 2,
    runningCount: rolloutState === "COMPLETED" ? 2 : 0,
    pendingCount: rolloutState === "COMPLETED" ? 0 : 2,
    failedTasks: 0,
    rolloutState,
    ...more,
  }
}

export const OLD = deployment("ecs-svc/old", 1, "COMPLETED")
export const OLD_ACTIVE = deployment("ecs-svc/old", 1, "COMPLETED", { status: "ACTIVE" })

export function frame(...deployments: object[]): Frame {
  return { deployments }
}

export class ScriptedEcs {
  readonly session: Recorded
  readonly clock = new FakeClock()
  readonly watched: Progress[] = []
  /** As DescribeTasks tells them. */
  tasks: Record<string, unknown>[] = []
  /** What DescribeTaskDefinition tells, by revision. */
  definition: Record<string, unknown> = {}
  tags: object[] = []
  /** What CloudFormation tells of the stacks: type, logical and physical id. */
  resources: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {}
  /** Deployments that UpdateService tells. */
  updated: object[] = [deployment("ecs-svc/new", 2, "IN_PROGRESS")]
  readonly #proxy: AwsProxy
  readonly #stop = new AbortController()
  #frames: readonly Frame[] = [frame(OLD)]
  #told = 0

  private constructor(proxy: AwsProxy) {
    this.#proxy = proxy
    this.session = sessionOf(stage("development"), {
      endpoint: proxy.url,
      keys: { accessKeyId: "any", secretAccessKey: "any" },
      signal: this.#stop.signal,
    })
    proxy.on(undefined, (call) => this.#answer(call))
  }

  static async open(): Promise<ScriptedEcs> {
    return new ScriptedEcs(await AwsProxy.open("http://127.0.0.1:1"))
  }

  async close(): Promise<void> {
    this.session.aws.destroy()
    await this.#proxy.close()
  }

  /** From here on an action is answered so. */
  on(action: string, answer: (call: Call, nth: number) => Reply | "cut" | undefined): void {
    this.#proxy.on(`ecs:${action}`, answer)
  }

  /** Bodies of the calls of an action, in order. */
  sent(action: string): Record<string, unknown>[] {
    return this.#proxy.calls
      .filter((call) => call.action === `ecs:${action}`)
      .map(({ body }) => JSON.parse(body) as Record<string, unknown>)
  }

  /** Told one after the other; the last one stays. */
  set frames(frames: readonly Frame[]) {
    this.#frames = frames
    this.#told = 0
  }

  get stop(): AbortController {
    return this.#stop
  }

  options(timeout = 600): RollingOptions {
    return { watch: (progress) => void this.watched.push(progress), timeout, signal: this.#stop.signal }
  }

  get messages(): string[] {
    return this.watched.flatMap(({ message }) => message ?? [])
  }

  async rollOut(image = NEW_IMAGE, timeout = 600): Promise<RolledOut> {
    const images = { [SERVICE]: image }
    const [out] = await ecsRolling(this.clock).rollOut(this.session, { images }, this.options(timeout))
    if (out === undefined) throw new Error("told of no unit")
    return out
  }

  async rollBack(from: string | undefined = `${FAMILY}:1`, timeout = 600): Promise<RolledOut> {
    const units = [{ target: "ecs", unit: SERVICE, from }]
    const [back] = await ecsRolling(this.clock).rollBack(this.session, units, this.options(timeout))
    if (back === undefined) throw new Error("told of no unit")
    return back
  }

  #answer({ action, body }: Call): Reply {
    const input = action.startsWith("ecs:") ? (JSON.parse(body) as Record<string, unknown>) : {}
    switch (action) {
      case "ecs:DescribeServices": {
        const at = this.#frames[Math.min(this.#told++, this.#frames.length - 1)] as Frame
        return json({ services: [{ serviceName: SERVICE, status: "ACTIVE", desiredCount: 2, events: [], ...at }] })
      }
      case "ecs:DescribeTaskDefinition": {
        const revision = Number(String(input["taskDefinition"]).split(":").at(-1))
        const image = revision === 1 ? OLD_IMAGE : NEW_IMAGE
        const taskDefinition = {
          taskDefinitionArn: definitionArn(revision),
          family: FAMILY,
          revision,
          containerDefinitions: [{ name: SERVICE, image }],
          ...this.definition,
        }
        return json({ taskDefinition, tags: this.tags })
      }
      case "ecs:RegisterTaskDefinition":
        return json({ taskDefinition: { taskDefinitionArn: definitionArn(2) } })
      case "ecs:ListTasks":
        return json({ taskArns: this.tasks.map(({ taskArn }) => taskArn) })
      case "ecs:DescribeTasks":
        return json({ tasks: this.tasks })
      case "ecs:UpdateService":
        return json({
          service: {
            serviceName: SERVICE,
            deployments: input["taskDefinition"] === `${FAMILY}:1` ? [] : this.updated,
          },
        })
      case "ecs:ListServiceDeployments":
        return json({ serviceDeployments: [] })
      case "cloudformation:ListStackResources":
        return listed(this.resources[String(new URLSearchParams(body).get("StackName")).split("-").at(-1) ?? ""] ?? [])
      default:
        return json({})
    }
  }
}

export function json(body: unknown, status = 200): Reply {
  return { status, body: JSON.stringify(body) }
}

/** An error as ECS tells it. */
export function refusal(name: string, message: string, status = 400): Reply {
  return json({ __type: name, message }, status)
}

/** A stopped task of a deployment. */
export function stoppedTask(id: string, more: Record<string, unknown>): Record<string, unknown> {
  return {
    taskArn: arn(`task/perigee-development-platform/${id}`),
    startedBy: "ecs-svc/new",
    lastStatus: "STOPPED",
    ...more,
  }
}

/** Source: CloudFormation API reference, ListStackResources. */
function listed(resources: readonly (readonly [string, string, string])[]): Reply {
  const members = resources.map(
    ([type, logical, physical]) =>
      `<member><ResourceType>${type}</ResourceType><LogicalResourceId>${logical}</LogicalResourceId>` +
      `<PhysicalResourceId>${physical}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>`,
  )
  const result = `<ListStackResourcesResult><StackResourceSummaries>${members.join("")}</StackResourceSummaries></ListStackResourcesResult>`
  const body = `<ListStackResourcesResponse>${result}</ListStackResourcesResponse>`
  return { status: 200, type: "text/xml", body }
}
