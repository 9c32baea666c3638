/** Watches services on their way, all in one request a round, until each has ended. */
import { DescribeServicesCommand, ECSClient, type Service } from "@aws-sdk/client-ecs"
import { type Clock, secondsSince } from "../../clock.ts"
import { PATIENCE } from "../../patiently.ts"
import { refusalOf, troubleOf } from "../../refusal.ts"
import type { Session } from "../../session.ts"
import { isTransient } from "../../transient.ts"
import type { Watch } from "../rolling.ts"
import { type ServiceRollout, TARGET } from "./service-rollout.ts"

/** Most that DescribeServices takes. Source: ECS API reference. */
const AT_ONCE = 10
/**
 * Milliseconds between two rounds, and the part of it that is left to chance either way, so that two runs do not ask in
 * step. At most 1.7 s: an end is told within 2 s.
 */
const INTERVAL = 1_400
const JITTER = 0.2
/**
 * Services that are asked for stopped tasks in a round, two requests each: with the interval 11 a second, of the 20 that ECS
 * allows to go on (ECS developer guide, “Request throttling for the Amazon ECS API”, cluster resource read actions).
 */
const LOOKS = 8
/** After a round that failed: doubled with each, milliseconds. */
const LONGEST_PAUSE = 20_000

/** @returns by name; one that there is not is left out */
export async function describeServices(
  { aws }: Session,
  cluster: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Service>> {
  const client = aws.client(ECSClient)
  const parts: string[][] = []
  for (let at = 0; at < names.length; at += AT_ONCE) parts.push(names.slice(at, at + AT_ONCE))
  const answers = await Promise.all(
    parts.map((services) =>
      client.send(new DescribeServicesCommand({ cluster, services }), { abortSignal: signal }).catch((error: Error) => {
        if (error.name === "ClusterNotFoundException") return { services: [] }
        throw error
      }),
    ),
  )
  const found = answers.flatMap(({ services = [] }) => services).filter(({ status }) => status !== "INACTIVE")
  return new Map(found.map((service) => [service.serviceName ?? "", service]))
}

export interface Watching {
  readonly session: Session
  readonly cluster: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly watch: Watch
}

/**
 * @throws Refusal AWS was away for longer than {@link PATIENCE}, or refuses to tell; else what `signal` was aborted with
 */
export async function watchServices(
  rollouts: readonly ServiceRollout[],
  { session, cluster, clock, signal, watch }: Watching,
): Promise<void> {
  const started = clock.now()
  let away: number | undefined
  let failures = 0
  for (let round = 0; ; round++) {
    signal.throwIfAborted()
    const open = rollouts.filter(({ ended }) => ended === undefined)
    if (open.length === 0) return
    const asked = clock.now()
    try {
      const names = open.map(({ plan }) => plan.service)
      const services = await describeServices(session, cluster, names, signal)
      away = undefined
      failures = 0
      const of = (one: ServiceRollout) => services.get(one.plan.service)
      const looked = new Set(chosen(open, round, (one) => one.see(of(one))))
      await Promise.all(open.map((one) => one.observe(of(one), looked.has(one))))
      if (rollouts.every(({ ended }) => ended !== undefined)) return
    } catch (error) {
      signal.throwIfAborted()
      if (!isTransient(error)) throw refusalOf(error)
      away ??= asked
      failures += 1
      if (clock.now() - away >= PATIENCE * 1000) throw refusalOf(error)
      const message = `${troubleOf(error)}; asking again, the rollout goes on meanwhile`
      for (const { plan } of open) {
        watch({ target: TARGET, unit: plan.service, phase: "waiting", seconds: secondsSince(clock, started), message })
      }
    }
    const pause = failures === 0 ? INTERVAL : Math.min(INTERVAL * 2 ** failures, LONGEST_PAUSE)
    const jittered = pause * (1 + JITTER * (2 * clock.random() - 1))
    await clock.sleep(Math.max(0, jittered - (clock.now() - asked)), signal)
  }
}

/** Those whose turn it is to be asked for stopped tasks: by need, else one after the other; one a round with no need at all. */
export function chosen<One>(all: readonly One[], round: number, need: (one: One) => 0 | 1 | 2): readonly One[] {
  const start = all.length === 0 ? 0 : (round * LOOKS) % all.length
  const inTurn = [...all.slice(start), ...all.slice(0, start)].map((one) => ({ one, need: need(one) }))
  const needy = inTurn.filter((each) => each.need > 0).sort((a, b) => b.need - a.need)
  const idle = all[round % all.length]
  const others = inTurn.filter((each) => each.need === 0 && each.one === idle)
  return [...needy, ...others].slice(0, LOOKS).map(({ one }) => one)
}
