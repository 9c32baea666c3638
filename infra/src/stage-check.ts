/** The check of a stage's configuration: the first thing that is wrong with it, in one line. */
import { RegionInfo } from "aws-cdk-lib/region-info"
import { blockOf, contains, overlap, PRIVATE_BLOCKS, prefixOf } from "./cidr.ts"
import { misfit, type Shape } from "./shape.ts"
import { type FargateSize, INTERFACE_ENDPOINTS, SERVICES, type Stage, StageError } from "./stage.ts"

/** Fargate's sizes: CPU units (1024 are a vCPU) and the MiB that go with them. Source: ECS developer guide, "Task size". */
const FARGATE_SIZES: Readonly<Record<number, readonly number[]>> = {
  256: [512, 1024, 2048],
  512: [1024, 2048, 3072, 4096],
  1024: [2048, 3072, 4096, 5120, 6144, 7168, 8192],
  2048: [4096, 5120, 6144, 7168, 8192, 9216, 10240, 11264, 12288, 13312, 14336, 15360, 16384],
}

/** CloudWatch Logs' retention, in days. Source: API reference, `PutRetentionPolicy`. */
const RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
]

/** Source: IANA IPv4 Special-Purpose Address Registry, those that somebody might write. */
const NOT_PUBLIC = [
  ...PRIVATE_BLOCKS,
  "0.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/3",
] as const

const FARGATE = { cpu: "number", memoryMiB: "number" } as const satisfies Record<string, Shape>

/** {@link Stage}, for a configuration that was never type checked. */
const SHAPE: Shape = {
  members: {
    name: "text",
    "account?": "text",
    region: "text",
    zones: { listOf: "text" },
    protect: "yes or no",
    tags: { mapOf: "text" },
    network: {
      members: {
        cidr: "text",
        neighbours: { listOf: "text" },
        egressZone: "text",
        "egressAddress?": "text",
        interfaceEndpoints: { listOf: "text" },
      },
    },
    entry: { members: { certificate: { mapOf: "text" }, requestsPerAddress: "number" } },
    architecture: ["X86_64", "ARM64"],
    services: {
      members: Object.fromEntries(
        SERVICES.map((name) => [
          name,
          {
            members: {
              port: "number",
              path: "text",
              ...FARGATE,
              minimum: "number",
              maximum: "number",
              targetCpu: "number",
              targetRequests: "number",
            },
          },
        ]),
      ),
    },
    database: {
      members: {
        instance: "text",
        multiAz: "yes or no",
        storage: "number",
        maximumStorage: "number",
        backupDays: "number",
      },
    },
    neows: { members: { page: "number", schedule: "text", hourlyLimit: "number", task: { members: FARGATE } } },
    logDays: "number",
    "alarmEmail?": "text",
    circleci: {
      members: {
        organizationId: "text",
        projectId: "text",
        origin: "text",
        branch: "text",
        provider: ["new", "existing"],
      },
    },
    allowed: "anything",
    acls: "anything",
  },
}

/**
 * @param others the other stages, whose networks must not overlap
 * @throws StageError the first thing that is wrong
 */
export function check(stage: Stage, others: readonly Stage[] = []): Stage {
  const file = `infra/config/${stage.name}.ts`
  const refuse = (what: string): never => {
    throw new StageError(`${file}: ${what}`)
  }
  const within = (name: string, value: number, low: number, high: number, unit = "") => {
    if (!Number.isInteger(value) || value < low || value > high) {
      refuse(`${name} is ${value}; give a whole number from ${low} to ${high}${unit}`)
    }
  }
  const misshapen = misfit(stage, SHAPE, "stage")
  if (misshapen !== undefined) refuse(misshapen.replace(/^stage\./, ""))
  // IAM allows 64 characters to a role's name, and ours take up to 47 more. No hyphen: names in policies end at one.
  if (!/^[a-z][a-z0-9]{1,16}$/.test(stage.name)) {
    refuse(`the stage's name ${quoted(stage.name)} must be 2 to 17 of a–z and 0–9, a letter first`)
  }
  if (stage.account !== undefined && !/^\d{12}$/.test(stage.account)) {
    refuse(`account ${quoted(stage.account)} is no account id; give its 12 digits, or leave it out`)
  }
  if (!RegionInfo.regions.some(({ name }) => name === stage.region)) {
    refuse(`region ${quoted(stage.region)} is no region of AWS; one is called like eu-central-1`)
  }
  checkZones(stage, refuse)
  checkNetwork(stage, others, refuse)
  checkServices(stage, refuse, within)
  checkCertificate(stage, refuse)
  within("entry.requestsPerAddress", stage.entry.requestsPerAddress, 10, 2_000_000_000)
  const { database, neows } = stage
  checkTags(stage, refuse)
  checkAccounts(stage, others, refuse)
  if (!/^[a-z][a-z0-9]*\.[a-z0-9]+$/.test(database.instance)) {
    refuse(`database.instance ${quoted(database.instance)} is no instance class; one is called like t4g.medium`)
  }
  within("database.storage", database.storage, 20, 65_536, " GiB")
  within("database.maximumStorage", database.maximumStorage, Math.ceil(database.storage * 1.1), 65_536, " GiB")
  within("database.backupDays", database.backupDays, 1, 35)
  within("neows.page", neows.page, 0, 2 ** 31 - 1)
  within("neows.hourlyLimit", neows.hourlyLimit, 1, 1_000_000)
  checkSize("neows.task", neows.task, refuse)
  if (!isSchedule(neows.schedule)) {
    refuse(`neows.schedule ${quoted(neows.schedule)} is no schedule; one looks like cron(0 3 * * ? *) or rate(1 day)`)
  }
  if (!RETENTION_DAYS.includes(stage.logDays)) {
    refuse(`logDays is ${stage.logDays}; CloudWatch keeps logs for one of ${RETENTION_DAYS.join(", ")} days`)
  }
  if (stage.alarmEmail !== undefined && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(stage.alarmEmail)) {
    refuse(`alarmEmail ${quoted(stage.alarmEmail)} is no e-mail address; give one, or leave it out`)
  }
  checkCircleci(stage, refuse)
  return stage
}

type Refuse = (what: string) => never
type Within = (name: string, value: number, low: number, high: number, unit?: string) => void

function checkZones({ name, zones, network, protect }: Stage, refuse: Refuse): void {
  const least = name === "production" || protect ? 3 : 2
  if (zones.length < least || zones.length > 4) {
    refuse(
      `zones has ${zones.length} of them; give ${least} to 4${least === 3 ? " where data is protected" : ""}, such as ["a", "b", "c"]`,
    )
  }
  const odd = zones.find((zone, at) => !/^[a-z]$/.test(zone) || zones.indexOf(zone) !== at)
  if (odd !== undefined) refuse(`zones names ${quoted(odd)}; give each zone's letter once, such as ["a", "b", "c"]`)
  if (!zones.includes(network.egressZone)) {
    refuse(`network.egressZone ${quoted(network.egressZone)} is none of the zones ${zones.join(", ")}`)
  }
}

function checkNetwork({ network, name }: Stage, others: readonly Stage[], refuse: Refuse): void {
  const block = (where: string, text: string) => {
    try {
      return blockOf(text)
    } catch (error) {
      return refuse(`${where}: ${(error as Error).message}`)
    }
  }
  const own = block("network.cidr", network.cidr)
  if (!PRIVATE_BLOCKS.some((text) => contains(blockOf(text), own))) {
    refuse(`network.cidr ${network.cidr} is not private; take a block of ${PRIVATE_BLOCKS.join(", ")}`)
  }
  const prefix = prefixOf(network.cidr)
  if (prefix < 16 || prefix > 19) {
    const size = prefix > 19 ? "too small for the subnets of all zones" : "larger than a VPC may be"
    refuse(`network.cidr ${network.cidr} is ${size}; give a block from /16 to /19`)
  }
  for (const neighbour of network.neighbours) {
    if (overlap(own, block("network.neighbours", neighbour))) {
      refuse(`network.cidr ${network.cidr} overlaps its neighbour ${neighbour}; take another block`)
    }
  }
  for (const other of others) {
    if (other.name !== name && overlap(own, block(`network.cidr of ${other.name}`, other.network.cidr))) {
      refuse(
        `network.cidr ${network.cidr} overlaps ${other.network.cidr} of the stage ${other.name}; take another block`,
      )
    }
  }
  if (network.egressAddress !== undefined) {
    const address = block("network.egressAddress", `${network.egressAddress}/32`)
    if (NOT_PUBLIC.some((text) => contains(blockOf(text), address))) {
      refuse(`network.egressAddress ${network.egressAddress} is no public address; give one of your own pool`)
    }
  }
  const endpoints = network.interfaceEndpoints
  for (const [at, endpoint] of endpoints.entries()) {
    if (endpoints.indexOf(endpoint) !== at) refuse(`network.interfaceEndpoints names ${quoted(endpoint)} twice`)
    if (!INTERFACE_ENDPOINTS.includes(endpoint)) {
      refuse(`network.interfaceEndpoints names ${quoted(endpoint)}; there are ${INTERFACE_ENDPOINTS.join(", ")}`)
    }
  }
}

function checkServices(stage: Stage, refuse: Refuse, within: Within): void {
  const ports = new Map<number, string>()
  const paths = new Map<string, string>()
  for (const name of SERVICES) {
    const service = stage.services[name]
    const at = `services.${name}`
    within(`${at}.port`, service.port, 1, 65_535)
    const samePort = ports.get(service.port)
    if (samePort !== undefined) refuse(`${at}.port ${service.port} is ${samePort}'s already; give each service its own`)
    ports.set(service.port, name)
    if (/^\/(health|metrics|docs)(\/|$)/.test(service.path)) {
      refuse(`${at}.path ${quoted(service.path)} is for inside only (docs/services.md); give one like /api/users`)
    }
    // ELB allows 128 characters to a path pattern, and ours adds two.
    if (!/^(\/[a-z0-9_-]+)+$/.test(service.path) || service.path.length > 126) {
      refuse(`${at}.path ${quoted(service.path)} is no path; give one like /api/users, with no * and no / at its end`)
    }
    for (const [path, other] of paths) {
      if (`${path}/`.startsWith(`${service.path}/`) || `${service.path}/`.startsWith(`${path}/`)) {
        refuse(`${at}.path ${service.path} and ${other}'s ${path} take the same requests; give each service its own`)
      }
    }
    paths.set(service.path, name)
    within(`${at}.minimum`, service.minimum, 2, 1000, " tasks")
    within(`${at}.maximum`, service.maximum, service.minimum, 1000, " tasks")
    within(`${at}.targetCpu`, service.targetCpu, 10, 90, " percent")
    within(`${at}.targetRequests`, service.targetRequests, 1, 1_000_000, " a minute")
    checkSize(at, service, refuse)
  }
}

function checkSize(at: string, { cpu, memoryMiB }: FargateSize, refuse: Refuse): void {
  const sizes = FARGATE_SIZES[cpu]
  if (sizes === undefined) refuse(`${at}.cpu is ${cpu}; Fargate has ${Object.keys(FARGATE_SIZES).join(", ")} here`)
  if (!sizes.includes(memoryMiB)) {
    refuse(`${at}.memoryMiB is ${memoryMiB}; with ${cpu} units of CPU Fargate has ${sizes.join(", ")}`)
  }
}

function checkCertificate({ entry: { certificate }, region, account }: Stage, refuse: Refuse): void {
  if ("certificateArn" in certificate) {
    const [, arnRegion, arnAccount] =
      /^arn:aws[a-z-]*:acm:([a-z0-9-]+):(\d{12}):certificate\/[0-9a-f-]+$/.exec(certificate.certificateArn) ?? []
    if (arnRegion === undefined) refuse("entry.certificate.certificateArn is no ARN of a certificate of ACM")
    if (arnRegion !== region) {
      refuse(`entry.certificate.certificateArn is of ${arnRegion}; a load balancer in ${region} needs one of ${region}`)
    }
    if (account !== undefined && arnAccount !== account) {
      refuse(`entry.certificate.certificateArn is of account ${arnAccount}; the stage's is ${account}`)
    }
    return
  }
  const { zoneId, zoneName, name = zoneName } = certificate
  const domain = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/
  if (zoneName === undefined || !domain.test(zoneName)) {
    refuse(
      `entry.certificate.zoneName ${quoted(zoneName)} is no domain; give one like flights.example.com, no dot at its end`,
    )
  }
  if (!domain.test(name))
    refuse(`entry.certificate.name ${quoted(name)} is no domain; give one like flights.example.com`)
  if (zoneId === undefined || !/^Z[A-Z0-9]{1,31}$/.test(zoneId)) {
    refuse(`entry.certificate.zoneId ${quoted(zoneId)} is no hosted zone's id; one starts with Z`)
  }
  if (name !== zoneName && !name.endsWith(`.${zoneName}`)) {
    refuse(`entry.certificate.name ${quoted(name)} is not within the zone ${zoneName}`)
  }
}

function checkCircleci({ circleci }: Stage, refuse: Refuse): void {
  for (const key of ["organizationId", "projectId"] as const) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(circleci[key])) {
      refuse(`circleci.${key} ${quoted(circleci[key])} is no UUID; CircleCI shows it in the settings`)
    }
  }
  // The role's trust compares them by StringLike: a * or ? here would open it to others.
  if (!/^[a-z0-9.-]+\/[\w.-]+\/[\w.-]+$/i.test(circleci.origin)) {
    refuse(`circleci.origin ${quoted(circleci.origin)} is no repository; one looks like github.com/owner/repository`)
  }
  if (circleci.origin.endsWith(".git")) refuse("circleci.origin ends in .git; CircleCI's tokens name it without")
  // Source: git-check-ref-format(1).
  if (/^refs\/|\.\.|\/\/|^[./-]|[./]$/.test(circleci.branch) || !/^[\w./-]+$/.test(circleci.branch)) {
    refuse(`circleci.branch ${quoted(circleci.branch)} is no branch's name, such as main; patterns are not allowed`)
  }
}

function checkTags({ tags }: Stage, refuse: Refuse): void {
  for (const [key, value] of Object.entries(tags)) {
    // Source: “Tag naming limits and requirements”, Tagging AWS resources.
    if (!/^(?!aws:)[\w .:/=+@-]{1,128}$/i.test(key) || !/^[\w .:/=+@-]{0,256}$/.test(value)) {
      refuse(
        `tags: ${quoted(key)} = ${quoted(value)} is no tag; letters, digits and . : / = + @ - _, and no key that starts with aws:`,
      )
    }
    if (key === "project" || key === "stage") refuse(`tags: ${key} is set by the stage itself; leave it out`)
  }
}

/** An account has one OIDC provider for an issuer. */
function checkAccounts({ name, account, circleci }: Stage, others: readonly Stage[], refuse: Refuse): void {
  for (const other of others) {
    if (other.name === name || account === undefined || other.account !== account) continue
    const same = other.circleci.organizationId === circleci.organizationId
    if (same && other.circleci.provider === "new" && circleci.provider === "new") {
      refuse(
        `circleci.provider is "new" here and in ${other.name}, of the same account; one of them makes it, the other says "existing"`,
      )
    }
  }
}

/** Source: EventBridge Scheduler user guide, “Schedule types”. */
function isSchedule(text: string): boolean {
  const [, kind, rest = ""] = /^(cron|rate)\(([^()]+)\)$/.exec(text) ?? []
  if (kind === "rate") return /^(1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))$/.test(rest)
  if (kind !== "cron") return false
  const fields = rest.split(" ")
  const [minutes = "", hours = "", days = "", months = "", weekdays = "", years = ""] = fields
  return (
    fields.length === 6 &&
    /^[\d*,/-]+$/.test(minutes) &&
    /^[\d*,/-]+$/.test(hours) &&
    /^[\d*,/?LW-]+$/.test(days) &&
    /^[\dA-Z*,/-]+$/.test(months) &&
    /^[\dA-Z*,/?L#-]+$/.test(weekdays) &&
    /^[\d*,/-]+$/.test(years) &&
    // Of the day of the month and the day of the week one is a question mark.
    (days === "?") !== (weekdays === "?")
  )
}

function quoted(value: unknown): string {
  return JSON.stringify(value) ?? "undefined"
}
