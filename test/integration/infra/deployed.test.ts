/**
 * Both stages' stacks, whole and as synthesized, deployed by the CDK toolkit over HTTP to an emulator of AWS; changed,
 * moved and deleted there. The emulator starts no task, passes no packet, checks no permission, keeps no NACL port and is
 * done at once: what it shows is that the templates are complete, in order, accepted and made as told.
 */
import { once } from "node:events"
import { mkdtempSync, readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListStackResourcesCommand,
  paginateListStacks,
  type StackResourceSummary,
} from "@aws-sdk/client-cloudformation"
import {
  DescribeAddressesCommand,
  DescribeNatGatewaysCommand,
  DescribeNetworkAclsCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2"
import {
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  ListClustersCommand,
  ListServicesCommand,
} from "@aws-sdk/client-ecs"
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { expect } from "chai"
import { execa } from "execa"
import { stageApp } from "../../../infra/src/app.ts"
import {
  clusterName,
  imageParameter,
  NOTHING_ROLLED_OUT,
  ROLLED_OUT,
  STACKS,
  stackName,
} from "../../../infra/src/names.ts"
import { SERVICES, type Stage, TIERS } from "../../../infra/src/stage.ts"
import { pack } from "../../../lambda/build.ts"
import { ROOT } from "../../support/get-data.ts"
import { type Json, stage } from "../../support/infra/assembly.ts"
import { type Account, cdk, clientOf, environmentOf, type Ran } from "../../support/infra/toolkit.ts"
import { type Ministack, startMinistack } from "../../support/ministack.ts"
import { describeWith } from "../../support/needs.ts"
import { python } from "../../support/python.ts"

const production = stage("production")
const development = stage("development")
/** The customer's own addresses, which a stage takes its static one from. */
const POOL = "ipv4pool-ec2-0123456789abcdef0"
const PUBLIC = "0.0.0.0/0"

describeWith([python], "the stages on an emulator of AWS", function () {
  this.timeout(120_000)
  let ministack: Ministack
  let folder: string
  let functionZip: string
  const accounts = {} as Record<"production" | "development", Account>

  const assembly = (name: string) => join(folder, name)
  const synthesize = (target: Stage, name: string) => {
    stageApp(target, { outdir: assembly(name), functionZip, validate: false }).app.synth()
  }
  const end = (output: string) => output.split("\n").slice(-20).join("\n")
  const succeeded = ({ exitCode, output }: Ran) => {
    expect(exitCode, end(output)).to.equal(0)
    return output
  }
  const deploy = async (target: Stage, name = target.name, ...more: string[]) => {
    const args = ["deploy", "--all", "--app", assembly(name), "--require-approval", "never", "--concurrency=5", ...more]
    return succeeded(await cdk(accounts[target.name as "production"], args))
  }
  const cloudFormation = (target: Stage) => new CloudFormationClient(clientOf(accounts[target.name as "production"]))
  const ec2 = (target: Stage) => new EC2Client(clientOf(accounts[target.name as "production"]))
  const template = (name: string, stack: string): Json =>
    JSON.parse(readFileSync(join(assembly(name), `${stack}.template.json`), "utf8"))
  const status = async (target: Stage, stack: (typeof STACKS)[number]) => {
    const { Stacks } = await cloudFormation(target).send(
      new DescribeStacksCommand({ StackName: stackName(target.name, stack) }),
    )
    return Stacks?.[0]
  }
  const resources = async (target: Stage, stack: (typeof STACKS)[number]): Promise<StackResourceSummary[]> => {
    const found: StackResourceSummary[] = []
    let page: string | undefined
    do {
      const { StackResourceSummaries, NextToken } = await cloudFormation(target).send(
        new ListStackResourcesCommand({
          StackName: stackName(target.name, stack),
          ...(page !== undefined && { NextToken: page }),
        }),
      )
      found.push(...(StackResourceSummaries ?? []))
      page = NextToken
    } while (page !== undefined)
    return found
  }

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "perigee-live-"))
    const { certificate } = production.entry
    if (!("zoneId" in certificate)) throw new TypeError("production's certificate is of a zone")
    const [server, zip] = await Promise.all([
      startMinistack({ hostedZone: certificate.zoneId }),
      pack(join(folder, "lambda")),
    ])
    ministack = server
    functionZip = zip
    for (const [target, id] of [
      [production, "111111111111"],
      [development, "222222222222"],
    ] as const) {
      accounts[target.name as "production"] = { id, region: target.region, endpoint: ministack.url, home: folder }
    }
    const bootstrapped = Promise.all(
      [production, development].map(async (target) => {
        const account = accounts[target.name as "production"]
        // A hosted zone is there before any stack: the templates name it.
        const zone = { Type: "AWS::Route53::HostedZone", Properties: { Name: "flights.example.com" } }
        const TemplateBody = JSON.stringify({ Resources: { Zone: zone } })
        await cloudFormation(target).send(new CreateStackCommand({ StackName: "zone", TemplateBody }))
        succeeded(await cdk(account, ["bootstrap", `aws://${account.id}/${account.region}`]))
      }),
    )
    synthesize(production, "production")
    synthesize(development, "development")
    await bootstrapped
    await Promise.all([
      deploy(
        production,
        "production",
        "--parameters",
        `${stackName("production", "network")}:EgressAddressPool=${POOL}`,
      ),
      deploy(development),
    ])
  })
  after(async () => {
    await ministack?.close()
    await rm(folder, { recursive: true, force: true })
  })

  for (const target of [production, development]) {
    describe(target.name, () => {
      it("stands whole, from the very templates that synthesis wrote", async () => {
        for (const stack of STACKS) {
          expect((await status(target, stack))?.StackStatus, stack).to.equal("CREATE_COMPLETE")
          const { TemplateBody } = await cloudFormation(target).send(
            new GetTemplateCommand({ StackName: stackName(target.name, stack) }),
          )
          const written = template(target.name, stack)
          expect(JSON.parse(TemplateBody ?? ""), stack).to.deep.equal(written)
          // All that it describes, but the NAT gateways of the zones where the address is not.
          const elsewhere = target.zones.filter((zone) => zone !== target.network.egressZone)
          const absent = elsewhere.map((zone) => `NatGateway${zone.toUpperCase()}`)
          const made = (await resources(target, stack)).map(({ LogicalResourceId }) => LogicalResourceId)
          expect(made, stack).to.have.members(Object.keys(written.Resources).filter((id) => !absent.includes(id)))
        }
      })

      it("takes from another stack only what the assembly declares it to depend on", () => {
        const { artifacts } = JSON.parse(readFileSync(join(assembly(target.name), "manifest.json"), "utf8"))
        const declared = (stack: string): string[] =>
          (artifacts[stack].dependencies as string[])
            .filter((one) => one in artifacts && artifacts[one].type === "aws:cloudformation:stack")
            .flatMap((one) => [one, ...declared(one)])
        let [imports, images] = [0, 0]
        for (const stack of STACKS) {
          const text = JSON.stringify(template(target.name, stack))
          for (const [, exporter = ""] of text.matchAll(/"Fn::ImportValue":"perigee-\w+-(\w+):/g)) {
            imports += 1
            expect(declared(stack), `${stack} imports from ${exporter}`).to.include(exporter)
          }
          for (const [, name = ""] of text.matchAll(/"Default":"\/perigee\/\w+\/(\w+)\/image"/g)) {
            images += 1
            expect(declared(stack), `${stack} reads the image of ${name}`).to.include("delivery")
          }
        }
        expect(imports).to.be.above(10)
        expect(images).to.be.at.least(ROLLED_OUT.length)
      })

      it("has in each zone a subnet of each tier, under its own ACL and routes, and none that gives public addresses", async () => {
        const network = await networkOf(target)
        expect(Object.keys(network)).to.have.members(
          target.zones.flatMap((zone) => TIERS.map((tier) => `${tier}-${zone}`)),
        )
        for (const [name, { zone, mapsPublic, acl, routes }] of Object.entries(network)) {
          const [tier] = name.split("-")
          expect(`${target.region}${name.split("-")[1]}`).to.equal(zone)
          expect(mapsPublic, name).to.equal(false)
          expect(acl, name).to.equal(`perigee-${target.name}-${tier}`)
          const way = { public: /^igw-/, service: /^nat-/ }[tier ?? ""]
          if (way === undefined) expect(routes, name).to.deep.equal([])
          else {
            expect(routes, name).to.have.length(1)
            expect(routes[0], name).to.match(way)
          }
        }
      })

      it("has one NAT gateway, in the configured zone, with the one address that there is", async () => {
        expect(await egressOf(target)).to.include({ zone: target.network.egressZone, standing: 1, addresses: 1 })
      })

      it("lets the internet in to the load balancer's group alone, at 80 and 443", async () => {
        const { SecurityGroups = [] } = await ec2(target).send(new DescribeSecurityGroupsCommand({}))
        const open = SecurityGroups.filter(({ VpcId }) => VpcId !== undefined).flatMap(
          ({ GroupName, IpPermissions = [] }) =>
            IpPermissions.flatMap(({ FromPort, ToPort, IpRanges = [], Ipv6Ranges = [] }) =>
              [...IpRanges.map(({ CidrIp }) => CidrIp), ...Ipv6Ranges.map(({ CidrIpv6 }) => CidrIpv6)].map(
                (from) => `${GroupName} ${FromPort}-${ToPort} ${from}`,
              ),
            ),
        )
        const entrance = SecurityGroups.find(({ GroupName }) => /load.?balancer/i.test(GroupName ?? ""))?.GroupName
        expect(open).to.have.members([`${entrance} 443-443 ${PUBLIC}`, `${entrance} 80-80 ${PUBLIC}`])
      })

      it("runs the three services at their ports, over all zones, without public addresses", async () => {
        const ecs = new ECSClient(clientOf(accounts[target.name as "production"]))
        const cluster = clusterName(target.name, "platform")
        const { serviceArns = [] } = await ecs.send(new ListServicesCommand({ cluster }))
        const { services = [] } = await ecs.send(new DescribeServicesCommand({ cluster, services: serviceArns }))
        const network = await networkOf(target)
        const subnets = target.zones.map((zone) => network[`service-${zone}`]?.id)
        const found: Record<string, unknown> = {}
        for (const service of services) {
          const vpc = service.networkConfiguration?.awsvpcConfiguration
          expect(vpc?.assignPublicIp, service.serviceName).to.equal("DISABLED")
          expect(vpc?.subnets, service.serviceName).to.have.members(subnets)
          const { taskDefinition } = await ecs.send(
            new DescribeTaskDefinitionCommand({ taskDefinition: service.taskDefinition }),
          )
          const ports = taskDefinition?.containerDefinitions?.flatMap(({ portMappings = [] }) =>
            portMappings.map(({ containerPort }) => containerPort),
          )
          const balanced = service.loadBalancers?.map(({ containerPort }) => containerPort)
          expect(ports, service.serviceName).to.deep.equal(balanced)
          found[service.serviceName ?? ""] = ports
        }
        const configured = SERVICES.map((name) => [target.services[name].port])
        expect(Object.values(found)).to.have.deep.members(configured)
        expect(configured.flat()).to.deep.equal([1010, 2020, 3030])
      })

      it("says that no image was rolled out yet, in a parameter for each", async () => {
        const ssm = new SSMClient(clientOf(accounts[target.name as "production"]))
        for (const name of ROLLED_OUT) {
          const { Parameter } = await ssm.send(new GetParameterCommand({ Name: imageParameter(target.name, name) }))
          expect(Parameter?.Value).to.equal(NOTHING_ROLLED_OUT)
        }
      })
    })
  }

  describe("the move of the egress", () => {
    const move = (toZone: string, endpoint = ministack.url) =>
      execa(
        process.execPath,
        ["deploy/src/move-egress.ts", "--stage=production", `--to-zone=${toZone}`, "--poll=0.05"],
        {
          cwd: ROOT,
          extendEnv: false,
          env: {
            ...environmentOf({ ...accounts.production, endpoint }),
            ...(process.env["NODE_V8_COVERAGE"] !== undefined && { NODE_V8_COVERAGE: process.env["NODE_V8_COVERAGE"] }),
          },
          reject: false,
          stdin: "ignore",
        },
      )

    it("starts with the address of the brief, taken from the customer's pool", async () => {
      expect(await egressOf(production)).to.include({ address: "55.55.55.55" })
      const outputs = (await status(production, "network"))?.Outputs ?? []
      expect(outputs.find(({ OutputKey }) => OutputKey === "EgressIp")?.OutputValue).to.equal("55.55.55.55")
    })

    it("can't be one update: an address is on one gateway at a time, and the stack goes back", async () => {
      const args = ["deploy", "network", "--app", assembly("production"), "--require-approval", "never"]
      const parameter = `${stackName("production", "network")}:EgressZone=b`
      const { exitCode, output } = await cdk(accounts.production, [...args, "--parameters", parameter])
      expect(exitCode, end(output)).to.equal(1)
      expect(output).to.include("Resource.AlreadyAssociated")
      expect((await status(production, "network"))?.StackStatus).to.equal("UPDATE_ROLLBACK_COMPLETE")
      expect(await egressOf(production)).to.include({ zone: "a", standing: 1, address: "55.55.55.55" })
    })

    it("leads every zone's routes to the new zone's gateway, with the same address", async () => {
      const before = await egressOf(production)
      const { exitCode, stdout, stderr } = await move("b")
      expect(exitCode, stderr).to.equal(0)
      expect(stdout).to.match(/the egress is in zone b, with the address 55\.55\.55\.55; nothing got out for \d+ s$/)
      const after = await egressOf(production)
      expect(after).to.include({ zone: "b", standing: 1, addresses: 1, allocation: before.allocation })
      expect(after.gateway).not.to.equal(before.gateway)
      await expectRoutesTo(after.gateway)
    })

    it("outlives the next deploy, which finds nothing to change", async () => {
      const output = await deploy(production)
      expect(output.match(/\(no changes\)/g)).to.have.length(STACKS.length)
      expect(await egressOf(production)).to.include({ zone: "b" })
    })

    it("says so when there is nothing to move", async () => {
      const { exitCode, stdout } = await move("b")
      expect([exitCode, stdout]).to.deep.equal([
        0,
        "perigee-production-network: the egress is in zone b already, with the address 55.55.55.55; nothing was done",
      ])
    })

    it("broken off in between, is finished by the same command", async () => {
      const { allocation } = await egressOf(production)
      // Between it and AWS stands a server that kills it when it asks for the second update, and passes on all else.
      let asked = 0
      const between = createServer(async (request, response) => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk)
        const body = Buffer.concat(chunks)
        if (body.includes("Action=UpdateStack") && ++asked === 2) {
          first.kill("SIGKILL")
          return
        }
        const { authorization = "", "content-type": type = "" } = request.headers
        const answer = await fetch(ministack.url, {
          method: "POST",
          headers: { authorization, "content-type": type },
          body,
        })
        response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" })
        response.end(await answer.text())
      })
      await once(between.listen(0, "127.0.0.1"), "listening")
      const first = move("c", `http://127.0.0.1:${(between.address() as AddressInfo).port}`)
      expect((await first).signal).to.equal("SIGKILL")
      between.closeAllConnections()
      between.close()
      expect(await egressOf(production)).to.include({ standing: 0, addresses: 1 })
      const { exitCode, stdout, stderr } = await move("c")
      expect(exitCode, stderr).to.equal(0)
      expect(stdout).to.include("the egress is in zone c, with the address 55.55.55.55")
      const after = await egressOf(production)
      expect(after).to.include({ zone: "c", standing: 1, addresses: 1, allocation })
      await expectRoutesTo(after.gateway)
    })

    it("says what is missing where the stage is not deployed", async () => {
      const elsewhere = { ...accounts.production, id: "333333333333" }
      const { exitCode, stderr } = await execa(
        process.execPath,
        ["deploy/src/move-egress.ts", "--stage=production", "--to-zone=b"],
        { cwd: ROOT, extendEnv: false, env: environmentOf(elsewhere), reject: false },
      )
      expect([exitCode, stderr]).to.deep.equal([
        66,
        "move-egress: there is no stack perigee-production-network in this account and region; deploy the stage first",
      ])
    })

    async function expectRoutesTo(gateway: string | undefined): Promise<void> {
      const network = await networkOf(production)
      for (const zone of production.zones) expect(network[`service-${zone}`]?.routes).to.deep.equal([gateway])
    }
  })

  describe("afterwards", () => {
    it("a change of the configuration is an update of the stacks that it touches and of no other", async () => {
      const { user_metadata, ...others } = development.services
      const changed: Stage = {
        ...development,
        network: { ...development.network, interfaceEndpoints: ["logs"] },
        services: { user_metadata: { ...user_metadata, maximum: user_metadata.maximum + 4 }, ...others },
      }
      synthesize(changed, "changed")
      const output = await deploy(development, "changed")
      const untouched = [...output.matchAll(/✅ {2}(\w+) \([\w-]+\) \(no changes\)/g)].map(([, name]) => name)
      expect(untouched).to.have.members(["delivery", "data", "neo"])
      for (const stack of ["network", "platform"] as const) {
        expect((await status(development, stack))?.StackStatus).to.equal("UPDATE_COMPLETE")
      }
      const { VpcEndpoints = [] } = await ec2(development).send(new DescribeVpcEndpointsCommand({}))
      expect(
        VpcEndpoints.map(({ ServiceName, VpcEndpointType }) => `${VpcEndpointType} ${ServiceName}`),
      ).to.have.members([
        `Gateway com.amazonaws.${development.region}.s3`,
        `Gateway com.amazonaws.${development.region}.dynamodb`,
        `Interface com.amazonaws.${development.region}.logs`,
      ])
    })

    it("production refuses to be deleted, and stands as before", async () => {
      const { exitCode, output } = await cdk(accounts.production, [
        "destroy",
        "--all",
        "--force",
        "--app",
        assembly("production"),
      ])
      expect(exitCode, end(output)).to.equal(1)
      expect(output).to.include("cannot be deleted while TerminationProtection is enabled")
      for (const stack of STACKS) {
        const { StackStatus, EnableTerminationProtection } = (await status(production, stack)) ?? {}
        expect(StackStatus, stack).to.match(/^(CREATE|UPDATE)_COMPLETE$/)
        expect(EnableTerminationProtection, stack).to.equal(true)
      }
    })

    it("development is deleted whole, and leaves nothing", async () => {
      succeeded(await cdk(accounts.development, ["destroy", "--all", "--force", "--app", assembly("changed")]))
      const standing: string[] = []
      for await (const { StackSummaries = [] } of paginateListStacks({ client: cloudFormation(development) }, {})) {
        for (const { StackName = "", StackStatus } of StackSummaries) {
          if (StackStatus !== "DELETE_COMPLETE") standing.push(StackName)
        }
      }
      expect(standing).to.have.members(["CDKToolkit", "zone"])
      const client = ec2(development)
      const { Vpcs = [] } = await client.send(new DescribeVpcsCommand({}))
      expect(Vpcs.filter(({ IsDefault }) => !IsDefault)).to.deep.equal([])
      expect(await egressOf(development)).to.include({ standing: 0, addresses: 0 })
      const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand({}))
      expect(SecurityGroups.filter(({ GroupName }) => GroupName !== "default")).to.deep.equal([])
      const { NetworkAcls = [] } = await client.send(new DescribeNetworkAclsCommand({}))
      expect(NetworkAcls.filter(({ IsDefault }) => !IsDefault)).to.deep.equal([])
      const ecs = new ECSClient(clientOf(accounts.development))
      expect((await ecs.send(new ListClustersCommand({}))).clusterArns).to.deep.equal([])
    })
  })

  /** The stage's subnets as EC2 tells them, by tier and zone: `service-a`. */
  async function networkOf(target: Stage) {
    const client = ec2(target)
    const [{ Subnets = [] }, { RouteTables = [] }, { NetworkAcls = [] }] = await Promise.all([
      client.send(new DescribeSubnetsCommand({})),
      client.send(new DescribeRouteTablesCommand({})),
      client.send(new DescribeNetworkAclsCommand({})),
    ])
    const prefix = `perigee-${target.name}-`
    const named = (tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined) =>
      tags?.find(({ Key }) => Key === "Name")?.Value ?? ""
    return Object.fromEntries(
      Subnets.filter(({ Tags }) => named(Tags).startsWith(prefix)).map((subnet) => {
        const own = <One extends { SubnetId?: string | undefined }>(associations: readonly One[] | undefined) =>
          associations?.some(({ SubnetId }) => SubnetId === subnet.SubnetId) ?? false
        const tables = RouteTables.filter(({ Associations }) => own(Associations))
        const acls = NetworkAcls.filter(({ Associations }) => own(Associations))
        expect([tables.length, acls.length], named(subnet.Tags)).to.deep.equal([1, 1])
        const routes = (tables[0]?.Routes ?? [])
          .filter(({ DestinationCidrBlock }) => DestinationCidrBlock === PUBLIC)
          .map(({ NatGatewayId, GatewayId }) => NatGatewayId ?? GatewayId ?? "")
        const told = { id: subnet.SubnetId, zone: subnet.AvailabilityZone, mapsPublic: subnet.MapPublicIpOnLaunch }
        return [named(subnet.Tags).slice(prefix.length), { ...told, acl: named(acls[0]?.Tags), routes }]
      }),
    )
  }

  /** The one way out as EC2 tells it. */
  async function egressOf(target: Stage) {
    const client = ec2(target)
    const { NatGateways = [] } = await client.send(new DescribeNatGatewaysCommand({}))
    const standing = NatGateways.filter(({ State }) => State === "available")
    const { Addresses = [] } = await client.send(new DescribeAddressesCommand({}))
    const network = Object.entries(await networkOf(target))
    const subnet = network.find(([, { id }]) => id !== undefined && id === standing[0]?.SubnetId)?.[0]
    const carried = standing[0]?.NatGatewayAddresses?.[0]
    if (standing.length > 0) expect(carried?.AllocationId).to.equal(Addresses[0]?.AllocationId)
    return {
      standing: standing.length,
      addresses: Addresses.length,
      gateway: standing[0]?.NatGatewayId,
      zone: subnet?.replace(/^public-/, ""),
      address: carried?.PublicIp,
      allocation: carried?.AllocationId,
    }
  }
})
