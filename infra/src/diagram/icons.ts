/** AWS' icons, taken from the package `aws-icons` when drawn: none is kept here. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** Which file of the package shows what. */
const FILES = {
  account: "architecture-group/AWSCloudlogo",
  region: "architecture-group/Region",
  vpc: "architecture-group/VirtualprivatecloudVPC",
  publicSubnet: "architecture-group/Publicsubnet",
  privateSubnet: "architecture-group/Privatesubnet",
  internet: "resource/Internetalt1",
  internetGateway: "resource/AmazonVPCInternetGateway",
  natGateway: "resource/AmazonVPCNATGateway",
  elasticIp: "resource/AmazonEC2ElasticIPAddress",
  router: "resource/AmazonVPCRouter",
  networkAcl: "resource/AmazonVPCNetworkAccessControlList",
  endpoint: "resource/AmazonVPCEndpoints",
  networkInterface: "resource/AmazonVPCElasticNetworkInterface",
  flowLogs: "resource/AmazonVPCFlowLogs",
  applicationLoadBalancer: "resource/ElasticLoadBalancingApplicationLoadBalancer",
  networkLoadBalancer: "resource/ElasticLoadBalancingNetworkLoadBalancer",
  service: "resource/AmazonElasticContainerServiceService",
  task: "resource/AmazonElasticContainerServiceTask",
  fargate: "architecture-service/AWSFargate",
  lambda: "architecture-service/AWSLambda",
  database: "architecture-service/AmazonRDS",
  databaseInstance: "resource/AmazonAuroraAmazonRDSInstance",
  databaseStandby: "resource/AmazonRDSMultiAZ",
  dynamodb: "architecture-service/AmazonDynamoDB",
  bucket: "architecture-service/AmazonSimpleStorageService",
  secret: "architecture-service/AWSSecretsManager",
  key: "architecture-service/AWSKeyManagementService",
  role: "architecture-service/AWSIdentityandAccessManagement",
  logs: "architecture-service/AmazonCloudWatch",
  alarm: "resource/AmazonCloudWatchAlarm",
  topic: "architecture-service/AmazonSimpleNotificationService",
  registry: "architecture-service/AmazonElasticContainerRegistry",
  parameter: "architecture-service/AWSSystemsManager",
  firewall: "architecture-service/AWSWAF",
  certificate: "architecture-service/AWSCertificateManager",
  dns: "architecture-service/AmazonRoute53",
  events: "architecture-service/AmazonEventBridge",
} as const

export type IconName = keyof typeof FILES

export interface IconArt {
  readonly viewBox: string
  /** What is inside the `<svg>`, in which the ink of AWS' grey icons is `currentColor`. */
  readonly body: string
}

const folder = join(dirname(createRequire(import.meta.url).resolve("aws-icons/package.json")), "icons")
const read = new Map<IconName, IconArt>()

/** AWS' slates, which would not be seen in the dark. */
const SLATE = /#(?:232f3d|232f3e|242f3e|242e3d|252f3e)/gi

export function icon(name: IconName): IconArt {
  const known = read.get(name)
  if (known !== undefined) return known
  const svg = readFileSync(join(folder, `${FILES[name]}.svg`), "utf8")
  const viewBox = /viewBox="([^"]+)"/.exec(svg)?.[1] ?? "0 0 48 48"
  const inside = svg
    .replace(/^<svg[^>]*>/, "")
    .replace(/<\/svg>\s*$/, "")
    .replace(/<title>.*?<\/title>/s, "")
  const art = { viewBox, body: name === "account" ? inside : inside.replace(SLATE, "currentColor") }
  read.set(name, art)
  return art
}
