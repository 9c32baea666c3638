/** All targets at once: what stands, what is rolled out, and the way back. */
import { EXIT, Refusal } from "../refusal.ts"
import type { Session } from "../session.ts"
import { TARGET as LAMBDA } from "../targets/lambda/rolling.ts"
import type { RolledOut, RollingOptions, Wanted } from "../targets/rolling.ts"
import { TARGETS } from "../targets/targets.ts"

/** What of each unit runs, as a rollout is taken back to it. */
export type Standing = readonly Pick<RolledOut, "target" | "unit" | "from">[]

/** @throws Refusal AWS can't be asked */
export async function standingUnits(session: Session, signal: AbortSignal): Promise<Standing> {
  return (await all(TARGETS.map(({ rolling }) => rolling.standing(session, signal)))).flat()
}

/** As a record keeps it. */
export function standingTexts(standing: Standing): Record<string, string> {
  return Object.fromEntries(standing.map(({ target, unit, from = "" }) => [`${target}/${unit}`, from]))
}

export function standingOf(texts: Readonly<Record<string, string>>): Standing {
  return Object.entries(texts).map(([key, from]) => {
    const [target = "", unit = ""] = key.split("/")
    return { target, unit, from: from === "" ? undefined : from }
  })
}

/** @throws Refusal AWS can't be asked, or it was stopped; a unit's failure is told */
export async function rollOutUnits(
  session: Session,
  wanted: Wanted,
  options: RollingOptions,
): Promise<readonly RolledOut[]> {
  return (await all(TARGETS.map(({ rolling }) => rolling.rollOut(session, wanted, options)))).flat()
}

/** @throws Refusal AWS can't be asked; or a unit did not come back: a person must look */
export async function rollBackUnits(
  session: Session,
  standing: Standing,
  options: RollingOptions,
): Promise<readonly RolledOut[]> {
  const ended = (await all(TARGETS.map(({ rolling }) => rolling.rollBack(session, standing, options)))).flat()
  const stuck = ended.filter(({ outcome }) => outcome === "failed")
  if (stuck.length === 0) return ended
  const what = stuck.map(({ unit, from, reason }) => `${unit} does not go back to ${from ?? "nothing"}: ${reason}`)
  throw new Refusal(EXIT.stuck, what.join("; "))
}

/** The function's version among what stands, or stood. */
export function functionVersionOf(units: Standing): string | undefined {
  return units.find(({ target }) => target === LAMBDA)?.from
}

/** @throws Refusal which units failed, and why */
export function requireRolledOut(units: readonly RolledOut[]): void {
  const failed = units.filter(({ outcome }) => outcome === "failed" || outcome === "back")
  if (failed.length === 0) return
  throw new Refusal(
    EXIT.failed,
    failed.map(({ unit, reason }) => `${unit}: ${reason ?? "no reason is told"}`).join("; "),
  )
}

/** Waits for all of them, and only then fails for the first: none goes on unseen. */
async function all<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  const ended = await Promise.allSettled(work)
  const failed = ended.find((one) => one.status === "rejected")
  if (failed !== undefined) throw failed.reason
  return ended.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
}
