/** Field by field, a task definition that runs against the one that a template would register. */
import type { Difference } from "../target.ts"
import { READ_ONLY } from "./exact-task-definition.ts"
import { Open } from "./template-values.ts"

/** What ECS adds; tags are beside a definition, not in it. */
const LEFT_OUT: ReadonlySet<string> = new Set([...READ_ONLY, "tags"])
/** Objects whose keys are the user's own. */
const MAPS = new Set(["options", "dockerLabels"])
/** Lists whose order says nothing, by what names an element. */
const NAMED: Readonly<Record<string, string>> = {
  containerDefinitions: "name",
  environment: "name",
  secrets: "name",
  portMappings: "containerPort",
  systemControls: "namespace",
  mountPoints: "containerPath",
  volumes: "name",
  ulimits: "name",
}

type Fields = ReadonlyMap<string, unknown>

/**
 * @param running as DescribeTaskDefinition tells it
 * @param planned properties of an `AWS::ECS::TaskDefinition`, resolved
 * @param mayStay whether an {@link Open} value's expression is the one that was deployed last, by field
 * @returns in the order of the fields' names
 */
export function taskDefinitionDifferences(
  running: object,
  planned: object,
  mayStay: (field: string) => boolean = () => false,
): readonly Difference[] {
  const left = fields(running)
  const right = fields(lowerCased(planned) as object)
  return [...new Set([...left.keys(), ...right.keys()])].sort().flatMap((field) => {
    const [is, becomes] = [left.get(field), right.get(field)]
    if (same(is, becomes) || (becomes instanceof Open && is !== undefined && mayStay(field))) return []
    return [{ field, running: is, planned: becomes instanceof Open ? becomes.text : becomes }]
  })
}

/** Every leaf that is not what its absence means, by its path: `containerDefinitions[flights].environment[PORT].value`. */
export function fields(definition: object): Fields {
  const found = new Map<string, unknown>()
  for (const [key, value] of Object.entries(definition)) {
    if (!LEFT_OUT.has(key) && value !== "") add(found, key, key, value)
  }
  return found
}

function add(found: Map<string, unknown>, path: string, key: string, value: unknown): void {
  if (value === undefined || value === null) return
  if (Array.isArray(value)) {
    const by = NAMED[key]
    if (by === undefined) {
      if (value.length > 0) found.set(path, value.map(String).join(" "))
      return
    }
    for (const element of value as Record<string, unknown>[]) {
      const completed = key === "portMappings" ? withPortDefaults(element) : element
      for (const [inner, text] of Object.entries(completed)) {
        if (inner !== by) add(found, `${path}[${element[by]}].${inner}`, inner, text)
      }
      // An element that is its name alone is there all the same.
      if (Object.keys(completed).length === 1) found.set(`${path}[${element[by]}]`, true)
    }
    return
  }
  if (typeof value === "object" && !(value instanceof Open)) {
    for (const [inner, text] of Object.entries(value)) add(found, `${path}.${inner}`, inner, text)
    return
  }
  if (!meansAbsence(key, value)) found.set(path, value)
}

/** Source: ECS API reference, `PortMapping`: awsvpc's host port is the container's, and the protocol is tcp. */
function withPortDefaults(mapping: Record<string, unknown>): Record<string, unknown> {
  return { hostPort: mapping["containerPort"], protocol: "tcp", ...mapping }
}

/** ECS fills in `cpu: 0` for a container and `essential: true`. Source: ECS API reference, `ContainerDefinition`. */
function meansAbsence(key: string, value: unknown): boolean {
  return (key === "cpu" && Number(value) === 0) || (key === "essential" && String(value) === "true")
}

function same(running: unknown, planned: unknown): boolean {
  if (running === undefined || planned === undefined) return running === planned
  // CloudFormation takes "30" where ECS tells 30.
  return !(planned instanceof Open) && String(running) === String(planned)
}

/** `ContainerDefinitions` as `containerDefinitions`, all the way down but in maps of the user's. */
function lowerCased(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => lowerCased(one, key))
  if (typeof value !== "object" || value === null || value instanceof Open) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const lower = MAPS.has(key) ? name : name.charAt(0).toLowerCase() + name.slice(1)
      return [lower, lowerCased(inner, lower)]
    }),
  )
}
