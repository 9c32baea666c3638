/** Brings services to images: everything that can be refused comes before the first of them changes. */
import { DeregisterTaskDefinitionCommand, ECSClient, type Service, UpdateServiceCommand } from "@aws-sdk/client-ecs"
import type { Clock } from "../../clock.ts"
import { patiently } from "../../patiently.ts"
import { EXIT, Refusal, refusalOf } from "../../refusal.ts"
import type { Session } from "../../session.ts"
import type { RolledOut, RollingOptions } from "../rolling.ts"
import { isComplete, primaryOf, standingRevision } from "./deployment-state.ts"
import { containersOf, describeExactly, registerExactly, withImage } from "./exact-task-definition.ts"
import { type ServicePlan, ServiceRollout, TARGET } from "./service-rollout.ts"
import { revisionOf } from "./task-definitions.ts"
import { taskLogOf } from "./task-log.ts"
import { describeServices, watchServices } from "./watch-services.ts"

export interface Place {
  readonly cluster: string
  readonly clock: Clock
}

interface Prepared {
  readonly service: Service
  readonly plan: ServicePlan
  /** `unchanged`: runs already; `adopted`: is on its way there already; `registered`: has to be told. */
  readonly what: "unchanged" | "adopted" | "registered"
}

/** @param images by the service's name, which its own container has too */
export async function rollOut(
  session: Session,
  images: ReadonlyMap<string, string>,
  { cluster, clock }: Place,
  { watch, timeout, signal }: RollingOptions,
): Promise<readonly RolledOut[]> {
  const names = [...images.keys()]
  if (names.length === 0) return []
  const found = await describeServices(session, cluster, names, signal).catch((error) => refuse(error, signal))
  const missing = names.filter((name) => !found.has(name))
  if (missing.length > 0) {
    const what = `there is no service ${missing.join(", ")} in the cluster ${cluster}`
    throw new Refusal(EXIT.noStack, `${what}; deploy the stack platform first`)
  }
  const services = names.flatMap((name) => found.get(name) ?? [])
  const prepared = await prepareAll(session, { cluster, clock }, services, images, signal)
  const surroundings = { session, clock, watch, timeout, signal }
  const rollouts = prepared
    .filter(({ what }) => what !== "unchanged")
    .map((one) => ({ ...one, rollout: new ServiceRollout(one.plan, one.service, surroundings) }))
  // All of them, before a stop is heeded: one that is still on its way would come after what takes it back.
  const begun = await Promise.allSettled(
    rollouts.map(async ({ what, rollout, plan }) => {
      rollout.begin()
      if (what === "adopted") return
      try {
        // One whose answer was lost may have been taken: told again, ECS begins no second deployment of the same revision.
        rollout.adopt(await patiently(() => update(session, plan), clock, signal))
      } catch (error) {
        signal.throwIfAborted()
        rollout.refused(error)
      }
    }),
  )
  const stopped = begun.find((one) => one.status === "rejected")
  if (stopped !== undefined) throw stopped.reason
  await watchServices(
    rollouts.map(({ rollout }) => rollout),
    { session, cluster, clock, signal, watch },
  )
  const ended = new Map(rollouts.map(({ rollout }) => [rollout.plan.service, rollout.ended as RolledOut]))
  return prepared.map(
    ({ plan: { service: unit, from, to } }) =>
      ended.get(unit) ?? { target: TARGET, unit, from, to, outcome: "unchanged", seconds: 0 },
  )
}

/** Registers what has to be; where one can't be, those of the others are taken away again. */
async function prepareAll(
  session: Session,
  place: Place,
  services: readonly Service[],
  images: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<readonly Prepared[]> {
  const prepared = await Promise.allSettled(
    services.map((service) => prepare(session, place, service, images.get(service.serviceName ?? "") ?? "", signal)),
  )
  const refused = prepared.find((one) => one.status === "rejected")
  if (refused === undefined) {
    return prepared.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
  }
  if (!signal.aborted) {
    const client = session.aws.client(ECSClient)
    await Promise.allSettled(
      prepared
        .flatMap((one) => (one.status === "fulfilled" && one.value.what === "registered" ? [one.value.plan.to] : []))
        .map((taskDefinition) =>
          client.send(new DeregisterTaskDefinitionCommand({ taskDefinition }), { abortSignal: signal }),
        ),
    )
  }
  return refuse(refused.reason, signal)
}

async function prepare(
  session: Session,
  { cluster, clock }: Place,
  service: Service,
  image: string,
  signal: AbortSignal,
): Promise<Prepared> {
  const name = service.serviceName ?? ""
  const primary = primaryOf(service)
  const running = primary?.taskDefinition ?? service.taskDefinition ?? ""
  const described = await patiently(() => describeExactly(session, running, signal), clock, signal)
  const log = taskLogOf(described.definition, name)
  const from = standingRevision(service)
  const own = containersOf(described.definition).find((container) => container.name === name)
  if (own?.image === image && primary !== undefined && primary.rolloutState !== "FAILED") {
    const to = revisionOf(running)
    const unchanged = primary.rolloutState === "COMPLETED" && service.deployments?.length === 1
    // One that never stood is nothing to go back to.
    const before = unchanged || from !== to ? from : undefined
    const plan = { cluster, service: name, from: before, to, image, deployment: primary.id, log }
    return { service, plan, what: unchanged ? "unchanged" : "adopted" }
  }
  const wanted = withImage(described, name, image)
  // Of 50 services ECS takes 20 at once, then one a second.
  const arn = await patiently(() => registerExactly(session, wanted, signal), clock, signal)
  return { service, plan: { cluster, service: name, from, to: revisionOf(arn), image, log }, what: "registered" }
}

/** The task definition and nothing else: counts, tags, network and the rest stay as they are. */
async function update(session: Session, { cluster, service, to }: ServicePlan): Promise<Service> {
  const { service: updated = {} } = await session.aws
    .client(ECSClient)
    // Not taken back by a stop: it may have been heard.
    .send(new UpdateServiceCommand({ cluster, service, taskDefinition: to }))
  return updated
}

/** @param units with the `family:revision` that each goes back to */
export async function rollBack(
  session: Session,
  units: readonly Pick<RolledOut, "unit" | "from">[],
  { cluster, clock }: Place,
  { watch, timeout, signal }: RollingOptions,
): Promise<readonly RolledOut[]> {
  if (units.length === 0) return []
  const names = units.map(({ unit }) => unit)
  const found = await describeServices(session, cluster, names, signal).catch((error) => refuse(error, signal))
  const surroundings = { session, clock, watch, timeout, signal }
  const ended: RolledOut[] = []
  const rollouts: ServiceRollout[] = []
  await Promise.all(
    units.map(async ({ unit, from }) => {
      const service = found.get(unit)
      const primary = service === undefined ? undefined : primaryOf(service)
      const to = revisionOf(primary?.taskDefinition ?? "")
      if (service === undefined || primary === undefined || from === undefined) {
        const reason = from === undefined ? "nothing ran before, so there is nothing to go back to" : "it is not there"
        ended.push({ target: TARGET, unit, from, to, outcome: "failed", seconds: 0, reason })
        return
      }
      if (to === from && isComplete(primary) && service.deployments?.length === 1) {
        ended.push({ target: TARGET, unit, from, to, outcome: "back", seconds: 0 })
        return
      }
      const described = await describeExactly(session, from, signal).catch((error) => refuse(error, signal))
      const image = containersOf(described.definition).find(({ name }) => name === unit)?.image ?? ""
      const log = taskLogOf(described.definition, unit)
      const rollout = new ServiceRollout({ cluster, service: unit, from, to, image, log }, service, surroundings)
      rollouts.push(rollout)
      await rollout.goBack("", to !== from)
    }),
  )
  await watchServices(rollouts, { session, cluster, clock, signal, watch })
  const all = [...ended, ...rollouts.map((one) => one.ended as RolledOut)]
  return names.flatMap((name) => all.filter(({ unit }) => unit === name))
}

function refuse(error: unknown, signal: AbortSignal): never {
  signal.throwIfAborted()
  throw refusalOf(error)
}
