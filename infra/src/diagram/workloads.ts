/** What runs in the subnets, as bars: load balancers, services, tasks, functions, endpoints and the database. */
import type { Network, Thing } from "../proofs/network.ts"
import type { Resolved, Resource } from "../templates/resolve.ts"
import { at, flagOf, list, numberOf, textOf, type Value } from "../templates/value.ts"
import type { Cell, Workload } from "./architecture.ts"
import { keyName } from "./cards.ts"
import type { Names } from "./names.ts"
import { plain } from "./names.ts"

export interface Bar {
  readonly tier: string
  readonly things: readonly Thing[]
  readonly workload: Workload
}

export interface Surroundings {
  readonly resolved: Resolved
  readonly network: Network
  readonly names: Names
  readonly zones: readonly string[]
}

/** @param things one, or several that are drawn as one; each in a subnet at least */
export function barOf(things: readonly Thing[], around: Surroundings): Bar {
  const [thing] = things
  const [resource] = thing?.resources ?? []
  if (thing === undefined || resource === undefined) throw new Error("a bar needs something to show")
  const zones = [...new Set(thing.interfaces.map(({ subnet }) => around.zones.indexOf(subnet.zone)))].sort()
  const groups = new Set(thing.interfaces.flatMap((one) => one.groups.map((group) => around.names.group(group))))
  const look = LOOKS[thing.kind](thing, resource, { ...around, things, cellZones: zones })
  const isPublic = thing.interfaces.some(({ publicAddress }) => publicAddress)
  return {
    tier: thing.interfaces[0]?.subnet.tier ?? "",
    things,
    workload: {
      groups: [...groups],
      ...look,
      id: look.id ?? resource.address,
      facts: isPublic && thing.kind !== "load balancer" ? ["public address", ...look.facts] : look.facts,
      members: things.flatMap((one) => one.resources.map(({ address }) => address)),
    },
  }
}

interface Context extends Surroundings {
  readonly things: readonly Thing[]
  readonly cellZones: readonly number[]
}

type Look = Pick<Workload, "icon" | "title" | "colour" | "facts" | "cells"> & { readonly id?: string }

const LOOKS: Readonly<Record<Thing["kind"], (thing: Thing, resource: Resource, context: Context) => Look>> = {
  "load balancer": loadBalancer,
  service,
  function: lambda,
  "scheduled task": scheduledTask,
  "one-off task": oneOffTask,
  database,
  "interface endpoint": endpoints,
  "gateway endpoint": endpoints,
}

function same(zones: readonly number[], cell: Omit<Cell, "zone">): Cell[] {
  return zones.map((zone) => ({ zone, ...cell }))
}

function loadBalancer(thing: Thing, resource: Resource, { resolved, network, cellZones }: Context): Look {
  const type = textOf(resource.properties["Type"]) ?? "application"
  const listeners = network.listeners
    .filter((one) => resolved.of(one.resource.properties["LoadBalancerArn"]) === resource)
    .map(({ port, protocol, resource: { properties } }) => {
      const [action] = list(properties["DefaultActions"])
      const to = at(action, "RedirectConfig")
      const code = textOf(at(to, "StatusCode"))?.replace("HTTP_", "")
      const redirect = to === undefined ? "" : ` → ${code} ${textOf(at(to, "Protocol"))} ${textOf(at(to, "Port"))}`
      const policy = textOf(properties["SslPolicy"])?.replace("ELBSecurityPolicy-", "")
      return `${protocol} ${port}${policy === undefined ? "" : ` (${policy})`}${redirect}`
    })
  const firewalls = resolved
    .ofType("AWS::WAFv2::WebACLAssociation")
    .filter(({ properties }) => resolved.of(properties["ResourceArn"]) === resource)
    .flatMap(({ properties }) => resolved.of(properties["WebACLArn"]) ?? [])
    .map(({ properties }) => `WAF, ${list(properties["Rules"]).length} rules`)
  const domains = resolved
    .ofType("AWS::Route53::RecordSet")
    .filter(({ properties }) =>
      JSON.stringify(properties["AliasTarget"] ?? null).includes(`${resource.address}.DNSName`),
    )
    .map(({ properties }) => (textOf(properties["Name"]) ?? "").replace(/\.$/, ""))
  const addresses = thing.interfaces.some(({ publicAddress }) => publicAddress) ? "public address" : "private address"
  return {
    icon: type === "network" ? "networkLoadBalancer" : "applicationLoadBalancer",
    title: `${type.charAt(0).toUpperCase()}${type.slice(1)} load balancer`,
    colour: "vpc",
    facts: [textOf(resource.properties["Scheme"]) ?? "internet-facing", ...domains, ...listeners, ...firewalls],
    cells: same(cellZones, { icon: "networkInterface", lines: [addresses] }),
  }
}

function service(thing: Thing, resource: Resource, { resolved, network, names, cellZones }: Context): Look {
  const definition = resolved.of(resource.properties["TaskDefinition"])
  const target = resolved
    .ofType("AWS::ApplicationAutoScaling::ScalableTarget")
    .find(({ properties }) => (textOf(properties["ResourceId"]) ?? "").includes(resource.address))
  const policies = resolved
    .ofType("AWS::ApplicationAutoScaling::ScalingPolicy")
    .filter(({ properties }) => target !== undefined && resolved.of(properties["ScalingTargetId"]) === target)
    .map(({ properties }) => properties["TargetTrackingScalingPolicyConfiguration"])
  const scaling =
    target === undefined
      ? [`${numberOf(resource.properties["DesiredCount"]) ?? 1} tasks`]
      : [`${numberOf(target.properties["MinCapacity"])}–${numberOf(target.properties["MaxCapacity"])} tasks`]
  const paths = network.forwards.filter(({ to }) => to === thing.name).flatMap((one) => one.paths)
  const shortest = paths.filter((path) => !paths.some((other) => other !== path && path.startsWith(`${other}/`)))
  return {
    icon: "service",
    title: names.of(resource),
    colour: "workload",
    facts: [...shortest, ...scaling, ...policies.map(scalingTarget)],
    cells: same(cellZones, {
      icon: "fargate",
      lines: [
        ["task", ...(thing.listens.length > 0 ? [`port ${thing.listens.join(", ")}`] : [])].join(" · "),
        size(definition),
      ],
    }),
  }
}

/** `CPU 60 %`, `1500 requests a minute and task`: what target tracking holds. */
function scalingTarget(policy: Value | undefined): string {
  const value = numberOf(at(policy, "TargetValue"))
  const metric = textOf(at(policy, "PredefinedMetricSpecification", "PredefinedMetricType")) ?? ""
  if (metric.endsWith("CPUUtilization")) return `CPU ${value} %`
  if (metric.endsWith("MemoryUtilization")) return `memory ${value} %`
  if (metric === "ALBRequestCountPerTarget") return `${value} requests a minute each`
  return `${metric} ${value}`
}

function size(definition: Resource | undefined): string {
  const { Cpu, Memory } = definition?.properties ?? {}
  return `${textOf(Cpu) ?? "?"} CPU · ${textOf(Memory) ?? "?"} MiB`
}

function scheduledTask(_: Thing, resource: Resource, { resolved, names, cellZones }: Context): Look {
  const { properties } = resource
  const parameters =
    at(properties, "Target", "EcsParameters") ??
    list(properties["Targets"])
      .map((one) => at(one, "EcsParameters"))
      .find((one) => one !== undefined)
  const definition = resolved.of(at(parameters, "TaskDefinitionArn"))
  const schedule = textOf(properties["ScheduleExpression"])
  const zone = textOf(properties["ScheduleExpressionTimezone"])
  return {
    // The schedule itself has a card.
    ...(definition !== undefined && { id: definition.address }),
    icon: "task",
    title: names.of(resource),
    colour: "workload",
    facts: [
      ...(schedule === undefined ? [] : [zone === undefined ? schedule : `${schedule} ${zone}`]),
      ...told(resource),
    ],
    cells: same(cellZones, { icon: "fargate", lines: [`task · ${size(definition)}`] }),
  }
}

function told({ properties }: Resource): string[] {
  const description = textOf(properties["Description"])
  return description === undefined ? [] : [description]
}

function oneOffTask(thing: Thing, _: Resource, { names, cellZones }: Context): Look {
  const [first] = thing.resources
  const families = thing.resources.map(({ properties, id }) => names.short(textOf(properties["Family"]) ?? id))
  return {
    icon: "task",
    title: thing.name,
    colour: "workload",
    facts: families.length > 4 ? [`${families.length} task definitions`] : families,
    cells: same(cellZones, { icon: "fargate", lines: [`task · ${size(first)}`] }),
  }
}

function lambda(_: Thing, { properties, ...resource }: Resource, { names, cellZones }: Context): Look {
  const reserved = numberOf(properties["ReservedConcurrentExecutions"])
  return {
    icon: "lambda",
    title: names.of({ properties, ...resource }),
    colour: "workload",
    facts: [
      textOf(properties["Runtime"]) ?? "container image",
      ...(reserved === undefined ? [] : [`${reserved} at a time`]),
      ...told({ properties, ...resource }),
    ],
    cells: same(cellZones, {
      icon: "networkInterface",
      lines: [`${textOf(properties["MemorySize"]) ?? "128"} MiB · ${textOf(properties["Timeout"]) ?? "3"} s`],
    }),
  }
}

function endpoints(_: Thing, __: Resource, { things, cellZones }: Context): Look {
  const services = things.map(({ name }) => plain(name))
  return {
    icon: "endpoint",
    title: things.length === 1 ? "Interface endpoint" : "Interface endpoints",
    colour: "vpc",
    facts: services,
    cells: same(cellZones, { icon: "networkInterface", lines: [`${services.length} × private address`] }),
  }
}

function database(thing: Thing, resource: Resource, { resolved, names, cellZones }: Context): Look {
  const { properties } = resource
  const multiple = flagOf(properties["MultiAZ"]) === true
  const parameters = resolved.of(properties["DBParameterGroupName"])?.properties["Parameters"]
  const key = resolved.of(properties["KmsKeyId"])
  const [storage, most] = [numberOf(properties["AllocatedStorage"]), numberOf(properties["MaxAllocatedStorage"])]
  const yes = (name: string) => flagOf(properties[name]) === true
  const facts = [
    `${textOf(properties["Engine"])} ${textOf(properties["EngineVersion"]) ?? ""}`.trim(),
    `${storage}${most === undefined ? "" : `–${most}`} GiB ${textOf(properties["StorageType"]) ?? ""}`.trim(),
    yes("StorageEncrypted")
      ? `encrypted${key === undefined ? "" : ` by ${keyName(key, resolved, names)}`}`
      : "not encrypted",
    ...(textOf(at(parameters, "rds.force_ssl")) === "1" ? ["TLS only"] : []),
    ...(yes("EnableIAMDatabaseAuthentication") ? ["IAM authentication"] : []),
    flagOf(properties["PubliclyAccessible"]) === false ? "not public" : "publicly accessible",
    ...(multiple ? [`Multi-AZ in 2 of ${cellZones.length} zones`] : []),
    `backups ${numberOf(properties["BackupRetentionPeriod"]) ?? 1} days`,
    ...(yes("DeletionProtection") ? ["deletion protection"] : []),
  ]
  const about = `${textOf(properties["DBInstanceClass"]) ?? ""} · port ${thing.listens.join(", ")}`
  const cells = cellZones.map((zone, at): Cell => {
    if (at === 0) return { zone, icon: "databaseInstance", lines: ["primary", about] }
    if (at === 1 && multiple) return { zone, icon: "databaseStandby", lines: ["standby", about] }
    return { zone, icon: "databaseInstance", lines: ["subnet of the group"], faded: true }
  })
  return { icon: "database", title: names.of(resource), colour: "database", facts, cells }
}
