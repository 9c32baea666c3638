/** The program `prove`: what it says, to whom, and its exit codes; over folders of foreign templates too. */
import { execFile } from "node:child_process"
import { resolve } from "node:path"
import { expect } from "chai"
import { prove } from "../../../../infra/src/proofs/prove.ts"
import { readTemplates } from "../../../../infra/src/templates/read.ts"
import { folderOf } from "../templates/folder.ts"

const PROGRAM = resolve(import.meta.dirname, "../../../../infra/src/prove.ts")

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [PROGRAM, ...args], { maxBuffer: 2 ** 26 }, (error, out, err) => {
      done({ code: typeof error?.code === "number" ? error.code : 0, out, err })
    })
  })
}

/** A foreign template: a bucket as nobody should have it, and a peering that the model does not know. */
const FOREIGN = {
  Resources: {
    Vpc: { Type: "AWS::EC2::VPC", Properties: { CidrBlock: "172.31.0.0/16" } },
    Subnet: { Type: "AWS::EC2::Subnet", Properties: { VpcId: { Ref: "Vpc" }, CidrBlock: "172.31.0.0/20" } },
    Peering: { Type: "AWS::EC2::VPCPeeringConnection", Properties: { VpcId: { Ref: "Vpc" }, PeerVpcId: "vpc-0" } },
    Server: { Type: "AWS::EC2::Instance", Properties: { SubnetId: { Ref: "Subnet" } } },
    Bucket: { Type: "AWS::S3::Bucket" },
    Later: { Type: "Custom::Thing", Properties: { ServiceToken: "x" } },
  },
}

describe("npm run prove", function () {
  this.timeout(60_000)

  it("proves a stage that it synthesizes itself: every claim, the matrix, a count and the seconds; exit code 0", async () => {
    const { code, out, err } = await run("--stage=production")
    expect(err).to.equal("")
    expect(code).to.equal(0)
    expect(out).to.match(/✔ network\.matrix +224 {2}Every pair/)
    expect(out).to.match(/internet +→ {2}tcp 80, 443: load balancer\n/)
    expect(out).to.match(/All \d+ claims are proved of \d+ resources of 5 templates, in \d\.\d\d s\.\n$/)
  })

  it("tells what fails in a folder of foreign templates, resource by resource, and what it needs a stage for; exit code 65", async () => {
    using folder = folderOf({ "foreign.json": FOREIGN })
    const { code, out } = await run(`--templates=${folder.path}`)
    expect(code).to.equal(65)
    expect(out).to.include("foreign/Peering: AWS::EC2::VPCPeeringConnection is not modelled")
    expect(out).to.include("foreign/Server: AWS::EC2::Instance is not modelled")
    expect(out).to.include("foreign/Later: Custom::Thing is not modelled")
    expect(out).to.include("foreign/Bucket: it keeps no versions")
    expect(out).to.include("foreign/Subnet: it has no network ACL associated")
    expect(out).to.match(/– network\.matrix .*\(needs --stage\)/)
  })

  it("gives a program the same as JSON, and the docs as Markdown that has no times in it", async () => {
    using folder = folderOf({ "foreign.json": FOREIGN })
    const json = await run(`--templates=${folder.path}`, "--json")
    const { holds, proofs, matrix, skipped } = JSON.parse(json.out)
    expect(holds).to.equal(false)
    const modelled = proofs.find((one: { id: string }) => one.id === "network.modelled")
    expect(modelled.failures.map((one: { resource: string }) => one.resource)).to.include("foreign/Peering")
    expect(matrix.names).to.deep.equal(["internet"])
    expect(skipped).to.include("network.matrix")
    const [once, again] = [
      await run(`--templates=${folder.path}`, "--markdown"),
      await run(`--templates=${folder.path}`, "--markdown"),
    ]
    expect(once.out).to.include("| `data.buckets`")
    expect(again.out).to.equal(once.out)
  })

  it("refuses in one line: 64 a flag or stage, 65 a broken template, 66 no folder or none with templates", async () => {
    using broken = folderOf({ "one.json": "{" })
    using empty = folderOf({})
    using none = folderOf({ "manifest.json": "null" })
    const Queue = { Type: "AWS::SQS::Queue", Properties: { QueueName: { "Fn::Split": null } } }
    using split = folderOf({ "split.json": { Resources: { Queue } } })
    const one = async (code: number, message: RegExp, ...args: string[]) => {
      const said = await run(...args)
      expect({ code: said.code, out: said.out }).to.deep.equal({ code, out: "" })
      expect(said.err)
        .to.match(message)
        .and.to.match(/^prove: [^\n]+\n$/)
    }
    await one(64, /--stage is missing; there are development, production/)
    await one(64, /there is no stage "x"/, "--stage=x")
    await one(64, /see --help/, "--nope")
    await one(64, /ask for one/, "--stage=production", "--json", "--markdown")
    await one(65, /one\.json is not JSON/, `--templates=${broken.path}`)
    await one(64, /--templates is empty/, "--templates=")
    await one(65, /manifest\.json is no manifest of a cloud assembly/, `--templates=${none.path}`)
    await one(65, /split gives Fn::Split null, which are not the arguments/, `--templates=${split.path}`)
    await one(66, /has no templates/, `--templates=${empty.path}`)
    await one(66, /is not there/, "--templates=/no/such/folder")
  })
})

describe("proofs of foreign templates", () => {
  it("take what can't be known for possible, and say so, instead of failing themselves", () => {
    using folder = folderOf({
      "odd.json": {
        Parameters: { Cidr: { Type: "String" }, On: { Type: "String" } },
        Conditions: { On: { "Fn::Equals": [{ Ref: "On" }, "yes"] } },
        Resources: {
          Vpc: { Type: "AWS::EC2::VPC", Properties: { CidrBlock: { Ref: "Cidr" } } },
          Group: {
            Type: "AWS::EC2::SecurityGroup",
            Properties: {
              SecurityGroupIngress: [{ IpProtocol: "strange", CidrIp: { Ref: "Cidr" } }, { IpProtocol: "tcp" }],
            },
          },
          Stray: {
            Type: "AWS::EC2::SecurityGroupIngress",
            Properties: { GroupId: "sg-0", IpProtocol: -1, CidrIp: "0.0.0.0/0" },
          },
          Entry: { Type: "AWS::EC2::NetworkAclEntry", Properties: { NetworkAclId: "acl-0" } },
          Route: { Type: "AWS::EC2::Route", Properties: { RouteTableId: "rtb-0", GatewayId: "igw-0" } },
          Six: { Type: "AWS::EC2::Subnet", Properties: { Ipv6CidrBlock: "2600::/64" } },
          Balancer: { Type: "AWS::ElasticLoadBalancingV2::LoadBalancer", Properties: { Subnets: ["subnet-0"] } },
          Listener: {
            Type: "AWS::ElasticLoadBalancingV2::Listener",
            Properties: { LoadBalancerArn: { Ref: "Balancer" } },
          },
          Rule: { Type: "AWS::ElasticLoadBalancingV2::ListenerRule", Properties: { ListenerArn: "arn" } },
          Service: { Type: "AWS::ECS::Service", Properties: {} },
          Function: { Type: "AWS::Lambda::Function", Properties: { VpcConfig: { SubnetIds: [{ Ref: "Six" }] } } },
          Database: { Type: "AWS::RDS::DBInstance", Properties: {} },
          Endpoint: { Type: "AWS::EC2::VPCEndpoint", Properties: { VpcEndpointType: "GatewayLoadBalancer" } },
          Nat: { Type: "AWS::EC2::NatGateway", Condition: "On", Properties: {} },
          Role: { Type: "AWS::IAM::Role", Properties: { AssumeRolePolicyDocument: { Ref: "Cidr" } } },
          Key: { Type: "AWS::KMS::Key" },
        },
      },
    })
    const { proved, subject } = prove(readTemplates(folder.path))
    const told = subject.network.unmodelled.map(({ resource, what }) => `${resource.id}: ${what}`).join("\n")
    for (const line of [
      /Vpc: \$\{Cidr\} is no IPv4 block that is known/,
      /Group: its protocol "strange" is not known/,
      /Group: a rule with no peer that is known/,
      /Stray: its security group is not among the templates/,
      /Entry: its ACL is not among the templates/,
      /Route: a route to GatewayId igw-0, which is not modelled/,
      /Six: Ipv6CidrBlock: IPv6 is not modelled/,
      /Balancer: its subnet subnet-0 is not among the templates/,
      /Rule: its listener is not among the templates/,
      /Service: its tasks have no network of their own/,
      /Endpoint: an endpoint of type GatewayLoadBalancer/,
      /Nat: whether it is made depends on On, which can't be known/,
    ]) {
      expect(told).to.match(line)
    }
    const insideDefault = proved.find(({ proof }) => proof.id === "facts.no-default-group")
    expect(insideDefault?.failures.map(({ resource }) => resource)).to.include("odd/Function")
  })
})
