/**
 * What a stage promises, as tables: who may open a connection to whom, who may do what. The proofs compute what is built
 * and compare. These tables are written beside the stages (`infra/config/allowed.ts`) and share nothing with the stacks,
 * so that a mistake in a stack can't be in both.
 */
import type { TaskPlace } from "./proofs/network.ts"

/** TCP ports by who is reached. */
export type Ports = Readonly<Record<string, readonly number[]>>

/** Resource, actions, and the condition under which, as the proofs write them (`infra/src/proofs/policy.ts`). */
export type Permission = readonly [resource: string, actions: string, condition?: string]

/** The same with who, of a policy that a resource has: `*`, `account`, `service x.amazonaws.com`, `aws iam role/…`. */
export type ResourcePermission = readonly [
  effect: "allow" | "deny",
  principal: string,
  resource: string,
  actions: string,
  condition?: string,
]

export interface AllowedRole {
  /** Who takes the role, and under which condition. */
  readonly trust: readonly [principal: string, action: string, condition: string]
  readonly may: readonly Permission[]
  /** What is denied on top of it. */
  readonly mayNot?: readonly Permission[]
}

/** Who runs as what. Names are those of AWS: a task's family, a service's, function's and schedule's name. */
export interface AllowedRun {
  readonly kind: "task" | "service" | "function" | "schedule"
  readonly name: string
  /** Roles as {@link Allowed.roles} names them; secrets as `NAME=arn`, sorted; `none` for none. */
  readonly as: Readonly<Record<string, string>>
}

export interface Allowed {
  /** Who may open a connection to whom. What is not listed, and every other port and protocol, must be impossible. */
  readonly reachable: Readonly<Record<string, Ports>>
  /** Pairs that two layers guard: shut with every ACL open, and shut with every security group open. */
  readonly twiceShut: Readonly<Record<string, readonly string[]>>
  /** Paths by whom the load balancer leads them to. */
  readonly entrance: Readonly<Record<string, readonly string[]>>
  /** What a program outside of the templates runs, and where. */
  readonly tasks: readonly TaskPlace[]
  readonly roles: Readonly<Record<string, AllowedRole>>
  readonly runs: readonly AllowedRun[]
  /** Policies of keys, buckets, endpoints and topics. */
  readonly policies: Readonly<Record<string, readonly ResourcePermission[]>>
  /** Actions that may be on `*`, with the reason; in key policies `*` is the key itself, and is not meant. */
  readonly anyResource: Readonly<Record<string, string>>
}
