/** The network stack: what is in it, zone by zone, and that nothing is left to a default. */
import { expect } from "chai"
import { NO_EGRESS } from "../../../../infra/src/names.ts"
import { flows, GROUPS } from "../../../../infra/src/stacks/security-groups.ts"
import { SERVICES, subnetCidr, TIERS } from "../../../../infra/src/stage.ts"
import { type Json, ofType, type Resource, stage, synthesized, templatesOf } from "../../../support/infra/assembly.ts"

for (const name of ["production", "development"]) {
  describe(`the network of ${name}`, () => {
    before(synthesized(name))

    const configured = stage(name)
    const template = () => templatesOf(name).network
    const all = (type: string) => ofType(template(), type).map(([, { Properties }]) => Properties)
    const ref = (value: Json): string => value.Ref

    it("has a public, a service and a data subnet in each of three zones, none of which gives public addresses", () => {
      const subnets = all("AWS::EC2::Subnet")
      const expected = configured.zones.flatMap((zone, at) =>
        TIERS.map((tier) => `${configured.region}${zone} ${subnetCidr(configured.network.cidr, tier, at)}`),
      )
      expect(subnets.map(({ AvailabilityZone, CidrBlock }) => `${AvailabilityZone} ${CidrBlock}`)).to.have.members(
        expected,
      )
      expect(subnets).to.have.length(9)
      for (const { MapPublicIpOnLaunch } of subnets) expect(MapPublicIpOnLaunch).to.equal(false)
    })

    it("gives every subnet a route table and an ACL of ours, by name", () => {
      const subnets = ofType(template(), "AWS::EC2::Subnet").map(([id]) => id)
      for (const type of ["AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::SubnetNetworkAclAssociation"]) {
        expect(all(type).map(({ SubnetId }) => ref(SubnetId))).to.have.members(subnets)
      }
      const tables = all("AWS::EC2::SubnetRouteTableAssociation").map(({ RouteTableId }) => ref(RouteTableId))
      expect(new Set(tables)).to.have.length(9)
    })

    it("routes public subnets to the internet gateway, service subnets to the NAT gateway, data subnets nowhere", () => {
      const routes = all("AWS::EC2::Route").map(
        ({ RouteTableId, DestinationCidrBlock, GatewayId }) =>
          `${ref(RouteTableId).replace(/[A-Z]Routes$/, "")} ${DestinationCidrBlock} ${GatewayId ? "internet" : "nat"}`,
      )
      expect(routes).to.have.members([
        ...Array(3).fill("Public 0.0.0.0/0 internet"),
        ...Array(3).fill("Service 0.0.0.0/0 nat"),
      ])
    })

    it("has one Elastic IP, on the NAT gateway of the zone that EgressZone names, and on none for none", () => {
      expect(all("AWS::EC2::EIP")).to.have.length(1)
      const gateways = ofType(template(), "AWS::EC2::NatGateway")
      const [eip] = ofType(template(), "AWS::EC2::EIP").map(([id]) => id)
      expect(gateways).to.have.length(3)
      for (const [, { Properties, Condition }] of gateways) {
        const zone = ref(Properties.SubnetId).replace(/^Public|Subnet$/g, "")
        expect(Condition).to.equal(`EgressIn${zone}`)
        expect(template().Conditions?.[`EgressIn${zone}`]).to.deep.equal({
          "Fn::Equals": [{ Ref: "EgressZone" }, zone.toLowerCase()],
        })
        expect(Properties.AllocationId).to.deep.equal({ "Fn::GetAtt": [eip, "AllocationId"] })
      }
      const { Default, AllowedValues } = template().Parameters["EgressZone"]
      expect(Default).to.equal(configured.network.egressZone)
      expect(AllowedValues).to.deep.equal([...configured.zones, NO_EGRESS])
    })

    it("takes the address from one's own pool where the parameter names one", () => {
      const [eip] = all("AWS::EC2::EIP")
      const ifPool = (value: string) => ({ "Fn::If": ["EgressFromPool", { Ref: value }, { Ref: "AWS::NoValue" }] })
      expect(eip.PublicIpv4Pool).to.deep.equal(ifPool("EgressAddressPool"))
      expect(eip.Address).to.deep.equal(ifPool("EgressAddress"))
      expect(template().Parameters["EgressAddressPool"].Default).to.equal("")
      expect(template().Parameters["EgressAddress"].Default).to.equal(configured.network.egressAddress ?? "")
    })

    it("has the rules of the table of flows on both sides, and no other", () => {
      const groups = ofType(template(), "AWS::EC2::SecurityGroup")
      const named = (id: string) => {
        const flat = id.replace(/^Groups/, "").replace(/[0-9A-F]{8}$/, "")
        return GROUPS.find((group) => group.replaceAll("_", "") === flat) ?? `unknown ${id}`
      }
      const group = (value: Json): string => named(value["Fn::GetAtt"][0])
      const inline = groups.flatMap(([id, { Properties }]) => [
        ...(Properties.SecurityGroupIngress ?? []).map(
          (rule: Json) => `in ${named(id)} < ${rule.CidrIp} ${rule.FromPort}-${rule.ToPort}`,
        ),
        ...(Properties.SecurityGroupEgress ?? [])
          .filter((rule: Json) => rule.CidrIp !== "255.255.255.255/32")
          .map((rule: Json) => `out ${named(id)} > ${rule.CidrIp} ${rule.FromPort}-${rule.ToPort}`),
      ])
      const between = [
        ...all("AWS::EC2::SecurityGroupIngress").map(
          (rule) => `in ${group(rule.GroupId)} < ${group(rule.SourceSecurityGroupId)} ${rule.FromPort}-${rule.ToPort}`,
        ),
        ...all("AWS::EC2::SecurityGroupEgress").map(
          (rule) =>
            `out ${group(rule.GroupId)} > ${group(rule.DestinationSecurityGroupId)} ${rule.FromPort}-${rule.ToPort}`,
        ),
      ]
      const expected = flows(configured).flatMap(({ from, to, port }) => {
        const place = (end: string) => (end === "internet" ? "0.0.0.0/0" : end)
        return [
          ...(to === "internet" ? [] : [`in ${to} < ${place(from)} ${port}-${port}`]),
          ...(from === "internet" ? [] : [`out ${from} > ${place(to)} ${port}-${port}`]),
        ]
      })
      expect([...inline, ...between]).to.have.members(expected)
    })

    it("leaves no group to EC2's own outbound rule, which allows everything", () => {
      for (const [id, { Properties }] of ofType(template(), "AWS::EC2::SecurityGroup")) {
        expect(Properties.SecurityGroupEgress, id).to.be.an("array").that.is.not.empty
        for (const rule of Properties.SecurityGroupEgress) expect(rule.IpProtocol, id).not.to.equal("-1")
      }
    })

    it("lets only the three services and the migration reach PostgreSQL's port", () => {
      const to5432 = all("AWS::EC2::SecurityGroupIngress").filter(({ FromPort }) => FromPort === 5432)
      expect(to5432).to.have.length(SERVICES.length + 1)
    })

    it("has gateway endpoints for S3 and DynamoDB in every service subnet's table, each with a policy that names what passes", () => {
      const gateways = all("AWS::EC2::VPCEndpoint").filter(({ VpcEndpointType }) => VpcEndpointType === "Gateway")
      const services = gateways.map(({ ServiceName }) => ServiceName.split(".").at(-1))
      expect(services).to.have.members(["s3", "dynamodb"])
      for (const { RouteTableIds, PolicyDocument } of gateways) {
        expect(RouteTableIds.map(ref)).to.have.members(
          configured.zones.map((zone) => `Service${zone.toUpperCase()}Routes`),
        )
        for (const { Resource } of PolicyDocument.Statement) expect(JSON.stringify(Resource)).not.to.equal('"*"')
      }
      expect(JSON.stringify(gateways)).to.contain(`table/perigee-${name}-service-configs`)
    })

    it("has the interface endpoints that the stage names, for callers of this account only", () => {
      const interfaces = all("AWS::EC2::VPCEndpoint").filter(({ VpcEndpointType }) => VpcEndpointType === "Interface")
      expect(interfaces.map(({ ServiceName }) => ServiceName)).to.have.members(
        configured.network.interfaceEndpoints.map((service) => `com.amazonaws.${configured.region}.${service}`),
      )
      for (const { SubnetIds, PrivateDnsEnabled, PolicyDocument } of interfaces) {
        expect(SubnetIds).to.have.length(3)
        expect(PrivateDnsEnabled).to.equal(true)
        for (const { Condition } of PolicyDocument.Statement) {
          expect(Condition).to.deep.equal({ StringEquals: { "aws:PrincipalAccount": { Ref: "AWS::AccountId" } } })
        }
      }
    })

    it("logs every flow, encrypted, and says so when nothing gets out", () => {
      const [log] = all("AWS::EC2::FlowLog")
      expect(log).to.include({ TrafficType: "ALL", ResourceType: "VPC" })
      const alarm = ofType(template(), "AWS::CloudWatch::Alarm").find(([id]) => id.startsWith("EgressAlarm"))?.[1]
      expect(alarm?.Properties.TreatMissingData).to.equal("breaching")
      expect(alarm?.Properties.AlarmDescription).to.contain("move-egress")
    })

    it("has alarms that refer to no gateway while none stands: CloudFormation would refuse the move's first half", () => {
      const dimensions = ofType(template(), "AWS::CloudWatch::Alarm").flatMap(([, { Properties }]) => [
        ...(Properties.Dimensions ?? []),
        ...(Properties.Metrics ?? []).flatMap((one: Json) => one.MetricStat?.Metric.Dimensions ?? []),
      ])
      const gateways = dimensions.filter(({ Name }) => Name === "NatGatewayId")
      expect(gateways).to.have.length(3)
      const otherwise = (value: Json): Json => (value["Fn::If"] === undefined ? value : otherwise(value["Fn::If"][2]))
      for (const { Value } of gateways) expect(otherwise(Value)).to.equal(NO_EGRESS)
    })

    it("keeps the address, the key and the logs when data is to be kept, and only then", () => {
      const kept = Object.values<Resource>(template().Resources).filter(
        ({ DeletionPolicy }) => DeletionPolicy === "Retain",
      )
      const types = kept.map(({ Type }) => Type)
      expect(types).to.have.members(configured.protect ? ["AWS::EC2::EIP", "AWS::KMS::Key", "AWS::Logs::LogGroup"] : [])
    })
  })
}
