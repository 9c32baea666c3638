/**
 * `npm run bench:rollout`: the watching of a rollout against the AWS CLI's waiter `services-stable` (the SDK's, with the
 * CLI's poll of 15 s) on the same services in one run; how often ECS is asked, against the rates that it publishes; and how
 * soon a broken image is named. Our clock and the waiter's are the wall's; only the steps of the ECS in test/support are
 * quicker than AWS', by factors that are printed.
 */
import {
  CreateClusterCommand,
  CreateServiceCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
  waitUntilServicesStable,
} from "@aws-sdk/client-ecs"
import { ecsRolling } from "../../deploy/src/targets/ecs/rolling.ts"
import type { Progress } from "../../deploy/src/targets/rolling.ts"
import { clusterName } from "../../infra/src/names.ts"
import { AwsProxy } from "../support/aws-proxy.ts"
import { sessionOf } from "../support/deploy/session.ts"
import type { Behaviour } from "../support/ecs/behaviour.ts"
import { Ecs } from "../support/ecs/ecs.ts"
import { RATES } from "../support/ecs/throttling.ts"
import { stage } from "../support/infra/assembly.ts"
import { startMinistack } from "../support/ministack.ts"
import { median } from "./median.ts"

const RUNS = Number(process.argv[2] ?? 15)
if (!(Number.isInteger(RUNS) && RUNS >= 3 && RUNS <= 50)) {
  process.stderr.write("bench:rollout: the number of runs is 3 to 50\n")
  process.exit(64)
}
/** Source: AWS CLI reference, `ecs wait services-stable`: every 15 seconds, 40 times at most. */
const CLI_POLL = 15
/** Milliseconds that a second of ECS takes: where only the end of a rollout counts, and where its failures do. */
const QUICK = 20
const SLOWER = 200
/** Seconds for which requests are counted. */
const COUNTED = 30
const TOLD_GOAL = 2
const NAMED_GOAL = 5
const STAGE = stage("development")
const CLUSTER = clusterName(STAGE.name, "platform")
const GROUP = `arn:aws:elasticloadbalancing:${STAGE.region}:111111111111:targetgroup/any/0123456789abcdef`
const KEYS = { accessKeyId: "111111111111", secretAccessKey: "test" }

const ministack = await startMinistack()
const settings = { endpoint: ministack.url, region: STAGE.region, credentials: KEYS }
const FIFTY = Array.from({ length: 50 }, (_, at) => `service-${at}`)
try {
  await stand()
  const told = await timeToTell()
  const waiting = []
  waiting.push(await requests("3 services, waiting", FIFTY.slice(0, 3), { kind: "healthy", slow: Infinity }))
  waiting.push(await requests("50 services, waiting", FIFTY, { kind: "healthy", slow: Infinity }))
  waiting.push(await requests("50 services, all failing", FIFTY, { kind: "exits", code: 1 }))
  const named = [
    await timeToName("not in the registry", { kind: "not pullable" }),
    await timeToName("for another platform", { kind: "wrong platform", manifest: true }),
    await timeToName("exits with code 3", { kind: "exits", code: 3 }),
  ]
  report(told, waiting, named)
} finally {
  await ministack.close()
}

async function stand(): Promise<void> {
  const client = new ECSClient(settings)
  await client.send(new CreateClusterCommand({ clusterName: CLUSTER }))
  for (const name of FIFTY) {
    const { taskDefinition } = await client.send(
      new RegisterTaskDefinitionCommand({
        family: `perigee-development-${name}`,
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name, image: `registry.example/${name}:0`, portMappings: [{ containerPort: 1010 }] }],
      }),
    )
    await client.send(
      new CreateServiceCommand({
        cluster: CLUSTER,
        serviceName: name,
        taskDefinition: taskDefinition?.taskDefinitionArn ?? "",
        desiredCount: 2,
        loadBalancers: [{ targetGroupArn: GROUP, containerName: name, containerPort: 1010 }],
        launchType: "FARGATE",
        networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"] } },
        deploymentConfiguration: {
          maximumPercent: 200,
          minimumHealthyPercent: 100,
          deploymentCircuitBreaker: { enable: true, rollback: true },
        },
      }),
    )
  }
  client.destroy()
}

interface Run {
  readonly ecs: Ecs
  readonly url: string
  readonly rollOut: (names: readonly string[], watch?: (progress: Progress) => void) => Promise<unknown>
  readonly image: (name: string) => string
}

/** It takes minutes: what goes on, to a person. */
function say(what: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${what}\n`)
}

/** With an ECS of its own, which takes all services for running; what goes on at its end is stopped. */
async function run<Result>(secondMs: number, work: (one: Run) => Promise<Result>, throttle?: number): Promise<Result> {
  const proxy = await AwsProxy.open(ministack.url)
  const ecs = await Ecs.open(proxy, settings, { secondMs, ...(throttle !== undefined && { throttle }) })
  const stop = new AbortController()
  const mark = `${Date.now()}`
  const image = (name: string) => `registry.example/${name}:${mark}`
  const session = sessionOf(STAGE, { endpoint: proxy.url, keys: KEYS, signal: stop.signal })
  const begun: Promise<unknown>[] = []
  const rollOut: Run["rollOut"] = (names, watch = () => {}) => {
    const images = Object.fromEntries(names.map((name) => [name, image(name)]))
    const options = { watch, timeout: 3600, signal: stop.signal }
    const rolled = ecsRolling(undefined, names).rollOut(session, { images }, options)
    begun.push(rolled)
    return rolled
  }
  try {
    return await work({ ecs, url: proxy.url, rollOut, image })
  } finally {
    stop.abort()
    await Promise.allSettled(begun)
    session.aws.destroy()
    await ecs.close()
    await proxy.close()
  }
}

/** Each service by itself, all at once, its end at another moment of the polls. */
async function timeToTell(): Promise<{ ours: number[]; afterCompleted: number[]; waiter: number[] }> {
  say("telling")
  return await run(QUICK, async ({ ecs, url, rollOut, image }) => {
    const client = new ECSClient({ ...settings, endpoint: url })
    const ours: number[] = []
    const afterCompleted: number[] = []
    const waiter: number[] = []
    await Promise.all(
      FIFTY.slice(0, RUNS).map(async (name, at) => {
        // Spread evenly over one poll of the waiter.
        ecs.image(image(name), { kind: "healthy", slow: ((at + 0.5) / RUNS) * CLI_POLL * (1000 / QUICK) })
        const rolled = rollOut([name])
        await ecs.until(() => ecs.service(name).deployments.length > 1)
        const waited = waitUntilServicesStable(
          { client, maxWaitTime: 600, minDelay: CLI_POLL, maxDelay: CLI_POLL },
          { cluster: CLUSTER, services: [name] },
        ).then(() => Date.now())
        await rolled
        const end = Date.now()
        ours.push((end - (await ecs.stable(name))) / 1000)
        afterCompleted.push((end - (await ecs.completed(name))) / 1000)
        waiter.push(((await waited) - (await ecs.stable(name))) / 1000)
      }),
    )
    client.destroy()
    return { ours, afterCompleted, waiter }
  })
}

interface Requests {
  readonly what: string
  readonly perMinute: number
  readonly byAction: Readonly<Record<string, number>>
  /** Part of the sustained rate that the busiest group of actions takes. */
  readonly share: number
  readonly throttled: number
}

/** Throttled as ECS publishes, all of which is this caller's. */
async function requests(what: string, names: readonly string[], behaviour: Behaviour): Promise<Requests> {
  say(`requests: ${what}`)
  return await run(
    SLOWER,
    async ({ ecs, rollOut, image }) => {
      for (const name of names) ecs.image(image(name), behaviour)
      const rolled = rollOut(names)
      const begun = ecs.until(() => ecs.calls.of("UpdateService") >= names.length)
      await Promise.race([begun, rolled])
      rolled.catch(() => {})
      ecs.calls.forget()
      const from = Date.now()
      await new Promise((go) => setTimeout(go, COUNTED * 1000))
      const { calls } = ecs.calls
      const seconds = (Date.now() - from) / 1000
      const shares = RATES.map(({ actions, sustained }) => {
        const asked = calls.filter(({ action }) => actions.includes(action)).length
        return asked / seconds / sustained
      })
      return {
        what,
        perMinute: (calls.length / seconds) * 60,
        byAction: ecs.calls.byAction(),
        share: Math.max(...shares),
        throttled: calls.filter(({ error }) => error === "ThrottlingException").length,
      }
    },
    1,
  )
}

async function timeToName(what: string, behaviour: Behaviour): Promise<{ what: string; seconds: number[] }> {
  say(`naming: ${what}`)
  return await run(SLOWER, async ({ ecs, rollOut, image }) => {
    const seconds = await Promise.all(
      FIFTY.slice(0, RUNS).map(async (name, at) => {
        // Not all at the same moment of the polls.
        ecs.image(image(name), { ...behaviour, slow: (at / RUNS) * 20 })
        const named = Promise.withResolvers<number>()
        void rollOut([name], ({ message = "" }) => {
          if (message.includes(image(name))) named.resolve(Date.now())
        })
        const end = await named.promise
        return (end - (ecs.milestones(name).firstStopped ?? Number.NaN)) / 1000
      }),
    )
    return { what, seconds }
  })
}

function report(
  told: { ours: number[]; afterCompleted: number[]; waiter: number[] },
  waiting: readonly Requests[],
  named: readonly { what: string; seconds: number[] }[],
): void {
  const write = (line: string) => process.stdout.write(`${line}\n`)
  const row = (name: string, ...cells: string[]) =>
    write([name.padEnd(34), ...cells.map((cell) => cell.padStart(10))].join(""))
  const spread = (values: readonly number[]) => [
    median([...values]).toFixed(2),
    Math.min(...values).toFixed(2),
    Math.max(...values).toFixed(2),
  ]
  row("seconds until told", "median", "least", "most")
  row("ours, from stable", ...spread(told.ours))
  row("ours, from COMPLETED", ...spread(told.afterCompleted))
  row("waiter, poll of 15 s, from stable", ...spread(told.waiter))
  write(`ratio waiter : ours ${(median(told.waiter) / median(told.ours)).toFixed(1)}`)
  write(
    `${RUNS} services at once, stable at moments spread over 15 s; steps of ECS ${1000 / QUICK} times as quick: the 2 s between`,
  )
  write(
    `stable and COMPLETED that the ECS of test/support takes are ${(2 * QUICK) / 1000} s here; polls are not scaled\n`,
  )
  row("requests", "a minute", "of rate", "throttled")
  for (const { what, perMinute, share, throttled } of waiting) {
    row(what, perMinute.toFixed(0), `${Math.round(share * 100)} %`, `${throttled}`)
  }
  write(
    `counted over ${COUNTED} s of the wall's clock; “of rate”: of the sustained rate of the busiest group of actions; steps of ECS`,
  )
  write(`${1000 / SLOWER} times as quick, so that failures come ${1000 / SLOWER} times as often as on AWS`)
  for (const { what, byAction } of waiting)
    write(
      `  ${what}: ${Object.entries(byAction)
        .map(([action, count]) => `${action} ${count}`)
        .join(", ")}`,
    )
  write("")
  row("seconds from the first stopped task", "median", "least", "most")
  for (const { what, seconds } of named) row(`until named: ${what}`, ...spread(seconds))
  write(
    `${RUNS} services at once, each watched by itself; steps of ECS ${1000 / SLOWER} times as quick; polls are not scaled\n`,
  )
  const goal = (what: string, value: number, most: number, unit: string) =>
    write(
      `goal ${what} ≤ ${most}${unit}: ${value.toFixed(2)}${unit}, ${value <= most ? "met" : `missed by ${(value - most).toFixed(2)}`}`,
    )
  goal("from stable to told, at most", Math.max(...told.ours), TOLD_GOAL, " s")
  goal("of the published rate, at most", Math.max(...waiting.map(({ share }) => share)), 1, "")
  goal(
    "from a stopped task to a named image, at most",
    Math.max(...named.flatMap(({ seconds }) => seconds)),
    NAMED_GOAL,
    " s",
  )
}
