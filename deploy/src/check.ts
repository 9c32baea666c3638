/** A check of `verify`: a question about the account, asked beside the others, with an answer for a person. */
import { EXIT, Refusal, refusalOf } from "./refusal.ts"
import type { Session } from "./session.ts"

/** `ok` ✓; `failed` ✗; `unknown` –: what could not be checked, which is never as good as ✓. */
export type Mark = "ok" | "failed" | "unknown"

const SIGNS: Readonly<Record<Mark, string>> = { ok: "✓", failed: "✗", unknown: "–" }

export interface Finding {
  readonly mark: Mark
  /** What was looked at, and how it is. */
  readonly what: string
  /** What to do, where the mark is not `ok`. */
  readonly todo?: string
}

export interface Check {
  /** Names the check where it can't answer. */
  readonly name: string
  /** @param signal aborted when its time is over; every request takes it */
  readonly findings: (session: Session, signal: AbortSignal) => Promise<readonly Finding[]>
}

export const ok = (what: string): Finding => ({ mark: "ok", what })
export const failed = (what: string, todo: string): Finding => ({ mark: "failed", what, todo })
export const unknown = (what: string, todo: string): Finding => ({ mark: "unknown", what, todo })

export interface Answer {
  readonly check: string
  readonly findings: readonly Finding[]
}

/**
 * Asks all at once. One that throws, or is not done in time, has failed with its reason; the others go on.
 *
 * @param seconds for each
 * @returns the answers in the order of the checks
 * @throws Refusal the run was stopped by a signal
 */
export async function ask(checks: readonly Check[], session: Session, seconds: number): Promise<readonly Answer[]> {
  return await Promise.all(
    checks.map(async (check) => ({ check: check.name, findings: await findingsOf(check, session, seconds) })),
  )
}

async function findingsOf(check: Check, session: Session, seconds: number): Promise<readonly Finding[]> {
  const late = AbortSignal.timeout(seconds * 1000)
  const signal = AbortSignal.any([session.signal, late])
  try {
    // A check that does not listen to its signal is left behind all the same.
    return await Promise.race([check.findings(session, signal), aborted(signal)])
  } catch (error) {
    if (session.signal.aborted) throw session.signal.reason
    if (late.aborted)
      return [failed(`${check.name}: no answer within ${seconds} s`, "try again; --seconds gives more time")]
    const refusal = refusalOf(error)
    const reason = refusal instanceof Error ? refusal.message : String(refusal)
    const denied = refusal instanceof Refusal && refusal.exitCode === EXIT.credentials
    return [
      failed(
        `${check.name}: ${reason}`,
        denied ? "docs/permissions.md has the policy that verify needs" : "do as the reason says, and verify again",
      ),
    ]
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  })
}

/** Every line a mark, what, and what to do. */
export function table(answers: readonly Answer[]): string {
  return answers
    .flatMap(({ findings }) => findings)
    .map(({ mark, what, todo }) => `${SIGNS[mark]} ${what}${todo === undefined ? "" : `\n    → ${todo}`}`)
    .join("\n")
}

/** Whether every finding is ✓. */
export function allOk(answers: readonly Answer[]): boolean {
  return answers.every(({ findings }) => findings.every(({ mark }) => mark === "ok"))
}
