/** What could be chosen otherwise in a stage, one thing at a time, so that each has a price of its own. */
import { INTERFACE_ENDPOINTS, SERVICES, type Service, type ServiceName, type Stage } from "../stage.ts"
import type { ParameterValues, Resource } from "./conditions.ts"
import type { Templates } from "./quantities.ts"

export interface Choice {
  readonly what: string
  /** The stage with it; the same where only a stack's parameter differs. */
  readonly stage?: Stage
  readonly parameters?: ParameterValues
  /** What no configuration of ours makes, for comparison. */
  readonly templates?: (templates: Templates) => Templates
}

const FEWEST_TASKS = 2
const SHORT_LOGS_DAYS = 30

export function choicesOf(stage: Stage): Choice[] {
  const { database, network, services, architecture, logDays } = stage
  const fewest = Math.min(...SERVICES.map((name) => services[name].minimum))
  const choices: (Choice | false)[] = [
    {
      what: database.multiAz ? "the database in one zone" : "the database in two zones (Multi-AZ)",
      stage: { ...stage, database: { ...database, multiAz: !database.multiAz } },
    },
    {
      what: architecture === "ARM64" ? "tasks and Lambda on X86_64" : "tasks and Lambda on ARM64",
      stage: { ...stage, architecture: architecture === "ARM64" ? "X86_64" : "ARM64" },
    },
    network.interfaceEndpoints.length > 0 && {
      what: "no interface endpoints: AWS's services by the NAT gateway",
      stage: { ...stage, network: { ...network, interfaceEndpoints: [] } },
    },
    network.interfaceEndpoints.length < INTERFACE_ENDPOINTS.length && {
      what: `all ${INTERFACE_ENDPOINTS.length} interface endpoints in every zone`,
      stage: { ...stage, network: { ...network, interfaceEndpoints: INTERFACE_ENDPOINTS } },
    },
    fewest > FEWEST_TASKS && {
      what: `${FEWEST_TASKS} tasks of each service at least`,
      stage: withMinimum(stage, FEWEST_TASKS),
    },
    { what: `${fewest + 1} tasks of each service at least`, stage: withMinimum(stage, fewest + 1) },
    logDays !== SHORT_LOGS_DAYS && {
      what: `logs kept ${SHORT_LOGS_DAYS} days`,
      stage: { ...stage, logDays: SHORT_LOGS_DAYS },
    },
    {
      what: "the static address from a pool of your own (BYOIP)",
      parameters: { EgressAddressPool: "ipv4pool-ec2-0" },
    },
    { what: "no way out (EgressZone none)", parameters: { EgressZone: "none" } },
    {
      what: "a NAT gateway and an address in each zone (not offered: it would be several addresses)",
      templates: natGatewayInEachZone,
    },
  ]
  return choices.filter((choice) => choice !== false)
}

function withMinimum(stage: Stage, minimum: number): Stage {
  const services = SERVICES.map((name): [ServiceName, Service] => {
    const service = stage.services[name]
    return [name, { ...service, minimum, maximum: Math.max(minimum, service.maximum) }]
  })
  return { ...stage, services: Object.fromEntries(services) as Record<ServiceName, Service> }
}

function natGatewayInEachZone(templates: Templates): Templates {
  const resources = Object.entries(templates.network.Resources).flatMap(([id, resource]): [string, Resource][] => {
    if (resource.Type !== "AWS::EC2::NatGateway") return resource.Type === "AWS::EC2::EIP" ? [] : [[id, resource]]
    const { Type, Properties } = resource
    return [
      [id, { Type, ...(Properties && { Properties }) }],
      [`${id}Address`, { Type: "AWS::EC2::EIP" }],
    ]
  })
  return { ...templates, network: { ...templates.network, Resources: Object.fromEntries(resources) } }
}
