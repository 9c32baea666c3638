/** The function's rolling: a version, a canary, and the alias that callers use. */
import {
  type AliasConfiguration,
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
  PublishVersionCommand,
  paginateListAliases,
  paginateListVersionsByFunction,
  UpdateAliasCommand,
} from "@aws-sdk/client-lambda"
import { functionName } from "../../../../infra/src/names.ts"
import { type Clock, secondsSince, systemClock } from "../../clock.ts"
import { answered, refusalOf, troubleOf } from "../../refusal.ts"
import type { Session } from "../../session.ts"
import { isTransient } from "../../transient.ts"
import { lastOf } from "../log-lines.ts"
import type { Phase, RolledOut, Rolling, RollingOptions } from "../rolling.ts"
import { ALIAS, aliasOf, configurationOf, orAbsent } from "./alias.ts"
import { probe } from "./probe.ts"

export const TARGET = "lambda"

/** The part of the calls that the new version gets before all. */
const CANARY = 0.1
/** Invocations of the new version with the canary's weight on: the first starts it, the next find it warm. */
const PROBES = 3
/** Milliseconds between two looks at a state. */
const LOOK = 1_000
/** Milliseconds for the weight to be taken back when all else has been told to stop. */
const CLEAR_AWAY = 10_000

export function lambdaRolling(clock: Clock = systemClock): Rolling {
  return {
    async standing(session, signal) {
      const unit = functionName(session.stage.name)
      if ((await answered(configurationOf(session, signal), signal)) === undefined) return []
      return [{ target: TARGET, unit, from: (await answered(aliasOf(session, signal), signal))?.FunctionVersion }]
    },
    async rollOut(session, { functionVersion }, options) {
      const out = await answered(new FunctionRollout(session, clock, options).out(functionVersion), options.signal)
      return out === undefined ? [] : [out]
    },
    async rollBack(session, units, options) {
      const unit = units.find(({ target }) => target === TARGET)
      if (unit === undefined) return []
      return [await answered(new FunctionRollout(session, clock, options).back(unit.from), options.signal)]
    },
    async logs(session, unit, lines, signal) {
      if (unit !== functionName(session.stage.name)) return undefined
      return await answered(lastOf(session, { group: `/aws/lambda/${unit}` }, lines, signal), signal)
    },
    async prune(session, keep, signal) {
      return await answered(prune(session, keep, signal), signal)
    },
  }
}

class FunctionRollout {
  readonly #session: Session
  readonly #client: LambdaClient
  readonly #clock: Clock
  readonly #options: RollingOptions
  readonly #name: string
  readonly #started: number

  constructor(session: Session, clock: Clock, options: RollingOptions) {
    this.#session = session
    this.#client = session.aws.client(LambdaClient)
    this.#clock = clock
    this.#options = options
    this.#name = functionName(session.stage.name)
    this.#started = clock.now()
  }

  /** @returns undefined where there is no function */
  async out(given: string | undefined): Promise<RolledOut | undefined> {
    const alias = await aliasOf(this.#session, this.#options.signal)
    const from = alias?.FunctionVersion
    const version = given ?? (await this.#publish())
    if (version === undefined) return undefined
    if (version instanceof Failure) return this.#end("failed", from, given ?? "$LATEST", version.message)
    if (from === version && weightsOf(alias).length === 0) return this.#end("unchanged", from, version)
    this.#tell("started", `${from ?? "nothing"} → ${version}`)
    const ready = await this.#untilReady(version)
    if (ready !== undefined) return this.#end("failed", from, version, ready)
    if (alias === undefined || from === version) return await this.#straight(alias, version)
    return await this.#byCanary(alias, version)
  }

  /** @returns the version of what is deployed: the same again where nothing changed; undefined where there is no function */
  async #publish(): Promise<string | Failure | undefined> {
    const FunctionName = this.#name
    const given = { abortSignal: this.#options.signal }
    const ready = await this.#untilReady()
    if (ready === undefined) {
      const { CodeSha256 } = await this.#client.send(new GetFunctionConfigurationCommand({ FunctionName }), given)
      try {
        // The guard: code that changes in between is not what was looked at.
        const { Version } = await this.#client.send(new PublishVersionCommand({ FunctionName, CodeSha256 }), given)
        return Version
      } catch (error) {
        if (!isChanged(error) && nameOf(error) !== "InvalidParameterValueException") throw error
        return new Failure(`somebody else changed the code meanwhile: ${(error as Error).message}`)
      }
    }
    return ready === ABSENT ? undefined : new Failure(ready)
  }

  /** @returns undefined as soon as it can be invoked, or why it can't be */
  async #untilReady(version?: string): Promise<string | undefined> {
    const { signal, timeout } = this.#options
    const what = version === undefined ? "the function" : `version ${version}`
    for (;;) {
      const found = await configurationOf(this.#session, signal, version)
      if (found === undefined) return version === undefined ? ABSENT : `there is no ${what}`
      const { State: state, StateReason: why, LastUpdateStatus: update, LastUpdateStatusReason: updateWhy } = found
      if (state === "Failed") return `${what} can't be started: ${why ?? "AWS tells no reason"}`
      if (version === undefined && update === "Failed") {
        return `${what}: its last update failed: ${updateWhy ?? "AWS tells no reason"}`
      }
      if (state !== "Pending" && (version !== undefined || update !== "InProgress")) return undefined
      if (this.#seconds() >= timeout) return `${what} is not ready after ${timeout} s: ${why ?? state}`
      this.#tell("waiting", `${what} is ${state}${why === undefined ? "" : `: ${why}`}`)
      await this.#clock.sleep(LOOK, signal)
    }
  }

  /** There is nobody whom a canary would spare: the first version, or one that has the alias already. */
  async #straight(alias: AliasConfiguration | undefined, version: string): Promise<RolledOut> {
    const { signal } = this.#options
    const from = alias?.FunctionVersion
    const { reason, details } = await this.#probed(version)
    if (reason !== undefined) return this.#end("failed", from, version, `version ${version}: ${reason}`, details)
    try {
      if (alias === undefined) {
        const request = { FunctionName: this.#name, Name: ALIAS, FunctionVersion: version }
        await this.#client.send(new CreateAliasCommand(request), { abortSignal: signal })
      } else {
        await this.#point(version, alias.RevisionId, undefined, signal)
      }
    } catch (error) {
      if (!isChanged(error)) throw error
      return this.#end("failed", from, version, CHANGED)
    }
    return this.#end("stable", from, version)
  }

  async #byCanary(alias: AliasConfiguration, version: string): Promise<RolledOut> {
    const { signal } = this.#options
    const from = alias.FunctionVersion ?? ""
    let revision = alias.RevisionId
    try {
      revision = (await this.#point(from, revision, { [version]: CANARY }, signal)).RevisionId
      this.#tell("waiting", `canary: ${CANARY * 100} % of the calls to version ${version}`)
      let probed: { reason: string | undefined; details: readonly string[] }
      try {
        probed = await this.#probed(version)
      } catch (error) {
        // Stopped, or AWS away: nobody is left with the half of it.
        await this.#point(from, revision, undefined, AbortSignal.timeout(CLEAR_AWAY)).catch(() => {})
        throw error
      }
      if (probed.reason !== undefined) {
        const reason = `version ${version}: ${probed.reason}`
        this.#tell("rolling back", `${reason}; all calls to ${from} again`)
        await this.#point(from, revision, undefined, AbortSignal.timeout(CLEAR_AWAY))
        return this.#end("back", from, version, reason, probed.details)
      }
      await this.#point(version, revision, undefined, signal)
    } catch (error) {
      if (!isChanged(error)) throw error
      return this.#end("failed", from, version, CHANGED)
    }
    return this.#end("stable", from, version)
  }

  async #probed(version: string): Promise<{ reason: string | undefined; details: readonly string[] }> {
    const { signal, timeout } = this.#options
    for (let done = 0; done < PROBES; ) {
      try {
        const { reason, details } = await probe(this.#session, this.#name, version, signal)
        if (reason !== undefined) return { reason, details }
        done += 1
      } catch (error) {
        signal.throwIfAborted()
        // Its reserved concurrency may be taken up by its callers.
        if (!isTransient(error)) throw error
        const why = troubleOf(error)
        if (this.#seconds() >= timeout)
          return { reason: `it can't be invoked within ${timeout} s: ${why}`, details: [] }
        this.#tell("waiting", `${why}; asking again`)
        await this.#clock.sleep(LOOK * (1 + this.#clock.random()), signal)
      }
    }
    return { reason: undefined, details: [] }
  }

  async back(from: string | undefined): Promise<RolledOut> {
    const { signal } = this.#options
    const alias = await aliasOf(this.#session, signal)
    const running = alias?.FunctionVersion
    const to = running ?? "nothing"
    if (running === from && weightsOf(alias).length === 0) return this.#end("back", from, to)
    this.#tell("rolling back", `${to} → ${from ?? "nothing"}`)
    const failed = (why: string) =>
      this.#end("failed", from, to, `the alias ${ALIAS} does not go back to ${from ?? "nothing"}: ${why}`)
    const ready = from === undefined ? undefined : await this.#untilReady(from)
    if (ready !== undefined) return failed(ready)
    try {
      if (from === undefined) {
        await this.#client.send(new DeleteAliasCommand({ FunctionName: this.#name, Name: ALIAS }), {
          abortSignal: signal,
        })
      } else if (alias === undefined) {
        const request = { FunctionName: this.#name, Name: ALIAS, FunctionVersion: from }
        await this.#client.send(new CreateAliasCommand(request), { abortSignal: signal })
      } else {
        await this.#point(from, alias.RevisionId, undefined, signal)
      }
    } catch (error) {
      signal.throwIfAborted()
      return failed(isChanged(error) ? CHANGED : (refusalOf(error) as Error).message)
    }
    return this.#end("back", from, to)
  }

  /** @param RevisionId of the alias as we know it: Lambda refuses where somebody else changed it since */
  async #point(
    FunctionVersion: string,
    RevisionId: string | undefined,
    weights: Record<string, number> | undefined,
    signal: AbortSignal,
  ) {
    return await this.#client.send(
      new UpdateAliasCommand({
        FunctionName: this.#name,
        Name: ALIAS,
        FunctionVersion,
        RoutingConfig: { AdditionalVersionWeights: weights ?? {} },
        RevisionId,
      }),
      { abortSignal: signal },
    )
  }

  #seconds(): number {
    return secondsSince(this.#clock, this.#started)
  }

  #tell(phase: Phase, message?: string): void {
    this.#options.watch({
      target: TARGET,
      unit: this.#name,
      phase,
      seconds: this.#seconds(),
      ...(message !== undefined && { message }),
    })
  }

  #end(
    outcome: RolledOut["outcome"],
    from: string | undefined,
    to: string,
    reason?: string,
    details: readonly string[] = [],
  ): RolledOut {
    if (outcome !== "unchanged") this.#tell(outcome, reason)
    return {
      target: TARGET,
      unit: this.#name,
      from,
      to,
      outcome,
      seconds: this.#seconds(),
      ...(reason !== undefined && { reason }),
      ...(details.length > 0 && { details }),
    }
  }
}

const ABSENT = "there is no function"
const CHANGED = `somebody else changed the alias ${ALIAS} meanwhile`

/** Something that ended the rollout before it began. */
class Failure {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** @param keep newest that stay, whatever uses them */
async function prune({ aws, stage }: Session, keep: number, signal: AbortSignal): Promise<readonly string[]> {
  const client = aws.client(LambdaClient)
  const FunctionName = functionName(stage.name)
  const versions: number[] = []
  const used = new Set<string>()
  try {
    for await (const page of paginateListVersionsByFunction({ client }, { FunctionName }, { abortSignal: signal })) {
      for (const { Version = "" } of page.Versions ?? []) if (/^\d+$/.test(Version)) versions.push(Number(Version))
    }
    for await (const page of paginateListAliases({ client }, { FunctionName }, { abortSignal: signal })) {
      for (const alias of page.Aliases ?? []) {
        for (const version of [alias.FunctionVersion ?? "", ...weightsOf(alias)]) used.add(version)
      }
    }
  } catch (error) {
    orAbsent(error)
    return []
  }
  versions.sort((a, b) => b - a)
  const went: string[] = []
  for (const version of versions.slice(keep).map(String)) {
    if (used.has(version)) continue
    // With a number: without one it would be the whole function.
    await client.send(new DeleteFunctionCommand({ FunctionName, Qualifier: version }), { abortSignal: signal })
    went.push(`${FunctionName}:${version}`)
  }
  return went
}

/** Versions that get a part of the calls beside the alias' own. */
function weightsOf(alias: Pick<AliasConfiguration, "RoutingConfig"> | undefined): readonly string[] {
  return Object.keys(alias?.RoutingConfig?.AdditionalVersionWeights ?? {})
}

/** Source: Lambda API reference, UpdateAlias, CreateAlias and PublishVersion, “Errors”. */
function isChanged(error: unknown): boolean {
  return ["PreconditionFailedException", "ResourceConflictException"].includes(nameOf(error))
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ""
}
