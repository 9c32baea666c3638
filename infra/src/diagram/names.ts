/** What resources are called in the picture: by their own names, without what all of them share. */
import type { Network, SecurityGroup } from "../proofs/network.ts"
import { withoutHash } from "../proofs/network.ts"
import type { Resolved, Resource } from "../templates/resolve.ts"
import { keyed, textOf } from "../templates/value.ts"

/** Properties that name a resource. */
const NAMES = [
  "ServiceName",
  "FunctionName",
  "RepositoryName",
  "LogGroupName",
  "TableName",
  "BucketName",
  "TopicName",
  "RoleName",
  "DBInstanceIdentifier",
  "DashboardName",
  "AliasName",
  "Name",
]

export class Names {
  /** What the stacks' names have in common, such as `perigee-production`. */
  readonly title: string
  readonly #prefix: string
  readonly #groups = new Map<string, string>()

  constructor(resolved: Resolved, network: Network) {
    const stacks = resolved.templates.map(({ stackName }) => stackName)
    this.#prefix = stacks.length > 1 ? shared(stacks) : ""
    const [vpc] = network.vpcs
    const fallback = textOf(keyed(vpc?.properties["Tags"], "Name")) ?? stacks[0] ?? "architecture"
    this.title = this.#prefix === "" ? fallback : this.#prefix.replace(/[-_/]+$/, "")
    for (const group of network.groups) this.#groups.set(group.address, this.#groupName(group, network))
  }

  /** Without the common prefix, and without a path's. */
  short(name: string): string {
    if (this.#prefix === "") return name
    for (const prefix of [this.#prefix, ...["/", "/aws/lambda/", "alias/"].map((one) => `${one}${this.title}`)]) {
      if (name.startsWith(prefix) && name.length > prefix.length)
        return name.slice(prefix.length).replace(/^[-_/]+/, "")
    }
    const slashed = this.title.replace(/-([^-]*)$/, "/$1")
    for (const prefix of [`${this.title}/`, `/${slashed}/`, `${slashed}/`]) {
      if (name.startsWith(prefix)) return name.slice(prefix.length)
    }
    return name
  }

  of(resource: Resource | string): string {
    if (typeof resource === "string") return withoutHash(resource.slice(resource.indexOf("/") + 1))
    const { properties, id } = resource
    for (const key of NAMES) {
      const value = properties[key]
      if (typeof value === "string") return this.short(value)
    }
    const tag = textOf(keyed(properties["Tags"], "Name"))
    return tag === undefined || tag.includes("/") ? withoutHash(id) : this.short(tag)
  }

  /** A security group is called like what stands behind it. */
  group({ address, name }: Pick<SecurityGroup, "address" | "name">): string {
    return this.#groups.get(address) ?? name
  }

  groupAt(address: string): string {
    return this.#groups.get(address) ?? this.of(address)
  }

  #groupName(group: SecurityGroup, { things }: Network): string {
    const users = things.filter(({ interfaces }) =>
      interfaces.some(({ groups }) => groups.some(({ address }) => address === group.address)),
    )
    const [first, ...others] = users
    if (first === undefined) return group.resource === undefined ? group.name : this.of(group.resource)
    if (others.length === 0) return plain(first.name)
    return users.every(({ kind }) => kind === first.kind) ? `${first.kind}s` : group.name
  }
}

/** `user_metadata` for `service user_metadata`. */
export function plain(thing: string): string {
  return thing.replace(/^(service|function|scheduled task|endpoint) /, "")
}

/** The longest beginning that all have, up to a separator. */
export function shared(texts: readonly string[]): string {
  const [first = ""] = texts
  let length = first.length
  for (const text of texts) {
    while (!text.startsWith(first.slice(0, length))) length -= 1
  }
  return first.slice(0, length).replace(/[^-_/]*$/, "")
}
