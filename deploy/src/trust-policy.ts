/** Whether a service of AWS may take a role, read from the role's trust policy as it stands in the account. */
import { GetRoleCommand, IAMClient } from "@aws-sdk/client-iam"
import { type Finding, failed, ok } from "./check.ts"
import type { Session } from "./session.ts"

interface Statement {
  readonly Effect?: string
  readonly Principal?: unknown
  readonly Action?: unknown
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** Operators under which a condition on `aws:SourceAccount` can hold. Source: IAM user guide, “Condition operators”. */
const TEXT_OPERATORS = /^(ForAnyValue:)?String(Equals|Like)(IfExists)?$/

/**
 * @param role its name or ARN
 * @param service such as `ecs-tasks.amazonaws.com`
 * @param account that the service acts for
 */
export async function assumable(
  { aws }: Session,
  role: string,
  service: string,
  account: string,
  signal: AbortSignal,
): Promise<Finding> {
  const RoleName = role.split("/").at(-1) ?? role
  const mend = "deploy its stack again, which writes the trust policy"
  try {
    const { Role } = await aws.client(IAMClient).send(new GetRoleCommand({ RoleName }), { abortSignal: signal })
    const why = refusalOfTrust(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ""), service, account)
    return why === undefined
      ? ok(`role ${RoleName}: ${service} may take it`)
      : failed(`role ${RoleName}: ${service} may not take it: ${why}`, mend)
  } catch (error) {
    if (error instanceof Error && error.name === "NoSuchEntityException")
      return failed(`role ${RoleName} is not there, and something runs with it`, mend)
    throw error
  }
}

/** @returns why the service may not take the role, or undefined where it may */
export function refusalOfTrust(document: string, service: string, account: string): string | undefined {
  let statements: readonly Statement[]
  try {
    statements = list((JSON.parse(document) as { Statement?: unknown }).Statement) as readonly Statement[]
  } catch {
    return "its trust policy is no JSON"
  }
  const about = statements.filter(({ Principal, Action }) => names(Principal, service) && assumes(Action))
  if (about.length === 0) return "no statement of its trust policy names it"
  const holding = about.filter(({ Condition }) => holds(Condition, account))
  if (holding.some(({ Effect }) => Effect === "Deny")) return "its trust policy denies it"
  if (!holding.some(({ Effect }) => Effect === "Allow"))
    return `the conditions of its trust policy don't hold in account ${account}`
  return undefined
}

function names(principal: unknown, service: string): boolean {
  if (principal === "*") return true
  const services = (principal as { Service?: unknown } | undefined)?.Service
  return list(services).some((one) => one === service || one === "*")
}

function assumes(action: unknown): boolean {
  return list(action).some((one) => one === "sts:AssumeRole" || one === "sts:*" || one === "*")
}

/** Of a service's call the account is known beforehand; a condition on anything else can't be promised to hold. */
function holds(condition: Statement["Condition"], account: string): boolean {
  return Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(
      ([key, values]) =>
        key.toLowerCase() === "aws:sourceaccount" &&
        TEXT_OPERATORS.test(operator) &&
        list(values).some((value) => value === account || value === "*"),
    ),
  )
}

function list(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}
