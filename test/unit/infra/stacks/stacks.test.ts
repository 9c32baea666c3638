/** The data, platform, delivery and NeoWs stacks: the properties that matter, construct by construct. */
import { expect } from "chai"
import { IMAGES, imageParameter, ROLLED_OUT } from "../../../../infra/src/names.ts"
import { WITHOUT_RESOURCE } from "../../../../infra/src/stacks/allow.ts"
import { reservedConcurrency } from "../../../../infra/src/stacks/neo.ts"
import { SERVICES } from "../../../../infra/src/stage.ts"
import {
  type Json,
  ofType,
  stage,
  synthesize,
  synthesized,
  type Template,
  templatesOf,
} from "../../../support/infra/assembly.ts"

const STAGES = ["production", "development"]

const text = (value: Json) => JSON.stringify(value)
const properties = (template: Template, type: string) => ofType(template, type).map(([, { Properties }]) => Properties)
/** Every statement of every identity policy of a template, with the policy's logical id. */
function statements(template: Template): { policy: string; statement: Json }[] {
  return ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"].flatMap((type) =>
    ofType(template, type).flatMap(([policy, { Properties }]) =>
      Properties.PolicyDocument.Statement.map((statement: Json) => ({ policy, statement })),
    ),
  )
}
const actionsOf = ({ Action }: Json): string[] => [Action].flat()

for (const name of STAGES) {
  const configured = stage(name)
  const templates = () => templatesOf(name)

  describe(`the data of ${name}`, () => {
    before(synthesized(name))

    it("is in a PostgreSQL that is private, encrypted with our key, TLS only, and open to IAM logins", () => {
      const [database] = properties(templates().data, "AWS::RDS::DBInstance")
      expect(database).to.include({
        Engine: "postgres",
        PubliclyAccessible: false,
        StorageEncrypted: true,
        EnableIAMDatabaseAuthentication: true,
        MultiAZ: configured.database.multiAz,
        DeletionProtection: configured.protect,
        BackupRetentionPeriod: configured.database.backupDays,
        ManageMasterUserPassword: true,
      })
      expect(text(database.KmsKeyId)).to.contain("DataKey")
      expect(text(database.MasterUserSecret.KmsKeyId)).to.contain("DataKey")
      const [parameters] = properties(templates().data, "AWS::RDS::DBParameterGroup")
      expect(parameters.Parameters["rds.force_ssl"]).to.equal("1")
      const [subnets] = properties(templates().data, "AWS::RDS::DBSubnetGroup")
      expect(subnets.SubnetIds.map(text).join()).to.match(/DataA.*DataB.*DataC/)
    })

    it("has no password in any template", () => {
      for (const template of Object.values(templates())) {
        expect(text(template)).not.to.match(/"MasterUserPassword"|SecretStringTemplate|"SecretString"/)
      }
    })

    it("has its JSON configurations in a table on demand, recoverable to a point in time, encrypted with our key", () => {
      const [table] = properties(templates().data, "AWS::DynamoDB::Table")
      expect(table.BillingMode).to.equal("PAY_PER_REQUEST")
      expect(table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled).to.equal(true)
      expect(table.SSESpecification).to.include({ SSEEnabled: true, SSEType: "KMS" })
      expect(table.DeletionProtectionEnabled).to.equal(configured.protect)
      expect(table.KeySchema.map((key: Json) => key.AttributeName)).to.deep.equal(["service", "name"])
    })

    it("lets each task connect as its own database user only, and the services only read the configurations", () => {
      const connects = [...statements(templates().data), ...statements(templates().platform)]
        .filter(({ statement }) => actionsOf(statement).includes("rds-db:connect"))
        .map(
          ({ policy, statement }) =>
            `${policy.replace(/Task.*$/, "")} ${/\/(\w+)"/.exec(text(statement.Resource))?.[1]}`,
        )
      expect(connects).to.have.members([
        ...SERVICES.map((service) => `${service.replaceAll("_", "")} ${service}`),
        ...SERVICES.map(() => " perigee_migrator"),
      ])
      for (const { statement } of statements(templates().platform)) {
        for (const action of actionsOf(statement).filter((one) => one.startsWith("dynamodb:"))) {
          expect(action).to.equal("dynamodb:Query")
          expect(statement.Condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]).to.have.length(1)
        }
      }
    })

    it("is kept when the stack goes in production, and goes with it elsewhere", () => {
      const policies = ["AWS::RDS::DBInstance", "AWS::DynamoDB::Table"].map(
        (type) => ofType(templates().data, type)[0]?.[1].DeletionPolicy,
      )
      expect(policies).to.deep.equal(configured.protect ? ["Snapshot", "Retain"] : ["Delete", "Delete"])
    })
  })

  describe(`the platform of ${name}`, () => {
    const platform = () => templates().platform

    it("is entered by one load balancer, by TLS 1.2 or later, and 80 only redirects", () => {
      const [balancer, ...others] = properties(platform(), "AWS::ElasticLoadBalancingV2::LoadBalancer")
      expect(others).to.be.empty
      expect(balancer.Scheme).to.equal("internet-facing")
      expect(balancer.Subnets.map(text).join()).to.match(/PublicA.*PublicB.*PublicC/)
      const attributes = Object.fromEntries(balancer.LoadBalancerAttributes.map((one: Json) => [one.Key, one.Value]))
      expect(attributes).to.include({
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "strictest",
        "access_logs.s3.enabled": "true",
        "deletion_protection.enabled": String(configured.protect),
      })
      const listeners = properties(platform(), "AWS::ElasticLoadBalancingV2::Listener")
      const on = (port: number) => listeners.find(({ Port }) => Port === port)
      expect(listeners).to.have.length(2)
      expect(on(80).DefaultActions[0].RedirectConfig).to.include({
        Protocol: "HTTPS",
        Port: "443",
        StatusCode: "HTTP_301",
      })
      expect(on(443).SslPolicy).to.equal("ELBSecurityPolicy-TLS13-1-2-2021-06")
      expect(on(443).DefaultActions[0].FixedResponseConfig.StatusCode).to.equal("404")
    })

    it("passes a firewall with AWS's managed rules and a limit for an address", () => {
      const [acl] = properties(platform(), "AWS::WAFv2::WebACL")
      expect(acl.Rules[0].Statement.RateBasedStatement.Limit).to.equal(configured.entry.requestsPerAddress)
      expect(acl.Rules.slice(1).map((rule: Json) => rule.Statement.ManagedRuleGroupStatement.Name)).to.include.members([
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
      ])
      expect(new Set(acl.Rules.map((rule: Json) => rule.Priority))).to.have.length(acl.Rules.length)
      const [association] = properties(platform(), "AWS::WAFv2::WebACLAssociation")
      expect(text(association.ResourceArn)).to.contain("LoadBalancer")
    })

    it("has no other public door: no function URL, no API Gateway, no public address", () => {
      const types = Object.values(templates()).flatMap(({ Resources }) =>
        Object.values(Resources).map(({ Type }) => Type),
      )
      expect(types.filter((type) => /^AWS::(ApiGateway|Lambda::Url|CloudFront)/.test(type))).to.be.empty
      expect(text(Object.values(templates()))).not.to.contain('"AssignPublicIp":"ENABLED"')
    })

    for (const service of SERVICES) {
      const { port, path, minimum, maximum, targetCpu, targetRequests } = configured.services[service]
      const id = service.replaceAll("_", "")
      const own = (type: string) =>
        ofType(platform(), type)
          .filter(([key]) => key.startsWith(id))
          .map(([, one]) => one.Properties)

      it(`leads ${path} to ${service} on ${port}, healthy by /health/ready`, () => {
        const [targets] = own("AWS::ElasticLoadBalancingV2::TargetGroup")
        expect(targets).to.include({ Port: port, Protocol: "HTTP", HealthCheckPath: "/health/ready", TargetType: "ip" })
        const rules = properties(platform(), "AWS::ElasticLoadBalancingV2::ListenerRule")
        const [rule, ...others] = rules.filter(({ Actions }) => text(Actions).includes(`${id}Targets`))
        expect(others).to.be.empty
        expect(rule.Conditions[0].PathPatternConfig.Values).to.deep.equal([path, `${path}/*`])
      })

      it(`runs ${service} in private subnets of all zones, rolls back by itself, and scales from ${minimum} to ${maximum}`, () => {
        const [running] = own("AWS::ECS::Service")
        expect(running.LaunchType).to.equal("FARGATE")
        const { AssignPublicIp, Subnets } = running.NetworkConfiguration.AwsvpcConfiguration
        expect(AssignPublicIp).to.equal("DISABLED")
        expect(Subnets.map(text).join()).to.match(/ServiceA.*ServiceB.*ServiceC/)
        const { DeploymentCircuitBreaker, Alarms } = running.DeploymentConfiguration
        expect(DeploymentCircuitBreaker).to.deep.equal({ Enable: true, Rollback: true })
        expect(Alarms).to.include({ Enable: true, Rollback: true })
        expect(Alarms.AlarmNames).to.have.length(1)
        expect(running).not.to.have.property("DesiredCount")
        const [target] = own("AWS::ApplicationAutoScaling::ScalableTarget")
        expect(target).to.include({ MinCapacity: minimum, MaxCapacity: maximum })
        const goals = own("AWS::ApplicationAutoScaling::ScalingPolicy").map(
          ({ TargetTrackingScalingPolicyConfiguration: one }) =>
            `${one.PredefinedMetricSpecification.PredefinedMetricType} ${one.TargetValue}`,
        )
        expect(goals).to.have.members([
          `ECSServiceAverageCPUUtilization ${targetCpu}`,
          `ALBRequestCountPerTarget ${targetRequests}`,
        ])
      })

      it(`names the image of ${service} by the parameter that a rollout writes, read anew at each update of the stack`, () => {
        const [definition] = own("AWS::ECS::TaskDefinition")
        const [{ Image }] = definition.ContainerDefinitions
        expect(platform().Parameters[Image.Ref]).to.include({
          Type: "AWS::SSM::Parameter::Value<String>",
          Default: imageParameter(name, service),
        })
      })
    }

    it("lets user_metadata listen on 1010 without root", () => {
      const [definition] = properties(platform(), "AWS::ECS::TaskDefinition").filter(({ Family }) =>
        Family.endsWith("user_metadata"),
      )
      const [container] = definition.ContainerDefinitions
      expect(container.SystemControls).to.deep.equal([
        { Namespace: "net.ipv4.ip_unprivileged_port_start", Value: "1010" },
      ])
      expect(container.User).to.equal("65532:65532")
    })
  })

  describe(`every stack of ${name}`, () => {
    it("runs containers that are not root, write nothing to their root, and have no capability", () => {
      const containers = Object.values(templates())
        .flatMap((template) => properties(template, "AWS::ECS::TaskDefinition"))
        .flatMap(({ ContainerDefinitions }) => ContainerDefinitions)
      expect(containers).to.have.length(3 + 6 + 1)
      for (const container of containers) {
        expect(container.ReadonlyRootFilesystem, container.Name).to.equal(true)
        expect(container.User, container.Name).to.match(/^[1-9]\d*:[1-9]\d*$/)
        expect(container.LinuxParameters.Capabilities.Drop, container.Name).to.deep.equal(["ALL"])
      }
    })

    it("allows no wildcard action", () => {
      for (const template of Object.values(templates())) {
        for (const match of text(template).matchAll(
          /\{"Action":("[^"]*"|\[[^\]]*\])(?:(?!"Action").)*?"Effect":"(\w+)"/g,
        )) {
          if (match[2] === "Allow") expect(match[1]).not.to.contain("*")
        }
      }
    })

    it("allows a wildcard resource only for actions that AWS knows none finer for", () => {
      let seen = 0
      for (const template of Object.values(templates())) {
        for (const { policy, statement } of statements(template)) {
          if (statement.Effect !== "Allow" || ![statement.Resource].flat().includes("*")) continue
          seen += 1
          for (const action of actionsOf(statement)) expect(Object.keys(WITHOUT_RESOURCE), policy).to.include(action)
        }
      }
      expect(seen).to.be.greaterThan(5)
    })

    it("has a task and an execution role for each service, and shares none", () => {
      const definitions = Object.values(templates()).flatMap((template) =>
        properties(template, "AWS::ECS::TaskDefinition"),
      )
      const roles = definitions.flatMap(({ TaskRoleArn, ExecutionRoleArn }) => [
        text(TaskRoleArn),
        text(ExecutionRoleArn),
      ])
      expect(new Set(roles)).to.have.length(2 * definitions.length)
    })

    it("rotates every key, and lets its policy name every action", () => {
      const keys = Object.values(templates()).flatMap((template) => properties(template, "AWS::KMS::Key"))
      expect(keys).to.have.length(4)
      for (const { EnableKeyRotation, KeyPolicy } of keys) {
        expect(EnableKeyRotation).to.equal(true)
        expect(text(KeyPolicy)).not.to.match(/kms:\w*\*/)
      }
    })

    it("tags everything that takes tags with project, stage and cost centre", () => {
      for (const [stack, template] of Object.entries(templates())) {
        const tagged = Object.entries(template.Resources).filter(([, { Properties }]) =>
          Array.isArray(Properties?.Tags),
        )
        expect(tagged.length, stack).to.be.greaterThan(Object.keys(template.Resources).length / 4)
        for (const [id, { Properties }] of tagged) {
          const tags = Object.fromEntries(Properties.Tags.map((tag: Json) => [tag.Key, tag.Value]))
          expect(tags, id).to.include({ project: "perigee", stage: name, "cost-center": "flights" })
        }
      }
    })

    it("keeps logs encrypted and for as long as the stage says", () => {
      const groups = Object.values(templates()).flatMap((template) => properties(template, "AWS::Logs::LogGroup"))
      expect(groups).to.have.length(1 + 3 + 4 + 2)
      for (const group of groups) {
        expect(group.RetentionInDays).to.equal(configured.logDays)
        expect(group.KmsKeyId).to.not.equal(undefined)
      }
    })

    it("tells alarms of a topic, begun and over", () => {
      const alarms = Object.values(templates()).flatMap((template) => properties(template, "AWS::CloudWatch::Alarm"))
      expect(alarms.length).to.be.within(8, 16)
      for (const { AlarmActions, OKActions, AlarmDescription } of alarms) {
        expect([AlarmActions.length, OKActions.length]).to.deep.equal([1, 1])
        expect(AlarmDescription).to.match(/:/)
      }
    })

    it("refers to other stacks one way only: data and compute to the network, the platform to data", () => {
      const imports = Object.entries(templates()).map(([stack, template]) => {
        const names = [...text(template).matchAll(/"Fn::ImportValue":"perigee-\w+-(\w+):/g)].map(([, from]) => from)
        return [stack, [...new Set(names)].sort()]
      })
      expect(Object.fromEntries(imports)).to.deep.equal({
        network: [],
        delivery: [],
        data: ["network"],
        platform: ["data", "network"],
        neo: ["network"],
      })
    })
  })

  describe(`the delivery of ${name}`, () => {
    const delivery = () => templates().delivery

    it("has an encrypted repository for each image, scanned on push, whose tags never move", () => {
      const repositories = properties(delivery(), "AWS::ECR::Repository")
      expect(repositories.map(({ RepositoryName }) => RepositoryName)).to.have.members(
        IMAGES.map((image) => `perigee-${name}/${image}`),
      )
      for (const repository of repositories) {
        expect(repository.ImageTagMutability).to.equal("IMMUTABLE")
        expect(repository.ImageScanningConfiguration.ScanOnPush).to.equal(true)
        expect(repository.EncryptionConfiguration.EncryptionType).to.equal("KMS")
        expect(JSON.parse(repository.LifecyclePolicy.LifecyclePolicyText).rules).to.have.length(2)
      }
    })

    it("has a parameter for each image that runs, with nothing in it yet", () => {
      const parameters = properties(delivery(), "AWS::SSM::Parameter").map(({ Name, Value }) => `${Name}=${Value}`)
      expect(parameters).to.have.members(ROLLED_OUT.map((image) => `${imageParameter(name, image)}=none`))
    })

    it("trusts CircleCI's jobs of one organisation, project and branch only", () => {
      const roles = properties(delivery(), "AWS::IAM::Role")
      const { organizationId, projectId, origin, branch } = configured.circleci
      const issuer = `oidc.circleci.com/org/${organizationId}`
      expect(roles.map(({ RoleName }) => RoleName)).to.have.members([
        `perigee-${name}-pipeline-plan`,
        `perigee-${name}-pipeline-deploy`,
      ])
      for (const { AssumeRolePolicyDocument } of roles) {
        const [statement, ...others] = AssumeRolePolicyDocument.Statement
        expect(others).to.be.empty
        expect(statement.Action).to.equal("sts:AssumeRoleWithWebIdentity")
        expect(statement.Condition).to.deep.equal({
          StringEquals: { [`${issuer}:aud`]: organizationId, [`${issuer}:oidc.circleci.com/project-id`]: projectId },
          StringLike: {
            [`${issuer}:sub`]: `org/${organizationId}/project/${projectId}/user/*/vcs-origin/${origin}/vcs-ref/refs/heads/${branch}`,
          },
          StringNotLike: { [`${issuer}:sub`]: "*/vcs-origin/*/vcs-origin/*" },
        })
      }
    })

    it("lets the plan role make change sets and execute none, and only the deploy role change what runs", () => {
      const of = (role: string) =>
        statements(delivery())
          .filter(({ policy }) => policy.startsWith(`Pipeline${role}`))
          .flatMap(({ statement }) => actionsOf(statement))
      expect(of("plan")).to.include("cloudformation:CreateChangeSet").and.to.include("ecr:PutImage")
      for (const action of of("plan")) {
        expect(action).not.to.match(/Execute|ecs:(Update|Run|Register|Stop)|ssm:Put|lambda:(Update|Invoke|Publish)/)
      }
      expect(of("deploy")).to.include.members([
        "cloudformation:ExecuteChangeSet",
        "ecs:UpdateService",
        "ssm:PutParameter",
      ])
      expect(of("deploy")).not.to.include("ecr:PutImage")
    })
  })

  describe(`NeoWs on ${name}`, () => {
    const neo = () => templates().neo

    it("is fetched on schedule by a private task that writes one object to a versioned, encrypted, TLS-only bucket", () => {
      const [schedule] = properties(neo(), "AWS::Scheduler::Schedule")
      expect(schedule).to.include({ ScheduleExpression: configured.neows.schedule, State: "ENABLED" })
      const { AwsvpcConfiguration } = schedule.Target.EcsParameters.NetworkConfiguration
      expect(AwsvpcConfiguration.AssignPublicIp).to.equal("DISABLED")
      const [bucket] = properties(neo(), "AWS::S3::Bucket")
      expect(bucket.VersioningConfiguration.Status).to.equal("Enabled")
      expect(text(bucket.BucketEncryption)).to.contain("aws:kms")
      expect(Object.values(bucket.PublicAccessBlockConfiguration)).to.deep.equal([true, true, true, true])
      const [policy] = properties(neo(), "AWS::S3::BucketPolicy")
      expect(text(policy)).to.contain('"aws:SecureTransport":"false"')
      const [definition] = properties(neo(), "AWS::ECS::TaskDefinition")
      expect(text(definition.ContainerDefinitions[0].Environment)).to.contain("s3://")
      expect(definition.ContainerDefinitions[0].Secrets[0].Name).to.equal("NASA_API_KEY")
      const puts = statements(neo()).filter(({ statement }) => actionsOf(statement).includes("s3:PutObject"))
      expect(puts).to.have.length(1)
      expect(text(puts[0]?.statement.Resource)).to.contain("/browse/page-1755.json").and.not.to.contain("*")
    })

    it("is a Lambda in the service subnets with its key in a secret, and no more of them at once than the limit bears", () => {
      const [lambda] = properties(neo(), "AWS::Lambda::Function")
      expect(lambda).to.include({
        Runtime: "nodejs24.x",
        Handler: "handler.lambdaHandler",
        ReservedConcurrentExecutions: 1,
      })
      expect(lambda.VpcConfig.SubnetIds.map(text).join()).to.match(/ServiceA.*ServiceB.*ServiceC/)
      expect(Object.keys(lambda.Environment.Variables)).to.deep.equal(["NASA_API_KEY_SECRET_ID"])
    })
  })
}

describe("the Lambda's reserved concurrency", () => {
  for (const [hourlyLimit, expected] of [
    [30, 1],
    [1000, 1],
    [3599, 1],
    [7200, 2],
    [12_000, 3],
  ] as const) {
    it(`is ${expected} for ${hourlyLimit} requests an hour`, () => {
      const { neows } = stage("production")
      expect(reservedConcurrency({ neows: { ...neows, hourlyLimit } })).to.equal(expected)
    })
  }
})

describe("a stage of four zones, with a certificate that exists", () => {
  it("has every tier in all four, and asks Route 53 for nothing", () => {
    const production = stage("production")
    const { network, platform } = synthesize({
      ...production,
      zones: ["a", "b", "c", "d"],
      entry: {
        ...production.entry,
        certificate: { certificateArn: `arn:aws:acm:eu-central-1:${"1".repeat(12)}:certificate/0-0` },
      },
    })
    expect(ofType(network, "AWS::EC2::Subnet")).to.have.length(12)
    expect(
      ofType(platform, "AWS::ECS::Service").every(([, one]) => text(one.Properties).includes("ServiceDSubnet")),
    ).to.equal(true)
    expect([
      ...ofType(platform, "AWS::Route53::RecordSet"),
      ...ofType(platform, "AWS::CertificateManager::Certificate"),
    ]).to.be.empty
  })
})
