/**
 * `npm run bench:proofs`: how long the proofs take for production, from reading its templates and alone, and how they grow
 * with the number of services: up to 100, in templates generated here, against the size of the matrix.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stageNamed } from "../../infra/config/stages.ts"
import { stageApp } from "../../infra/src/app.ts"
import { part } from "../../infra/src/cidr.ts"
import { pairs } from "../../infra/src/proofs/matrix.ts"
import { networkOf } from "../../infra/src/proofs/network.ts"
import { prove } from "../../infra/src/proofs/prove.ts"
import { Reach } from "../../infra/src/proofs/reach.ts"
import type { Stage } from "../../infra/src/stage.ts"
import { type RawResource, readTemplates, type Template } from "../../infra/src/templates/read.ts"
import { resolve } from "../../infra/src/templates/resolve.ts"
import { median } from "./median.ts"

/** Milliseconds that production may take, read and proved. */
const BUDGET = 1000
const ROUNDS = 7
/** Times that a pair may cost of the largest what it costs of the smallest: the matrix grows, its cells do not. */
const LARGEST_GROWTH = 2
const GROWTH = [3, 10, 30, 100]
const ZONES = ["a", "b", "c"]

function timed<T>(run: () => T): { value: T; milliseconds: number } {
  const start = performance.now()
  const value = run()
  return { value, milliseconds: performance.now() - start }
}

function medianOf(rounds: number, run: () => unknown): number {
  return median(Array.from({ length: rounds }, () => timed(run).milliseconds))
}

/** What it takes when nothing else runs: for ratios on a machine that is shared. */
function leastOf(rounds: number, run: () => unknown): number {
  return Math.min(...Array.from({ length: rounds }, () => timed(run).milliseconds))
}

function synthesized(stage: Stage, folder: string): string {
  const functionZip = join(folder, "function.zip")
  writeFileSync(functionZip, "")
  const outdir = join(folder, "templates")
  stageApp(stage, { outdir, functionZip, validate: false }).app.synth()
  return outdir
}

/** A platform like production's, of this many services: a group each, rules to and from the load balancer and the database. */
function platform(services: number): Template {
  const resources: Record<string, RawResource> = {}
  const add = (id: string, type: string, properties: Record<string, unknown>) => {
    resources[id] = { Type: `AWS::${type}`, Properties: properties }
    return { Ref: id }
  }
  const VpcId = add("Vpc", "EC2::VPC", { CidrBlock: "10.0.0.0/16" })
  const InternetGatewayId = add("Gateway", "EC2::InternetGateway", {})
  add("Attachment", "EC2::VPCGatewayAttachment", { VpcId, InternetGatewayId })
  add("Ip", "EC2::EIP", {})
  const tiers = ["public", "service", "data"]
  const cidr = (tier: number, zone: number) => part("10.0.0.0/16", 4, tier * 4 + zone)
  tiers.forEach((tier, at) => {
    const NetworkAclId = add(`${tier}Acl`, "EC2::NetworkAcl", { VpcId })
    const open = { NetworkAclId, RuleAction: "allow", CidrBlock: "0.0.0.0/0", Protocol: 6 }
    for (const Egress of [true, false]) {
      add(`${tier}Acl${Egress}`, "EC2::NetworkAclEntry", {
        ...open,
        Egress,
        RuleNumber: 9000,
        PortRange: { From: 443, To: 65_535 },
      })
      ZONES.forEach((_, zone) => {
        const entry = { ...open, Egress, RuleNumber: 100 + zone, CidrBlock: cidr((at + 1) % 3, zone) }
        add(`${tier}Acl${Egress}${zone}`, "EC2::NetworkAclEntry", { ...entry, PortRange: { From: 80, To: 80 } })
      })
    }
    ZONES.forEach((letter, zone) => {
      const SubnetId = add(`${tier}${letter}`, "EC2::Subnet", {
        VpcId,
        CidrBlock: cidr(at, zone),
        AvailabilityZone: `eu-central-1${letter}`,
        Tags: [{ Key: "tier", Value: tier }],
      })
      const RouteTableId = add(`${tier}${letter}Table`, "EC2::RouteTable", { VpcId })
      add(`${tier}${letter}TableOf`, "EC2::SubnetRouteTableAssociation", { SubnetId, RouteTableId })
      add(`${tier}${letter}AclOf`, "EC2::SubnetNetworkAclAssociation", { SubnetId, NetworkAclId })
      const target = tier === "public" ? { GatewayId: InternetGatewayId } : { NatGatewayId: { Ref: "Nat" } }
      if (tier !== "data")
        add(`${tier}${letter}Route`, "EC2::Route", { RouteTableId, DestinationCidrBlock: "0.0.0.0/0", ...target })
    })
  })
  add("Nat", "EC2::NatGateway", {
    SubnetId: { Ref: "publica" },
    AllocationId: { "Fn::GetAtt": ["Ip", "AllocationId"] },
  })
  const nothing = { IpProtocol: "icmp", FromPort: 252, ToPort: 86, CidrIp: "255.255.255.255/32" }
  const group = (id: string, inbound: object[], outbound: object[]) => {
    add(id, "EC2::SecurityGroup", { VpcId, SecurityGroupIngress: inbound, SecurityGroupEgress: outbound })
    return { "Fn::GetAtt": [id, "GroupId"] }
  }
  const https = { IpProtocol: "tcp", FromPort: 443, ToPort: 443, CidrIp: "0.0.0.0/0" }
  const balancer = group("BalancerGroup", [https], [nothing])
  const database = group("DatabaseGroup", [], [nothing])
  const subnets = (tier: string) => ZONES.map((letter) => ({ Ref: `${tier}${letter}` }))
  add("Balancer", "ElasticLoadBalancingV2::LoadBalancer", { SecurityGroups: [balancer], Subnets: subnets("public") })
  const DBSubnetGroupName = add("DatabaseSubnets", "RDS::DBSubnetGroup", { SubnetIds: subnets("data") })
  add("Database", "RDS::DBInstance", {
    DBSubnetGroupName,
    VPCSecurityGroups: [database],
    PubliclyAccessible: false,
    Engine: "postgres",
  })
  const rule = (id: string, from: object, to: object, port: number) => {
    const ports = { IpProtocol: "tcp", FromPort: port, ToPort: port }
    add(`${id}Out`, "EC2::SecurityGroupEgress", { ...ports, GroupId: from, DestinationSecurityGroupId: to })
    add(`${id}In`, "EC2::SecurityGroupIngress", { ...ports, GroupId: to, SourceSecurityGroupId: from })
  }
  for (let at = 0; at < services; at++) {
    const own = group(`Group${at}`, [], [https])
    rule(`Ask${at}`, balancer, own, 2000 + at)
    rule(`Query${at}`, own, database, 5432)
    const AwsvpcConfiguration = { AssignPublicIp: "DISABLED", SecurityGroups: [own], Subnets: subnets("service") }
    add(`Service${at}`, "ECS::Service", { ServiceName: `s${at}`, NetworkConfiguration: { AwsvpcConfiguration } })
  }
  return { name: "platform", stackName: "platform", region: "eu-central-1", body: { Resources: resources } }
}

/** Production, allowing what {@link platform} makes. */
function stageOf(services: number): Stage {
  const production = stageNamed("production")
  const names = Array.from({ length: services }, (_, at) => `service s${at}`)
  const own = { internet: [443], "load balancer": [443], database: [5432] }
  return {
    ...production,
    allowed: {
      ...production.allowed,
      reachable: {
        internet: { "load balancer": [443] },
        "load balancer": Object.fromEntries(names.map((name, at) => [name, [2000 + at]])),
        ...Object.fromEntries(names.map((name) => [name, own])),
      },
      twiceShut: { internet: [...names, "database"] },
    },
  }
}

const folder = mkdtempSync(join(tmpdir(), "bench-proofs-"))
try {
  const stage = stageNamed("production")
  const outdir = synthesized(stage, folder)
  const before = process.cpuUsage()
  const first = timed(() => prove(readTemplates(outdir), stage))
  const spent = process.cpuUsage(before)
  const failures = first.value.proved.flatMap((one) => one.failures)
  if (failures.length > 0) throw new Error(`production does not hold: ${failures[0]?.what}`)
  const read = medianOf(ROUNDS, () => prove(readTemplates(outdir), stage))
  const templates = readTemplates(outdir)
  const alone = medianOf(ROUNDS, () => prove(templates, stage))
  console.log(`production, ${first.value.proved.length} claims, median of ${ROUNDS}`)
  console.log(
    `  the first time in a process, from reading the templates  ${first.milliseconds.toFixed(0).padStart(6)} ms (${((spent.user + spent.system) / 1000).toFixed(0)} ms of CPU)`,
  )
  console.log(`  from reading the templates                               ${read.toFixed(0).padStart(6)} ms`)
  console.log(`  proofs alone                                             ${alone.toFixed(0).padStart(6)} ms\n`)

  console.log("least of several rounds\nservices   pairs   matrix      per pair      ×    all proofs   per pair")
  let base: number | undefined
  let growth = 1
  for (const services of GROWTH) {
    const generated = platform(services)
    const network = networkOf(resolve([generated]))
    const matrix = () => {
      const reach = new Reach(network)
      for (const [from, to] of pairs(reach)) reach.cell(from, to)
      return reach
    }
    // Small ones end before the engine has compiled them: it is the growth that is asked for.
    for (let warm = 0; warm < 5; warm++) matrix()
    const rounds = services > 30 ? 5 : 3 * ROUNDS
    const count = pairs(matrix()).length
    const report = prove([generated], stageOf(services))
    const holds = report.proved.find(({ proof }) => proof.id === "network.matrix")
    if (holds === undefined || holds.failures.length > 0)
      throw new Error(`${services} services: ${holds?.failures[0]?.what}`)
    const milliseconds = leastOf(rounds, matrix)
    const all = leastOf(rounds, () => prove([generated], stageOf(services)))
    const each = (milliseconds / count) * 1000
    base ??= each
    growth = each / base
    console.log(
      `${String(services).padStart(8)} ${String(count).padStart(7)} ${milliseconds.toFixed(1).padStart(8)} ms ${each.toFixed(1).padStart(9)} µs ` +
        `${growth.toFixed(2).padStart(6)} ${all.toFixed(0).padStart(10)} ms ${((all / count) * 1000).toFixed(1).padStart(7)} µs`,
    )
  }
  console.log(
    `\nproduction within ${BUDGET} ms: ${read <= BUDGET ? "yes" : "no"}; a pair of 100 services costs ${growth.toFixed(2)} × one of 3`,
  )
  process.exitCode = read <= BUDGET && growth <= LARGEST_GROWTH ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
