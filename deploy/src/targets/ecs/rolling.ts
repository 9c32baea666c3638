/** The three services' rolling on ECS. */
import { clusterName } from "../../../../infra/src/names.ts"
import { SERVICES } from "../../../../infra/src/stage.ts"
import { type Clock, systemClock } from "../../clock.ts"
import { answered } from "../../refusal.ts"
import type { Session } from "../../session.ts"
import { lastOf } from "../log-lines.ts"
import type { Rolling } from "../rolling.ts"
import { standingRevision } from "./deployment-state.ts"
import { containersOf, describeExactly } from "./exact-task-definition.ts"
import { prune } from "./prune.ts"
import { rollBack, rollOut } from "./roll-out.ts"
import { TARGET } from "./service-rollout.ts"
import { familyOf, registered } from "./task-definitions.ts"
import { taskLogOf } from "./task-log.ts"
import { describeServices } from "./watch-services.ts"

/** @param services by name; each has a container and an image that are called like it */
export function ecsRolling(clock: Clock = systemClock, services: readonly string[] = SERVICES): Rolling {
  const place = ({ stage }: Session) => ({ cluster: clusterName(stage.name, "platform"), clock })
  return {
    async standing(session, signal) {
      const found = await answered(describeServices(session, place(session).cluster, services, signal), signal)
      return services.flatMap((unit) => {
        const service = found.get(unit)
        return service === undefined ? [] : [{ target: TARGET, unit, from: standingRevision(service) }]
      })
    },
    async rollOut(session, { images }, options) {
      const named = images as Readonly<Record<string, string | undefined>>
      const wanted = new Map(
        services.flatMap((name) => {
          const image = named[name]
          return image === undefined ? [] : [[name, image] as const]
        }),
      )
      return await rollOut(session, wanted, place(session), options)
    },
    async rollBack(session, units, options) {
      const ours = units.filter(({ target }) => target === TARGET)
      return await rollBack(session, ours, place(session), options)
    },
    async logs(session, unit, lines, signal) {
      return await answered(logs(session, services, unit, lines, signal), signal)
    },
    async prune(session, keep, signal) {
      return await answered(prune(session, services, keep, clock, signal), signal)
    },
  }
}

/** Of a service as it runs; of a task that is run once or on schedule, such as `get-data`, as its stack registered it. */
async function logs(
  session: Session,
  services: readonly string[],
  unit: string,
  lines: number,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const { stage } = session
  const running = services.includes(unit)
    ? (await describeServices(session, clusterName(stage.name, "platform"), [unit], signal)).get(unit)?.taskDefinition
    : (await registered(session, signal)).find(({ arn }) => familyOf(arn) === `perigee-${stage.name}-${unit}`)?.arn
  if (running === undefined) return undefined
  const { definition } = await describeExactly(session, running, signal)
  const container = services.includes(unit) ? unit : (containersOf(definition)[0]?.name ?? "")
  const log = taskLogOf(definition, container)
  return log === undefined ? undefined : await lastOf(session, log, lines, signal)
}
