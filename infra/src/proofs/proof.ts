/** What a proof is, and what it says when it fails. */
import type { Allowed } from "../allowed.ts"
import type { Stage } from "../stage.ts"
import type { Template } from "../templates/read.ts"
import { type Resolved, type Resource, resolve } from "../templates/resolve.ts"
import { aclFailures } from "./acl-openings.ts"
import { type Network, networkOf, type Unmodelled } from "./network.ts"
import { Reach, type ReachOptions } from "./reach.ts"
import type { Hop } from "./trace.ts"

export interface Failure {
  /** `template/id` of what to change; a table's entry, where that is what is wrong. */
  readonly resource: string
  /** In one line: what is so, and what should be. */
  readonly what: string
  /** How a connection gets through, or where it stops. */
  readonly path?: readonly Hop[]
}

export interface Outcome {
  /** How many things were looked at: pairs, resources, grants. */
  readonly checked: number
  readonly failures: readonly Failure[]
}

export interface Proof {
  /** Such as `network.matrix`. */
  readonly id: string
  /** What is proved, as a sentence. */
  readonly claim: string
  /** The requirement that it holds: of the brief, or of the stacks' own list. */
  readonly holds: string
  /** It compares with a stage's promises, and says nothing without them. */
  readonly needsStage?: true
  prove(subject: Subject): Outcome
}

/** Templates in what ways the proofs look at them; each made once, when first asked for. */
export class Subject {
  readonly templates: readonly Template[]
  readonly stage: Stage | undefined
  readonly parameters: Readonly<Record<string, string>>

  readonly #made = new Map<string, unknown>()

  constructor(
    templates: readonly Template[],
    stage: Stage | undefined = undefined,
    parameters: Readonly<Record<string, string>> = {},
  ) {
    // A folder without a manifest does not tell the region: it is the stage's.
    this.templates =
      stage === undefined
        ? templates
        : templates.map((one) => (one.region === undefined ? { ...one, region: stage.region } : one))
    this.stage = stage
    this.parameters = parameters
  }

  /** @throws TypeError for a proof that should have said {@link Proof.needsStage} */
  get allowed(): Allowed {
    if (this.stage === undefined) throw new TypeError("a stage's promises are needed")
    return this.stage.allowed
  }

  /**
   * Where the network ACLs are not what the stage promises.
   * @throws TypeError for a proof that should have said {@link Proof.needsStage}
   */
  get aclFailures(): readonly Failure[] {
    const { stage } = this
    if (stage === undefined) throw new TypeError("a stage's promises are needed")
    return this.#once("acl failures", () => aclFailures(this.network, stage.acls))
  }

  get resolved(): Resolved {
    return this.#once("resolved", () => resolve(this.templates, { parameters: this.parameters }))
  }

  get network(): Network {
    return this.#once("network", () =>
      networkOf(this.resolved, {
        ...(this.stage !== undefined && { prefix: `perigee-${this.stage.name}-`, tasks: this.stage.allowed.tasks }),
      }),
    )
  }

  get reach(): Reach {
    return this.reachWith({})
  }

  reachWith(options: ReachOptions): Reach {
    return this.#once(`reach ${JSON.stringify(options)}`, () => new Reach(this.network, options))
  }

  /** The same templates with other values of parameters. */
  with(parameters: Readonly<Record<string, string>>): Subject {
    return this.#once(
      `with ${JSON.stringify(parameters)}`,
      () => new Subject(this.templates, this.stage, { ...this.parameters, ...parameters }),
    )
  }

  #once<T>(key: string, make: () => T): T {
    if (!this.#made.has(key)) this.#made.set(key, make())
    return this.#made.get(key) as T
  }
}

/** A rule about each of some resources. */
export function each(
  resources: readonly Resource[],
  wrong: (resource: Resource) => string | readonly string[] | undefined,
): Outcome {
  const failures = resources.flatMap((resource): Failure[] => {
    const what = wrong(resource)
    return (what === undefined ? [] : typeof what === "string" ? [what] : what).map((one) => ({
      resource: resource.address,
      what: one,
    }))
  })
  return { checked: resources.length, failures }
}

export function joinedOutcome(outcomes: readonly Outcome[]): Outcome {
  return {
    checked: outcomes.reduce((sum, { checked }) => sum + checked, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
  }
}

export type { Unmodelled }

/** Kept when its stack goes. `RetainExceptOnCreate` lets go of it only where the stack's first creation fails. */
export function isRetained(deletionPolicy: string | undefined): boolean {
  return deletionPolicy === "Retain" || deletionPolicy === "RetainExceptOnCreate"
}
