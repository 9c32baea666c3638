/**
 * The services and tasks of an account: adopted from the emulator behind when they are first asked for, and looked at
 * again each time, for what CloudFormation changed there.
 */
import type { Service as ServiceView } from "@aws-sdk/client-ecs"
import type { Account } from "./account.ts"
import type { Behaviours } from "./behaviour.ts"
import type { Configuration } from "./deployment.ts"
import { EcsError } from "./ecs-error.ts"
import { nameIn } from "./ids.ts"
import { Service } from "./service.ts"
import type { Surroundings, Task } from "./task.ts"

/** Fields of a service that a rollout neither reads nor changes. */
const REST = [
  "roleArn",
  "createdAt",
  "createdBy",
  "schedulingStrategy",
  "deploymentController",
  "enableECSManagedTags",
  "propagateTags",
  "enableExecuteCommand",
  "healthCheckGracePeriodSeconds",
  "placementConstraints",
  "placementStrategy",
  "serviceRegistries",
  "availabilityZoneRebalancing",
] as const

export class Fleet {
  readonly account: Account
  readonly behaviours: Behaviours
  readonly in: Surroundings
  readonly services = new Map<string, Service>()
  /** One-off tasks. */
  readonly tasks: Task[] = []
  /** What the emulator behind was last seen to want. */
  readonly #seen = new Map<string, { taskDefinition: string; desiredCount: number; rest: string }>()
  readonly changed: () => void
  #line: Promise<unknown> = Promise.resolve()

  constructor(account: Account, behaviours: Behaviours, surroundings: Surroundings, changed: () => void) {
    this.account = account
    this.behaviours = behaviours
    this.in = surroundings
    this.changed = changed
  }

  /** One after the other: what looks at the emulator behind, or changes it. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#line.then(work)
    this.#line = done.catch(() => undefined)
    return done
  }

  /** Takes what is there for running already. */
  async adopt(): Promise<void> {
    for (const cluster of await this.account.clusterArns()) {
      for (const there of await this.account.services(cluster)) await this.#see(there, true)
    }
  }

  /** @throws EcsError ClusterNotFoundException */
  async look(cluster: string | undefined, names?: readonly string[]): Promise<void> {
    const arn = await this.account.clusterArn(cluster)
    const there = await this.account.services(arn, names)
    const gone = (names ?? []).filter((name) => !there.some((one) => one.serviceName === nameIn(name)))
    for (const name of gone) this.#forget(arn, nameIn(name))
    for (const one of there) {
      if (one.status === "ACTIVE") await this.#see(one, false)
      else this.#forget(arn, one.serviceName ?? "")
    }
  }

  /** What the emulator behind wants now is what our own call made of it: no change by somebody else. */
  async seen(cluster: string, name: string): Promise<void> {
    const [there] = await this.account.services(cluster, [name])
    if (there !== undefined) this.#seen.set(there.serviceArn ?? "", wantedBy(there))
  }

  /** By its ARN, or by its name: in that cluster, or in the only one that has it. */
  find(reference: string, clusterArn?: string): Service | undefined {
    const name = nameIn(reference)
    return [...this.services.values()].find(
      (one) =>
        one.of.serviceArn === reference ||
        (!reference.startsWith("arn:") && one.name === name && (clusterArn ?? one.of.clusterArn) === one.of.clusterArn),
    )
  }

  /** @throws EcsError ServiceNotFoundException */
  service(reference: string, clusterArn?: string): Service {
    const found = this.find(reference, clusterArn)
    if (found === undefined) throw new EcsError("ServiceNotFoundException", "Service not found.")
    return found
  }

  get allTasks(): Task[] {
    return [...[...this.services.values()].flatMap(({ tasks }) => tasks), ...this.tasks]
  }

  /** @throws EcsError ClientException */
  async configuration(service: ServiceView, taskDefinition = service.taskDefinition ?? ""): Promise<Configuration> {
    return {
      taskDefinition: (await this.account.taskDefinition(taskDefinition)).taskDefinition,
      networkConfiguration: service.networkConfiguration,
      loadBalancers: service.loadBalancers ?? [],
      platformVersion: service.platformVersion || undefined,
    }
  }

  async #see(there: ServiceView, running: boolean): Promise<void> {
    const { serviceArn = "", clusterArn = "", serviceName: name = "" } = there
    const wanted = wantedBy(there)
    const before = this.#seen.get(serviceArn)
    this.#seen.set(serviceArn, wanted)
    const known = this.services.get(serviceArn)
    if (known === undefined || before === undefined) {
      const { deploymentConfiguration = {}, tags = [] } = there
      const { desiredCount } = wanted
      const adopted = { serviceArn, clusterArn, name, desiredCount, deploymentConfiguration, tags, rest: restOf(there) }
      const service = new Service(adopted, this.in, this.behaviours, this.changed)
      const configuration = await this.configuration(there)
      this.services.set(serviceArn, service)
      if (running) service.adopt(configuration)
      else service.deploy(configuration)
      return
    }
    if (before.rest !== wanted.rest) {
      known.deploymentConfiguration = there.deploymentConfiguration ?? {}
      known.tags = there.tags ?? []
      known.rest = restOf(there)
    }
    if (before.desiredCount !== wanted.desiredCount) known.desiredCount = wanted.desiredCount
    if (before.taskDefinition !== wanted.taskDefinition) known.deploy(await this.configuration(there))
    else if (before.desiredCount !== wanted.desiredCount) known.reconcile()
  }

  #forget(clusterArn: string, name: string): void {
    const service = this.find(name, clusterArn)
    if (service === undefined) return
    this.services.delete(service.of.serviceArn)
    this.#seen.delete(service.of.serviceArn)
    service.remove()
  }
}

function wantedBy(there: ServiceView) {
  const { taskDefinition = "", desiredCount = 0, deploymentConfiguration, tags } = there
  return { taskDefinition, desiredCount, rest: JSON.stringify([deploymentConfiguration, tags, restOf(there)]) }
}

/** Without what the emulator behind leaves empty. */
function restOf(there: ServiceView): Partial<ServiceView> {
  const named = REST.map((name) => [name, there[name]] as const)
  const told = named.filter(([, value]) => value !== undefined && value !== "" && value !== null)
  return { placementConstraints: [], placementStrategy: [], serviceRegistries: [], ...Object.fromEntries(told) }
}
