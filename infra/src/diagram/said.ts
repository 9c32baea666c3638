/** Which proof speaks of which resource: a proof is watched while it looks at the templates. */
import type { Network } from "../proofs/network.ts"
import { type Proof, Subject } from "../proofs/proof.ts"
import { PROOFS } from "../proofs/prove.ts"
import type { Reach, ReachOptions } from "../proofs/reach.ts"
import { Resolved, type Resource } from "../templates/resolve.ts"
import type { Address } from "./architecture.ts"

/** What a proof said, and of which resources. */
export interface Said {
  readonly id: string
  readonly claim: string
  /** Resources whose properties it read. */
  readonly of: ReadonlySet<Address>
  /** Parts of the network, where it reckoned with the whole of that. */
  readonly ofNetwork: ReadonlySet<Address>
  /** What is wrong, by resource. */
  readonly failures: readonly { readonly resource: Address; readonly what: string }[]
}

export function saidOf(subject: Subject, proofs: readonly Proof[] = PROOFS): Said[] {
  const watched = new Watched(subject)
  return proofs
    .filter(({ needsStage }) => subject.stage !== undefined || !needsStage)
    .map((proof): Said => {
      const { result, seen, network } = watched.during(() => proof.prove(watched))
      return { id: proof.id, claim: proof.claim, of: seen, ofNetwork: network, failures: result.failures }
    })
}

const NONE: ReadonlySet<Address> = new Set()

/** A subject that notes whose properties are read. */
class Watched extends Subject {
  readonly #resolved: Resolved
  #seen = new Set<Address>()
  #network: ReadonlySet<Address> = NONE
  #partsOfNetwork: ReadonlySet<Address> | undefined

  constructor({ templates, stage, parameters, resolved }: Subject) {
    super(templates, stage, parameters)
    const watch = (resource: Resource): Resource =>
      Object.defineProperty({ ...resource }, "properties", {
        enumerable: true,
        get: () => {
          this.#seen.add(resource.address)
          return resource.properties
        },
      })
    this.#resolved = new Resolved({ ...partsOf(resolved), resources: resolved.resources.map(watch) })
  }

  during<T>(run: () => T): { result: T; seen: ReadonlySet<Address>; network: ReadonlySet<Address> } {
    this.#seen = new Set()
    this.#network = NONE
    const result = run()
    return { result, seen: this.#seen, network: this.#network }
  }

  override get resolved(): Resolved {
    return this.#resolved
  }

  /** Its parts are read when it is made, once, and not when a proof reckons with them. */
  override get network(): Network {
    const seen = this.#seen
    this.#seen = new Set()
    const network = super.network
    this.#seen = seen
    this.#partsOfNetwork ??= new Set(addressesOf(network))
    this.#network = this.#partsOfNetwork
    return network
  }

  override reachWith(options: ReachOptions): Reach {
    this.network
    return super.reachWith(options)
  }

  override with(parameters: Readonly<Record<string, string>>): Subject {
    this.network
    return super.with(parameters)
  }
}

function partsOf({ templates, resources, absent, outputs, parameters }: Resolved) {
  return { templates, resources, absent, outputs, parameters }
}

function addressesOf(network: Network): Address[] {
  const { vpcs, subnets, groups, acls, routeTables, natGateways, internetGateways, elasticIps, things } = network
  return [
    ...vpcs,
    ...internetGateways,
    ...elasticIps,
    ...[...subnets, ...acls, ...routeTables, ...natGateways].map(({ resource }) => resource),
    ...groups.flatMap(({ resource }) => resource ?? []),
    ...things.flatMap(({ resources }) => resources),
  ].map(({ address }) => address)
}
