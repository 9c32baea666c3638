/** Whether somebody approved this very plan: by its file, by its digest, or, in development, by what it leaves alone. */
import { readFile } from "node:fs/promises"
import type { Stage } from "../../../infra/src/stage.ts"
import type { Values } from "../command.ts"
import type { Plan } from "../plan/plan.ts"
import { EXIT, Refusal } from "../refusal.ts"

/** What was approved of a plan that was written to a file. */
export type ApprovedPlan = Pick<Plan, "version" | "stage" | "region" | "account" | "digest"> & {
  readonly classification: Pick<Plan["classification"], "reasons">
}

export type Approval =
  | { readonly by: "plan"; readonly path: string; readonly plan: ApprovedPlan }
  | { readonly by: "digest"; readonly digest: string }
  | { readonly by: "non-destructive" }

/** The only value of `--auto-approve`. */
export const NON_DESTRUCTIVE = "non-destructive"

const FLAGS = ["approved-plan", "approve", "auto-approve"] as const
const DIGEST = /^[0-9a-f]{64}$/
/** Reasons that a line has room for. */
const TOLD = 3

/**
 * @param values flags, of which one must say what is approved
 * @throws Refusal none or several are given, or what is given is no approval of this stage
 */
export async function approvalOf(values: Values, stage: Stage): Promise<Approval> {
  const given = FLAGS.filter((flag) => values[flag] !== undefined)
  if (given.length !== 1) {
    const what = given.length === 0 ? "nothing is approved" : `${given.map((one) => `--${one}`).join(" and ")} are two`
    throw new Refusal(
      EXIT.usage,
      `${what}: give one of --approved-plan=<plan.json>, --approve=<digest>, --auto-approve=${NON_DESTRUCTIVE}`,
    )
  }
  const value = String(values[given[0] as string])
  switch (given[0]) {
    case "approved-plan":
      return { by: "plan", path: value, plan: await approvedPlan(value) }
    case "approve":
      if (DIGEST.test(value)) return { by: "digest", digest: value }
      throw new Refusal(EXIT.usage, `--approve=${value} is no digest: give all 64 digits of the plan's last line`)
    default:
      if (value !== NON_DESTRUCTIVE)
        throw new Refusal(EXIT.usage, `--auto-approve=${value} is unknown; there is ${NON_DESTRUCTIVE}`)
      if (stage.protect) {
        const what = `--auto-approve is for stages without protection, and ${stage.name} has it`
        throw new Refusal(EXIT.usage, `${what}: plan, and give --approved-plan=<plan.json>`)
      }
      return { by: "non-destructive" }
  }
}

async function approvedPlan(path: string): Promise<ApprovedPlan> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Refusal(EXIT.noStack, `--approved-plan: ${path} can't be read; npm run deploy -- plan --out=${path}`, {
      cause,
    })
  })
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    // Told below, as what is no plan.
  }
  if (isPlan(read)) return read
  throw new Refusal(EXIT.unfit, `--approved-plan: ${path} is no plan of this program; plan again, with --out=${path}`)
}

function isPlan(read: unknown): read is ApprovedPlan {
  const { version, stage, region, account, digest, classification } = (read ?? {}) as Partial<ApprovedPlan>
  return (
    version === 1 &&
    [stage, region, account].every((one) => typeof one === "string") &&
    typeof digest === "string" &&
    DIGEST.test(digest) &&
    Array.isArray(classification?.reasons)
  )
}

/**
 * @param plan as it was computed again, of what is deployed now
 * @throws Refusal it is not the approved one, or nobody may approve it
 */
export function requireApproval(approval: Approval, plan: Plan): void {
  if (approval.by === "plan") requireSamePlace(approval.plan, plan, approval.path)
  if (plan.proofs.failed.length > 0) {
    const ids = plan.proofs.failed.map(({ id }) => id).join(", ")
    throw new Refusal(EXIT.unfit, `${ids} can't be proved of the planned templates; npm run deploy -- plan tells why`)
  }
  const gone = plan.stacks.filter(({ state }) => state === "deleted").map(({ stackName }) => stackName)
  if (gone.length > 0) {
    const what = `${gone.join(", ")} is deployed and no longer in the stage, and a deploy deletes no stack`
    throw new Refusal(EXIT.unfit, `${what}: aws cloudformation delete-stack, or bring it back; then plan again`)
  }
  const { reasons } = plan.classification
  switch (approval.by) {
    case "plan": {
      requireSameDigest(approval.plan.digest, plan.digest)
      const known = new Set(approval.plan.classification.reasons)
      const fresh = reasons.filter((one) => !known.has(one))
      if (fresh.length === 0) return
      const what = "what is deployed has changed since the plan was approved, and now it also says"
      throw new Refusal(EXIT.unfit, `${what}: ${listed(fresh)}; plan again`)
    }
    case "digest":
      requireSameDigest(approval.digest, plan.digest)
      return
    case "non-destructive":
      if (reasons.length === 0) return
      throw new Refusal(
        EXIT.unfit,
        `this needs somebody's approval: ${listed(reasons)}; plan, and give --approved-plan=<plan.json>`,
      )
  }
}

function requireSamePlace(approved: ApprovedPlan, plan: Plan, path: string): void {
  for (const key of ["stage", "region", "account"] as const) {
    if (approved[key] === plan[key]) continue
    const what = `--approved-plan: ${path} is of the ${key} ${approved[key]}, and this is ${plan[key]}`
    throw new Refusal(EXIT.unfit, `${what}; plan again`)
  }
}

function requireSameDigest(approved: string, now: string): void {
  if (approved === now) return
  const [one, other] = [approved, now].map((digest) => digest.slice(0, 12))
  throw new Refusal(EXIT.unfit, `the plan ${one} was approved, and what would be deployed now is ${other}; plan again`)
}

function listed(reasons: readonly string[]): string {
  const more = reasons.length > TOLD ? [`${reasons.length - TOLD} more`] : []
  return [...reasons.slice(0, TOLD), ...more].join("; ")
}
